/* UPX on ELF: behind the program headers come l_info (checksum, "UPX!", sizes), p_info (program id, original size, block size), then
 * blocks, each with b_info (size unpacked, size packed, method, filter, filter's byte, unused). The first block holds the original's
 * headers, the next ones its loaded segments, the last ones what lies between them. Sizes in p_info are often wiped: not needed. */
#include <stdlib.h>
#include "elf.h"
#include "upx_nrv.h"

enum { L_INFO = 12, P_INFO = 12, B_INFO = 12, MAX_BLOCKS = 4096, MAX_EXTENTS = 2 * ELF_MAX_SEGMENTS + 2, FILTER_X86_JCC = 0x49, FILTER_X86 = 0x26 };

struct block { uint32_t unpacked, packed; unsigned method, filter, cto; struct slice data; };
struct extent { uint64_t off, size; };
struct layout { struct extent ext[MAX_EXTENTS]; unsigned n, at; uint64_t used, loaded /* bytes of headers and segments */; };

static uint32_t u32(const struct elf *f, const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return f->big ? __builtin_bswap32(v) : v;
}

static bool block_at(const struct elf *f, size_t *pos, struct block *ret)
{
	struct slice h = slice_sub(f->content, *pos, B_INFO);
	if (h.n < B_INFO)
		return false;
	struct block b = { .unpacked = u32(f, h.p), .packed = u32(f, h.p + 4), .method = h.p[8], .filter = h.p[9], .cto = h.p[10] };
	b.data = slice_sub(f->content, *pos + B_INFO, b.packed);
	if (!b.unpacked || b.packed > b.unpacked || b.data.n < b.packed || (b.packed < b.unpacked && !upx_method_known(b.method)))
		return false;
	*pos += B_INFO + (size_t)b.packed;
	*ret = b;
	return true;
}

/* x86 calls and jumps were made absolute, big-endian, with the byte `cto` on top. */
static void unfilter_x86(uint8_t *p, size_t n, unsigned cto, bool jcc)
{
	size_t last = 0;
	for (size_t i = 0; i + 5 <= n; i++) {
		bool branch = p[i] == 0xe8 || p[i] == 0xe9 || (jcc && i && i != last && p[i - 1] == 0x0f && p[i] >= 0x80 && p[i] <= 0x8f);
		if (!branch || p[i + 1] != cto)
			continue;
		uint32_t v = (uint32_t)p[i + 1] << 24 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 8 | p[i + 4];
		v -= (uint32_t)(i + 1) + ((uint32_t)cto << 24);
		memcpy(p + i + 1, &v, 4);
		i += 4;
		last = i + 1;
	}
}

static bool block_unpack(const struct block *b, uint8_t *out)
{
	if (b->packed == b->unpacked)
		memcpy(out, b->data.p, b->packed);
	else if (!upx_decompress(b->method, b->data, out, b->unpacked))
		return false;
	if (b->filter == FILTER_X86 || b->filter == FILTER_X86_JCC)
		unfilter_x86(out, b->unpacked, b->cto, b->filter == FILTER_X86_JCC);
	return true;
}

static void layout_add(struct layout *l, uint64_t off, uint64_t size)
{
	if (size && l->n < MAX_EXTENTS)
		l->ext[l->n++] = (struct extent){ off, size };
}

/* Where blocks go: loaded segments in their order (less the headers), then the gaps between them, then the tail. */
static bool layout_make(struct slice file, size_t headers, struct layout *l)
{
	struct elf f;
	struct err ignored;
	struct elf_segment s;
	uint64_t end = headers;
	*l = (struct layout){ .loaded = headers };
	if (elf_open(file, &f, &ignored) != OK || !f.phnum || f.phoff + (uint64_t)f.phnum * f.phentsize > headers)
		return false;
	for (unsigned i = 0; elf_segment_at(&f, i, &s); i++) {
		if (s.type != 1 || !s.filesz)
			continue;
		if (s.offset > file.n || s.filesz > file.n - s.offset || (s.offset < headers && s.offset + s.filesz < headers))
			return false;
		uint64_t skip = s.offset < headers ? headers - s.offset : 0;
		layout_add(l, s.offset + skip, s.filesz - skip);
		l->loaded += s.filesz - skip;
	}
	unsigned loads = l->n;
	for (;;) {	/* the next segment that starts at or behind `end`; few segments, so no sorting */
		uint64_t next = file.n, next_end = file.n;
		for (unsigned i = 0; i < loads; i++) {
			if (l->ext[i].off <= end && l->ext[i].off + l->ext[i].size > end) {
				next = end;
				next_end = l->ext[i].off + l->ext[i].size;
				break;
			}
			if (l->ext[i].off > end && l->ext[i].off < next) {
				next = l->ext[i].off;
				next_end = next + l->ext[i].size;
			}
		}
		layout_add(l, end, next - end);
		if (next == file.n)
			return true;
		end = next_end;
	}
}

static bool layout_place(struct layout *l, uint64_t size, uint64_t *ret_off)
{
	while (l->at < l->n && l->used == l->ext[l->at].size) {
		l->at++;
		l->used = 0;
	}
	if (l->at == l->n || size > l->ext[l->at].size - l->used)
		return false;
	*ret_off = l->ext[l->at].off + l->used;
	l->used += size;
	return true;
}

static enum err_code too_large(struct err *e) { return err_set(e, ERR_LIMIT, 0, "unpacked program is larger than the budget"); }

/* The original's own layout; false when its headers or blocks do not fit one another. */
static bool unpack_in_place(const struct elf *f, size_t pos, size_t loader, uint64_t size, struct buf *out)
{
	struct block b;
	struct layout l;
	uint64_t off, total;
	if (size < 52 || size > out->max || !block_at(f, &pos, &b) || b.unpacked > size || !buf_reserve(out, (size_t)size))
		return false;
	memset(out->p, 0, (size_t)size);
	out->n = (size_t)size;
	total = b.unpacked;
	if (!block_unpack(&b, out->p) || !layout_make(buf_slice(out), b.unpacked, &l))
		return false;
	for (unsigned i = 0; i < MAX_BLOCKS && total < size; i++) {
		/* The loader stands between the loaded segments' blocks and those of the gaps. */
		if (!block_at(f, &pos, &b) && (pos = ((pos + 3) & ~(size_t)3) + loader, loader = 0, !block_at(f, &pos, &b)))
			break;
		if (!layout_place(&l, b.unpacked, &off) || !block_unpack(&b, out->p + off))
			return false;
		total += b.unpacked;
	}
	return total >= l.loaded;
}

static enum err_code unpack_in_a_row(const struct elf *f, size_t pos, struct buf *out, bool *ret_good, struct err *e)
{
	struct block b;
	unsigned n = 0;
	*ret_good = true;
	while (*ret_good && n < MAX_BLOCKS && block_at(f, &pos, &b)) {
		if (b.unpacked > out->max - out->n)
			return too_large(e);
		if (!buf_reserve(out, b.unpacked))
			return err_set(e, ERR_NOMEM, 0, "unpack program");
		if (block_unpack(&b, out->p + out->n))
			out->n += b.unpacked;
		else
			*ret_good = false;
		n++;
	}
	*ret_good = *ret_good && n > 1;
	return OK;
}

/* Where p_info starts; 0 when nothing here looks like it. The first block must be there and unpack to an ELF header. */
static size_t find_p_info(const struct elf *f, bool *ret_magic)
{
	uint64_t ph_end = f->phoff + (uint64_t)f->phnum * f->phentsize;
	struct slice head = slice_sub(f->content, (size_t)ph_end, 512), tail = slice_from(f->content, f->content.n - MIN(f->content.n, (size_t)64));
	ptrdiff_t at = slice_find(head, SL("UPX!"));
	*ret_magic = at >= 0 || slice_find(tail, SL("UPX!")) >= 0;
	size_t tries[] = { at >= 0 ? (size_t)ph_end + (size_t)at + 8 : 0, (size_t)ph_end + L_INFO,
			   *ret_magic && tail.n >= 4 ? u32(f, tail.p + tail.n - 4) : 0 };
	for (unsigned i = 0; i < ARRAY_LEN(tries); i++) {
		uint8_t first[4096];
		struct block b;
		size_t pos = tries[i] + P_INFO;
		if (tries[i] > L_INFO && tries[i] < f->content.n && block_at(f, &pos, &b) && b.unpacked >= 52 && b.unpacked <= sizeof(first) &&
		    block_unpack(&b, first) && memcmp(first, "\x7f" "ELF", 4) == 0)
			return tries[i];
	}
	return 0;
}

enum err_code elf_upx_unpack(const struct elf *f, struct buf *out, enum upx_result *ret, uint64_t *ret_bytes, struct err *e)
{
	bool magic = false, good = false;
	*ret_bytes = 0;
	*ret = UPX_NONE;
	if (!f->phnum || f->type == 1 || f->type == 4)
		return OK;
	size_t p_info = find_p_info(f, &magic);
	if (!p_info) {
		*ret = magic ? UPX_BROKEN : UPX_NONE;
		return OK;
	}
	uint64_t size = u32(f, f->content.p + p_info + 4);
	*ret_bytes = size;
	const uint8_t *lsize = f->content.p + p_info - 4;	/* in l_info, 16 bits */
	size_t loader = f->big ? (size_t)lsize[0] << 8 | lsize[1] : (size_t)lsize[1] << 8 | lsize[0];
	if (!unpack_in_place(f, p_info + P_INFO, loader, size, out)) {
		buf_clear(out);
		TRY(unpack_in_a_row(f, p_info + P_INFO, out, &good, e));
		*ret = good ? UPX_UNPACKED : UPX_BROKEN;
		return OK;
	}
	*ret = UPX_UNPACKED;
	return OK;
}
