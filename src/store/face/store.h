/* What the registry knows: typed records over `sql`, bytes over `blob`. The tables stand in schema.c.
 *
 * Functions that take a `struct sql_tx *` belong into the caller's transaction; each subject has a header of its own (store_content.h: repositories, manifests,
 * tags, uploads; store_gate.h: verdicts, reports, jobs, decisions; store_journal.h: audit log, events, deliveries, pulls; store_keep.h: garbage collection, check,
 * export, import). Times: _s seconds since 1970, _ms milliseconds since 1970. Digests are text, already checked with oci_digest_valid. */
#pragma once
#include "blob.h"
#include "sql.h"

extern const struct sql_migration store_migrations[];
extern const size_t store_migrations_n;

struct store_options { const char *database_url; const struct blob_options *blobs; unsigned connections; };
struct store { struct sql *sql; struct blob_store *blobs; };
/* Opens both and runs migrations. PostgreSQL with a directory of blobs is fine for one node only: that is checked by whoever registers the node. */
[[nodiscard]] enum err_code store_open(const struct store_options *o, struct store *ret, struct err *e);
void store_close(struct store *s);

/* A setting, in the arena; ERR_NOT_FOUND: none. */
[[nodiscard]] enum err_code store_setting_get(struct sql_tx *tx, const char *name, struct arena *a, struct slice *ret, struct err *e);
[[nodiscard]] enum err_code store_setting_put(struct sql_tx *tx, const char *name, struct slice value, struct err *e);

uint64_t store_now_ms(void);	/* the clock's milliseconds since 1970; seconds come from os_now_s */
