/* Shared by the tests of records: the same bodies run on SQLite in a temporary directory, or on the PostgreSQL that PABEAN_TEST_PG names
 * (a database of its own: all in its schema `public` is dropped). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "inside.h"

static const struct sql_migration steps[] = {
	{ 1, "things", "CREATE TABLE thing (id $ID, name TEXT NOT NULL UNIQUE, n $INT, body $BLOB); -- it's a comment with $NOTHING and ?\n"
			"CREATE TABLE total (one $INT PRIMARY KEY, n $INT NOT NULL); INSERT INTO total (one, n) VALUES (1, 0);" },
	{ 2, "parts", "CREATE TABLE part (thing_id $INT NOT NULL REFERENCES thing (id) ON DELETE CASCADE, what TEXT NOT NULL DEFAULT '$ID ?1', PRIMARY KEY (thing_id, what));"
			"CREATE TABLE late (id $INT PRIMARY KEY, thing_id $INT REFERENCES thing (id) DEFERRABLE INITIALLY DEFERRED)" },
	{ 3, "of the next release", "CREATE TABLE next_release (id $ID)" },
};

[[maybe_unused]] static char url[300], dir[200];

[[maybe_unused]] static struct sql *open_steps(size_t n)
{
	struct err e;
	struct sql *db;
	struct sql_options o = { .url = url, .migrations = steps, .n_migrations = n };
	if (sql_open(&o, &db, &e) != OK)
		fail_msg("open: %s", e.msg);
	return db;
}

[[maybe_unused]] static enum err_code run_plain(struct sql_tx *tx, void *arg, struct err *e) { return sql_run(tx, NULL, e, arg, ""); }

[[maybe_unused]] static void must_write(struct sql *db, sql_tx_fn *fn, void *arg)
{
	struct err e;
	if (sql_write(db, fn, arg, &e) != OK)
		fail_msg("write: %s", e.msg);
}

[[maybe_unused]] static void must_read(struct sql *db, sql_tx_fn *fn, void *arg)
{
	struct err e;
	if (sql_read(db, fn, arg, &e) != OK)
		fail_msg("read: %s", e.msg);
}

struct one { const char *sql; int64_t n; };
[[maybe_unused]] static enum err_code read_one(struct sql_tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;
	return sql_one_int(tx, &o->n, e, o->sql, "");
}
[[maybe_unused]] static int64_t count_of(struct sql *db, const char *sql)
{
	struct one o = { .sql = sql };
	must_read(db, read_one, &o);
	return o.n;
}

[[maybe_unused]] static int make_empty(void **state)
{
	(void)state;
	const char *pg = getenv("PABEAN_TEST_PG");
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/sqltest.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	if (!pg) {
		snprintf(url, sizeof(url), "sqlite:%s/db", dir);
		return 0;
	}
	snprintf(url, sizeof(url), "%s", pg);
	struct sql *db = open_steps(0);
	must_write(db, run_plain, "DROP SCHEMA public CASCADE");
	must_write(db, run_plain, "CREATE SCHEMA public");
	sql_close(db);
	return 0;
}

[[maybe_unused]] static int remove_all(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(os_remove_tree(dir, &e), OK);
	return 0;
}

/* This program again, in another role; `to` becomes its standard output. */
[[maybe_unused]] static pid_t start(const char *role, int to)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	if (to >= 0)
		dup2(to, 1);
	execl("/proc/self/exe", "test", role, url, NULL);
	_exit(99);
}

[[maybe_unused]] static int status_of(pid_t pid)
{
	int st;
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

[[maybe_unused]] static void pause_ms(unsigned ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

#define with_empty(f) cmocka_unit_test_setup_teardown(f, make_empty, remove_all)
