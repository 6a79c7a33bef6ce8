/* The first byte chooses how the rest, an archive, is cut into pieces. Content must come whole and where the reader says it stands. */
#include <stdlib.h>
#include "tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	const uint8_t *all;
	size_t all_n;
	uint64_t want, got;
	bool open;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e)
{
	struct seen *s = arg;
	uint8_t x = 0;
	check(!s->open);
	check(t->name.n <= TAR_MAX_NAME && t->link.n <= TAR_MAX_NAME && t->mode <= 07777);
	for (size_t i = 0; i < t->name.n; i++)
		x ^= t->name.p[i];
	for (size_t i = 0; i < t->caps.n; i++)
		x ^= t->caps.p[i];
	check(x || !x);
	if (t->size > 16 * MIB)
		return err_set(e, ERR_LIMIT, 0, "large");
	s->open = t->size > 0;
	s->want = t->size;
	s->got = 0;
	return OK;
}

static enum err_code on_data(void *arg, struct slice chunk, uint64_t at, bool last, struct err *)
{
	struct seen *s = arg;
	check(s->open && chunk.n);
	check(at == SIZE_MAX || (at + chunk.n <= s->all_n && memcmp(s->all + at, chunk.p, chunk.n) == 0));
	s->got += chunk.n;
	check(s->got <= s->want && last == (s->got == s->want));
	s->open = !last;
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { 0 };
	struct tar_handler h = { on_entry, on_data, &s };
	struct tar_reader *r;
	struct tar_result result;
	struct err e;
	size_t step;
	if (size < 1 || tar_reader_open(&h, &r, &e) != OK)
		return 0;
	step = data[0] ? (size_t)data[0] * 7 : size;
	s.all = data + 1;
	s.all_n = size - 1;
	for (struct slice rest = slice_of(data + 1, size - 1); rest.n; rest = slice_from(rest, step))
		if (tar_reader_feed(r, slice_upto(rest, step), &e) != OK)
			break;
	if (tar_reader_finish(r, &result, &e) == OK)
		check(!s.open);
	tar_reader_close(r);
	return 0;
}
