/* What people ask for: a look at something refused, and fetching ahead. */
#include <jansson.h>
#include "api_inside.h"
#include "gate.h"
#include "upstream.h"

/* --- Requests to approvers ------------------------------------------------------------------------------------------------------ */

struct ask { struct api *a; struct slice reference, reason; struct api_ref ref; int64_t id; };

static struct slice who_asks(struct api *a) { return a->c->who.socket ? SL("operator") : slice_str(a->c->who.name); }

static enum err_code ask_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct ask *q = arg;
	struct api *a = q->a;
	AUTO_BUF body = BUF(16 * KIB);
	TRY(api_ref_find(a, tx, q->reference, &q->ref, e));
	if (!q->ref.digest.n)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no such image");
	TRY(sql_one_int(tx, &q->id, e, "INSERT INTO request (repo_id, digest, reason, account, created_s, state, answered_by) VALUES (?1, ?2, ?3, ?4, ?5, 0, '')"
			" ON CONFLICT (repo_id, digest) DO UPDATE SET reason = excluded.reason, account = excluded.account, created_s = excluded.created_s, state = 0"
			" RETURNING id", "ittti", q->ref.repo_id, q->ref.digest, q->reason, who_asks(a), (int64_t)(store_now_ms() / 1000)));
	buf_printf(&body, "{\"request\":%lld,\"by\":\"", (long long)q->id);
	text_json_escape(&body, who_asks(a));
	buf_puts(&body, "\",\"reason\":\"");
	text_json_escape(&body, q->reason);
	buf_puts(&body, "\"}");
	TRY(audit_put(a->g, tx, &a->c->who, "request", e, "ztztzt", "repository", q->ref.repository, "digest", q->ref.digest, "reason", q->reason));
	return event_put(a->g, tx, "approval.requested", q->ref.repository, q->ref.digest, buf_slice(&body), e);
}

/* {"reference","reason"} */
static enum err_code read_two(struct api *a, const char *second, struct slice *ret_reference, struct slice *ret_second, struct err *e)
{
	struct arena *arena = http_arena(a->c->r);
	json_t *j = a->body.n ? json_loadb((const char *)a->body.p, a->body.n, JSON_REJECT_DUPLICATES, NULL) : json_object(), *v;
	const char *key;
	enum err_code code = json_is_object(j) ? OK : err_set(e, ERR_USAGE, 0, "the body must be a JSON object without duplicate keys");
	*ret_reference = *ret_second = SLICE_NULL;
	for (void *it = json_object_iter(j); code == OK && it; it = json_object_iter_next(j, it)) {
		struct slice *to = NULL;
		key = json_object_iter_key(it);
		v = json_object_iter_value(it);
		to = !strcmp(key, "reference") ? ret_reference : second && !strcmp(key, second) ? ret_second : NULL;
		if (!to || !json_is_string(v))
			code = err_set(e, ERR_USAGE, 0, "fields are 'reference'%s%s%s, each a text", second ? " and '" : "", second ? second : "", second ? "'" : "");
		else
			*to = slice_trim(arena_dup(arena, slice_of(json_string_value(v), json_string_length(v))));
	}
	json_decref(j);
	return code != OK ? code : arena_ok(arena, "the request", e);
}

enum err_code api_request(struct api *a, struct err *e)
{
	struct ask q = { .a = a };
	TRY(read_two(a, "reason", &q.reference, &q.reason, e));
	if (!q.reason.n || q.reason.n > 2000)
		return err_set(e, ERR_USAGE, 0, "'reason' is needed, in at most 2000 bytes: approvers will read it");
	TRY(sql_write(a->g->store.sql, ask_tx, &q, e));
	a->status = 201;
	js_open(&a->j, '{');
	js_kint(&a->j, "id", q.id);
	js_ktext(&a->j, "repository", q.ref.repository);
	js_ktext(&a->j, "digest", q.ref.digest);
	js_close(&a->j, '}');
	return OK;
}

static enum err_code decline_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct api *a = ((struct ask *)arg)->a;
	AUTO_SQL_ROWS rows = NULL;
	uint64_t id = 0;
	bool row;
	(void)slice_to_u64(a->id, &id);
	TRY(sql_query(tx, &rows, e, "SELECT r.name, q.digest FROM request q JOIN repo r ON r.id = q.repo_id WHERE q.id = ?1 AND q.state = 0", "i",
		      (int64_t)MIN(id, (uint64_t)INT64_MAX)));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no such open request");
	if (!api_may(a, ACCESS_APPROVE, sql_text(rows, 0)))
		return err_set(e, ERR_AUTH, 0, "this account has not the right to approve there");
	TRY(audit_put(a->g, tx, &a->c->who, "request.declined", e, "ztztzi", "repository", sql_text(rows, 0), "digest", sql_text(rows, 1), "request", (int64_t)id));
	TRY(event_put(a->g, tx, "approval.declined", sql_text(rows, 0), sql_text(rows, 1), SL("{}"), e));
	return sql_run(tx, NULL, e, "UPDATE request SET state = 2, answered_by = ?2 WHERE id = ?1", "it", (int64_t)id, who_asks(a));
}

enum err_code api_decline(struct api *a, struct err *e)
{
	struct ask q = { .a = a };
	a->status = 204;
	return sql_write(a->g->store.sql, decline_tx, &q, e);
}

/* --- Fetching ahead --------------------------------------------------------------------------------------------------------------- */

static const char *result_name(enum gate_result r)
{
	switch (r) {
	case GATE_YES: return "admitted";
	case GATE_REFUSED: return "refused";
	case GATE_HELD: return "held";
	case GATE_ABSENT: return "unknown";
	default: return "inspecting";
	}
}

/* What a pull would do, without its bytes: the upstream is asked, the inspection started. */
static enum err_code look_ahead(struct call *c, struct gate_answer *answer, struct slice *ret_digest, char warning[512], struct err *e)
{
	warning[0] = '\0';
	if (c->is_digest) {
		if (c->upstream)
			TRY(upstream_manifest(c, c->reference, e));
		*ret_digest = c->reference;
		return gate_manifest(c, c->reference, answer, e);
	}
	if (c->upstream)
		TRY(upstream_tag(c, c->reference, warning, e));
	*ret_digest = SLICE_NULL;
	return gate_tag(c, c->reference, ret_digest, answer, e);
}

enum err_code api_fetch(struct api *a, struct err *e)
{
	struct slice reference, none, digest;
	struct gate_answer answer = { 0 };
	char warning[512];
	struct api_ref ref;
	bool reserved;
	struct call c = *a->c;
	TRY(read_two(a, NULL, &reference, &none, e));
	TRY(api_ref_parse(a, reference, &ref, e));
	if (!api_may(a, ACCESS_PULL, ref.repository))
		return err_set(e, ERR_AUTH, 0, "this account may not pull there");
	/* Asked as anybody: what a pusher may see of their own before the verdict is no answer here. */
	c.who = (struct access_subject){ .anonymous = true };
	c.repository = ref.repository;
	c.rule = ref.rule;
	c.upstream = config_upstream_of(a->g->config, ref.repository, &c.upstream_name, &reserved);
	c.is_digest = ref.digest.n > 0;
	c.reference = c.is_digest ? ref.digest : ref.tag;
	if (c.upstream && !config_upstream_allows(c.upstream, c.upstream_name))
		return err_set(e, ERR_AUTH, 0, "the configuration does not allow this repository of %.*s", SLICE_ARG(c.upstream->name));
	TRY(look_ahead(&c, &answer, &digest, warning, e));
	if (answer.result == GATE_ABSENT)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no such image");
	a->status = answer.result == GATE_WAIT || answer.result == GATE_BUSY ? 202 : 200;
	js_open(&a->j, '{');
	js_ktext(&a->j, "repository", c.repository);
	js_ktext(&a->j, "digest", digest);
	js_ktext(&a->j, "state", slice_str(result_name(answer.result)));
	js_ktext(&a->j, "text", slice_str(answer.text));
	js_ktext(&a->j, "warning", slice_str(warning[0] ? warning : answer.warning));
	js_close(&a->j, '}');
	return OK;
}
