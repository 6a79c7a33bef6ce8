/* An image in a provider's memory and an engine over it. The program that includes this is its own parse worker. */
#pragma once
#include "../oci/make.h"
#include "oci_provider.h"
#include "report.h"
#include "scan.h"
#include "worker.h"
#include <pthread.h>
#include <sys/mman.h>

struct item { char digest[72]; struct slice bytes; };
struct store { struct item items[32]; size_t n; unsigned opens, planned; pthread_mutex_t lock; struct arena arena; };
struct world { char dir[64]; struct store store; char root[72]; struct scan_engine *engine; };

static inline const struct item *find(struct store *s, struct slice digest)
{
	for (size_t i = 0; i < s->n; i++)
		if (slice_eqs(digest, s->items[i].digest))
			return &s->items[i];
	return NULL;
}

static inline enum err_code get(void *arg, struct slice digest, bool manifest, struct buf *out, struct err *e)
{
	const struct item *i = find(arg, digest);
	(void)manifest;
	if (!i)
		return err_set(e, ERR_NOT_FOUND, 0, "no such bytes");
	buf_put_slice(out, i->bytes);
	return buf_ok(out, "a document", e);
}

static inline enum err_code blob_open(void *arg, struct slice digest, uint64_t size, struct stream **ret, struct err *e)
{
	struct store *s = arg;
	const struct item *i = find(s, digest);
	(void)size;
	pthread_mutex_lock(&s->lock);
	s->opens++;
	pthread_mutex_unlock(&s->lock);
	return i ? stream_of_slice(i->bytes, ret, e) : err_set(e, ERR_NOT_FOUND, 0, "no such bytes");
}

static inline void plan(void *arg, const struct oci_layer *const *layers, size_t n)
{
	(void)layers;
	((struct store *)arg)->planned += (unsigned)n;
}

static inline const char *put(struct store *s, struct slice bytes)
{
	struct item *i = &s->items[s->n++];
	i->bytes = arena_dup(&s->arena, bytes);
	digest_text(bytes, i->digest);
	return i->digest;
}

/* Three layers: a Debian, a program, and the program's layer once more. */
static inline void make_store(struct world *w)
{
	AUTO_BUF base = BUF(1 << 20), app = BUF(1 << 20), config = BUF(1 << 16), manifest = BUF(1 << 16);
	struct store *s = &w->store;
	s->arena = ARENA(16 << 20);
	pthread_mutex_init(&s->lock, NULL);
	tar_file(&base, "etc/os-release", SL("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"));
	tar_file(&base, "var/lib/dpkg/status", SL("Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13\n\n"
		 "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b2\n\n"));
	tar_end(&base);
	tar_file(&app, "srv/run.sh", SL("#!/bin/sh\necho hello\n"));
	tar_end(&app);
	const char *base_digest = put(s, buf_slice(&base)), *app_digest = put(s, buf_slice(&app));
	config_for(&config, "amd64", (const char *const[]){ base_digest, app_digest, app_digest }, 3, NULL);
	const char *config_digest = put(s, buf_slice(&config));
	buf_printf(&manifest, "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		   "\"layers\":[", config_digest, config.n);
	for (int i = 0; i < 3; i++)
		buf_printf(&manifest, "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}", i ? "," : "",
			   i ? app_digest : base_digest, i ? app.n : base.n);
	buf_puts(&manifest, "]}");
	strcpy(w->root, put(s, buf_slice(&manifest)));
}

static inline int open_world(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	strcpy(w->dir, "/tmp/pabean-test-XXXXXX");
	*state = w;
	assert_non_null(mkdtemp(w->dir));
	make_store(w);
	struct scan_options o = { .oci = OCI_OPTIONS_DEFAULT, .db_dir = w->dir, .cache_dir = w->dir, .jobs = 2 };
	if (scan_engine_open(&o, &w->engine, &e) != OK)
		fail_msg("%s", e.msg);
	return 0;
}

static inline int close_world(void **state)
{
	struct world *w = *state;
	struct err e;
	scan_engine_close(w->engine);
	arena_free(&w->store.arena);
	int rc = os_remove_tree(w->dir, &e);
	free(w);
	return rc;
}
