/* Writers, readers and a listener while the server goes away and comes back (tests/live/sql_postgres.sh does that to it; on SQLite, or without
 * arguments, nothing goes away). Each write adds one row: afterwards those that were told OK are there, once, and nothing of what failed
 * for sure. */
#include "sql_test.h"

#define THREADS 4

struct load { struct sql *db; int number; const char *until; long done, unknown, failed, reads; uint64_t longest_ms; };
struct heard { _Atomic long announced, dead, calls; _Atomic uint64_t last_ns, longest_ns; };

static void hear(void *arg, bool announced, bool alive)
{
	struct heard *h = arg;
	uint64_t now = os_monotonic_ns(), last = h->last_ns;
	if (last && now - last > h->longest_ns)
		h->longest_ns = now - last;
	h->last_ns = now;
	h->calls++;
	h->announced += announced;
	h->dead += !alive;
}

struct name { int thread; long i; };
static enum err_code put(struct sql_tx *tx, void *arg, struct err *e)
{
	struct name *n = arg;
	char name[60];
	snprintf(name, sizeof(name), "%d/%ld", n->thread, n->i);
	TRY(sql_run(tx, NULL, e, "INSERT INTO thing (name, n) VALUES (?1, ?2)", "zi", name, (int64_t)n->thread));
	TRY(sql_run(tx, NULL, e, "UPDATE total SET n = n + 1 WHERE one = 1", ""));
	return n->i % 10 ? OK : sql_announce(tx, e);
}

static void *write_until(void *arg)
{
	struct load *l = arg;
	struct err e;
	struct one o = { .sql = "SELECT n FROM total" };
	for (long i = 0; access(l->until, F_OK) && i < 100000; i++) {
		struct name n = { l->number, i };
		uint64_t t = os_monotonic_ns();
		enum err_code rc = sql_write(l->db, put, &n, &e);
		t = (os_monotonic_ns() - t) / 1000000;
		l->longest_ms = MAX(l->longest_ms, t);
		if (rc != OK)
			fprintf(stderr, "write %d/%ld: %s\n", n.thread, i, e.msg);
		l->done += rc == OK;
		l->unknown += rc == ERR_IO && strstr(e.msg, "may or may not");
		l->failed += rc != OK && !(rc == ERR_IO && strstr(e.msg, "may or may not"));
		if (sql_read(l->db, read_one, &o, &e) != OK) {
			fprintf(stderr, "read: %s\n", e.msg);
			l->failed++;
		}
		l->reads++;
	}
	return NULL;
}

static int load_until(const char *until)
{
	struct sql *db = open_steps(2);
	struct err e;
	struct heard h = { 0 };
	struct load l[THREADS];
	pthread_t t[THREADS];
	long done = 0, unknown = 0, failed = 0;
	uint64_t longest = 0;
	if (sql_listen(db, hear, &h, &e) != OK)
		return 1;
	for (int i = 0; i < THREADS; i++) {
		l[i] = (struct load){ .db = db, .number = i, .until = until };
		pthread_create(&t[i], NULL, write_until, &l[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		done += l[i].done;
		unknown += l[i].unknown;
		failed += l[i].failed;
		longest = MAX(longest, l[i].longest_ms);
	}
	pause_ms(1500);
	long there = count_of(db, "SELECT count(*) FROM thing"), total = count_of(db, "SELECT n FROM total");
	printf("writes told: %ld, unknown: %ld, failed: %ld, there: %ld; longest %llu ms; listener: %ld calls, %ld announced, %ld dead, longest gap %llu ms\n",
	       done, unknown, failed, there, (unsigned long long)longest, h.calls, h.announced, h.dead, (unsigned long long)h.longest_ns / 1000000);
	sql_close(db);
	return !(there == total && there >= done && there <= done + unknown && !failed && h.announced && h.longest_ns < 2500000000u && done > 10);
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		if (make_empty(NULL))
			return 1;
		char until[260];
		snprintf(until, sizeof(until), "%s/stop", dir);
		sql_close(open_steps(2));
		pid_t pid = fork();
		if (!pid) {
			pause_ms(500);
			_exit(close(open(until, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) != 0);
		}
		int rc = load_until(until);
		status_of(pid);
		remove_all(NULL);
		return rc;
	}
	if (!strcmp(argv[1], "setup")) {
		make_empty(NULL);
		sql_close(open_steps(2));
		return remove_all(NULL);
	}
	snprintf(url, sizeof(url), "%s", getenv("PABEAN_TEST_PG"));
	return argc == 3 ? load_until(argv[2]) : 2;
}
