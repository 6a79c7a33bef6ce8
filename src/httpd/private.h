/* What the files of this room share.
 *
 * Threads: libmicrohttpd's event threads (one listener's daemon each has its own), our pool threads, one watch thread (timers, slow clients).
 * A request belongs to its event thread until it is suspended, then to the one pool thread that runs its job, then, resumed, to the event thread
 * again; MHD_resume_connection's mutex orders these. What both touch at once (rings) is under the request's lock.
 * Locks, outermost first: request.lock, httpd.wait_lock, httpd.pool.lock; httpd.conns_lock and httpd.spare_lock stand alone. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <netinet/in.h>
#include "head.h"
#include "httpd.h"
#include "mhd_lib.h"
#include "os.h"

#define TLS_FN(name) (httpd_tls.gnutls_##name)

enum {
	MEMORY_PER_CONNECTION = 32 << 10,	/* libmicrohttpd's pool: half of it is the read buffer, which grows into the rest */
	ARENA_BYTES = 256 << 10,
	KEEP_OPEN_CONNECTIONS = 1024,		/* with more, answers close their connection, so that no memory is kept for idle ones */
	DRAIN_BYTES = 1 << 20,			/* of a body nobody wants, before the answer */
	LINGER_BYTES = 64 << 20,		/* and behind an answer that could not wait */
	BODY_BUFFER = 128 << 10, MAX_BODY_BUFFERS = 96,
	TEXT_FREE = 32 << 10, MAX_TEXT_BYTES = 48 << 20,	/* bodies kept in memory: all together, without the first bytes of each */
	RING_BYTES = 256 << 10, SMALL_RING_BYTES = 32 << 10, MAX_LARGE_RINGS = 48,
	FEED_BYTES = 64 << 10,
	MAX_SPARE_REQUESTS = 128, ADDRESS_SLOTS = 4096, POOL_QUEUE = 1024, MAX_ANSWER_HEADERS = 32,
};

struct generation;
struct tls_config;	/* tls.c */

struct listener {
	struct httpd *h;
	size_t index;
	struct MHD_Daemon *daemon;
	int fd;
	bool is_unix;
	char *unix_path;	/* to be removed at the end */
	uint16_t port;
	struct tls_config *tls;	/* NULL: plain */
};

/* What a connection is waiting for; read by the watch thread. */
enum phase { PHASE_IDLE, PHASE_APP, PHASE_BODY, PHASE_ANSWER };

struct conn {
	struct conn *prev, *next;	/* httpd.conns */
	struct listener *l;
	struct MHD_Connection *m;
	int fd;
	atomic_uint refs;		/* libmicrohttpd's and one a request */
	union { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; } peer;
	uint32_t uid;
	bool has_uid, name_known;
	struct generation *generation;	/* of the certificates its handshake got */
	char name[128];			/* client certificate's */
	uint64_t body_sent;		/* of answers that ended */
	char *target;			/* as sent, of the request whose head is being read: libmicrohttpd takes queries apart in place */
	bool target_too_long;
	/* event thread to watch thread */
	_Atomic uint32_t seq;		/* changes with each phase */
	_Atomic uint8_t phase;
	/* watch thread only */
	uint32_t seen_seq;
	bool receiving, left;
	uint64_t since_ns, since_bytes, last_bytes;
};

struct job {
	struct job *next;
	void (*run)(struct job *j);
};

enum step { STEP_NEW, STEP_NONE, STEP_ANSWER, STEP_DEFER, STEP_RUNNING, STEP_WAIT, STEP_BODY, STEP_SENDING };
enum answer_kind { ANSWER_BYTES, ANSWER_LENGTH, ANSWER_FD, ANSWER_STREAM, ANSWER_FEED };

struct answer_header { struct slice name, value; };
struct answer {
	enum answer_kind kind;
	int status;
	const char *content_type;
	struct slice body;
	void (*release)(void *);
	void *release_arg;
	int fd;
	bool close;			/* the connection, afterwards */
	uint64_t offset, length;
	struct stream *stream;
	http_feed_fn *feed;
	void *feed_arg;
	uint64_t feed_idle_ms;
};

/* A body on its way in. */
struct body_in {
	uint64_t max, taken, dropped, counted;
	http_sink_fn *sink;
	http_body_fn *fn;
	http_text_fn *text_fn;
	void *arg;
	struct buf text;
	bool blocks, off, crowded, ended, too_large, failed, final;
	/* blocks: the event thread fills one buffer while a pool thread drains the other */
	uint8_t *fill, *drain;
	size_t n_fill, n_drain, in_place, in_place_done;
	const uint8_t *in_place_p;
	bool draining, paused;
};

/* An answer on its way out: bytes made by a pool thread. */
struct body_out {
	uint8_t *ring;
	size_t cap, at, n;
	uint64_t left;			/* to be read from the stream; UINT64_MAX: until its end */
	bool large, busy, paused, eof, failed, started;
	struct buf text;		/* feed */
	size_t text_at;
};

struct http_request {
	struct http_request *next;	/* spare */
	struct httpd *h;
	struct conn *c;
	struct MHD_Connection *m;
	atomic_uint refs;		/* libmicrohttpd's and one a job */
	pthread_mutex_t lock;
	struct arena arena;
	struct arena_mark start;
	struct slice target, path, query;
	bool has_query, asked, first_passed, counted, gone, complete, head_only, raw_answered;
	enum step step;
	struct head_framing framing;
	struct head head;
	char *target_copy;
	uint64_t id, started_ns, bytes_out;
	char id_text[17];
	void *user;
	http_fn *fn;
	void *fn_arg;
	bool deferred_once;
	struct job job;			/* the one running or queued */
	/* waiting; under httpd.wait_lock */
	bool waiting, wake_pending;
	size_t heap_at;
	uint64_t deadline_ns;
	void (*on_wake)(struct http_request *r);
	uint64_t wait_ms;
	struct answer answer;
	struct answer_header headers[MAX_ANSWER_HEADERS];
	unsigned n_headers;
	struct body_in in;
	struct body_out out;
};

struct address_slot { uint8_t key[16]; unsigned count; };

struct httpd {
	struct httpd_ops ops;
	void *arg;
	struct httpd_options o;		/* with defaults filled in */
	char server[64];
	struct listener *listeners;
	size_t n_listeners;
	uint64_t id_base;
	atomic_uint_fast64_t next_id;
	atomic_bool stopping, aborting;

	pthread_mutex_t conns_lock;
	struct conn *conns;
	struct address_slot *addresses;
	atomic_uint n_conns;

	pthread_mutex_t spare_lock;
	struct http_request *spare;
	unsigned n_spare;

	struct { pthread_mutex_t lock; pthread_cond_t more; struct job *first, **last; unsigned queued, busy; bool stop; pthread_t *threads; unsigned n; } pool;

	pthread_mutex_t wait_lock;
	pthread_cond_t wait_changed;
	struct http_request **heap;
	size_t n_heap, heap_cap;
	bool watch_stop;
	pthread_t watch_thread;
	bool watch_started;

	pthread_mutex_t active_lock;
	pthread_cond_t all_done;
	atomic_uint active;		/* requests asked, not done */
	atomic_uint body_buffers, large_rings;
	atomic_uint_fast64_t text_bytes;
	atomic_uint_fast64_t requests, dropped_slow, refused;
};

/* conn.c */
enum MHD_Result httpd_on_accept(void *cls, const struct sockaddr *addr, socklen_t n);
void httpd_on_connection(void *cls, struct MHD_Connection *m, void **context, enum MHD_ConnectionNotificationCode code);
void httpd_conn_unref(struct conn *c);
static inline void httpd_phase(struct conn *c, enum phase p)
{
	atomic_store_explicit(&c->phase, (uint8_t)p, memory_order_relaxed);
	atomic_store_explicit(&c->seq, atomic_load_explicit(&c->seq, memory_order_relaxed) + 1, memory_order_release);
}

/* request.c */
struct http_request *httpd_request_new(struct conn *c);
void httpd_request_unref(struct http_request *r);

/* handler.c: what libmicrohttpd calls */
void *httpd_on_target(void *cls, const char *uri, struct MHD_Connection *m);
enum MHD_Result httpd_on_request(void *cls, struct MHD_Connection *m, const char *url, const char *method, const char *version, const char *data,
				 size_t *n, void **context);
void httpd_on_completed(void *cls, struct MHD_Connection *m, void **context, enum MHD_RequestTerminationCode code);
size_t httpd_on_unescape(void *cls, struct MHD_Connection *m, char *s);
void httpd_resume(struct http_request *r);	/* once a suspension, from any thread */
void httpd_suspend(struct http_request *r);	/* event thread */

/* answer.c */
void httpd_answer_now(struct http_request *r, int status, const char *text, bool close);
enum MHD_Result httpd_answer_queue(struct http_request *r);
bool httpd_answer_raw(struct http_request *r);	/* straight to the socket, in the middle of a body */
void httpd_answer_release(struct http_request *r);
const char *httpd_reason(int status);

/* body.c */
enum MHD_Result httpd_body_piece(struct http_request *r, const char *data, size_t *n);
void httpd_body_final(struct http_request *r);
void httpd_body_gone(struct http_request *r);
void httpd_body_release(struct http_request *r);

/* stream.c */
struct MHD_Response *httpd_stream_response(struct http_request *r);
struct MHD_Response *httpd_feed_response(struct http_request *r);
struct MHD_Response *httpd_file_response(struct http_request *r);	/* TLS */
void httpd_stream_gone(struct http_request *r);
void httpd_stream_release(struct http_request *r);

/* pool.c */
[[nodiscard]] enum err_code httpd_pool_start(struct httpd *h, struct err *e);
void httpd_pool_stop(struct httpd *h);
void httpd_pool_submit(struct http_request *r, void (*run)(struct job *j));	/* takes a reference, which the job gives back */
bool httpd_pool_is_full(struct httpd *h);
void httpd_run_deferred(struct job *j);
void httpd_after_fn(struct http_request *r);	/* on a pool thread, behind a caller's function */
static inline struct http_request *job_request(struct job *j) { return (struct http_request *)((char *)j - offsetof(struct http_request, job)); }

/* wait.c */
void httpd_wait_begin(struct http_request *r, uint64_t ms, void (*on_wake)(struct http_request *r));
uint64_t httpd_wait_run_due(struct httpd *h, uint64_t now_ns);	/* wait_lock held; the next deadline or UINT64_MAX */
void httpd_wait_wake_all(struct httpd *h);

/* watch.c */
[[nodiscard]] enum err_code httpd_watch_start(struct httpd *h, struct err *e);
void httpd_watch_stop(struct httpd *h);
void httpd_drop_all(struct httpd *h);

/* listen.c */
[[nodiscard]] enum err_code httpd_listen_open(struct listener *l, const struct httpd_listen *o, struct err *e);
void httpd_listen_close(struct listener *l);

/* tls.c */
[[nodiscard]] enum err_code httpd_tls_open(const struct httpd_listen *o, struct tls_config **ret, struct err *e);
[[nodiscard]] enum err_code httpd_tls_reload(struct tls_config *t, struct err *e);
void httpd_tls_poll(struct tls_config *t, uint64_t now_ns);	/* watch thread: reloads when the files changed */
void httpd_tls_close(struct tls_config *t);
const char *httpd_tls_trust(const struct tls_config *t);	/* PEM for libmicrohttpd, so that it asks for certificates; or NULL */
bool httpd_tls_required(const struct tls_config *t);
int httpd_tls_certificate(gnutls_session_t session, const gnutls_datum_t *req_ca, int n_req, const gnutls_pk_algorithm_t *pk, int n_pk,
			  gnutls_pcert_st **ret_certs, unsigned *ret_n, gnutls_privkey_t *ret_key);
void httpd_tls_ended(struct conn *c);
void httpd_tls_name(struct conn *c);	/* fills c->name once */
