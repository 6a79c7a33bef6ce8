/* Build tool: pattern lists -> C tables (`threat_pack c OUT LIST...`) or the rule reference (`threat_pack md OUT LIST...`;
 * `threat_pack check DOC LIST...` fails when DOC is not what `md` would write). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include "list.h"

static const char *const class_names[] = { "empty", "data", "text", "elf", "elf_lib", "elf_obj", "script", "bytecode", "archive", "pe",
	"config", "doc", "pkg_index" };

static _Noreturn void die(const struct list_row *r, const char *what, struct slice value)
{
	fprintf(stderr, "%.*s:%u: [%.*s] %s: %.*s\n", SLICE_ARG(r->file), r->line, SLICE_ARG(r->id), what, SLICE_ARG(value));
	exit(1);
}

/* "code" and "bin" stand for several. */
static void put_classes(struct buf *out, const struct list_row *r)
{
	struct slice rest = list_field_get(r, "classes"), word;
	if (!rest.n)
		rest = SL("code");
	buf_puts(out, "0");
	while (slice_next_piece(&rest, ' ', &word)) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(class_names); i++) {
			bool in = slice_eqs(word, class_names[i]) || (slice_eqs(word, "code") && (i == 2 || i == 6 || i == 10)) ||
				(slice_eqs(word, "bin") && (i == 3 || i == 4 || i == 5 || i == 7 || i == 9));
			if (!in)
				continue;
			known = true;
			buf_printf(out, " | 1u << %zu", i);
		}
		if (!known)
			die(r, "unknown class", word);
	}
}

static void put_string(struct buf *out, struct slice s)
{
	if (!s.p) {
		buf_puts(out, "NULL");
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, '"');
}

static size_t blob_n;
static void put_masked(struct buf *blob, struct slice s)
{
	for (size_t i = 0; i < s.n; i++, blob_n++)
		buf_printf(blob, "%u,%s", (unsigned)(uint8_t)(s.p[i] ^ 0xa5 ^ (blob_n * 29 & 0xff)), blob_n % 32 == 31 ? "\n" : "");
}

/* A literal as a regex; U+2423 stands for a space at its ends. */
static struct slice quote_regex(struct arena *a, struct slice s)
{
	char *out = arena_alloc(a, 4 * s.n + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < s.n; i++) {
		if (s.n - i >= 3 && !memcmp(s.p + i, "\xe2\x90\xa3", 3)) {
			out[n++] = ' ';
			i += 2;
			continue;
		}
		if (!isalnum(s.p[i]) && s.p[i] < 0x80)
			out[n++] = '\\';
		out[n++] = (char)s.p[i];
	}
	return slice_of(out, n);
}

static bool is_rule(const struct list_row *r) { return slice_eqs(r->kind, "rule"); }
static bool is_sign(const struct list_row *r) { return slice_eqs(r->kind, "sign"); }
static bool is_hint(const struct list_row *r) { return slice_eqs(list_field_get(r, "group"), "hint"); }
static bool has_flag(const struct list_row *r, const char *flag)
{
	struct slice rest = list_field_get(r, "flags"), word;
	while (slice_next_piece(&rest, ' ', &word))
		if (slice_eqs(word, flag))
			return true;
	return false;
}

static struct slice need(const struct list_row *r, const char *key)
{
	struct slice v = list_field_get(r, key);
	if (!v.n)
		die(r, "this field is missing", slice_str(key));
	return v;
}

struct out { struct buf signs, by, patterns, blob, rules, words; unsigned n_signs, n_patterns, n_rules, n_words; };

static unsigned put_patterns(struct arena *a, struct out *o, const struct list_row *r, const char *key, bool literal, unsigned flags)
{
	unsigned count = 0;
	size_t at = 0;
	for (struct slice v; (v = list_field_next(r, key, &at)).p; count++, o->n_patterns++) {
		struct slice p = literal ? quote_regex(a, v) : v;
		buf_printf(&o->patterns, "\t{ %zu, %zu, %u, %u },\n", blob_n, p.n, o->n_signs, flags);
		put_masked(&o->blob, p);
	}
	return count;
}

static void put_sign(struct arena *a, struct out *o, const struct list_row *r)
{
	unsigned nocase = has_flag(r, "nocase");
	unsigned finds = put_patterns(a, o, r, "find", true, nocase) + put_patterns(a, o, r, "find.re", false, nocase);
	unsigned confirms = put_patterns(a, o, r, "confirm", false, nocase | 2);
	if (!finds && !slice_eqs(list_field_get(r, "check"), "wallet") && !has_flag(r, "code"))
		die(r, "no pattern", SLICE_NULL);
	buf_puts(&o->signs, "\t{ ");
	put_string(&o->signs, r->id);
	buf_puts(&o->signs, ", ");
	put_string(&o->signs, need(r, "group"));
	buf_puts(&o->signs, ", ");
	put_string(&o->signs, need(r, "text"));
	buf_puts(&o->signs, ", ");
	put_classes(&o->signs, r);
	buf_printf(&o->signs, ", %s },\n", has_flag(r, "weak") ? "true" : "false");
	static const char *const checks[] = { "none", "stratum", "public-ip", "pool", "wallet", "targets" };
	struct slice check = list_field_get(r, "check");
	unsigned c = 0;
	while (check.n && c < ARRAY_LEN(checks) && !slice_eqs(check, checks[c]))
		c++;
	if (c == ARRAY_LEN(checks))
		die(r, "unknown check", check);
	uint64_t before = 0, after = 0;
	struct slice around = list_field_get(r, "around"), word;
	if (around.n && (!slice_next_piece(&around, ' ', &word) || !slice_to_u64(word, &before) || !slice_to_u64(around, &after)))
		die(r, "around = BEFORE AFTER", around);
	buf_printf(&o->by, "\t{ %u, %u, %u, %u, %s },\n", c, (unsigned)before, (unsigned)after, confirms, is_hint(r) ? "true" : "false");
	o->n_signs++;
}

static void put_needs(struct out *o, const struct list_row *r)
{
	size_t at = 0, count = 0;
	buf_puts(&o->rules, "{ ");
	for (struct slice v; (v = list_field_next(r, "needs", &at)).p; count++) {
		put_string(&o->rules, v);
		buf_puts(&o->rules, ", ");
	}
	if (!count || count > 4)
		die(r, "one to four needs", SLICE_NULL);
	buf_puts(&o->rules, "NULL }");
}

static const char *enum_of(const struct list_row *r, struct slice word, const char *prefix)
{
	static char text[2][64];
	static unsigned turn;
	char *t = text[turn ^= 1];
	int n = snprintf(t, sizeof(text[0]), "%s%.*s", prefix, SLICE_ARG(word));
	if (n <= 0 || (size_t)n >= sizeof(text[0]))
		die(r, "too long", word);
	for (char *p = t; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return t;
}

static void put_rule(struct out *o, const struct list_row *r)
{
	struct slice reachable = list_field_get(r, "reachable");
	buf_puts(&o->rules, "\t{ ");
	put_string(&o->rules, r->id);
	buf_printf(&o->rules, ", %s", enum_of(r, need(r, "kind"), "KIND_"));
	buf_printf(&o->rules, ", %s, ", enum_of(r, need(r, "severity"), "SEV_"));
	buf_printf(&o->rules, "%s, ", enum_of(r, reachable.n ? reachable : need(r, "severity"), "SEV_"));
	put_classes(&o->rules, r);
	buf_printf(&o->rules, ", %s | %s | %s, ", has_flag(r, "weak") ? "RULE_WEAK" : "0", has_flag(r, "image") ? "RULE_IMAGE" : "0",
		   has_flag(r, "reachable") ? "RULE_REACHABLE" : "0");
	put_needs(o, r);
	static const char *const texts[] = { "excepts", "supersedes", "title", "about", "advice" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_puts(&o->rules, ", ");
		put_string(&o->rules, i < 2 ? list_field_get(r, texts[i]) : need(r, texts[i]));
	}
	buf_puts(&o->rules, " },\n");
	o->n_rules++;
}

static void put_words(struct out *o, const struct list_row *r)
{
	struct slice v = need(r, "words");
	buf_puts(&o->words, "\t{ ");
	put_string(&o->words, r->id);
	buf_printf(&o->words, ", %zu, %zu },\n", blob_n, v.n);
	put_masked(&o->blob, v);
	o->n_words++;
}

/* FNV-1a over all tables four times with different starts: names a version, protects from nothing. */
static void put_digest(struct buf *b, const struct out *o)
{
	/* raise with every change of the judging code: facts of an older one are made anew */
	enum { CODE_VERSION = 1 };
	const struct buf *all[] = { &o->signs, &o->by, &o->patterns, &o->blob, &o->words };
	buf_puts(b, "const char threat_pattern_digest_text[] = \"");
	for (uint64_t k = 1; k <= 4; k++) {
		uint64_t h = 0xcbf29ce484222325u * (k + 4 * CODE_VERSION);
		for (size_t i = 0; i < ARRAY_LEN(all); i++)
			for (size_t j = 0; j < all[i]->n; j++)
				h = (h ^ all[i]->p[j]) * 0x100000001b3u;
		buf_printf(b, "%016llx", (unsigned long long)h);
	}
	buf_puts(b, "\";\n");
}

static void check_examples(const struct list_row *r)
{
	if (!slice_eqs(r->kind, "words") && !is_hint(r) && (!list_field_get(r, "yes").n || !list_field_get(r, "no").n))
		die(r, "needs a positive and a negative example", SLICE_NULL);
}

static void make_c(struct arena *a, const struct list *l, struct buf *b)
{
	struct out o = { BUF(MIB), BUF(MIB), BUF(MIB), BUF(4 * MIB), BUF(MIB), BUF(MIB), 0, 0, 0, 0 };
	for (size_t i = 0; i < l->n; i++) {
		check_examples(&l->items[i]);
		if (is_sign(&l->items[i]))
			put_sign(a, &o, &l->items[i]);
		else if (is_rule(&l->items[i]))
			put_rule(&o, &l->items[i]);
		else if (slice_eqs(l->items[i].kind, "words"))
			put_words(&o, &l->items[i]);
		else
			die(&l->items[i], "unknown kind of row", l->items[i].kind);
	}
	if (o.n_signs > 384)
		die(&l->items[0], "more signs than SIGN_SET_MAX", SLICE_NULL);
	buf_puts(b, "/* made by threat_pack from patterns/ */\n#include \"table.h\"\n");
	const struct { const char *head; const struct buf *body; const char *count; unsigned n; } parts[] = {
		{ "const struct threat_sign threat_signs[] = {\n", &o.signs, "threat_sign_count", o.n_signs },
		{ "const struct threat_judge_by threat_judge_by[] = {\n", &o.by, NULL, 0 },
		{ "const struct threat_pattern threat_patterns[] = {\n", &o.patterns, "threat_pattern_count", o.n_patterns },
		{ "const struct threat_rule threat_rules[] = {\n", &o.rules, "threat_rule_count", o.n_rules },
		{ "const struct threat_words threat_words[] = {\n", &o.words, "threat_words_count", o.n_words },
		{ "const uint8_t threat_pattern_blob[] = {\n", &o.blob, NULL, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_puts(b, parts[i].head);
		buf_put_slice(b, buf_slice(parts[i].body));
		buf_puts(b, "};\n");
		if (parts[i].count)
			buf_printf(b, "const size_t %s = %u;\n", parts[i].count, parts[i].n);
	}
	put_digest(b, &o);
	struct buf *all[] = { &o.signs, &o.by, &o.patterns, &o.blob, &o.rules, &o.words };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i]->failed)
			b->failed = true;
		buf_free(all[i]);
	}
}

static void md_rule(const struct list_row *r, struct buf *b)
{
	struct slice reachable = list_field_get(r, "reachable"), classes = list_field_get(r, "classes"), v;
	buf_printf(b, "### `%.*s`\n\n**%.*s** · %.*s · %.*s", SLICE_ARG(r->id), SLICE_ARG(need(r, "title")), SLICE_ARG(need(r, "kind")),
		   SLICE_ARG(need(r, "severity")));
	if (reachable.n)
		buf_printf(b, ", %.*s where the image runs it", SLICE_ARG(reachable));
	buf_printf(b, "\n\n%.*s\n\n* What to do: %.*s\n* Counts in: %.*s%s%s%s\n", SLICE_ARG(need(r, "about")), SLICE_ARG(need(r, "advice")),
		   SLICE_ARG(classes.n ? classes : SL("code")), has_flag(r, "image") ? "; signs may stand in different files of the image" : "",
		   has_flag(r, "weak") ? "; muted in unchanged files of a distribution package" : "",
		   has_flag(r, "reachable") ? "; only where the image runs it" : "");
	size_t at = 0;
	while ((v = list_field_next(r, "needs", &at)).p)
		buf_printf(b, "* Needs: `%.*s`\n", SLICE_ARG(v));
	if ((v = list_field_get(r, "excepts")).p)
		buf_printf(b, "* Not together with: `%.*s`\n", SLICE_ARG(v));
	buf_puts(b, "\n");
}

static void make_md(const struct list *l, struct buf *b)
{
	buf_puts(b, "# Rules\n\nMade from `src/threat/patterns/*.list` by `threat_pack`; do not edit (`make rules` writes it anew).\n\n"
		"A **sign** is something found and confirmed in a file; a **rule** says which signs together are a finding. `group*3` asks for\n"
		"three different signs of a group, `a|b` for one of two. Classes: `code` is scripts, configuration and text that the image runs;\n"
		"`bin` is ELF and PE files and bytecode.\n\n## Rules\n\n");
	for (size_t i = 0; i < l->n; i++)
		if (is_rule(&l->items[i]))
			md_rule(&l->items[i], b);
	buf_puts(b, "## Signs\n\n| sign | group | classes | weak | what it is |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < l->n; i++) {
		const struct list_row *r = &l->items[i];
		struct slice classes = list_field_get(r, "classes");
		if (is_sign(r) && !is_hint(r))
			buf_printf(b, "| `%.*s` | %.*s | %.*s | %s | %.*s |\n", SLICE_ARG(r->id), SLICE_ARG(need(r, "group")),
				   SLICE_ARG(classes.n ? classes : SL("code")), has_flag(r, "weak") ? "yes" : "", SLICE_ARG(need(r, "text")));
	}
}

static struct slice read_all(struct arena *a, const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(1);
	}
	uint8_t *p = arena_alloc(a, MIB);
	size_t n = p ? fread(p, 1, MIB, f) : 0;
	fclose(f);
	return slice_of(p, n);
}

static int write_all(const char *path, struct slice s)
{
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(s.p, 1, s.n, f) == s.n;
	if (f && fclose(f))
		ok = false;
	if (!ok)
		perror(path);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	AUTO_ARENA a = ARENA(256 * MIB);
	AUTO_BUF out = BUF(8 * MIB);
	struct list l = { 0 };
	struct err e;
	if (argc < 4) {
		fprintf(stderr, "usage: threat_pack c|md|check FILE LIST...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		const char *name = strrchr(argv[i], '/');
		if (list_parse(&a, slice_str(name ? name + 1 : argv[i]), read_all(&a, argv[i]), &l, &e) != OK) {
			fprintf(stderr, "%s\n", e.msg);
			return 1;
		}
	}
	if (argv[1][0] == 'm' || !strcmp(argv[1], "check"))
		make_md(&l, &out);
	else
		make_c(&a, &l, &out);
	if (out.failed) {
		fprintf(stderr, "threat_pack: tables too large\n");
		return 1;
	}
	if (strcmp(argv[1], "check"))
		return write_all(argv[2], buf_slice(&out));
	if (slice_eq(read_all(&a, argv[2]), buf_slice(&out)))
		return 0;
	fprintf(stderr, "%s is not up to date\n", argv[2]);
	return 1;
}
