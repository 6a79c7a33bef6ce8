/* Writing and reading layouts. Tar: POSIX ustar with pax records where a name or a size does not fit. */
#include "store_layout.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "os.h"
#include "tar.h"

enum { CHUNK = 256 << 10, BLOCK = 512, MOST_FILES = 200000 };

struct layout_out { char dir[4096]; bool tar, atomic; int fd; struct os_atomic file; };

void layout_blob_name(struct slice digest, char dst[160])
{
	snprintf(dst, 160, "blobs/%.*s", SLICE_ARG(digest));
	char *colon = strchr(dst, ':');
	if (colon)
		*colon = '/';
}

enum err_code layout_create(const char *path, struct layout_out **ret, struct err *e)
{
	struct layout_out *o = calloc(1, sizeof(*o));
	enum err_code code = OK;
	if (!o)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	o->tar = !strcmp(path, "-") || slice_has_suffix(slice_str(path), SL(".tar"));
	o->atomic = o->tar && strcmp(path, "-");
	o->fd = STDOUT_FILENO;
	snprintf(o->dir, sizeof(o->dir), "%s", path);
	if (o->atomic) {
		code = os_atomic_open(path, 0644, &o->file, e);
		o->fd = o->file.fd;
	} else if (!o->tar) {
		code = os_mkdirs(path, 0755, e);
	}
	if (code != OK) {
		free(o);
		return code;
	}
	*ret = o;
	return OK;
}

/* --- Tar ------------------------------------------------------------------------------------------------------------------------ */

/* n - 1 digits; the NUL behind them is there already. */
static void octal(char *at, size_t n, uint64_t value)
{
	for (size_t i = n - 1; i--; value >>= 3)
		at[i] = (char)('0' + (value & 7));
}

static enum err_code header(struct layout_out *o, const char *name, uint64_t size, char type, struct err *e)
{
	char h[BLOCK] = { 0 };
	unsigned sum = 0;
	snprintf(h, 100, "%s", name);
	octal(h + 100, 8, 0644);
	octal(h + 108, 8, 0);
	octal(h + 116, 8, 0);
	octal(h + 124, 12, size < UINT64_C(1) << 33 ? size : 0);
	octal(h + 136, 12, 0);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (uint8_t)h[i];
	octal(h + 148, 7, sum);
	return os_write_all(o->fd, h, BLOCK, "the archive", e);
}

static enum err_code pad(struct layout_out *o, uint64_t size, struct err *e)
{
	static const char zeros[BLOCK];
	size_t more = (size_t)(-size % BLOCK);
	return more ? os_write_all(o->fd, zeros, more, "the archive", e) : OK;
}

/* "<length of this record> key=value\n" */
static void pax(struct buf *b, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, digits = 1;
	while (snprintf(NULL, 0, "%zu", n + digits) != (int)digits)
		digits++;
	buf_printf(b, "%zu %s=%s\n", n + digits, key, value);
}

static enum err_code tar_head(struct layout_out *o, const char *name, uint64_t size, struct err *e)
{
	AUTO_BUF records = BUF(4096);
	char number[24];
	snprintf(number, sizeof(number), "%llu", (unsigned long long)size);
	if (strlen(name) > 99)
		pax(&records, "path", name);
	if (size >= UINT64_C(1) << 33)
		pax(&records, "size", number);
	if (records.n) {
		TRY(header(o, "pax", records.n, 'x', e));
		TRY(os_write_all(o->fd, records.p, records.n, "the archive", e));
		TRY(pad(o, records.n, e));
	}
	return header(o, name, size, '0', e);
}

/* --- Writing ---------------------------------------------------------------------------------------------------------------------- */

static enum err_code open_file(struct layout_out *o, const char *name, int *ret, struct err *e)
{
	char path[4400];
	snprintf(path, sizeof(path), "%s/%s", o->dir, name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	TRY(os_mkdirs(path, 0755, e));
	*slash = '/';
	*ret = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	return *ret >= 0 ? OK : err_set(e, ERR_IO, errno, "write '%s'", path);
}

static enum err_code copy(int to, uint64_t size, struct stream *s, struct slice digest, struct err *e)
{
	int algo = slice_has_prefix(digest, SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256;
	AUTO_BUF chunk = BUF(CHUNK);
	AUTO_DIGEST d = NULL;
	uint8_t raw[DIGEST_MAX_BYTES];
	char hex[136] = { 0 };
	uint64_t done = 0;
	size_t n;
	TRY(digest_open(algo, &d, e));
	if (!buf_reserve(&chunk, CHUNK))
		return buf_ok(&chunk, "a buffer", e);
	for (;;) {
		TRY(stream_read(s, chunk.p, CHUNK, &n, e));
		if (!n)
			break;
		done += n;
		if (done > size)
			break;
		digest_update(d, slice_of(chunk.p, n));
		TRY(os_write_all(to, chunk.p, n, "the archive", e));
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "interrupted");
	}
	digest_final(d, raw);
	hex_encode(hex, raw, digest_size(algo));
	if (done != size || (digest.n && !slice_eqs(slice_from(digest, 7), hex)))
		return err_set(e, ERR_DIGEST, 0, "%.19s in the store is damaged: pabean store check", digest.n ?
			       (const char *)digest.p : "a file");
	return OK;
}

enum err_code layout_put(struct layout_out *o, const char *name, uint64_t size, struct stream *s, struct slice digest,
			 struct err *e)
{
	if (o->tar) {
		TRY(tar_head(o, name, size, e));
		TRY(copy(o->fd, size, s, digest, e));
		return pad(o, size, e);
	}
	AUTO_FD fd = -1;
	TRY(open_file(o, name, &fd, e));
	TRY(copy(fd, size, s, digest, e));
	return fsync(fd) ? err_set(e, ERR_IO, errno, "write '%s'", name) : OK;
}

enum err_code layout_put_bytes(struct layout_out *o, const char *name, struct slice bytes, struct err *e)
{
	AUTO_STREAM s = NULL;
	TRY(stream_of_slice(bytes, &s, e));
	return layout_put(o, name, bytes.n, s, SLICE_NULL, e);
}

enum err_code layout_commit(struct layout_out *o, struct err *e)
{
	static const char zeros[2 * BLOCK];
	if (!o->tar)
		return OK;
	TRY(os_write_all(o->fd, zeros, sizeof(zeros), "the archive", e));
	return o->atomic ? os_atomic_commit(&o->file, e) : OK;
}

void layout_abandon(struct layout_out *o)
{
	if (!o)
		return;
	if (o->atomic)
		os_atomic_abort(&o->file);
	free(o);
}

/* --- Reading ------------------------------------------------------------------------------------------------------------------------- */

struct place { struct slice name; uint64_t offset, size; };
struct layout_in { char dir[4096]; int fd; struct arena arena; struct { struct place *items; size_t n, cap; } files; };

static enum err_code on_entry(void *arg, const struct tar_entry *t, struct err *e)
{
	struct layout_in *l = arg;
	struct slice name = slice_has_prefix(t->name, SL("./")) ? slice_from(t->name, 2) : t->name;
	if (t->type != '0' || t->flags & TAR_F_SPARSE)
		return OK;
	if (l->files.n >= MOST_FILES)
		return err_set(e, ERR_LIMIT, 0, "the archive holds more than %d files", MOST_FILES);
	struct place *to = ARENA_PUSH(&l->arena, &l->files);
	if (to)
		*to = (struct place){ arena_dup(&l->arena, name), t->content_offset, t->size };
	return arena_ok(&l->arena, "an archive's list", e);
}

static enum err_code on_data(void *arg, struct slice chunk, uint64_t offset, bool last, struct err *e) { return (void)arg,
		(void)chunk, (void)offset, (void)last, (void)e, OK; }

static enum err_code read_list(struct layout_in *l, struct err *e)
{
	struct tar_handler h = { on_entry, on_data, l };
	struct tar_result result;
	struct tar_reader *r;
	AUTO_BUF chunk = BUF(CHUNK);
	enum err_code code = OK;
	if (!buf_reserve(&chunk, CHUNK))
		return buf_ok(&chunk, "a buffer", e);
	TRY(tar_reader_open(&h, &r, e));
	for (off_t at = 0; code == OK;) {
		ssize_t n = pread(l->fd, chunk.p, CHUNK, at);
		if (n <= 0) {
			code = n < 0 ? err_set(e, ERR_IO, errno, "read the archive") : tar_reader_finish(r, &result, e);
			break;
		}
		at += n;
		code = tar_reader_feed(r, slice_of(chunk.p, (size_t)n), e);
	}
	tar_reader_close(r);
	return code;
}

enum err_code layout_open(const char *path, struct layout_in **ret, struct err *e)
{
	struct layout_in *l = calloc(1, sizeof(*l));
	struct stat st;
	enum err_code code = OK;
	if (!l)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	l->arena = ARENA(64 << 20);
	l->fd = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(l->dir, sizeof(l->dir), "%s", path);
	if (l->fd < 0 || fstat(l->fd, &st))
		code = err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'", path);
	else if (S_ISREG(st.st_mode))
		code = read_list(l, e);
	else if (!S_ISDIR(st.st_mode))
		code = err_set(e, ERR_USAGE, 0, "'%s' is neither a directory nor a file", path);
	if (code == OK && S_ISREG(st.st_mode))
		l->dir[0] = '\0';
	if (code != OK) {
		layout_close(l);
		return code;
	}
	*ret = l;
	return OK;
}

void layout_close(struct layout_in *l)
{
	if (!l)
		return;
	fd_close(&l->fd);
	arena_free(&l->arena);
	free(l);
}

enum err_code layout_get(struct layout_in *l, const char *name, uint64_t *ret_size, struct stream **ret, struct err *e)
{
	struct stat st;
	if (l->dir[0]) {
		AUTO_FD fd = openat(l->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st))
			return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'", name);
		*ret_size = (uint64_t)st.st_size;
		return stream_of_fd(fd_steal(&fd), true, ret, e);
	}
	/* The last one of a name counts, as it does when an archive is unpacked. */
	for (size_t i = l->files.n; i--;) {
		if (!slice_eqs(l->files.items[i].name, name))
			continue;
		*ret_size = l->files.items[i].size;
		return stream_of_fd_range(l->fd, l->files.items[i].offset, l->files.items[i].size, ret, e);
	}
	return err_set(e, ERR_NOT_FOUND, 0, "'%s' is not in the archive", name);
}

enum err_code layout_get_bytes(struct layout_in *l, const char *name, struct buf *out, struct err *e)
{
	AUTO_STREAM s = NULL;
	uint64_t size;
	TRY(layout_get(l, name, &size, &s, e));
	if (size > out->max)
		return err_set(e, ERR_LIMIT, 0, "'%s' has more than %zu bytes", name, out->max);
	return stream_read_all(s, out, e);
}
