/* What the bytes of a file say about its class. Runs for every file of a layer, so it branches on the first byte and stops early. */
#include "classify.h"

static uint32_t le32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }
static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static uint64_t elf_uint(const uint8_t *p, unsigned n, bool big)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[big ? n - 1 - i : i] << (8 * i);
	return v;
}

enum { PT_DYNAMIC_ = 2, PT_INTERP_ = 3 };

/* DF_1_PIE in the dynamic section: a static PIE has no interpreter, yet it is a program. */
static bool elf_says_pie(struct slice dyn, bool wide, bool big)
{
	size_t step = wide ? 16 : 8, word = step / 2;
	for (size_t at = 0; at + step <= dyn.n && at < 4096; at += step) {
		uint64_t tag = elf_uint(dyn.p + at, (unsigned)word, big);
		if (tag == 0)
			return false;
		if (tag == 0x6ffffffb)
			return elf_uint(dyn.p + at + word, (unsigned)word, big) & 0x08000000;
	}
	return false;
}

static bool elf_dyn_is_program(struct slice c, bool wide, bool big)
{
	uint64_t phoff = wide ? elf_uint(c.p + 32, 8, big) : elf_uint(c.p + 28, 4, big);
	uint64_t phentsize = elf_uint(c.p + (wide ? 54 : 42), 2, big), phnum = elf_uint(c.p + (wide ? 56 : 44), 2, big);
	struct slice dyn = SLICE_NULL;
	if (phentsize < (wide ? 56u : 32u) || phoff > c.n)
		return false;
	for (uint64_t i = 0; i < phnum && i < 64; i++) {
		struct slice ph = slice_sub(c, (size_t)(phoff + i * phentsize), wide ? 56 : 32);
		if (ph.n < (wide ? 56u : 32u))
			break;
		uint64_t type = elf_uint(ph.p, 4, big);
		if (type == PT_INTERP_)
			return true;
		if (type == PT_DYNAMIC_) {
			uint64_t off = wide ? elf_uint(ph.p + 8, 8, big) : elf_uint(ph.p + 4, 4, big);
			uint64_t size = wide ? elf_uint(ph.p + 32, 8, big) : elf_uint(ph.p + 16, 4, big);
			if (off < c.n)
				dyn = slice_sub(c, (size_t)off, (size_t)MIN(size, (uint64_t)c.n));
		}
	}
	return elf_says_pie(dyn, wide, big);
}

static bool name_is_library(struct slice path)
{
	struct slice base = slice_from(path, (size_t)(slice_rfind_byte(path, '/') + 1));
	return slice_find(base, SL(".so")) >= 0;
}

static enum file_class classify_elf(struct slice path, struct slice c, bool executable)
{
	bool wide = c.n > 5 && c.p[4] == 2, big = c.n > 5 && c.p[5] == 2;
	if (c.n < (wide ? 64u : 52u))
		return FILE_ELF;	/* damaged: looked at as a program */
	switch (elf_uint(c.p + 16, 2, big)) {
	case 1: case 4:
		return FILE_ELF_OBJ;
	case 3:
		if (elf_dyn_is_program(c, wide, big))
			return FILE_ELF;
		return executable && !name_is_library(path) ? FILE_ELF : FILE_ELF_LIB;
	default:
		return FILE_ELF;
	}
}

static bool is_pe(struct slice c)
{
	if (c.n < 64)
		return false;
	uint32_t at = le32(c.p + 60);
	return at < c.n && c.n - at >= 4 && memcmp(c.p + at, "PE\0\0", 4) == 0;
}

/* CPython writes a version number and "\r\n"; 3xxx since Python 3, 20xxx and 5xxxx-62xxx before. */
static bool is_pyc(struct slice c)
{
	if (c.n < 8 || c.p[2] != '\r' || c.p[3] != '\n')
		return false;
	unsigned v = c.p[0] | (unsigned)c.p[1] << 8;
	return (v >= 2990 && v < 3800) || v == 20121 || (v >= 50428 && v <= 50823) || (v >= 60202 && v <= 62300);
}

/* A ustar or GNU tar header, or an old one whose checksum holds. */
static bool is_tar(struct slice c)
{
	if (c.n < 512)
		return false;
	if (memcmp(c.p + 257, "ustar", 5) == 0)
		return true;
	unsigned want = 0, sum = 0;
	const uint8_t *f = c.p + 148;
	while (f < c.p + 155 && *f == ' ')
		f++;
	if (*f < '0' || *f > '7' || !c.p[0])
		return false;
	for (; f < c.p + 156 && *f >= '0' && *f <= '7'; f++)
		want = want * 8 + (unsigned)(*f - '0');
	for (unsigned i = 0; i < 512; i++)
		sum += c.p[i];
	for (unsigned i = 148; i < 156; i++)
		sum += ' ' - (unsigned)c.p[i];
	return sum == want;
}

/* Electron's archive: a pickled length, then JSON that starts with its files. */
static bool is_asar(struct slice c)
{
	return c.n >= 32 && le32(c.p) == 4 && slice_has_prefix(slice_from(c, 16), SL("{\"files\":"));
}

static bool starts(struct slice c, const char *magic, size_t n) { return c.n >= n && memcmp(c.p, magic, n) == 0; }
#define STARTS(c, lit) starts(c, lit, sizeof(lit) - 1)

static bool is_archive_by_first_byte(struct slice c)
{
	switch (c.p[0]) {
	case 'P': return STARTS(c, "PK\3\4") || STARTS(c, "PK\5\6") || STARTS(c, "PK\7\10PK");
	case 0x1f: return STARTS(c, "\x1f\x8b\x08") || STARTS(c, "\x1f\x9d");
	case 0xfd: return STARTS(c, "\xfd" "7zXZ");
	case 0x28: return STARTS(c, "\x28\xb5\x2f\xfd");
	case 'B': return c.n >= 10 && STARTS(c, "BZh") && c.p[3] >= '1' && c.p[3] <= '9' && (c.p[4] == 0x31 || c.p[4] == 0x17);
	case 0x5d: return c.n >= 13 && STARTS(c, "\x5d\0\0") && (c.p[12] == 0xff || !c.p[12]);
	case 0x04: return STARTS(c, "\x04\x22\x4d\x18") || is_asar(c);
	case 0x89: return STARTS(c, "\x89LZO");
	case 'L': return STARTS(c, "LZIP\1");
	case '!': return STARTS(c, "!<arch>\n");
	case 0xed: return STARTS(c, "\xed\xab\xee\xdb");
	case 'M': return STARTS(c, "MSCF\0\0\0\0");
	case '7': return STARTS(c, "7z\xbc\xaf\x27\x1c");
	case 'R': return STARTS(c, "Rar!\x1a\x07");
	case 'h': return STARTS(c, "hsqs");
	case 's': return STARTS(c, "sqsh");
	case 'x': return STARTS(c, "xar!\0\x1c");
	case '0': return STARTS(c, "070701") || STARTS(c, "070702") || STARTS(c, "070707");
	case 0xc7: return c.n >= 26 && STARTS(c, "\xc7\x71");
	case 0x71: return c.n >= 26 && STARTS(c, "\x71\xc7");
	default:
		return (c.p[0] & 0xf0) == 0x50 && c.n >= 8 && le32(c.p) >> 4 == 0x184d2a5;	/* zstd's skippable frames */
	}
}

static bool is_bytecode(struct slice c)
{
	switch (c.p[0]) {
	case 0xca:
		/* A Java class has its major version (45 and above) where a fat Mach-O has its small number of programs. */
		return c.n >= 8 && be32(c.p) == 0xcafebabe && (be32(c.p + 4) & 0xffff) >= 45;
	case 0: return STARTS(c, "\0asm");
	case 'd': return STARTS(c, "dex\n0");
	case 0x1b: return STARTS(c, "\x1bLua");
	default: return is_pyc(c);
	}
}

static bool is_iso(struct slice c) { return c.n > 0x9000 && memcmp(c.p + 0x8001, "CD001", 5) == 0; }

/* No C0 control but BEL, BS, TAB, LF, VT, FF, CR, SUB and ESC. Without a branch, so that it runs sixteen bytes at a time. */
static bool range_is_text(struct slice s)
{
	uint8_t bad = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bad |= (uint8_t)((c < 0x20) & ((uint8_t)(c - 7) > 6) & (c != 0x1a) & (c != 0x1b));
	}
	return !bad;
}

/* UTF-16 without a mark: in the first 32 bytes nearly every other byte is NUL and the others are not. */
static bool looks_utf16(struct slice c)
{
	unsigned zero[2] = { 0 };
	size_t n = MIN(c.n & ~(size_t)1, (size_t)32);
	for (size_t i = 0; i < n; i++)
		zero[i & 1] += !c.p[i];
	return n >= 8 && ((zero[0] >= n / 2 - 1 && !zero[1]) || (zero[1] >= n / 2 - 1 && !zero[0]));
}

static bool is_text(struct slice c)
{
	if (c.n >= 2 && ((c.p[0] == 0xff && c.p[1] == 0xfe) || (c.p[0] == 0xfe && c.p[1] == 0xff)))
		return true;
	if (!range_is_text(slice_upto(c, 128)))
		return looks_utf16(c);
	return c.n <= 128 || range_is_text(slice_from(c, c.n - MIN(c.n - 128, (size_t)64)));
}

enum file_class analyze_classify(struct slice path, struct slice content, bool executable, enum script_lang *ret_lang)
{
	struct slice c = content;
	*ret_lang = LANG_NONE;
	if (!c.n)
		return FILE_EMPTY;
	if (c.p[0] == 0x7f && STARTS(c, "\x7f" "ELF"))
		return classify_elf(path, c, executable);
	*ret_lang = classify_shebang(c);
	if (*ret_lang != LANG_NONE)
		return FILE_SCRIPT;
	if (is_bytecode(c))
		return FILE_BYTECODE;
	if (is_archive_by_first_byte(c))
		return FILE_ARCHIVE;
	if (c.p[0] == 'M' && c.p[1 < c.n] == 'Z' && is_pe(c))
		return FILE_PE;
	if (STARTS(c, "<?php")) {
		*ret_lang = LANG_PHP;
		return FILE_SCRIPT;
	}
	if (is_tar(c))
		return FILE_ARCHIVE;
	bool text = is_text(c);
	if (!text && is_iso(c))
		return FILE_ARCHIVE;
	return classify_name(path, text, executable, ret_lang);
}
