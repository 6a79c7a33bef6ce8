/* Opening, closing, counting. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "private.h"

enum { SPARE_FILES = 256 };

static void fill_defaults(struct httpd *h, const struct httpd_options *o)
{
	h->o = *o;
	h->o.listens = NULL;
	struct httpd_options *d = &h->o;
	d->event_threads = d->event_threads ? d->event_threads : MIN(os_cpu_count(), 4u);
	d->pool_threads = d->pool_threads ? d->pool_threads : 16;
	d->max_connections = d->max_connections ? d->max_connections : 8192;
	d->max_per_address = d->max_per_address ? d->max_per_address : 1024;
	d->idle_ms = d->idle_ms ? d->idle_ms : 60000;
	d->min_bytes_s = d->min_bytes_s ? d->min_bytes_s : 1024;
	d->grace_ms = d->grace_ms ? d->grace_ms : 10000;
	d->pool_queue = d->pool_queue ? d->pool_queue : POOL_QUEUE;
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur != RLIM_INFINITY)
		d->max_connections = MIN((rlim_t)d->max_connections, MAX(files.rlim_cur, (rlim_t)SPARE_FILES + 64) - SPARE_FILES);
	text_escape_to(h->server, sizeof(h->server), slice_str(o->server ? o->server : "pabean"));
	d->server = h->server;
}

static enum err_code start_daemon(struct listener *l, struct err *e)
{
	struct httpd *h = l->h;
	/* A pool of one is libmicrohttpd's plain single thread; a Unix socket needs no more. */
	unsigned threads = l->is_unix ? 1 : h->o.event_threads;
	struct MHD_OptionItem options[16] = {
		{ MHD_OPTION_LISTEN_SOCKET, l->fd, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_INCREMENT, 4096, NULL },
		/* A worker at its own share of the limit would stop listening: our limits are kept in httpd_on_accept. */
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)((h->o.max_connections + 64) * threads), NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)httpd_on_completed, l },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)httpd_on_connection, l },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)httpd_on_target, l },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)httpd_on_unescape, l },
		{ MHD_OPTION_THREAD_STACK_SIZE, 256 << 10, NULL },
	};
	unsigned n = 10;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
	if (threads > 1)
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL };
	if (l->tls) {
		flags |= MHD_USE_TLS;
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)httpd_tls_certificate };
		options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" };
		if (httpd_tls_trust(l->tls))
			options[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)(uintptr_t)httpd_tls_trust(l->tls) };
	}
	options[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
	l->daemon = httpd_mhd.MHD_start_daemon(flags, 0, httpd_on_accept, l, httpd_on_request, h, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	return l->daemon ? OK : err_set(e, ERR_INTERNAL, errno, "libmicrohttpd does not start a server");
}

static enum err_code open_listeners(struct httpd *h, const struct httpd_options *o, struct err *e)
{
	h->listeners = calloc(o->n_listens ? o->n_listens : 1, sizeof(*h->listeners));
	if (!h->listeners)
		return err_set(e, ERR_NOMEM, 0, "no memory for listeners");
	for (size_t i = 0; i < o->n_listens; i++) {
		struct listener *l = &h->listeners[i];
		*l = (struct listener){ .h = h, .index = i, .fd = -1 };
		h->n_listeners++;
		if (o->listens[i].tls_cert)
			TRY(httpd_tls_open(&o->listens[i], &l->tls, e));
		TRY(httpd_listen_open(l, &o->listens[i], e));
	}
	return OK;
}

static enum err_code start(struct httpd *h, const struct httpd_options *o, struct err *e)
{
	h->addresses = calloc(ADDRESS_SLOTS, sizeof(*h->addresses));
	if (!h->addresses)
		return err_set(e, ERR_NOMEM, 0, "no memory for a server");
	TRY(open_listeners(h, o, e));
	TRY(httpd_pool_start(h, e));
	TRY(httpd_watch_start(h, e));
	for (size_t i = 0; i < h->n_listeners; i++)
		TRY(start_daemon(&h->listeners[i], e));
	return OK;
}

enum err_code httpd_open(const struct httpd_options *o, const struct httpd_ops *ops, void *arg, struct httpd **ret, struct err *e)
{
	TRY(httpd_mhd_load(e));
	struct httpd *h = calloc(1, sizeof(*h));
	if (!h)
		return err_set(e, ERR_NOMEM, 0, "no memory for a server");
	h->ops = *ops;
	h->arg = arg;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&h->conns_lock, NULL);
	pthread_mutex_init(&h->spare_lock, NULL);
	pthread_mutex_init(&h->pool.lock, NULL);
	pthread_mutex_init(&h->wait_lock, NULL);
	pthread_mutex_init(&h->active_lock, NULL);
	pthread_cond_init(&h->pool.more, NULL);
	pthread_cond_init(&h->wait_changed, &monotonic);
	pthread_cond_init(&h->all_done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	fill_defaults(h, o);
	if (getrandom(&h->id_base, sizeof(h->id_base), 0) != sizeof(h->id_base))
		h->id_base = os_monotonic_ns();
	enum err_code code = start(h, o, e);
	if (code != OK) {
		httpd_close(h, 0);
		return code;
	}
	*ret = h;
	return OK;
}

/* True when no request is left within ms. */
static bool wait_for_requests(struct httpd *h, uint64_t ms)
{
	uint64_t end = os_monotonic_ns() + MIN(ms, (uint64_t)1 << 40) * 1000000;
	struct timespec t = { (time_t)(end / 1000000000), (long)(end % 1000000000) };
	pthread_mutex_lock(&h->active_lock);
	int timed_out = 0;
	while (atomic_load(&h->active) && !timed_out)
		timed_out = pthread_cond_timedwait(&h->all_done, &h->active_lock, &t);
	pthread_mutex_unlock(&h->active_lock);
	return !atomic_load(&h->active);
}

static void free_all(struct httpd *h)
{
	for (size_t i = 0; i < h->n_listeners; i++) {
		httpd_listen_close(&h->listeners[i]);
		httpd_tls_close(h->listeners[i].tls);
	}
	for (struct http_request *r = h->spare, *next; r; r = next) {
		next = r->next;
		arena_free(&r->arena);
		pthread_mutex_destroy(&r->lock);
		free(r);
	}
	pthread_mutex_destroy(&h->conns_lock);
	pthread_mutex_destroy(&h->spare_lock);
	pthread_mutex_destroy(&h->pool.lock);
	pthread_mutex_destroy(&h->wait_lock);
	pthread_mutex_destroy(&h->active_lock);
	pthread_cond_destroy(&h->pool.more);
	pthread_cond_destroy(&h->wait_changed);
	pthread_cond_destroy(&h->all_done);
	free(h->listeners);
	free(h->addresses);
	free(h->heap);
	free(h);
}

void httpd_close(struct httpd *h, uint64_t grace_ms)
{
	if (!h)
		return;
	atomic_store(&h->stopping, true);
	for (size_t i = 0; i < h->n_listeners; i++)
		if (h->listeners[i].daemon) {
			httpd_mhd.MHD_quiesce_daemon(h->listeners[i].daemon);
			httpd_listen_close(&h->listeners[i]);
		}
	httpd_wait_wake_all(h);
	if (!wait_for_requests(h, grace_ms)) {
		/* Callers' functions cannot be stopped: those that run are waited for, what they answer goes nowhere. */
		atomic_store(&h->aborting, true);
		while (!wait_for_requests(h, 200)) {
			httpd_wait_wake_all(h);
			httpd_drop_all(h);
		}
	}
	for (size_t i = 0; i < h->n_listeners; i++)
		if (h->listeners[i].daemon)
			httpd_mhd.MHD_stop_daemon(h->listeners[i].daemon);
	httpd_watch_stop(h);
	httpd_pool_stop(h);
	free_all(h);
}

uint16_t httpd_port(const struct httpd *h, size_t listen) { return listen < h->n_listeners ? h->listeners[listen].port : 0; }

enum err_code httpd_reload(struct httpd *h, struct err *e)
{
	for (size_t i = 0; i < h->n_listeners; i++)
		if (h->listeners[i].tls)
			TRY(httpd_tls_reload(h->listeners[i].tls, e));
	return OK;
}

void httpd_count(const struct httpd *h, struct httpd_counts *ret)
{
	struct httpd *m = (struct httpd *)(uintptr_t)h;	/* only its locks change */
	*ret = (struct httpd_counts){ .connections = atomic_load(&m->n_conns), .requests = atomic_load(&m->requests),
				      .dropped_slow = atomic_load(&m->dropped_slow), .refused_connections = atomic_load(&m->refused) };
	pthread_mutex_lock(&m->wait_lock);
	ret->waiting = m->n_heap;
	pthread_mutex_unlock(&m->wait_lock);
	pthread_mutex_lock(&m->pool.lock);
	ret->pool_queued = m->pool.queued;
	ret->pool_busy = m->pool.busy;
	pthread_mutex_unlock(&m->pool.lock);
}
