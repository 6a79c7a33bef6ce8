/* Reports as the catalogue keeps them: encoded, and indexed by packages and findings' subjects (for searches, and for knowing whom new advisories touch). */
#pragma once
#include "finding.h"
#include "store.h"

struct rejudge;

/* In the transaction of the verdict. data_id: what the report was matched with, which is what `rj` has now. */
[[nodiscard]] enum err_code catalogue_report_put(struct sql_tx *tx, struct rejudge *rj, int64_t repo_id, struct slice digest, struct slice data_id, const struct report *r, struct err *e);
/* Manifests whose report holds one of these package or subject ids; order of rows. */
typedef enum err_code catalogue_fn(void *arg, int64_t repo_id, struct slice digest, struct err *e);
[[nodiscard]] enum err_code catalogue_find(struct sql_tx *tx, bool subjects, const uint32_t *ids, size_t n, catalogue_fn *fn, void *arg, struct err *e);
/* Ids of packages by name (version empty: all), or of a subject. At most cap. */
[[nodiscard]] enum err_code catalogue_packages(struct sql_tx *tx, struct slice name, struct slice version, uint32_t *ret, size_t cap, size_t *ret_n, struct err *e);
[[nodiscard]] enum err_code catalogue_subject(struct sql_tx *tx, struct slice text, uint32_t *ret, bool *ret_found, struct err *e);

/* Which packages the present advisories say something else of than those they were hashed with (setting "hashed_with"): their ids ascending, the caller frees them.
 * Hashes and setting are brought up to date. ret_from: the advisories' id of before (dst of 64 bytes). */
[[nodiscard]] enum err_code catalogue_rehash(struct sql *db, struct rejudge *rj, char ret_from[64], uint32_t **ret_ids, size_t *ret_n, struct err *e);
/* Does an ascending list in the database hold one of these ascending ids? */
bool catalogue_holds(struct slice list, const uint32_t *ids, size_t n);
