/* The server process: opens everything, keeps its workers alive, stops in good order. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "audit.h"
#include "events.h"
#include "gate.h"
#include "inside.h"
#include "keep.h"
#include "metrics.h"
#include "pulls.h"
#include "os.h"
#include "upstream.h"

extern char **environ;

enum { MOST_WORKERS = 64, GRACE_MS = 30000, WORKER_GRACE_MS = 10000, TICK_MS = 250, MOST_LISTENS = 64 };

struct child { struct os_child process; int pipe; uint64_t started_ms, not_before_ms; unsigned failures; bool running; };
struct server {
	struct gateway g;
	struct child workers[MOST_WORKERS];
	unsigned n_workers, hangups;
	pthread_t keeper;
	bool keeper_runs;
	_Atomic bool stop;
	_Atomic bool reload;
};

/* --- Workers ----------------------------------------------------------------------------------------------------------------- */

/* The configuration as it is in force, options of the command line included, for the workers: an unnamed file. */
static enum err_code config_file(const struct gateway_config *c, int *ret_fd, struct err *e)
{
	AUTO_BUF text = BUF(4 * MIB);
	TRY(gateway_config_whole(c, &text, e));
	AUTO_FD fd = memfd_create("pabean-serve.yaml", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "make a file in memory");
	TRY(os_write_all(fd, text.p, text.n, "the workers' configuration", e));
	*ret_fd = fd_steal(&fd);
	return OK;
}

static enum err_code start_worker(struct server *s, struct child *w, struct err *e)
{
	const struct gateway_run *r = s->g.run;
	int ends[2];
	AUTO_FD config = -1;
	TRY(config_file(s->g.config, &config, e));
	if (pipe2(ends, O_CLOEXEC))
		return err_set(e, ERR_IO, errno, "make a pipe");
	const char *argv[] = { "pabean", "worker", "--config", "/proc/self/fd/3", "--parent-fd", "4", "--db", r->db_dir, "--cache-dir", r->cache_dir, NULL };
	int fds[] = { -1, STDERR_FILENO, STDERR_FILENO, config, ends[0] };
	enum err_code code = os_spawn(NULL, argv, (const char *const *)environ, fds, ARRAY_LEN(fds), &w->process, e);
	close(ends[0]);
	if (code != OK) {
		close(ends[1]);
		return code;
	}
	w->pipe = ends[1];
	w->running = true;
	w->started_ms = store_now_ms();
	return OK;
}

/* A worker that dies comes back, at once if it had run for a while, else ever later. Its job is given back when the lease ends. */
static void keep_workers(struct server *s)
{
	uint64_t now = store_now_ms();
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct child *w = &s->workers[i];
		struct err e = { 0 };
		int status;
		if (w->running && os_wait(&w->process, 0, &status, &e) == OK) {
			w->running = false;
			close(w->pipe);
			w->failures = now > w->started_ms + 60000 ? 0 : w->failures + 1;
			w->not_before_ms = now + (w->failures ? MIN(500u << MIN(w->failures, 7u), 60000u) : 0);
			gateway_log(&s->g, LOG_WARN, "a worker ended and is started again", "zizi", "status", (int64_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 0), "signal",
				    (int64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : 0));
		}
		if (!w->running && now >= w->not_before_ms && start_worker(s, w, &e) != OK) {
			w->not_before_ms = now + 5000;
			gateway_log(&s->g, LOG_ERROR, "a worker could not be started", "zz", "error", e.msg);
		}
	}
}

static void stop_workers(struct server *s)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		if (s->workers[i].running)
			close(s->workers[i].pipe);
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct child *w = &s->workers[i];
		struct err e;
		int status;
		if (w->running && os_wait(&w->process, WORKER_GRACE_MS, &status, &e) != OK)
			os_kill(&w->process);
		w->running = false;
	}
}

/* --- What happens beside requests ------------------------------------------------------------------------------------------------ */

static void on_change(void *arg, bool announced, bool alive)
{
	struct server *s = arg;
	struct err e = { 0 };
	atomic_store(&s->g.store_alive, alive);
	if (!alive)
		return;
	atomic_store(&s->g.store_seen_ms, store_now_ms());
	if (announced)
		atomic_fetch_add(&s->g.changes, 1);
	if (gate_refresh(&s->g, atomic_exchange(&s->reload, false), &e) != OK)
		gateway_log(&s->g, LOG_ERROR, "policies or data to judge by could not be read; the old ones stay in force", "zz", "error", e.msg);
	if (announced) {
		gate_changed(&s->g);
		events_changed(&s->g);
	}
}

static void *keeper_main(void *arg)
{
	struct server *s = arg;
	struct gateway *g = &s->g;
	for (uint64_t tick = 0; !atomic_load(&s->stop); tick++) {
		struct err e = { 0 };
		if (tick % (5000 / TICK_MS) == 0 && gateway_node_beat(g, &e) != OK)
			gateway_log(g, LOG_WARN, "the database could not be written", "zz", "error", e.msg);
		if (tick % (60000 / TICK_MS) == 4 && access_trouble(g->access, &e))
			gateway_log(g, LOG_ERROR, "accounts could not be read; those read before stay in force", "zz", "error", e.msg);
		if (gate_sweep(g, &s->stop, &e) != OK)
			gateway_log(g, LOG_WARN, "verdicts could not be judged again; tried once more soon", "zz", "error", e.msg);
		if (tick % (1000 / TICK_MS) == 0 && audit_step(g->audit, &e) != OK)
			gateway_log(g, LOG_ERROR, "the audit log's copy could not be written", "zz", "error", e.msg);
		if (tick % (1000 / TICK_MS) == 0 && pulls_flush(g, g->pulls, &e) != OK)
			gateway_log(g, LOG_WARN, "who pulled could not be written", "zz", "error", e.msg);
		if (tick % (2000 / TICK_MS) == 0) {
			upstream_poll(g);
			gate_quarantine_count(g);
		}
		keep_tick(g, &s->stop);
		poll(NULL, 0, TICK_MS);
	}
	return NULL;
}

/* --- Opening ------------------------------------------------------------------------------------------------------------------------ */

static const char *text(struct gateway *g, struct slice s) { return s.n ? arena_slice_cstr(&g->arena, s) : NULL; }

static enum err_code open_access(struct gateway *g, struct err *e)
{
	const struct gateway_config *c = g->config;
	const char **from = arena_calloc(&g->arena, c->anonymous_from.n + 1, sizeof(*from));
	for (size_t i = 0; from && i < c->anonymous_from.n; i++)
		from[i] = text(g, c->anonymous_from.items[i]);
	struct slice url = c->public_url;
	ptrdiff_t at = slice_find(url, SL("://"));
	struct access_options o = { .db = g->store.sql, .accounts_file = text(g, c->accounts_file), .htpasswd_file = text(g, c->htpasswd_file),
				    .anonymous = c->anonymous, .anonymous_from = from, .n_anonymous_from = c->anonymous_from.n,
				    .service = text(g, at >= 0 ? slice_from(url, (size_t)at + 3) : url) };
	TRY(arena_ok(&g->arena, "the configuration", e));
	return access_open(&o, &g->access, e);
}

static enum err_code open_httpd(struct gateway *g, struct err *e)
{
	static const struct httpd_ops ops = { route_request, route_done };
	const struct gateway_config *c = g->config;
	struct httpd_listen listens[MOST_LISTENS] = { 0 };
	size_t n = 0;
	for (; n < c->n_listens && n + 1 < MOST_LISTENS; n++) {
		const struct config_listen *l = &c->listens[n];
		listens[n] = (struct httpd_listen){ .address = text(g, l->address), .fd = n < g->run->n_listen_fds ? g->run->listen_fds[n] : 0,
						    .tls_cert = text(g, l->tls_cert), .tls_key = text(g, l->tls_key), .client_ca = text(g, l->client_ca),
						    .client_required = l->client_required };
	}
	struct slice socket = arena_printf(&g->arena, "unix:%.*s/pabean.sock", SLICE_ARG(c->state));
	listens[n++] = (struct httpd_listen){ .address = (const char *)socket.p };
	TRY(arena_ok(&g->arena, "the configuration", e));
	struct httpd_options o = { .listens = listens, .n_listens = n };
	return httpd_open(&o, &ops, g, &g->httpd, e);
}

static enum err_code open_all(struct server *s, const struct gateway_run *r, struct err *e)
{
	struct gateway *g = &s->g;
	TRY(gateway_open_common(g, r, "serve", e));
	TRY(open_access(g, e));
	TRY(gateway_config_check(r->config, r->insecure_no_tls, r->insecure_no_accounts, access_has_accounts(g->access), e));
	TRY(route_open(g, e));
	TRY(metrics_open(g, e));
	TRY(pulls_open(&g->pulls, e));
	TRY(events_open(g, e));
	TRY(audit_open(g, &g->audit, e));
	TRY(reg_open(g, e));
	atomic_store(&g->changes, 1);
	TRY(sql_listen(g->store.sql, on_change, s, e));
	TRY(open_httpd(g, e));
	if (pthread_create(&s->keeper, NULL, keeper_main, s))
		return err_set(e, ERR_NOMEM, errno, "start a thread");
	s->keeper_runs = true;
	return keep_open(g, e);
}

static void close_all(struct server *s)
{
	struct gateway *g = &s->g;
	atomic_store(&g->stopping, true);
	if (g->httpd)
		httpd_close(g->httpd, GRACE_MS);
	reg_close(g);
	keep_close(g);
	atomic_store(&s->stop, true);
	if (s->keeper_runs)
		pthread_join(s->keeper, NULL);
	stop_workers(s);
	struct err why;
	if (g->pulls)
		(void)!pulls_flush(g, g->pulls, &why);	/* the last second; nobody is left to be told */
	pulls_close(g->pulls);
	events_close(g);
	audit_close(g->audit);
	if (g->store.sql)
		sql_unlisten(g->store.sql, on_change, s);	/* what it calls goes now */
	access_close(g->access);
	gateway_close_common(g);
	metrics_close(g);
}

/* SIGHUP: policies, accounts (by their own clocks), certificates and upstreams' credentials are read again. What else changed in the file counts from the next start. */
static void reload(struct server *s)
{
	struct err e = { 0 };
	atomic_store(&s->reload, true);
	if (httpd_reload(s->g.httpd, &e) != OK)
		gateway_log(&s->g, LOG_ERROR, "certificates could not be read again; the old ones stay", "zz", "error", e.msg);
	upstreams_reload(&s->g);
	for (unsigned i = 0; i < s->n_workers; i++)
		if (s->workers[i].running)
			kill(s->workers[i].process.pid, SIGHUP);
	gateway_log(&s->g, LOG_INFO, "reading policies, certificates and upstreams' credentials again", "");
}

enum err_code gateway_serve(const struct gateway_run *r, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	os_signals_reload();
	enum err_code code = open_all(s, r, e);
	s->n_workers = MIN(r->config->workers, (unsigned)MOST_WORKERS);
	if (code == OK) {
		keep_workers(s);
		gateway_log(&s->g, LOG_INFO, "serving", "zzzizi", "version", r->version, "port", (int64_t)httpd_port(s->g.httpd, 0), "workers",
			    (int64_t)s->n_workers);
		if (r->ready)
			r->ready(r->arg);
	}
	while (code == OK && !os_cancelled()) {
		poll(NULL, 0, TICK_MS);
		keep_workers(s);
		if (os_hangups() != s->hangups) {
			s->hangups = os_hangups();
			reload(s);
		}
	}
	if (code == OK)
		gateway_log(&s->g, LOG_INFO, "stopping: running requests may finish", "");
	close_all(s);
	free(s);
	return code;
}
