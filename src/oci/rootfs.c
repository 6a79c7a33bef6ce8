/* rootfs:DIR: a directory as an image of one layer, whose plain PAX tar is made while it is read. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "rootfs_walk.h"

enum { MAX_UNREADABLE = 100000 };

struct rootfs {
	pthread_mutex_t lock;
	struct oci_unreadable *bad;	/* of the stream that ended last */
	size_t n_bad;
};

struct rootfs_stream {
	struct stream s;
	struct oci_source *src;
	struct walk *w;
	struct buf head;	/* header bytes not yet handed out, then padding */
	size_t head_at;
	int fd;			/* the file being handed out */
	uint64_t left;		/* of it */
	uint64_t size;
	bool ended;
	struct slice path;
	struct oci_unreadable *bad;
	size_t n_bad, cap_bad;
};

static void free_bad(struct oci_unreadable *bad, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((void *)bad[i].path.p);
	free(bad);
}

static enum err_code note_bad(void *arg, struct slice path, int sys, struct err *e)
{
	struct rootfs_stream *r = arg;
	if (r->n_bad >= MAX_UNREADABLE)
		return err_set(e, ERR_LIMIT, 0, "more than %d files of '%s' cannot be read", MAX_UNREADABLE, ESC(r->src->location));
	if (r->n_bad == r->cap_bad) {
		size_t cap = r->cap_bad ? r->cap_bad * 2 : 16;
		struct oci_unreadable *more = realloc(r->bad, cap * sizeof(*more));
		if (!more)
			return err_set(e, ERR_NOMEM, 0, "note unreadable files");
		r->bad = more;
		r->cap_bad = cap;
	}
	uint8_t *copy = malloc(path.n + 1);
	if (!copy)
		return err_set(e, ERR_NOMEM, 0, "note unreadable files");
	memcpy(copy, path.n ? (const void *)path.p : "", path.n);
	r->bad[r->n_bad++] = (struct oci_unreadable){ slice_of(copy, path.n), sys };
	return OK;
}

/* --- Headers ---------------------------------------------------------------------------------------------------------- */

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void pax_record(struct buf *b, const char *key, struct slice value)
{
	size_t body = 1 + strlen(key) + 1 + value.n + 1, digits = 1;
	for (size_t limit = 10; body + digits >= limit; limit *= 10)
		digits++;
	buf_printf(b, "%zu %s=", body + digits, key);
	buf_put_slice(b, value);
	buf_putc(b, '\n');
}

static void put_octal(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = n - 1; i-- > 0; v >>= 3)
		p[i] = (uint8_t)('0' + (v & 7));
}

static void header(struct buf *out, struct slice name, struct slice link, uint8_t type, uint64_t size, const struct stat *st)
{
	uint8_t h[512] = { 0 };
	unsigned sum = 0;
	memcpy(h, name.p, MIN(name.n, (size_t)100));
	put_octal(h + 100, 8, st ? st->st_mode & 07777 : 0644);
	put_octal(h + 108, 8, st && st->st_uid <= 07777777 ? st->st_uid : 0);
	put_octal(h + 116, 8, st && st->st_gid <= 07777777 ? st->st_gid : 0);
	put_octal(h + 124, 12, size < (UINT64_C(1) << 33) ? size : 0);
	put_octal(h + 136, 12, st && st->st_mtim.tv_sec > 0 && st->st_mtim.tv_sec < (INT64_C(1) << 33) ? (uint64_t)st->st_mtim.tv_sec
			: 0);
	h[156] = type;
	if (link.n)
		memcpy(h + 157, link.p, MIN(link.n, (size_t)100));
	memcpy(h + 257, "ustar\0" "00", 8);
	put_octal(h + 329, 8, st && (type == '3' || type == '4') ? major(st->st_rdev) : 0);
	put_octal(h + 337, 8, st && (type == '3' || type == '4') ? minor(st->st_rdev) : 0);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += h[i];
	put_octal(h + 148, 7, sum);
	h[154] = 0;
	buf_put(out, h, sizeof(h));
}

static void pad(struct buf *out, uint64_t size)
{
	static const uint8_t zero[512];
	buf_put(out, zero, (512 - size % 512) % 512);
}

static uint8_t type_of(mode_t mode)
{
	return S_ISDIR(mode) ? '5' : S_ISLNK(mode) ? '2' : S_ISCHR(mode) ? '3' : S_ISBLK(mode) ? '4' : S_ISFIFO(mode) ? '6' : '0';
}

static void pax_number(struct buf *b, const char *key, uint64_t v)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	pax_record(b, key, slice_str(text));
}

static enum err_code put_headers(struct rootfs_stream *r, const struct walk_entry *w, struct err *e)
{
	AUTO_BUF pax = BUF(256 * KIB);
	AUTO_BUF name = BUF(WALK_MAX_PATH + 1);
	uint8_t cap[256];
	buf_put_slice(&name, w->path);
	buf_puts(&name, S_ISDIR(w->st.st_mode) ? "/" : "");
	if (name.n > 100)
		pax_record(&pax, "path", buf_slice(&name));
	if (w->link.n > 100)
		pax_record(&pax, "linkpath", w->link);
	if (r->size >= UINT64_C(1) << 33)
		pax_number(&pax, "size", r->size);
	if (w->st.st_uid > 07777777)
		pax_number(&pax, "uid", w->st.st_uid);
	if (w->st.st_gid > 07777777)
		pax_number(&pax, "gid", w->st.st_gid);
	ssize_t n = w->fd >= 0 ? fgetxattr(w->fd, "security.capability", cap, sizeof(cap)) : -1;
	if (n > 0)
		pax_record(&pax, "SCHILY.xattr.security.capability", slice_of(cap, (size_t)n));
	if (pax.n) {
		header(&r->head, SL("././@PaxHeader"), SLICE_NULL, 'x', pax.n, NULL);
		buf_put_slice(&r->head, buf_slice(&pax));
		pad(&r->head, pax.n);
	}
	header(&r->head, buf_slice(&name), w->link, type_of(w->st.st_mode), r->size, &w->st);
	TRY(buf_ok(&name, "a path", e));
	TRY(buf_ok(&pax, "a header", e));
	return buf_ok(&r->head, "a header", e);
}

/* --- The stream ---------------------------------------------------------------------------------------------------------- */

static enum err_code next_entry(struct rootfs_stream *r, struct err *e)
{
	static const uint8_t zero[1024];
	struct walk_entry w;
	bool end;
	buf_clear(&r->head);
	r->head_at = 0;
	TRY(walk_next(r->w, &w, &end, e));
	if (end) {
		r->ended = true;
		buf_put(&r->head, zero, sizeof(zero));
		return OK;
	}
	r->fd = w.fd;
	r->path = w.path;
	r->size = r->left = w.fd >= 0 ? (uint64_t)w.st.st_size : 0;
	return put_headers(r, &w, e);
}

/* A file that shrinks or fails while it is read keeps its announced size, filled with zeros, and is noted. */
static enum err_code read_file(struct rootfs_stream *r, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	size_t want = MIN((uint64_t)cap, r->left);
	ssize_t n = r->fd >= 0 ? read(r->fd, dst, want) : 0;
	if (n < 0 && errno == EINTR)
		n = read(r->fd, dst, want);
	if (n <= 0) {
		if (r->fd >= 0)
			TRY(note_bad(r, r->path, n < 0 ? errno : ESTALE, e));
		fd_close(&r->fd);
		memset(dst, 0, want);
		n = (ssize_t)want;
	}
	r->left -= (uint64_t)n;
	*ret_n = (size_t)n;
	if (!r->left) {
		fd_close(&r->fd);
		buf_clear(&r->head);
		r->head_at = 0;
		pad(&r->head, r->size);
	}
	return OK;
}

static void publish(struct rootfs_stream *r)
{
	struct rootfs *x = r->src->impl;
	pthread_mutex_lock(&x->lock);
	free_bad(x->bad, x->n_bad);
	x->bad = r->bad;
	x->n_bad = r->n_bad;
	r->bad = NULL;
	r->n_bad = r->cap_bad = 0;
	pthread_mutex_unlock(&x->lock);
}

static enum err_code rootfs_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct rootfs_stream *r = (struct rootfs_stream *)s;
	for (;;) {
		if (r->head_at < r->head.n) {
			size_t n = MIN(cap, r->head.n - r->head_at);
			memcpy(dst, r->head.p + r->head_at, n);
			r->head_at += n;
			*ret_n = n;
			return OK;
		}
		if (r->left)
			return read_file(r, dst, cap, ret_n, e);
		fd_close(&r->fd);
		if (r->ended) {
			if (r->bad)
				publish(r);
			*ret_n = 0;
			return OK;
		}
		TRY(next_entry(r, e));
	}
}

static void rootfs_stream_close(struct stream *s)
{
	struct rootfs_stream *r = (struct rootfs_stream *)s;
	fd_close(&r->fd);
	walk_close(r->w);
	buf_free(&r->head);
	free_bad(r->bad, r->n_bad);
	free(r);
}

static const struct stream_ops ROOTFS_OPS = { rootfs_read, rootfs_stream_close };

static enum err_code rootfs_layer_open(struct oci_source *s, const struct oci_layer *l, struct stream **ret, struct err *e)
{
	(void)l;
	struct rootfs_stream *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, 0, "open '%s'", ESC(s->location));
	*r = (struct rootfs_stream){ .s.ops = &ROOTFS_OPS, .src = s, .head = BUF(512 * KIB), .fd = -1 };
	enum err_code rc = walk_open(s->fd, note_bad, r, &r->w, e);
	if (rc) {
		rootfs_stream_close(&r->s);
		return rc;
	}
	*ret = &r->s;
	return OK;
}

/* --- The source ------------------------------------------------------------------------------------------------------------ */

static enum err_code rootfs_open(struct oci_source *s, struct err *e)
{
	char *path = arena_slice_cstr(&s->arena, s->location);
	struct rootfs *x = arena_new(&s->arena, struct rootfs);
	TRY(arena_ok(&s->arena, "open a directory", e));
	pthread_mutex_init(&x->lock, NULL);
	s->impl = x;
	s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open the directory '%s'", ESC(s->location));
	return OK;
}

static enum err_code rootfs_resolve(struct oci_source *s, struct err *e)
{
	struct oci_image img = { .reference = s->text, .transport = SL("rootfs"), .n_layers = 1 };
	img.layers = arena_new(&s->arena, struct oci_layer);
	img.layer_history = arena_new(&s->arena, int);
	TRY(arena_ok(&s->arena, "open a directory", e));
	img.layers[0] = (struct oci_layer){ .media_type = SL("application/vnd.oci.image.layer.v1.tar"), .blob_key = SL("rootfs") };
	oci_layer_classify(&img.layers[0]);
	img.layer_history[0] = -1;
	img.platform = oci_platform_text(s->platform, &s->arena);
	img.config.os = s->platform.os;
	img.config.architecture = s->platform.arch;
	return oci_image_add(s, &img, e);
}

static void rootfs_close(struct oci_source *s)
{
	struct rootfs *x = s->impl;
	if (!x)
		return;
	free_bad(x->bad, x->n_bad);
	pthread_mutex_destroy(&x->lock);
}

size_t oci_source_unreadable(const struct oci_source *s, const struct oci_unreadable **ret)
{
	const struct rootfs *x = s->t == &oci_transport_rootfs ? s->impl : NULL;
	*ret = x ? x->bad : NULL;
	return x ? x->n_bad : 0;
}

const struct oci_transport oci_transport_rootfs = {
	.name = "rootfs", .open = rootfs_open, .resolve = rootfs_resolve, .layer_open = rootfs_layer_open, .close = rootfs_close,
};
