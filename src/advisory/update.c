/* Update: feeds by URL into DIR/download, several at once, then one import. What was fetched halfway is resumed the next time; what did not
 * change since it was imported is not fetched again. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "db.h"
#include "net.h"

#define PUBLIC_BUCKET "https://osv-vulnerabilities.storage.googleapis.com"
#define PUBLIC_KEV "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
#define PUBLIC_EPSS "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"

enum { UPDATE_THREADS = 4, MAX_DOWNLOADS = 256, MAX_ETAG = 256, PIECE = 128 << 10, PROGRESS_NS = 200 * 1000 * 1000 };
static const uint64_t max_file_bytes = 16ull << 30;

static const char *const usual[] = { "AlmaLinux", "Alpine", "Chainguard", "Debian", "Go", "PyPI", "Red Hat", "Rocky Linux", "RubyGems", "SUSE", "Ubuntu",
				     "Wolfi", "crates.io", "npm", "openSUSE" };

enum outcome { OUTCOME_NONE, OUTCOME_FETCHED, OUTCOME_UNCHANGED, OUTCOME_MISSING };
struct download {
	const char *name;		/* folder below download/ */
	char *url, *path;		/* of the finished file */
	char etag[MAX_ETAG];
	bool known;			/* the database has it: If-None-Match is right */
	bool optional;			/* the source need not have it */
	enum outcome outcome;
	struct err err;
};

struct update {
	const char *dir;
	struct net_client *client;
	struct download items[MAX_DOWNLOADS];
	size_t n;
	atomic_size_t next, running;
	_Atomic uint64_t done_bytes;
	atomic_bool stop;
};

/* "PATH.etag", "PATH.part" */
static char *beside(const char *path, const char *end)
{
	char *p = NULL;
	return asprintf(&p, "%s%s", path, end) < 0 ? NULL : p;
}

static void read_etag(const char *path, const char *end, char dst[MAX_ETAG])
{
	struct err e;
	AUTO_BUF b = BUF(MAX_ETAG - 1);
	char *name = beside(path, end);
	dst[0] = 0;
	if (name && os_read_file(name, &b, &e) == OK && !memchr(b.p, '\n', b.n) && b.n < MAX_ETAG) {
		memcpy(dst, b.p, b.n);
		dst[b.n] = 0;
	}
	free(name);
}

static enum err_code write_etag(const char *path, const char *end, const char *etag, struct err *e)
{
	AUTO_ATOMIC f = { .fd = -1 };
	char *name = beside(path, end);
	enum err_code rc = name ? os_atomic_open(name, 0644, &f, e) : err_set(e, ERR_NOMEM, 0, "update the database");
	free(name);
	TRY(rc);
	TRY(os_write_all(f.fd, etag, strlen(etag), "an ETag", e));
	return os_atomic_commit(&f, e);
}

static enum err_code save(struct update *u, struct stream *body, int fd, uint64_t at, struct err *e)
{
	uint8_t *piece = malloc(PIECE);
	size_t n = 0;
	enum err_code rc = piece ? OK : err_set(e, ERR_NOMEM, 0, "download");
	while (rc == OK) {
		rc = stream_read(body, piece, PIECE, &n, e);
		if (rc != OK || !n)
			break;
		at += n;
		u->done_bytes += n;
		if (at > max_file_bytes)
			rc = err_set(e, ERR_LIMIT, 0, "the file is larger than %llu GiB", (unsigned long long)(max_file_bytes >> 30));
		else if (u->stop || os_cancelled())
			rc = err_set(e, ERR_CANCELLED, 0, "interrupted");
		else
			rc = os_write_all(fd, piece, n, "a download", e);
	}
	free(piece);
	return rc;
}

/* One answer of the server into the part file. *ret_again: the part was of an older file and must be fetched anew. */
static enum err_code fetch(struct update *u, struct download *d, const char *part, bool *ret_again, struct err *e)
{
	char have[MAX_ETAG];
	struct stat st = { 0 };
	AUTO_STREAM body = NULL;
	const struct net_response *r;
	AUTO_FD fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	*ret_again = false;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_set(e, ERR_IO, errno, "open '%s'", part);
	read_etag(d->path, ".part.etag", have);
	/* fetched to its end by an update that did not get to import it */
	bool whole = have[0] && access(d->path, R_OK) == 0;
	uint64_t offset = have[0] && !whole ? (uint64_t)st.st_size : 0;
	const char *unless = whole ? have : d->known && d->etag[0] && !offset ? d->etag : NULL;
	struct net_request q = { .url = d->url, .if_none_match = unless, .offset = offset, .if_range = offset ? have : NULL };
	if (net_open(u->client, &q, &r, &body, e) != OK) {
		*ret_again = offset > 0 && e->code == ERR_NET;
		if (*ret_again && ftruncate(fd, 0) != 0)
			return err_set(e, ERR_IO, errno, "empty '%s'", part);
		return e->code;
	}
	if (r->status == 304) {
		d->outcome = whole ? OUTCOME_FETCHED : OUTCOME_UNCHANGED;
		if (whole)
			memcpy(d->etag, have, sizeof(have));
		return OK;
	}
	if (r->status == 416 && offset) {	/* nothing is left of it, or it became shorter: anew */
		*ret_again = true;
		return ftruncate(fd, 0) == 0 ? OK : err_set(e, ERR_IO, errno, "empty '%s'", part);
	}
	if (r->status == 404 && d->optional) {
		d->outcome = OUTCOME_MISSING;
		return OK;
	}
	if (r->status != 200 && r->status != 206)
		return err_set(e, ERR_NET, 0, "the server answered with status %d", r->status);
	struct slice etag = net_response_header(r, "etag");
	d->etag[0] = 0;
	if (etag.n && etag.n < MAX_ETAG) {
		memcpy(d->etag, etag.p, etag.n);
		d->etag[etag.n] = 0;
	}
	if (ftruncate(fd, (off_t)offset) != 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return err_set(e, ERR_IO, errno, "resume '%s'", part);
	unlink(d->path);	/* it is not what the ETag will say */
	TRY(write_etag(d->path, ".part.etag", d->etag, e));
	TRY(save(u, body, fd, offset, e));
	if (rename(part, d->path) != 0)
		return err_set(e, ERR_IO, errno, "rename '%s'", part);
	d->outcome = OUTCOME_FETCHED;
	return OK;
}

/* Removes what was fetched, and what an update that ended early left of it. The ETag of what was imported stays. */
static void forget(const struct download *d)
{
	static const char *const ends[] = { "", ".part", ".part.etag" };
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char *name = beside(d->path, ends[i]);
		if (name)
			unlink(name);
		free(name);
	}
}

static enum err_code download_one(struct update *u, struct download *d, struct err *e)
{
	char where[160];
	bool again = false;
	char *part = beside(d->path, ".part");
	if (!part)
		return err_set(e, ERR_NOMEM, 0, "download");
	enum err_code rc = fetch(u, d, part, &again, e);
	if (again)
		rc = fetch(u, d, part, &again, e);
	free(part);
	if (d->outcome == OUTCOME_UNCHANGED || d->outcome == OUTCOME_MISSING)
		forget(d);
	if (rc == ERR_CANCELLED)
		return rc;
	return rc == OK ? OK : err_prefix(e, "fetch %s from %s", d->name, net_url_origin(d->url, where, sizeof(where)));
}

static void *worker(void *arg)
{
	struct update *u = arg;
	for (;;) {
		size_t i = atomic_fetch_add(&u->next, 1);
		if (i >= u->n || u->stop)
			break;
		struct download *d = &u->items[i];
		if (download_one(u, d, &d->err) != OK)
			u->stop = true;
	}
	atomic_fetch_sub(&u->running, 1);
	return NULL;
}

static enum err_code download_all(struct update *u, const struct advisory_update_options *o, struct err *e)
{
	pthread_t threads[UPDATE_THREADS];
	size_t n = 0;
	for (; n < UPDATE_THREADS && n < u->n; n++) {
		atomic_fetch_add(&u->running, 1);
		if (pthread_create(&threads[n], NULL, worker, u) != 0) {
			atomic_fetch_sub(&u->running, 1);
			break;
		}
	}
	if (!n) {
		atomic_fetch_add(&u->running, 1);
		worker(u);
	}
	while (atomic_load(&u->running)) {
		nanosleep(&(struct timespec){ .tv_nsec = PROGRESS_NS / 4 }, NULL);
		if (o->progress)
			o->progress(o->arg, &(struct advisory_progress){ "downloads", u->done_bytes, 0, 0 });
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	/* The failure that made the others stop, rather than theirs. */
	const struct err *first = NULL;
	for (size_t i = 0; i < u->n; i++)
		if (u->items[i].err.code != OK && u->items[i].outcome == OUTCOME_NONE && (!first || first->code == ERR_CANCELLED))
			first = &u->items[i].err;
	if (first)
		*e = *first;
	return first ? first->code : OK;
}

/* --- The list of downloads ------------------------------------------------------------------------------------------- */

static enum err_code add(struct update *u, const char *name, const char *file, const char *url, bool known, bool optional, struct err *e)
{
	char *folder = NULL;
	if (u->n == MAX_DOWNLOADS)
		return err_set(e, ERR_LIMIT, 0, "more than %d ecosystems", MAX_DOWNLOADS);
	struct download *d = &u->items[u->n++];
	*d = (struct download){ .name = name, .url = strdup(url), .known = known, .optional = optional };
	if (asprintf(&folder, "%s/download/%s", u->dir, name) < 0 || asprintf(&d->path, "%s/%s", folder, file) < 0 || !d->url)
		return err_set(e, ERR_NOMEM, 0, "update the database");
	enum err_code rc = os_mkdirs(folder, 0755, e);
	free(folder);
	TRY(rc);
	read_etag(d->path, ".etag", d->etag);
	return OK;
}

/* Whether what the database holds came from there: an import from elsewhere may have replaced it since. */
static bool has_ecosystem(const struct advisory_status *s, const char *name, const char *source)
{
	for (size_t i = 0; i < s->n_ecosystems; i++)
		if (slice_eqs(s->ecosystems[i].name, name))
			return slice_eqs(s->ecosystems[i].source, source);
	return false;
}

static enum err_code add_ecosystem(struct update *u, const char *source, const char *name, const struct advisory_status *s, bool optional, struct err *e)
{
	AUTO_BUF url = BUF(4096);
	if (!name[0] || name[0] == '.' || strchr(name, '/') || strchr(name, ':'))
		return err_set(e, ERR_USAGE, 0, "'%s' is no ecosystem (releases are not named: Debian, not Debian:12)", name);
	buf_puts(&url, source);
	while (url.n && url.p[url.n - 1] == '/')
		url.n--;
	buf_putc(&url, '/');
	net_url_escape(&url, slice_str(name));
	buf_puts(&url, "/all.zip");
	TRY(buf_ok(&url, "the URL", e));
	return add(u, name, "all.zip", buf_cstr(&url), has_ecosystem(s, name, source), optional, e);
}

static enum err_code list_downloads(struct update *u, const struct advisory_update_options *o, const struct advisory_status *s, struct err *e)
{
	const char *source = o->source && o->source[0] ? o->source : PUBLIC_BUCKET;
	bool public = source != o->source;
	const char *kev = o->kev_url ? o->kev_url : public ? PUBLIC_KEV : "", *epss = o->epss_url ? o->epss_url : public ? PUBLIC_EPSS : "";
	size_t n = o->n_ecosystems ? o->n_ecosystems : ARRAY_LEN(usual);
	for (size_t i = 0; i < n; i++)
		TRY(add_ecosystem(u, source, o->n_ecosystems ? o->ecosystems[i] : usual[i], s, !o->n_ecosystems, e));
	if (kev[0])
		TRY(add(u, ".kev", "kev.json", kev, s->kev > 0, false, e));
	return epss[0] ? add(u, ".epss", "epss.csv.gz", epss, s->epss > 0, false, e) : OK;
}

static enum err_code import_fetched(struct update *u, const struct advisory_update_options *o, struct advisory_import_stats *ret, struct err *e)
{
	const char *paths[MAX_DOWNLOADS];
	size_t n = 0, missing = 0;
	struct advisory_import_stats stats = { 0 };
	struct advisory_import_options io = { .progress = o->progress, .arg = o->arg, .source = o->source ? o->source : PUBLIC_BUCKET, .unconfined = o->unconfined };
	for (size_t i = 0; i < u->n; i++) {
		if (u->items[i].outcome == OUTCOME_FETCHED)
			paths[n++] = u->items[i].path;
		missing += u->items[i].outcome == OUTCOME_MISSING;
	}
	if (missing == u->n)
		return err_set(e, ERR_NOT_FOUND, 0, "the source has none of the ecosystems (status 404)");
	io.refresh = true;	/* that nothing changed is news, too: the database is as of now */
	enum err_code rc = n || missing < u->n ? advisory_db_import(u->dir, paths, n, &io, &stats, e) : OK;
	for (size_t i = 0; i < u->n; i++) {
		const struct download *d = &u->items[i];
		stats.unchanged += d->outcome == OUTCOME_UNCHANGED;
		if (d->outcome != OUTCOME_FETCHED)
			continue;
		if (rc != ERR_CANCELLED)
			forget(d);
		if (rc == OK)
			rc = write_etag(d->path, ".etag", d->etag, e);
	}
	if (rc == OK)
		*ret = stats;
	return rc;
}

static enum err_code update_run(struct update *u, const struct advisory_update_options *o, struct advisory_import_stats *ret, struct err *e)
{
	static const struct net_options standard;
	struct advisory_db *db = NULL;
	struct advisory_status s = { 0 };
	AUTO_FD lock = -1;
	TRY(db_lock(u->dir, ".update.lock", &lock, e));	/* two updates would write the same part files */
	enum err_code rc = advisory_db_open(u->dir, &db, e);
	if (rc != OK && rc != ERR_NOT_FOUND)
		return rc;
	if (db)
		advisory_db_status(db, &s);
	rc = list_downloads(u, o, &s, e);
	advisory_db_close(db);
	TRY(rc);
	TRY(net_client_open(o->net ? o->net : &standard, &u->client, e));
	TRY(download_all(u, o, e));
	return import_fetched(u, o, ret, e);
}

enum err_code advisory_db_update(const char *dir, const struct advisory_update_options *o, struct advisory_import_stats *ret, struct err *e)
{
	struct update *u = calloc(1, sizeof(*u));
	if (!u)
		return err_set(e, ERR_NOMEM, 0, "update the database");
	u->dir = dir;
	enum err_code rc = os_mkdirs(dir, 0755, e);
	if (rc == OK)
		rc = update_run(u, o, ret, e);
	net_client_close(u->client);
	for (size_t i = 0; i < u->n; i++) {
		free(u->items[i].url);
		free(u->items[i].path);
	}
	free(u);
	return rc;
}
