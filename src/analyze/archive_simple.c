/* Formats whose members lie in the archive as they are (ar, asar), and single compressed streams. */
#include <stdio.h>
#include <jansson.h>
#include "archives.h"

enum { AR_HEADER = 60, ASAR_HEADER_MAX = 64 << 20 };

static bool is_object(struct slice c) { return c.n > 18 && !memcmp(c.p, "\x7f" "ELF", 4) && c.p[c.p[5] == 2 ? 17 : 16] == 1; }

/* "name/" (System V), "#1/N" with the name before the content (BSD), or plain. */
static struct slice ar_name(struct slice header, struct slice *content)
{
	struct slice name = slice_trim(slice_upto(header, 16));
	uint64_t n;
	if (slice_has_prefix(name, SL("#1/")) && slice_to_u64(slice_from(name, 3), &n) && n <= content->n) {
		name = slice_upto(*content, (size_t)n);
		*content = slice_from(*content, (size_t)n);
		while (name.n && !name.p[name.n - 1])
			name.n--;
		return name;
	}
	return name.n > 1 && name.p[name.n - 1] == '/' && name.p[0] != '/' ? slice_upto(name, name.n - 1) : name;
}

enum err_code archive_ar(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct slice rest = slice_from(f->content, 8);
	while (rest.n >= AR_HEADER) {
		uint64_t size;
		struct slice header = slice_upto(rest, AR_HEADER);
		if (memcmp(header.p + 58, "`\n", 2) != 0 || !slice_to_u64(slice_trim(slice_sub(header, 48, 10)), &size))
			return archive_corrupt(ctx, f, "ar", "a member's header is damaged", e);
		struct slice content = slice_sub(rest, AR_HEADER, (size_t)size);
		if (content.n < size)
			return archive_corrupt(ctx, f, "ar", "a member is cut short", e);
		rest = slice_from(rest, AR_HEADER + (size_t)size + (size & 1));
		struct slice name = ar_name(header, &content);
		/* Static libraries: their objects and indexes were matched with the library's own bytes and cannot run. */
		if (is_object(content) || !name.n || name.p[0] == '/' || slice_has_prefix(name, SL("__.SYMDEF")))
			continue;
		TRY(expand_slice(ctx, f, name, 0644, content, e));
	}
	return rest.n > 1 ? archive_corrupt(ctx, f, "ar", "bytes behind the last member", e) : OK;
}

static struct slice base_name(struct slice path)
{
	ptrdiff_t slash = slice_rfind_byte(path, '/');
	return slice_from(path, (size_t)(slash + 1));
}

/* "x.tar.gz" holds "x.tar", "x.tgz" too; a name without a known ending holds "content". */
static struct slice name_inside(struct slice path, char *dst, size_t cap)
{
	static const struct { const char *end, *with; } table[] = { { ".gz", "" }, { ".tgz", ".tar" }, { ".xz", "" }, { ".txz", ".tar" },
		{ ".zst", "" }, { ".tzst", ".tar" }, { ".bz2", "" }, { ".tbz2", ".tar" }, { ".tbz", ".tar" }, { ".lzma", "" }, { ".lz4", "" } };
	struct slice base = base_name(path);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct slice end = slice_str(table[i].end);
		if (base.n <= end.n || !slice_eq_nocase(slice_from(base, base.n - end.n), end))
			continue;
		if (!*table[i].with)
			return slice_upto(base, base.n - end.n);
		int n = snprintf(dst, cap, "%.*s%s", (int)MIN(base.n - end.n, (size_t)200), (const char *)base.p, table[i].with);
		return slice_of(dst, (size_t)n);
	}
	return SL("content");
}

enum err_code archive_compressed(struct analyze_ctx *ctx, const struct file_view *f, enum compression kind, struct err *e)
{
	struct decompress_info info = { 0 };
	const char *damage = NULL;
	char name[256];
	struct stream *below;
	AUTO_STREAM s = NULL;
	TRY(stream_of_slice(f->content, &below, e));
	enum err_code code = stream_decompress(below, true, &info, &s, e);
	if (code == OK) {
		struct expand x = { .name = name_inside(f->inner.n ? f->inner : f->path, name, sizeof(name)), .mode = f->mode,
				    .size_hint = MIN(f->content.n * 4, (size_t)16 * MIB) };
		code = expand_stream(ctx, f, &x, s, &damage, e);
	}
	if (code == ERR_UNSUPPORTED)
		return archive_unsupported(ctx, f, compression_name(kind), e);
	if (code == ERR_FORMAT || (code == OK && damage))
		return archive_corrupt(ctx, f, compression_name(kind), code == OK ? damage : "it cannot be opened", e);
	TRY(code);
	/* More bytes behind the stream: whatever they are, they were not decompressed. */
	if (info.trailing_bytes > 4 * KIB && info.trailing_nonzero && info.trailing_bytes <= f->content.n)
		return expand_slice(ctx, f, SL("trailing"), f->mode, slice_from(f->content, f->content.n - (size_t)info.trailing_bytes), e);
	return OK;
}

struct asar { struct analyze_ctx *ctx; const struct file_view *f; uint64_t base; bool damaged; };

static enum err_code asar_file(struct asar *a, json_t *node, struct slice name, struct err *e)
{
	json_t *size = json_object_get(node, "size"), *offset = json_object_get(node, "offset");
	uint64_t at;
	if (!json_is_integer(size) || !json_is_string(offset))
		return OK;	/* a link, or unpacked beside the archive */
	if (json_integer_value(size) < 0 || !slice_to_u64(slice_str(json_string_value(offset)), &at) || at > a->f->content.n - a->base ||
	    (uint64_t)json_integer_value(size) > a->f->content.n - a->base - at) {
		a->damaged = true;
		return OK;
	}
	return expand_slice(a->ctx, a->f, name, json_is_true(json_object_get(node, "executable")) ? 0755 : 0644,
			    slice_sub(a->f->content, (size_t)(a->base + at), (size_t)json_integer_value(size)), e);
}

static enum err_code asar_dir(struct asar *a, json_t *dir, struct slice prefix, unsigned depth, struct err *e)
{
	const char *key;
	json_t *node;
	json_object_foreach(json_object_get(dir, "files"), key, node) {
		struct slice name = prefix.n ? arena_printf(analyze_scratch(a->ctx), "%.*s/%.1000s", SLICE_ARG(prefix), key)
					     : arena_dup(analyze_scratch(a->ctx), slice_upto(slice_str(key), 1000));
		if (!name.p || depth > 60)
			return analyze_over_budget(a->ctx, a->f, "budget: archive members", e);
		TRY(json_object_get(node, "files") ? asar_dir(a, node, name, depth + 1, e) : asar_file(a, node, name, e));
	}
	return OK;
}

enum err_code archive_asar(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct rd r = rd_of(slice_sub(f->content, 4, 12));
	uint64_t pickle = rd_le32(&r), json_bytes;
	rd_skip(&r, 4);
	json_bytes = rd_le32(&r);
	struct slice text = slice_sub(f->content, 16, (size_t)json_bytes);
	if (r.bad || json_bytes > ASAR_HEADER_MAX || text.n < json_bytes || 8 + pickle > f->content.n)
		return archive_corrupt(ctx, f, "asar", "its header is damaged", e);
	json_t *root = json_loadb((const char *)text.p, text.n, 0, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return archive_corrupt(ctx, f, "asar", "its list of files is damaged", e);
	}
	struct asar a = { .ctx = ctx, .f = f, .base = 8 + pickle };
	enum err_code code = asar_dir(&a, root, SLICE_NULL, 0, e);
	json_decref(root);
	return code == OK && a.damaged ? archive_corrupt(ctx, f, "asar", "a member is cut short", e) : code;
}
