/* A sink that collects what threat_file emits, and one-call judging. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "view.h"

struct seen {
	struct fact_sink sink;
	struct sign_set signs, decoded;
	struct buf tokens, refs, skipped;	/* one a line: "KIND VALUE", "x:WORD", reason */
	bool script, undecodable;
	unsigned facts;
};

static struct threat_set *the_set;
static struct threat_stream *the_stream;

static enum err_code seen_emit(struct fact_sink *sink, const struct fact *f, struct err *e)
{
	struct seen *s = (struct seen *)sink;
	(void)e;
	s->facts++;
	if (f->type == FACT_SIGN) {
		int i = threat_sign_index(f->sign.rule);
		assert_true(i >= 0);
		assert_true(f->sign.excerpt.n <= 200);
		sign_set_add(&s->signs, i);
		if (f->sign.flags & SIGN_F_DECODED)
			sign_set_add(&s->decoded, i);
	} else if (f->type == FACT_TOKEN) {
		buf_printf(&s->tokens, "%u %.*s\n", (unsigned)f->token.kind, SLICE_ARG(f->token.value));
	} else if (f->type == FACT_SCRIPT) {
		struct slice rest = f->script.refs, item;
		s->script = true;
		s->undecodable = f->script.undecodable;
		while (fact_list_next(&rest, &item))
			buf_printf(&s->refs, "%.*s\n", SLICE_ARG(item));
	} else if (f->type == FACT_SKIPPED) {
		buf_printf(&s->skipped, "%.*s\n", SLICE_ARG(f->skipped.reason));
	}
	return OK;
}

struct test_hits { struct threat_hit items[65536]; size_t n; };
static void test_on_hit(void *arg, uint32_t id, uint64_t end)
{
	struct test_hits *h = arg;
	if (h->n < ARRAY_LEN(h->items))
		h->items[h->n++] = (struct threat_hit){ id, end };
}

static inline int set_up(void **state)
{
	struct err e;
	(void)state;
	if (threat_set_compile(&the_set, &e) != OK || threat_stream_open(the_set, &the_stream, &e) != OK) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	threat_stream_close(the_stream);
	threat_set_free(the_set);
	return 0;
}

static inline void seen_free(struct seen *s)
{
	buf_free(&s->tokens);
	buf_free(&s->refs);
	buf_free(&s->skipped);
}
#define AUTO_SEEN [[gnu::cleanup(seen_free)]] struct seen

static inline struct seen judge_text(const char *path, struct slice text, enum file_class cls, enum script_lang lang)
{
	static struct test_hits hits;
	struct seen s = { .sink = { seen_emit }, .tokens = BUF(MIB), .refs = BUF(MIB), .skipped = BUF(MIB) };
	AUTO_ARENA a = ARENA(64 * MIB);
	struct err e;
	hits.n = 0;
	assert_int_equal(threat_block_scan(the_stream, text, test_on_hit, &hits, &e), OK);
	struct threat_file f = { .path = slice_str(path), .content = text, .size = text.n, .cls = cls, .lang = lang, .executable = true,
		.hits = hits.items, .n_hits = hits.n };
	if (threat_file(the_stream, &f, &s.sink, &a, &e) != OK)
		fail_msg("%s", e.msg);
	return s;
}

static inline bool seen_sign(const struct seen *s, const char *id)
{
	return sign_set_has(&s->signs, threat_sign_index(slice_str(id)));
}
static inline bool seen_group(const struct seen *s, const char *group)
{
	for (size_t i = 0; i < threat_sign_count; i++)
		if (sign_set_has(&s->signs, (int)i) && !strcmp(threat_signs[i].group, group))
			return true;
	return false;
}
