#include <stdio.h>
#include "elf.h"
#include "go_build.h"

/* A header of 32 bytes, aligned to 16: magic of 14, pointer size, flags; then two pointers to Go strings, or from byte 32 two strings with
 * varint lengths. */
enum { MAGIC_BYTES = 14, HEADER_BYTES = 32, ALIGN_BYTES = 16, FLAG_BIG_ENDIAN = 1, FLAG_INLINE = 2, SENTINEL_BYTES = 16, SEGMENT_WRITABLE = 2,
       SEGMENT_LOAD = 1 };
static const char magic[MAGIC_BYTES + 1] = "\xff Go buildinf:";

static struct slice find_header(struct slice area)
{
	for (struct slice rest = area;;) {
		ptrdiff_t at = slice_find(rest, slice_of(magic, MAGIC_BYTES));
		if (at < 0)
			return SLICE_NULL;
		rest = slice_from(rest, (size_t)at);
		if ((size_t)(rest.p - area.p) % ALIGN_BYTES == 0 && rest.n >= HEADER_BYTES)
			return rest;
		rest = slice_from(rest, 1);
	}
}

/* The modules stand between two sentinels of 16 bytes. */
static struct slice strip_sentinels(struct slice s)
{
	if (s.n < 2 * SENTINEL_BYTES + 1 || s.p[s.n - SENTINEL_BYTES - 1] != '\n')
		return SLICE_NULL;
	return slice_sub(s, SENTINEL_BYTES, s.n - 2 * SENTINEL_BYTES);
}

static uint64_t read_word(struct rd *r, unsigned bytes, bool big) { return big ? rd_uint_be(r, bytes) : rd_uint_le(r, bytes); }

/* A Go string by the address of its header. */
static struct slice string_at(const struct elf *f, uint64_t addr, unsigned word, bool big)
{
	struct rd r = rd_of(elf_at_vaddr(f, addr));
	uint64_t data = read_word(&r, word, big), n = read_word(&r, word, big);
	if (r.bad || !n)
		return SLICE_NULL;
	struct slice s = elf_at_vaddr(f, data);
	return n <= s.n ? slice_upto(s, n) : SLICE_NULL;
}

static bool read_header(struct slice header, const struct elf *f, struct go_build *ret)
{
	uint8_t word = header.p[MAGIC_BYTES], flags = header.p[MAGIC_BYTES + 1];
	struct go_build b = {};
	struct slice modules = SLICE_NULL;
	if (flags & FLAG_INLINE) {
		struct rd r = rd_of(slice_from(header, HEADER_BYTES));
		b.go_version = rd_bytes(&r, rd_varint(&r));
		modules = rd_bytes(&r, rd_varint(&r));
		if (r.bad)
			modules = SLICE_NULL;
	} else if (f && (word == 4 || word == 8)) {
		bool big = flags & FLAG_BIG_ENDIAN;
		struct rd r = rd_of(slice_sub(header, ALIGN_BYTES, 2u * word));
		uint64_t version_at = read_word(&r, word, big), modules_at = read_word(&r, word, big);
		b.go_version = string_at(f, version_at, word, big);
		modules = string_at(f, modules_at, word, big);
	}
	b.modules = strip_sentinels(modules);
	if (!b.go_version.n || b.go_version.n > 256 || !text_is_utf8(b.go_version))
		return false;
	*ret = b;
	return true;
}

bool go_build_read(struct slice content, struct go_build *ret)
{
	struct elf f;
	struct err e;
	struct elf_section section;
	struct elf_segment segment;
	struct slice header = SLICE_NULL;
	if (elf_open(content, &f, &e) != OK) {
		header = find_header(content);
		return header.p && read_header(header, NULL, ret);
	}
	if (elf_section_find(&f, ".go.buildinfo", &section))
		header = find_header(elf_section_bytes(&f, &section));
	for (unsigned i = 0; !header.p && elf_segment_at(&f, i, &segment); i++)
		if (segment.type == SEGMENT_LOAD && segment.flags & SEGMENT_WRITABLE) {
			header = find_header(elf_segment_bytes(&f, &segment));
			break;
		}
	return header.p && read_header(header, &f, ret);
}

static bool take_module(struct slice line, struct slice *path, struct slice *version)
{
	struct slice rest = line;
	*version = SLICE_NULL;
	if (!slice_next_piece(&rest, '\t', path) || !path->n)
		return false;
	slice_next_piece(&rest, '\t', version);
	return true;
}

bool go_module_next(struct slice *rest, struct go_module *ret)
{
	struct slice line, next, after;
	while (slice_next_line(rest, &line)) {
		struct go_module m = { .main = slice_has_prefix(line, SL("mod\t")) };
		if (!m.main && !slice_has_prefix(line, SL("dep\t")))
			continue;
		if (!take_module(slice_from(line, 4), &m.path, &m.version))
			continue;
		after = *rest;
		if (slice_next_line(&after, &next) && slice_has_prefix(next, SL("=>\t"))) {
			m.replaced = take_module(slice_from(next, 3), &m.by_path, &m.by_version);
			*rest = after;
		}
		*ret = m;
		return true;
	}
	return false;
}

struct slice go_stdlib_version(struct slice v, char dst[64])
{
	struct slice parts[3] = { SLICE_NULL, SL("0"), SL("0") }, pre = SLICE_NULL;
	unsigned n = 0;
	size_t i = 0;
	if (!slice_has_prefix(v, SL("go")))
		return SLICE_NULL;
	v = slice_from(v, 2);
	for (; n < 3; n++) {
		size_t start = i;
		while (i < v.n && v.p[i] >= '0' && v.p[i] <= '9' && i - start < 9)
			i++;
		if (i == start)
			return SLICE_NULL;
		parts[n] = slice_sub(v, start, i - start);
		if (i == v.n || v.p[i] != '.')
			break;
		i++;
	}
	/* "rc1", "beta2"; what follows a blank, "-" or "+" is a vendor's. */
	v = slice_from(v, i);
	for (i = 0; i < v.n && v.p[i] >= 'a' && v.p[i] <= 'z'; i++)
		;
	pre = slice_upto(v, MIN(i, (size_t)8));
	v = slice_from(v, i);
	for (i = 0; i < v.n && v.p[i] >= '0' && v.p[i] <= '9' && i < 4; i++)
		;
	int len = pre.n && i ? snprintf(dst, 64, "%.*s.%.*s.%.*s-%.*s.%.*s", SLICE_ARG(parts[0]), SLICE_ARG(parts[1]), SLICE_ARG(parts[2]),
					SLICE_ARG(pre), SLICE_ARG(slice_upto(v, i)))
			     : snprintf(dst, 64, "%.*s.%.*s.%.*s", SLICE_ARG(parts[0]), SLICE_ARG(parts[1]), SLICE_ARG(parts[2]));
	return len > 0 && len < 64 ? slice_of(dst, (size_t)len) : SLICE_NULL;
}
