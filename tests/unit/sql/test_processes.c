/* Several processes on one database: commits shared, locks, a writer that is killed, migrations at once, listening, backup. */
#include "sql_test.h"

static bool on_postgres(void) { return getenv("PABEAN_TEST_PG"); }

/* --- Roles of child processes --------------------------------------------------------------------------------------- */

static enum err_code put_pair(struct sql_tx *tx, void *arg, struct err *e)
{
	char name[60];
	int64_t id;
	snprintf(name, sizeof(name), "%d/%d", (int)getpid(), *(int *)arg);
	TRY(sql_one_int(tx, &id, e, "INSERT INTO thing (name, body) VALUES (?1, ?2) RETURNING id", "zb", name, slice_of(name, sizeof(name))));
	TRY(sql_run(tx, NULL, e, "INSERT INTO part (thing_id, what) VALUES (?1, 'a')", "i", id));
	return sql_run(tx, NULL, e, "UPDATE total SET n = n + 1 WHERE one = 1", "");
}

/* Writes until it is killed and prints a byte for each commit it was told of. */
static int role_write(void)
{
	struct sql *db = open_steps(2);
	struct err e;
	for (int i = 0;; i++) {
		if (sql_write(db, put_pair, &i, &e) != OK) {
			fprintf(stderr, "%s\n", e.msg);
			return 1;
		}
		if (write(1, "x", 1) != 1)
			return 2;
	}
}

static enum err_code announce(struct sql_tx *tx, void *arg, struct err *e)
{
	TRY(sql_run(tx, NULL, e, "UPDATE total SET n = n + 1 WHERE one = 1", ""));
	return arg ? sql_announce(tx, e) : OK;
}

static enum err_code hold(struct sql_tx *tx, void *arg, struct err *e)
{
	TRY(announce(tx, arg, e));
	if (write(1, "h", 1) != 1)
		return ERR_IO;
	pause_ms(1200);
	return OK;
}

static enum err_code put_large(struct sql_tx *tx, void *arg, struct err *e)
{
	static uint8_t body[50000];
	memset(body, *(uint8_t *)arg, sizeof(body));
	TRY(sql_run(tx, NULL, e, "INSERT INTO thing (body, name) VALUES (?1, ?2)", "bz", slice_of(body, sizeof(body)), (char[]){ *(char *)arg, 0 }));
	return sql_run(tx, NULL, e, "UPDATE total SET n = n + 1 WHERE one = 1", "");
}

/* Files cannot grow, then they can again. */
static int role_full(void)
{
	struct sql *db = open_steps(2);
	struct err e;
	enum err_code rc = OK;
	struct rlimit all, few;
	if (getrlimit(RLIMIT_FSIZE, &all))
		return 1;
	few = all;
	few.rlim_cur = 600000;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &few))
		return 2;
	char c = 'a';
	while (c < 'z' && (rc = sql_write(db, put_large, &c, &e)) == OK)
		c++;
	if (rc != ERR_IO || c < 'e' || count_of(db, "SELECT n FROM total") != c - 'a')
		return 3;
	if (sql_write(db, put_large, &c, &e) != ERR_IO || setrlimit(RLIMIT_FSIZE, &all))
		return 4;
	must_write(db, put_large, &c);
	int64_t n = count_of(db, "SELECT n FROM total");
	bool good = n == c - 'a' + 1 && count_of(db, "SELECT count(*) FROM thing") == n;
	sql_close(db);
	return good ? 0 : 5;
}

static int role(const char *name)
{
	if (!strcmp(name, "write"))
		return role_write();
	if (!strcmp(name, "full"))
		return role_full();
	if (!strcmp(name, "migrate")) {
		sql_close(open_steps(2));
		return 0;
	}
	struct sql *db = open_steps(2);
	must_write(db, strcmp(name, "hold") ? announce : hold, "");
	sql_close(db);
	return 0;
}

/* --- Tests ------------------------------------------------------------------------------------------------------------ */

struct load { struct sql *db; int first; };
static void *put_many(void *arg)
{
	struct load *l = arg;
	struct err e;
	for (int i = 0; i < 100; i++) {
		int v = l->first + i;
		if (sql_write(l->db, put_pair, &v, &e) != OK)
			return "failed";
	}
	return NULL;
}

/* Holds the writer up, so that the rest waits for one commit. */
static enum err_code slow(struct sql_tx *tx, void *arg, struct err *e)
{
	pause_ms(300);
	return run_plain(tx, arg, e);
}
static void *put_slow(void *arg)
{
	struct err e;
	return sql_write(arg, slow, "UPDATE total SET n = n + 0", &e) == OK ? NULL : "failed";
}

static void commits_are_shared(void **state)
{
	(void)state;
	struct sql *db = open_steps(2);
	pthread_t t[17];
	struct load l[16];
	void *failed;
	pthread_create(&t[16], NULL, put_slow, db);
	for (int i = 0; i < 16; i++) {
		l[i] = (struct load){ db, i * 1000 };
		pthread_create(&t[i], NULL, put_many, &l[i]);
	}
	for (int i = 0; i < 17; i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(count_of(db, "SELECT count(*) FROM part"), 1600);
	if (!on_postgres()) {
		unsigned long n = sql_lite_commits(db);
		print_message("1600 writes of 16 threads: %lu commits\n", n);
		assert_true(n < 800);
	}
	sql_close(db);
}

static void killed_writer(void **state)
{
	(void)state;
	struct sql *db = open_steps(2);
	int64_t told = 0;
	unsigned seed = 7;
	for (int round = 0; round < 20; round++) {
		int p[2];
		char c[4096];
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		pid_t pid = start("write", p[1]);
		close(p[1]);
		assert_int_equal(read(p[0], c, 1), 1);
		told++;
		seed = seed * 1103515245 + 12345;
		pause_ms(seed / 65536 % 30);
		kill(pid, SIGKILL);
		assert_int_equal(status_of(pid), 1000 + SIGKILL);
		for (ssize_t n; (n = read(p[0], c, sizeof(c))) > 0;)
			told += n;
		close(p[0]);
		/* At most the one that was under way may be there without having been told. */
		if (on_postgres())
			pause_ms(20);	/* the server notices a lost client in its own time */
		int64_t n = count_of(db, "SELECT count(*) FROM thing");
		assert_in_range(n, told, told + round + 1);
		assert_int_equal(count_of(db, "SELECT count(*) FROM part"), n);
		assert_int_equal(count_of(db, "SELECT n FROM total"), n);
		if (!on_postgres())
			assert_int_equal(count_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	}
	print_message("%ld commits in 20 killed writers\n", (long)told);
	sql_close(db);
}

static void busy(void **state)
{
	(void)state;
	struct err e;
	int p[2];
	char c;
	struct sql_options o = { .url = url, .busy_ms = 200 };
	struct sql *db = open_steps(2), *impatient;
	assert_int_equal(sql_open(&o, &impatient, &e), OK);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = start("hold", p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	/* Readers are not held up, an impatient writer is told, a patient one gets its turn. */
	assert_int_equal(count_of(db, "SELECT n FROM total"), 0);
	uint64_t t = os_monotonic_ns();
	assert_int_equal(sql_write(impatient, announce, NULL, &e), ERR_TIMEOUT);
	t = (os_monotonic_ns() - t) / 1000000;
	assert_in_range(t, 190, 1150);
	must_write(db, announce, NULL);
	assert_int_equal(status_of(pid), 0);
	assert_int_equal(count_of(db, "SELECT n FROM total"), 2);
	close(p[0]);
	close(p[1]);
	sql_close(impatient);
	sql_close(db);
}

static void migrations(void **state)
{
	(void)state;
	struct err e;
	pid_t pid[3];
	for (int i = 0; i < 3; i++)
		pid[i] = start("migrate", -1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(status_of(pid[i]), 0);
	struct sql *db = open_steps(2);
	assert_int_equal(count_of(db, "SELECT count(*) FROM sql_migrations"), 2);
	assert_int_equal(count_of(db, "SELECT count(*) FROM total"), 1);
	sql_close(db);
	db = open_steps(3);
	assert_int_equal(count_of(db, "SELECT count(*) FROM next_release"), 0);
	sql_close(db);
	struct sql_options old = { .url = url, .migrations = steps, .n_migrations = 2 };
	assert_int_equal(sql_open(&old, &db, &e), ERR_UNSUPPORTED);
	/* A step that fails leaves nothing behind. */
	static const struct sql_migration wrong[] = { { 9, "wrong", "CREATE TABLE nine (id $ID); INSERT INTO ten (id) VALUES (1)" } };
	struct sql_options bad = { .url = url, .migrations = wrong, .n_migrations = 1 };
	assert_int_equal(sql_open(&bad, &db, &e), ERR_INTERNAL);
	db = open_steps(3);
	assert_int_not_equal(sql_read(db, run_plain, "SELECT id FROM nine", &e), OK);
	sql_close(db);
}

struct heard { _Atomic int announced, calls, dead; struct sql *db; };
static void hear(void *arg, bool announced, bool alive)
{
	struct heard *h = arg;
	struct err e;
	struct one o = { .sql = "SELECT n FROM total" };
	if (alive && sql_read(h->db, read_one, &o, &e) != OK)
		abort();
	atomic_fetch_add(&h->calls, 1);
	atomic_fetch_add(&h->announced, announced);
	atomic_fetch_add(&h->dead, !alive);
}

static unsigned ms_until(_Atomic int *v, int least)
{
	for (unsigned ms = 0; ms < 3000; ms++) {
		if (atomic_load(v) >= least)
			return ms;
		pause_ms(1);
	}
	return 3000;
}

static void listening(void **state)
{
	(void)state;
	struct err e;
	struct sql *db = open_steps(2);
	struct heard h = { .db = db };
	assert_int_equal(sql_listen(db, hear, &h, &e), OK);
	assert_in_range(ms_until(&h.announced, 1), 0, 1500);	/* the first look */
	int before = h.announced;
	must_write(db, announce, "");
	unsigned ms = ms_until(&h.announced, before + 1);
	print_message("heard of itself after %u ms\n", ms);
	assert_in_range(ms, 0, 1500);
	pause_ms(100);
	before = h.announced;
	assert_int_equal(status_of(start("announce", -1)), 0);
	ms = ms_until(&h.announced, before + 1);
	print_message("heard of another process after %u ms\n", ms);
	assert_in_range(ms, 0, 1500);
	pause_ms(100);
	/* What is not announced is not told, but a sign of life comes every second. */
	before = h.announced;
	int calls = h.calls;
	must_write(db, announce, NULL);
	assert_in_range(ms_until(&h.calls, calls + 1), 0, 1500);
	assert_int_equal(h.announced, before);
	assert_int_equal(h.dead, 0);
	sql_close(db);
}

static void full_disk(void **state)
{
	(void)state;
	if (!on_postgres())	/* elsewhere it is the server's disk */
		assert_int_equal(status_of(start("full", -1)), 0);
}

static void backup(void **state)
{
	(void)state;
	struct err e;
	struct sql *db = open_steps(2);
	pthread_t t;
	void *failed;
	char copy[260];
	snprintf(copy, sizeof(copy), "%s/copy", dir);
	if (on_postgres()) {
		assert_int_equal(sql_backup(db, copy, &e), ERR_UNSUPPORTED);
		sql_close(db);
		return;
	}
	struct load l = { db, 0 };
	pthread_create(&t, NULL, put_many, &l);
	pause_ms(20);
	if (sql_backup(db, copy, &e) != OK)
		fail_msg("%s", e.msg);
	pthread_join(t, &failed);
	assert_null(failed);
	assert_int_equal(sql_backup(db, copy, &e), ERR_USAGE);	/* there is one already */
	assert_int_equal(count_of(db, "SELECT n FROM total"), 100);
	sql_close(db);
	snprintf(url, sizeof(url), "sqlite:%s", copy);
	db = open_steps(2);
	assert_int_equal(count_of(db, "SELECT count(*) FROM thing"), count_of(db, "SELECT n FROM total"));
	sql_close(db);
}

int main(int argc, char **argv)
{
	if (argc == 3) {
		snprintf(url, sizeof(url), "%s", argv[2]);
		return role(argv[1]);
	}
	const struct CMUnitTest tests[] = { with_empty(commits_are_shared), with_empty(killed_writer), with_empty(busy), with_empty(migrations),
		with_empty(listening), with_empty(full_disk), with_empty(backup) };
	return cmocka_run_group_tests_name(on_postgres() ? "processes on PostgreSQL" : "processes on SQLite", tests, NULL, NULL);
}
