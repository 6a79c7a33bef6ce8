/* Headers, segments and sections of an ELF file, bounds-checked. */
#include "elf.h"

static uint64_t get(const struct elf *f, const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[f->big ? n - 1 - i : i] << (8 * i);
	return v;
}

static bool table_fits(const struct elf *f, uint64_t off, uint64_t count, uint64_t size)
{
	return off <= f->content.n && count * size <= f->content.n - off;
}

static void clamp_tables(struct elf *f)
{
	f->phnum = MIN(f->phnum, (unsigned)ELF_MAX_SEGMENTS);
	if (f->phentsize < (f->wide ? 56u : 32u) || !table_fits(f, f->phoff, f->phnum, f->phentsize))
		f->phnum = 0;
	if (f->shentsize < (f->wide ? 64u : 40u) || !f->shoff || !table_fits(f, f->shoff, f->shnum, f->shentsize))
		f->shnum = 0;
	f->shnum = MIN(f->shnum, (unsigned)ELF_MAX_SECTIONS);
}

enum err_code elf_open(struct slice content, struct elf *ret, struct err *e)
{
	const uint8_t *p = content.p;
	if (content.n < 52 || memcmp(p, "\x7f" "ELF", 4) != 0 || p[4] < 1 || p[4] > 2 || p[5] < 1 || p[5] > 2)
		return err_set(e, ERR_FORMAT, 0, "ELF header is damaged");
	struct elf f = { .content = content, .wide = p[4] == 2, .big = p[5] == 2 };
	if (f.wide && content.n < 64)
		return err_set(e, ERR_FORMAT, 0, "ELF header is cut short");
	f.type = (unsigned)get(&f, p + 16, 2);
	f.machine = (unsigned)get(&f, p + 18, 2);
	f.entry = get(&f, p + 24, f.wide ? 8 : 4);
	f.phoff = f.wide ? get(&f, p + 32, 8) : get(&f, p + 28, 4);
	f.shoff = f.wide ? get(&f, p + 40, 8) : get(&f, p + 32, 4);
	const uint8_t *q = p + (f.wide ? 54 : 42);
	f.phentsize = (unsigned)get(&f, q, 2);
	f.phnum = (unsigned)get(&f, q + 2, 2);
	f.shentsize = (unsigned)get(&f, q + 4, 2);
	f.shnum = (unsigned)get(&f, q + 6, 2);
	f.shstrndx = (unsigned)get(&f, q + 8, 2);
	clamp_tables(&f);
	*ret = f;
	return OK;
}

bool elf_segment_at(const struct elf *f, unsigned i, struct elf_segment *ret)
{
	if (i >= f->phnum)
		return false;
	const uint8_t *p = f->content.p + f->phoff + (uint64_t)i * f->phentsize;
	if (f->wide)
		*ret = (struct elf_segment){ .type = (uint32_t)get(f, p, 4), .flags = (uint32_t)get(f, p + 4, 4), .offset = get(f, p + 8, 8),
			.vaddr = get(f, p + 16, 8), .filesz = get(f, p + 32, 8), .memsz = get(f, p + 40, 8) };
	else
		*ret = (struct elf_segment){ .type = (uint32_t)get(f, p, 4), .flags = (uint32_t)get(f, p + 24, 4), .offset = get(f, p + 4, 4),
			.vaddr = get(f, p + 8, 4), .filesz = get(f, p + 16, 4), .memsz = get(f, p + 20, 4) };
	return true;
}

static bool section_header(const struct elf *f, unsigned i, struct elf_section *ret, uint32_t *ret_name)
{
	if (i >= f->shnum)
		return false;
	const uint8_t *p = f->content.p + f->shoff + (uint64_t)i * f->shentsize;
	*ret_name = (uint32_t)get(f, p, 4);
	if (f->wide)
		*ret = (struct elf_section){ .type = (uint32_t)get(f, p + 4, 4), .flags = get(f, p + 8, 8), .addr = get(f, p + 16, 8),
			.offset = get(f, p + 24, 8), .size = get(f, p + 32, 8), .link = (uint32_t)get(f, p + 40, 4), .entsize = get(f, p + 56, 8) };
	else
		*ret = (struct elf_section){ .type = (uint32_t)get(f, p + 4, 4), .flags = get(f, p + 8, 4), .addr = get(f, p + 12, 4),
			.offset = get(f, p + 16, 4), .size = get(f, p + 20, 4), .link = (uint32_t)get(f, p + 24, 4), .entsize = get(f, p + 36, 4) };
	return true;
}

static struct slice cut(const struct elf *f, uint64_t off, uint64_t size)
{
	if (off >= f->content.n)
		return SLICE_NULL;
	return slice_sub(f->content, (size_t)off, (size_t)MIN(size, (uint64_t)f->content.n));
}

struct slice elf_section_bytes(const struct elf *f, const struct elf_section *s)
{
	return s->type == 8 ? SLICE_NULL : cut(f, s->offset, s->size);
}

struct slice elf_segment_bytes(const struct elf *f, const struct elf_segment *s) { return cut(f, s->offset, s->filesz); }

bool elf_section_at(const struct elf *f, unsigned i, struct elf_section *ret)
{
	struct elf_section strings;
	uint32_t name, ignored;
	if (!section_header(f, i, ret, &name))
		return false;
	if (section_header(f, f->shstrndx, &strings, &ignored)) {
		struct slice s = slice_from(elf_section_bytes(f, &strings), name);
		ptrdiff_t nul = slice_find_byte(slice_upto(s, 256), 0);
		if (nul >= 0)
			ret->name = slice_upto(s, (size_t)nul);
	}
	return true;
}

bool elf_section_find(const struct elf *f, const char *name, struct elf_section *ret)
{
	struct elf_section s;
	for (unsigned i = 0; elf_section_at(f, i, &s); i++)
		if (slice_eqs(s.name, name)) {
			*ret = s;
			return true;
		}
	return false;
}

struct slice elf_at_vaddr(const struct elf *f, uint64_t vaddr)
{
	struct elf_segment s;
	for (unsigned i = 0; elf_segment_at(f, i, &s); i++)
		if (s.type == 1 && vaddr >= s.vaddr && vaddr - s.vaddr < s.filesz)
			return slice_from(elf_segment_bytes(f, &s), (size_t)MIN(vaddr - s.vaddr, (uint64_t)SIZE_MAX));
	return SLICE_NULL;
}

static void reach(uint64_t *end, uint64_t off, uint64_t size)
{
	uint64_t to;
	if (add_ok(off, size, &to) && to > *end)
		*end = to;
}

uint64_t elf_described_end(const struct elf *f)
{
	uint64_t end = f->wide ? 64 : 52;
	struct elf_segment seg;
	struct elf_section sec;
	uint32_t name;
	reach(&end, f->phoff, (uint64_t)f->phnum * f->phentsize);
	reach(&end, f->shoff, (uint64_t)f->shnum * f->shentsize);
	for (unsigned i = 0; elf_segment_at(f, i, &seg); i++)
		if (seg.filesz)
			reach(&end, seg.offset, seg.filesz);
	for (unsigned i = 0; section_header(f, i, &sec, &name); i++)
		if (sec.type != 0 && sec.type != 8)
			reach(&end, sec.offset, sec.size);
	return end;
}
