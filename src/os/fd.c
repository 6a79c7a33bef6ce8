#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "os.h"

void fd_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

enum err_code os_write_all(int fd, const void *p, size_t n, const char *what, struct err *e)
{
	const uint8_t *at = p;
	while (n) {
		ssize_t w = write(fd, at, MIN(n, GIB));
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_set(e, ERR_IO, errno, "write %s", what);
		at += w;
		n -= (size_t)w;
	}
	return OK;
}

static enum err_code read_whole(int fd, const char *path, struct buf *out, struct err *e)
{
	for (;;) {
		size_t room = MIN(out->max - MIN(out->n, out->max), 64 * KIB);
		uint8_t one;
		ssize_t n;
		if (room && !buf_reserve(out, room))
			return buf_ok(out, path, e);
		n = read(fd, room ? out->p + out->n : &one, room ? room : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_IO, errno, "read '%s'", path);
		if (n == 0)
			return OK;
		if (room == 0)
			return err_set(e, ERR_LIMIT, 0, "read '%s': it is larger than %zu bytes", path, out->max);
		out->n += (size_t)n;
	}
}

enum err_code os_read_file(const char *path, struct buf *out, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'", path);
	return read_whole(fd, path, out, e);
}

enum err_code os_map_file(int fd, const char *what, struct os_map *ret, struct err *e)
{
	/* not fstat: the confined worker may call this, and glibc's fstat is newfstatat, which the worker has not got */
	off_t size = lseek(fd, 0, SEEK_END);
	void *p;
	if (size < 0)
		return err_set(e, ERR_IO, errno, "size of %s", what);
	if (size == 0) {
		ret->bytes = slice_of("", 0);
		return OK;
	}
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_set(e, ERR_IO, errno, "map %s", what);
	ret->bytes = slice_of(p, (size_t)size);
	return OK;
}

void os_unmap(struct os_map *m)
{
	if (m->bytes.n)
		munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
	m->bytes = SLICE_NULL;
}
