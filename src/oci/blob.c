/* Small things about blobs that several transports need. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "source.h"

struct guard {
	struct stream s;
	struct stream *below;
	uint64_t left;
	char what[100];
};

static enum err_code guard_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct guard *g = (struct guard *)s;
	uint8_t one;
	size_t n;
	if (!g->left) {
		TRY(stream_read(g->below, &one, 1, &n, e));
		if (n)
			return err_set(e, ERR_FORMAT, 0, "layer %s is longer than its descriptor says", g->what);
		*ret_n = 0;
		return OK;
	}
	TRY(stream_read(g->below, dst, MIN((uint64_t)cap, g->left), &n, e));
	g->left -= n;
	*ret_n = n;
	return OK;
}

static void guard_close(struct stream *s)
{
	stream_close(((struct guard *)s)->below);
	free(s);
}

static const struct stream_ops GUARD_OPS = { guard_read, guard_close };

enum err_code oci_guard_size(struct stream *below, uint64_t size, struct slice what, struct stream **ret, struct err *e)
{
	struct guard *g = calloc(1, sizeof(*g));
	if (!g) {
		stream_close(below);
		return err_set(e, ERR_NOMEM, 0, "open a layer");
	}
	*g = (struct guard){ .s.ops = &GUARD_OPS, .below = below, .left = size };
	text_escape_to(g->what, sizeof(g->what), what);
	*ret = &g->s;
	return OK;
}

enum err_code oci_open_regular(int dir, const char *name, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	struct stat st;
	/* O_NONBLOCK: a pipe under the name must not make us wait. */
	AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'", ESC(slice_str(name)));
	if (fstat(fd, &st))
		return err_set(e, ERR_IO, errno, "look at '%s'", ESC(slice_str(name)));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FORMAT, 0, "'%s' is not a regular file", ESC(slice_str(name)));
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = fd_steal(&fd);
	return OK;
}

bool oci_fd_identity(int fd, struct oci_file_identity *ret)
{
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	*ret = (struct oci_file_identity){ .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size,
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec };
	return true;
}
