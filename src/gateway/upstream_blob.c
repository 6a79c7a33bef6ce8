/* Blobs from upstream as streams: taken up again where they broke, never longer than the manifest says, never slower than a crawl. */
#include <stdlib.h>
#include "oci.h"
#include "upstream_inside.h"

enum { BLOB_WAIT_MS = 60000, MOST_REOPENS = 5, WINDOW_MS = 60000, WINDOW_BYTES = 64 << 10 };

struct blob_stream {
	struct stream s;
	struct gateway *g;
	struct upstream_one *one;
	struct stream *below;
	char name[260], digest[160];
	uint64_t size, at;
	unsigned reopens;
	uint64_t waited_ns, window_at;		/* time spent in reading since `at` was window_at */
	struct err failed;			/* sticky */
};

static enum err_code open_at(struct blob_stream *b, struct err *e)
{
	char path[200];
	struct oci_answer a;
	struct oci_registry_request q = { .repository = slice_str(b->name), .offset = b->at };
	snprintf(path, sizeof(path), "blobs/%s", b->digest);
	q.rest = slice_str(path);
	TRY(oci_registry_ask(b->one->registry, &q, &a, &b->below, e));
	if (a.length == UINT64_MAX || a.length == b->size)
		return OK;
	stream_close(b->below);
	b->below = NULL;
	return err_set(e, ERR_FORMAT, 0, "%s sends %llu bytes for blob %s, which has %llu", b->one->name, (unsigned long long)a.length, b->digest,
		       (unsigned long long)b->size);
}

/* A token may have run out since: net's own resumption does not know about tokens. */
static enum err_code read_some(struct blob_stream *b, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	for (;;) {
		enum err_code rc = b->below ? stream_read(b->below, dst, cap, ret_n, e) : open_at(b, e);
		if (!rc && b->below && (*ret_n || b->at == b->size))
			return OK;
		if (!rc && !b->below)
			continue;
		if (!rc && !*ret_n)
			rc = err_set(e, ERR_NET, 0, "%s ends blob %s after %llu of %llu bytes", b->one->name, b->digest, (unsigned long long)b->at,
				     (unsigned long long)b->size);
		if ((rc != ERR_NET && rc != ERR_TIMEOUT) || e->sys || ++b->reopens > MOST_REOPENS || os_cancelled())
			return rc;
		stream_close(b->below);
		b->below = NULL;
		struct err why = *e;
		if (open_at(b, e)) {
			*e = why;
			return rc;
		}
	}
}

static enum err_code crawl(struct blob_stream *b, uint64_t took_ns, struct err *e)
{
	b->waited_ns += took_ns;
	if (b->at - b->window_at >= WINDOW_BYTES) {
		b->window_at = b->at;
		b->waited_ns = 0;
	}
	if (b->waited_ns < WINDOW_MS * UINT64_C(1000000))
		return OK;
	return err_set(e, ERR_TIMEOUT, 0, "%s sends less than %d KiB a minute of blob %s", b->one->name, WINDOW_BYTES >> 10, b->digest);
}

static enum err_code from_upstream_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct blob_stream *b = (struct blob_stream *)s;
	uint8_t one;
	size_t n = 0;
	if (b->failed.code) {
		*e = b->failed;
		return e->code;
	}
	uint64_t start = os_monotonic_ns();
	enum err_code rc = b->at < b->size ? read_some(b, dst, (size_t)MIN((uint64_t)cap, b->size - b->at), &n, e) : OK;
	if (!rc && b->at == b->size && b->below && (rc = stream_read(b->below, &one, 1, &n, e)) == OK && n)
		rc = err_set(e, ERR_FORMAT, 0, "%s sends more than the %llu bytes that blob %s has", b->one->name, (unsigned long long)b->size, b->digest);
	if (!rc) {
		b->at += n;
		rc = crawl(b, os_monotonic_ns() - start, e);
	}
	if (rc) {
		b->failed = *e;
		return rc;
	}
	*ret_n = n;
	return OK;
}

static void from_upstream_close(struct stream *s)
{
	struct blob_stream *b = (struct blob_stream *)s;
	struct oci_answer a = { .status = b->at || !b->failed.code ? 200 : 0 };
	stream_close(b->below);
	upstream_end(b->g->upstreams, b->one, b->failed.code, &a, &b->failed);
	free(b);
}

static const struct stream_ops BLOB_OPS = { from_upstream_read, from_upstream_close };

enum err_code upstream_blob(struct gateway *g, struct slice repository, struct slice digest, uint64_t size, struct stream **ret, struct err *e)
{
	bool reserved;
	struct upstream_place p = { .g = g, .repository = repository };
	struct upstream_one *o;
	p.u = config_upstream_of(g->config, repository, &p.name, &reserved);
	TRY(upstream_allowed(&p, e));
	if (!oci_digest_valid(digest))
		return err_set(e, ERR_FORMAT, 0, "this is no digest");
	if (p.u->max_image_bytes && size > p.u->max_image_bytes)
		return err_set(e, ERR_UNSUPPORTED, 0, "the blob is larger than max_image_bytes allows for this upstream");
	TRY(upstream_one_get(g, p.u, &o, e));
	TRY(upstream_begin(g->upstreams, o, BLOB_WAIT_MS, e));
	struct blob_stream *b = calloc(1, sizeof(*b));
	enum err_code rc = b ? OK : err_set(e, ERR_NOMEM, 0, "open a blob");
	if (!rc) {
		*b = (struct blob_stream){ .s.ops = &BLOB_OPS, .g = g, .one = o, .size = size };
		snprintf(b->name, sizeof(b->name), "%.*s", SLICE_ARG(p.name));
		snprintf(b->digest, sizeof(b->digest), "%.*s", SLICE_ARG(digest));
		rc = open_at(b, e);
	}
	if (rc) {
		struct oci_answer a = { .status = rc == ERR_NET || rc == ERR_TIMEOUT ? 0 : 200 };
		upstream_end(g->upstreams, o, rc, &a, e);
		free(b);
		return rc;
	}
	atomic_fetch_add(&g->upstreams->blobs, 1);
	*ret = &b->s;
	return OK;
}
