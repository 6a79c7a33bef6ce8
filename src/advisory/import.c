/* Import: inputs are opened here, parsed and merged in a confined child, and the finished file takes the old one's place. */
#include "import.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRESS_MS = 200, MAX_DIR_DEPTH = 4, CHILD_MEMORY_MIB = 1024 };

/* --- Inputs -------------------------------------------------------------------------------------------------------- */

struct inputs { struct import_input *items; size_t n, cap; struct arena arena; };

static void inputs_close(struct inputs *in)
{
	for (size_t i = 0; i < in->n; i++)
		fd_close(&in->items[i].fd);
	arena_free(&in->arena);
}

/* "…/Debian/all.zip" -> "Debian", as the public bucket names its folders. */
static struct slice base_of_path(struct arena *a, const char *path)
{
	struct slice p = slice_str(path), dir;
	if (!slice_has_suffix(p, SL("/all.zip")))
		return SLICE_NULL;
	dir = slice_upto(p, p.n - strlen("/all.zip"));
	ptrdiff_t slash = slice_rfind_byte(dir, '/');
	return arena_dup(a, slice_from(dir, (size_t)(slash + 1)));
}

static enum err_code add_file(struct inputs *in, const char *path, int fd, uint64_t bytes, struct err *e)
{
	struct import_input *slot = in->n < IMPORT_MAX_INPUTS ? ARENA_PUSH(&in->arena, in) : NULL;
	if (!slot)
		return err_set(e, ERR_LIMIT, 0, "more than %d files to import; pack the records into zips", IMPORT_MAX_INPUTS);
	*slot = (struct import_input){ .fd = fd_steal(&fd), .bytes = bytes, .base = base_of_path(&in->arena, path) };
	size_t n = strlen(path), skip = n >= sizeof(slot->name) ? n - sizeof(slot->name) + 1 : 0;
	memcpy(slot->name, path + skip, n - skip + 1);
	return OK;
}

static bool wanted(const char *name)
{
	static const char *const ends[] = { ".zip", ".json", ".json.gz", ".csv", ".csv.gz" };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (name[0] != '.' && slice_has_suffix(slice_str(name), slice_str(ends[i])))
			return true;
	return false;
}

static enum err_code add_path(struct inputs *in, const char *path, unsigned depth, struct err *e);

static enum err_code add_dir(struct inputs *in, const char *path, unsigned depth, struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return err_set(e, ERR_IO, errno, "read the directory '%s'", path);
	enum err_code rc = OK;
	for (int i = 0; i < n; i++) {
		char *full = NULL;
		struct stat st;
		if (rc == OK && names[i]->d_name[0] != '.' && asprintf(&full, "%s/%s", path, names[i]->d_name) >= 0 && stat(full, &st) == 0 &&
		    (S_ISDIR(st.st_mode) ? depth < MAX_DIR_DEPTH : wanted(names[i]->d_name)))
			rc = add_path(in, full, depth + 1, e);
		free(full);
		free(names[i]);
	}
	free(names);
	return rc;
}

static enum err_code add_path(struct inputs *in, const char *path, unsigned depth, struct err *e)
{
	struct stat st;
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open '%s'", path);
	if (S_ISDIR(st.st_mode))
		return add_dir(in, path, depth, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, 0, "'%s' is neither a file nor a directory", path);
	return add_file(in, path, fd_steal(&fd), (uint64_t)st.st_size, e);
}

/* --- In the child -------------------------------------------------------------------------------------------------- */

static bool brought(const struct importer *im, struct slice base)
{
	for (size_t i = 0; i < im->bases.n; i++)
		if (slice_eq(im->bases.items[i].base, base))
			return im->bases.items[i].brought;
	return false;
}

static bool keep_row(void *arg, struct slice key, bool older)
{
	const struct importer *im = arg;
	uint8_t tag;
	struct slice base = row_base(key, &tag);
	if (tag == 'n')
		return true;
	if (tag == 'k' || tag == 'e')
		return !older || !(tag == 'k' ? im->kev : im->epss);
	return brought(im, base) != older;
}

static enum err_code write_rows(struct importer *im, struct import_job *job, struct db_writer *w, struct err *e)
{
	struct db_iter it = { 0 };
	struct row r;
	bool more;
	struct advisory_status old = { 0 };
	if (job->old) {
		TRY(db_seek(job->old, SLICE_NULL, &it, e));
		advisory_db_status(job->old, &old);
	}
	TRY(sorter_merge(im->sorter, job->old ? &it.source : NULL, keep_row, im, e));
	while (true) {
		TRY(sorter_next(im->sorter, &r, &more, e));
		if (!more)
			break;
		TRY(db_writer_add(w, &r, e));
	}
	struct db_source *sources = arena_calloc(&im->lasting, im->bases.n + old.n_ecosystems, sizeof(*sources));
	size_t n = 0;
	TRY(arena_ok(&im->lasting, "the list of ecosystems", e));
	for (size_t i = 0; i < old.n_ecosystems; i++)
		if (!brought(im, old.ecosystems[i].name))
			sources[n++] = (struct db_source){ old.ecosystems[i].name, old.ecosystems[i].source, old.ecosystems[i].imported_s };
	for (size_t i = 0; i < im->bases.n; i++)
		if (im->bases.items[i].brought)
			sources[n++] = (struct db_source){ im->bases.items[i].base, job->source.n ? job->source :
							   slice_str(im->inputs[im->bases.items[i].input].name), job->now_s };
	return db_writer_finish(w, job->now_s, sources, n, e);
}

static enum err_code read_all(struct importer *im, struct err *e)
{
	const struct advisory_import_stats *s = &im->shared->stats;
	for (im->input = 0; im->input < im->n_inputs; im->input++) {
		im->shared->input = im->input;
		if (feed_read(im, &im->inputs[im->input], e) != OK)
			return err_prefix(e, "import '%s'", im->inputs[im->input].name);
		im->shared->stats.files++;
	}
	if (im->n_inputs && !s->records && !s->kev && !s->epss && !s->nvd && !s->withdrawn)
		return err_set(e, ERR_FORMAT, 0, "nothing usable was found in what was to be imported (%llu malformed records)",
			       (unsigned long long)s->malformed);
	return OK;
}

enum err_code import_run(struct import_job *job, struct err *e)
{
	struct importer im = { .inputs = job->inputs, .n_inputs = job->n_inputs, .scratch_fd = job->scratch_fd, .lasting = ARENA(MIB),
			       .scratch = ARENA(96 * MIB), .max_total_bytes = job->max_total_bytes, .shared = job->shared };
	struct db_writer *w = NULL;
	enum err_code rc = sorter_open(job->spill_fd, &im.sorter, e);
	if (rc == OK)
		rc = read_all(&im, e);
	if (rc == OK)
		rc = db_writer_open(job->out_fd, &w, e);
	if (rc == OK)
		rc = write_rows(&im, job, w, e);
	db_writer_close(w);
	sorter_close(im.sorter);
	arena_free(&im.scratch);
	arena_free(&im.lasting);
	return rc;
}

[[gnu::noreturn]] static void child_main(struct import_job *job)
{
	struct import_shared *s = job->shared;
	uint64_t largest = 0;
	for (size_t i = 0; i < job->n_inputs; i++)
		largest = MAX(largest, job->inputs[i].bytes);
	struct os_limits limits = { .memory_bytes = CHILD_MEMORY_MIB * MIB + largest * 64 + (job->old ? job->old->status.bytes : 0) };
	struct os_confinement c;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	enum err_code rc = os_confine_begin(&limits, &c, &s->err);
	if (rc == OK)
		rc = os_confine_seal(&c, &s->err);
	if (rc == OK)
		rc = import_run(job, &s->err);
	s->ended = true;
	_exit(rc == OK ? 0 : 1);
}

/* --- In the parent ------------------------------------------------------------------------------------------------- */

static void tell(const struct import_job *job, const struct advisory_import_options *o)
{
	const struct import_shared *s = job->shared;
	if (!o->progress || !job->n_inputs)
		return;
	uint64_t i = MIN(__atomic_load_n(&s->input, __ATOMIC_RELAXED), job->n_inputs - 1);
	o->progress(o->arg, &(struct advisory_progress){ job->inputs[i].name, s->done_bytes, s->total_bytes, s->stats.records + s->stats.nvd });
}

static enum err_code in_child(struct import_job *job, const struct advisory_import_options *o, struct err *e)
{
	int status = 0;
	enum err_code rc;
	struct os_child child = { .pid = fork(), .pidfd = -1 };
	if (child.pid == 0)
		child_main(job);
	if (child.pid < 0)
		return err_set(e, ERR_IO, errno, "start the import");
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	while ((rc = os_wait(&child, PROGRESS_MS, &status, e)) == ERR_TIMEOUT && !os_cancelled())
		tell(job, o);
	if (rc != OK) {
		os_kill(&child);
		return rc == ERR_TIMEOUT ? err_set(e, ERR_CANCELLED, 0, "the import was interrupted; the old database stays") : rc;
	}
	if (!job->shared->ended || !WIFEXITED(status))
		return err_set(e, ERR_CRASHED, 0, "the import's worker ended by signal %d; the old database stays", WTERMSIG(status));
	if (WEXITSTATUS(status)) {
		*e = job->shared->err;
		e->msg[sizeof(e->msg) - 1] = 0;
		return e->code != OK ? e->code : err_set(e, ERR_INTERNAL, 0, "the import failed");
	}
	return OK;
}

static enum err_code check_result(int fd, struct err *e)
{
	struct advisory_db *db;
	TRY(db_open_fd(fd, &db, e));
	enum err_code rc = advisory_db_verify(db, e);
	advisory_db_close(db);
	return rc;
}

static enum err_code import_to(const char *dir, struct import_job *job, const struct advisory_import_options *o, struct err *e)
{
	AUTO_FD spill = -1, scratch = -1;
	AUTO_BUF path = BUF(4096);
	AUTO_ATOMIC out = { .fd = -1 };
	buf_printf(&path, "%s/%s", dir, DB_NAME);
	TRY(buf_ok(&path, "the database's path", e));
	TRY(os_unnamed_file(dir, &spill, e));
	TRY(os_unnamed_file(dir, &scratch, e));
	TRY(os_atomic_open(buf_cstr(&path), 0644, &out, e));
	job->spill_fd = spill;
	job->scratch_fd = scratch;
	job->out_fd = out.fd;
	if (o->unconfined)
		TRY(import_run(job, e));
	else
		TRY(in_child(job, o, e));
	TRY(check_result(out.fd, e));
	return os_atomic_commit(&out, e);
}

enum err_code db_lock(const char *dir, const char *name, int *ret_fd, struct err *e)
{
	AUTO_BUF path = BUF(4096);
	buf_printf(&path, "%s/%s", dir, name);
	TRY(buf_ok(&path, "the database's path", e));
	AUTO_FD fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "open '%s'", buf_cstr(&path));
	while (flock(fd, LOCK_EX) != 0)
		if (errno != EINTR || os_cancelled())
			return err_set(e, errno == EINTR ? ERR_CANCELLED : ERR_IO, errno, "lock '%s'", buf_cstr(&path));
	*ret_fd = fd_steal(&fd);
	return OK;
}

static enum err_code import_inputs(const char *dir, struct inputs *in, const struct advisory_import_options *o, struct advisory_import_stats *ret,
				   struct err *e)
{
	AUTO_FD lock = -1;
	struct advisory_db *old = NULL;
	TRY(os_mkdirs(dir, 0755, e));
	TRY(db_lock(dir, ".lock", &lock, e));	/* one import at a time: the second waits, then merges with the first one's result */
	enum err_code rc = advisory_db_open(dir, &old, e);
	if (rc != OK && rc != ERR_NOT_FOUND)
		return rc;
	struct import_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t start = os_monotonic_ns();
	if (shared == MAP_FAILED) {
		rc = err_set(e, ERR_NOMEM, errno, "import advisories");
	} else {
		struct import_job job = { .inputs = in->items, .n_inputs = in->n, .shared = shared, .old = old, .now_s = os_now_s(),
					  .source = slice_str(o->source), .max_total_bytes = o->max_total_bytes ? o->max_total_bytes : 64 * GIB };
		rc = import_to(dir, &job, o, e);
		shared->stats.elapsed_ns = os_monotonic_ns() - start;
		if (rc == OK)
			*ret = shared->stats;
		munmap(shared, sizeof(*shared));
	}
	advisory_db_close(old);
	return rc;
}

/* Lists that came from elsewhere than the last update: what it fetched is no longer what the database holds. */
static void forget_etags(const char *dir, const struct advisory_import_stats *s)
{
	const char *const names[] = { s->kev ? "download/.kev/kev.json.etag" : NULL, s->epss ? "download/.epss/epss.csv.gz.etag" : NULL };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = NULL;
		if (names[i] && asprintf(&path, "%s/%s", dir, names[i]) >= 0)
			unlink(path);
		free(path);
	}
}

enum err_code advisory_db_import(const char *dir, const char *const *paths, size_t n, const struct advisory_import_options *o,
				 struct advisory_import_stats *ret, struct err *e)
{
	struct inputs in = { .arena = ARENA(8 * MIB) };
	enum err_code rc = OK;
	for (size_t i = 0; rc == OK && i < n; i++)
		rc = add_path(&in, paths[i], 0, e);
	if (rc == OK && !in.n && !o->refresh)
		rc = err_set(e, ERR_NOT_FOUND, 0, "there is nothing to import: no .zip, .json, .csv or .gz file");
	if (rc == OK)
		rc = import_inputs(dir, &in, o, ret, e);
	if (rc == OK)
		forget_etags(dir, ret);
	inputs_close(&in);
	return rc;
}
