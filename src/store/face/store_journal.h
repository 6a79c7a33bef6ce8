/* What happened: the audit chain, events, deliveries to webhooks, who pulled what, the nodes. */
#pragma once
#include "store.h"

/* --- Audit log: records numbered from 1 without gaps; each line carries the hash of the one before, in the order of the database. ------------------------- */
enum { AUDIT_LINE_MAX = 64 << 10, AUDIT_HASH_BYTES = 65 };
/* SHA-256 in hex over the hash before and the line. */
void audit_hash(struct slice before, struct slice line, char ret[AUDIT_HASH_BYTES]);
/* The number and hash of the last record; 0 and 64 zeros: none yet. Writers take their turn here until the transaction ends. */
[[nodiscard]] enum err_code store_audit_last(struct sql_tx *tx, bool lock, int64_t *ret_seq, char ret_hash[AUDIT_HASH_BYTES], struct err *e);
/* After store_audit_last with lock in the same transaction: the record behind seq and hash. */
[[nodiscard]] enum err_code store_audit_add(struct sql_tx *tx, int64_t seq, struct slice before, struct slice line, struct err *e);
typedef enum err_code store_audit_fn(void *arg, int64_t seq, struct slice line, struct slice hash, struct err *e);
/* Records behind `after`, in order, at most n. */
[[nodiscard]] enum err_code store_audit_read(struct sql_tx *tx, int64_t after, uint64_t n, store_audit_fn *fn, void *arg, struct err *e);

/* --- Events ---------------------------------------------------------------------------------------------------------------- */
struct store_event { int64_t seq; uint64_t at_ms; struct slice type, repository, digest, body; };
[[nodiscard]] enum err_code store_event_add(struct sql_tx *tx, const struct store_event *v, int64_t *ret_seq, struct err *e);
typedef enum err_code store_event_fn(void *arg, const struct store_event *v, struct err *e);
/* Numbers grow, but on PostgreSQL a smaller one may become visible after a larger: readers that must see all ask again from a little before. */
[[nodiscard]] enum err_code store_events(struct sql_tx *tx, int64_t after, uint64_t n, store_event_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code store_event_last(struct sql_tx *tx, int64_t *ret_seq, struct err *e);

/* --- Deliveries: leased like jobs ---------------------------------------------------------------------------------------------- */
struct store_delivery { int64_t id; struct slice url, error; unsigned attempts; uint64_t next_ms; struct store_event event; };
[[nodiscard]] enum err_code store_delivery_add(struct sql_tx *tx, int64_t event_seq, struct slice url, struct err *e);
/* ERR_NOT_FOUND: nothing is due. Slices are the arena's. */
[[nodiscard]] enum err_code store_delivery_lease(struct sql_tx *tx, const char *owner, uint64_t lease_ms, struct arena *a, struct store_delivery *ret, struct err *e);
[[nodiscard]] enum err_code store_delivery_sent(struct sql_tx *tx, int64_t id, struct err *e);
/* Again after retry_ms (and nothing else goes to that URL before), or a dead letter (UINT64_MAX). */
[[nodiscard]] enum err_code store_delivery_failed(struct sql_tx *tx, int64_t id, struct slice url, struct slice error, uint64_t retry_ms, struct err *e);
typedef enum err_code store_delivery_fn(void *arg, const struct store_delivery *d, struct err *e);
[[nodiscard]] enum err_code store_dead_letters(struct sql_tx *tx, uint64_t n, store_delivery_fn *fn, void *arg, struct err *e);
[[nodiscard]] enum err_code store_delivery_again(struct sql_tx *tx, int64_t id, struct err *e);	/* ERR_NOT_FOUND: no dead letter of that number */
/* Events, with their sent deliveries, older than that go. */
[[nodiscard]] enum err_code store_events_drop(struct sql_tx *tx, uint64_t before_ms, struct err *e);
