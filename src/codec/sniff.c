#include "codec.h"
#include "engine.h"

const char *compression_name(enum compression c)
{
	static const char *const names[COMP_COUNT] = {
		[COMP_NONE] = "none", [COMP_GZIP] = "gzip", [COMP_ZSTD] = "zstd", [COMP_XZ] = "xz",
		[COMP_BZIP2] = "bzip2", [COMP_LZMA] = "lzma", [COMP_LZ4] = "lz4",
	};
	return (unsigned)c < COMP_COUNT ? names[c] : "unknown";
}

static bool is_zstd(struct slice s)
{
	if (slice_has_prefix(s, SL("\x28\xb5\x2f\xfd")))
		return true;
	/* a skippable frame: 0x184D2A50..0x184D2A5F, RFC 8878 section 3.1.2 */
	return s.n >= 4 && (s.p[0] & 0xf0) == 0x50 && memcmp(s.p + 1, "\x2a\x4d\x18", 3) == 0;
}

static bool is_bzip2(struct slice s)
{
	if (s.n < 8 || memcmp(s.p, "BZh", 3) != 0 || s.p[3] < '1' || s.p[3] > '9')
		return false;
	/* a block, or the end of an empty stream */
	return memcmp(s.p + 4, "\x31\x41\x59\x26", 4) == 0 || memcmp(s.p + 4, "\x17\x72\x45\x38", 4) == 0;
}

/* .lzma has no magic: the usual properties byte, then a dictionary size of 2^n or 2^n + 2^(n-1), n >= 12. */
static bool is_lzma(struct slice s)
{
	uint32_t dict;
	if (s.n < 8 || s.p[0] != 0x5d)
		return false;
	dict = (uint32_t)s.p[1] | (uint32_t)s.p[2] << 8 | (uint32_t)s.p[3] << 16 | (uint32_t)s.p[4] << 24;
	if (dict < 4096)
		return false;
	dict >>= __builtin_ctz(dict);
	return dict == 1 || dict == 3;
}

bool engine_starts(enum compression kind, struct slice s)
{
	switch (kind) {
	case COMP_GZIP: return slice_has_prefix(s, SL("\x1f\x8b"));
	case COMP_ZSTD: return is_zstd(s);
	case COMP_XZ: return slice_has_prefix(s, SL("\xfd" "7zXZ\0"));
	case COMP_BZIP2: return is_bzip2(s);
	default: return false;
	}
}

enum compression compression_sniff(struct slice s)
{
	/* the third byte is the only compression method that gzip has */
	if (slice_has_prefix(s, SL("\x1f\x8b\x08")))
		return COMP_GZIP;
	if (is_zstd(s))
		return COMP_ZSTD;
	if (engine_starts(COMP_XZ, s))
		return COMP_XZ;
	if (is_bzip2(s))
		return COMP_BZIP2;
	if (slice_has_prefix(s, SL("\x04\x22\x4d\x18")))
		return COMP_LZ4;
	return is_lzma(s) ? COMP_LZMA : COMP_NONE;
}
