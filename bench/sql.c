/* usage: bench_sql [URL]     small writes a second with 1 and 16 threads, small reads a second with 1, 2 and 16, on a database of its own
 *
 * URL: "sqlite:PATH" (default: a new file in $TMPDIR or the current directory) or "postgresql://…", where the table bench_sql is made. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base.h"
#include "os.h"
#include "sql.h"

#define SECONDS 2
#define ROWS 10000

static const struct sql_migration steps[] = { { 1, "bench", "CREATE TABLE bench_sql (id $INT PRIMARY KEY, name TEXT NOT NULL UNIQUE, digest $BLOB NOT NULL)" } };

struct worker { struct sql *db; bool write; unsigned seed; uint64_t until, n; };

static int64_t draw(struct worker *w) { return (int64_t)(w->seed = w->seed * 1103515245 + 12345) / 16 % ROWS; }

static enum err_code put(struct sql_tx *tx, void *arg, struct err *e)
{
	char name[40];
	int64_t id = draw(arg);
	uint64_t digest[4] = { os_monotonic_ns() };	/* what does not change is not written */
	snprintf(name, sizeof(name), "library/name-%d", (int)id);
	return sql_run(tx, NULL, e, "INSERT INTO bench_sql (id, name, digest) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET digest = excluded.digest",
		       "izb", id, name, slice_of(digest, sizeof(digest)));
}

static enum err_code get(struct sql_tx *tx, void *arg, struct err *e)
{
	AUTO_SQL_ROWS rows = NULL;
	bool row;
	TRY(sql_query(tx, &rows, e, "SELECT name, digest FROM bench_sql WHERE id = ?1", "i", draw(arg)));
	TRY(sql_next(rows, &row, e));
	return row && sql_bytes(rows, 1).n != 32 ? err_set(e, ERR_INTERNAL, 0, "wrong row") : OK;
}

static enum err_code fill(struct sql_tx *tx, void *arg, struct err *e)
{
	for (int i = 0; i < 2 * ROWS; i++)
		TRY(put(tx, arg, e));
	return OK;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct err e;
	for (; os_monotonic_ns() < w->until; w->n++)
		if ((w->write ? sql_write(w->db, put, w, &e) : sql_read(w->db, get, w, &e)) != OK) {
			fprintf(stderr, "%s\n", e.msg);
			exit(1);
		}
	return NULL;
}

static void measure(struct sql *db, bool write, unsigned threads)
{
	pthread_t t[64];
	struct worker w[64];
	uint64_t n = 0;
	for (unsigned i = 0; i < threads; i++) {
		w[i] = (struct worker){ .db = db, .write = write, .seed = i * 7919 + 1, .until = os_monotonic_ns() + SECONDS * 1000000000ull };
		pthread_create(&t[i], NULL, work, &w[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		n += w[i].n;
	}
	printf("%-6s %2u threads %8llu/s\n", write ? "writes" : "reads", threads, (unsigned long long)n / SECONDS);
}

static void show_memory(void)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmRSS", 5))
			printf("resident %s", line + 6);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	char path[300], url[320];
	const char *tmp = getenv("TMPDIR");
	snprintf(path, sizeof(path), "%s/bench-sql-%d.db", tmp ? tmp : ".", (int)getpid());
	snprintf(url, sizeof(url), "sqlite:%s", path);
	struct sql_options o = { .url = argc > 1 ? argv[1] : url, .migrations = steps, .n_migrations = ARRAY_LEN(steps) };
	struct worker w = { .seed = 1 };
	struct err e;
	struct sql *db;
	if (sql_open(&o, &db, &e) != OK || sql_write(db, fill, &w, &e) != OK) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	measure(db, true, 1);
	measure(db, true, 16);
	measure(db, false, 1);
	measure(db, false, 2);
	measure(db, false, 16);
	show_memory();
	sql_close(db);
	if (argc == 1)
		unlink(path);
	return 0;
}
