/* "Which admitted images hold log4j 2.14?": by package, or by CVE. */
#include <stdlib.h>
#include "api_inside.h"

enum { MOST_IDS = 20000 };

struct found { int64_t id; struct slice name, version, purl; };
struct ids { struct found *items; size_t n, cap; };

/* "2.14" means 2.14, 2.14.1, 2.14-rc1, but not 2.140. */
static bool version_fits(struct slice want, struct slice version)
{
	if (!want.n)
		return true;
	if (!slice_has_prefix(version, want))
		return false;
	struct slice rest = slice_from(version, want.n);
	return !rest.n || !(rest.p[0] >= '0' && rest.p[0] <= '9');
}

/* The name itself, or a part of it: log4j finds org.apache.logging.log4j:log4j-core. `%` and `_` of LIKE mean themselves. */
static struct slice like_pattern(struct arena *arena, struct slice name)
{
	AUTO_BUF b = BUF(KIB);
	buf_putc(&b, '%');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '%' || name.p[i] == '_' || name.p[i] == '!')
			buf_putc(&b, '!');
		buf_putc(&b, name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
	}
	buf_putc(&b, '%');
	return arena_dup(arena, buf_slice(&b));
}

static enum err_code push(struct arena *arena, struct ids *ids, int64_t id, struct slice name, struct slice version, struct slice purl, struct err *e)
{
	if (ids->n == MOST_IDS)
		return err_set(e, ERR_USAGE, 0, "more than %d packages fit; give the whole name or a version", MOST_IDS);
	struct found *f = ARENA_PUSH(arena, ids);
	if (f)
		*f = (struct found){ id, arena_dup(arena, name), arena_dup(arena, version), arena_dup(arena, purl) };
	return arena_ok(arena, "the search", e);
}

static enum err_code packages(struct api *a, struct sql_tx *tx, struct arena *arena, struct ids *ids, struct err *e)
{
	struct slice name = api_param(a, "package"), version = api_param(a, "version");
	bool exact = slice_eqs(api_param(a, "exact"), "true");
	AUTO_SQL_ROWS rows = NULL;
	if (name.n < 2 || name.n > 200)
		return err_set(e, ERR_USAGE, 0, "'package' is a name of 2 to 200 characters");
	TRY(sql_query(tx, &rows, e, "SELECT id, name, version, purl FROM package WHERE name = ?1 OR (?3 = 0 AND lower(name) LIKE ?2 ESCAPE '!') ORDER BY id", "tti", name,
		      like_pattern(arena, name), (int64_t)exact));
	for (bool row;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		if (version_fits(version, sql_text(rows, 2)))
			TRY(push(arena, ids, sql_int(rows, 0), sql_text(rows, 1), sql_text(rows, 2), sql_text(rows, 3), e));
	}
}

static enum err_code subject(struct api *a, struct sql_tx *tx, struct arena *arena, struct ids *ids, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT id, text FROM subject WHERE text = ?1", "t", api_param(a, "cve")));
	TRY(sql_next(rows, &row, e));
	return row ? push(arena, ids, sql_int(rows, 0), sql_text(rows, 1), SL(""), SL(""), e) : OK;
}

static int compare(const void *key, const void *item)
{
	int64_t a = *(const int64_t *)key, b = ((const struct found *)item)->id;
	return a < b ? -1 : a > b;
}

/* The ids of one report that were looked for; list: little-endian 32-bit ids. */
static void holds(struct js *j, struct slice list, const struct ids *ids, bool *ret_any, bool as_packages)
{
	enum { SHOWN = 20 };
	struct rd r = rd_of(list);
	size_t n = 0;
	*ret_any = false;
	while (rd_left(&r) >= 4 && n < SHOWN) {
		int64_t id = rd_le32(&r);
		const struct found *f = ids->n ? bsearch(&id, ids->items, ids->n, sizeof(*ids->items), compare) : NULL;
		if (!f)
			continue;
		*ret_any = true;
		if (!as_packages)
			return;
		n++;
		js_open(j, '{');
		js_ktext(j, "name", f->name);
		js_ktext(j, "version", f->version);
		js_ktext(j, "purl", f->purl);
		js_close(j, '}');
	}
}

static bool is_any(struct slice list, const struct ids *ids)
{
	bool any;
	struct js none = { 0 };
	holds(&none, list, ids, &any, false);
	return any;
}

static enum err_code images(struct api *a, struct sql_tx *tx, const struct ids *ids, bool by_package, enum store_state state, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	struct js *j = &a->j;
	uint64_t n = api_limit(a, API_MOST_ITEMS), found = 0;
	bool row = false, any;
	js_key(j, "images");
	js_open(j, '[');
	if (ids->n) {
		TRY(sql_query(tx, &rows, e, by_package
			      ? "SELECT r.name, x.digest, v.state, x.packages FROM report_index x JOIN repo r ON r.id = x.repo_id JOIN verdict v ON v.repo_id = x.repo_id AND"
				" v.digest = x.digest WHERE ?1 < 0 OR v.state = ?1"
			      : "SELECT r.name, x.digest, v.state, x.subjects FROM report_index x JOIN repo r ON r.id = x.repo_id JOIN verdict v ON v.repo_id = x.repo_id AND"
				" v.digest = x.digest WHERE ?1 < 0 OR v.state = ?1", "i", (int64_t)(state == STATE_UNKNOWN ? -1 : (int)state)));
		TRY(sql_next(rows, &row, e));
	}
	for (; row && found < n; ) {
		struct slice name = sql_text(rows, 0);
		if (is_any(sql_bytes(rows, 3), ids) && api_may(a, ACCESS_PULL, name)) {
			js_open(j, '{');
			js_ktext(j, "repository", name);
			js_ktext(j, "digest", sql_text(rows, 1));
			js_ktext(j, "state", slice_str(store_state_name((enum store_state)sql_int(rows, 2))));
			js_key(j, "packages");
			js_open(j, '[');
			if (by_package)
				holds(j, sql_bytes(rows, 3), ids, &any, true);
			js_close(j, ']');
			js_close(j, '}');
			found++;
		}
		TRY(sql_next(rows, &row, e));
	}
	js_close(j, ']');
	js_kbool(j, "more", row);
	return OK;
}

enum err_code api_search(struct api *a, struct sql_tx *tx, struct err *e)
{
	AUTO_ARENA arena = ARENA(16 * MIB);
	struct ids ids = { 0 };
	enum store_state state = STATE_UNKNOWN;
	struct slice wanted = api_param(a, "state"), cve = api_param(a, "cve");
	bool by_package = api_param(a, "package").n > 0;
	if (by_package == (cve.n > 0))
		return err_set(e, ERR_USAGE, 0, "one of 'package' and 'cve' is needed");
	if (wanted.n && !store_state_parse(wanted, &state))
		return err_set(e, ERR_USAGE, 0, "'state' is one of admitted, refused, held, …");
	TRY(by_package ? packages(a, tx, &arena, &ids, e) : subject(a, tx, &arena, &ids, e));
	js_open(&a->j, '{');
	TRY(images(a, tx, &ids, by_package, state, e));
	js_close(&a->j, '}');
	return OK;
}
