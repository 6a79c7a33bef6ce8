/* Descriptors of blobs that are asked for often. One place a hash; each request gets a duplicate, so that none is closed under it. */
#include "registry.h"
#include "os.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEEP_S = 60 };

struct open_blob { char digest[144]; uint64_t until_ns; int fd; };
struct mem_fd { pthread_mutex_t lock; struct open_blob places[MEM_FDS]; };

struct mem_fd *mem_fd_open(void)
{
	struct mem_fd *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	for (size_t i = 0; i < MEM_FDS; i++)
		m->places[i].fd = -1;
	return m;
}

void mem_fd_close(struct mem_fd *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < MEM_FDS; i++)
		fd_close(&m->places[i].fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct open_blob *place_of(struct mem_fd *m, struct slice digest) { return &m->places[slice_hash(digest) % MEM_FDS]; }

int mem_fd_get(struct mem_fd *m, struct slice digest)
{
	struct open_blob *b = place_of(m, digest);
	uint64_t now = os_monotonic_ns();
	int fd = -1;
	pthread_mutex_lock(&m->lock);
	if (b->fd >= 0 && now >= b->until_ns) {
		close(b->fd);
		b->fd = -1;
	}
	if (b->fd >= 0 && slice_eqs(digest, b->digest))
		fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	pthread_mutex_unlock(&m->lock);
	return fd;
}

static void replace(struct mem_fd *m, struct slice digest, int fd)
{
	struct open_blob *b = place_of(m, digest);
	pthread_mutex_lock(&m->lock);
	int old = b->fd;
	b->fd = fd;
	memcpy(b->digest, digest.p, digest.n);
	b->digest[digest.n] = 0;
	b->until_ns = os_monotonic_ns() + KEEP_S * UINT64_C(1000000000);
	pthread_mutex_unlock(&m->lock);
	fd_close(&old);
}

void mem_fd_put(struct mem_fd *m, struct slice digest, int fd)
{
	int own = digest.n < sizeof(((struct open_blob *)0)->digest) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (own >= 0)
		replace(m, digest, own);
}

void mem_fd_forget(struct mem_fd *m, struct slice digest)
{
	struct open_blob *b = place_of(m, digest);
	pthread_mutex_lock(&m->lock);
	if (b->fd >= 0 && slice_eqs(digest, b->digest)) {
		close(b->fd);
		b->fd = -1;
	}
	pthread_mutex_unlock(&m->lock);
}
