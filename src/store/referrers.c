/* What refers to a manifest. */
#include "store_content.h"

enum err_code store_referrers(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice artifact_type, store_referrer_fn *fn, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	/* subject <> '' for the index, which holds only those */
	TRY(sql_query(tx, &rows, e, "SELECT m.digest, m.media_type, m.artifact_type, m.annotations, m.size FROM manifest m JOIN repo_manifest r ON r.digest = m.digest"
		      " WHERE m.subject = ?2 AND m.subject <> '' AND r.repo_id = ?1 AND (?3 = '' OR m.artifact_type = ?3) ORDER BY m.digest", "itt", repo_id, digest,
		      artifact_type.p ? artifact_type : SL("")));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct store_referrer r = { sql_text(rows, 0), sql_text(rows, 1), sql_text(rows, 2), sql_text(rows, 3), (uint64_t)sql_int(rows, 4) };
		TRY(fn(arg, &r, e));
	}
}
