/* Which blobs are visible, and who brought them where. */
#include "store_content.h"
#include "os.h"

enum { GOING = 1 };	/* blob.state */

enum err_code store_blob_size(struct sql_tx *tx, struct slice digest, uint64_t *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT size FROM blob WHERE digest = ?1 AND state = 0", "t", digest));
	*ret = (uint64_t)n;
	return OK;
}

enum err_code store_blob_used(struct sql_tx *tx, struct slice digest, uint64_t *ret_used_s, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT used_s FROM blob WHERE digest = ?1 AND state = 0", "t", digest));
	*ret_used_s = (uint64_t)n;
	return OK;
}

enum err_code store_blob_going(struct sql_tx *tx, struct slice digest, bool *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM blob WHERE digest = ?1 AND state = 1", "t", digest));
	*ret = n > 0;
	return OK;
}

enum err_code store_blob_pin(struct sql_tx *tx, struct slice digest, uint64_t *ret_size, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "UPDATE blob SET used_s = ?2 WHERE digest = ?1 AND state = 0 RETURNING size", "ti", digest, (int64_t)os_now_s()));
	if (ret_size)
		*ret_size = (uint64_t)n;
	return OK;
}

enum err_code store_blob_put(struct sql_tx *tx, int64_t repo_id, struct slice digest, uint64_t size, struct slice account, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "INSERT INTO blob (digest, size, state, created_s, used_s) VALUES (?1, ?2, 0, ?3, ?3)"
		    " ON CONFLICT (digest) DO UPDATE SET used_s = excluded.used_s WHERE blob.state = 0", "tii", digest, (int64_t)size, (int64_t)os_now_s()));
	if (!changes)
		return err_set(e, ERR_CANCELLED, 0, "this content is being removed at the moment");
	return repo_id ? store_blob_link(tx, repo_id, digest, account, e) : OK;
}

enum err_code store_blob_link(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, struct err *e)
{
	return sql_run(tx, NULL, e, "INSERT INTO repo_blob (repo_id, digest, account, at_s) VALUES (?1, ?2, ?3, ?4)"
		       " ON CONFLICT (repo_id, digest, account) DO UPDATE SET at_s = excluded.at_s", "itti", repo_id, digest, account.p ? account : SL(""),
		       (int64_t)os_now_s());
}

enum err_code store_blob_linked(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct slice account, bool any, uint64_t since_s, bool *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM repo_blob WHERE repo_id = ?1 AND digest = ?2 AND (?3 <> 0 OR account = ?4) AND at_s >= ?5", "ititi", repo_id, digest,
			(int64_t)any, account.p ? account : SL(""), (int64_t)since_s));
	*ret = n > 0;
	return OK;
}

enum err_code store_blob_named(struct sql_tx *tx, int64_t repo_id, struct slice digest, bool *ret, struct err *e)
{
	int64_t n;
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM (SELECT 1 AS one FROM manifest_ref f JOIN repo_manifest m ON m.digest = f.digest WHERE f.child = ?2"
			" AND f.kind < 2 AND m.repo_id = ?1 AND " STORE_REF_HELD("f") " LIMIT 1) AS found", "it", repo_id, digest));
	*ret = n > 0;
	return OK;
}

enum err_code store_blob_unlink(struct sql_tx *tx, int64_t repo_id, struct slice digest, struct err *e)
{
	int64_t changes;
	TRY(sql_run(tx, &changes, e, "DELETE FROM repo_blob WHERE repo_id = ?1 AND digest = ?2", "it", repo_id, digest));
	return changes ? OK : err_set(e, ERR_NOT_FOUND, 0, "no such blob in this repository");
}
