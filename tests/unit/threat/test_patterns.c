/* Every positive and negative example of patterns/(name).list. */
#include "util.h"
#include "list.h"

static const char *const lists[] = { "hints", "miner", "scripts", "shells", "host", "attack" };

static struct slice read_list(struct arena *a, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/../../../../src/threat/patterns/%s.list", TEST_DATA, name);
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	uint8_t *p = arena_alloc(a, MIB);
	size_t n = fread(p, 1, MIB, f);
	fclose(f);
	return slice_of(p, n);
}

static enum script_lang lang_of(struct slice s)
{
	static const struct { const char *name; enum script_lang lang; } langs[] = { { "python", LANG_PYTHON }, { "js", LANG_JS },
		{ "perl", LANG_PERL }, { "php", LANG_PHP }, { "ruby", LANG_RUBY }, { "lua", LANG_LUA } };
	for (size_t i = 0; i < ARRAY_LEN(langs); i++)
		if (slice_eqs(s, langs[i].name))
			return langs[i].lang;
	return LANG_SHELL;
}

static bool row_holds(const struct list_row *row, struct slice text)
{
	bool rule = slice_eqs(row->kind, "rule"), holds = false;
	struct slice classes = list_field_get(row, "classes");
	bool bin = classes.n && (slice_has_prefix(classes, SL("bin")) || slice_has_prefix(classes, SL("elf")));
	AUTO_SEEN s = judge_text("opt/app/run", text, bin ? FILE_ELF : FILE_SCRIPT, bin ? LANG_NONE : lang_of(list_field_get(row, "lang")));
	if (!rule)
		return sign_set_has(&s.signs, threat_sign_index(row->id));
	for (size_t i = 0; i < threat_rule_count; i++)
		if (slice_eqs(row->id, threat_rules[i].id))
			holds = threat_rule_holds(&threat_rules[i], &s.signs, NULL);
	return holds;
}

static void check_row(struct arena *a, const struct list_row *row, unsigned *bad)
{
	static const struct { const char *key; bool want; } kinds[] = { { "yes", true }, { "no", false } };
	for (size_t k = 0; k < 2; k++) {
		size_t at = 0;
		for (struct slice v; (v = list_field_next(row, kinds[k].key, &at)).p;) {
			if (row_holds(row, list_example(a, v)) == kinds[k].want)
				continue;
			print_error("[%.*s] %s: %.*s\n", SLICE_ARG(row->id), kinds[k].key, SLICE_ARG(v));
			++*bad;
		}
	}
}

static void examples(void **state)
{
	(void)state;
	unsigned bad = 0;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		AUTO_ARENA a = ARENA(16 * MIB);
		struct list l = { 0 };
		struct err e;
		assert_int_equal(list_parse(&a, slice_str(lists[i]), read_list(&a, lists[i]), &l, &e), OK);
		for (size_t r = 0; r < l.n; r++)
			if (!slice_eqs(list_field_get(&l.items[r], "group"), "hint"))
				check_row(&a, &l.items[r], &bad);
	}
	assert_int_equal(bad, 0);
}

/* Every need names a sign or a group. */
static void needs_exist(void **state)
{
	(void)state;
	for (size_t i = 0; i < threat_rule_count; i++)
		for (const char *const *need = threat_rules[i].needs; *need; need++) {
			struct slice rest = slice_str(*need), word;
			while (slice_next_piece(&rest, '|', &word)) {
				bool found = false;
				word = slice_upto(word, slice_find_byte(word, '*') >= 0 ? (size_t)slice_find_byte(word, '*') : word.n);
				for (size_t k = 0; k < threat_sign_count; k++)
					found |= slice_eqs(word, threat_signs[k].id) || slice_eqs(word, threat_signs[k].group);
				if (!found)
					fail_msg("%s needs %.*s", threat_rules[i].id, SLICE_ARG(word));
			}
		}
}

static void serialized(void **state)
{
	(void)state;
	AUTO_BUF b = BUF(64 * MIB);
	struct threat_set *set = NULL;
	struct err e;
	assert_int_equal(threat_set_serialize(the_set, &b, &e), OK);
	assert_int_equal(threat_set_load(buf_slice(&b), &set, &e), OK);
	threat_set_free(set);
	for (size_t n = 0; n < b.n; n += b.n / 7 + 1)
		assert_int_equal(threat_set_load(slice_upto(buf_slice(&b), n), &set, &e), ERR_FORMAT);
	assert_int_equal(strlen(threat_pattern_digest()), 64);
}

/* Hits straddle pieces of a stream and count from its start. */
static void streamed(void **state)
{
	(void)state;
	static struct test_hits hits;
	struct slice text = SL("....mining.subscribe....mining.authorize....");
	struct threat_stream *s;
	struct err e;
	hits.n = 0;
	assert_int_equal(threat_stream_open(the_set, &s, &e), OK);
	for (size_t i = 0; i < text.n; i++)
		assert_int_equal(threat_stream_feed(s, slice_sub(text, i, 1), test_on_hit, &hits, &e), OK);
	threat_stream_close(s);
	assert_int_equal(hits.n, 2);
	assert_int_equal(hits.items[0].end, 20);
	assert_int_equal(hits.items[1].end, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(examples), cmocka_unit_test(needs_exist), cmocka_unit_test(serialized),
		cmocka_unit_test(streamed) };
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
