#include "outer_tar.h"

/* Names that come out must be clean: nothing may lead out of the archive. */
static void check(struct slice name)
{
	struct slice rest = name, piece;
	while (name.n && slice_next_piece(&rest, '/', &piece))
		if (!piece.n || slice_eqs(piece, "..") || slice_eqs(piece, "."))
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(32 << 20);
	AUTO_STREAM in = NULL;
	struct outer_index x = { 0 };
	struct outer_member m;
	const struct outer_member *found;
	struct err e = { 0 };
	bool end = false;
	if (stream_of_slice(slice_of(data, size), &in, &e))
		return 0;
	struct outer_in tar = { .fd = -1, .st = in };
	while (outer_next(&tar, &a, &m, &end, &e) == OK && !end) {
		check(m.name);
		check(m.link);
		struct outer_member *p = ARENA_PUSH(&a, &x);
		if (!p)
			return 0;
		*p = m;
		if (outer_skip(&tar, m.size, m.name, &e) || outer_skip(&tar, outer_padding(m.size), m.name, &e))
			break;
	}
	if (outer_index_sort(&x, &e) == OK)
		for (size_t i = 0; i < x.n; i++)
			(void)!outer_find(&x, x.items[i].name, &found, &e);
	return 0;
}
