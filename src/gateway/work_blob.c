/* The bytes of what is inspected: hashed, and kept, on their way. */
#include "work.h"
#include "os.h"
#include "store_keep.h"
#include "upstream.h"
#include <stdlib.h>

/* Checks the digest of what is read; with an upload the bytes go into the store, too. */
struct passing {
	struct stream stream;
	struct work *w;
	struct stream *below;
	struct digest *digest;		/* from the store */
	struct blob_upload *upload;	/* from upstream */
	char want[136];
	uint64_t size, done;
	bool ended;
	struct err failure;
};

static enum err_code finish(struct passing *p, struct err *e)
{
	uint64_t size;
	uint8_t raw[DIGEST_MAX_BYTES];
	char got[136] = { 0 };
	if (p->upload) {
		struct blob_upload *u = p->upload;
		p->upload = NULL;
		TRY(blob_upload_finish(u, slice_str(p->want), NULL, &size, e));
		return store_blob_settle(&p->w->g->store, p->w->job.repo_id, slice_str(p->want), size, SL(WORK_UPSTREAM_LINK), e);
	}
	bool sha512 = slice_has_prefix(slice_str(p->want), SL("sha512:"));
	digest_final(p->digest, raw);
	hex_encode(got, raw, digest_size(sha512 ? DIGEST_SHA512 : DIGEST_SHA256));
	if (strcmp(got, p->want + 7))
		return err_set(e, ERR_DIGEST, 0, "the blob %.19s in the store is damaged", p->want);
	return OK;
}

static enum err_code passing_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct passing *p = (struct passing *)s;
	if (p->failure.code != OK) {
		*e = p->failure;
		return e->code;
	}
	*ret_n = 0;
	if (p->ended)
		return OK;
	enum err_code code = OK;
	if (atomic_load(p->w->lost) || os_cancelled())
		code = err_set(e, ERR_CANCELLED, 0, "the job is not ours any more");
	if (code == OK)
		code = stream_read(p->below, dst, cap, ret_n, e);
	if (code == OK && *ret_n) {
		p->done += *ret_n;
		if (p->done > p->size)
			code = err_set(e, ERR_FORMAT, 0, "the blob %.19s has more bytes than the manifest says", p->want);
		else if (p->upload)
			code = blob_upload_append(p->upload, slice_of(dst, *ret_n), e);
		else
			digest_update(p->digest, slice_of(dst, *ret_n));
	} else if (code == OK) {
		p->ended = true;
		code = finish(p, e);
	}
	if (code != OK)
		p->failure = *e;
	return code;
}

static void passing_close(struct stream *s)
{
	struct passing *p = (struct passing *)s;
	struct err why;
	if (p->upload) {
		char id[BLOB_ID_BYTES];
		memcpy(id, blob_upload_id(p->upload), sizeof(id));
		blob_upload_close(p->upload);
		(void)!blob_upload_remove(p->w->g->store.blobs, id, SLICE_NULL, &why);	/* what stays is swept with old uploads */
	}
	stream_close(p->below);
	digest_close(p->digest);
	free(p);
}

/* here: proven for this repository. same: its upstream gave these bytes before, through another repository of it. */
struct visible { struct work *w; struct slice digest; uint64_t size; bool yes, here, same; };

/* A manifest of an upstream names digests as it likes. Bytes that came from elsewhere (a private push, another upstream) are not given out through it before that
 * upstream itself has sent them (ATTACKS.md 7): a digest alone opens nothing. */
static enum err_code proven(struct sql_tx *tx, struct visible *v, struct err *e)
{
	int64_t n;
	TRY(store_blob_linked(tx, v->w->job.repo_id, v->digest, SL(WORK_UPSTREAM_LINK), false, 0, &v->here, e));
	TRY(sql_one_int(tx, &n, e, "SELECT count(*) FROM (SELECT 1 FROM repo_blob l JOIN repo r ON r.id = l.repo_id WHERE l.digest = ?1 AND l.account = ?2 AND"
			" r.upstream = (SELECT upstream FROM repo WHERE id = ?3) LIMIT 1) AS found", "tzi", v->digest, WORK_UPSTREAM_LINK, v->w->job.repo_id));
	v->same = n > 0;
	return OK;
}

static enum err_code visible_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct visible *v = arg;
	struct err why = { 0 };		/* not there is no error: nobody is to find one in *e */
	enum err_code code = store_blob_size(tx, v->digest, &v->size, &why);
	v->yes = code == OK;
	v->here = v->same = !v->w->upstream;
	if (code == OK && v->w->upstream) {
		TRY(proven(tx, v, e));
		v->yes = v->here || v->same;
	}
	if (code == OK || code == ERR_NOT_FOUND)
		return OK;
	*e = why;
	return code;
}

static enum err_code open_below(struct work *w, struct passing *p, bool stored, struct err *e)
{
	static const struct stream_ops ops = { passing_read, passing_close };
	int algo = slice_has_prefix(slice_str(p->want), SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256;
	p->stream.ops = &ops;
	if (stored) {
		TRY(digest_open(algo, &p->digest, e));
		return blob_read(w->g->store.blobs, slice_str(p->want), 0, UINT64_MAX, &p->below, e);
	}
	if (!w->upstream)
		return err_set(e, ERR_NOT_FOUND, 0, "the blob %.19s is not in the store", p->want);
	TRY(upstream_blob(w->g, w->repository, slice_str(p->want), p->size, &p->below, e));
	return blob_upload_begin(w->g->store.blobs, algo, &p->upload, e);
}

enum err_code work_blob_open(struct work *w, struct slice digest, uint64_t size, struct stream **ret, struct err *e)
{
	struct visible v = { .w = w, .digest = digest };
	TRY(sql_read(w->g->store.sql, visible_tx, &v, e));
	struct passing *p = calloc(1, sizeof(*p));
	if (!p || digest.n >= sizeof(p->want)) {
		free(p);
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	memcpy(p->want, digest.p, digest.n);
	p->w = w;
	p->size = size;
	enum err_code code = open_below(w, p, v.yes, e);
	if (code != OK) {
		passing_close(&p->stream);
		return code;
	}
	*ret = &p->stream;
	return OK;
}

static enum err_code link_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct visible *v = arg;
	return store_blob_link(tx, v->w->job.repo_id, v->digest, SL(WORK_UPSTREAM_LINK), e);
}

/* The upstream had these bytes in another repository of its own: that it would give them out of this one, too, is enough. */
static enum err_code ask_for(struct work *w, struct visible *v, uint64_t size, struct err *e)
{
	AUTO_STREAM s = NULL;
	TRY(upstream_blob(w->g, w->repository, v->digest, size, &s, e));
	return sql_write(w->g->store.sql, link_tx, v, e);
}

enum err_code work_blob_ensure(struct work *w, struct slice digest, uint64_t size, struct err *e)
{
	enum { CHUNK = 256 << 10 };
	struct visible v = { .w = w, .digest = digest };
	size_t n;
	TRY(sql_read(w->g->store.sql, visible_tx, &v, e));
	if (v.yes && !v.here)
		return ask_for(w, &v, size, e);
	if (v.yes)
		return OK;
	AUTO_STREAM s = NULL;
	AUTO_BUF b = BUF(CHUNK);
	TRY(work_blob_open(w, digest, size, &s, e));
	if (!buf_reserve(&b, CHUNK))
		return buf_ok(&b, "a buffer", e);
	do
		TRY(stream_read(s, b.p, CHUNK, &n, e));
	while (n);
	return OK;
}
