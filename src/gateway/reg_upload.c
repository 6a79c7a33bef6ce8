/* Uploads: POST, PATCH, PUT, GET, DELETE. Bytes are hashed and written as they come: on the event thread when they are few and for a directory,
 * else on a pool thread. */
#include "registry.h"
#include "oci.h"

enum { CHUNK_MIN_SHARED = 5 << 20, LARGE_BODY = 4 << 20 };

struct upload {
	struct call *c;
	struct session *s;
	struct slice digest;		/* finishes with the body */
	bool finish, failed;
	bool alone;			/* begun by this request: nobody can go on with it */
	uint64_t start, want;		/* offset before; bytes the Content-Range speaks of, UINT64_MAX: none */
	struct err err;
};

static void fault(struct call *c, const struct err *e)
{
	if (e->code == ERR_NOT_FOUND || e->code == ERR_FORMAT)
		answer_error(c, 404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
	else if (e->code == ERR_CANCELLED)
		answer_error(c, 409, "BLOB_UPLOAD_INVALID", "%s", e->msg);
	else if (e->code == ERR_DIGEST)
		answer_error(c, 400, "DIGEST_INVALID", "%s", e->msg);
	else
		answer_fault(c, e);
}

static void progress_headers(struct call *c, const char *id, uint64_t offset)
{
	http_add_headerf(c->r, "Location", "/v2/%.*s/blobs/uploads/%s", SLICE_ARG(c->repository), id);
	http_add_headerf(c->r, "Range", "0-%llu", (unsigned long long)(offset ? offset - 1 : 0));
	http_add_header(c->r, "Docker-Upload-UUID", slice_str(id));
}

static void progress(struct call *c, int status, const char *id, uint64_t offset)
{
	progress_headers(c, id, offset);
	http_respond(c->r, status, NULL, SLICE_NULL);
}

static bool id_valid(struct slice id)
{
	uint8_t raw[16];
	return id.n == BLOB_ID_BYTES - 1 && hex_decode(id, raw, sizeof(raw), false);
}

/* --- Bytes ------------------------------------------------------------------------------------------------------------------------- */

static bool sink(struct http_request *r, void *arg, struct slice piece)
{
	struct upload *u = arg;
	(void)r;
	if (u->want != UINT64_MAX && blob_upload_offset(u->s->upload) - u->start + piece.n > u->want) {
		u->failed = true;
		(void)err_set(&u->err, ERR_USAGE, 0, "more bytes than Content-Range says");
		return false;
	}
	u->failed = blob_upload_append(u->s->upload, piece, &u->err) != OK;
	return !u->failed;
}

static void finish(struct upload *u)
{
	struct call *c = u->c;
	struct err e = { 0 };
	if (reg_quota(c, blob_upload_offset(u->s->upload), &e) != OK) {
		session_remove(c, u->s);
		if (e.code == ERR_LIMIT)
			answer_error(c, 403, "DENIED", "%s", e.msg);
		else
			answer_fault(c, &e);
		return;
	}
	if (session_finish(c, u->s, u->digest, &e) == OK)
		reg_blob_created(c, u->digest);
	else
		fault(c, &e);
}

static void body_done(struct http_request *r, void *arg, bool complete)
{
	struct upload *u = arg;
	struct call *c = u->c;
	struct err e = { 0 };
	(void)r;
	uint64_t offset = blob_upload_offset(u->s->upload);
	if (complete && !u->failed && u->want != UINT64_MAX && offset - u->start != u->want) {
		u->failed = true;
		(void)err_set(&u->err, ERR_USAGE, 0, "fewer bytes than Content-Range says");
	}
	if (complete && !u->failed && u->finish) {
		finish(u);
		return;
	}
	char id[BLOB_ID_BYTES];
	memcpy(id, u->s->id, sizeof(id));
	enum err_code code = OK;
	if (u->alone)
		session_remove(c, u->s);
	else
		code = session_return(c, u->s, &e);
	if (!complete)
		return;
	if (u->failed && u->err.code == ERR_USAGE)
		answer_error(c, 400, "SIZE_INVALID", "%s", u->err.msg);
	else if (u->failed)
		answer_fault(c, &u->err);
	else if (code != OK)
		fault(c, &e);
	else
		progress(c, 202, id, offset);
}

/* "100-199": what comes must begin where the upload stands. false: answered. */
static bool check_content_range(struct upload *u)
{
	struct call *c = u->c;
	struct slice range = http_header(c->r, "Content-Range");
	uint64_t first, last, length;
	u->want = UINT64_MAX;
	if (!range.n)
		return true;
	if (slice_has_prefix(range, SL("bytes ")))
		range = slice_from(range, 6);
	ptrdiff_t slash = slice_find_byte(range, '/'), dash = slice_find_byte(range, '-');
	if (slash >= 0)
		range = slice_upto(range, (size_t)slash);
	if (dash < 0 || !slice_to_u64(slice_upto(range, (size_t)dash), &first) || !slice_to_u64(slice_from(range, (size_t)dash + 1), &last) || last < first ||
	    last == UINT64_MAX) {
		answer_error(c, 400, "SIZE_INVALID", "Content-Range is not FIRST-LAST");
		return false;
	}
	if (http_body_length(c->r, &length) && length != last - first + 1) {
		answer_error(c, 400, "SIZE_INVALID", "Content-Range and Content-Length differ");
		return false;
	}
	u->want = last - first + 1;
	if (first == u->start)
		return true;
	progress_headers(c, u->s->id, u->start);
	answer_error(c, 416, "BLOB_UPLOAD_INVALID", "the upload has %llu bytes: this chunk is out of order", (unsigned long long)u->start);
	return false;
}

/* The session is ours; this is the event thread, or the first deferred step. */
static void take_bytes(struct upload *u)
{
	struct call *c = u->c;
	uint64_t most = c->g->config->max_blob_bytes ? c->g->config->max_blob_bytes : INT64_MAX;
	u->start = blob_upload_offset(u->s->upload);
	if (!check_content_range(u)) {
		if (u->alone)
			session_remove(c, u->s);
		else
			session_release(c, u->s);
		return;
	}
	/* A small body is written where it came in; a large one by a pool thread: while that hashes and writes (and perhaps waits for the disk), the event thread takes
	 * in more, and other connections are not kept waiting. */
	uint64_t length;
	bool large = !http_body_length(c->r, &length) || length >= LARGE_BODY;
	http_take_body(c->r, most - MIN(u->start, most), large || blob_is_shared(c->g->store.blobs), sink, body_done, u);
}

static void take_later(struct http_request *r, void *arg)
{
	struct upload *u = arg;
	struct err e = { 0 };
	(void)r;
	if (session_get(u->c, u->c->reference, &u->s, &e) == OK)
		take_bytes(u);
	else
		fault(u->c, &e);
}

static struct upload *new_upload(struct call *c)
{
	struct upload *u = arena_new(http_arena(c->r), struct upload);
	if (u)
		u->c = c;
	else
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
	return u;
}

/* For all that names an upload. NULL: answered. */
static struct upload *named_upload(struct call *c)
{
	if (!reg_may_write(c))
		return NULL;
	if (!id_valid(c->reference)) {
		answer_error(c, 404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
		return NULL;
	}
	return new_upload(c);
}

static void take_now_or_later(struct upload *u)
{
	u->s = session_try(u->c, u->c->reference);
	if (u->s)
		take_bytes(u);
	else
		http_defer(u->c->r, take_later, u);
}

void reg_upload_patch(struct call *c)
{
	struct upload *u = named_upload(c);
	if (u)
		take_now_or_later(u);
}

void reg_upload_put(struct call *c)
{
	struct slice digest;
	if (!http_query(c->r, "digest", &digest) || !oci_digest_valid(digest)) {
		answer_error(c, 400, "DIGEST_INVALID", "digest= is missing, or no sha256 or sha512 digest");
		return;
	}
	struct upload *u = named_upload(c);
	if (!u)
		return;
	u->finish = true;
	u->digest = digest;
	take_now_or_later(u);
}

/* --- Status, cancelling ------------------------------------------------------------------------------------------------------------- */

static void say_status(struct upload *u)
{
	uint64_t offset = blob_upload_offset(u->s->upload);
	char id[BLOB_ID_BYTES];
	memcpy(id, u->s->id, sizeof(id));
	session_release(u->c, u->s);
	progress(u->c, 204, id, offset);
}

static void status_later(struct http_request *r, void *arg)
{
	struct upload *u = arg;
	struct err e = { 0 };
	(void)r;
	if (session_get(u->c, u->c->reference, &u->s, &e) == OK)
		say_status(u);
	else
		fault(u->c, &e);
}

void reg_upload_get(struct call *c)
{
	struct upload *u = named_upload(c);
	if (!u)
		return;
	u->s = session_try(c, c->reference);
	if (u->s)
		say_status(u);
	else
		http_defer(c->r, status_later, u);
}

static void cancel(struct http_request *r, void *arg)
{
	struct upload *u = arg;
	struct err e = { 0 };
	if (session_get(u->c, u->c->reference, &u->s, &e) != OK) {
		fault(u->c, &e);
		return;
	}
	session_remove(u->c, u->s);
	http_respond(r, 204, NULL, SLICE_NULL);
}

void reg_upload_delete(struct call *c)
{
	struct upload *u = named_upload(c);
	if (u)
		http_defer(c->r, cancel, u);
}

/* --- POST ------------------------------------------------------------------------------------------------------------------------------ */

static bool has_body(struct call *c)
{
	uint64_t n;
	return http_body_length(c->r, &n) ? n > 0 : n == UINT64_MAX;
}

/* The whole blob in one request. Without a body this is taken for the beginning of an ordinary upload, unless it is the digest of nothing. */
static bool is_monolithic(struct call *c, struct slice digest)
{
	return has_body(c) || oci_digest_matches(digest, SL(""));
}

static void begun(struct upload *u)
{
	struct call *c = u->c;
	struct err e = { 0 };
	char id[BLOB_ID_BYTES];
	memcpy(id, u->s->id, sizeof(id));
	if (session_return(c, u->s, &e) != OK) {
		fault(c, &e);
		return;
	}
	if (blob_is_shared(c->g->store.blobs))
		http_add_headerf(c->r, "OCI-Chunk-Min-Length", "%d", CHUNK_MIN_SHARED);
	progress(c, 202, id, 0);
}

static int algorithm(struct call *c, struct slice digest)
{
	struct slice name;
	if (slice_has_prefix(digest, SL("sha512:")))
		return DIGEST_SHA512;
	return http_query(c->r, "digest-algorithm", &name) && slice_eqs(name, "sha512") ? DIGEST_SHA512 : DIGEST_SHA256;
}

static void begin(struct http_request *r, void *arg)
{
	struct upload *u = arg;
	struct call *c = u->c;
	struct slice mount, from = SL("");
	struct err e = { 0 };
	(void)r;
	if (http_query(c->r, "mount", &mount)) {
		bool has_from = http_query(c->r, "from", &from) && from.n;
		if (reg_mount(c, mount, from, has_from))
			return;
	}
	if (session_begin(c, algorithm(c, u->digest), &u->s, &e) != OK) {
		if (e.code == ERR_LIMIT) {
			http_add_header(c->r, "Retry-After", SL("10"));
			answer_error(c, 429, "TOOMANYREQUESTS", "%s", e.msg);
		} else {
			fault(c, &e);
		}
		return;
	}
	if (u->finish)
		take_bytes(u);
	else
		begun(u);
}

void reg_upload_post(struct call *c)
{
	struct slice digest;
	if (!reg_may_write(c))
		return;
	struct upload *u = new_upload(c);
	if (!u)
		return;
	if (http_query(c->r, "digest", &digest)) {
		if (!oci_digest_valid(digest)) {
			answer_error(c, 400, "DIGEST_INVALID", "no sha256 or sha512 digest");
			return;
		}
		u->digest = digest;
		u->finish = u->alone = is_monolithic(c, digest);
	}
	http_defer(c->r, begin, u);
}
