/* Extended headers: "<length> <key>=<value>\n" records; the length counts the whole record. POSIX.1-2017, pax, "pax Extended Header". */
#include "tar_priv.h"

#define KEY(text) { (const uint8_t *)(text), sizeof(text) - 1 }
static const struct slice keys[PAX_KEYS] = {
	[PAX_PATH] = KEY("path"), [PAX_LINKPATH] = KEY("linkpath"), [PAX_SIZE] = KEY("size"), [PAX_UID] = KEY("uid"), [PAX_GID] = KEY("gid"),
	[PAX_MTIME] = KEY("mtime"), [PAX_ATIME] = KEY("atime"), [PAX_CTIME] = KEY("ctime"), [PAX_CAPS] = KEY("SCHILY.xattr.security.capability"),
	[PAX_SPARSE_NUMBLOCKS] = KEY("GNU.sparse.numblocks"), [PAX_SPARSE_MAP] = KEY("GNU.sparse.map"), [PAX_SPARSE_NAME] = KEY("GNU.sparse.name"),
	[PAX_SPARSE_MAJOR] = KEY("GNU.sparse.major"), [PAX_SPARSE_MINOR] = KEY("GNU.sparse.minor"), [PAX_SPARSE_SIZE] = KEY("GNU.sparse.size"),
	[PAX_SPARSE_REALSIZE] = KEY("GNU.sparse.realsize"),
};

/* Takes the first record off *rest. */
static bool next_record(struct slice *rest, struct slice *ret_key, struct slice *ret_value)
{
	ptrdiff_t space = slice_find_byte(*rest, ' '), eq;
	struct slice record;
	int64_t n;
	if (space < 0 || !tar_decimal(slice_upto(*rest, (size_t)space), &n) || n < 5 || (uint64_t)n > rest->n || n <= (int64_t)space + 1)
		return false;
	record = slice_sub(*rest, (size_t)space + 1, (size_t)(n - space - 1));
	if (record.p[record.n - 1] != '\n')
		return false;
	record.n--;
	eq = slice_find_byte(record, '=');
	if (eq <= 0)
		return false;
	*ret_key = slice_upto(record, (size_t)eq);
	*ret_value = slice_from(record, (size_t)eq + 1);
	*rest = slice_from(*rest, (size_t)n);
	return true;
}

/* Names may not hold a NUL; other values may, their keys not. */
static bool record_ok(struct slice key, struct slice value)
{
	if (slice_eq(key, SL("path")) || slice_eq(key, SL("linkpath")) || slice_eq(key, SL("uname")) || slice_eq(key, SL("gname")))
		return slice_find_byte(value, 0) < 0;
	return slice_find_byte(key, 0) < 0;
}

static void set(struct pax *pax, struct slice key, struct slice value)
{
	for (enum pax_key k = 0; k < PAX_KEYS; k++) {
		if (!slice_eq(key, keys[k]))
			continue;
		if (k <= PAX_SIZE && pax->value[k].p && !slice_eq(pax->value[k], value))
			pax->twice = true;
		pax->value[k] = value;
	}
}

/* Sparse format 0.0 repeats offset and numbytes in turn; joined they are the map of format 0.1. */
static bool add_to_map(struct pax *pax, size_t count, bool is_offset, struct slice value)
{
	if ((count % 2 == 0) != is_offset || slice_find_byte(value, ',') >= 0)
		return false;
	if (count)
		buf_putc(&pax->map, ',');
	return buf_put_slice(&pax->map, value);
}

const char *pax_parse(struct pax *pax, struct slice records)
{
	struct slice key, value;
	size_t map_count = 0;
	pax_clear(pax);
	pax->present = true;
	while (records.n) {
		if (!next_record(&records, &key, &value) || !record_ok(key, value))
			return "a broken record in a pax header";
		if (slice_eq(key, SL("GNU.sparse.offset")) || slice_eq(key, SL("GNU.sparse.numbytes"))) {
			if (!add_to_map(pax, map_count, slice_eq(key, SL("GNU.sparse.offset")), value))
				return "a broken sparse map in a pax header";
			map_count++;
		} else {
			set(pax, key, value);
		}
	}
	if (map_count)
		pax->value[PAX_SPARSE_MAP] = buf_slice(&pax->map);
	return NULL;
}

void pax_clear(struct pax *pax)
{
	struct buf map = pax->map;
	buf_clear(&map);
	map.max = 2 * TAR_MAX_SPECIAL;
	*pax = (struct pax){ .map = map };
}

/* "seconds[.fraction]"; the fraction only tells whether a negative time is in the second before. */
static bool parse_time(struct slice s, int64_t *ret)
{
	ptrdiff_t dot = slice_find_byte(s, '.');
	struct slice whole = dot < 0 ? s : slice_upto(s, (size_t)dot), fraction = dot < 0 ? SLICE_NULL : slice_from(s, (size_t)dot + 1);
	bool nonzero = false;
	if (!tar_decimal(whole, ret))
		return false;
	for (size_t i = 0; i < fraction.n; i++) {
		if (fraction.p[i] < '0' || fraction.p[i] > '9')
			return false;
		nonzero |= i < 9 && fraction.p[i] != '0';
	}
	if (nonzero && whole.p[0] == '-' && *ret != INT64_MIN)
		--*ret;
	return true;
}

bool pax_merge(const struct pax *pax, struct tar_header *h)
{
	const struct slice *v = pax->value;
	int64_t unused;
	if (v[PAX_PATH].n) {
		h->name = v[PAX_PATH];
		h->prefix = SLICE_NULL;
	}
	if (v[PAX_LINKPATH].n)
		h->link = v[PAX_LINKPATH];
	return (!v[PAX_SIZE].n || tar_decimal(v[PAX_SIZE], &h->size)) && (!v[PAX_UID].n || tar_decimal(v[PAX_UID], &h->uid)) &&
	       (!v[PAX_GID].n || tar_decimal(v[PAX_GID], &h->gid)) && (!v[PAX_MTIME].n || parse_time(v[PAX_MTIME], &h->mtime)) &&
	       (!v[PAX_ATIME].n || parse_time(v[PAX_ATIME], &unused)) && (!v[PAX_CTIME].n || parse_time(v[PAX_CTIME], &unused));
}
