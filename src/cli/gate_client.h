/* What the commands about verdicts share: asking /api/v1, and printing what it says. */
#pragma once
#include <jansson.h>
#include "inside.h"
#include "serve_client.h"

static inline void gate_json_free(json_t **j) { json_decref(*j); }
#define AUTO_GATE_JSON [[gnu::cleanup(gate_json_free)]] json_t *

#define GATE_FORMAT_OPTION { "format", 'f', CLI_CHOICE, .arg = "FORMAT", .group = "Output", .help = "table (default) or json", .choices = gate_formats }
extern const char *const gate_formats[];
bool gate_is_json(const struct cli *c);

/* Asks, once. CLI_OK and the answer, or an exit status after a message. */
int gate_call(struct cli *c, const char *method, const char *path, json_t *body /* taken over; NULL: none */, json_t **ret);
/* The same over a client that is open, for those that ask several times. */
int gate_ask(struct serve_client *s, const char *method, const char *path, json_t *body, json_t **ret);
int gate_print_json(const json_t *j);		/* with line breaks */
/* Appends "?name=value" or "&name=value", percent-encoded; value NULL: nothing. */
void gate_query(struct buf *path, const char *name, const char *value);

const char *gate_text(const json_t *j, const char *key);	/* "" when it is not there; not escaped */
int64_t gate_int(const json_t *j, const char *key);
/* Appends the text escaped; `width` 0: as it is, else padded or cut. */
void gate_cell(struct buf *out, const char *text, unsigned width);
/* state in its colour */
void gate_state(struct buf *out, const char *state, unsigned width, bool color);
/* 0 admitted (or the gate is off), 1 refused, 3 held, 2 anything else. */
int gate_exit(const char *state);
/* Waits until the image has a verdict, at most timeout_ms; *verdict is replaced. progress: says on standard error what it waits for. */
int gate_wait_verdict(struct cli *c, struct serve_client *s, const char *reference, uint64_t timeout_ms, json_t **verdict);
void gate_verdict_print(struct buf *out, const json_t *v, bool color);
