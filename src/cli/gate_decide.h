/* What approve, revoke and waive share. */
#pragma once
#include "gate_client.h"

#define GATE_REASON_OPTION { "reason", 'm', CLI_TEXT, .arg = "TEXT", .group = "Decision", .help = "Why; it goes into the audit log" }
#define GATE_REPOSITORIES_OPTION { "repositories", 0, CLI_TEXT, .arg = "PATTERN", .help = "Where it counts, such as team/**; default: the image's own repository" }
/* {"reference","repositories","reason","until"} from options and the first argument; NULL after a message. */
json_t *gate_decision_body(struct cli *c, bool need_until);
/* Asks, and prints what was made: "approved until …, decision 7". */
int gate_decide(struct cli *c, const char *path, json_t *body, const char *done);
