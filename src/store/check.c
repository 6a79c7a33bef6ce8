/* Checking everything: bytes against their digests, in several threads; uploads; what no row knows. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "check.h"
#include "os.h"
#include "store_keep.h"

enum { BATCH = 128, MOST_THREADS = 8, CHUNK = 256 << 10 };

enum err_code check_found(struct check *k, struct store_problem *p, sql_tx_fn *fn, void *arg, struct err *e)
{
	if (k->o->repair && fn && !p->note) {
		TRY(sql_write(k->s->sql, fn, arg, e));
		p->repaired = true;
		k->n->repaired++;
	}
	*(p->note ? &k->n->notes : &k->n->problems) += 1;
	if (k->o->problem)
		k->o->problem(k->o->arg, p);
	return OK;
}

/* --- Blobs ----------------------------------------------------------------------------------------------------------------------- */

struct one { char digest[136]; uint64_t size; enum { FINE, MISSING, DAMAGED, FAILED } is; struct err why; };
struct batch {
	struct check *k;
	struct one items[BATCH];
	size_t n;
	_Atomic size_t next;
	_Atomic uint64_t bytes;
	char after[136];
};

static enum err_code hash_one(struct batch *b, struct one *o, struct err *e)
{
	int algo = !strncmp(o->digest, "sha512:", 7) ? DIGEST_SHA512 : DIGEST_SHA256;
	AUTO_DIGEST d = NULL;
	AUTO_STREAM s = NULL;
	AUTO_BUF chunk = BUF(CHUNK);
	uint8_t raw[DIGEST_MAX_BYTES];
	char got[136] = { 0 };
	size_t n;
	TRY(digest_open(algo, &d, e));
	TRY(blob_read(b->k->s->blobs, slice_str(o->digest), 0, UINT64_MAX, &s, e));
	if (!buf_reserve(&chunk, CHUNK))
		return buf_ok(&chunk, "a buffer", e);
	do {
		TRY(stream_read(s, chunk.p, CHUNK, &n, e));
		digest_update(d, slice_of(chunk.p, n));
		atomic_fetch_add(&b->bytes, n);
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "interrupted");
	} while (n);
	digest_final(d, raw);
	hex_encode(got, raw, digest_size(algo));
	o->is = strcmp(got, o->digest + 7) ? DAMAGED : FINE;
	return OK;
}

static enum err_code look_at(struct batch *b, struct one *o, struct err *e)
{
	uint64_t size;
	TRY(blob_stat(b->k->s->blobs, slice_str(o->digest), &size, e));
	if (size != o->size || b->k->o->quick) {
		o->is = size == o->size ? FINE : DAMAGED;
		atomic_fetch_add(&b->bytes, o->size);
		return OK;
	}
	return hash_one(b, o, e);
}

static void *hasher(void *arg)
{
	struct batch *b = arg;
	for (size_t i; (i = atomic_fetch_add(&b->next, 1)) < b->n;) {
		struct one *o = &b->items[i];
		enum err_code code = look_at(b, o, &o->why);
		if (code == OK)
			continue;
		/* A directory's read error is the blob's; a network's is nobody's knowledge. */
		o->is = code == ERR_NOT_FOUND ? MISSING : code == ERR_IO && !blob_is_shared(b->k->s->blobs) ? DAMAGED : FAILED;
	}
	return NULL;
}

static enum err_code batch_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	b->n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT digest, size FROM blob WHERE state = 0 AND digest > ?1 ORDER BY digest LIMIT 128",
		      "z", b->after));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return OK;
		struct one *o = &b->items[b->n++];
		*o = (struct one){ .size = (uint64_t)sql_int(rows, 1) };
		snprintf(o->digest, sizeof(o->digest), "%.*s", SLICE_ARG(sql_text(rows, 0)));
	}
}

static enum err_code visible_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;
	enum err_code code = store_blob_size(tx, slice_str(o->digest), &o->size, e);
	if (code == ERR_NOT_FOUND)
		o->is = FINE;
	return code == ERR_NOT_FOUND ? OK : code;
}

/* Not visible any more, and all that names it knows; then the bytes aside; then the row. Like garbage collection, so that
 * nobody is surprised. */
static enum err_code going_tx(struct sql_tx *tx, void *arg, struct err *e) { return store_blob_lost(tx,
		slice_str(((struct one *)arg)->digest), e); }

static enum err_code forget_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_run(tx, NULL, e, "DELETE FROM blob WHERE digest = ?1 AND state = 1", "z", ((struct one *)arg)->digest);
}

static enum err_code bad_blob(struct check *k, struct one *o, struct err *e)
{
	struct store_problem p = { .kind = o->is == MISSING ? "blob-missing" : "blob-damaged", .text = o->is == MISSING ?
				   "its bytes are not there" :
				   "its bytes have another digest or size", .subject = slice_str(o->digest) };
	TRY(sql_read(k->s->sql, visible_tx, o, e));
	if (o->is == FINE)
		return OK;
	TRY(check_found(k, &p, going_tx, o, e));
	if (!k->o->repair)
		return OK;
	enum err_code code = blob_quarantine(k->s->blobs, slice_str(o->digest), e);
	if (code != OK && code != ERR_NOT_FOUND)
		return code;
	return sql_write(k->s->sql, forget_tx, o, e);
}

static enum err_code hash_batch(struct check *k, struct batch *b, uint64_t total, struct err *e)
{
	pthread_t threads[MOST_THREADS];
	unsigned want = MIN(k->o->threads ? k->o->threads : os_cpu_count(), (unsigned)MOST_THREADS), n = 0;
	atomic_store(&b->next, 0);
	while (n < want && n < b->n && !pthread_create(&threads[n], NULL, hasher, b))
		n++;
	if (!n)
		hasher(b);
	for (unsigned i = 0; i < n; i++) {
		struct timespec until;
		do {
			if (k->o->progress)
				k->o->progress(k->o->arg, atomic_load(&b->bytes), total);
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 100000000;
			until.tv_sec += until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
		} while (pthread_timedjoin_np(threads[i], NULL, &until));
	}
	for (size_t i = 0; i < b->n; i++) {
		struct one *o = &b->items[i];
		if (o->is == FAILED) {
			*e = o->why;
			return e->code;
		}
		if (o->is != FINE)
			TRY(bad_blob(k, o, e));
	}
	return OK;
}

static enum err_code total_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, arg, e, "SELECT CAST(COALESCE(SUM(size), 0) AS $INT) FROM blob WHERE state = 0", "");
}

static enum err_code check_blobs(struct check *k, struct err *e)
{
	struct batch *b = calloc(1, sizeof(*b));
	int64_t total = 0;
	if (!b)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	b->k = k;
	enum err_code code = sql_read(k->s->sql, total_tx, &total, e);
	do {
		if (code == OK)
			code = sql_read(k->s->sql, batch_tx, b, e);
		if (code != OK || !b->n)
			break;
		code = hash_batch(k, b, (uint64_t)total, e);
		k->n->blobs += b->n;
		snprintf(b->after, sizeof(b->after), "%s", b->n ? b->items[b->n - 1].digest : "");
	} while (code == OK && b->n == BATCH);
	k->n->bytes = atomic_load(&b->bytes);
	free(b);
	return code;
}

/* --- What no row knows -------------------------------------------------------------------------------------------------------------- */

struct stray { struct check *k; struct slice name; bool uploads, known; };

static enum err_code known_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct stray *s = arg;
	int64_t n;
	TRY(s->uploads ? sql_one_int(tx, &n, e, "SELECT count(*) FROM upload WHERE id = ?1", "t", s->name) :
	    sql_one_int(tx, &n, e, "SELECT count(*) FROM blob WHERE digest = ?1", "t", s->name));
	s->known = n > 0;
	return OK;
}

static enum err_code on_stray(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e)
{
	struct stray *s = arg;
	(void)size;
	s->k->n->uploads += s->uploads;
	if (modified_s + s->k->o->leftover_s > os_now_s())
		return OK;
	s->name = name;
	TRY(sql_read(s->k->s->sql, known_tx, s, e));
	struct store_problem p = { .kind = s->uploads ? "upload" : "bytes", .subject = name, .note = true,
				   .text = "left over; garbage collection takes it" };
	return s->known ? OK : check_found(s->k, &p, NULL, NULL, e);
}

enum err_code store_check(struct store *s, const struct store_check_options *o, struct store_check_counts *ret, struct err *e)
{
	struct check k = { s, o, ret };
	struct stray stray = { .k = &k };
	*ret = (struct store_check_counts){ 0 };
	TRY(check_blobs(&k, e));
	TRY(check_bodies(&k, e));
	TRY(check_rows(&k, e));
	TRY(blob_walk(s->blobs, on_stray, &stray, e));
	stray.uploads = true;
	return blob_walk_uploads(s->blobs, on_stray, &stray, e);
}
