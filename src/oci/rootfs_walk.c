#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "rootfs_walk.h"

struct frame { int fd; dev_t dev; char **names; size_t n, i, path_n; };

struct walk {
	struct frame frames[WALK_MAX_DEPTH];
	unsigned depth;
	struct buf path;
	char link[4096];
	walk_bad_fn *bad;
	void *arg;
};

/* File systems that hold no files of the system: what is in them is made up by the kernel, and may be endless. */
static bool is_pseudo(int fd)
{
	static const long types[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,
			TRACEFS_MAGIC,
		BPF_FS_MAGIC, SECURITYFS_MAGIC, DEVPTS_SUPER_MAGIC, PSTOREFS_MAGIC, SELINUX_MAGIC, SMACK_MAGIC, EFIVARFS_MAGIC, BINFMTFS_MAGIC,
		HUGETLBFS_MAGIC, 0x62656570 /* configfs */, 0x19800202 /* mqueue */, 0x0187 /* autofs */, 0x67596969 /* rpc_pipefs */ };
	struct statfs sf;
	if (fstatfs(fd, &sf))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((long)sf.f_type == types[i])
			return true;
	return false;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void frame_free(struct frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	fd_close(&f->fd);
}

/* All names at once: a directory of millions costs their text, and the order is the same on every file system. */
static int frame_fill(struct frame *f)
{
	size_t cap = 0;
	int copy = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;
	if (!d) {
		fd_close(&copy);
		return errno;
	}
	while (errno = 0, (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (f->n == cap) {
			cap = cap ? cap * 2 : 32;
			char **more = realloc(f->names, cap * sizeof(*more));
			if (!more)
				break;
			f->names = more;
		}
		if (!(f->names[f->n] = strdup(de->d_name)))
			break;
		f->n++;
	}
	int sys = errno;
	closedir(d);
	if (f->n)
		qsort(f->names, f->n, sizeof(*f->names), by_text);
	return sys;
}

static enum err_code note(struct walk *w, int sys, struct err *e)
{
	return w->bad(w->arg, buf_slice(&w->path), sys, e);
}

/* Takes fd over. */
static enum err_code push(struct walk *w, int fd, struct err *e)
{
	AUTO_FD own = fd;
	struct stat st;
	if (w->depth == WALK_MAX_DEPTH)
		return note(w, ELOOP, e);
	if (fstat(own, &st))
		return note(w, errno, e);
	if (w->depth && st.st_dev != w->frames[w->depth - 1].dev && is_pseudo(own))
		return OK;
	struct frame *f = &w->frames[w->depth++];
	*f = (struct frame){ .fd = fd_steal(&own), .dev = st.st_dev, .path_n = w->path.n };
	int sys = frame_fill(f);
	return sys ? note(w, sys, e) : OK;
}

enum err_code walk_open(int root, walk_bad_fn *bad, void *arg, struct walk **ret, struct err *e)
{
	struct walk *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ERR_NOMEM, 0, "walk a directory");
	w->path = BUF(WALK_MAX_PATH);
	w->bad = bad;
	w->arg = arg;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code rc = fd < 0 ? err_set(e, ERR_IO, errno, "open the directory") : push(w, fd, e);
	if (rc) {
		walk_close(w);
		return rc;
	}
	*ret = w;
	return OK;
}

void walk_close(struct walk *w)
{
	if (!w)
		return;
	while (w->depth)
		frame_free(&w->frames[--w->depth]);
	buf_free(&w->path);
	free(w);
}

static enum err_code entry_file(struct walk *w, const struct frame *f, const char *name, struct walk_entry *r, struct err *e)
{
	struct stat st;
	/* O_NONBLOCK: the name may have become a pipe since it was looked at. */
	r->fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd >= 0 && (fstat(r->fd, &st) || !S_ISREG(st.st_mode))) {
		fd_close(&r->fd);
		errno = ESTALE;
	}
	if (r->fd < 0) {
		r->sys = errno;
		return note(w, r->sys, e);
	}
	r->st = st;
	return OK;
}

static enum err_code entry(struct walk *w, const char *name, struct walk_entry *r, bool *ret_skip, struct err *e)
{
	struct frame *f = &w->frames[w->depth - 1];
	*ret_skip = true;
	if (!buf_puts(&w->path, w->path.n ? "/" : "") || !buf_puts(&w->path, name)) {
		w->path.n = f->path_n;
		w->path.failed = false;
		return note(w, ENAMETOOLONG, e);
	}
	r->path = buf_slice(&w->path);
	if (fstatat(f->fd, name, &r->st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
		return note(w, errno, e);
	if (S_ISSOCK(r->st.st_mode))
		return OK;
	if (!strncmp(name, ".wh.", 4))		/* in a layer this would be a whiteout, and nobody would read it */
		TRY(note(w, EINVAL, e));
	*ret_skip = false;
	if (S_ISREG(r->st.st_mode))
		return entry_file(w, f, name, r, e);
	if (S_ISLNK(r->st.st_mode)) {
		ssize_t n = readlinkat(f->fd, name, w->link, sizeof(w->link));
		if (n < 0) {
			*ret_skip = true;
			return note(w, errno, e);
		}
		r->link = slice_of(w->link, (size_t)n);
	}
	if (!S_ISDIR(r->st.st_mode))
		return OK;
	int fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? note(w, errno, e) : push(w, fd, e);
}

enum err_code walk_next(struct walk *w, struct walk_entry *ret, bool *ret_end, struct err *e)
{
	bool skip = true;
	*ret_end = false;
	while (skip) {
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "cancelled");
		while (w->depth && w->frames[w->depth - 1].i == w->frames[w->depth - 1].n)
			frame_free(&w->frames[--w->depth]);
		if (!w->depth) {
			*ret_end = true;
			return OK;
		}
		struct frame *f = &w->frames[w->depth - 1];
		w->path.n = f->path_n;
		*ret = (struct walk_entry){ .fd = -1 };
		TRY(entry(w, f->names[f->i++], ret, &skip, e));
	}
	return OK;
}
