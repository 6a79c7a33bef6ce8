/* Events on their way out: as CloudEvents, to webhooks. */
#pragma once
#include "inside.h"
#include "store_journal.h"

/* One event as a CloudEvents 1.0 JSON object: what webhooks and /api/v1/events send. */
void event_json(const struct gateway_config *c, const struct store_event *v, struct buf *out);

/* Starts the threads that send webhooks (none without webhooks), which also drop events older than 30 days. */
[[nodiscard]] enum err_code events_open(struct gateway *g, struct err *e);	/* g->events */
void events_close(struct gateway *g);
void events_changed(struct gateway *g);		/* something was announced: look for deliveries now */
/* The value of the header X-Pabean-Signature: "t=SECONDS,v1=HEX", HMAC-SHA256 over "SECONDS.BODY". */
void events_sign(struct slice secret, uint64_t now_s, struct slice body, struct buf *out);
