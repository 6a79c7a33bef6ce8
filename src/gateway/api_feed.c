/* Events: a page of them, or as they come (server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html). */
#include <stdio.h>
#include "api_inside.h"
#include "events.h"
#include "os.h"

enum { FEED_POLL_MS = 500, FEED_IDLE_NS_S = 15, FEED_MOST = 50, FEED_BYTES = 60 << 10, MOST_FEEDS = 128 };

struct feed {
	struct call *c;
	int64_t last;
	uint64_t changes, quiet_ns;
	struct buf *out;
	unsigned n;		/* rows seen in this step */
	bool started, full;
};

static bool may_see(struct call *c, struct slice repository)
{
	return c->who.socket || (c->who.everywhere & ACCESS_ADMIN) || !repository.n || access_may(&c->who, ACCESS_PULL, repository);
}

static bool type_fits(struct http_request *r, struct slice type)
{
	struct slice wanted;
	return !http_query(r, "type", &wanted) || !wanted.n || slice_glob(wanted, type);
}

static enum err_code on_event(void *arg, const struct store_event *v, struct err *e)
{
	struct feed *f = arg;
	AUTO_BUF one = BUF(FEED_BYTES);
	(void)e;
	if (f->full)
		return OK;
	if (may_see(f->c, v->repository) && type_fits(f->c->r, v->type)) {
		buf_printf(&one, "id: %lld\nevent: %.*s\ndata: ", (long long)v->seq, SLICE_ARG(v->type));
		event_json(f->c->g->config, v, &one);
		buf_puts(&one, "\n\n");
		if (one.failed) {	/* too large for the feed: its number says that it was there */
			buf_clear(&one);
			buf_printf(&one, "id: %lld\nevent: %.*s\ndata: {}\n\n", (long long)v->seq, SLICE_ARG(v->type));
		}
		f->full = f->out->n + one.n > FEED_BYTES;
		if (f->full)
			return OK;
		buf_put_slice(f->out, buf_slice(&one));
	}
	f->last = v->seq;
	f->n++;
	return OK;
}

static enum err_code feed_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct feed *f = arg;
	f->n = 0;
	f->full = false;
	buf_clear(f->out);
	if (f->last < 0)
		TRY(store_event_last(tx, &f->last, e));
	return store_events(tx, f->last, FEED_MOST, on_event, f, e);
}

static bool next(struct http_request *r, void *arg, struct buf *out)
{
	struct feed *f = arg;
	struct gateway *g = f->c->g;
	uint64_t changes = atomic_load(&g->changes), now = os_monotonic_ns();
	int64_t before = f->last;
	struct err e;
	if (http_stopping(r))
		return false;
	if (!f->started) {
		f->started = true;
		buf_puts(out, "retry: 2000\n\n");
		f->quiet_ns = now;
	} else if (changes == f->changes) {
		if (now - f->quiet_ns > FEED_IDLE_NS_S * 1000000000ULL) {
			buf_puts(out, ":\n\n");	/* keeps proxies from closing it */
			f->quiet_ns = now;
		}
		return true;
	}
	AUTO_BUF more = BUF(FEED_BYTES + KIB);
	f->out = &more;
	if (sql_read(g->store.sql, feed_tx, f, &e) != OK) {
		f->last = before;
		return true;	/* asked again; the client keeps its place */
	}
	if (!f->full && f->n < FEED_MOST)
		f->changes = changes;
	buf_put_slice(out, buf_slice(&more));
	f->quiet_ns = more.n ? now : f->quiet_ns;
	return true;
}

/* From the number in Last-Event-ID (or after=) on; without either, what happens from now on. */
void api_feed(struct call *c)
{
	struct feed *f = arena_new(http_arena(c->r), struct feed);
	struct slice from = http_header(c->r, "Last-Event-ID");
	uint64_t last;
	if (!f) {
		answer_api_error(c, 503, "unavailable", "out of memory");
		return;
	}
	if (!from.n)
		(void)http_query(c->r, "after", &from);
	if (atomic_fetch_add(&c->g->feeds, 1) >= MOST_FEEDS) {
		atomic_fetch_sub(&c->g->feeds, 1);
		http_add_header(c->r, "Retry-After", SL("10"));
		answer_api_error(c, 429, "limit", "too many follow the events; ask for a page instead");
		return;
	}
	c->feeding = true;
	*f = (struct feed){ .c = c, .last = slice_to_u64(from, &last) && last <= INT64_MAX ? (int64_t)last : -1 };
	http_add_header(c->r, "Cache-Control", SL("no-store"));
	http_add_header(c->r, "X-Accel-Buffering", SL("no"));
	http_respond_feed(c->r, 200, "text/event-stream", next, f, FEED_POLL_MS);
}

/* --- A page ------------------------------------------------------------------------------------------------------------------ */

struct page { struct api *a; int64_t last; uint64_t n; };

static enum err_code on_page(void *arg, const struct store_event *v, struct err *e)
{
	struct page *p = arg;
	struct js *j = &p->a->j;
	(void)e;
	p->last = v->seq;
	p->n++;
	if (!may_see(p->a->c, v->repository) || !type_fits(p->a->c->r, v->type))
		return OK;
	if (j->more)
		buf_putc(j->out, ',');
	event_json(p->a->g->config, v, j->out);
	j->more = true;
	return OK;
}

enum err_code api_events(struct api *a, struct sql_tx *tx, struct err *e)
{
	struct page p = { .a = a };
	uint64_t after = 0, n = api_limit(a, 100);
	AUTO_BUF next_page = BUF(64);
	(void)slice_to_u64(api_param(a, "after"), &after);
	js_open(&a->j, '{');
	js_key(&a->j, "events");
	js_open(&a->j, '[');
	TRY(store_events(tx, (int64_t)MIN(after, (uint64_t)INT64_MAX), n, on_page, &p, e));
	js_close(&a->j, ']');
	buf_printf(&next_page, "%lld", (long long)p.last);
	js_ktext(&a->j, "next", p.n == n ? buf_slice(&next_page) : SL(""));
	js_close(&a->j, '}');
	return OK;
}

/* --- Dead letters -------------------------------------------------------------------------------------------------------------- */

static enum err_code again_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct api *a = arg;
	uint64_t id = 0;
	(void)slice_to_u64(a->id, &id);
	TRY(store_delivery_again(tx, (int64_t)MIN(id, (uint64_t)INT64_MAX), e));
	TRY(audit_put(a->g, tx, &a->c->who, "webhook.retry", e, "zi", "delivery", (int64_t)id));
	return sql_announce(tx, e);
}

enum err_code api_dead_letter_again(struct api *a, struct err *e)
{
	a->status = 204;
	return sql_write(a->g->store.sql, again_tx, a, e);
}
