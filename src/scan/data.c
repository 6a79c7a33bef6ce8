#include "data.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A replaced file has another number or time. All zero: there is none. */
struct file_id { uint64_t dev, ino, size; int64_t mtime_ns, ctime_ns; };
struct file_ids { struct file_id db, intel; };

struct data_holder {
	struct data_paths paths;
	char *db_path;
	pthread_mutex_t lock;		/* now and its users */
	pthread_mutex_t refreshing;	/* seen; one at a time */
	struct scan_data *now;
	struct file_ids seen;
};

static struct file_id id_of(const char *path)
{
	struct stat st;
	if (!path || stat(path, &st))
		return (struct file_id){ 0 };
	return (struct file_id){ st.st_dev, st.st_ino, (uint64_t)st.st_size, (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
				 (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec };
}

static bool same(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static void free_data(struct scan_data *d)
{
	if (!d)
		return;
	advisory_db_close(d->db);
	intel_close(d->intel);
	free(d);
}

static enum err_code open_intel(const struct data_paths *p, struct scan_data *d, struct err *e)
{
	struct intel_summary sum;
	size_t n = 0;
	const char **files = calloc(p->n_intel_files + 1, sizeof(*files));
	if (!files)
		return err_set(e, ERR_NOMEM, 0, "the list of intelligence files");
	for (; n < p->n_intel_files; n++)
		files[n] = p->intel_files[n];
	if (p->intel_file && access(p->intel_file, F_OK) == 0)
		files[n++] = p->intel_file;
	enum err_code code = intel_open(files, n, &d->intel, e);
	free(files);
	TRY(code);
	intel_summarize(d->intel, &sum);
	snprintf(d->intelligence, sizeof(d->intelligence), "sha256:%s", sum.digest);
	return OK;
}

static enum err_code open_db(const struct data_paths *p, struct scan_data *d, struct err *e)
{
	enum err_code code = advisory_db_open(p->db_dir, &d->db, &d->db_error);
	if (code == OK)
		advisory_db_digest(d->db, d->advisories);
	if (code == OK || code == ERR_NOT_FOUND)
		return OK;	/* its absence is a finding */
	*e = d->db_error;	/* a damaged one is refused */
	return code;
}

static enum err_code load(const struct data_holder *h, struct scan_data **ret, struct err *e)
{
	struct scan_data *d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	enum err_code code = open_intel(&h->paths, d, e);
	if (code == OK)
		code = open_db(&h->paths, d, e);
	if (code != OK) {
		free_data(d);
		return code;
	}
	d->users = 1;	/* the holder */
	*ret = d;
	return OK;
}

enum err_code data_open(const struct data_paths *paths, struct data_holder **ret, struct err *e)
{
	struct data_holder *h = calloc(1, sizeof(*h));
	bool changed;
	if (!h || asprintf(&h->db_path, "%s/%s", paths->db_dir, ADVISORY_DB_NAME) < 0) {
		free(h);
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	h->paths = *paths;
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_init(&h->refreshing, NULL);
	enum err_code code = data_refresh(h, &changed, e);
	if (code != OK) {
		data_close(h);
		return code;
	}
	*ret = h;
	return OK;
}

void data_close(struct data_holder *h)
{
	if (!h)
		return;
	free_data(h->now);
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->refreshing);
	free(h->db_path);
	free(h);
}

static enum err_code refresh(struct data_holder *h, bool *ret_changed, struct err *e)
{
	/* Looked at before they are opened: what is replaced in between is seen next time. */
	struct file_ids ids = { id_of(h->db_path), id_of(h->paths.intel_file) };
	struct scan_data *d = NULL;
	*ret_changed = false;
	if (h->now && same(&ids.db, &h->seen.db) && same(&ids.intel, &h->seen.intel))
		return OK;
	TRY(load(h, &d, e));
	h->seen = ids;
	pthread_mutex_lock(&h->lock);
	struct scan_data *was = h->now;
	h->now = d;
	pthread_mutex_unlock(&h->lock);
	*ret_changed = !was || strcmp(was->advisories, d->advisories) || strcmp(was->intelligence, d->intelligence);
	if (was)
		data_give(h, was);
	return OK;
}

enum err_code data_refresh(struct data_holder *h, bool *ret_changed, struct err *e)
{
	pthread_mutex_lock(&h->refreshing);
	enum err_code code = refresh(h, ret_changed, e);
	pthread_mutex_unlock(&h->refreshing);
	return code;
}

struct scan_data *data_take(struct data_holder *h)
{
	pthread_mutex_lock(&h->lock);
	struct scan_data *d = h->now;
	d->users++;
	pthread_mutex_unlock(&h->lock);
	return d;
}

void data_give(struct data_holder *h, struct scan_data *d)
{
	pthread_mutex_lock(&h->lock);
	bool last = --d->users == 0;
	pthread_mutex_unlock(&h->lock);
	if (last)
		free_data(d);
}
