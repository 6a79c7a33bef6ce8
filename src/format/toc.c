/* Parsing and summing tables of contents. */
#include "toc.h"
#include "facts.h"
#include "json_pull.h"

/* Eight bytes a step; not for tables that an attacker can aim at, but for sums of two independent ones that he has to hit both. */
static uint64_t mix(uint64_t h, uint64_t v)
{
	unsigned __int128 m = (unsigned __int128)(h ^ v) * 0x9e3779b97f4a7c15u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash_bytes(uint64_t h, struct slice s)
{
	uint64_t v;
	h = mix(h, s.n + 1);
	for (; s.n >= 8; s = slice_from(s, 8)) {
		memcpy(&v, s.p, 8);
		h = mix(h, v + 0x51ed270b0a1c5d5fu);
	}
	v = 0;
	if (s.n)
		memcpy(&v, s.p, s.n);
	return mix(h, v + 0x6a09e667f3bcc909u);
}

uint64_t toc_name_hash(struct slice name) { return hash_bytes(0x243f6a8885a308d3u, name); }

void toc_sum_add(struct toc_sum *s, const struct toc_row *row)
{
	uint64_t fixed = row->size * 256 + row->type, h = hash_bytes(hash_bytes(mix(0x13198a2e03707344u, fixed), row->name), row->link);
	s->a += h;
	s->b += mix(h ^ 0xa4093822299f31d0u, toc_name_hash(row->name));
	s->entries++;
}

bool toc_is_own_entry(struct slice name) { return slice_eqs(name, "stargz.index.json"); }

static struct slice clean(struct slice s)
{
	while (s.n && (s.p[0] == '/' || (s.n > 1 && s.p[0] == '.' && s.p[1] == '/')))
		s = slice_from(s, s.p[0] == '/' ? 1 : 2);
	while (s.n && s.p[s.n - 1] == '/')
		s.n--;
	return s;
}

static uint8_t type_of(struct slice word)
{
	static const struct { const char *word; uint8_t type; } table[] = { { "reg", ENTRY_FILE }, { "dir", ENTRY_DIR },
		{ "symlink", ENTRY_SYMLINK }, { "hardlink", ENTRY_HARDLINK }, { "char", ENTRY_CHAR }, { "block", ENTRY_BLOCK }, { "fifo", ENTRY_FIFO } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eqs(word, table[i].word))
			return table[i].type;
	return 0;	/* "chunk": a later part of a file told already */
}

/* "a/.wh.b" removes a/b, "a/.wh..wh..opq" all that lower layers have in a. */
static void take_whiteout(struct toc_row *row, struct arena *scratch)
{
	ptrdiff_t slash = slice_rfind_byte(row->name, '/');
	struct slice dir = slice_upto(row->name, (size_t)(slash + 1)), base = slice_from(row->name, (size_t)(slash + 1));
	if (slice_eqs(base, ".wh..wh..opq")) {
		row->type = ENTRY_OPAQUE;
		row->name = clean(dir);
	} else if (slice_has_prefix(base, SL(".wh.")) && base.n > 4) {
		row->type = ENTRY_WHITEOUT;
		row->name = arena_printf(scratch, "%.*s%.*s", SLICE_ARG(dir), SLICE_ARG(slice_from(base, 4)));
	}
}

/* The table's readers are written in Go, whose JSON does not mind the case of keys. */
static bool is_key(struct slice key, const char *want) { return slice_eq_nocase(key, slice_str(want)); }

static void take_number(struct json_pull *j, uint64_t *ret)
{
	size_t from = j->at;
	json_pull_skip(j);
	j->bad |= !slice_to_u64(slice_trim(slice_sub(j->all, from, j->at - from)), ret);
}

static void take_string(struct json_pull *j, struct arena *scratch, struct slice *ret)
{
	struct slice raw;
	if (json_pull_string(j, &raw))
		*ret = json_pull_unescape(raw, scratch);
}

static bool read_row(struct json_pull *j, struct arena *scratch, struct toc_row *row)
{
	bool first = true;
	struct slice key, type = SLICE_NULL, digest = SLICE_NULL;
	*row = (struct toc_row){ 0 };
	if (!json_pull_enter(j, JSON_OBJECT))
		return false;
	while (json_pull_next_member(j, &first, &key)) {
		if (is_key(key, "name"))
			take_string(j, scratch, &row->name);
		else if (is_key(key, "type"))
			take_string(j, scratch, &type);
		else if (is_key(key, "linkName"))
			take_string(j, scratch, &row->link);
		else if (is_key(key, "digest"))
			take_string(j, scratch, &digest);
		else if (is_key(key, "size"))
			take_number(j, &row->size);
		else
			json_pull_skip(j);
	}
	row->type = type_of(type);
	row->name = clean(row->name);
	if (row->type == ENTRY_HARDLINK)
		row->link = clean(row->link);
	else if (row->type != ENTRY_SYMLINK)
		row->link = SLICE_NULL;
	if (row->type == ENTRY_FILE) {
		row->has_sha256 = slice_has_prefix(digest, SL("sha256:")) && hex_decode(slice_from(digest, 7), row->sha256, 32, false);
		take_whiteout(row, scratch);
	} else {
		row->size = 0;
	}
	return !j->bad;
}

enum err_code toc_parse(struct slice json, struct arena *scratch, toc_row_fn *fn, void *arg, struct err *e)
{
	struct json_pull j = json_pull_of(json);
	struct slice key;
	bool first = true, seen = false;
	if (!json_pull_enter(&j, JSON_OBJECT))
		return err_set(e, ERR_FORMAT, 0, "table of contents is no JSON object");
	while (json_pull_next_member(&j, &first, &key)) {
		bool first_row = true;
		if (!is_key(key, "entries") || json_pull_kind(&j) != JSON_ARRAY) {
			json_pull_skip(&j);
			continue;
		}
		seen = json_pull_enter(&j, JSON_ARRAY);
		while (json_pull_next_item(&j, &first_row)) {
			struct toc_row row;
			struct arena_mark mark = arena_mark(scratch);
			if (!read_row(&j, scratch, &row))
				break;
			TRY(arena_ok(scratch, "a table of contents", e));
			if (row.type)
				TRY(fn(arg, &row, e));
			arena_rewind(scratch, mark);
		}
	}
	return j.bad || !seen ? err_at(e, ERR_FORMAT, j.at, "table of contents is damaged") : OK;
}
