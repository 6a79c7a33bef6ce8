#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
#include "proxy.h"
#include "transfer.h"

enum { POLL_MS = 100 };

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	headers_line(&t->head, slice_of(p, size * n));
	return t->head.too_large ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t bytes = size * n, drop = MIN(t->skip, (uint64_t)bytes);
	if (bytes - drop > NET_WINDOW - t->window.n) {
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	t->skip -= drop;
	t->progress_ns = os_monotonic_ns();
	return buf_put(&t->window, p + drop, bytes - drop) ? bytes : 0;
}

static void show_address(const struct curl_sockaddr *a, char *dst, size_t cap)
{
	const void *p = a->family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)&a->addr)->sin_addr
					     : (const void *)&((const struct sockaddr_in6 *)(const void *)&a->addr)->sin6_addr;
	if ((a->family != AF_INET && a->family != AF_INET6) || !inet_ntop(a->family, p, dst, (socklen_t)cap))
		snprintf(dst, cap, "(an address of family %d)", a->family);
}

/* The one place where addresses are judged: what is refused here is what would have been connected to. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transfer *t = arg;
	(void)purpose;
	if (!t->c->o.unix_socket && !t->proxied) {
		enum net_reach r = net_address_reach(&a->addr);
		if (r > t->allowed) {
			t->blocked = true;
			show_address(a, t->blocked_address, sizeof(t->blocked_address));
			return CURL_SOCKET_BAD;
		}
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void add_header(struct transfer *t, const char *name, const char *value)
{
	AUTO_BUF line = BUF(64 * KIB);
	buf_printf(&line, "%s: %s", name, value);
	struct curl_slist *more = t->c->lib.slist_append(t->list, buf_cstr(&line));
	if (more)
		t->list = more;
}

static void add_signed(void *to, const char *name, const char *value) { add_header(to, name, value); }

/* The body of a PUT; from any place, since a repetition begins anew. */
static size_t on_send(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t cap = size * n;
	t->progress_ns = os_monotonic_ns();
	cap = (size_t)MIN((uint64_t)cap, t->q.file->size - MIN(t->q.file->size, t->sent));
	ssize_t got = cap ? pread(t->q.file->fd, p, cap, (off_t)(t->q.file->offset + t->sent)) : 0;
	if (got < 0 || (cap && !got))
		return CURL_READFUNC_ABORT;
	t->sent += (uint64_t)got;
	return (size_t)got;
}

static int on_seek(void *arg, curl_off_t to, int origin)
{
	struct transfer *t = arg;
	if (origin != SEEK_SET || to < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sent = (uint64_t)to;
	return CURL_SEEKFUNC_OK;
}

static void set_headers(struct transfer *t)
{
	const struct net_request *q = &t->q;
	char range[64];
	uint64_t from = t->at;
	if (q->accept)
		add_header(t, "Accept", q->accept);
	if (q->authorization && net_url_same_origin(t->url, q->url))
		add_header(t, "Authorization", q->authorization);
	if (q->if_none_match)
		add_header(t, "If-None-Match", q->if_none_match);
	if (q->content_type)
		add_header(t, "Content-Type", q->content_type);
	if (q->sign && net_url_same_origin(t->url, q->url))
		q->sign(q->sign_arg, add_signed, t);
	if (!from && !q->end)
		return;
	int n = snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)from);
	if (q->end)
		snprintf(range + n, sizeof(range) - (size_t)n, "%llu", (unsigned long long)q->end - 1);
	add_header(t, "Range", range);
	struct slice etag = t->resumes ? headers_get(&t->final, "ETag") : slice_str(q->if_range);
	if (from && etag.n && etag.n < 512 && etag.p[0] == '"')
		add_header(t, "If-Range", (const char *)etag.p);
}

static void set_body(struct transfer *t)
{
	const struct curl_lib *l = &t->c->lib;
	const struct net_request *q = &t->q;
	CURL *h = t->conn.easy;
	t->sent = 0;
	if (!q->file) {
		if (q->method && !strcmp(q->method, "HEAD"))
			l->easy_setopt(h, CURLOPT_NOBODY, 1L);
		else if (q->method && strcmp(q->method, "GET")) {
			l->easy_setopt(h, CURLOPT_POST, 1L);
			l->easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
			l->easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
			l->easy_setopt(h, CURLOPT_POSTFIELDS, q->body.n ? (const char *)q->body.p : "");
		}
		return;
	}
	/* Not every server answers "Expect", and then each PUT would wait a second. */
	struct curl_slist *more = l->slist_append(t->list, "Expect:");
	if (more)
		t->list = more;
	l->easy_setopt(h, CURLOPT_UPLOAD, 1L);
	l->easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->file->size);
	l->easy_setopt(h, CURLOPT_READFUNCTION, on_send);
	l->easy_setopt(h, CURLOPT_READDATA, t);
	l->easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek);
	l->easy_setopt(h, CURLOPT_SEEKDATA, t);
}

static void set_tls(struct transfer *t)
{
	const struct net_options *o = &t->c->o;
	const struct curl_lib *l = &t->c->lib;
	CURL *h = t->conn.easy;
	if (o->insecure) {
		l->easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
		l->easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (o->ca_file)
		l->easy_setopt(h, CURLOPT_CAINFO, o->ca_file);
	/* The client's key speaks only to the host the person named. */
	if (o->client_cert && net_url_same_origin(t->url, t->q.url) && !t->q.endpoint) {
		l->easy_setopt(h, CURLOPT_SSLCERT, o->client_cert);
		if (o->client_key)
			l->easy_setopt(h, CURLOPT_SSLKEY, o->client_key);
	}
}

static void set_options(struct transfer *t, const char *proxy)
{
	const struct net_options *o = &t->c->o;
	const struct curl_lib *l = &t->c->lib;
	CURL *h = t->conn.easy;
	set_body(t);
	l->easy_setopt(h, CURLOPT_URL, t->url);
	l->easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	l->easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
	l->easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	l->easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	l->easy_setopt(h, CURLOPT_ERRORBUFFER, t->error);
	l->easy_setopt(h, CURLOPT_PROXY, proxy);
	l->easy_setopt(h, CURLOPT_USERAGENT, o->user_agent ? o->user_agent : "pabean");
	l->easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(o->timeout_ms, (uint64_t)600000));
	l->easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	l->easy_setopt(h, CURLOPT_HEADERDATA, t);
	l->easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	l->easy_setopt(h, CURLOPT_WRITEDATA, t);
	l->easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	l->easy_setopt(h, CURLOPT_OPENSOCKETDATA, t);
	l->easy_setopt(h, CURLOPT_HTTPHEADER, t->list);
	l->easy_setopt(h, CURLOPT_BUFFERSIZE, 262144L);
	if (o->unix_socket)
		l->easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket);
	set_tls(t);
}

/* Where a proxy connects is not seen here: what is literal, or resolves here, is judged before it is asked. A name that does not resolve here is the proxy's
 * business; one that the person wrote is looked up only when there is a limit. */
static enum err_code judge_behind_proxy(struct transfer *t, struct err *e)
{
	enum net_reach r = NET_REACH_PUBLIC;
	if (net_host_reach(t->hop.host, &r)) {
		if (t->first_hop)
			t->first_reach = r;
	} else if (t->allowed < NET_REACH_SPECIAL) {
		r = net_name_reach(t->hop.host);
	}
	if (r <= t->allowed)
		return OK;
	(void)!err_set(e, ERR_NET, 0, "a server leads to the %s address '%s', which is refused", net_reach_name(r),
		       text_escape_to((char[112]){ 0 }, 112, t->hop.host));
	e->sys = EACCES;
	return ERR_NET;
}

/* Kept connections are judged as new ones are: an idle connection could lead where this hop may not. */
static bool may_reuse(const struct transfer *t) { return t->first_hop && !t->q.endpoint; }

enum err_code transfer_start(struct transfer *t, struct err *e)
{
	TRY(url_parse(slice_str(t->url), &t->hop, e));
	const char *proxy = t->c->o.unix_socket ? "" : t->c->o.proxy ? t->c->o.proxy : proxy_for(&t->hop, (proxy_env_fn *)getenv);
	t->proxied = *proxy != 0;
	t->blocked = t->finished = t->paused = false;
	if (t->proxied)
		TRY(judge_behind_proxy(t, e));
	TRY(client_take(t->c, &t->conn, e));
	headers_reset(&t->head);
	set_headers(t);
	set_options(t, proxy);
	if (!may_reuse(t))
		t->c->lib.easy_setopt(t->conn.easy, CURLOPT_FRESH_CONNECT, 1L);
	t->progress_ns = os_monotonic_ns();
	t->error[0] = 0;
	if (t->c->lib.multi_add_handle(t->conn.multi, t->conn.easy) != CURLM_OK)
		return err_set(e, ERR_INTERNAL, 0, "libcurl does not take the request");
	t->active = true;
	return OK;
}

void transfer_note_reach(struct transfer *t)
{
	const char *ip = NULL;
	enum net_reach r;
	if (!t->first_hop || t->proxied || t->c->o.unix_socket || t->c->lib.easy_getinfo(t->conn.easy, CURLINFO_PRIMARY_IP, &ip) || !ip)
		return;
	if (net_host_reach(slice_str(ip), &r))
		t->first_reach = r;
}

void transfer_stop(struct transfer *t)
{
	if (t->conn.multi) {
		if (t->active)
			t->c->lib.multi_remove_handle(t->conn.multi, t->conn.easy);
		client_give(t->c, &t->conn, t->finished && t->result == CURLE_OK && may_reuse(t));
	}
	t->active = false;
	t->c->lib.slist_free_all(t->list);
	t->list = NULL;
}

static void take_result(struct transfer *t)
{
	int left;
	CURLMsg *m;
	while ((m = t->c->lib.multi_info_read(t->conn.multi, &left)))
		if (m->msg == CURLMSG_DONE) {
			t->finished = true;
			t->result = m->data.result;
		}
}

static enum err_code step(struct transfer *t, struct err *e)
{
	int running;
	if (os_cancelled() && !t->c->o.keep_on_signal)
		return err_set(e, ERR_CANCELLED, 0, "cancelled");
	if (t->c->lib.multi_perform(t->conn.multi, &running) != CURLM_OK)
		return err_set(e, ERR_INTERNAL, 0, "libcurl fails");
	take_result(t);
	return OK;
}

static bool too_late(struct transfer *t, bool for_head)
{
	uint64_t now = os_monotonic_ns(), patience_ms = t->q.timeout_ms ? t->q.timeout_ms : t->c->o.timeout_ms;
	if (now - t->progress_ns <= patience_ms * 1000000 && now <= t->whole_until_ns && (!for_head || now <= t->head_until_ns))
		return false;
	t->finished = true;
	t->result = CURLE_OPERATION_TIMEDOUT;
	return true;
}

enum err_code transfer_drive(struct transfer *t, bool for_head, struct err *e)
{
	size_t had = t->window.n;
	/* What the reader took its time over is not the server's delay. */
	t->progress_ns = os_monotonic_ns();
	if (t->paused && !for_head) {
		t->paused = false;
		t->c->lib.easy_pause(t->conn.easy, CURLPAUSE_CONT);
	}
	for (;;) {
		size_t head_bytes = t->head.bytes;
		TRY(step(t, e));
		if (t->head.bytes != head_bytes)
			t->progress_ns = os_monotonic_ns();
		if (t->finished || (for_head ? t->head.done : t->window.n > had && os_monotonic_ns() <= t->whole_until_ns))
			return OK;
		if (too_late(t, for_head))
			return OK;
		t->c->lib.multi_poll(t->conn.multi, NULL, 0, POLL_MS, NULL);
	}
}

enum err_code transfer_error(struct transfer *t, struct err *e)
{
	char origin[200];
	const char *detail = t->error[0] ? t->error : t->c->lib.easy_strerror(t->result);
	net_url_origin(t->url, origin, sizeof(origin));
	if (t->c->o.unix_socket)
		snprintf(origin, sizeof(origin), "%.190s", t->c->o.unix_socket);
	if (t->blocked) {
		(void)!err_set(e, ERR_NET, 0, "%s leads to the address %s, which servers may not lead to", origin, t->blocked_address);
		e->sys = EACCES;
		return ERR_NET;
	}
	if (t->head.too_large)
		return err_set(e, ERR_LIMIT, 0, "%s answers with more than %d headers or %d KiB of them", origin, NET_MAX_HEADERS,
			       NET_MAX_HEADER_BYTES >> 10);
	switch (t->result) {
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(e, ERR_TIMEOUT, 0, "%s did not answer in time", origin);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(e, ERR_AUTH, 0,
				"the certificate of %s is not trusted (%s); give its CA by --cert-dir, or use --tls-verify=false", origin,
			       ESC_SHORT(detail));
	default:
		return err_set(e, ERR_NET, 0, "%s: %s", origin, ESC_SHORT(detail));
	}
}
