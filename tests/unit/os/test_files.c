#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "os.h"

static char dir[] = "/tmp/pabean-test-XXXXXX";

static int enter(void **) { return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1; }

static int leave(void **)
{
	struct err e;
	return chdir("/") == 0 && os_remove_tree(dir, &e) == OK ? 0 : -1;
}

static unsigned entries(void)
{
	DIR *d = opendir(".");
	unsigned n = 0;
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void put(const char *path, const char *text)
{
	struct err e;
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, text, strlen(text), path, &e), OK);
}

static void expect(const char *path, const char *text)
{
	AUTO_BUF b = BUF(1000);
	struct err e;
	assert_int_equal(os_read_file(path, &b, &e), OK);
	assert_true(slice_eqs(buf_slice(&b), text));
}

static void reading(void **)
{
	AUTO_BUF b = BUF(3);
	struct err e;
	put("f", "abc");
	expect("f", "abc");
	assert_int_equal(os_read_file("f", &b, &e), OK);
	buf_clear(&b);
	put("f", "abcd");
	assert_int_equal(os_read_file("f", &b, &e), ERR_LIMIT);
	buf_clear(&b);
	assert_int_equal(os_read_file("none", &b, &e), ERR_NOT_FOUND);
	assert_int_equal(os_read_file("f/g", &b, &e), ERR_NOT_FOUND);
	assert_int_equal(os_read_file(".", &b, &e), ERR_IO);
	AUTO_FD fd = open("f", O_RDONLY | O_CLOEXEC);
	struct os_map m;
	assert_int_equal(os_map_file(fd, "f", &m, &e), OK);
	assert_true(slice_eqs(m.bytes, "abcd"));
	os_unmap(&m);
	put("f", "");
	assert_int_equal(os_map_file(fd, "f", &m, &e), OK);
	assert_true(m.bytes.p && m.bytes.n == 0);
	os_unmap(&m);
	unlink("f");
	int pipes[2];
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(pipes), 0);
	close(pipes[0]);
	assert_int_equal(os_write_all(pipes[1], "x", 1, "a pipe", &e), ERR_IO);
	assert_int_equal(e.sys, EPIPE);
	close(pipes[1]);
}

static void atomic_files(void **)
{
	struct err e;
	struct os_atomic f = { .fd = -1 };
	struct stat st;
	umask(022);
	put("out", "old");
	assert_int_equal(os_atomic_open("out", 0666, &f, &e), OK);
	assert_int_equal(os_write_all(f.fd, "new", 3, "out", &e), OK);
	expect("out", "old");
	assert_int_equal(os_atomic_commit(&f, &e), OK);
	expect("out", "new");
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	os_atomic_abort(&f);	/* after commit: nothing to do */
	assert_int_equal(os_atomic_open("out", 0600, &f, &e), OK);
	assert_int_equal(os_write_all(f.fd, "gone", 4, "out", &e), OK);
	os_atomic_abort(&f);
	expect("out", "new");
	assert_int_equal(entries(), 1);
	/* a link keeps being one, a device is not replaced */
	assert_int_equal(symlink("out", "link"), 0);
	assert_int_equal(os_atomic_open("link", 0600, &f, &e), OK);
	assert_int_equal(os_write_all(f.fd, "via", 3, "link", &e), OK);
	assert_int_equal(os_atomic_commit(&f, &e), OK);
	expect("out", "via");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(os_atomic_open("/dev/null", 0600, &f, &e), OK);
	assert_int_equal(os_write_all(f.fd, "x", 1, "null", &e), OK);
	assert_int_equal(os_atomic_commit(&f, &e), OK);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(os_atomic_open("no/such/dir/file", 0600, &f, &e), ERR_IO);
	assert_int_equal(os_atomic_open("/dev/full", 0600, &f, &e), OK);
	assert_int_equal(os_write_all(f.fd, "x", 1, "full", &e), ERR_IO);
	assert_int_equal(e.sys, ENOSPC);
	struct os_atomic zeroed = { 0 };
	os_atomic_abort(&f);
	os_atomic_abort(&zeroed);	/* must not close descriptor 0 */
	assert_true(fcntl(0, F_GETFD) >= 0 || errno != EBADF);
	unlink("out");
	unlink("link");
	assert_int_equal(entries(), 0);
}

static void unnamed(void **)
{
	struct err e;
	AUTO_FD fd = -1;
	assert_int_equal(os_unnamed_file(".", &fd, &e), OK);
	assert_int_equal(entries(), 0);
	assert_int_equal(os_write_all(fd, "abc", 3, "scratch", &e), OK);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3);
	int none;
	assert_int_equal(os_unnamed_file("none", &none, &e), ERR_IO);
}

static void directories(void **)
{
	struct err e;
	struct stat st;
	assert_int_equal(os_mkdirs("a/b//c/", 0755, &e), OK);
	assert_int_equal(os_mkdirs("a/b/c", 0700, &e), OK);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	put("a/f", "x");
	assert_int_equal(os_mkdirs("a/f", 0755, &e), ERR_IO);
	assert_int_equal(os_mkdirs("a/f/g", 0755, &e), ERR_IO);
	assert_int_equal(os_mkdirs("", 0755, &e), ERR_IO);
	put("kept", "x");
	assert_int_equal(symlink("../../kept", "a/b/link"), 0);
	assert_int_equal(symlink("..", "a/b/up"), 0);
	assert_int_equal(os_remove_tree("a", &e), OK);
	expect("kept", "x");
	assert_int_equal(os_remove_tree("a", &e), OK);
	unlink("kept");
	assert_int_equal(entries(), 0);
}

static void private_dirs(void **)
{
	struct err e;
	struct stat st;
	umask(0);
	assert_int_equal(os_private_dir("p/q", &e), OK);
	assert_int_equal(stat("p/q", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(os_private_dir("p/q", &e), OK);
	assert_int_equal(chmod("p/q", 0750), 0);
	assert_int_equal(os_private_dir("p/q", &e), ERR_IO);
	assert_int_equal(symlink("p", "l"), 0);
	assert_int_equal(os_private_dir("l", &e), ERR_IO);
	if (geteuid() == 0) {
		assert_int_equal(chmod("p/q", 0700), 0);
		assert_int_equal(chown("p/q", 1, 1), 0);
		assert_int_equal(os_private_dir("p/q", &e), ERR_IO);
	}
	umask(022);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading), cmocka_unit_test(atomic_files), cmocka_unit_test(unnamed), cmocka_unit_test(directories),
		cmocka_unit_test(private_dirs),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
