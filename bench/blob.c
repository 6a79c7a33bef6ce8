/* usage: bench-blob DIR   pushes 1 MiB x 16 (one after another and at once) and 100 MB x 1 and x 4 through the blob store,
 * beside a plain write with fsync and hashing alone, on the same directory in the same run. Prints milliseconds, the middle of
 * five. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "blob.h"
#include "os.h"

enum { BLOCK = 256 << 10, RUNS = 5, MAX_AT_ONCE = 16 };

static struct blob_store *B;
static uint8_t *bytes;		/* 100 MB of them, the first 16 different a blob */
static const char *dir;
static struct err E;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, E.msg);
	exit(1);
}

struct job { size_t n; uint64_t mark; };

static void *push(void *arg)
{
	struct job *j = arg;
	struct blob_upload *u;
	struct err e = { 0 };
	bool ok = blob_upload_begin(B, DIGEST_SHA256, &u, &e) == OK && blob_upload_append(u, slice_of(&j->mark, sizeof(j->mark)), &e) == OK;
	for (size_t at = sizeof(j->mark); ok && at < j->n; at += BLOCK)
		ok = blob_upload_append(u, slice_of(bytes + at, MIN((size_t)BLOCK, j->n - at)), &e) == OK;
	if (!ok || blob_upload_finish(u, SLICE_NULL, NULL, NULL, &e) != OK) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
	return NULL;
}

static void *hash(void *arg)
{
	struct job *j = arg;
	uint8_t out[64];
	return digest_of(DIGEST_SHA256, slice_of(bytes, j->n), out) ? NULL : arg;
}

/* As dd bs=256K conv=fsync does. */
static void *plain(void *arg)
{
	struct job *j = arg;
	char path[512];
	snprintf(path, sizeof(path), "%s/plain-%llx", dir, (unsigned long long)j->mark);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	for (size_t at = 0; at < j->n; at += BLOCK)
		if (write(fd, bytes + at, MIN((size_t)BLOCK, j->n - at)) < 0)
			exit(1);
	if (fsync(fd) != 0)
		exit(1);
	close(fd);
	return NULL;
}

static double once(void *(*fn)(void *), size_t n, unsigned count, bool at_once)
{
	static uint64_t mark;
	pthread_t t[MAX_AT_ONCE];
	struct job j[MAX_AT_ONCE];
	uint64_t start = os_monotonic_ns();
	for (unsigned i = 0; i < count; i++) {
		j[i] = (struct job){ n, ++mark ^ start << 8 };
		if (!at_once)
			fn(&j[i]);
		else if (pthread_create(&t[i], NULL, fn, &j[i]))
			exit(1);
	}
	for (unsigned i = 0; at_once && i < count; i++)
		pthread_join(t[i], NULL);
	return (double)(os_monotonic_ns() - start) / 1e6;
}

static int by_size(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

static void row(const char *what, size_t n, unsigned count, bool at_once)
{
	void *(*const fns[3])(void *) = { push, plain, hash };
	double ms[3][RUNS];
	/* In turn, so that a busy neighbour disturbs all of them alike. */
	for (unsigned r = 0; r < RUNS; r++)
		for (unsigned k = 0; k < 3; k++)
			ms[k][r] = once(fns[k], n, count, at_once);
	for (unsigned k = 0; k < 3; k++)
		qsort(ms[k], RUNS, sizeof(double), by_size);
	double p = ms[0][RUNS / 2], w = ms[1][RUNS / 2], h = ms[2][RUNS / 2];
	printf("%-24s push %8.1f ms   write+fsync %8.1f ms   sha256 %8.1f ms   push / slower of both %.2f\n", what, p, w, h, p / MAX(w, h));
}

int main(int argc, char **argv)
{
	char path[512];
	dir = argc > 1 ? argv[1] : ".";
	snprintf(path, sizeof(path), "%s/bench-blob-%d", dir, (int)getpid());
	bytes = malloc(100000000);
	if (!bytes || os_mkdirs(path, 0700, &E))
		die(path);
	for (size_t i = 0; i < 100000000; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	dir = path;
	if (blob_open(&(struct blob_options){ .dir = dir }, &B, &E))
		die("open");
	row("1 MiB x 16, in turn", MIB, 16, false);
	row("1 MiB x 16, at once", MIB, 16, true);
	row("100 MB x 1", 100000000, 1, false);
	row("100 MB x 4, at once", 100000000, 4, true);
	blob_close(B);
	return os_remove_tree(path, &E) ? 1 : 0;
}
