/* What an ELF file says about itself, as one fact. */
#include "elf.h"
#include "elf_private.h"

enum { PT_LOAD_ = 1, PT_DYNAMIC_ = 2, PT_INTERP_ = 3, PT_NOTE_ = 4, PF_X_ = 1, PF_W_ = 2,
       SHT_SYMTAB_ = 2, SHT_DYNAMIC_ = 6, SHT_DYNSYM_ = 11,
       DT_NEEDED_ = 1, DT_HASH_ = 4, DT_STRTAB_ = 5, DT_SYMTAB_ = 6, DT_STRSZ_ = 10, DT_RPATH_ = 15, DT_RUNPATH_ = 29,
       DT_GNU_HASH_ = 0x6ffffef5, DT_FLAGS_1_ = 0x6ffffffb, MAX_DYN = 4096, MAX_SYMBOLS = 200000 };

static uint64_t get(const struct elf *f, const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[f->big ? n - 1 - i : i] << (8 * i);
	return v;
}

struct dynamic {
	struct slice bytes, strtab, symtab;
	uint64_t hash, gnu_hash, flags1;
	bool has_needed;
};

static bool dyn_entry(const struct elf *f, struct slice dyn, size_t i, uint64_t *tag, uint64_t *val)
{
	size_t w = f->wide ? 8 : 4;
	if (i >= MAX_DYN || (i + 1) * 2 * w > dyn.n)
		return false;
	*tag = get(f, dyn.p + i * 2 * w, (unsigned)w);
	*val = get(f, dyn.p + i * 2 * w + w, (unsigned)w);
	return *tag != 0;
}

static struct slice string_at(struct slice tab, uint64_t off)
{
	struct slice s = off < tab.n ? slice_sub(tab, (size_t)off, 4096) : SLICE_NULL;
	ptrdiff_t nul = slice_find_byte(s, 0);
	return nul < 0 ? SLICE_NULL : slice_upto(s, (size_t)nul);
}

static void dynamic_read(const struct elf *f, struct slice bytes, struct dynamic *d)
{
	uint64_t tag, val, strtab = 0, strsz = 0, symtab = 0;
	*d = (struct dynamic){ .bytes = bytes };
	for (size_t i = 0; dyn_entry(f, bytes, i, &tag, &val); i++) {
		switch (tag) {
		case DT_STRTAB_: strtab = val; break;
		case DT_STRSZ_: strsz = val; break;
		case DT_SYMTAB_: symtab = val; break;
		case DT_HASH_: d->hash = val; break;
		case DT_GNU_HASH_: d->gnu_hash = val; break;
		case DT_FLAGS_1_: d->flags1 = val; break;
		case DT_NEEDED_: d->has_needed = true; break;
		default: break;
		}
	}
	if (strtab)
		d->strtab = slice_upto(elf_at_vaddr(f, strtab), (size_t)MIN(strsz, (uint64_t)SIZE_MAX));
	if (symtab)
		d->symtab = elf_at_vaddr(f, symtab);
}

/* The dynamic symbol table has no length of its own: the section says it, or DT_HASH's chain count, or the string table's start. */
static size_t symbol_count(const struct elf *f, const struct dynamic *d)
{
	struct elf_section s;
	size_t entry = f->wide ? 24 : 16, n = d->symtab.n / entry;
	for (unsigned i = 0; elf_section_at(f, i, &s); i++)
		if (s.type == SHT_DYNSYM_)
			return MIN(n, (size_t)MIN(s.size / entry, (uint64_t)MAX_SYMBOLS));
	struct slice hash = d->hash ? elf_at_vaddr(f, d->hash) : SLICE_NULL;
	if (hash.n >= 8)
		return MIN(n, (size_t)MIN(get(f, hash.p + 4, 4), (uint64_t)MAX_SYMBOLS));
	if (d->strtab.p > d->symtab.p)
		n = MIN(n, (size_t)(d->strtab.p - d->symtab.p) / entry);
	return MIN(n, (size_t)MAX_SYMBOLS);
}

static size_t imports_read(const struct elf *f, const struct dynamic *d, bool library, struct buf *out)
{
	size_t entry = f->wide ? 24 : 16, n = symbol_count(f, d), undefined = 0;
	for (size_t i = 1; i < n; i++) {
		const uint8_t *p = d->symtab.p + i * entry;
		bool defined = get(f, p + (f->wide ? 6 : 14), 2) != 0;
		undefined += !defined;
		if (defined && !library)
			continue;
		struct slice name = string_at(d->strtab, get(f, p, 4));
		const char *say = defined ? elf_symbol_hooked(name) : elf_symbol_telling(name);
		if (say && out->max - out->n > 64)
			fact_list_put(out, slice_str(say));
	}
	return undefined;
}

static void note_read(const struct elf *f, struct slice note, struct fact_elf *ret)
{
	for (unsigned i = 0; i < 64 && note.n >= 12; i++) {
		uint64_t namesz = get(f, note.p, 4), descsz = get(f, note.p + 4, 4), type = get(f, note.p + 8, 4);
		struct slice body = slice_from(note, 12);
		if (namesz > 256 || descsz > MIB || body.n < ((namesz + 3) & ~3ull))
			return;
		struct slice name = slice_upto(body, (size_t)namesz), desc = slice_sub(body, (size_t)((namesz + 3) & ~3ull), (size_t)descsz);
		if (slice_eq(name, slice_of("GNU", 4)) && type == 3 && desc.n == descsz && desc.n <= 64)
			ret->build_id = desc;
		else if (slice_eq(name, slice_of("Go\0", 4)) && type == 4)
			ret->flags |= ELF_F_GO;
		note = slice_from(body, (size_t)(((namesz + 3) & ~3ull) + ((descsz + 3) & ~3ull)));
	}
}

static void segments_read(const struct elf *f, struct fact_elf *ret, struct slice *dyn, bool *has_interp)
{
	struct elf_segment s;
	for (unsigned i = 0; elf_segment_at(f, i, &s); i++) {
		struct slice bytes = elf_segment_bytes(f, &s);
		switch (s.type) {
		case PT_LOAD_:
			if ((s.flags & (PF_X_ | PF_W_)) == (PF_X_ | PF_W_))
				ret->flags |= ELF_F_RWX;
			break;
		case PT_DYNAMIC_: *dyn = bytes; break;
		case PT_INTERP_:
			*has_interp = true;
			ret->interp = string_at(bytes, 0);
			break;
		case PT_NOTE_: note_read(f, slice_upto(bytes, 64 * KIB), ret); break;
		default: break;
		}
	}
}

static void sections_read(const struct elf *f, struct fact_elf *ret, struct slice *dyn)
{
	struct elf_section s;
	struct slice comment = SLICE_NULL, rodata = SLICE_NULL;
	ret->flags |= f->shnum ? ELF_F_STRIPPED : ELF_F_STRIPPED | ELF_F_NO_SECTIONS;
	for (unsigned i = 0; elf_section_at(f, i, &s); i++) {
		if (s.type == SHT_SYMTAB_)
			ret->flags &= ~(uint64_t)ELF_F_STRIPPED;
		else if (s.type == SHT_DYNAMIC_ && !dyn->n)
			*dyn = elf_section_bytes(f, &s);
		else if (slice_eqs(s.name, ".go.buildinfo") || slice_eqs(s.name, ".gopclntab"))
			ret->flags |= ELF_F_GO;
		else if (slice_eqs(s.name, ".comment"))
			comment = slice_upto(elf_section_bytes(f, &s), 4 * KIB);
		else if (slice_eqs(s.name, ".rodata"))
			rodata = slice_upto(elf_section_bytes(f, &s), 256 * KIB);
	}
	/* The compiler's name, or its sources' path, which panics carry. */
	if (slice_find(comment, SL("rustc version")) >= 0 || (!(ret->flags & ELF_F_GO) && slice_find(rodata, SL("/rustc/")) >= 0))
		ret->flags |= ELF_F_RUST;
}

static void dynamic_describe(const struct elf *f, const struct dynamic *d, struct fact_elf *ret, struct buf *needed)
{
	uint64_t tag, val;
	for (size_t i = 0; dyn_entry(f, d->bytes, i, &tag, &val); i++) {
		struct slice s = tag == DT_NEEDED_ || tag == DT_RPATH_ || tag == DT_RUNPATH_ ? string_at(d->strtab, val) : SLICE_NULL;
		if (!s.n)
			continue;
		if (tag != DT_NEEDED_)
			ret->rpath = s;
		else if (needed->max - needed->n > s.n + 8)
			fact_list_put(needed, s);
	}
}

void elf_describe(const struct elf *f, struct fact_elf *ret, struct buf *needed, struct buf *imports)
{
	struct fact_elf fact = { .bits = f->wide ? 64 : 32, .big_endian = f->big, .machine = f->machine, .type = f->type };
	struct slice dyn = SLICE_NULL;
	struct dynamic d;
	bool has_interp = false;
	segments_read(f, &fact, &dyn, &has_interp);
	sections_read(f, &fact, &dyn);
	dynamic_read(f, dyn, &d);
	dynamic_describe(f, &d, &fact, needed);
	bool pie = f->type == 3 && (has_interp || d.flags1 & 0x08000000);
	bool program = f->type == 2 || pie;
	size_t undefined = imports_read(f, &d, !program, imports);
	if (pie)
		fact.flags |= ELF_F_PIE;
	if (program && !has_interp && !d.has_needed)
		fact.flags |= ELF_F_STATIC;
	fact.entropy_milli = elf_code_entropy(f, program ? 8 : 4);
	/* Compilers' code stays below 6.8; hardly any imports and no sections to speak of are the packer's. */
	if (fact.entropy_milli > 7200 && undefined < 10 && (f->shnum < 6 || fact.flags & ELF_F_RWX))
		fact.flags |= ELF_F_PACKED;
	uint64_t end = elf_described_end(f);
	if (end < f->content.n && (f->type == 2 || f->type == 3)) {
		fact.overlay_bytes = f->content.n - end;
		if (fact.overlay_bytes > 4 * KIB)
			fact.flags |= ELF_F_OVERLAY;
	}
	fact.needed = buf_slice(needed);
	fact.imports = buf_slice(imports);
	*ret = fact;
}
