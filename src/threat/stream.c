#include "set.h"
#include <stdlib.h>

struct relay { threat_hit_fn *fn; void *arg; };

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	const struct relay *r = arg;
	(void)from;
	(void)flags;
	r->fn(r->arg, id, to);
	return 0;
}

enum err_code threat_stream_open(const struct threat_set *set, struct threat_stream **ret, struct err *e)
{
	struct threat_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "open pattern stream: out of memory");
	s->set = set;
	if (hs_alloc_scratch(set->stream, &s->scratch) != HS_SUCCESS || hs_open_stream(set->stream, 0, &s->stream) != HS_SUCCESS ||
	    hs_open_stream(set->stream, 0, &s->block) != HS_SUCCESS) {
		threat_stream_close(s);
		return err_set(e, ERR_NOMEM, 0, "open pattern stream: out of memory");
	}
	*ret = s;
	return OK;
}

void threat_stream_close(struct threat_stream *s)
{
	if (!s)
		return;
	if (s->stream)
		hs_close_stream(s->stream, NULL, NULL, NULL);
	if (s->block)
		hs_close_stream(s->block, NULL, NULL, NULL);
	hs_free_scratch(s->scratch);
	free(s);
}

static enum err_code check(hs_error_t rc, struct err *e)
{
	return rc == HS_SUCCESS ? OK : err_set(e, ERR_INTERNAL, 0, "match patterns: vectorscan error %d", rc);
}

enum { PIECE_BYTES = 1 << 30 };	/* vectorscan counts in 32 bits */

static enum err_code feed(struct threat_stream *s, hs_stream_t *stream, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e)
{
	struct relay r = { fn, arg };
	while (bytes.n) {
		struct slice piece = slice_upto(bytes, PIECE_BYTES);
		TRY(check(hs_scan_stream(stream, (const char *)piece.p, (unsigned)piece.n, 0, s->scratch, on_match, &r), e));
		bytes = slice_from(bytes, piece.n);
	}
	return OK;
}

enum err_code threat_stream_feed(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e)
{
	return feed(s, s->stream, bytes, fn, arg, e);
}

enum err_code threat_block_scan(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e)
{
	TRY(check(hs_reset_stream(s->block, 0, s->scratch, NULL, NULL), e));
	return feed(s, s->block, bytes, fn, arg, e);
}

bool threat_confirm(const struct threat_set *set, int sign, struct slice text)
{
	unsigned n = threat_judge_by[sign].confirms;
	for (unsigned i = 0; i < n; i++)
		if (regex_search(&set->confirms[set->first_confirm[sign] + i], text))
			return true;
	return n == 0;
}
