/* Repositories. */
#include "store_content.h"
#include "os.h"

enum { MOST_NAME = 255, MOST_TAG = 128 };

static bool is_lower_alnum(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* alpha-numeric runs joined by '.', one or two '_', or any number of '-' */
static bool component_valid(struct slice c)
{
	size_t i = 0;
	for (;;) {
		size_t start = i, joint;
		while (i < c.n && is_lower_alnum(c.p[i]))
			i++;
		if (i == start)
			return false;
		if (i == c.n)
			return true;
		joint = i;
		while (i < c.n && c.p[i] == c.p[joint])
			i++;
		if (!(c.p[joint] == '-' || (c.p[joint] == '.' && i - joint == 1) || (c.p[joint] == '_' && i - joint <= 2)))
			return false;
	}
}

bool store_name_valid(struct slice name)
{
	struct slice rest = name, piece;
	if (!name.n || name.n > MOST_NAME)
		return false;
	while (slice_next_piece(&rest, '/', &piece))
		if (!component_valid(piece))
			return false;
	return true;
}

bool store_tag_valid(struct slice tag)
{
	for (size_t i = 0; i < tag.n; i++) {
		uint8_t c = tag.p[i];
		if (!is_lower_alnum(c) && !(c >= 'A' && c <= 'Z') && c != '_' && (!i || (c != '.' && c != '-')))
			return false;
	}
	return tag.n && tag.n <= MOST_TAG;
}

enum err_code store_repo(struct sql_tx *tx, struct slice name, struct slice upstream, bool create, int64_t *ret_id, struct err *e)
{
	enum err_code code = sql_one_int(tx, ret_id, e, "SELECT id FROM repo WHERE name = ?1", "t", name);
	if (code != ERR_NOT_FOUND || !create)
		return code;
	TRY(sql_run(tx, NULL, e, "INSERT INTO repo (name, upstream, created_s) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING", "tti", name,
		    upstream.p ? upstream : SL(""), (int64_t)os_now_s()));
	return sql_one_int(tx, ret_id, e, "SELECT id FROM repo WHERE name = ?1", "t", name);
}

static enum err_code each_name(struct sql_rows *rows, store_name_fn *fn, void *arg, struct err *e)
{
	bool row;
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		TRY(fn(arg, sql_text(rows, 0), e));
	}
}

/* Byte order on both databases, whatever the collation: names are ASCII without backslashes, so their bytes are their text. */
enum err_code store_repos(struct sql_tx *tx, struct slice last, uint64_t n, store_name_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM repo WHERE CAST(name AS $BLOB) > CAST(?1 AS $BLOB) ORDER BY CAST(name AS $BLOB) LIMIT ?2", "ti", last,
		      (int64_t)MIN(n, (uint64_t)INT32_MAX)));
	return each_name(rows, fn, arg, e);
}

enum err_code store_tags(struct sql_tx *tx, int64_t repo_id, struct slice last, uint64_t n, bool served_only, store_name_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM tag WHERE repo_id = ?1 AND CAST(name AS $BLOB) > CAST(?2 AS $BLOB) AND (?3 = 0 OR served_digest <> '')"
		      " ORDER BY CAST(name AS $BLOB) LIMIT ?4", "itii", repo_id, last, (int64_t)served_only, (int64_t)MIN(n, (uint64_t)INT32_MAX)));
	return each_name(rows, fn, arg, e);
}

enum err_code store_blob_repos(struct sql_tx *tx, struct slice digest, uint64_t n, store_name_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	TRY(sql_query(tx, &rows, e, "SELECT name FROM repo WHERE id IN (SELECT repo_id FROM repo_blob WHERE digest = ?1)"
		      " OR id IN (SELECT m.repo_id FROM manifest_ref f JOIN repo_manifest m ON m.digest = f.digest WHERE f.child = ?1 AND f.kind < 2) LIMIT ?2", "ti",
		      digest, (int64_t)MIN(n, (uint64_t)INT32_MAX)));
	return each_name(rows, fn, arg, e);
}

enum err_code store_repo_bytes(struct sql_tx *tx, int64_t repo_id, uint64_t *ret, struct err *e)
{
	int64_t n;
	int64_t manifests;
	TRY(sql_one_int(tx, &manifests, e, "SELECT CAST(COALESCE(SUM(m.size), 0) AS $INT) FROM manifest m JOIN repo_manifest r ON r.digest = m.digest WHERE r.repo_id = ?1", "i",
			repo_id));
	TRY(sql_one_int(tx, &n, e, "SELECT CAST(COALESCE(SUM(size), 0) AS $INT) FROM blob WHERE digest IN (SELECT digest FROM repo_blob WHERE repo_id = ?1)"
			" OR digest IN (SELECT f.child FROM manifest_ref f JOIN repo_manifest m ON m.digest = f.digest WHERE m.repo_id = ?1 AND f.kind < 2)", "i", repo_id));
	*ret = (uint64_t)n + (uint64_t)manifests;
	return OK;
}
