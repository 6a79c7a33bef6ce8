#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "codec.h"

enum err_code stream_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	if (cap == 0) {
		*ret_n = 0;
		return OK;
	}
	return s->ops->read(s, dst, cap, ret_n, e);
}

enum err_code stream_read_full(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	size_t have = 0;
	while (have < cap) {
		size_t n = 0;
		TRY(stream_read(s, (uint8_t *)dst + have, cap - have, &n, e));
		if (n == 0)
			break;
		have += n;
	}
	*ret_n = have;
	return OK;
}

enum err_code stream_read_all(struct stream *s, struct buf *out, struct err *e)
{
	for (;;) {
		uint8_t one;
		size_t n = 0, room = MIN(out->max - MIN(out->n, out->max), 64 * KIB);
		if (room == 0) {	/* full: only the end is welcome now */
			TRY(stream_read(s, &one, 1, &n, e));
			return n == 0 ? OK : err_set(e, ERR_LIMIT, 0, "more than %zu bytes", out->max);
		}
		if (!buf_reserve(out, room))
			return buf_ok(out, "a stream's content", e);
		TRY(stream_read(s, out->p + out->n, room, &n, e));
		if (n == 0)
			return OK;
		out->n += n;
	}
}

void stream_close(struct stream *s)
{
	if (s)
		s->ops->close(s);
}

/* --- a descriptor, or a range of one --- */

struct fd_stream {
	struct stream s;
	int fd;
	bool close_fd, ranged;
	uint64_t at, left;	/* of a range */
};

static enum err_code fd_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct fd_stream *f = (struct fd_stream *)s;
	ssize_t n;
	if (f->ranged) {
		cap = MIN(cap, f->left);
		if (cap == 0) {
			*ret_n = 0;
			return OK;
		}
	}
	do
		n = f->ranged ? pread(f->fd, dst, cap, (off_t)f->at) : read(f->fd, dst, MIN(cap, GIB));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(e, ERR_IO, errno, "read");
	if (f->ranged) {
		if (n == 0)
			return err_at(e, ERR_FORMAT, f->at, "the file ends %llu bytes early", (unsigned long long)f->left);
		f->at += (uint64_t)n;
		f->left -= (uint64_t)n;
	}
	*ret_n = (size_t)n;
	return OK;
}

static void fd_stream_close(struct stream *s)
{
	struct fd_stream *f = (struct fd_stream *)s;
	if (f->close_fd)
		close(f->fd);
	free(f);
}

static const struct stream_ops fd_ops = { fd_read, fd_stream_close };

static enum err_code fd_new(struct fd_stream init, struct stream **ret, struct err *e)
{
	struct fd_stream *f = malloc(sizeof(*f));
	if (!f)
		return err_set(e, ERR_NOMEM, 0, "memory for a stream");
	*f = init;
	f->s.ops = &fd_ops;
	*ret = &f->s;
	return OK;
}

enum err_code stream_of_fd(int fd, bool close_fd, struct stream **ret, struct err *e)
{
	return fd_new((struct fd_stream){ .fd = fd, .close_fd = close_fd }, ret, e);
}

enum err_code stream_of_fd_range(int fd, uint64_t offset, uint64_t size, struct stream **ret, struct err *e)
{
	uint64_t end;
	if (!add_ok(offset, size, &end) || end > INT64_MAX)
		return err_set(e, ERR_LIMIT, 0, "a range beyond the largest file offset");
	return fd_new((struct fd_stream){ .fd = fd, .ranged = true, .at = offset, .left = size }, ret, e);
}

/* --- memory --- */

struct slice_stream {
	struct stream s;
	struct slice rest;
};

static enum err_code slice_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *)
{
	struct slice_stream *m = (struct slice_stream *)s;
	size_t n = MIN(cap, m->rest.n);
	if (n)
		memcpy(dst, m->rest.p, n);
	m->rest = slice_from(m->rest, n);
	*ret_n = n;
	return OK;
}

static void slice_close(struct stream *s) { free(s); }
static const struct stream_ops slice_ops = { slice_read, slice_close };

enum err_code stream_of_slice(struct slice bytes, struct stream **ret, struct err *e)
{
	struct slice_stream *m = malloc(sizeof(*m));
	if (!m)
		return err_set(e, ERR_NOMEM, 0, "memory for a stream");
	*m = (struct slice_stream){ { &slice_ops }, bytes };
	*ret = &m->s;
	return OK;
}

/* --- a limit --- */

struct limit_stream {
	struct stream s, *below;
	uint64_t left;
};

static enum err_code limit_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct limit_stream *l = (struct limit_stream *)s;
	TRY(stream_read(l->below, dst, MIN(cap, l->left), ret_n, e));
	l->left -= *ret_n;
	return OK;
}

static void limit_close(struct stream *s) { free(s); }
static const struct stream_ops limit_ops = { limit_read, limit_close };

enum err_code stream_limit(struct stream *below, uint64_t n, struct stream **ret, struct err *e)
{
	struct limit_stream *l = malloc(sizeof(*l));
	if (!l)
		return err_set(e, ERR_NOMEM, 0, "memory for a stream");
	*l = (struct limit_stream){ { &limit_ops }, below, n };
	*ret = &l->s;
	return OK;
}
