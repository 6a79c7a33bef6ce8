#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "blob.h"
#include "os.h"

static char base[64];
static struct err E;
#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_SHARD "2c"
#define HELLO_512 "sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"
#define EMPTY "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define good(x) do { if ((x) != OK) fail_msg("%s: %s", #x, E.msg); } while (0)
#define fails(x, code) do { enum err_code got_ = (x); if (got_ != (code)) fail_msg("%s: %d, %s", #x, got_, got_ ? E.msg : "fine"); } while (0)

static int setup(void **state)
{
	(void)state;
	snprintf(base, sizeof(base), "/tmp/test-blob-XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return os_remove_tree(base, &E) ? -1 : 0;
}

static struct blob_store *store_at(const char *dir)
{
	struct blob_store *b = NULL;
	good(blob_open(&(struct blob_options){ .dir = dir }, &b, &E));
	return b;
}

static char *below(const char *name)
{
	static char path[4][512];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, 512, "%s/%s", base, name);
	return p;
}

static bool exists(const char *name) { return access(below(name), F_OK) == 0; }

static struct blob_upload *begin(struct blob_store *b, int algo, const char *text)
{
	struct blob_upload *u = NULL;
	good(blob_upload_begin(b, algo, &u, &E));
	good(blob_upload_append(u, slice_str(text), &E));
	return u;
}

static void content(struct blob_store *b, const char *digest, uint64_t offset, uint64_t length, const char *want)
{
	AUTO_STREAM s = NULL;
	AUTO_BUF out = BUF(1 << 20);
	good(blob_read(b, slice_str(digest), offset, length, &s, &E));
	good(stream_read_all(s, &out, &E));
	assert_string_equal(buf_cstr(&out), want);
}

static void written_and_read(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	char digest[136];
	uint64_t size = 0;
	int fd = -1;
	assert_false(blob_is_shared(b));
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	struct blob_upload *u = begin(b, DIGEST_SHA256, "hel");
	good(blob_upload_append(u, SL(""), &E));
	good(blob_upload_append(u, SL("lo"), &E));
	assert_int_equal(blob_upload_offset(u), 5);
	assert_int_equal(strlen(blob_upload_id(u)), 32);
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	good(blob_upload_finish(u, SL(HELLO), digest, &size, &E));
	assert_string_equal(digest, HELLO);
	assert_int_equal(size, 5);
	assert_true(exists("blobs/sha256/" HELLO_SHARD));
	good(blob_stat(b, SL(HELLO), &size, &E));
	good(blob_open_fd(b, SL(HELLO), &fd, &size, &E));
	char got[8] = "";
	assert_int_equal(read(fd, got, 8), 5);
	assert_int_equal(size, 5);
	close(fd);
	content(b, HELLO, 0, UINT64_MAX, "hello");
	content(b, HELLO, 1, 3, "ell");
	content(b, HELLO, 4, 100, "o");
	content(b, HELLO, 5, 1, "");
	content(b, HELLO, 500, UINT64_MAX, "");
	AUTO_BUF url = BUF(1024);
	fails(blob_url(b, SL(HELLO), 60, &url, &E), ERR_UNSUPPORTED);
	/* the same again, without a digest wanted, and the empty one */
	good(blob_upload_finish(begin(b, DIGEST_SHA256, "hello"), SLICE_NULL, digest, NULL, &E));
	assert_string_equal(digest, HELLO);
	good(blob_upload_finish(begin(b, DIGEST_SHA256, ""), SL(EMPTY), NULL, NULL, &E));
	content(b, EMPTY, 0, UINT64_MAX, "");
	/* sha512 on the way, and by a second read */
	good(blob_upload_finish(begin(b, DIGEST_SHA512, "hello"), SL(HELLO_512), digest, NULL, &E));
	assert_string_equal(digest, HELLO_512);
	good(blob_remove(b, SL(HELLO_512), &E));
	good(blob_upload_finish(begin(b, DIGEST_SHA256, "hello"), SL(HELLO_512), NULL, NULL, &E));
	content(b, HELLO_512, 0, UINT64_MAX, "hello");
	blob_close(b);
	b = store_at(base);
	content(b, HELLO, 0, UINT64_MAX, "hello");
	blob_close(b);
}

static void bad_names(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "sha256", "sha256:", "sha256:../../x", "../../etc/passwd", HELLO "0", "sha1:" "2cf24dba",
		"SHA256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982/",
		"sha512:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
		"md5:5d41402abc4b2a76b9719d911017c592" };
	static const char *const bad_ids[] = { "", "..", "../blobs", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789ABCDEF",
		"0123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcde/" };
	static const char *const bad_objects[] = { "", ".", "..", ".hidden", "a/b", "A", "a b", "../x" };
	struct blob_store *b = store_at(base);
	struct blob_upload *u;
	struct stream *s;
	uint64_t size;
	int fd;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct slice d = slice_str(bad[i]);
		fails(blob_stat(b, d, &size, &E), ERR_USAGE);
		fails(blob_open_fd(b, d, &fd, &size, &E), ERR_USAGE);
		fails(blob_read(b, d, 0, 1, &s, &E), ERR_USAGE);
		fails(blob_remove(b, d, &E), ERR_USAGE);
		fails(blob_quarantine(b, d, &E), ERR_USAGE);
		if (d.n)
			fails(blob_upload_finish(begin(b, DIGEST_SHA256, "x"), d, NULL, NULL, &E), ERR_USAGE);
	}
	fails(blob_stat(b, slice_of(HELLO "\0/../x", sizeof(HELLO) + 5), &size, &E), ERR_USAGE);
	for (size_t i = 0; i < ARRAY_LEN(bad_ids); i++) {
		fails(blob_upload_resume(b, bad_ids[i], 0, SLICE_NULL, &u, &E), ERR_USAGE);
		fails(blob_upload_remove(b, bad_ids[i], SLICE_NULL, &E), ERR_USAGE);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad_objects); i++) {
		fails(blob_object_put(b, bad_objects[i], 0, &E), ERR_USAGE);
		fails(blob_object_get(b, bad_objects[i], 1, &E), ERR_USAGE);
	}
	fails(blob_upload_begin(b, DIGEST_MD5, &u, &E), ERR_USAGE);
	blob_close(b);
}

static void mismatch(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	char id[33];
	uint64_t size;
	struct blob_upload *u = begin(b, DIGEST_SHA256, "hello!");
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	fails(blob_upload_finish(u, SL(HELLO), NULL, NULL, &E), ERR_DIGEST);
	fails(blob_upload_resume(b, id, 0, SLICE_NULL, &u, &E), ERR_NOT_FOUND);
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	blob_close(b);
}

static void resumes(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	AUTO_BUF st = BUF(64 << 10);
	char id[33], digest[136];
	struct blob_upload *u = begin(b, DIGEST_SHA512, "hel");
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	good(blob_upload_save(u, &st, &E));
	good(blob_upload_append(u, SL("dropped"), &E));
	blob_upload_close(u);
	blob_close(b);
	b = store_at(base);
	fails(blob_upload_resume(b, id, 11, buf_slice(&st), &u, &E), ERR_FORMAT);
	fails(blob_upload_resume(b, id, 3, SL("s3 what"), &u, &E), ERR_FORMAT);
	good(blob_upload_resume(b, id, 3, buf_slice(&st), &u, &E));
	assert_int_equal(blob_upload_offset(u), 3);
	good(blob_upload_append(u, SL("lo"), &E));
	good(blob_upload_finish(u, SL(HELLO_512), digest, NULL, &E));
	/* by bytes alone, and with a state of another boot, it is read again */
	static const char *const states[] = { "", "dir1 another-boot " };
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		u = begin(b, DIGEST_SHA256, "helxx");
		snprintf(id, sizeof(id), "%s", blob_upload_id(u));
		buf_clear(&st);
		good(blob_upload_save(u, &st, &E));
		blob_upload_close(u);
		AUTO_BUF other = BUF(4096);
		buf_puts(&other, states[i]);
		if (*states[i])
			buf_put_slice(&other, slice_from(buf_slice(&st), (size_t)slice_rfind_byte(buf_slice(&st), ' ') + 1));
		good(blob_upload_resume(b, id, 3, buf_slice(&other), &u, &E));
		good(blob_upload_append(u, SL("lo"), &E));
		good(blob_upload_finish(u, SL(HELLO), NULL, NULL, &E));
		content(b, HELLO, 0, UINT64_MAX, "hello");
	}
	u = begin(b, DIGEST_SHA256, "x");
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	blob_upload_close(u);
	good(blob_upload_remove(b, id, SLICE_NULL, &E));
	good(blob_upload_remove(b, id, SLICE_NULL, &E));
	fails(blob_upload_resume(b, id, 0, SLICE_NULL, &u, &E), ERR_NOT_FOUND);
	blob_close(b);
}

/* Killed in the middle of an upload, nothing but the upload is there, and it can be gone on with. */
static void killed(void **state)
{
	(void)state;
	int pipe_fd[2];
	char id[33] = "";
	struct blob_upload *u;
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct blob_store *b = NULL;
		if (blob_open(&(struct blob_options){ .dir = base }, &b, &E) || blob_upload_begin(b, DIGEST_SHA256, &u, &E) ||
		    blob_upload_append(u, SL("hel"), &E) || write(pipe_fd[1], blob_upload_id(u), 32) != 32)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipe_fd[0], id, 32), 32);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	struct blob_store *b = store_at(base);
	good(blob_upload_resume(b, id, 3, SLICE_NULL, &u, &E));
	good(blob_upload_append(u, SL("lo"), &E));
	good(blob_upload_finish(u, SL(HELLO), NULL, NULL, &E));
	blob_close(b);
}

struct seen { unsigned n; uint64_t bytes; char last[136]; enum err_code end; };

static enum err_code see(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e)
{
	struct seen *s = arg;
	s->n++;
	s->bytes += size;
	snprintf(s->last, sizeof(s->last), "%.*s", SLICE_ARG(name));
	assert_true(modified_s > 1500000000);
	return s->end ? err_set(e, s->end, 0, "enough") : OK;
}

static void walks(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	struct seen s = { 0 };
	uint64_t size;
	good(blob_walk(b, see, &s, &E));
	assert_int_equal(s.n, 0);
	good(blob_upload_finish(begin(b, DIGEST_SHA256, "hello"), SL(HELLO), NULL, NULL, &E));
	good(blob_upload_finish(begin(b, DIGEST_SHA512, "hello"), SL(HELLO_512), NULL, NULL, &E));
	struct blob_upload *u = begin(b, DIGEST_SHA256, "four");
	/* strangers are passed over */
	assert_int_equal(mkdir(below("blobs/sha256/zz"), 0700), 0);
	close(open(below("blobs/sha256/" HELLO_SHARD "/stranger"), O_CREAT | O_WRONLY, 0600));
	close(open(below("uploads/stranger"), O_CREAT | O_WRONLY, 0600));
	good(blob_walk(b, see, &s, &E));
	assert_int_equal(s.n, 2);
	assert_int_equal(s.bytes, 10);
	assert_string_equal(s.last, HELLO_512);
	s = (struct seen){ 0 };
	good(blob_walk_uploads(b, see, &s, &E));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.bytes, 4);
	assert_string_equal(s.last, blob_upload_id(u));
	s = (struct seen){ .end = ERR_CANCELLED };
	fails(blob_walk(b, see, &s, &E), ERR_CANCELLED);
	assert_int_equal(s.n, 1);
	blob_upload_close(u);
	good(blob_quarantine(b, SL(HELLO), &E));
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	fails(blob_quarantine(b, SL(HELLO), &E), ERR_NOT_FOUND);
	assert_true(exists("quarantine/sha256-2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
	good(blob_remove(b, SL(HELLO_512), &E));
	fails(blob_remove(b, SL(HELLO_512), &E), ERR_NOT_FOUND);
	blob_close(b);
}

static void objects(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	AUTO_FD from = -1, to = -1;
	char got[16] = "";
	good(os_unnamed_file("/tmp", &from, &E));
	good(os_unnamed_file("/tmp", &to, &E));
	assert_int_equal(write(from, "advisories", 10), 10);
	fails(blob_object_get(b, "db-1.adv", to, &E), ERR_NOT_FOUND);
	good(blob_object_put(b, "db-1.adv", from, &E));
	good(blob_object_put(b, "db-1.adv", from, &E));
	good(blob_object_get(b, "db-1.adv", to, &E));
	assert_int_equal(pread(to, got, 16, 0), 10);
	assert_string_equal(got, "advisories");
	blob_close(b);
}

/* What stands under a blob's name and is no file is none: nothing is opened through links or waits for a pipe. */
static void strange_entries(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	char *path = below("blobs/sha256/" HELLO_SHARD "/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	uint64_t size;
	int fd;
	assert_true(exists("blobs/sha256/" HELLO_SHARD));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	assert_int_not_equal(blob_open_fd(b, SL(HELLO), &fd, &size, &E), OK);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	fails(blob_stat(b, SL(HELLO), &size, &E), ERR_NOT_FOUND);
	fails(blob_open_fd(b, SL(HELLO), &fd, &size, &E), ERR_NOT_FOUND);
	blob_close(b);
}

static uint8_t shared_bytes[1 << 20];

static void *push_large(void *arg)
{
	struct blob_store *b = arg;
	struct blob_upload *u = NULL;
	struct err e = { 0 };
	uint8_t out[32];
	char want[136] = "sha256:", got[136] = "";
	static const size_t pieces[] = { 200000, 1, 65536, 65535, 300000, 1 << 20 };
	if (!digest_of(DIGEST_SHA256, slice_of(shared_bytes, sizeof(shared_bytes)), out))
		return arg;
	hex_encode(want + 7, out, 32);
	for (int round = 0; round < 5; round++) {
		if (blob_upload_begin(b, DIGEST_SHA256, &u, &e))
			return arg;
		for (size_t i = 0, at = 0; at < sizeof(shared_bytes); i++) {
			size_t n = MIN(pieces[i % ARRAY_LEN(pieces)], sizeof(shared_bytes) - at);
			if (blob_upload_append(u, slice_of(shared_bytes + at, n), &e))
				return arg;
			at += n;
		}
		if (blob_upload_finish(u, SLICE_NULL, got, NULL, &e) || strcmp(got, want))
			return arg;
	}
	return NULL;
}

/* Several at once, in pieces large enough for the thread that helps. */
static void at_once(void **state)
{
	(void)state;
	struct blob_store *b = NULL;
	pthread_t t[6];
	good(blob_open(&(struct blob_options){ .dir = base, .no_sync = true }, &b, &E));
	for (size_t i = 0; i < sizeof(shared_bytes); i++)
		shared_bytes[i] = (uint8_t)(i * 2654435761u >> 11);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, push_large, b), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		void *failed;
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	blob_close(b);
}

static void full_disk(void **state)
{
	(void)state;
	if (geteuid() != 0 || mount("none", base, "tmpfs", 0, "size=1m") != 0)
		skip();
	struct blob_store *b = store_at(base);
	static uint8_t big[2 << 20];
	struct blob_upload *u = begin(b, DIGEST_SHA256, "hel");
	enum err_code rc = blob_upload_append(u, slice_of(big, sizeof(big)), &E);
	int sys = E.sys;
	uint64_t at = blob_upload_offset(u);
	AUTO_BUF st = BUF(4096);
	enum err_code saved = blob_upload_save(u, &st, &E);
	char id[33];
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	blob_upload_close(u);
	/* what was taken before is still good */
	enum err_code again = blob_upload_resume(b, id, 3, buf_slice(&st), &u, &E), end = again;
	if (!again)
		end = blob_upload_append(u, SL("lo"), &E) ?: blob_upload_finish(u, SL(HELLO), NULL, NULL, &E);
	blob_close(b);
	umount(base);
	assert_int_equal(rc, ERR_IO);
	assert_int_equal(sys, ENOSPC);
	assert_int_equal(at, 3);
	assert_int_equal(saved, OK);
	assert_int_equal(end, OK);
}

static void read_only(void **state)
{
	(void)state;
	struct blob_store *b = store_at(base);
	struct blob_upload *u = NULL;
	good(blob_upload_finish(begin(b, DIGEST_SHA256, "hello"), SL(HELLO), NULL, NULL, &E));
	blob_close(b);
	if (geteuid() != 0 || mount(base, base, NULL, MS_BIND, NULL) != 0)
		skip();
	int rc = mount(NULL, base, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	enum err_code opened = blob_open(&(struct blob_options){ .dir = base }, &b, &E), began = OK, removed = OK, read = ERR_IO;
	uint64_t size = 0;
	if (!opened) {
		began = blob_upload_begin(b, DIGEST_SHA256, &u, &E);
		removed = blob_remove(b, SL(HELLO), &E);
		read = blob_stat(b, SL(HELLO), &size, &E);
		blob_close(b);
	}
	umount(base);
	assert_int_equal(rc, 0);
	assert_int_equal(opened, OK);
	assert_int_equal(began, ERR_IO);
	assert_int_equal(removed, ERR_IO);
	assert_int_equal(read, OK);
	fails(blob_open(&(struct blob_options){ .dir = "/dev/null/x" }, &b, &E), ERR_IO);
	fails(blob_open(&(struct blob_options){ 0 }, &b, &E), ERR_USAGE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(written_and_read), T(bad_names), T(mismatch), T(resumes), T(killed), T(walks), T(objects),
					    T(strange_entries), T(at_once), T(full_disk), T(read_only) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
