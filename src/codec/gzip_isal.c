#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <zlib.h>
#include "engine.h"

/* The header is read here: igzip's own reader takes a header with a checksum (FHCRC) for broken when its input comes in pieces. */
struct isal_state {
	struct inflate_state inflate;
	enum { FIXED, EXTRA_LENGTH, EXTRA, NAME, COMMENT, HEADER_CRC, BODY } where;
	uint8_t small[10];	/* of a part that came in pieces */
	size_t have, extra_left;
	uint8_t flags;
	uint32_t crc;		/* of the header */
};

enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };	/* RFC 1952, section 2.3.1 */

static void *isal_open(void)
{
	struct isal_state *s = calloc(1, sizeof(*s));
	if (s)
		isal_inflate_init(&s->inflate);
	return s;
}

static bool isal_start(void *state)
{
	struct isal_state *s = state;
	isal_inflate_reset(&s->inflate);
	s->inflate.crc_flag = ISAL_GZIP_NO_HDR_VER;	/* checks CRC and length in the trailer */
	s->where = FIXED;
	s->have = 0;
	s->crc = 0;
	return true;
}

static void take(struct isal_state *s, struct io *io, size_t n)
{
	if (s->where != HEADER_CRC)
		s->crc = (uint32_t)crc32_z(s->crc, io->in, n);
	io->in += n;
	io->in_n -= n;
}

/* n bytes in s->small; false until they are there. */
static bool collect(struct isal_state *s, struct io *io, size_t n)
{
	size_t some = MIN(n - s->have, io->in_n);
	memcpy(s->small + s->have, io->in, some);
	take(s, io, some);
	s->have += some;
	if (s->have < n)
		return false;
	s->have = 0;
	return true;
}

/* The next part that the header has behind this one. */
static void next_part(struct isal_state *s)
{
	static const uint8_t flag_of[] = { [EXTRA_LENGTH] = FEXTRA, [EXTRA] = FEXTRA, [NAME] = FNAME, [COMMENT] = FCOMMENT, [HEADER_CRC] = FHCRC };
	do
		s->where++;
	while (s->where < BODY && !(s->flags & flag_of[s->where]));
}

/* Through a string up to its NUL. */
static bool skip_string(struct isal_state *s, struct io *io)
{
	const uint8_t *nul = memchr(io->in, 0, io->in_n);
	take(s, io, nul ? (size_t)(nul - io->in) + 1 : io->in_n);
	return nul;
}

static const char *fixed_why(struct isal_state *s)
{
	s->flags = s->small[3];
	if (s->small[0] != 0x1f || s->small[1] != 0x8b)
		return "incorrect gzip header";
	if (s->small[2] != 8)
		return "unknown compression method";
	return s->flags & RESERVED ? "unknown header flags set" : NULL;
}

/* Parts of the header as far as the input goes; NULL, or why it is none. */
static const char *read_header(struct isal_state *s, struct io *io)
{
	const char *why = NULL;
	while (s->where < BODY && io->in_n && !why) {
		bool done = false;
		switch (s->where) {
		case FIXED:
			done = collect(s, io, 10);
			why = done ? fixed_why(s) : NULL;
			break;
		case EXTRA_LENGTH:
			done = collect(s, io, 2);
			s->extra_left = (size_t)s->small[0] | (size_t)s->small[1] << 8;
			break;
		case EXTRA: {
			size_t n = MIN(s->extra_left, io->in_n);
			take(s, io, n);
			s->extra_left -= n;
			done = s->extra_left == 0;
			break;
		}
		case HEADER_CRC:
			done = collect(s, io, 2);
			if (done && (s->small[0] | s->small[1] << 8) != (int)(s->crc & 0xffff))
				why = "header crc mismatch";
			break;
		default:
			done = skip_string(s, io);
		}
		if (done)
			next_part(s);
	}
	return why;
}

static const char *isal_why(int r)
{
	switch (r) {
	case ISAL_INVALID_BLOCK: return "invalid deflate block";
	case ISAL_INVALID_SYMBOL: return "invalid deflate symbol";
	case ISAL_INVALID_LOOKBACK: return "invalid distance too far back";
	case ISAL_INVALID_WRAPPER: return "incorrect gzip header";
	case ISAL_UNSUPPORTED_METHOD: return "unknown compression method";
	case ISAL_INCORRECT_CHECKSUM: return "incorrect data check (CRC or length)";
	default: return "broken deflate data";
	}
}

static enum step isal_step(void *state, struct io *io)
{
	struct isal_state *s = state;
	struct inflate_state *z = &s->inflate;
	size_t in_n, out_n;
	int r;
	io->why = read_header(s, io);
	if (io->why)
		return STEP_BAD;
	if (s->where != BODY)
		return STEP_MORE;
	in_n = MIN(io->in_n, GIB);
	out_n = MIN(io->out_n, GIB);
	z->next_in = (uint8_t *)(uintptr_t)io->in;
	z->avail_in = (uint32_t)in_n;
	z->next_out = io->out;
	z->avail_out = (uint32_t)out_n;
	r = isal_inflate(z);
	io->in += in_n - z->avail_in;
	io->in_n -= in_n - z->avail_in;
	io->out += out_n - z->avail_out;
	io->out_n -= out_n - z->avail_out;
	if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT && r != ISAL_OUT_OVERFLOW) {
		io->why = isal_why(r);
		return STEP_BAD;
	}
	return z->block_state == ISAL_BLOCK_FINISH ? STEP_END : STEP_MORE;
}

const struct engine engine_gzip_isal = { COMP_GZIP, isal_open, isal_start, isal_step, free };
