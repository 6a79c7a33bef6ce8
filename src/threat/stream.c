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

static int on_confirm(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *arg)
{
	(void)from;
	(void)to;
	(void)flags;
	sign_set_add(arg, threat_patterns[id].sign);
	return 0;
}

enum err_code threat_stream_open(const struct threat_set *set, struct threat_stream **ret, struct err *e)
{
	struct threat_stream *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "open pattern stream: out of memory");
	s->set = set;
	if (hs_alloc_scratch(set->stream, &s->scratch) != HS_SUCCESS || hs_alloc_scratch(set->block, &s->scratch) != HS_SUCCESS ||
	    hs_alloc_scratch(set->confirm, &s->scratch) != HS_SUCCESS || hs_open_stream(set->stream, 0, &s->stream) != HS_SUCCESS) {
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
	hs_free_scratch(s->scratch);
	free(s);
}

static enum err_code check(hs_error_t rc, struct err *e)
{
	return rc == HS_SUCCESS ? OK : err_set(e, ERR_INTERNAL, 0, "match patterns: vectorscan error %d", rc);
}

enum { PIECE_BYTES = 1 << 30 };	/* vectorscan counts in 32 bits */

enum err_code threat_stream_feed(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e)
{
	struct relay r = { fn, arg };
	while (bytes.n) {
		struct slice piece = slice_upto(bytes, PIECE_BYTES);
		TRY(check(hs_scan_stream(s->stream, (const char *)piece.p, (unsigned)piece.n, 0, s->scratch, on_match, &r), e));
		bytes = slice_from(bytes, piece.n);
	}
	return OK;
}

struct shifted { threat_hit_fn *fn; void *arg; uint64_t by; };
static void on_shifted(void *arg, uint32_t id, uint64_t end)
{
	const struct shifted *s = arg;
	s->fn(s->arg, id, s->by + end);
}

/* Pieces of a huge block overlap by OVERLAP_BYTES: no pattern is longer. A hit inside the overlap may be told twice. */
enum err_code threat_block_scan(struct threat_stream *s, struct slice bytes, threat_hit_fn *fn, void *arg, struct err *e)
{
	enum { OVERLAP_BYTES = 4096 };
	struct shifted shift = { fn, arg, 0 };
	struct relay r = { on_shifted, &shift };
	while (bytes.n) {
		struct slice piece = slice_upto(bytes, PIECE_BYTES);
		TRY(check(hs_scan(s->set->block, (const char *)piece.p, (unsigned)piece.n, 0, s->scratch, on_match, &r), e));
		if (piece.n == bytes.n)
			break;
		shift.by += piece.n - OVERLAP_BYTES;
		bytes = slice_from(bytes, piece.n - OVERLAP_BYTES);
	}
	return OK;
}

enum err_code threat_confirm(struct threat_stream *s, struct slice text, struct sign_set *ret, struct err *e)
{
	*ret = (struct sign_set){ 0 };
	text = slice_upto(text, 64 * KIB);
	if (!text.n)
		return OK;
	return check(hs_scan(s->set->confirm, (const char *)text.p, (unsigned)text.n, 0, s->scratch, on_confirm, ret), e);
}
