/* Stored reports: what is printed of them is what would have been printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <fcntl.h>
#include <cmocka.h>
#include <zstd.h>
#include "os.h"
#include "report_store.h"
#include "sample.h"

static const struct report_options options = { .version = "1", .width = 120, .verbose = true };

/* What the sample lacks. */
static void enrich(struct sample *s, unsigned packages)
{
	struct arena *a = &s->arena;
	struct image_config *c = &s->r.config;
	a->max_bytes = 64 * MIB;
	c->os = SL("linux");
	c->architecture = SL("amd64");
	c->created = SL("2026-11-01T00:00:00Z");
	*ARENA_PUSH(a, &c->entrypoint) = SL("/bin/sh");
	*ARENA_PUSH(a, &c->env) = SL("PATH=/usr/bin");
	*ARENA_PUSH(a, &c->env) = SL("");
	*ARENA_PUSH(a, &c->label_keys) = SL("a");
	*ARENA_PUSH(a, &c->label_values) = SL("b\xff");
	*ARENA_PUSH(a, &c->history_created_by) = SL("ADD x");
	*ARENA_PUSH(a, &c->history_created_by) = SL("CMD x");
	c->history_n = 2;
	c->history_empty = arena_calloc(a, 2, sizeof(bool));
	c->history_empty[1] = true;
	*ARENA_PUSH(a, &s->r.other_platforms) = SL("linux/arm64/v8");
	*ARENA_PUSH(a, &s->r.verdict.notes) = SL("a waiver ended");
	s->r.verdict.expires = SL("2026-12-01T00:00:00Z");
	s->r.unmatched_gems = 7;
	s->r.advisories_digest = SL("00112233445566778899aabbccddeeff");
	s->r.intel_digest = SL("2222222222222222222222222222222222222222222222222222222222222222");
	struct finding *f = &s->r.findings.items[3];
	f->from_advisories = true;
	f->waived_by = SL("known, until 2027");
	f->cvss_score = 0.1 + 0.2;	/* no millionths */
	f->epss_percentile = 0.99999;
	*ARENA_PUSH(a, &f->aliases) = SL("GHSA-xxxx");
	*ARENA_PUSH(a, &f->references) = SL("https://example.com/1");
	for (unsigned i = 0; i < packages; i++) {
		struct package p = { .type = SL("deb"), .name = arena_printf(a, "lib%c%u-%x", 'a' + i % 26, i, i * 2654435761u), .arch = SL("amd64"),
				     .version = arena_printf(a, "%u.%u.%u-%u+deb12u%u", i % 7, i % 31, i % 11, i % 5, i % 3), .path = SL("/var/lib/dpkg/status") };
		p.source_name = i % 3 ? p.name : arena_printf(a, "lib%c", 'a' + i % 26);
		p.source_version = p.version;
		p.purl = package_purl(a, &p, &s->r.os);
		*ARENA_PUSH(a, &s->r.packages) = p;
	}
	report_sort(&s->r);
}

static void encoded(const struct report *r, struct buf *out)
{
	struct err e = { 0 };
	if (report_encode(r, out, &e) != OK)
		fail_msg("%s", e.msg);
}

static void test_same(void **state)
{
	struct sample s, back = { .arena = ARENA(64 * MIB) };
	struct err e = { 0 };
	AUTO_BUF stored = BUF(MIB), again = BUF(MIB);
	(void)state;
	sample_init(&s);
	enrich(&s, 300);
	encoded(&s.r, &stored);
	if (report_decode(buf_slice(&stored), &back.arena, &back.r, &e) != OK)
		fail_msg("%s", e.msg);
	for (int format = REPORT_TABLE; format <= REPORT_SARIF; format++) {
		AUTO_BUF a = BUF(16 * MIB), b = BUF(16 * MIB);
		render(&s, 1, (enum report_format)format, &options, &a);
		render(&back, 1, (enum report_format)format, &options, &b);
		assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	}
	encoded(&back.r, &again);
	assert_true(slice_eq(buf_slice(&stored), buf_slice(&again)));
	assert_int_equal(back.r.unmatched_gems, 7);
	assert_true(back.r.findings.items[3].from_advisories);
	assert_true(back.r.findings.items[3].cvss_score == 0.1 + 0.2);
	assert_true(back.r.config.history_empty[1] && !back.r.config.history_empty[0]);
	assert_true(slice_eq(back.r.advisories_digest, s.r.advisories_digest));
	assert_true(stored.n < 10 * KIB);
	arena_free(&back.arena);
	arena_free(&s.arena);
}

static void test_judged(void **state)
{
	struct sample s;
	AUTO_ARENA a = ARENA(16 * MIB);
	AUTO_BUF stored = BUF(MIB);
	struct report r;
	struct err e = { 0 };
	(void)state;
	sample_init(&s);
	enrich(&s, 10);
	encoded(&s.r, &stored);
	assert_int_equal(report_decode_judged(buf_slice(&stored), &a, &r, &e), OK);
	assert_int_equal(r.findings.n, s.r.findings.n);
	assert_int_equal(r.packages.n, 0);
	for (size_t i = 0; i < r.findings.n; i++) {
		assert_string_equal(r.findings.items[i].id, s.r.findings.items[i].id);
		assert_true(slice_eq(r.findings.items[i].title, s.r.findings.items[i].title));
		assert_true(slice_eq(r.findings.items[i].evidence.items[0].path, s.r.findings.items[i].evidence.items[0].path));
	}
	assert_int_equal(r.verdict.reasons.n, s.r.verdict.reasons.n);
	arena_free(&s.arena);
}

static void test_empty(void **state)
{
	AUTO_ARENA a = ARENA(16 * MIB), b = ARENA(16 * MIB);
	AUTO_BUF stored = BUF(MIB), again = BUF(MIB);
	struct report r = { .arena = &a }, back;
	struct err e = { 0 };
	(void)state;
	encoded(&r, &stored);
	assert_int_equal(report_decode(buf_slice(&stored), &b, &back, &e), OK);
	encoded(&back, &again);
	assert_true(slice_eq(buf_slice(&stored), buf_slice(&again)));
	AUTO_BUF small = BUF(16);
	assert_int_equal(report_encode(&r, &small, &e), ERR_LIMIT);
}

static void test_damaged(void **state)
{
	struct sample s;
	AUTO_BUF stored = BUF(MIB);
	struct err e = { 0 };
	struct report r;
	(void)state;
	sample_init(&s);
	enrich(&s, 3);
	encoded(&s.r, &stored);
	for (size_t n = 0; n < stored.n; n++) {
		AUTO_ARENA a = ARENA(16 * MIB);
		assert_int_not_equal(report_decode(slice_upto(buf_slice(&stored), n), &a, &r, &e), OK);
	}
	for (size_t i = 0; i < stored.n; i++) {
		AUTO_ARENA a = ARENA(16 * MIB);
		AUTO_BUF again = BUF(MIB);
		stored.p[i] ^= (uint8_t)(1 << i % 8);
		bool fine = report_decode(buf_slice(&stored), &a, &r, &e) == OK;
		if (fine)
			encoded(&r, &again);
		stored.p[i] ^= (uint8_t)(1 << i % 8);
		assert_true(!fine || slice_eq(buf_slice(&stored), buf_slice(&again)));
	}
	buf_putc(&stored, 0);
	AUTO_ARENA a = ARENA(16 * MIB), little = ARENA(8 * KIB);
	assert_int_equal(report_decode(buf_slice(&stored), &a, &r, &e), ERR_FORMAT);
	stored.n--;
	assert_int_equal(report_decode(buf_slice(&stored), &little, &r, &e), ERR_NOMEM);
	stored.p[3]++;
	assert_int_equal(report_decode(buf_slice(&stored), &a, &r, &e), ERR_UNSUPPORTED);
	arena_free(&s.arena);
}

/* PABEAN_TEST_CORPUS=DIR: the parts before compression, as the fuzz target takes them. */
static void test_corpus(void **state)
{
	const char *dir = getenv("PABEAN_TEST_CORPUS");
	(void)state;
	for (unsigned i = 0; dir && i < 4; i++) {
		struct sample s = { .arena = ARENA(4 * MIB) };
		AUTO_BUF stored = BUF(MIB), raw = BUF(MIB);
		char path[200];
		s.r.arena = &s.arena;
		if (i)
			sample_init(&s);
		if (i > 1)
			enrich(&s, i * 4);
		if (i == 3)
			s.r.findings.n = 2;
		encoded(&s.r, &stored);
		struct rd in = rd_of(slice_from(buf_slice(&stored), 4));
		for (int k = 0; k < 2; k++) {
			size_t size = rd_varint(&in), n = rd_varint(&in);
			struct slice frame = rd_bytes(&in, n);
			if (!k)
				buf_put_le32(&raw, (uint32_t)size);
			assert_true(buf_reserve(&raw, size));
			assert_int_equal(ZSTD_decompress(raw.p + raw.n, size, frame.p, frame.n), size);
			raw.n += size;
		}
		snprintf(path, sizeof(path), "%s/sample%u", dir, i);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		assert_true(fd >= 0 && write(fd, raw.p, raw.n) == (ssize_t)raw.n);
		close(fd);
		arena_free(&s.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same), cmocka_unit_test(test_judged), cmocka_unit_test(test_empty),
					    cmocka_unit_test(test_damaged), cmocka_unit_test(test_corpus) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
