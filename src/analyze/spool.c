/* Large content in the unnamed scratch file: appended with pwrite, mapped privately at the end, so that a 100 MB program costs page
 * cache and not the worker's memory. Spools nest like archives do: the innermost is closed first and gives its bytes back. */
#include "context.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SPOOL_ALIGN = 4096 };
static const uint64_t scratch_max_bytes = (uint64_t)8 << 30;

struct analyze_spool {
	struct analyze_ctx *ctx;
	uint64_t start, bytes;
	void *map;
};

enum err_code analyze_spool_open(struct analyze_ctx *ctx, struct analyze_spool **ret, struct err *e)
{
	struct analyze_spool *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	*s = (struct analyze_spool){ .ctx = ctx, .start = (ctx->scratch_used + SPOOL_ALIGN - 1) & ~(uint64_t)(SPOOL_ALIGN - 1) };
	ctx->scratch_used = s->start;
	*ret = s;
	return OK;
}

enum err_code analyze_spool_append(struct analyze_spool *s, struct slice bytes, struct err *e)
{
	if (s->map)
		return err_set(e, ERR_INTERNAL, 0, "a spool was appended to after it was mapped");
	if (bytes.n > scratch_max_bytes - MIN(s->start + s->bytes, scratch_max_bytes))
		return err_set(e, ERR_LIMIT, 0, "a file is larger than the scratch file may become");
	while (bytes.n) {
		ssize_t n = pwrite(s->ctx->scratch_fd, bytes.p, bytes.n, (off_t)(s->start + s->bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(e, errno == ENOSPC || errno == EFBIG ? ERR_LIMIT : ERR_IO, errno, "write the scratch file");
		s->bytes += (uint64_t)n;
		bytes = slice_from(bytes, (size_t)n);
	}
	s->ctx->scratch_used = s->start + s->bytes;
	return OK;
}

enum err_code analyze_spool_map(struct analyze_spool *s, struct slice *ret, struct err *e)
{
	if (!s->bytes) {
		*ret = SL("");
		return OK;
	}
	if (!s->map) {
		void *p = mmap(NULL, s->bytes, PROT_READ, MAP_PRIVATE, s->ctx->scratch_fd, (off_t)s->start);
		if (p == MAP_FAILED)
			return err_set(e, ERR_LIMIT, errno, "map %llu bytes of the scratch file", (unsigned long long)s->bytes);
		s->map = p;
	}
	*ret = slice_of(s->map, s->bytes);
	return OK;
}

void analyze_spool_close(struct analyze_spool *s)
{
	if (!s)
		return;
	if (s->map)
		munmap(s->map, s->bytes);
	s->ctx->scratch_used = s->start;
	/* Give the space back once nothing is spooled: what is cut off costs no disk. */
	if (!s->start && ftruncate(s->ctx->scratch_fd, 0) < 0)
		s->ctx->scratch_used = 0;
	free(s);
}
