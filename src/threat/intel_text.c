/* What people are told about the indicators, and writing the installed table. */
#include "intel_private.h"
#include <stdio.h>
#include <stdlib.h>

enum { TABLE_MAX_BYTES = 1 << 30 };

enum err_code intel_describe(const struct intel *in, struct report *r, struct err *e)
{
	struct intel_summary s;
	char built[21];
	intel_summarize(in, &s);
	os_format_time(s.built_s, built);
	r->intel_built = slice_str(arena_strdup(r->arena, built));
	r->intel_digest = arena_printf(r->arena, "sha256:%s", s.digest);
	r->intel_records = s.records;
	return arena_ok(r->arena, "the report", e);
}

enum err_code intel_status(const struct intel *in, struct buf *out, struct err *e)
{
	struct intel_summary s;
	char built[21];
	intel_summarize(in, &s);
	os_format_time(s.built_s, built);
	buf_printf(out, "%llu indicators in %llu table%s, newest of %s\n", (unsigned long long)s.records, (unsigned long long)s.tables,
		   s.tables == 1 ? " (compiled in)" : "s", built);
	for (size_t k = 1; k < INTEL_KIND_COUNT; k++)
		if (s.per_kind[k])
			buf_printf(out, "  %-8s %llu\n", intel_kind_name((enum intel_kind)k), (unsigned long long)s.per_kind[k]);
	buf_printf(out, "  digest   sha256:%s\n", s.digest);
	return buf_ok(out, "the status", e);
}

static const char *threat_word(enum finding_kind kind)
{
	return kind == KIND_MINER ? "a miner" : kind == KIND_ATTACK_TOOL ? "an attack tool" : "malware";
}

static void put_hit(struct buf *out, const struct intel_hit *h, struct slice asked)
{
	char shown[300];
	buf_printf(out, "%s is listed as %s", text_escape_to(shown, sizeof(shown), asked), threat_word(h->threat));
	if (h->what[0])
		buf_printf(out, ": %s", h->what);
	buf_puts(out, "\n");
	buf_printf(out, "  entry:  %s (%s)\n", h->value, intel_kind_name(h->kind));
	if (h->source[0])
		buf_printf(out, "  source: %s%s\n", h->source, h->grade == 's' ? " (from a secondary text)" : "");
	buf_printf(out, "  list:   %s\n", h->seed ? "compiled in" : h->feed);
}

enum err_code intel_lookup_text(const struct intel *in, struct slice value, struct buf *out, bool *ret_found, struct err *e)
{
	enum intel_kind shape = intel_shape(value);
	/* "nginx", "ns/name" and "name:tag" may be images as well as hosts. */
	const enum intel_kind kinds[] = { shape, INTEL_IMAGE };
	bool any = false;
	char shown[300];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct intel_hit hit;
		bool found = false;
		if (kinds[i] == INTEL_NONE || (i && shape == INTEL_IMAGE))
			continue;
		TRY(intel_lookup(in, kinds[i], value, &found, &hit, e));
		if (found)
			put_hit(out, &hit, value);
		any |= found;
	}
	if (!any)
		buf_printf(out, "%s is not listed\n", text_escape_to(shown, sizeof(shown), value));
	*ret_found = any;
	return buf_ok(out, "the answer", e);
}

/* --- The installed table ------------------------------------------------------------------------------------------------ */

static bool imported_again(const char *feed, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(feed, intel_base_name(paths[i]), sizeof(((struct table_meta *)0)->feed) - 1))
			return true;
	return false;
}

static enum err_code keep_old(struct intel_build *b, struct intel_table *t, const char *const *paths, size_t n_paths, struct err *e)
{
	for (uint64_t i = 0; i < t->h.records; i++) {
		struct table_meta m;
		uint8_t key[INTEL_KEY_BYTES];
		uint32_t at;
		TRY(table_record(t, i, key, &at, e));
		TRY(table_meta(t, at, &m, e));
		if (imported_again(m.feed, paths, n_paths))
			continue;
		TRY(build_add_key(b, key, &m, e));
		b->stats.kept++;
	}
	b->v4_prefixes |= t->h.v4_prefixes;
	for (size_t i = 0; i < 3; i++)
		b->v6_prefixes[i] |= t->h.v6_prefixes[i];
	return OK;
}

static enum err_code gather(struct intel_build *b, const char *const *paths, size_t n_paths, const char *out_path, struct err *e)
{
	struct os_map map;
	for (size_t i = 0; i < n_paths; i++) {
		struct intel_reader r = { .build = b, .now_s = os_now_s() };
		snprintf(r.feed, sizeof(r.feed), "%s", intel_base_name(paths[i]));
		TRY(intel_map_path(paths[i], &map, e));
		enum err_code code = reader_bytes(&r, map.bytes, paths[i], e);
		os_unmap(&map);
		TRY(code);
	}
	if (!b->n && b->stats.read)
		return err_set(e, ERR_FORMAT, 0, "there is no indicator that pabean knows in these files; the first one not understood is '%s'",
			       b->stats.first_unknown);
	/* What is in the new files comes first: their texts win over older ones. */
	struct err none;
	if (intel_map_path(out_path, &map, &none) != OK)
		return none.code == ERR_NOT_FOUND ? OK : (*e = none, none.code);
	struct intel_table old = { 0 };
	enum err_code code = table_open(map.bytes, out_path, &old, e);
	if (code == OK)
		code = keep_old(b, &old, paths, n_paths, e);
	table_close(&old);
	os_unmap(&map);
	return code;
}

enum err_code intel_import(const char *const *paths, size_t n_paths, const char *out_path, struct intel_import_stats *ret, struct err *e)
{
	struct intel_build b;
	AUTO_BUF out = BUF(TABLE_MAX_BYTES);
	AUTO_ATOMIC file = { .fd = -1 };
	TRY(build_open(&b, e));
	enum err_code code = gather(&b, paths, n_paths, out_path, e);
	size_t before = b.n;
	if (code == OK)
		code = build_finish(&b, os_now_s(), &out, e);
	struct intel_import_stats stats = b.stats;
	stats.added -= MIN(stats.added, before - b.n);
	build_close(&b);
	TRY(code);
	TRY(os_atomic_open(out_path, 0644, &file, e));
	TRY(os_write_all(file.fd, out.p, out.n, out_path, e));
	TRY(os_atomic_commit(&file, e));
	*ret = stats;
	return OK;
}
