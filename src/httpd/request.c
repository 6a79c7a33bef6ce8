/* A request: made and put back, and what was asked. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "private.h"

static struct http_request *take_spare(struct httpd *h)
{
	pthread_mutex_lock(&h->spare_lock);
	struct http_request *r = h->spare;
	if (r) {
		h->spare = r->next;
		h->n_spare--;
	}
	pthread_mutex_unlock(&h->spare_lock);
	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->arena = ARENA(ARENA_BYTES);
	if (!arena_alloc(&r->arena, 0)) {
		free(r);
		return NULL;
	}
	r->start = arena_mark(&r->arena);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

/* A bijection, so that counting gives ids that do not repeat and do not tell how many there were. */
static uint64_t mix_id(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

struct http_request *httpd_request_new(struct conn *c)
{
	struct httpd *h = c->l->h;
	struct http_request *r = take_spare(h);
	if (!r)
		return NULL;
	r->h = h;
	r->c = c;
	r->m = c->m;
	atomic_fetch_add(&c->refs, 1);
	atomic_store(&r->refs, 1);
	r->target_copy = c->target;
	c->target = NULL;
	r->started_ns = os_monotonic_ns();
	r->id = mix_id(h->id_base + atomic_fetch_add_explicit(&h->next_id, 1, memory_order_relaxed));
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < 16; i++)
		r->id_text[i] = digits[r->id >> (60 - 4 * i) & 15];
	return r;
}

static void put_back(struct httpd *h, struct http_request *r)
{
	/* All but what lives on; the fields of the head count by n_fields and need no clearing. */
	memset(&r->target, 0, offsetof(struct http_request, head) - offsetof(struct http_request, target));
	memset((char *)r + offsetof(struct http_request, target_copy), 0, sizeof(*r) - offsetof(struct http_request, target_copy));
	arena_rewind(&r->arena, r->start);
	pthread_mutex_lock(&h->spare_lock);
	bool keep = h->n_spare < MAX_SPARE_REQUESTS;
	if (keep) {
		r->next = h->spare;
		h->spare = r;
		h->n_spare++;
	}
	pthread_mutex_unlock(&h->spare_lock);
	if (!keep) {
		arena_free(&r->arena);
		pthread_mutex_destroy(&r->lock);
		free(r);
	}
}

void httpd_request_unref(struct http_request *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	struct httpd *h = r->h;
	bool counted = r->counted;
	httpd_stream_release(r);
	httpd_body_release(r);
	if (counted)
		h->ops.done(h->arg, r, r->complete || r->bytes_out || r->raw_answered || r->step == STEP_SENDING ? r->answer.status : 0,
			    r->bytes_out, os_monotonic_ns() - r->started_ns, r->complete);
	httpd_answer_release(r);
	free(r->target_copy);
	httpd_conn_unref(r->c);
	put_back(h, r);
	if (!counted || atomic_fetch_sub(&h->active, 1) != 1 || !atomic_load(&h->stopping))
		return;
	pthread_mutex_lock(&h->active_lock);
	pthread_cond_broadcast(&h->all_done);
	pthread_mutex_unlock(&h->active_lock);
}

/* --- What was asked ------------------------------------------------------------------------------------------------- */

struct slice http_method(const struct http_request *r) { return r->head.method; }
struct slice http_path(const struct http_request *r) { return r->path; }
struct slice http_query_raw(const struct http_request *r) { return r->query; }
size_t http_listener(const struct http_request *r) { return r->c->l->index; }
const struct sockaddr *http_peer(const struct http_request *r) { return &r->c->peer.sa; }
bool http_is_tls(const struct http_request *r) { return r->c->l->tls; }
const char *http_id(const struct http_request *r) { return r->id_text; }
struct arena *http_arena(struct http_request *r) { return &r->arena; }
void **http_user(struct http_request *r) { return &r->user; }
bool http_stopping(const struct http_request *r) { return atomic_load(&r->h->stopping); }

static int hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static struct slice query_decode(struct arena *a, struct slice s)
{
	uint8_t *p = arena_alloc(a, s.n + 1);
	size_t n = 0;
	if (!p)
		return SLICE_NULL;
	for (size_t i = 0; i < s.n; i++) {
		int hi = s.p[i] == '%' && i + 2 < s.n ? hex_value(s.p[i + 1]) : -1, lo = hi >= 0 ? hex_value(s.p[i + 2]) : -1;
		if (lo >= 0) {
			p[n++] = (uint8_t)(hi << 4 | lo);
			i += 2;
		} else {
			p[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	return slice_of(p, n);
}

bool http_query(struct http_request *r, const char *name, struct slice *ret)
{
	struct slice rest = r->query, piece, want = slice_str(name);
	while (slice_next_piece(&rest, '&', &piece)) {
		ptrdiff_t eq = slice_find_byte(piece, '=');
		struct slice key = eq < 0 ? piece : slice_upto(piece, (size_t)eq);
		if (!slice_eq(key, want)) {	/* rarely is a name escaped */
			if (slice_find_byte(key, '%') < 0 && slice_find_byte(key, '+') < 0)
				continue;
			if (!slice_eq(query_decode(&r->arena, key), want))
				continue;
		}
		*ret = query_decode(&r->arena, eq < 0 ? SL("") : slice_from(piece, (size_t)eq + 1));
		return ret->p != NULL;
	}
	return false;
}

struct slice http_header(const struct http_request *r, const char *name)
{
	struct slice want = slice_str(name);
	for (unsigned i = 0; i < r->head.n_fields; i++)
		if (slice_eq_nocase(r->head.fields[i].name, want))
			return r->head.fields[i].value;
	return SLICE_NULL;
}

unsigned http_header_count(const struct http_request *r, const char *name)
{
	struct slice want = slice_str(name);
	unsigned n = 0;
	for (unsigned i = 0; i < r->head.n_fields; i++)
		n += slice_eq_nocase(r->head.fields[i].name, want);
	return n;
}

bool http_body_length(const struct http_request *r, uint64_t *ret)
{
	*ret = r->framing.chunked ? UINT64_MAX : r->framing.length;
	return r->framing.has_length;
}

char *http_peer_text(const struct http_request *r, char dst[64])
{
	const struct conn *c = r->c;
	if (c->peer.sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &c->peer.in.sin_addr, dst, 64);
	else if (c->peer.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&c->peer.in6.sin6_addr))
		inet_ntop(AF_INET, &c->peer.in6.sin6_addr.s6_addr[12], dst, 64);
	else if (c->peer.sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &c->peer.in6.sin6_addr, dst, 64);
	else
		snprintf(dst, 64, "unix");
	return dst;
}

bool http_peer_uid(const struct http_request *r, uint32_t *ret_uid)
{
	if (r->c->has_uid)
		*ret_uid = r->c->uid;
	return r->c->has_uid;
}

struct slice http_client_name(struct http_request *r) { return slice_str(r->c->name); }

/* --- Headers of the answer ------------------------------------------------------------------------------------------- */

void http_add_header(struct http_request *r, const char *name, struct slice value)
{
	if (r->n_headers == MAX_ANSWER_HEADERS || !httpd_is_token(slice_str(name)) || !value.n || !httpd_is_field_value(value))
		return;
	struct answer_header h = { arena_dup(&r->arena, slice_str(name)), arena_dup(&r->arena, value) };
	if (h.name.p && h.value.p)
		r->headers[r->n_headers++] = h;
}

void http_add_headerf(struct http_request *r, const char *name, const char *fmt, ...)
{
	AUTO_BUF b = BUF(8192);
	va_list ap;
	va_start(ap, fmt);
	bool ok = buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (ok)
		http_add_header(r, name, buf_slice(&b));
}
