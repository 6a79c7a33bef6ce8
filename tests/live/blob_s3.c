/* Drives the S3 store for tests/live/blob_s3.sh. usage: blob_s3 ENDPOINT BUCKET SPOOL COMMAND ...
 * all               every operation once, one line "ok - " or "not ok - " each
 * push SIZE SEED    one blob; prints its digest or the error's kind
 * read DIGEST [OFFSET LENGTH]   prints size and SHA-256 of what came, or the error's kind
 * stat DIGEST, url DIGEST, uploads, blobs, sweep */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "s3.h"

static struct blob_store *B;
static struct err E;
static struct blob_options options;
static struct blob_s3_options s3_options;
enum { PART = 5 << 20 };

static void must(bool ok, const char *what) { printf("%s - %s%s%s\n", ok ? "ok" : "not ok", what, ok ? "" : ": ", ok ? "" : E.msg); }

/* The same bytes for the same place and seed. */
static void fill(uint8_t *p, size_t n, uint64_t at, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x = ((at + i) / 3 + (uint64_t)seed * 1000003) * 0x9e3779b97f4a7c15u;
		p[i] = (uint8_t)(x >> 29 ^ (at + i));
	}
}

static enum err_code feed(struct blob_upload *u, uint64_t from, uint64_t to, unsigned seed, struct blob_hash *h)
{
	uint8_t block[70000];
	while (from < to) {
		size_t n = (size_t)MIN(to - from, (uint64_t)sizeof(block));
		fill(block, n, from, seed);
		TRY(blob_upload_append(u, slice_of(block, n), &E));
		if (h)
			blob_hash_update(h, slice_of(block, n));
		from += n;
	}
	return OK;
}

static void digest_of_bytes(uint64_t from, uint64_t to, unsigned seed, int algo, char dst[BLOB_DIGEST_MAX])
{
	struct blob_hash h;
	uint8_t block[70000];
	blob_hash_begin(&h, algo);
	while (from < to) {
		size_t n = (size_t)MIN(to - from, (uint64_t)sizeof(block));
		fill(block, n, from, seed);
		blob_hash_update(&h, slice_of(block, n));
		from += n;
	}
	blob_hash_final(&h, dst);
}

static enum err_code push(uint64_t size, unsigned seed, int algo, struct slice want, char digest[BLOB_DIGEST_MAX])
{
	struct blob_upload *u;
	TRY(blob_upload_begin(B, algo, &u, &E));
	enum err_code rc = feed(u, 0, size, seed, NULL);
	if (rc) {
		char id[BLOB_ID_BYTES];
		struct err ignored = { 0 };
		snprintf(id, sizeof(id), "%s", blob_upload_id(u));
		blob_upload_close(u);
		(void)!blob_upload_remove(B, id, SLICE_NULL, &ignored);
		return rc;
	}
	return blob_upload_finish(u, want, digest, NULL, &E);
}

static enum err_code read_back(const char *digest, uint64_t offset, uint64_t length, uint64_t *ret_n, char got[BLOB_DIGEST_MAX])
{
	AUTO_STREAM s = NULL;
	struct blob_hash h;
	uint8_t block[50000];
	blob_hash_begin(&h, DIGEST_SHA256);
	TRY(blob_read(B, slice_str(digest), offset, length, &s, &E));
	for (size_t n = 1; n;) {
		TRY(stream_read(s, block, sizeof(block), &n, &E));
		blob_hash_update(&h, slice_of(block, n));
	}
	*ret_n = h.bytes;
	blob_hash_final(&h, got);
	return OK;
}

static bool same(const char *digest, uint64_t size, unsigned seed, uint64_t offset, uint64_t length)
{
	char want[BLOB_DIGEST_MAX], got[BLOB_DIGEST_MAX];
	uint64_t n, end = length > size - offset ? size : offset + length;
	digest_of_bytes(offset, end, seed, DIGEST_SHA256, want);
	return read_back(digest, offset, length, &n, got) == OK && n == end - offset && !strcmp(got, want);
}

static enum err_code count(void *arg, struct slice name, uint64_t size, uint64_t modified_s, struct err *e)
{
	(void)name, (void)size, (void)e;
	if (modified_s < 1500000000)
		printf("not ok - a time in a list\n");
	++*(unsigned *)arg;
	return OK;
}

static unsigned uploads(void)
{
	unsigned n = 0;
	return blob_walk_uploads(B, count, &n, &E) ? 9999 : n;
}

static unsigned blobs(void)
{
	unsigned n = 0;
	return blob_walk(B, count, &n, &E) ? 9999 : n;
}

static void sizes(void)
{
	static const struct { uint64_t size; const char *what; } t[] = {
		{ 0, "an empty blob" }, { 1000, "a small blob" }, { PART, "a blob of exactly one part" }, { PART + 1, "a blob of one part and a byte" },
		{ 2 * PART, "a blob of two parts" }, { 12 << 20, "a blob of three parts" },
	};
	char digest[BLOB_DIGEST_MAX];
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t size = 0;
		bool ok = push(t[i].size, (unsigned)i, DIGEST_SHA256, SLICE_NULL, digest) == OK &&
			  blob_stat(B, slice_str(digest), &size, &E) == OK && size == t[i].size && same(digest, t[i].size, (unsigned)i, 0, UINT64_MAX);
		must(ok, t[i].what);
	}
	must(same(digest, 12 << 20, 5, 0, 10) && same(digest, 12 << 20, 5, 1, 5 << 20) && same(digest, 12 << 20, 5, (12 << 20) - 3, UINT64_MAX) &&
	     same(digest, 12 << 20, 5, 7 << 20, 1 << 20), "ranges");
	must(same(digest, 12 << 20, 5, 12 << 20, UINT64_MAX) && same(digest, 12 << 20, 5, 12 << 20, 1), "a range behind the end is empty");
	must(push(12 << 20, 5, DIGEST_SHA256, slice_str(digest), NULL) == OK, "the same again");
	must(uploads() == 0, "nothing is left of these uploads");
}

static void digests(void)
{
	char d256[BLOB_DIGEST_MAX], d512[BLOB_DIGEST_MAX];
	uint64_t size;
	for (uint64_t n = 3 << 20; n <= 9 << 20; n += 6 << 20) {
		digest_of_bytes(0, n, 50, DIGEST_SHA256, d256);
		digest_of_bytes(0, n, 50, DIGEST_SHA512, d512);
		must(push(n, 51, DIGEST_SHA256, slice_str(d256), NULL) == ERR_DIGEST && blob_stat(B, slice_str(d256), &size, &E) == ERR_NOT_FOUND,
		     "other bytes than announced");
		must(push(n, 51, DIGEST_SHA256, slice_str(d512), NULL) == ERR_DIGEST && blob_stat(B, slice_str(d512), &size, &E) == ERR_NOT_FOUND,
		     "the same by a second read");
		must(push(n, 50, DIGEST_SHA512, slice_str(d512), NULL) == OK && same(d512, n, 50, 0, UINT64_MAX), "SHA-512");
		must(blob_remove(B, slice_str(d512), &E) == OK && push(n, 50, DIGEST_SHA256, slice_str(d512), NULL) == OK &&
		     blob_stat(B, slice_str(d512), &size, &E) == OK && size == n, "SHA-512 by a second read");
	}
	must(uploads() == 0, "nothing is left of these uploads");
}

/* Another node: a store of its own. */
static enum err_code elsewhere(const char *id, uint64_t offset, struct slice state, struct blob_upload **ret)
{
	blob_close(B);
	B = NULL;
	TRY(blob_open(&options, &B, &E));
	return blob_upload_resume(B, id, offset, state, ret, &E);
}

static void resumes(uint64_t first, uint64_t second, uint64_t size, const char *what)
{
	struct blob_upload *u = NULL;
	AUTO_BUF a = BUF(64 << 10), b = BUF(64 << 10);
	char id[BLOB_ID_BYTES], want[BLOB_DIGEST_MAX];
	digest_of_bytes(0, size, 60, DIGEST_SHA256, want);
	bool ok = blob_upload_begin(B, DIGEST_SHA256, &u, &E) == OK && feed(u, 0, first, 60, NULL) == OK && blob_upload_save(u, &a, &E) == OK;
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	/* It goes on, is put down again, and that is forgotten: the first state is still good. */
	ok = ok && feed(u, first, second, 99, NULL) == OK && blob_upload_save(u, &b, &E) == OK;
	blob_upload_close(u);
	must(ok && uploads() == 1, "an upload that was put down is listed");
	ok = ok && elsewhere(id, first, buf_slice(&a), &u) == OK && feed(u, first, second, 60, NULL) == OK;
	buf_clear(&b);
	ok = ok && blob_upload_save(u, &b, &E) == OK;
	if (ok)
		blob_upload_close(u);
	ok = ok && elsewhere(id, second, buf_slice(&b), &u) == OK && feed(u, second, size, 60, NULL) == OK &&
	     blob_upload_finish(u, slice_str(want), NULL, NULL, &E) == OK && same(want, size, 60, 0, UINT64_MAX);
	must(ok, what);
	must(uploads() == 0, "nothing is left of it");
	must(blob_upload_resume(B, id, second, buf_slice(&b), &u, &E) == ERR_NOT_FOUND || second == 0, "it cannot be taken up again");
	must(blob_remove(B, slice_str(want), &E) == OK, "and the blob goes");
}

static void removed(void)
{
	struct blob_upload *u = NULL;
	AUTO_BUF st = BUF(64 << 10);
	char id[BLOB_ID_BYTES];
	bool ok = blob_upload_begin(B, DIGEST_SHA256, &u, &E) == OK && feed(u, 0, 11 << 20, 70, NULL) == OK;
	must(ok && uploads() == 1, "an upload killed while it sends parts is listed");
	ok = ok && blob_upload_save(u, &st, &E) == OK;
	snprintf(id, sizeof(id), "%s", blob_upload_id(u));
	blob_upload_close(u);
	must(ok && blob_upload_resume(B, id, 5, buf_slice(&st), &u, &E) == ERR_FORMAT, "a wrong offset");
	must(ok && blob_upload_resume(B, id, 11 << 20, SL("dir1 x y"), &u, &E) == ERR_FORMAT, "a state of another store");
	must(ok && blob_upload_remove(B, id, buf_slice(&st), &E) == OK && uploads() == 0, "an upload is removed");
	must(blob_upload_remove(B, id, SLICE_NULL, &E) == OK, "twice");
}

static void keeping(void)
{
	char digest[BLOB_DIGEST_MAX], got[16] = "";
	uint64_t size;
	unsigned before = blobs();
	FILE *f = tmpfile(), *g = tmpfile();
	must(push(6 << 20, 80, DIGEST_SHA256, SLICE_NULL, digest) == OK && blobs() == before + 1, "the walk over blobs");
	must(blob_quarantine(B, slice_str(digest), &E) == OK && blob_stat(B, slice_str(digest), &size, &E) == ERR_NOT_FOUND &&
	     blobs() == before, "a broken blob is moved aside");
	must(blob_quarantine(B, slice_str(digest), &E) == ERR_NOT_FOUND && blob_remove(B, slice_str(digest), &E) == ERR_NOT_FOUND &&
	     blob_read(B, slice_str(digest), 0, 1, &(struct stream *){ NULL }, &E) == ERR_NOT_FOUND, "what is not there");
	fputs("advisories", f);
	fflush(f);
	must(blob_object_put(B, "db-1.adv", fileno(f), &E) == OK && blob_object_put(B, "db-1.adv", fileno(f), &E) == OK &&
	     blob_object_get(B, "db-1.adv", fileno(g), &E) == OK && pread(fileno(g), got, 16, 0) == 10 && !strcmp(got, "advisories"),
	     "an object");
	must(blob_object_get(B, "none", fileno(g), &E) == ERR_NOT_FOUND, "an object that is not there");
	fclose(f);
	fclose(g);
}

/* As with more than 5 GiB, but with fewer bytes. */
static void copies(void)
{
	struct s3_store *s = NULL;
	struct s3_upload *u = NULL;
	char digest[BLOB_DIGEST_MAX];
	uint8_t *big = malloc(12 << 20);
	fill(big, 12 << 20, 0, 90);
	bool ok = s3_open(&s3_options, options.dir, &s, &E) == OK;
	if (ok) {
		s->copy_max = 6 << 20;
		s->copy_part = PART;
		ok = s3_upload_begin(s, DIGEST_SHA256, &u, &E) == OK && s3_upload_append(u, slice_of(big, 12 << 20), &E) == OK &&
		     s3_upload_finish(u, NULL, digest, NULL, &E) == OK && same(digest, 12 << 20, 90, 0, UINT64_MAX);
	}
	must(ok, "a copy in parts");
	must(uploads() == 0, "nothing is left of it");
	s3_close(s);
	free(big);
}

static void wrong(void)
{
	struct blob_store *b = NULL;
	struct blob_s3_options o = s3_options;
	struct blob_options all = { .dir = options.dir, .s3 = &o };
	o.bucket = "no-such-bucket";
	must(blob_open(&all, &b, &E) == ERR_NET, "a bucket that is not there");
	o.bucket = "../x";
	must(blob_open(&all, &b, &E) == ERR_USAGE, "a bucket's name that is none");
	o = s3_options;
	o.access_key = getenv("AWS_ACCESS_KEY_ID");
	o.secret_key = "wrong";
	must(blob_open(&all, &b, &E) == ERR_AUTH, "a wrong key");
	must(strstr(E.msg, "wrong") == NULL, "which is not shown");
	o = s3_options;
	o.endpoint = "http://127.0.0.1:9";
	must(blob_open(&all, &b, &E) == ERR_NET, "nobody there");
}

static int all(void)
{
	wrong();
	sizes();
	digests();
	resumes(100, 3000, 5000, "small pieces over three nodes");
	resumes(3 << 20, 7 << 20, 12 << 20, "large pieces over three nodes");
	resumes(PART, 2 * PART, 2 * PART, "pieces of whole parts");
	resumes(0, 10, 20, "put down before the first byte");
	removed();
	keeping();
	copies();
	return 0;
}

static int failed(enum err_code rc)
{
	printf("%s\n", err_code_name(rc));
	fprintf(stderr, "%s\n", E.msg);
	return 1;
}

static int command(int argc, char **argv)
{
	const char *c = argv[4], *arg = argc > 5 ? argv[5] : "";
	char digest[BLOB_DIGEST_MAX];
	uint64_t n = 0;
	AUTO_BUF url = BUF(16 << 10);
	enum err_code rc = OK;
	if (!strcmp(c, "all"))
		return all();
	if (!strcmp(c, "push")) {
		rc = push(strtoull(arg, NULL, 10), argc > 6 ? (unsigned)atoi(argv[6]) : 0, DIGEST_SHA256, SLICE_NULL, digest);
		return rc ? failed(rc) : !puts(digest);
	}
	if (!strcmp(c, "read")) {
		rc = read_back(arg, argc > 6 ? strtoull(argv[6], NULL, 10) : 0, argc > 7 ? strtoull(argv[7], NULL, 10) : UINT64_MAX, &n, digest);
		return rc ? failed(rc) : printf("%llu %s\n", (unsigned long long)n, digest) < 0;
	}
	if (!strcmp(c, "stat"))
		return (rc = blob_stat(B, slice_str(arg), &n, &E)) ? failed(rc) : printf("%llu\n", (unsigned long long)n) < 0;
	if (!strcmp(c, "url"))
		return (rc = blob_url(B, slice_str(arg), 60, &url, &E)) ? failed(rc) : !puts(buf_cstr(&url));
	if (!strcmp(c, "uploads"))
		return printf("%u\n", uploads()) < 0;
	return printf("%u\n", blobs()) < 0;
}

int main(int argc, char **argv)
{
	const char *ms = getenv("BLOB_TIMEOUT_MS");
	if (argc < 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	s3_options = (struct blob_s3_options){ .endpoint = argv[1], .bucket = argv[2], .prefix = "some/where", .part_bytes = PART,
					       .timeout_ms = ms ? strtoull(ms, NULL, 10) : 0 };
	options = (struct blob_options){ .dir = argv[3], .s3 = &s3_options };
	enum err_code rc = blob_open(&options, &B, &E);
	int status = rc ? failed(rc) : command(argc, argv);
	blob_close(B);
	return status;
}
