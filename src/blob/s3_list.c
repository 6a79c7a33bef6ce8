/* Lists come in pages, each a bounded answer that is read whole. */
#include <stdio.h>
#include "s3.h"

enum { TOKEN_MAX = 2048, LIST_PAGES_MAX = 1 << 20 };

/* "2026-11-22T22:48:15.24Z"; 0 when it is none. */
static uint64_t time_of(struct slice text)
{
	char plain[24];
	uint64_t s = 0;
	snprintf(plain, sizeof(plain), "%.19sZ", text.n >= 19 ? (const char *)text.p : "");
	return os_parse_time(slice_str(plain), &s) ? s : 0;
}

static void put_prefix(const struct s3_store *s, const char *prefix, struct buf *query)
{
	net_url_escape(query, slice_str(s->prefix));
	net_url_escape(query, slice_str(prefix));
}

/* A key behind the store's prefix; false for what is not below it. */
static bool own_key(const struct s3_store *s, struct slice raw, char dst[S3_KEY_MAX])
{
	char key[S3_KEY_MAX];
	size_t n = strlen(s->prefix);
	if (!s3_xml_text(raw, key, sizeof(key)) || strncmp(key, s->prefix, n) != 0)
		return false;
	memcpy(dst, key + n, strlen(key + n) + 1);
	return true;
}

/* An escaped value for the next page's query; false: there is none. */
static bool next_of(struct slice page, const char *name, char dst[TOKEN_MAX])
{
	char plain[TOKEN_MAX];
	AUTO_BUF escaped = BUF(TOKEN_MAX - 1);
	if (!slice_eqs(slice_trim(s3_xml_find(page, "IsTruncated")), "true") || !s3_xml_text(s3_xml_find(page, name), plain, sizeof(plain)) ||
	    !*plain)
		return false;
	net_url_escape(&escaped, slice_str(plain));
	snprintf(dst, TOKEN_MAX, "%s", buf_cstr(&escaped));
	return !escaped.failed;
}

/* --- Objects --------------------------------------------------------------------------------------------------------------- */

static enum err_code each_object(struct s3_store *s, struct slice page, blob_walk_fn *fn, void *arg, struct err *e)
{
	struct s3_element el;
	char key[S3_KEY_MAX];
	bool named = false;
	uint64_t size = 0, when = 0;
	while (s3_xml_next(&page, &el)) {
		if (slice_eqs(el.name, "Contents")) {
			named = false;
			size = when = 0;
		} else if (slice_eqs(el.name, "Key")) {
			named = own_key(s, el.text, key);
		} else if (slice_eqs(el.name, "Size")) {
			if (!slice_to_u64(el.text, &size))
				size = 0;
		} else if (slice_eqs(el.name, "LastModified")) {
			when = time_of(el.text);
		} else if (slice_eqs(el.name, "/Contents") && named) {
			TRY(fn(arg, slice_str(key), size, when, e));
		}
	}
	return OK;
}

enum err_code s3_list(struct s3_store *s, const char *prefix, unsigned max, blob_walk_fn *fn, void *arg, struct err *e)
{
	char token[TOKEN_MAX] = "";
	for (unsigned pages = 0; pages < LIST_PAGES_MAX; pages++) {
		AUTO_BUF query = BUF(8192);
		AUTO_ANSWER a = { 0 };
		if (*token)
			buf_printf(&query, "continuation-token=%s&", token);
		buf_printf(&query, "list-type=2&max-keys=%u&prefix=", max ? max : 1000);
		put_prefix(s, prefix, &query);
		TRY(s3_call(s, &(struct s3_request){ .query = buf_cstr(&query) }, &a, e));
		TRY(each_object(s, buf_slice(&a.body), fn, arg, e));
		if (max || !next_of(buf_slice(&a.body), "NextContinuationToken", token))
			return OK;
	}
	return err_set(e, ERR_LIMIT, 0, "S3 at %s lists without an end", s->host);
}

/* --- Multipart uploads ----------------------------------------------------------------------------------------------------- */

static enum err_code each_multipart(struct s3_store *s, struct slice page, s3_multipart_fn *fn, void *arg, struct err *e)
{
	struct s3_element el;
	char key[S3_KEY_MAX], id[S3_KEY_MAX];
	bool named = false;
	uint64_t when = 0;
	AUTO_BUF escaped = BUF(S3_KEY_MAX - 1);
	while (s3_xml_next(&page, &el)) {
		if (slice_eqs(el.name, "Upload")) {
			named = false;
			buf_clear(&escaped);
		} else if (slice_eqs(el.name, "Key")) {
			named = own_key(s, el.text, key);
		} else if (slice_eqs(el.name, "UploadId") && s3_xml_text(el.text, id, sizeof(id))) {
			buf_clear(&escaped);
			net_url_escape(&escaped, slice_str(id));
		} else if (slice_eqs(el.name, "Initiated")) {
			when = time_of(el.text);
		} else if (slice_eqs(el.name, "/Upload") && named && escaped.n && !escaped.failed) {
			TRY(fn(arg, slice_str(key), buf_cstr(&escaped), when, e));
		}
	}
	return OK;
}

enum err_code s3_list_multipart(struct s3_store *s, const char *prefix, s3_multipart_fn *fn, void *arg, struct err *e)
{
	char key[TOKEN_MAX] = "", id[TOKEN_MAX] = "";
	for (unsigned pages = 0; pages < LIST_PAGES_MAX; pages++) {
		AUTO_BUF query = BUF(8192);
		AUTO_ANSWER a = { 0 };
		if (*key)
			buf_printf(&query, "key-marker=%s&", key);
		buf_puts(&query, "max-uploads=1000&prefix=");
		put_prefix(s, prefix, &query);
		if (*id)
			buf_printf(&query, "&upload-id-marker=%s", id);
		buf_puts(&query, "&uploads=");
		enum err_code code = s3_call(s, &(struct s3_request){ .query = buf_cstr(&query) }, &a, e);
		/* rclone's word for a bucket without any; that the bucket is there was found out when the store was opened */
		if (code == ERR_NOT_FOUND)
			return OK;
		TRY(code);
		TRY(each_multipart(s, buf_slice(&a.body), fn, arg, e));
		if (!next_of(buf_slice(&a.body), "NextKeyMarker", key))
			return OK;
		if (!next_of(buf_slice(&a.body), "NextUploadIdMarker", id))
			*id = 0;
	}
	return err_set(e, ERR_LIMIT, 0, "S3 at %s lists without an end", s->host);
}

/* --- Parts
 * ------------------------------------------------------------------------------------------------------------------- */

struct parts { unsigned want, have; uint64_t bytes; };

/* The next of the parts 1..want, each once and in order. ETags stay escaped as they came: they go back into XML. */
static void each_part(struct slice page, struct parts *p, struct buf *out)
{
	struct s3_element el;
	uint64_t number = 0, size = 0;
	struct slice etag = SLICE_NULL;
	while (s3_xml_next(&page, &el)) {
		if (slice_eqs(el.name, "PartNumber")) {
			if (!slice_to_u64(el.text, &number))
				number = 0;
		} else if (slice_eqs(el.name, "Size")) {
			if (!slice_to_u64(el.text, &size))
				size = 0;
		} else if (slice_eqs(el.name, "ETag")) {
			etag = slice_trim(el.text);
		} else if (slice_eqs(el.name, "/Part") && number == p->have + 1 && number <= p->want && etag.n && etag.n < S3_ETAG_MAX) {
			p->have++;
			p->bytes += size;
			buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag></Part>", p->have, SLICE_ARG(etag));
		}
	}
}

enum err_code s3_list_parts(struct s3_store *s, const char *key, const char *upload_id, unsigned n, uint64_t bytes,
				struct buf *out,
			    struct err *e)
{
	struct parts p = { .want = n };
	while (p.have < n) {
		AUTO_BUF query = BUF(8192);
		AUTO_ANSWER a = { 0 };
		unsigned before = p.have;
		if (p.have)
			buf_printf(&query, "part-number-marker=%u&", p.have);
		buf_printf(&query, "uploadId=%s", upload_id);
		TRY(s3_call(s, &(struct s3_request){ .key = key, .query = buf_cstr(&query) }, &a, e));
		each_part(buf_slice(&a.body), &p, out);
		if (p.have == before)
			break;
	}
	TRY(buf_ok(out, "a list of parts", e));
	if (p.have != n || p.bytes != bytes)
		return err_set(e, ERR_NET, 0, "S3 at %s has %u parts with %llu bytes of an upload of %u with %llu", s->host, p.have,
			       (unsigned long long)p.bytes, n, (unsigned long long)bytes);
	return OK;
}
