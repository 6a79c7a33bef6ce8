#include "codec.h"
#include "rpm.h"

enum {
	TAG_NAME = 1000, TAG_VERSION = 1001, TAG_RELEASE = 1002, TAG_EPOCH = 1003, TAG_VENDOR = 1011, TAG_LICENSE = 1014, TAG_ARCH = 1022,
	TAG_OLDFILENAMES = 1027, TAG_FILESTATES = 1029, TAG_FILEMODES = 1030, TAG_FILEDIGESTS = 1035, TAG_FILEFLAGS = 1037,
	TAG_SOURCERPM = 1044, TAG_DIRINDEXES = 1116, TAG_BASENAMES = 1117, TAG_DIRNAMES = 1118, TAG_FILEDIGESTALGO = 5011,
	TAG_MODULARITYLABEL = 5096,
};
enum { TYPE_CHAR = 1, TYPE_INT16 = 3, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18NSTRING = 9 };
enum { INDEX_ENTRY_BYTES = 16, INDEX_MAX = 0xffff, FILE_CONFIG_FLAG = 1, FILE_GHOST_FLAG = 64, STATE_NORMAL = 0 };

/* The rest of the data from where the tag's value starts, and its count; {NULL,0} when absent or of another type. */
static struct slice tag_data(const struct rpm_header *h, uint32_t tag, uint32_t type, uint32_t *ret_count)
{
	for (size_t at = 0; at < h->index.n; at += INDEX_ENTRY_BYTES) {
		struct rd r = rd_of(slice_sub(h->index, at, INDEX_ENTRY_BYTES));
		if (rd_be32(&r) != tag)
			continue;
		uint32_t found = rd_be32(&r), offset = rd_be32(&r);
		*ret_count = rd_be32(&r);
		if ((found == type || (type == TYPE_STRING && found == TYPE_I18NSTRING)) && offset < h->data.n)
			return slice_from(h->data, offset);
		break;
	}
	*ret_count = 0;
	return SLICE_NULL;
}

/* Takes a NUL-terminated string off *rest. */
static bool next_string(struct slice *rest, struct slice *ret)
{
	ptrdiff_t nul = slice_find_byte(*rest, 0);
	if (nul < 0)
		return false;
	*ret = slice_upto(*rest, (size_t)nul);
	*rest = slice_from(*rest, (size_t)nul + 1);
	return true;
}

static struct slice tag_string(const struct rpm_header *h, uint32_t tag)
{
	uint32_t count;
	struct slice s = tag_data(h, tag, TYPE_STRING, &count), value = SLICE_NULL;
	return next_string(&s, &value) ? value : SLICE_NULL;
}

static bool tag_int32(const struct rpm_header *h, uint32_t tag, uint32_t *ret)
{
	uint32_t count;
	struct rd r = rd_of(tag_data(h, tag, TYPE_INT32, &count));
	uint32_t v = rd_be32(&r);
	if (r.bad)
		return false;
	*ret = v;
	return true;
}

/* Exactly the array's bytes, or {NULL,0} when it does not fit. */
static struct slice tag_array(const struct rpm_header *h, uint32_t tag, uint32_t type, size_t item_bytes)
{
	uint32_t count;
	struct slice s = tag_data(h, tag, type, &count);
	return count <= s.n / item_bytes ? slice_upto(s, count * item_bytes) : SLICE_NULL;
}

/* As many strings as the index says, or {NULL,0}. */
static struct slice tag_strings(const struct rpm_header *h, uint32_t tag, uint32_t *ret_count)
{
	struct slice all = tag_data(h, tag, TYPE_STRING_ARRAY, ret_count), rest = all, one;
	for (uint32_t i = 0; i < *ret_count; i++)
		if (!next_string(&rest, &one)) {
			*ret_count = 0;
			return SLICE_NULL;
		}
	return slice_upto(all, all.n - rest.n);
}

enum err_code rpm_header_parse(struct slice blob, struct rpm_header *ret, struct err *e)
{
	struct rpm_header h = {};
	struct rd r = rd_of(blob);
	uint32_t n_index = rd_be32(&r), n_data = rd_be32(&r);
	if (r.bad || !n_index || n_index > INDEX_MAX)
		return err_set(e, ERR_FORMAT, 0, "an rpm header with %u tags", n_index);
	h.index = rd_bytes(&r, (size_t)n_index * INDEX_ENTRY_BYTES);
	h.data = rd_bytes(&r, n_data);
	if (r.bad)
		return err_set(e, ERR_FORMAT, 0, "an rpm header is cut off: %u tags and %u bytes of data in %zu bytes", n_index, n_data, blob.n);
	h.name = tag_string(&h, TAG_NAME);
	h.version = tag_string(&h, TAG_VERSION);
	h.release = tag_string(&h, TAG_RELEASE);
	h.arch = tag_string(&h, TAG_ARCH);
	h.vendor = tag_string(&h, TAG_VENDOR);
	h.license = tag_string(&h, TAG_LICENSE);
	h.source_rpm = tag_string(&h, TAG_SOURCERPM);
	h.module = tag_string(&h, TAG_MODULARITYLABEL);
	h.has_epoch = tag_int32(&h, TAG_EPOCH, &h.epoch);
	if (!h.name.n || !h.version.n)
		return err_set(e, ERR_FORMAT, 0, "an rpm header without name or version");
	*ret = h;
	return OK;
}

bool rpm_split_source(struct slice s, struct slice *ret_name, struct slice *ret_version)
{
	if (slice_has_suffix(s, SL(".nosrc.rpm")))
		s.n -= 10;
	else if (slice_has_suffix(s, SL(".src.rpm")))
		s.n -= 8;
	else
		return false;
	ptrdiff_t release = slice_rfind_byte(s, '-');
	ptrdiff_t version = release > 0 ? slice_rfind_byte(slice_upto(s, (size_t)release), '-') : -1;
	if (version <= 0)
		return false;
	*ret_name = slice_upto(s, (size_t)version);
	*ret_version = slice_from(s, (size_t)version + 1);
	return true;
}

/* rpm's numbers are OpenPGP's. */
static int digest_algo(uint32_t pgp)
{
	switch (pgp) {
	case 1: return DIGEST_MD5;
	case 2: return DIGEST_SHA1;
	case 8: return DIGEST_SHA256;
	case 10: return DIGEST_SHA512;
	}
	return DIGEST_NONE;
}

static size_t digest_bytes(int algo)
{
	static const uint8_t bytes[] = { [DIGEST_MD5] = 16, [DIGEST_SHA1] = 20, [DIGEST_SHA256] = 32, [DIGEST_SHA512] = 64 };
	return bytes[algo];
}

enum err_code rpm_files_open(const struct rpm_header *h, struct arena *a, struct rpm_files *ret, struct err *e)
{
	struct rpm_files fs = {};
	uint32_t count, algo = 1, n_dirs = 0;
	fs.basenames = tag_strings(h, TAG_BASENAMES, &count);
	struct slice dirs = tag_strings(h, TAG_DIRNAMES, &n_dirs);
	if (!fs.basenames.p) {
		fs.basenames = tag_strings(h, TAG_OLDFILENAMES, &count);
		fs.whole_paths = true;
	}
	fs.dirs = arena_calloc(a, n_dirs, sizeof(*fs.dirs));
	if (!fs.dirs)
		return err_set(e, ERR_LIMIT, 0, "an rpm header with %u directories", n_dirs);
	while (fs.n_dirs < n_dirs && next_string(&dirs, &fs.dirs[fs.n_dirs]))
		fs.n_dirs++;
	fs.digests = tag_strings(h, TAG_FILEDIGESTS, &count);
	fs.modes = tag_array(h, TAG_FILEMODES, TYPE_INT16, 2);
	fs.flags = tag_array(h, TAG_FILEFLAGS, TYPE_INT32, 4);
	fs.dir_indexes = tag_array(h, TAG_DIRINDEXES, TYPE_INT32, 4);
	fs.states = tag_array(h, TAG_FILESTATES, TYPE_CHAR, 1);
	(void)tag_int32(h, TAG_FILEDIGESTALGO, &algo);
	fs.algo = digest_algo(algo);
	*ret = fs;
	return OK;
}

/* Takes one big-endian number off an array; `missing` behind its end. */
static uint32_t next_int(struct slice *array, unsigned bytes, uint32_t missing)
{
	struct rd r = rd_of(*array);
	uint32_t v = (uint32_t)rd_uint_be(&r, bytes);
	*array = slice_from(*array, bytes);
	return r.bad ? missing : v;
}

static struct slice without_root(struct slice s) { return s.n && s.p[0] == '/' ? slice_from(s, 1) : s; }

bool rpm_files_next(struct rpm_files *fs, struct rpm_file *ret)
{
	struct rpm_file f = {};
	struct slice hex = SLICE_NULL;
	if (!next_string(&fs->basenames, &f.name))
		return false;
	uint32_t dir = next_int(&fs->dir_indexes, 4, UINT32_MAX), flags = next_int(&fs->flags, 4, 0);
	f.mode = (uint16_t)next_int(&fs->modes, 2, 0);
	f.installed = next_int(&fs->states, 1, STATE_NORMAL) == STATE_NORMAL;
	f.config = flags & FILE_CONFIG_FLAG;
	f.ghost = flags & FILE_GHOST_FLAG;
	if (!fs->whole_paths && dir < fs->n_dirs)
		f.dir = without_root(fs->dirs[dir]);
	else if (fs->whole_paths)
		f.name = without_root(f.name);
	if (next_string(&fs->digests, &hex) && hex.n && hex.n == 2 * digest_bytes(fs->algo) && hex_decode(hex, f.digest, hex.n / 2, true)) {
		f.algo = fs->algo;
		f.digest_n = (unsigned)(hex.n / 2);
	}
	*ret = f;
	return true;
}
