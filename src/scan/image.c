/* One image from reference to report. */
#include "collect.h"
#include "data.h"
#include "finish.h"
#include "analyze.h"
#include "os.h"
#include <stdio.h>
#include <stdlib.h>

static const size_t report_arena_bytes = (size_t)1 << 30;

struct image_work {
	struct scan_engine *s;
	struct oci_source *src;
	const struct oci_image *img;
	struct pumped_list *pumped;	/* NULL unless the source is a stream */
	struct layer_result *results;
	struct facts_file **files;
	struct layer_result pseudo;
	struct report *r;
	uint64_t ns_layers, ns_collect, ns_match;
};

static void put_layer(struct image_work *w, size_t i)
{
	const struct oci_layer *l = &w->img->layers[i];
	struct layer_info *out = &w->r->layers.items[i];
	const struct layer_result *res = &w->results[i];
	int h = w->img->layer_history ? w->img->layer_history[i] : -1;
	*out = (struct layer_info){ .digest = l->digest, .diff_id = l->diff_id, .media_type = l->media_type, .size_bytes = l->size, .history_index = h };
	if (h >= 0 && (size_t)h < w->img->config.history_n)
		out->created_by = w->img->config.history_created_by.items[h];
	if (!res->facts)
		return;
	const struct fact_end *end = facts_file_end(res->facts);
	if (!out->diff_id.n && res->diff_id[0])
		out->diff_id = arena_dup(w->r->arena, slice_str(res->diff_id));
	out->size_bytes = out->size_bytes ? out->size_bytes : res->stored_bytes;
	out->uncompressed_bytes = end->uncompressed_bytes;
	out->files = end->files;
	w->r->total_files += end->files;
	w->r->total_bytes += end->uncompressed_bytes;
}

static bool ends_stage(struct slice by)
{
	return slice_find(by, SL("CMD [")) >= 0 || slice_find(by, SL("ENTRYPOINT [")) >= 0;
}

/* The base image's history ends with its own CMD or ENTRYPOINT; what builds on it adds layers behind that. */
static void mark_base(struct image_work *w)
{
	const struct image_config *c = &w->img->config;
	int last_layer = -1, base_end = -1;
	for (size_t i = 0; i < w->r->layers.n; i++)
		last_layer = MAX(last_layer, w->r->layers.items[i].history_index);
	for (size_t i = 0; i < c->history_n && (int)i < last_layer; i++)
		if (ends_stage(c->history_created_by.items[i]))
			base_end = (int)i;
	for (size_t i = 0; i < w->r->layers.n; i++)
		w->r->layers.items[i].base = w->r->layers.items[i].history_index >= 0 && w->r->layers.items[i].history_index < base_end;
}

static enum err_code start_report(struct image_work *w, struct err *e)
{
	struct report *r = w->r;
	const struct oci_image *img = w->img;
	r->reference = img->reference;
	r->transport = img->transport;
	r->digest = img->digest;
	r->index_digest = img->index_digest;
	r->config_digest = img->config_digest;
	r->platform = img->platform;
	r->other_platforms = img->other_platforms;
	r->config = img->config;
	for (size_t i = 0; i < img->n_layers; i++) {
		if (!ARENA_PUSH(r->arena, &r->layers))
			return arena_ok(r->arena, "the list of layers", e);
		put_layer(w, i);
	}
	mark_base(w);
	r->yara_rules = w->s->yara_rules;
	r->yara_digest = slice_str(w->s->yara_digest);
	for (unsigned i = 0; analyzers[i]; i++) {
		struct analyzer_version *v = ARENA_PUSH(r->arena, &r->analyzers);
		if (v)
			*v = (struct analyzer_version){ slice_str(analyzers[i]->name), analyzers[i]->version };
	}
	return arena_ok(r->arena, "the report", e);
}

static enum err_code uninspected_layers(struct collect *c, const struct image_work *w, struct err *e)
{
	for (size_t i = 0; i < w->img->n_layers; i++) {
		const struct oci_layer *l = &w->img->layers[i];
		if (!l->distributable)
			TRY(collect_skip(c, (int)i, SLICE_NULL, "foreign layer", "its bytes are not with the image", SKIP_LAYER, l->size, e));
		else if (!l->known_type)
			TRY(collect_skip(c, (int)i, SLICE_NULL, "layer of unknown type", arena_slice_cstr(w->r->arena, l->media_type), SKIP_LAYER,
					 l->size, e));
	}
	const struct oci_unreadable *list;
	size_t n = oci_source_unreadable(w->src, &list);
	for (size_t i = 0; i < n; i++)
		TRY(collect_skip(c, 0, list[i].path, "unreadable", strerror(list[i].sys), SKIP_EXECUTABLE, 0, e));
	return OK;
}

/* SCAN.md 8: runtimes go by magic, not by the media type; who goes by the type reads something else. */
static enum err_code judge_compression(struct collect *c, const struct image_work *w, struct err *e)
{
	for (size_t i = 0; i < w->img->n_layers; i++) {
		struct slice type = w->img->layers[i].media_type;
		if (!w->results[i].facts || !w->img->layers[i].digest.n)
			continue;
		struct slice is = facts_file_end(w->results[i].facts)->compression;
		const char *says = slice_has_suffix(type, SL("gzip")) ? "gzip" : slice_has_suffix(type, SL("zstd")) ? "zstd" : "none";
		bool common = slice_eqs(is, "none") || slice_eqs(is, "gzip") || slice_eqs(is, "zstd");
		if (slice_eqs(is, says))
			continue;
		struct fact f = { .type = FACT_INTEGRITY, .integrity = { .what = common ? SL("media-type") : SL("layer.compression"),
			.detail = arena_printf(w->r->arena, "The media type says %s, the bytes are %.*s", slice_eqs(slice_str(says), "none") ?
					       "no compression" : says, SLICE_ARG(is)) } };
		TRY(threat_judge_layer_fact(c->judge, (int)i, &f, e));
	}
	return OK;
}

static enum err_code judge_diff_ids(struct collect *c, const struct image_work *w, struct err *e)
{
	for (size_t i = 0; i < w->img->n_layers; i++) {
		if (!w->results[i].other_diff_id)
			continue;
		struct fact f = { .type = FACT_INTEGRITY, .integrity = { .what = SL("layer.diff-id"), .detail = arena_printf(w->r->arena,
			"It decompresses to %s, the config says %.*s", w->results[i].diff_id, SLICE_ARG(w->img->layers[i].diff_id)) } };
		TRY(threat_judge_layer_fact(c->judge, (int)i, &f, e));
	}
	return OK;
}

static enum err_code judge(struct image_work *w, struct collect *c, struct err *e)
{
	struct scan_engine *s = w->s;
	uint64_t start = os_monotonic_ns();
	AUTO_JUDGE j = NULL;
	TRY(threat_judge_open(w->r, s->data->intel, &(struct judge_options){ 0 }, &j, e));
	c->judge = j;
	TRY(reach_compute(w->files, (int)w->img->n_layers, w->pseudo.facts, &w->img->config, w->r->arena, &c->reach, e));
	TRY(collect_run(c, w->pseudo.facts, e));
	TRY(uninspected_layers(c, w, e));
	TRY(judge_compression(c, w, e));
	TRY(judge_diff_ids(c, w, e));
	finish_packages(w->r);
	TRY(threat_judge_config(j, e));
	TRY(threat_judge_finish(j, e));
	if (!s->o.packages_only) {
		struct slice *names = arena_calloc(w->r->arena, s->o.n_protected_names + 1, sizeof(*names));
		if (!names)
			return arena_ok(w->r->arena, "protected names", e);
		for (size_t i = 0; i < s->o.n_protected_names; i++)
			names[i] = slice_str(s->o.protected_names[i]);
		struct image_view view = { w->r, collect_has_program, collect_has_path, c };
		TRY(names_judge(w->r, &(struct names_options){ names, s->o.n_protected_names }, &view, e));
	}
	w->ns_collect = os_monotonic_ns() - start;
	start = os_monotonic_ns();
	w->r->unmatched_jars = c->jars;
	w->r->unmatched_gems = c->gems;
	w->r->unmatched_crates = c->crates;
	/* In the report's order, so that a match made later with the sorted packages gives the same. */
	report_sort(w->r);
	struct advisory_match_options m = { .now_s = s->o.now_s ? s->o.now_s : os_now_s(), .max_age_ms = s->o.db_max_age_ms, .include_owned = s->o.include_owned,
					    .declared = s->o.declared, .unmatched_jars = c->jars, .unmatched_gems = c->gems,
					    .unmatched_crates = c->crates, .db_error = s->data->db ? NULL : s->data->db_error.msg };
	TRY(advisory_match(s->data->db, w->r, &m, e));
	TRY(intel_describe(s->data->intel, w->r, e));
	w->ns_match = os_monotonic_ns() - start;
	finish_report(w->r);
	return OK;
}

static void put_stat(struct report *r, struct slice name, uint64_t value, const char *unit)
{
	for (size_t i = 0; i < r->stats.n; i++) {
		if (slice_eq(r->stats.items[i].name, name)) {
			r->stats.items[i].value += value;
			return;
		}
	}
	struct stat_item *s = ARENA_PUSH(r->arena, &r->stats);
	if (s)
		*s = (struct stat_item){ name, value, slice_str(unit) };
}

static void put_stats(struct image_work *w)
{
	put_stat(w->r, SL("layers"), w->ns_layers, "ns");
	put_stat(w->r, SL("collect-and-judge"), w->ns_collect, "ns");
	put_stat(w->r, SL("advisories"), w->ns_match, "ns");
	for (size_t i = 0; i < w->img->n_layers; i++) {
		if (!w->results[i].facts)
			continue;
		const struct fact_end *end = facts_file_end(w->results[i].facts);
		struct slice list = end->stats, item, name;
		put_stat(w->r, SL("stored"), w->results[i].stored_bytes, "bytes");
		put_stat(w->r, SL("uncompressed"), end->uncompressed_bytes, "bytes");
		put_stat(w->r, SL("nested"), end->nested_bytes, "bytes");
		put_stat(w->r, SL("hashed-as-files"), end->hashed_bytes, "bytes");
		put_stat(w->r, SL("entries"), end->entries, "");
		put_stat(w->r, SL("layers-from-cache"), w->results[i].from_cache, "");
		while (!w->results[i].from_cache && fact_list_next(&list, &item)) {
			uint64_t v;
			if (slice_next_piece(&item, '=', &name) && slice_to_u64(item, &v))
				put_stat(w->r, arena_printf(w->r->arena, "worker-%.*s", SLICE_ARG(name)), v, "ns");
		}
	}
}

static enum err_code work(struct image_work *w, struct err *e)
{
	struct scan_engine *s = w->s;
	size_t n = w->img->n_layers;
	uint64_t start = os_monotonic_ns();
	w->results = calloc(n + 1, sizeof(*w->results));
	w->files = calloc(n + 1, sizeof(*w->files));
	if (!w->results || !w->files)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	s->progress.stage = SCAN_READING;
	s->progress.layers = (unsigned)n;
	s->progress.layers_done = 0;
	TRY(layers_inspect(s, w->src, w->img, w->pumped, w->results, e));
	for (size_t i = 0; i < n; i++)
		w->files[i] = w->results[i].facts;
	if (!s->o.packages_only)
		TRY(config_inspect(s, w->img, &w->pseudo, e));
	w->ns_layers = os_monotonic_ns() - start;
	s->progress.stage = SCAN_JUDGING;
	engine_progress(s, 0, 0);
	for (size_t i = 0; i < n; i++)
		if (w->results[i].facts && !w->results[i].from_cache)
			engine_log(s, SCAN_LOG_INFO, "layer %zu: read by a confined worker (seccomp %s, Landlock ABI %u, no new privileges)", i + 1,
				   w->results[i].hello.seccomp ? "on" : "OFF", (unsigned)w->results[i].hello.landlock_abi);
	TRY(start_report(w, e));
	struct collect c = { .s = s, .r = w->r, .files = w->files, .n_layers = (int)n };
	enum err_code code = judge(w, &c, e);
	reach_close(c.reach);
	collect_free(&c);
	if (code == OK && s->o.stats)
		put_stats(w);
	return code == OK ? arena_ok(w->r->arena, "the report", e) : code;
}

static enum err_code one_image(struct image_work *w, scan_report_fn *fn, void *arg, struct err *e)
{
	struct arena arena = ARENA(report_arena_bytes);
	struct report r = { .arena = &arena };
	w->r = &r;
	enum err_code code = work(w, e);
	if (code == OK)
		code = fn(arg, &r, e);
	for (size_t i = 0; !w->pumped && w->results && i < w->img->n_layers; i++)
		layer_result_free(&w->results[i]);
	layer_result_free(&w->pseudo);
	free(w->results);
	free(w->files);
	arena_free(&arena);
	return code;
}

static enum err_code all_images(struct scan_engine *s, struct oci_source *src, struct arena *a, scan_report_fn *fn, void *arg, struct err *e)
{
	struct pumped_list pumped = { 0 };
	const struct oci_image *images;
	size_t n;
	bool stream = oci_source_is_stream(src);
	enum err_code code = OK;
	if (stream)
		code = layers_pump(s, src, a, &pumped, e);
	if (code == OK)
		code = oci_source_images(src, &images, &n, e);
	for (size_t i = 0; code == OK && i < n; i++) {
		struct image_work w = { .s = s, .src = src, .img = &images[i], .pumped = stream ? &pumped : NULL };
		code = one_image(&w, fn, arg, e);
	}
	for (size_t i = 0; i < pumped.n; i++)
		layer_result_free(&pumped.items[i].result);
	return code;
}

/* What an image in work has of its own: its progress, and the data as they are now. */
static enum err_code scan(struct scan_engine *mine, const char *ref, struct oci_source *src, scan_report_fn *fn, void *arg, struct err *e)
{
	AUTO_OCI_SOURCE opened = NULL;
	AUTO_ARENA a = ARENA(64 * MIB);
	mine->progress = (struct scan_progress){ .stage = src ? SCAN_FETCHING : SCAN_OPENING, .reference = ref };
	engine_progress(mine, 0, 0);
	if (!src)
		TRY(oci_source_open(ref, &mine->o.oci, &opened, e));
	mine->progress.stage = SCAN_FETCHING;
	return all_images(mine, src ? src : opened, &a, fn, arg, e);
}

enum err_code scan_image(struct scan_engine *s, const char *ref, scan_report_fn *fn, void *arg, struct err *e)
{
	struct scan_engine mine = *s;
	mine.data = data_take(s->holder);
	enum err_code code = scan(&mine, ref, NULL, fn, arg, e);
	data_give(s->holder, mine.data);
	return code;
}

enum err_code scan_source(struct scan_engine *s, struct oci_source *src, scan_report_fn *fn, void *arg, struct err *e)
{
	struct scan_engine mine = *s;
	mine.data = data_take(s->holder);
	enum err_code code = scan(&mine, "", src, fn, arg, e);
	data_give(s->holder, mine.data);
	return code;
}
