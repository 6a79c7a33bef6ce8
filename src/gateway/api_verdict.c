/* Verdicts, one and many. */
#include "api_inside.h"
#include "gate_inside.h"
#include "oci.h"
#include "store_content.h"

static const char *state_of(const struct gate_view *v)
{
	switch (v->result) {
	case GATE_YES: return "admitted";
	case GATE_REFUSED: return "refused";
	case GATE_HELD: return "held";
	case GATE_ABSENT: return "unknown";
	default: return v->failed ? "failed" : v->stale.n ? "judging" : "inspecting";
	}
}

static const char *gate_name(enum gate_mode m) { return m == GATE_OFF ? "off" : m == GATE_WARN ? "warn" : "enforce"; }

static enum err_code own_row(struct api *a, struct sql_tx *tx, const struct api_ref *r, struct err *e)
{
	struct store_verdict v;
	struct js *j = &a->j;
	enum err_code code = store_verdict_get(tx, r->repo_id, r->digest, http_arena(a->c->r), &v, e);
	if (code == ERR_NOT_FOUND)
		return OK;
	TRY(code);
	js_ktext(j, "policy_digest", v.policy_digest);
	js_kint(j, "generation", v.generation);
	js_ktime(j, "decided", v.decided_s);
	js_ktime(j, "expires", v.expires_s);
	js_kint(j, "decision", v.decision_id);
	js_kint(j, "attempts", v.attempts);
	return OK;
}

static enum err_code children(struct api *a, struct sql_tx *tx, const struct api_ref *r, const struct store_manifest *m, struct err *e)
{
	struct js *j = &a->j;
	js_key(j, "children");
	js_open(j, '[');
	for (size_t i = 0; i < m->n_refs; i++) {
		struct store_verdict v;
		if (m->refs[i].kind != STORE_REF_CHILD)
			continue;
		enum err_code code = store_verdict_get(tx, r->repo_id, m->refs[i].digest, http_arena(a->c->r), &v, e);
		if (code != OK && code != ERR_NOT_FOUND)
			return code;
		js_open(j, '{');
		js_ktext(j, "digest", m->refs[i].digest);
		js_ktext(j, "platform", m->refs[i].platform);
		js_ktext(j, "state", code == OK ? slice_str(store_state_name(v.state)) : SL("unknown"));
		js_close(j, '}');
	}
	js_close(j, ']');
	return OK;
}

static enum err_code manifest_of(struct api *a, struct sql_tx *tx, const struct api_ref *r, struct store_manifest *m, struct err *e)
{
	enum err_code code = r->digest.n ? store_manifest_get(tx, r->repo_id, r->digest, STORE_WITH_REFS, http_arena(a->c->r), m, e) : ERR_NOT_FOUND;
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "%.*s has no such image", SLICE_ARG(r->repository));
	return code;
}

enum err_code api_verdict(struct api *a, struct sql_tx *tx, struct err *e)
{
	static const char *const kinds[] = { "image", "index", "artifact" };
	struct js *j = &a->j;
	struct api_ref r;
	struct store_manifest m;
	AUTO_ARENA arena = ARENA(4 * MIB);
	struct gate_view view = { 0 };
	AUTO_BUF reason = BUF(4 * KIB);
	TRY(api_ref_find(a, tx, api_param(a, "reference"), &r, e));
	TRY(manifest_of(a, tx, &r, &m, e));
	TRY(gate_look(a->g, tx, r.repo_id, r.repository, r.digest, 0, &arena, &view, e));
	js_open(j, '{');
	js_ktext(j, "repository", r.repository);
	js_ktext(j, "tag", r.tag);
	js_ktext(j, "digest", r.digest);
	js_ktext(j, "served", r.served);
	js_ktext(j, "kind", slice_str(kinds[m.kind]));
	js_ktext(j, "gate", slice_str(gate_name(r.rule->gate)));
	js_ktext(j, "state", r.rule->gate == GATE_OFF ? SL("ungated") : slice_str(state_of(&view)));
	js_ktext(j, "policy", r.rule->policy);
	gate_reason_text(view.reasons, &reason);
	js_ktext(j, "reason", buf_slice(&reason));
	js_kraw(j, "reasons", view.reasons.n ? view.reasons : SL("[]"));
	js_ktext(j, "about", view.about);
	TRY(own_row(a, tx, &r, e));
	if (m.kind == STORE_INDEX)
		TRY(children(a, tx, &r, &m, e));
	js_close(j, '}');
	return OK;
}

/* --- Many ------------------------------------------------------------------------------------------------------------------ */

/* Where the last page ended: "REPO_ID/DIGEST". */
static bool page_after(struct slice text, int64_t *ret_repo, struct slice *ret_digest)
{
	uint64_t repo = 0;
	ptrdiff_t slash = slice_find_byte(text, '/');
	*ret_repo = 0;
	*ret_digest = SL("");
	if (!text.n)
		return true;
	if (slash < 0 || !slice_to_u64(slice_upto(text, (size_t)slash), &repo) || repo > INT64_MAX)
		return false;
	*ret_repo = (int64_t)repo;
	*ret_digest = slice_from(text, (size_t)slash + 1);
	return true;
}

static void verdict_row(struct js *j, struct sql_rows *rows, struct slice name)
{
	js_open(j, '{');
	js_ktext(j, "repository", name);
	js_ktext(j, "digest", sql_text(rows, 2));
	js_ktext(j, "state", slice_str(store_state_name((enum store_state)sql_int(rows, 3))));
	js_kint(j, "generation", sql_int(rows, 4));
	js_kraw(j, "reasons", sql_text(rows, 5).n ? sql_text(rows, 5) : SL("[]"));
	js_ktime(j, "decided", (uint64_t)sql_int(rows, 6));
	js_ktime(j, "expires", (uint64_t)sql_int(rows, 7));
	js_kint(j, "decision", sql_int(rows, 8));
	js_close(j, '}');
}

enum err_code api_verdicts(struct api *a, struct sql_tx *tx, struct err *e)
{
	struct slice pattern = api_param(a, "repository"), state = api_param(a, "state"), digest;
	enum store_state s = STATE_UNKNOWN;
	enum { SCAN = 5000 };	/* rows looked at for one page */
	uint64_t n = api_limit(a, 100), found = 0, scanned = 0;
	int64_t repo;
	AUTO_SQL_ROWS rows = NULL;
	AUTO_BUF next = BUF(KIB);
	if (state.n && !store_state_parse(state, &s))
		return err_set(e, ERR_USAGE, 0, "'state' is one of unknown, fetching, inspecting, admitted, refused, held, failed");
	if (!page_after(api_param(a, "after"), &repo, &digest))
		return err_set(e, ERR_USAGE, 0, "'after' is the 'next' of the page before");
	TRY(sql_query(tx, &rows, e, "SELECT r.id, r.name, v.digest, v.state, v.generation, v.reasons, v.decided_s, v.expires_s, v.decision_id FROM verdict v"
		      " JOIN repo r ON r.id = v.repo_id WHERE (v.repo_id > ?1 OR (v.repo_id = ?1 AND v.digest > ?2)) AND (?3 < 0 OR v.state = ?3)"
		      " ORDER BY v.repo_id, v.digest LIMIT ?4", "itii", repo, digest, state.n ? (int64_t)s : (int64_t)-1, (int64_t)SCAN));
	js_open(&a->j, '{');
	js_key(&a->j, "verdicts");
	js_open(&a->j, '[');
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row || found == n)
			break;
		struct slice name = sql_text(rows, 1);
		scanned++;
		buf_clear(&next);
		buf_printf(&next, "%lld/%.*s", (long long)sql_int(rows, 0), SLICE_ARG(sql_text(rows, 2)));
		if ((pattern.n && !slice_glob(pattern, name)) || !api_may(a, ACCESS_PULL, name))
			continue;
		verdict_row(&a->j, rows, name);
		found++;
	}
	js_close(&a->j, ']');
	js_ktext(&a->j, "next", found == n || scanned == SCAN ? buf_slice(&next) : SL(""));
	js_close(&a->j, '}');
	return OK;
}
