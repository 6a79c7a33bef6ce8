/* What the server and its workers open alike. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "gate.h"
#include "inside.h"
#include "os.h"
#include "upstream.h"

static void name_node(struct gateway *g, const char *role)
{
	char host[32] = "node", hex[9];
	uint8_t raw[4] = { 0 };
	gethostname(host, sizeof(host) - 1);
	(void)!getrandom(raw, sizeof(raw), 0);
	hex_encode(hex, raw, sizeof(raw));
	snprintf(g->node, sizeof(g->node), "%.30s/%s/%d/%s", host, role, (int)getpid(), hex);
}

/* Reports' addresses and the host that local images are judged under. On loopback nobody needs to configure it. */
static struct slice public_url(struct gateway *g)
{
	const struct gateway_config *c = g->config;
	for (size_t i = 0; !c->public_url.n && i < c->n_listens; i++) {
		struct slice a = c->listens[i].address;
		ptrdiff_t colon = slice_rfind_byte(a, ':');
		bool own = slice_has_prefix(a, SL("127.")) || (a.n && a.p[0] == ':');
		if (!slice_has_prefix(a, SL("unix:")) && !c->listens[i].mirror.n && colon >= 0)
			return arena_printf(&g->arena, "%s://%.*s", c->listens[i].tls_cert.n ? "https" : "http", SLICE_ARG(own ?
					    arena_printf(&g->arena, "localhost%.*s", SLICE_ARG(slice_from(a, (size_t)colon))) : a));
	}
	return c->public_url;
}

static const char *text(struct gateway *g, struct slice s) { return s.n ? arena_slice_cstr(&g->arena, s) : NULL; }

enum err_code gateway_open_store(struct gateway *g, struct err *e)
{
	const struct gateway_config *c = g->config;
	struct blob_s3_options s3 = { .endpoint = text(g, c->s3_endpoint), .bucket = text(g, c->s3_bucket), .region = text(g, c->s3_region),
				      .prefix = text(g, c->s3_prefix), .credentials_file = text(g, c->s3_credentials_file), .ca_file = text(g, c->s3_ca_file) };
	struct blob_options b = { .dir = text(g, c->state), .s3 = c->s3_endpoint.n ? &s3 : NULL };
	struct store_options o = { .database_url = text(g, c->database), .blobs = &b, .connections = 6 };
	TRY(arena_ok(&g->arena, "the configuration", e));
	TRY(os_private_dir(b.dir, e));
	if (access(b.dir, W_OK))	/* else the database says something about its own files */
		return err_set(e, ERR_IO, errno, "the state directory '%s' cannot be written", b.dir);
	return store_open(&o, &g->store, e);
}

/* Another machine's node over the same database, but blobs in a directory that it cannot see: refused (GATE.md 23). */
static enum err_code alone_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct gateway *g = arg;
	int64_t others;
	char host[32] = "node", pattern[40];
	gethostname(host, sizeof(host) - 1);
	snprintf(pattern, sizeof(pattern), "%.30s/%%", host);
	TRY(sql_one_int(tx, &others, e, "SELECT count(*) FROM node WHERE seen_ms > ?1 AND name NOT LIKE ?2", "iz", (int64_t)store_now_ms() - 30000, pattern));
	if (others && !blob_is_shared(g->store.blobs))
		return err_set(e, ERR_USAGE, 0, "another machine uses this database, but blobs are in a directory here; configure blobs: {s3: …} on all of them");
	return OK;
}

static enum err_code beat_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct gateway *g = arg;
	int64_t now = (int64_t)store_now_ms();
	TRY(sql_run(tx, NULL, e, "DELETE FROM node WHERE seen_ms < ?1", "i", now - 600000));
	return sql_run(tx, NULL, e, "INSERT INTO node (name, role, version, started_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO UPDATE SET"
		       " seen_ms = excluded.seen_ms", "zzzii", g->node, g->role, g->run->version, (int64_t)g->started_ms, now);
}

enum err_code gateway_node_beat(struct gateway *g, struct err *e)
{
	return sql_write(g->store.sql, beat_tx, g, e);
}

enum err_code gateway_open_common(struct gateway *g, const struct gateway_run *r, const char *role, struct err *e)
{
	g->run = r;
	g->config = r->config;
	g->role = role;
	g->started_ms = store_now_ms();
	g->arena = ARENA(4 * MIB);
	name_node(g, role);
	g->public_url = public_url(g);
	TRY(gateway_open_store(g, e));
	TRY(sql_write(g->store.sql, alone_tx, g, e));
	TRY(gateway_node_beat(g, e));
	TRY(upstreams_open(g, e));
	return gate_open(g, e);
}

void gateway_close_common(struct gateway *g)
{
	gate_close(g);
	upstreams_close(g);
	store_close(&g->store);
	arena_free(&g->arena);
}
