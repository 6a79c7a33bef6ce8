/* What people decide: approve, revoke, waive, judge again; requests; fetching ahead. */
#include <jansson.h>
#include "api_inside.h"
#include "gate.h"
#include "os.h"

/* --- Bodies ------------------------------------------------------------------------------------------------------------------ */

static inline void json_clean(json_t **j) { json_decref(*j); }
#define AUTO_JSON_BODY [[gnu::cleanup(json_clean)]] json_t *

/* A flat object of known keys: one that is misspelt must not pass as if it were not there. */
static enum err_code body_read(struct api *a, const char *const *known, json_t **ret, struct err *e)
{
	AUTO_JSON_BODY j = a->body.n ? json_loadb((const char *)a->body.p, a->body.n, JSON_REJECT_DUPLICATES, NULL) : json_object();
	const char *key;
	json_t *v;
	char shown[80];
	if (!json_is_object(j))
		return err_set(e, ERR_USAGE, 0, "the body must be a JSON object without duplicate keys");
	json_object_foreach(j, key, v) {
		size_t i = 0;
		while (known[i] && strcmp(key, known[i]))
			i++;
		if (!known[i])
			return err_set(e, ERR_USAGE, 0, "there is no field '%s' here", text_escape_to(shown, sizeof(shown), slice_str(key)));
	}
	*ret = j;
	j = NULL;
	return OK;
}

static enum err_code body_text(struct api *a, json_t *j, const char *key, struct slice *ret, struct err *e)
{
	json_t *v = json_object_get(j, key);
	*ret = SLICE_NULL;
	if (!v || json_is_null(v))
		return OK;
	if (!json_is_string(v))
		return err_set(e, ERR_USAGE, 0, "'%s' must be text", key);
	*ret = arena_dup(http_arena(a->c->r), slice_of(json_string_value(v), json_string_length(v)));
	return arena_ok(http_arena(a->c->r), "the request", e);
}

/* A time, or a duration from now. */
static enum err_code body_until(struct api *a, json_t *j, uint64_t *ret, struct err *e)
{
	struct slice text;
	uint64_t ms;
	char shown[80];
	TRY(body_text(a, j, "until", &text, e));
	*ret = 0;
	if (!text.n || os_parse_time(text, ret))
		return OK;
	if (text_parse_duration(text, &ms)) {
		*ret = os_now_s() + ms / 1000;
		return OK;
	}
	return err_set(e, ERR_USAGE, 0, "'until' is '%s', but must be a date such as 2027-01-31, or a duration such as 30d",
		       text_escape_to(shown, sizeof(shown), text));
}

/* --- Decisions ----------------------------------------------------------------------------------------------------------------- */

struct find { struct api *a; struct slice reference; struct api_ref ref; };

static enum err_code find_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;
	TRY(api_ref_find(f->a, tx, f->reference, &f->ref, e));
	if (!f->ref.digest.n)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no such image");
	return OK;
}

/* reference (a digest, or what the tag was last set to), repositories (a pattern; default: its repository only), reason, until. */
static enum err_code decision_read(struct api *a, json_t *j, bool need_digest, struct gate_decision_request *q, struct err *e)
{
	struct find f = { .a = a };
	struct slice reference;
	TRY(body_text(a, j, "reference", &reference, e));
	TRY(body_text(a, j, "repositories", &q->repositories, e));
	TRY(body_text(a, j, "reason", &q->reason, e));
	TRY(body_until(a, j, &q->until_s, e));
	q->reason = slice_trim(q->reason);
	if (!q->reason.n || q->reason.n > 2000)
		return err_set(e, ERR_USAGE, 0, "'reason' is needed, in at most 2000 bytes: it is what the record will say");
	if (reference.n) {
		f.reference = reference;
		TRY(sql_read(a->g->store.sql, find_tx, &f, e));
		q->digest = f.ref.digest;
		if (!q->repositories.n)
			q->repositories = f.ref.repository;
	} else if (need_digest) {
		return err_set(e, ERR_USAGE, 0, "'reference' is missing: which image?");
	}
	if (!q->repositories.n)
		return err_set(e, ERR_USAGE, 0, "'repositories' is missing: a pattern such as team/**");
	if (!api_may_pattern(a, ACCESS_APPROVE, q->repositories))
		return err_set(e, ERR_AUTH, 0, "this account has not the right to approve in '%.*s'", SLICE_ARG(q->repositories));
	return OK;
}

static void decided(struct api *a, const struct gate_decision_request *q, int64_t id)
{
	a->status = 201;
	js_open(&a->j, '{');
	js_kint(&a->j, "id", id);
	js_ktext(&a->j, "repositories", q->repositories);
	js_ktext(&a->j, "digest", q->digest);
	js_ktime(&a->j, "until", q->until_s);
	js_close(&a->j, '}');
}

static const char *const decision_keys[] = { "reference", "repositories", "reason", "until", NULL };

enum { MOST_ANSWERED = 100 };

/* Those for repositories that were not decided about stay open. */
static enum err_code open_requests(struct sql_tx *tx, const struct find *f, int64_t ids[MOST_ANSWERED], size_t *ret_n, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row = true;
	*ret_n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT q.id, r.name FROM request q JOIN repo r ON r.id = q.repo_id WHERE q.digest = ?1 AND q.state = 0", "t", f->ref.digest));
	while (row && *ret_n < MOST_ANSWERED) {
		TRY(sql_next(rows, &row, e));
		if (row && slice_glob(f->ref.repository, sql_text(rows, 1)))
			ids[(*ret_n)++] = sql_int(rows, 0);
	}
	return OK;
}

static enum err_code answer_requests(struct sql_tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;
	int64_t ids[MOST_ANSWERED];
	size_t n;
	struct slice by = f->a->c->who.socket ? SL("operator") : slice_str(f->a->c->who.name);
	TRY(open_requests(tx, f, ids, &n, e));
	for (size_t i = 0; i < n; i++)
		TRY(sql_run(tx, NULL, e, "UPDATE request SET state = 1, answered_by = ?2 WHERE id = ?1", "it", ids[i], by));
	return OK;
}

enum err_code api_approve(struct api *a, struct err *e)
{
	struct gate_decision_request q = { 0 };
	AUTO_JSON_BODY j = NULL;
	int64_t id;
	TRY(body_read(a, decision_keys, &j, e));
	TRY(decision_read(a, j, true, &q, e));
	if (!q.until_s)
		return err_set(e, ERR_USAGE, 0, "'until' is needed: until when is it approved?");
	TRY(gate_approve(a->g, &a->c->who, &q, &id, e));
	struct find f = { .a = a, .ref = { .digest = q.digest, .repository = q.repositories } };
	TRY(sql_write(a->g->store.sql, answer_requests, &f, e));
	decided(a, &q, id);
	return OK;
}

enum err_code api_revoke(struct api *a, struct err *e)
{
	struct gate_decision_request q = { 0 };
	AUTO_JSON_BODY j = NULL;
	int64_t id;
	TRY(body_read(a, decision_keys, &j, e));
	TRY(decision_read(a, j, true, &q, e));
	TRY(gate_revoke(a->g, &a->c->who, &q, &id, e));
	decided(a, &q, id);
	return OK;
}

static void waiver_field(struct buf *out, const char *key, struct slice text)
{
	if (!text.n)
		return;
	buf_printf(out, ", %s: \"", key);
	text_json_escape(out, text);
	buf_putc(out, '"');
}

/* Only in those repositories, and only that digest of them. Images of this registry are judged by a name that begins with its host. */
static void waiver_images(struct api *a, const struct gate_decision_request *q, struct buf *out)
{
	struct slice host = a->g->public_url;
	ptrdiff_t at = slice_find(host, SL("://"));
	host = at >= 0 ? slice_from(host, (size_t)at + 3) : host;
	buf_puts(out, ", image: [");
	for (int with_host = 0; with_host < 2; with_host++) {
		buf_puts(out, with_host ? ", \"" : "\"");
		text_json_escape(out, with_host ? host : SLICE_NULL);
		buf_puts(out, with_host && host.n ? "/" : "");
		text_json_escape(out, q->repositories);
		buf_puts(out, q->digest.n ? "@" : "");
		text_json_escape(out, q->digest);
		buf_putc(out, '"');
	}
	buf_putc(out, ']');
}

/* One waiver as the policy's language has it (docs/policy.md), made here, so that nobody's text becomes YAML. */
static enum err_code waiver_text(struct api *a, json_t *j, struct gate_decision_request *q, struct err *e)
{
	struct slice finding, package;
	char until[21];
	AUTO_BUF b = BUF(16 * KIB);
	TRY(body_text(a, j, "finding", &finding, e));
	TRY(body_text(a, j, "package", &package, e));
	if (!finding.n && !package.n)
		return err_set(e, ERR_USAGE, 0, "'finding' (its id, rule or CVE) or 'package' is needed: what is accepted?");
	os_format_time(q->until_s, until);
	buf_printf(&b, "- {until: \"%s\"", until);
	waiver_field(&b, "finding", finding);
	waiver_field(&b, "package", package);
	waiver_images(a, q, &b);
	waiver_field(&b, "reason", q->reason);
	waiver_field(&b, "by", a->c->who.socket ? SL("operator") : slice_str(a->c->who.name));
	buf_puts(&b, "}\n");
	TRY(buf_ok(&b, "the waiver", e));
	q->waiver = arena_dup(http_arena(a->c->r), buf_slice(&b));
	return arena_ok(http_arena(a->c->r), "the waiver", e);
}

enum err_code api_waive(struct api *a, struct err *e)
{
	static const char *const known[] = { "reference", "repositories", "reason", "until", "finding", "package", NULL };
	struct gate_decision_request q = { 0 };
	AUTO_JSON_BODY j = NULL;
	int64_t id;
	TRY(body_read(a, known, &j, e));
	TRY(decision_read(a, j, false, &q, e));
	if (!q.until_s)
		return err_set(e, ERR_USAGE, 0, "'until' is needed: until when is it accepted?");
	TRY(waiver_text(a, j, &q, e));
	q.digest = SLICE_NULL;	/* the waiver itself says what it is about */
	TRY(gate_waive(a->g, &a->c->who, &q, &id, e));
	decided(a, &q, id);
	return OK;
}

static enum err_code decision_repositories(struct sql_tx *tx, void *arg, struct err *e)
{
	struct find *f = arg;
	uint64_t id;
	bool row = false;
	AUTO_SQL_ROWS rows = NULL;
	if (slice_to_u64(f->a->id, &id) && id <= INT64_MAX) {
		TRY(sql_query(tx, &rows, e, "SELECT repositories FROM decision WHERE id = ?1", "i", (int64_t)id));
		TRY(sql_next(rows, &row, e));
	}
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no such decision");
	f->ref.repository = arena_dup(http_arena(f->a->c->r), sql_text(rows, 0));
	f->ref.repo_id = (int64_t)id;
	return OK;
}

enum err_code api_end_decision(struct api *a, struct err *e)
{
	struct find f = { .a = a };
	struct slice reason = api_param(a, "reason");
	TRY(sql_read(a->g->store.sql, decision_repositories, &f, e));
	if (!api_may_pattern(a, ACCESS_APPROVE, f.ref.repository))
		return err_set(e, ERR_AUTH, 0, "this account has not the right to approve in '%.*s'", SLICE_ARG(f.ref.repository));
	if (!reason.n || reason.n > 2000)
		return err_set(e, ERR_USAGE, 0, "'reason' is needed, in at most 2000 bytes: it is what the record will say");
	TRY(gate_end_decision(a->g, &a->c->who, f.ref.repo_id, reason, e));
	a->status = 204;
	return OK;
}

/* --- Judging again ---------------------------------------------------------------------------------------------------------------- */

struct dry { struct api *a; struct slice repositories; uint64_t n; };

static enum err_code on_change(void *arg, struct slice repository, struct slice digest, enum store_state now, enum store_state then, struct slice reasons, struct err *e)
{
	struct dry *d = arg;
	struct js *j = &d->a->j;
	(void)e;
	if (!slice_glob(d->repositories, repository) || d->n++ >= API_MOST_ITEMS)
		return OK;
	js_open(j, '{');
	js_ktext(j, "repository", repository);
	js_ktext(j, "digest", digest);
	js_ktext(j, "now", slice_str(store_state_name(now)));
	js_ktext(j, "then", slice_str(store_state_name(then)));
	js_kraw(j, "reasons", reasons.n ? reasons : SL("[]"));
	js_close(j, '}');
	return OK;
}

static enum err_code dry_run(struct api *a, struct slice policy, struct slice repositories, struct err *e)
{
	struct dry d = { a, repositories, 0 };
	if (!policy.n)
		return err_set(e, ERR_USAGE, 0, "'dry_run' needs 'policy': the text of the policy to try");
	js_open(&a->j, '{');
	js_key(&a->j, "changes");
	js_open(&a->j, '[');
	TRY(gate_dry_run(a->g, policy, on_change, &d, e));
	js_close(&a->j, ']');
	js_kint(&a->j, "n", (int64_t)d.n);
	js_close(&a->j, '}');
	return OK;
}

enum err_code api_rejudge(struct api *a, struct err *e)
{
	static const char *const known[] = { "reference", "repositories", "inspect", "dry_run", "policy", NULL };
	struct find f = { .a = a };
	struct slice reference, repositories, policy;
	AUTO_JSON_BODY j = NULL;
	uint64_t n = 0;
	TRY(body_read(a, known, &j, e));
	TRY(body_text(a, j, "reference", &reference, e));
	TRY(body_text(a, j, "repositories", &repositories, e));
	TRY(body_text(a, j, "policy", &policy, e));
	if (reference.n) {
		f.reference = reference;
		TRY(sql_read(a->g->store.sql, find_tx, &f, e));
		repositories = f.ref.repository;
	}
	if (!repositories.n)
		repositories = SL("**");
	if (!api_may_pattern(a, ACCESS_APPROVE, repositories))
		return err_set(e, ERR_AUTH, 0, "this account has not the right to approve in '%.*s'", SLICE_ARG(repositories));
	if (json_is_true(json_object_get(j, "dry_run")))
		return dry_run(a, policy, repositories, e);
	TRY(gate_rejudge(a->g, &a->c->who, repositories, f.ref.digest, json_is_true(json_object_get(j, "inspect")), &n, e));
	a->status = 202;
	js_open(&a->j, '{');
	js_kint(&a->j, "n", (int64_t)n);
	js_close(&a->j, '}');
	return OK;
}
