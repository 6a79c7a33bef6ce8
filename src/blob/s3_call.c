#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "s3.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct call {
	struct s3_store *s;
	struct s3_signing signing;
	char path[1024];	/* "/bucket/prefix/key" */
	char payload[65];
	struct buf url;
};

static uint64_t real_now(void)
{
	/* Not os_now_s: SOURCE_DATE_EPOCH and --now have no say in what a server takes for a fresh signature. */
	return (uint64_t)time(NULL);
}

static void on_attempt(void *arg, net_header_add *add, void *to)
{
	struct call *c = arg;
	AUTO_BUF authorization = BUF(8192);
	char now[17];
	uint64_t now_s = real_now();
	s3_time(now_s, now);
	s3_sign_header(c->s, &c->signing, now_s, &authorization);
	add(to, "Authorization", buf_cstr(&authorization));
	add(to, "x-amz-date", now);
	add(to, "x-amz-content-sha256", c->signing.payload);
	if (c->signing.copy_source)
		add(to, "x-amz-copy-source", c->signing.copy_source);
	if (c->signing.copy_range)
		add(to, "x-amz-copy-source-range", c->signing.copy_range);
	if (c->s->cred.session_token)
		add(to, "x-amz-security-token", c->s->cred.session_token);
}

static enum err_code call_make(struct call *c, struct s3_store *s, const struct s3_request *q, struct net_request *ret,
				struct err *e)
{
	uint8_t hash[32];
	*c = (struct call){ .s = s, .url = BUF(16 << 10) };
	snprintf(c->path, sizeof(c->path), q->key ? "/%s/%s%s" : "/%s", s->bucket, s->prefix, q->key ? q->key : "");
	if (q->body.n && digest_of(DIGEST_SHA256, q->body, hash))
		hex_encode(c->payload, hash, sizeof(hash));
	else
		snprintf(c->payload, sizeof(c->payload), "%s", !q->file ? EMPTY_SHA256 : q->payload ? q->payload : "UNSIGNED-PAYLOAD");
	c->signing = (struct s3_signing){ q->method ? q->method : "GET", c->path, q->query ? q->query : "", c->payload, q->copy_source,
					  q->copy_range };
	buf_printf(&c->url, "%s%s%s%s", s->origin, c->path, q->query ? "?" : "", q->query ? q->query : "");
	TRY(buf_ok(&c->url, "an address in S3", e));
	*ret = (struct net_request){ .method = q->method, .url = buf_cstr(&c->url), .body = q->body, .file = q->file, .no_redirect = true,
		.offset = q->offset, .end = q->end, .timeout_ms = q->timeout_ms,
		/* A store that is gone should fail a request before its client has given up, with all repetitions. */
		.head_ms = q->file ? 0 : 3 * MAX(s->timeout_ms, q->timeout_ms), .retry_500 = true, .sign = on_attempt, .sign_arg = c,
		.content_type = q->body.n ? "application/xml" : "application/octet-stream" };
	return OK;
}

static enum err_code refuse(const struct call *c, int status, struct slice body, struct err *e)
{
	char code[80], message[120];
	text_escape_to(code, sizeof(code), s3_xml_find(body, "Code"));
	text_escape_to(message, sizeof(message), s3_xml_find(body, "Message"));
	enum err_code kind = status == 401 || status == 403 ? ERR_AUTH : status == 404 ? ERR_NOT_FOUND : ERR_NET;
	if (!strcmp(code, "NoSuchBucket"))
		kind = ERR_NET;
	return err_set(e, kind, 0, "S3 at %s answers %s with %d %s%s%.100s", c->s->host, c->signing.method, status, code, *message ? ": " : "",
		       message);
}

void s3_answer_free(struct s3_answer *a) { buf_free(&a->body); }

static enum err_code take_answer(struct call *c, const struct net_response *r, struct stream *in, struct s3_answer *ret,
				struct err *e)
{
	uint64_t n;
	struct slice etag = net_response_header(r, "ETag");
	bool head = !strcmp(c->signing.method, "HEAD");
	ret->status = r->status;
	ret->length = slice_to_u64(net_response_header(r, "Content-Length"), &n) ? n : UINT64_MAX;
	snprintf(ret->etag, sizeof(ret->etag), "%.*s", SLICE_ARG(etag));
	if (!head)
		TRY(stream_read_all(in, &ret->body, e));
	if (r->status >= 300 || r->status < 200)
		return refuse(c, r->status, buf_slice(&ret->body), e);
	/* Copies and completions may fail after the server has begun to answer. */
	struct slice rest = buf_slice(&ret->body);
	struct s3_element root;
	if (!head && s3_xml_next(&rest, &root) && slice_eqs(root.name, "Error"))
		return refuse(c, r->status, buf_slice(&ret->body), e);
	return OK;
}

enum err_code s3_call(struct s3_store *s, const struct s3_request *q, struct s3_answer *ret, struct err *e)
{
	struct call c;
	struct net_request nq;
	const struct net_response *r;
	struct stream *in = NULL;
	s3_answer_free(ret);
	*ret = (struct s3_answer){ .body = BUF(S3_PAGE_MAX) };
	enum err_code rc = call_make(&c, s, q, &nq, e);
	if (!rc)
		rc = net_open(s->net, &nq, &r, &in, e);
	if (!rc)
		rc = take_answer(&c, r, in, ret, e);
	stream_close(in);
	buf_free(&c.url);
	return rc;
}

/* --- A body as a stream ----------------------------------------------------------------------------------------------------- */

struct body_stream {
	struct stream s;
	struct call c;		/* each resumption signs anew */
	struct stream *in;
	uint64_t left;
};

static enum err_code body_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct body_stream *b = (struct body_stream *)s;
	*ret_n = 0;
	if (!b->in || !b->left)
		return OK;
	TRY(stream_read(b->in, dst, (size_t)MIN((uint64_t)cap, b->left), ret_n, e));
	b->left -= *ret_n;
	return OK;
}

static void body_close(struct stream *s)
{
	struct body_stream *b = (struct body_stream *)s;
	stream_close(b->in);
	buf_free(&b->c.url);
	free(b);
}

static const struct stream_ops BODY_OPS = { body_read, body_close };

static enum err_code body_open(struct body_stream *b, struct s3_store *s, const struct s3_request *q, struct err *e)
{
	struct net_request nq;
	const struct net_response *r;
	AUTO_BUF why = BUF(64 << 10);
	struct err ignored = { 0 };
	TRY(call_make(&b->c, s, q, &nq, e));
	TRY(net_open(s->net, &nq, &r, &b->in, e));
	if (r->status == 200 || r->status == 206)
		return OK;
	if (r->status != 416) {
		if (stream_read_all(b->in, &why, &ignored) != OK)
			buf_clear(&why);
		return refuse(&b->c, r->status, buf_slice(&why), e);
	}
	b->left = 0;	/* the range begins behind the end */
	return OK;
}

enum err_code s3_stream(struct s3_store *s, const char *key, uint64_t offset, uint64_t length, struct stream **ret, struct err *e)
{
	uint64_t end;
	struct s3_request q = { .key = key, .offset = offset };
	if (length != UINT64_MAX && add_ok(offset, length, &end))
		q.end = MAX(end, offset + 1);	/* no range is empty */
	struct body_stream *b = calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, ERR_NOMEM, 0, "read from S3");
	b->s.ops = &BODY_OPS;
	b->left = length;
	enum err_code rc = body_open(b, s, &q, e);
	if (rc) {
		body_close(&b->s);
		return rc;
	}
	*ret = &b->s;
	return OK;
}

enum err_code s3_fetch(struct s3_store *s, const char *key, int to, uint64_t *ret_bytes, struct err *e)
{
	AUTO_STREAM in = NULL;
	uint8_t block[32 << 10];
	uint64_t total = 0;
	TRY(s3_stream(s, key, 0, UINT64_MAX, &in, e));
	for (size_t n = 1; n; total += n) {
		TRY(stream_read(in, block, sizeof(block), &n, e));
		TRY(os_write_all(to, block, n, "bytes from S3", e));
	}
	if (ret_bytes)
		*ret_bytes = total;
	return OK;
}
