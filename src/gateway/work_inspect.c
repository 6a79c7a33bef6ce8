/* One inspection: from a manifest's row to a verdict. */
#include "work.h"
#include "catalogue.h"
#include "gate_inside.h"
#include "oci_provider.h"
#include "os.h"
#include "store_keep.h"
#include <stdio.h>

enum { MOST_ROUNDS = 5 };

static enum err_code provide(void *arg, struct slice digest, bool manifest, struct buf *out, struct err *e)
{
	struct work *w = arg;
	if (manifest && slice_eq(digest, w->manifest.digest)) {
		buf_put_slice(out, w->manifest.body);
		return buf_ok(out, "a manifest", e);
	}
	for (size_t i = 0; i < w->manifest.n_refs; i++) {
		const struct store_ref *r = &w->manifest.refs[i];
		if (!slice_eq(r->digest, digest))
			continue;
		if (r->size > out->max)
			return err_set(e, ERR_LIMIT, 0, "the config has %llu bytes, more than %zu", (unsigned long long)r->size, out->max);
		AUTO_STREAM s = NULL;
		TRY(work_blob_open(w, digest, r->size, &s, e));
		return stream_read_all(s, out, e);
	}
	return err_set(e, ERR_NOT_FOUND, 0, "the manifest does not name %.19s", (const char *)digest.p);
}

static enum err_code provide_blob(void *arg, struct slice digest, uint64_t size, struct stream **ret, struct err *e)
{
	return work_blob_open(arg, digest, size, ret, e);
}

/* What is fetched beside the inspection: layers whose facts were known, and whatever the engine did not read. */
static enum err_code ensure_all(struct work *w, struct err *e)
{
	for (size_t i = 0; i < w->manifest.n_refs; i++) {
		const struct store_ref *r = &w->manifest.refs[i];
		if (r->kind != STORE_REF_CHILD && !r->foreign)
			TRY(work_blob_ensure(w, r->digest, r->size, e));
	}
	return OK;
}

struct conclusion { struct work *w; struct report *r; struct policy_set *set; bool newer, gone; };

static enum err_code conclude_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct conclusion *k = arg;
	struct work *w = k->w;
	struct store_verdict old;
	struct judged j;
	int64_t newest;
	AUTO_ARENA a = ARENA(64 << 20);
	k->newer = k->gone = false;
	TRY(sql_one_int(tx, &newest, e, "SELECT coalesce(max(number), 0) FROM generation", ""));
	if (newest != w->generation) {
		k->newer = true;
		return OK;
	}
	enum err_code code = store_job_done(tx, w->job.id, w->g->node, e);
	if (code == ERR_NOT_FOUND) {
		k->gone = true;
		return OK;
	}
	if (code != OK)
		return code;
	TRY(store_manifest_here(tx, w->job.repo_id, &w->manifest, e));
	code = store_verdict_get(tx, w->job.repo_id, w->manifest.digest, &a, &old, e);
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	bool had = code == OK;
	TRY(gate_judge(w->g, tx, k->set, w->generation, w->job.repo_id, w->repository, w->manifest.digest, k->r, &a, &j, e));
	TRY(catalogue_report_put(tx, w->g->gate->rejudge, w->job.repo_id, w->manifest.digest, slice_str(w->data_id), k->r, e));
	if (w->manifest.kind == STORE_IMAGE)
		TRY(sql_run(tx, NULL, e, "UPDATE report SET facts_id = ?3 WHERE repo_id = ?1 AND digest = ?2", "itz", w->job.repo_id, w->manifest.digest,
			    scan_engine_facts_id(w->engine)));
	/* What was admitted until now was admitted by an older look: the state before this inspection counts for "withdrawn". */
	if (had && w->had_old && (old.state == STATE_FETCHING || old.state == STATE_INSPECTING))
		old.state = w->old.state;
	return gate_store_verdict(w->g, tx, w->repository, had ? &old : NULL, &j, e);
}

/* A job that ends under an old generation is judged again, never stored as current (GATE.md 1). */
enum err_code work_conclude(void *arg, struct report *r, struct err *e)
{
	struct work *w = arg;
	TRY(ensure_all(w, e));
	for (int i = 0; i < MOST_ROUNDS; i++) {
		char now_id[330];
		TRY(gate_refresh(w->g, false, e));
		w->generation = atomic_load(&w->g->gate->generation);
		gate_data_id(w->g, now_id);
		if (strcmp(now_id, w->data_id))
			return err_set(e, ERR_CANCELLED, 0, "advisories or intelligence changed during the inspection");
		struct conclusion k = { .w = w, .r = r, .set = gate_policies(w->g) };
		enum err_code code = sql_write(w->g->store.sql, conclude_tx, &k, e);
		policy_set_release(k.set);
		if (code != OK)
			return code;
		if (k.gone)
			return err_set(e, ERR_CANCELLED, 0, "the job was given to another worker");
		if (!k.newer)
			return OK;
	}
	return err_set(e, ERR_TIMEOUT, 0, "policies kept changing while the image was judged");
}

static enum err_code inspect_image(struct work *w, struct err *e)
{
	struct oci_provider p = { .get = provide, .blob_open = provide_blob, .verified = true, .as_image = true, .arg = w };
	struct oci_options o = OCI_OPTIONS_DEFAULT;
	AUTO_OCI_SOURCE src = NULL;
	o.all_platforms = true;	/* the one image of this manifest, whatever it is for */
	char root[136];
	snprintf(root, sizeof(root), "%.*s", SLICE_ARG(w->manifest.digest));
	TRY(oci_source_open_provider(w->reference, root, &p, &o, &src, e));
	return scan_source(w->engine, src, work_conclude, w, e);
}

/* --- Beginning ------------------------------------------------------------------------------------------------------------- */

/* The image is judged by the name that people use: with the tag it was pushed or asked for under, on this registry's host unless it is a foreign registry's. */
static enum err_code name_it(struct sql_tx *tx, struct work *w, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	struct slice host = w->g->public_url;
	ptrdiff_t at = slice_find(host, SL("://"));
	host = w->upstream ? SLICE_NULL : at >= 0 ? slice_from(host, (size_t)at + 3) : host;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM tag WHERE repo_id = ?1 AND (pushed_digest = ?2 OR pushed_digest IN (SELECT digest FROM manifest_ref WHERE"
		      " child = ?2 AND kind = 2)) ORDER BY pushed_seq DESC LIMIT 1", "it", w->job.repo_id, w->manifest.digest));
	TRY(sql_next(rows, &row, e));
	struct slice tag = row ? sql_text(rows, 0) : SLICE_NULL;
	snprintf(w->reference, sizeof(w->reference), "%.*s%s%.*s%s%.*s", SLICE_ARG(host), host.n ? "/" : "", SLICE_ARG(w->repository), tag.n ? ":" : "@",
		 SLICE_ARG(tag.n ? tag : w->manifest.digest));
	return OK;
}

static enum err_code begin_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct work *w = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT name, upstream FROM repo WHERE id = ?1", "i", w->job.repo_id));
	TRY(sql_next(rows, &row, e));
	if (!row)
		return err_set(e, ERR_NOT_FOUND, 0, "the repository is gone");
	w->repository = arena_dup(w->arena, sql_text(rows, 0));
	w->upstream = sql_text(rows, 1).n > 0;
	TRY(store_manifest_get(tx, w->job.repo_id, w->job.digest, STORE_WITH_BODY | STORE_WITH_REFS, w->arena, &w->manifest, e));
	enum err_code code = store_verdict_get(tx, w->job.repo_id, w->job.digest, w->arena, &w->old, e);
	w->had_old = code == OK;
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	TRY(name_it(tx, w, e));
	/* What is admitted or refused stays so until the new look is complete. */
	if (w->had_old && (w->old.state == STATE_ADMITTED || w->old.state == STATE_REFUSED || w->old.state == STATE_HELD))
		return arena_ok(w->arena, "a job", e);
	struct store_verdict v = { .repo_id = w->job.repo_id, .digest = w->job.digest, .state = STATE_INSPECTING, .policy_digest = SL(""), .reasons = SL("[]"),
				   .decided_s = os_now_s(), .attempts = w->job.attempts };
	TRY(store_verdict_put(tx, &v, e));
	TRY(sql_announce(tx, e));
	return arena_ok(w->arena, "a job", e);
}

enum err_code work_inspect(struct work *w, struct err *e)
{
	TRY(gate_refresh(w->g, false, e));
	gate_data_id(w->g, w->data_id);
	TRY(sql_write(w->g->store.sql, begin_tx, w, e));
	return work_is_artifact(w) ? work_artifact(w, work_conclude, w, e) : inspect_image(w, e);
}
