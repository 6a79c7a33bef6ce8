#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "s3.h"

enum { TIMEOUT_MS = 30000, PART_BYTES = 8 << 20, PART_BYTES_MIN = 5 << 20, PART_BYTES_MAX = 512 << 20, RETRIES = 4 };

/* --- Opening ---------------------------------------------------------------------------------------------------------------- */

static bool plain(const char *s, const char *also, size_t min, size_t max)
{
	size_t n = strnlen(s, max + 1);
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9') && !strchr(also, s[i]))
			return false;
	return n >= min && n <= max;
}

static enum err_code take_names(struct s3_store *s, const struct blob_s3_options *o, struct err *e)
{
	char origin[300];
	const char *prefix = o->prefix ? o->prefix : "";
	size_t n = strlen(prefix);
	if (!o->endpoint || !net_url_same_origin(o->endpoint, o->endpoint))
		return err_set(e, ERR_USAGE, 0, "the endpoint of S3 must be http://HOST[:PORT] or https://HOST[:PORT]");
	net_url_origin(o->endpoint, origin, sizeof(origin));
	/* Host names in the signature must be as they go out. */
	for (char *c = origin; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 32) : *c;
	struct slice path = slice_from(slice_str(strstr(o->endpoint, "://")), 3);
	ptrdiff_t slash = slice_find_byte(path, '/');
	if (slash >= 0 && (size_t)slash + 1 != path.n)
		return err_set(e, ERR_USAGE, 0, "the endpoint of S3 has no path: give the bucket as `bucket`");
	if (!o->bucket || !plain(o->bucket, ".-_", 3, 63) || strstr(o->bucket, ".."))
		return err_set(e, ERR_USAGE, 0, "'%.70s' is no name of a bucket", o->bucket ? o->bucket : "");
	if (!plain(prefix, "._-/", 0, S3_PREFIX_MAX) || prefix[0] == '/' || strstr(prefix, "//") || strstr(prefix, ".."))
		return err_set(e, ERR_USAGE, 0, "the prefix in the bucket may have letters, digits and ._-/ and does not begin with a slash");
	if (o->region && !plain(o->region, "-_", 1, 64))
		return err_set(e, ERR_USAGE, 0, "'%.70s' is no region of S3", o->region);
	s->origin = arena_strdup(&s->arena, origin);
	s->host = s->origin ? strstr(s->origin, "://") + 3 : "";
	s->https = !strncmp(origin, "https:", 6);
	s->bucket = arena_strdup(&s->arena, o->bucket);
	s->region = arena_strdup(&s->arena, o->region ? o->region : "us-east-1");
	s->prefix = (const char *)arena_printf(&s->arena, "%s%s", prefix, n && prefix[n - 1] != '/' ? "/" : "").p;
	return arena_ok(&s->arena, "open S3", e);
}

static enum err_code nothing(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e)
{
	(void)arg, (void)name, (void)size, (void)modified_s, (void)e;
	return OK;
}

static enum err_code open_all(struct s3_store *s, const struct blob_s3_options *o, const char *spool_dir, struct err *e)
{
	s->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	s->part_bytes = o->part_bytes ? MIN(MAX(o->part_bytes, (uint64_t)PART_BYTES_MIN), (uint64_t)PART_BYTES_MAX) : PART_BYTES;
	s->copy_max = UINT64_C(5) << 30;
	s->copy_part = UINT64_C(512) << 20;
	TRY(take_names(s, o, e));
	TRY(s3_credentials_find(o, &s->arena, &s->cred, e));
	s->spool_dir = arena_strdup(&s->arena, spool_dir);
	TRY(arena_ok(&s->arena, "open S3", e));
	TRY(os_mkdirs(spool_dir, 0700, e));
	TRY(net_client_open(&(struct net_options){ .ca_file = o->ca_file, .timeout_ms = s->timeout_ms, .retries = RETRIES,
				.keep_on_signal = true }, &s->net, e));
	/* One small question, so that a wrong bucket or key is found now and not at the first push. */
	if (s3_list(s, "blobs/", 1, nothing, NULL, e))
		return err_prefix(e, "bucket '%s'", s->bucket);
	return OK;
}

enum err_code s3_open(const struct blob_s3_options *o, const char *spool_dir, struct s3_store **ret, struct err *e)
{
	struct s3_store *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "open S3");
	s->arena = ARENA(64 * KIB);
	enum err_code rc = open_all(s, o, spool_dir, e);
	if (rc) {
		s3_close(s);
		return rc == ERR_NOT_FOUND ? e->code = ERR_NET : rc;
	}
	*ret = s;
	return OK;
}

void s3_close(struct s3_store *s)
{
	if (!s)
		return;
	net_client_close(s->net);
	if (s->cred.secret_key)
		explicit_bzero((char *)s->cred.secret_key, strlen(s->cred.secret_key));
	arena_free(&s->arena);
	free(s);
}

/* --- Blobs ------------------------------------------------------------------------------------------------------------------ */

void s3_blob_key(const struct blob_name *n, char dst[S3_KEY_MAX])
{
	snprintf(dst, S3_KEY_MAX, "blobs/%s/%.*s", digest_name(n->algo), SLICE_ARG(n->hex));
}

static enum err_code missing(enum err_code rc, const struct blob_name *n, struct err *e)
{
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no blob %s:%.*s", digest_name(n->algo), SLICE_ARG(n->hex));
	return rc;
}

enum err_code s3_blob_stat(struct s3_store *s, const struct blob_name *n, uint64_t *ret_size, struct err *e)
{
	char key[S3_KEY_MAX];
	s3_blob_key(n, key);
	return missing(s3_size(s, key, ret_size, e), n, e);
}

enum err_code s3_blob_read(struct s3_store *s, const struct blob_name *n, uint64_t offset, uint64_t length,
				struct stream **ret, struct err *e)
{
	char key[S3_KEY_MAX];
	s3_blob_key(n, key);
	return missing(s3_stream(s, key, offset, length, ret, e), n, e);
}

enum err_code s3_blob_url(struct s3_store *s, const struct blob_name *n, unsigned seconds, struct buf *out, struct err *e)
{
	char key[S3_KEY_MAX], path[1024];
	struct timespec t;
	s3_blob_key(n, key);
	snprintf(path, sizeof(path), "/%s/%s%s", s->bucket, s->prefix, key);
	clock_gettime(CLOCK_REALTIME, &t);
	buf_printf(out, "%s%s?", s->origin, path);
	s3_sign_query(s, path, MIN(MAX(seconds, 1u), 60u), (uint64_t)t.tv_sec, out);
	return buf_ok(out, "an address in S3", e);
}

/* Deleting what is not there succeeds in S3: so it is asked for first. */
enum err_code s3_blob_remove(struct s3_store *s, const struct blob_name *n, struct err *e)
{
	char key[S3_KEY_MAX];
	uint64_t size;
	s3_blob_key(n, key);
	TRY(s3_blob_stat(s, n, &size, e));
	return s3_delete(s, key, e);
}

enum err_code s3_blob_quarantine(struct s3_store *s, const struct blob_name *n, struct err *e)
{
	char key[S3_KEY_MAX], aside[S3_KEY_MAX];
	uint64_t size;
	s3_blob_key(n, key);
	snprintf(aside, sizeof(aside), "quarantine/%s-%.*s", digest_name(n->algo), SLICE_ARG(n->hex));
	TRY(s3_blob_stat(s, n, &size, e));
	TRY(s3_copy(s, key, aside, size, e));
	return s3_delete(s, key, e);
}

/* --- Walks ------------------------------------------------------------------------------------------------------------------ */

struct walk {
	struct s3_store *s;
	blob_walk_fn *fn;
	void *arg;
	char id[BLOB_ID_BYTES];		/* the upload whose objects are being met */
	uint64_t size, when;
};

static enum err_code on_blob(void *arg, struct slice key, uint64_t size, uint64_t when, struct err *e)
{
	struct walk *w = arg;
	char digest[BLOB_DIGEST_MAX];
	struct blob_name n;
	struct err ignored = { 0 };
	struct slice rest = slice_from(key, 6), algo = slice_upto(rest, 6);	/* behind "blobs/" */
	snprintf(digest, sizeof(digest), "%.*s:%.*s", SLICE_ARG(algo), SLICE_ARG(slice_from(rest, 7)));
	if (rest.n > 7 && rest.n - 7 <= 128 && blob_name_parse(slice_str(digest), &n, &ignored) == OK)
		return w->fn(w->arg, slice_str(digest), size, when, e);
	return OK;
}

enum err_code s3_walk(struct s3_store *s, blob_walk_fn *fn, void *arg, struct err *e)
{
	struct walk w = { .s = s, .fn = fn, .arg = arg };
	return s3_list(s, "blobs/", 0, on_blob, &w, e);
}

static enum err_code report_upload(struct walk *w, struct err *e)
{
	return *w->id ? w->fn(w->arg, slice_str(w->id), w->size, w->when, e) : OK;
}

/* The objects of one upload follow each other. */
static enum err_code on_upload(void *arg, struct slice key, uint64_t size, uint64_t when, struct err *e)
{
	struct walk *w = arg;
	struct slice id = slice_sub(key, 8, BLOB_ID_HEX);	/* behind "uploads/" */
	if (!blob_is_hex(id, BLOB_ID_HEX))
		return OK;
	if (!slice_eqs(id, w->id)) {
		TRY(report_upload(w, e));
		snprintf(w->id, sizeof(w->id), "%.*s", SLICE_ARG(id));
		w->size = w->when = 0;
	}
	w->size += size;
	w->when = MAX(w->when, when);
	return OK;
}

static enum err_code found(void *arg, struct slice key, uint64_t size, uint64_t when, struct err *e)
{
	(void)key, (void)size, (void)when, (void)e;
	*(bool *)arg = true;
	return OK;
}

/* Those without any object, which the first walk could not meet. */
static enum err_code on_multipart(void *arg, struct slice key, const char *upload_id, uint64_t begun_s, struct err *e)
{
	struct walk *w = arg;
	char prefix[64];
	bool met = false;
	struct slice id = slice_sub(key, 8, BLOB_ID_HEX);
	(void)upload_id;
	if (!blob_is_hex(id, BLOB_ID_HEX) || slice_eqs(id, w->id))
		return OK;
	snprintf(w->id, sizeof(w->id), "%.*s", SLICE_ARG(id));
	snprintf(prefix, sizeof(prefix), "uploads/%s/", w->id);
	TRY(s3_list(w->s, prefix, 1, found, &met, e));
	return met ? OK : w->fn(w->arg, id, 0, begun_s, e);
}

enum err_code s3_walk_uploads(struct s3_store *s, blob_walk_fn *fn, void *arg, struct err *e)
{
	struct walk w = { .s = s, .fn = fn, .arg = arg };
	TRY(s3_list(s, "uploads/", 0, on_upload, &w, e));
	TRY(report_upload(&w, e));
	w.id[0] = 0;
	return s3_list_multipart(s, "uploads/", on_multipart, &w, e);
}
