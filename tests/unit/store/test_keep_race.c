/* Garbage collection against pushes: threads bring blobs, name them in manifests, take the manifests away again, while two
 * collectors run without any grace to speak of. What a manifest names must always be there. */
#include <pthread.h>
#include <time.h>
#include "keep_test.h"

enum { PUSHERS = 3, CONTENTS = 6, SECONDS = 3 };
struct pusher { struct bench *b; int number; _Atomic bool *stop; unsigned pushed, lost, failed; char why[200]; };

static enum err_code put_image(struct bench *b, const struct image *i, struct err *e) { return sql_write(b->s.sql, image_tx,
		(void *)(uintptr_t)i, e); }

static enum err_code bring(struct bench *b, const char *text, char digest[136], struct err *e)
{
	struct blob_upload *u;
	uint64_t size;
	TRY(blob_upload_begin(b->s.blobs, DIGEST_SHA256, &u, e));
	TRY(blob_upload_append(u, slice_str(text), e));
	TRY(blob_upload_finish(u, SLICE_NULL, digest, &size, e));
	return store_blob_settle(&b->s, 0, slice_str(digest), size, SL(""), e);
}

struct removal { const char *digest; };
static enum err_code remove_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	int64_t repo;
	TRY(store_repo(tx, SL("a/b"), SL(""), true, &repo, e));
	enum err_code code = store_manifest_delete(tx, repo, slice_str(((struct removal *)arg)->digest), SL(""), e);
	return code == ERR_NOT_FOUND ? OK : code;
}

/* All pushers use the same few blobs and manifests, so that they come while they go. */
static enum err_code push_once(struct pusher *p, unsigned round, struct err *e)
{
	char text[20], blob_digest[136], digest[80];
	unsigned which = round * 7 + (unsigned)p->number;
	snprintf(text, sizeof(text), "content %u", which % CONTENTS);
	snprintf(digest, sizeof(digest), "sha256:%064x", which % CONTENTS + 1);
	TRY(bring(p->b, text, blob_digest, e));
	struct image i = { .digest = digest, .blobs = { blob_digest } };
	enum err_code code = put_image(p->b, &i, e);
	if (code == ERR_NOT_FOUND) {	/* it went before anything named it: the client brings it again */
		p->lost++;
		return OK;
	}
	TRY(code);
	p->pushed++;
	/* named, so it is there, whatever goes on beside us: nobody but us and our like takes the manifest away */
	struct removal r = { digest };
	return round % 3 ? sql_write(p->b->s.sql, remove_tx, &r, e) : OK;
}

static void *pusher(void *arg)
{
	struct pusher *p = arg;
	for (unsigned round = 0; !atomic_load(p->stop); round++) {
		struct err e = { 0 };
		if (push_once(p, round, &e) != OK && e.code != ERR_TIMEOUT) {
			p->failed++;
			snprintf(p->why, sizeof(p->why), "%.190s", e.msg);
		}
	}
	return NULL;
}

struct named { struct arena *arena; struct { char (*items)[80]; size_t n, cap; } list; };

static enum err_code named_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct named *n = arg;
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	n->list.n = 0;
	TRY(sql_query(tx, &rows, e, "SELECT DISTINCT f.child, b.state FROM manifest_ref f JOIN repo_manifest m ON m.digest ="
		      " f.digest LEFT JOIN blob b ON b.digest = f.child", ""));
	for (;;) {
		TRY(sql_next(rows, &row, e));
		if (!row)
			return arena_ok(n->arena, "digests", e);
		if (sql_is_null(rows, 1) || sql_int(rows, 1))
			return err_set(e, ERR_INTERNAL, 0, "%.20s is named but not visible", (const char *)sql_text(rows, 0).p);
		char (*to)[80] = ARENA_PUSH(n->arena, &n->list);
		if (to)
			snprintf(*to, sizeof(*to), "%.*s", SLICE_ARG(sql_text(rows, 0)));
	}
}

/* Everything that is named is visible, always; and its bytes are there once all stands still. */
static void consistent(struct bench *b, bool bytes)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct named n = { .arena = &a };
	struct err e = { 0 };
	if (sql_read(b->s.sql, named_tx, &n, &e) != OK)
		fail_msg("%s", e.msg);
	for (size_t i = 0; bytes && i < n.list.n; i++)
		if (!has_bytes(b, n.list.items[i]))
			fail_msg("the bytes of %s are gone", n.list.items[i]);
}

struct collector { struct bench *b; _Atomic bool *stop; const char *name; unsigned runs; uint64_t blobs; char why[200]; };

/* used_s has whole seconds: a grace that lets everything go that is older than this very moment. */
static void *collector(void *arg)
{
	struct collector *c = arg;
	struct store_keep_rules r = { .grace_s = 1, .walk = true };
	while (!atomic_load(c->stop)) {
		struct store_keep_counts n;
		struct err e = { 0 };
		enum err_code code = store_keep_run(&c->b->s, &r, c->name, c->stop, &n, &e);
		c->runs++;
		c->blobs += n.blobs;
		if (code != OK && code != ERR_NOT_FOUND && code != ERR_CANCELLED)
			snprintf(c->why, sizeof(c->why), "%.190s", e.msg);
	}
	return NULL;
}

static void race(void **state)
{
	struct bench *b = *state;
	_Atomic bool stop = false;
	pthread_t t[PUSHERS + 2];
	struct pusher p[PUSHERS];
	struct collector c[2] = { { .b = b, .stop = &stop, .name = "one" }, { .b = b, .stop = &stop, .name = "two" } };
	for (int i = 0; i < PUSHERS; i++) {
		p[i] = (struct pusher){ .b = b, .number = i, .stop = &stop };
		assert_int_equal(pthread_create(&t[i], NULL, pusher, &p[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[PUSHERS + i], NULL, collector, &c[i]), 0);
	/* The clock runs ahead: each look makes everything that was not used since the last one old enough. */
	for (uint64_t tick = 0, end = os_monotonic_ns() + SECONDS * UINT64_C(1000000000); os_monotonic_ns() < end; tick++) {
		os_set_now(NOW + tick);
		consistent(b, false);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	atomic_store(&stop, true);
	uint64_t blobs = 0, pushed = 0, lost = 0;
	for (int i = 0; i < PUSHERS + 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < PUSHERS; i++) {
		pushed += p[i].pushed;
		lost += p[i].lost;
		if (p[i].failed)
			fail_msg("%u pushes failed: %s", p[i].failed, p[i].why);
	}
	for (int i = 0; i < 2; i++) {
		blobs += c[i].blobs;
		if (c[i].why[0])
			fail_msg("%s", c[i].why);
	}
	consistent(b, true);
	print_message("%llu pushes, %llu blobs gone meanwhile, %llu pushes that came too late\n", (unsigned long long)pushed,
		      (unsigned long long)blobs, (unsigned long long)lost);
	assert_true(pushed > 20 && blobs > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(race, set_up, tear_down) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
