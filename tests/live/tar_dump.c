/* Prints what the tar reader sees in archives, in the words of tar-go/main.go. usage: tar_dump ARCHIVES-FILE [chunked]
 * "chunked": feeds pieces of 1 to 700 bytes. */
#include <stdio.h>
#include "codec.h"
#include "tar.h"

enum { MAX_SHOWN = 64 << 20 };

struct dump {
	struct digest *sum;
	bool large;
	bool empty;	/* an entry without content: Go tells that its sparse map is wrong before its digest can be asked for */
};

static void put_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", s.p[i]);
}

static void put_sum(struct dump *d)
{
	uint8_t out[DIGEST_MAX_BYTES];
	digest_final(d->sum, out);
	fputs("c ", stdout);
	put_hex(slice_of(out, 32));
	putchar('\n');
}

static void put_empty(struct dump *d)
{
	if (d->empty)
		put_sum(d);
	d->empty = false;
}

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e)
{
	struct dump *d = arg;
	put_empty(d);
	if (t->type == 'g') {
		fputs("g ", stdout);
		put_hex(t->name);
		putchar('\n');
		return OK;
	}
	printf("%02x %lld %o %llu %llu %lld %llu,%llu ", t->type, (long long)t->size, t->mode, (unsigned long long)t->uid, (unsigned long long)t->gid,
	       (long long)t->mtime, (unsigned long long)t->dev_major, (unsigned long long)t->dev_minor);
	put_hex(t->name);
	putchar(' ');
	put_hex(t->link);
	putchar(' ');
	put_hex(t->caps);
	putchar('\n');
	d->large = t->size > MAX_SHOWN;
	if (d->large)
		return err_set(e, ERR_LIMIT, 0, "large");
	digest_reset(d->sum);
	d->empty = t->size == 0;
	return OK;
}

static enum err_code on_data(void *arg, struct slice chunk, uint64_t, bool last, struct err *)
{
	struct dump *d = arg;
	digest_update(d->sum, chunk);
	if (last)
		put_sum(d);
	return OK;
}

static enum err_code feed_all(struct tar_reader *r, struct slice a, bool chunked, struct err *e)
{
	uint32_t x = 1;
	while (a.n) {
		size_t n = a.n;
		if (chunked) {
			x = x * 1664525 + 1013904223;
			n = MIN(a.n, 1 + (x >> 16) % 700);
		}
		TRY(tar_reader_feed(r, slice_upto(a, n), e));
		a = slice_from(a, n);
	}
	return OK;
}

static void dump(struct slice a, bool chunked)
{
	struct dump d = { 0 };
	struct tar_handler h = { on_entry, on_data, &d };
	struct tar_reader *r = NULL;
	struct tar_result result;
	struct err e;
	if (digest_open(DIGEST_SHA256, &d.sum, &e) != OK || tar_reader_open(&h, &r, &e) != OK)
		return;
	if (feed_all(r, a, chunked, &e) == OK && tar_reader_finish(r, &result, &e) == OK) {
		put_empty(&d);
		puts("end ok");
	} else {
		if (!strstr(e.msg, "a sparse file with "))
			put_empty(&d);
		puts(d.large ? "end large" : "end error");
	}
	tar_reader_close(r);
	digest_close(d.sum);
}

int main(int argc, char **argv)
{
	AUTO_STREAM s = NULL;
	struct err e;
	FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
	if (!f || stream_of_fd(fileno(f), false, &s, &e) != OK)
		return 2;
	for (unsigned i = 0;; i++) {
		AUTO_BUF a = BUF(64 * MIB);
		uint8_t len[4];
		size_t n, want;
		if (stream_read_full(s, len, 4, &n, &e) != OK || n != 4)
			break;
		want = (size_t)len[0] | (size_t)len[1] << 8 | (size_t)len[2] << 16 | (size_t)len[3] << 24;
		if (!buf_reserve(&a, want + 1) || stream_read_full(s, a.p, want, &n, &e) != OK || n != want)
			return 2;
		printf("== %u\n", i);
		dump(slice_of(a.p, want), argc > 2);
	}
	fclose(f);
	return 0;
}
