/* usage: catalogue_fill DATABASE-URL BLOB-DIR DB-DIR MANIFESTS     fills a registry's catalogue for bench/catalogue
 *
 * The database has a generation already (a server has run). MANIFESTS images over MANIFESTS / 20 distinct layers in MANIFESTS / 100 repositories, admitted, with
 * about 300 packages each: those of one of 100 bases, and 100 of 20,000 others. One image in 100 holds the package "touched". All rows are written by the
 * functions that the registry itself uses. */
#include <stdio.h>
#include <stdlib.h>
#include "catalogue.h"
#include "codec.h"
#include "os.h"
#include "rejudge.h"
#include "store_content.h"
#include "store_gate.h"

enum { BASES = 100, BASE_PACKAGES = 200, OWN_PACKAGES = 100, OTHERS = 20000, LAYERS = 6, BATCH = 100, REPORT_ARENA = 8 << 20 };

struct fill {
	struct store store;
	struct rejudge *rj;
	char data_id[330];
	int64_t generation;
	unsigned total, next, layers;
	struct arena *arena;
};

static void add_package(struct report *r, const char *kind, unsigned number, int layer)
{
	struct package *p = ARENA_PUSH(r->arena, &r->packages);
	if (!p)
		return;
	struct slice name = *kind ? arena_printf(r->arena, "%s-%u", kind, number) : SL("touched");
	struct slice version = arena_printf(r->arena, "1.%u.%u-%u", number % 7, number % 31, number % 5);
	*p = (struct package){ .type = SL("deb"), .name = name, .version = version, .source_name = name, .source_version = version, .arch = SL("amd64"), .layer = layer,
			       .location = SL("/var/lib/dpkg/status"), .license = SL("GPL-2+"),
			       .purl = arena_printf(r->arena, "pkg:deb/debian/%.*s@%.*s?arch=amd64&distro=debian-12", SLICE_ARG(name), SLICE_ARG(version)) };
}

static void add_packages(struct report *r, unsigned image)
{
	unsigned base = image % BASES, x = image * 2654435761u;
	for (unsigned i = 0; i < BASE_PACKAGES; i++)
		add_package(r, "base", base / 10 * 150 + i, 0);
	for (unsigned i = 0; i < OWN_PACKAGES; i++)
		add_package(r, "own", (x = x * 1664525u + 1013904223u) % OTHERS, 1 + (int)(i % (LAYERS - 1)));
	if (image % 100 == 7)
		add_package(r, "", 0, 1);
}

static struct slice digest_text(struct arena *a, struct slice bytes)
{
	uint8_t raw[32];
	char hex[65];
	digest_of(DIGEST_SHA256, bytes, raw);
	hex_encode(hex, raw, 32);
	return arena_printf(a, "sha256:%s", hex);
}

static struct slice layer_digest(struct fill *f, struct arena *a, unsigned image, unsigned i)
{
	unsigned layer = i ? BASES + (image * 7 + i * 131) % (f->layers - BASES) : image % BASES;
	return digest_text(a, slice_of(&layer, sizeof(layer)));
}

static void add_finding(struct report *r)
{
	struct finding *n = report_add_finding(r);
	if (!n)
		return;
	n->rule = SL("config.root-user");
	n->kind = KIND_MISCONFIGURATION;
	n->severity = SEV_LOW;
	n->title = SL("it runs as root");
	n->subject = SL("root");
	finding_seal(r, n);
}

static enum err_code put_report(struct fill *f, struct sql_tx *tx, int64_t repo_id, unsigned image, struct slice digest, struct err *e)
{
	AUTO_ARENA a = ARENA(REPORT_ARENA);
	struct report r = { .arena = &a, .reference = SL("localhost/bench:1"), .transport = SL("registry"), .digest = digest, .platform = SL("linux/amd64"), .complete = true,
			    .total_files = 9000, .total_bytes = 300000000,
			    .os = { .id = SL("debian"), .version_id = SL("12"), .codename = SL("bookworm"), .name = SL("Debian GNU/Linux"), .known = true } };
	struct rejudge_generation data;
	rejudge_generation(f->rj, &data);
	r.advisories_digest = slice_str(data.advisories);
	r.intel_digest = slice_str(data.intelligence);
	for (unsigned i = 0; i < LAYERS; i++) {
		struct layer_info *l = ARENA_PUSH(&a, &r.layers);
		if (l)
			*l = (struct layer_info){ .digest = layer_digest(f, &a, image, i), .diff_id = layer_digest(f, &a, image, i), .size_bytes = 1000000, .history_index = -1 };
	}
	add_packages(&r, image);
	add_finding(&r);
	TRY(arena_ok(&a, "a report", e));
	TRY(rejudge_advisories(f->rj, &r, os_now_s(), e));
	return catalogue_report_put(tx, f->rj, repo_id, digest, slice_str(f->data_id), &r, e);
}

static struct slice manifest_text(struct fill *f, struct arena *a, unsigned image)
{
	AUTO_BUF b = BUF(16 << 10);
	struct slice config = digest_text(a, slice_of(&image, sizeof(image)));
	buf_printf(&b, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		   "\"digest\":\"%.*s\",\"size\":1000},\"layers\":[", SLICE_ARG(config));
	for (unsigned i = 0; i < LAYERS; i++) {
		struct slice d = layer_digest(f, a, image, i);
		buf_printf(&b, "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"%.*s\",\"size\":1000000}", i ? "," : "", SLICE_ARG(d));
	}
	buf_puts(&b, "]}");
	return arena_dup(a, buf_slice(&b));
}

static enum err_code put_image(struct fill *f, struct sql_tx *tx, unsigned image, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct store_manifest m;
	int64_t repo_id, seq;
	bool ignored;
	struct slice repository = arena_printf(&a, "bench/app-%u", image / 100), tag = arena_printf(&a, "v%u", image % 100);
	TRY(store_repo(tx, repository, SL(""), true, &repo_id, e));
	TRY(store_manifest_parse(manifest_text(f, &a, image), SLICE_NULL, SLICE_NULL, &a, &m, e));
	TRY(store_manifest_put(tx, repo_id, &m, 0, SL("bench"), &ignored, e));
	struct store_verdict v = { .repo_id = repo_id, .digest = m.digest, .state = STATE_ADMITTED, .generation = f->generation, .policy_digest = SL("none"),
				   .reasons = SL("[]"), .decided_s = os_now_s() };
	TRY(store_verdict_put(tx, &v, e));
	TRY(store_tag_push(tx, repo_id, tag, m.digest, 0, SL("bench"), &seq, e));
	TRY(store_tag_serve(tx, repo_id, tag, m.digest, seq, &ignored, e));
	return put_report(f, tx, repo_id, image, m.digest, e);
}

static enum err_code batch(struct sql_tx *tx, void *arg, struct err *e)
{
	struct fill *f = arg;
	for (unsigned i = 0; i < BATCH && f->next + i < f->total; i++)
		TRY(put_image(f, tx, f->next + i, e));
	return OK;
}

static enum err_code generation(struct sql_tx *tx, void *arg, struct err *e)
{
	return sql_one_int(tx, &((struct fill *)arg)->generation, e, "SELECT coalesce(max(number), 0) FROM generation", "");
}

static enum err_code run(char **argv, struct err *e)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct fill f = { .total = (unsigned)atoi(argv[4]) };
	struct blob_options blobs = { .dir = argv[2] };
	struct store_options o = { .database_url = argv[1], .blobs = &blobs };
	struct rejudge_generation data;
	struct rejudge_options r = { .db_dir = argv[3], .intel_file = (const char *)arena_printf(&a, "%s/intel.table", argv[3]).p };
	f.layers = f.total / 20 > 2 * BASES ? f.total / 20 : 2 * BASES;
	TRY(store_open(&o, &f.store, e));
	TRY(rejudge_open(&r, &f.rj, e));
	rejudge_generation(f.rj, &data);
	snprintf(f.data_id, sizeof(f.data_id), "%s %s", data.advisories, data.intelligence);
	TRY(sql_read(f.store.sql, generation, &f, e));
	uint64_t start = os_monotonic_ns();
	for (; f.next < f.total; f.next += BATCH)
		TRY(sql_write(f.store.sql, batch, &f, e));
	printf("%u manifests in %.1f s\n", f.total, (double)(os_monotonic_ns() - start) / 1e9);
	rejudge_close(f.rj);
	store_close(&f.store);
	return OK;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	if (argc != 5) {
		fprintf(stderr, "usage: catalogue_fill DATABASE-URL BLOB-DIR DB-DIR MANIFESTS\n");
		return 2;
	}
	if (run(argv, &e) == OK)
		return 0;
	fprintf(stderr, "catalogue_fill: %s\n", e.msg);
	return 1;
}
