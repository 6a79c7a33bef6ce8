/* Events: a row in the transaction of what happened, and deliveries for the webhooks that want it. */
#include "events.h"
#include "fields.h"
#include "store_journal.h"

static bool wants(const struct config_webhook *w, const char *type)
{
	for (size_t i = 0; i < w->events.n; i++)
		if (slice_glob(w->events.items[i], slice_str(type)))
			return true;
	return !w->events.n;
}

enum err_code event_put(struct gateway *g, struct sql_tx *tx, const char *type, struct slice repository, struct slice digest, struct slice body, struct err *e)
{
	struct store_event v = { .at_ms = store_now_ms(), .type = slice_str(type), .repository = repository, .digest = digest, .body = body };
	int64_t seq;
	TRY(store_event_add(tx, &v, &seq, e));
	for (size_t i = 0; i < g->config->n_webhooks; i++)
		if (wants(&g->config->webhooks[i], type))
			TRY(store_delivery_add(tx, seq, g->config->webhooks[i].url, e));
	return sql_announce(tx, e);
}

/* CloudEvents 1.0, JSON format: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
void event_json(const struct gateway_config *c, const struct store_event *v, struct buf *out)
{
	char time[32];
	fields_time(v->at_ms, time);
	buf_printf(out, "{\"specversion\":\"1.0\",\"id\":\"%lld\"", (long long)v->seq);
	fields_json_text(out, "source", c->public_url.n ? c->public_url : SL("/pabean"));
	fields_json_text(out, "type", v->type);
	buf_puts(out, ",\"subject\":\"");
	text_json_escape(out, v->repository);
	buf_puts(out, v->digest.n ? "@" : "");
	text_json_escape(out, v->digest);
	buf_printf(out, "\",\"time\":\"%s\",\"datacontenttype\":\"application/json\",\"data\":", time);
	/* The body is an object that this program wrote; most begin with these two themselves. */
	struct slice body = slice_trim(v->body);
	if (body.n > 2 && slice_has_prefix(body, SL("{\"repository\""))) {
		buf_put_slice(out, body);
		buf_putc(out, '}');
		return;
	}
	buf_puts(out, "{\"repository\":\"");
	text_json_escape(out, v->repository);
	buf_puts(out, "\",\"digest\":\"");
	text_json_escape(out, v->digest);
	buf_putc(out, '"');
	if (body.n > 2 && body.p[0] == '{') {
		buf_putc(out, ',');
		buf_put_slice(out, slice_from(body, 1));
	} else {
		buf_putc(out, '}');
	}
	buf_putc(out, '}');
}
