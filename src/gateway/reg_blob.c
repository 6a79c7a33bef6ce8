/* GET, HEAD of blobs. */
#include "registry.h"
#include "metrics.h"
#include "oci.h"
#include "os.h"
#include <unistd.h>

enum { OWN_S = 3600 };

struct blob_get {
	struct call *c;
	struct gate_answer answer;
	uint64_t size, changes;
	bool admitted;
};

static const char *const absent = "no such blob in this repository";
static const char *const octets = "application/octet-stream";

/* How much of it, with the headers that say so. 416 is answered here. */
static bool choose_range(struct call *c, uint64_t size, int *ret_status, uint64_t *ret_offset, uint64_t *ret_length)
{
	struct slice range = http_header(c->r, "Range"), only_if = http_header(c->r, "If-Range");
	bool other = only_if.n && !(only_if.n == c->reference.n + 2 && slice_eq(slice_sub(only_if, 1, c->reference.n), c->reference));
	*ret_status = reg_range(other ? SLICE_NULL : range, size, ret_offset, ret_length);
	if (*ret_status == 416) {
		http_add_headerf(c->r, "Content-Range", "bytes */%llu", (unsigned long long)size);
		answer_error(c, 416, "SIZE_INVALID", "the blob has %llu bytes", (unsigned long long)size);
		return false;
	}
	if (*ret_status == 206)
		http_add_headerf(c->r, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)*ret_offset,
				 (unsigned long long)(*ret_offset + *ret_length - 1), (unsigned long long)size);
	return true;
}

static void head_answer(struct call *c, uint64_t size)
{
	http_add_header(c->r, "Accept-Ranges", SL("bytes"));
	http_respond_head(c->r, 200, octets, size);
}

static bool is_head(const struct call *c) { return slice_eqs(http_method(c->r), "HEAD"); }

static void send_fd(struct call *c, int fd, uint64_t size)
{
	uint64_t offset, length;
	int status;
	if (!choose_range(c, size, &status, &offset, &length)) {
		fd_close(&fd);
		return;
	}
	http_add_header(c->r, "Accept-Ranges", SL("bytes"));
	http_respond_fd(c->r, status, octets, fd, false, offset, length);
}

/* A store that is not this node's: through here, or by a pre-signed address (GATE.md 19). */
static void send_remote(struct blob_get *q)
{
	struct call *c = q->c;
	struct err e = { 0 };
	struct stream *s;
	uint64_t offset, length;
	int status;
	AUTO_BUF url = BUF(8192);
	if (c->g->config->s3_redirect && q->admitted && blob_url(c->g->store.blobs, c->reference, 60, &url, &e) == OK) {
		http_add_header(c->r, "Location", buf_slice(&url));
		http_respond(c->r, 307, NULL, SLICE_NULL);
		return;
	}
	if (!choose_range(c, q->size, &status, &offset, &length))
		return;
	http_add_header(c->r, "Accept-Ranges", SL("bytes"));
	if (!length)
		http_respond(c->r, status, octets, SLICE_NULL);
	else if (blob_read(c->g->store.blobs, c->reference, offset, length, &s, &e) == OK)
		http_respond_stream(c->r, status, octets, s, length);
	else
		answer_fault(c, &e);
}

static void give(struct blob_get *q)
{
	struct call *c = q->c;
	struct err e = { 0 };
	uint64_t size;
	int fd;
	c->outcome = "admitted";
	reg_digest_headers(c, c->reference);
	if (reg_not_modified(c, c->reference))
		return;
	if (is_head(c)) {
		head_answer(c, q->size);
		return;
	}
	if ((fd = mem_fd_get(c->g->registry->fds, c->reference)) >= 0) {
		send_fd(c, fd, q->size);
		return;
	}
	enum err_code code = blob_open_fd(c->g->store.blobs, c->reference, &fd, &size, &e);
	if (code == ERR_UNSUPPORTED) {
		send_remote(q);
	} else if (code != OK) {
		answer_fault(c, &e);
	} else {
		mem_fd_put(c->g->registry->fds, c->reference, fd);
		send_fd(c, fd, size);
	}
}

/* Whoever pushes asks with HEAD what it need not upload: what is said to be here must stay here. */
static bool may_push(const struct call *c) { return access_may(&c->who, ACCESS_PUSH, c->repository); }

static bool own_head(struct blob_get *q)
{
	struct err e = { 0 };
	bool own;
	return is_head(q->c) && reg_blob_own(q->c, q->c->reference, os_now_s() - OWN_S, &own, &q->size, &e) == OK && own;
}

static void ask(struct http_request *r, void *arg)
{
	struct blob_get *q = arg;
	struct call *c = q->c;
	struct err e = { 0 };
	(void)r;
	q->answer = (struct gate_answer){ 0 };
	q->changes = atomic_load(&c->g->changes);
	if (gate_blob(c, c->reference, &q->answer, &q->size, &e) != OK) {
		answer_fault(c, &e);
		return;
	}
	/* HEAD also says yes to who uploaded it: nothing to be remembered for others */
	q->admitted = q->answer.result == GATE_YES && !q->answer.warning[0] && !q->answer.own && !is_head(c);
	if (q->admitted)
		gate_blob_remember(c, c->reference, q->size, q->changes);
	if (q->answer.result == GATE_YES || own_head(q)) {
		if (is_head(c) && may_push(c))
			reg_blob_renew(c, c->reference);
		if (q->answer.warning[0])
			answer_warning(c, "%s", q->answer.warning);
		give(q);
		return;
	}
	uint64_t left = reg_wait_left_ms(c);
	if (q->answer.result == GATE_WAIT && left && !http_stopping(c->r) && gate_wait(c, q->changes, left, ask, q))
		return;
	reg_gate_answer(c, &q->answer, "BLOB_UNKNOWN", absent);
}

static void open_known(struct http_request *r, void *arg)
{
	(void)r;
	give(arg);
}

void reg_blob_get(struct call *c)
{
	uint64_t size = 0;
	int fd = -1;
	if (!oci_digest_valid(c->reference)) {
		answer_error(c, 400, "DIGEST_INVALID", "no digest looks like this");
		return;
	}
	bool known = !(is_head(c) && may_push(c)) && gate_blob_known(c, c->reference, &size);
	metrics_count(c->g, known ? METRIC_BLOB_HITS : METRIC_BLOB_MISSES, 1);
	if (known && (is_head(c) || (fd = mem_fd_get(c->g->registry->fds, c->reference)) >= 0)) {
		c->outcome = "admitted";
		reg_digest_headers(c, c->reference);
		if (is_head(c))
			head_answer(c, size);
		else if (reg_not_modified(c, c->reference))
			close(fd);
		else
			send_fd(c, fd, size);
		return;
	}
	struct blob_get *q = arena_new(http_arena(c->r), struct blob_get);
	if (!q) {
		answer_fault(c, &(struct err){ .code = ERR_NOMEM, .msg = "a request's memory is used up" });
		return;
	}
	*q = (struct blob_get){ .c = c, .size = size, .admitted = known };
	http_defer(c->r, known ? open_known : ask, q);
}
