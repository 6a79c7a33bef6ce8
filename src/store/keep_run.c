/* Garbage collection as a whole: one process at a time, batch by batch. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "keep.h"
#include "os.h"

enum { BATCH_ARENA = 1 << 20 };

/* --- The lease: "<ms> <pid>/<start> <machine> <owner>". Its holder may be known to be dead: same boot, same pid namespace, no
 * process with this number and time of its start.
 * ---------------------------------------------------------------------------------------------------------------- */

/* proc(5): the 22nd field of stat, the 20th behind the name; 0: no such process, or it only waits to be noticed. */
static uint64_t started(uint64_t pid)
{
	AUTO_BUF text = BUF(4096);
	struct slice rest, field;
	struct err e;
	uint64_t start = 0;
	char path[40];
	snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	if (os_read_file(path, &text, &e) != OK)
		return 0;
	rest = slice_from(buf_slice(&text), (size_t)(slice_rfind_byte(buf_slice(&text), ')') + 2));
	for (int i = 0; i < 20 && slice_next_piece(&rest, ' ', &field); i++)
		if (i == 0 && slice_eqs(field, "Z"))
			return 0;
	return slice_to_u64(field, &start) ? start : 0;
}

static void name_machine(struct keep *k)
{
	AUTO_BUF boot = BUF(100);
	struct err e;
	struct stat st = { 0 };
	if (os_read_file("/proc/sys/kernel/random/boot_id", &boot, &e) != OK || stat("/proc/self/ns/pid", &st))
		snprintf(k->machine, sizeof(k->machine), "unknown");
	else
		snprintf(k->machine, sizeof(k->machine), "%.*s/%llu", SLICE_ARG(slice_trim(buf_slice(&boot))),
			 (unsigned long long)st.st_ino);
}

static bool word(struct slice *rest, struct slice *ret) { return slice_next_piece(rest, ' ', ret); }

static bool may_take(const struct keep *k, struct slice was)
{
	struct slice ms, process, pid, machine, owner;
	uint64_t at, id, start;
	if (!word(&was, &ms) || !word(&was, &process) || !word(&was, &machine) || !word(&was, &owner) ||
	    !slice_next_piece(&process, '/', &pid) || !slice_to_u64(ms, &at) ||
	    !slice_to_u64(pid, &id) || !slice_to_u64(process, &start))
		return true;
	if (slice_eqs(owner, k->owner) || at + STORE_KEEP_LEASE_MS < store_now_ms())
		return true;
	bool here = slice_eqs(machine, k->machine) && strcmp(k->machine, "unknown");
	return here && started(id) != start;
}

static enum err_code claim_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	AUTO_ARENA a = ARENA(4096);
	struct slice was = SLICE_NULL;
	int64_t changes;
	enum err_code code = store_setting_get(tx, "keeper", &a, &was, e);
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	if (code == OK && !may_take(k, was))
		return err_set(e, ERR_NOT_FOUND, 0, "another process collects garbage");
	snprintf(k->lease, sizeof(k->lease), "%llu %d/%llu %s %s", (unsigned long long)store_now_ms(), (int)getpid(),
		 (unsigned long long)started((uint64_t)getpid()), k->machine, k->owner);
	if (code == ERR_NOT_FOUND)
		TRY(sql_run(tx, &changes, e, "INSERT INTO setting (name, value) VALUES ('keeper', ?1) ON CONFLICT (name) DO"
			    " NOTHING", "z", k->lease));
	else
		TRY(sql_run(tx, &changes, e, "UPDATE setting SET value = ?1 WHERE name = 'keeper' AND value = ?2", "zt",
			    k->lease, was));
	return changes ? OK : err_set(e, ERR_NOT_FOUND, 0, "another process collects garbage");
}

enum err_code keep_claim(struct keep *k, struct err *e)
{
	uint64_t start = store_now_ms();
	TRY(sql_write(k->s->sql, claim_tx, k, e));
	k->renewed_ms = start;
	return OK;
}

enum err_code keep_pause(struct keep *k, struct err *e)
{
	if (atomic_load(k->stop))
		return err_set(e, ERR_CANCELLED, 0, "told to stop");
	if (k->r->dry || store_now_ms() - k->renewed_ms < STORE_KEEP_FRESH_MS / 2)
		return OK;
	if (keep_claim(k, e) == ERR_NOT_FOUND)
		return err_set(e, ERR_CANCELLED, 0, "another process collects garbage now");
	return e->code;
}

static enum err_code release_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct keep *k = arg;
	return sql_run(tx, NULL, e, "DELETE FROM setting WHERE name = 'keeper' AND value = ?1", "z", k->lease);
}

/* --- Batches ------------------------------------------------------------------------------------------------------------------ */

enum err_code keep_collect(struct keep *k, struct sql_rows *rows, keep_row_fn *fn, struct err *e)
{
	bool row;
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct keep_item *to = arena_push(k->arena, &k->items, &k->n, &k->cap, sizeof(*k->items));
		if (to) {
			*to = (struct keep_item){ 0 };
			fn(k, rows, to);
		}
		TRY(arena_ok(k->arena, "what is to go", e));
	}
}

struct finding { struct keep *k; sql_tx_fn *find; };

/* A transaction may run more than once: each begins with an empty list. */
static enum err_code find_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct finding *f = arg;
	f->k->items = NULL;
	f->k->n = f->k->cap = 0;
	return f->find(tx, f->k, e);
}

enum err_code keep_find(struct keep *k, sql_tx_fn *find, struct err *e)
{
	struct finding f = { k, find };
	TRY(keep_pause(k, e));
	return sql_read(k->s->sql, find_tx, &f, e);
}

enum err_code keep_batches(struct keep *k, sql_tx_fn *find, sql_tx_fn *act, uint64_t *count, struct err *e)
{
	enum err_code code = OK;
	bool more = true;
	k->after_repo = 0;
	k->after[0] = 0;
	while (more && code == OK) {
		AUTO_ARENA a = ARENA(BATCH_ARENA);
		k->arena = &a;
		code = keep_find(k, find, e);
		more = code == OK && k->n == KEEP_BATCH;
		if (code != OK || !k->n)
			break;
		k->done = k->n;
		if (!k->r->dry && act)
			code = sql_write(k->s->sql, act, k, e);
		if (code == OK)
			*count += k->done;
		k->after_repo = k->items[k->n - 1].repo_id;
		snprintf(k->after, sizeof(k->after), "%.*s", SLICE_ARG(k->items[k->n - 1].digest));
	}
	k->arena = NULL;
	k->items = NULL;
	return code;
}

enum err_code store_keep_run(struct store *s, const struct store_keep_rules *r, const char *owner, const _Atomic bool *stop,
			     struct store_keep_counts *ret, struct err *e)
{
	enum err_code (*const steps[])(struct keep *, struct err *) = { keep_blobs_going, keep_uploads, keep_tags,
									keep_manifests, keep_content, keep_rows, keep_blobs,
									keep_walk };
	struct keep k = { .s = s, .r = r, .stop = stop, .now = (int64_t)os_now_s(), .counts = ret };
	struct err why;
	enum err_code code = OK;
	*ret = (struct store_keep_counts){ 0 };
	snprintf(k.owner, sizeof(k.owner), "%.63s", owner);
	name_machine(&k);
	if (!r->dry)
		TRY(keep_claim(&k, e));
	for (size_t i = 0; i < ARRAY_LEN(steps) && code == OK; i++)
		code = steps[i](&k, e);
	if (code == ERR_NOT_FOUND)	/* which here means that another process is at it */
		e->code = code = ERR_IO;
	/* What cannot be released ends by itself. */
	if (!r->dry)
		(void)!sql_write(s->sql, release_tx, &k, &why);
	return code;
}
