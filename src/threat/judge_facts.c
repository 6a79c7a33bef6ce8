/* Facts that are nearly findings: integrity, gaps in what was inspected, YARA matches. */
#include "judge_private.h"

struct integrity_row { const char *what; enum severity severity; const char *title, *advice; };
static const char rebuild[] = "Build the image again with a current tool. If it comes from others, do not use it before they explain this.";
/* medium and above hold by the default policy: readers would see different things, so no verdict holds for all of them. */
static const struct integrity_row integrity_rows[] = {
	{ "tar.duplicate", SEV_MEDIUM, "A layer holds the same path twice", rebuild },
	{ "tar.whiteout-and-entry", SEV_MEDIUM, "A layer both brings and deletes the same path", rebuild },
	{ "tar.whiteout-name", SEV_MEDIUM, "A whiteout that runtimes read differently", rebuild },
	{ "tar.whiteout-content", SEV_MEDIUM, "A whiteout that carries content", rebuild },
	{ "tar.below-link", SEV_MEDIUM, "A layer has entries below what a lower layer made a link or a file", rebuild },
	{ "tar.below-file", SEV_MEDIUM, "A layer has entries below something that is no directory", rebuild },
	{ "tar.unclean-name", SEV_MEDIUM, "Names in a layer that are equal only after cleaning", rebuild },
	{ "tar.escape", SEV_HIGH, "Names in a layer that lead out of the image", "Do not use this image: unpacking it may overwrite files of the host." },
	{ "tar.nul-in-name", SEV_HIGH, "Names in a layer with a NUL byte", rebuild },
	{ "tar.two-names", SEV_HIGH, "An entry with two names: tools would unpack different files", rebuild },
	{ "tar.two-sizes", SEV_HIGH, "An entry with two sizes: tools would see different archives", rebuild },
	{ "tar.slash-file", SEV_MEDIUM, "A file whose name ends like a directory's", rebuild },
	{ "tar.unknown-type", SEV_MEDIUM, "An archive entry of unknown type", rebuild },
	{ "tar.trailing", SEV_MEDIUM, "Bytes behind the end of a layer's archive", rebuild },
	{ "tar.hardlink-missing", SEV_MEDIUM, "A hard link to a file that is not there", rebuild },
	{ "tar.checksum", SEV_MEDIUM, "A header with a wrong checksum", rebuild },
	{ "tar.pax-twice", SEV_MEDIUM, "An entry whose extended header contradicts itself", rebuild },
	{ "tar.size-without-data", SEV_MEDIUM, "An entry without content that claims a size", rebuild },
	{ "tar.signed-checksum", SEV_LOW, "A header with a checksum of an old kind", rebuild },
	{ "tar.sparse", SEV_MEDIUM, "A sparse file whose map contradicts its size", rebuild },
	{ "gzip.trailing", SEV_MEDIUM, "Bytes behind the end of a compressed layer", rebuild },
	{ "zstd.trailing", SEV_MEDIUM, "Bytes behind the end of a compressed layer", rebuild },
	{ "zip.directory", SEV_MEDIUM, "An archive with two contradicting tables of contents",
	  "Unpack it with a tool that you trust and pack it again. Readers of this archive may run code that scanners do not see." },
	{ "layer.diff-id", SEV_HIGH, "A layer is not what the image's config says", "Build and push the image again: runtimes that check refuse it." },
	{ "layer.compression", SEV_MEDIUM, "A layer is compressed in a way that only some runtimes read", "Push the image again with gzip or zstd." },
	{ "media-type", SEV_LOW, "A layer is compressed in another way than its media type says", "Push the image again with a current tool." },
	{ "toc.mismatch", SEV_HIGH, "A layer's table of contents contradicts the layer",
	  "Do not use this image: runtimes that start it lazily would run other files than those that were inspected." },
	{ "elf.overlay", SEV_LOW, "A program with data behind its end", "Look at what it carries." },
};

static const struct integrity_row *integrity_row(struct slice what)
{
	for (size_t i = 0; i < ARRAY_LEN(integrity_rows); i++)
		if (slice_eqs(what, integrity_rows[i].what))
			return &integrity_rows[i];
	return NULL;
}

enum err_code judge_integrity(struct threat_judge *j, const struct judge_file *f, const struct fact_integrity *i, struct err *e)
{
	struct arena *a = j->r->arena;
	const struct integrity_row *row = integrity_row(i->what);
	/* A broken archive that a distribution ships as a test, and that nothing runs, is a note. */
	bool mild = slice_has_prefix(i->what, SL("zip.")) && !f->reachable && (f->owned || f->inner.n);
	const char *rule = (const char *)arena_printf(a, "%s%.*s", slice_find_byte(i->what, '.') > 0 ? "" : "integrity.", SLICE_ARG(i->what)).p;
	struct judge_text t = { .rule = rule ? rule : "integrity", .kind = KIND_INTEGRITY,
		.severity = mild ? SEV_INFO : row ? row->severity : SEV_MEDIUM,
		.title = row ? row->title : "Something contradicts its own description", .description = "", .advice = row ? row->advice : rebuild };
	struct spot spot = { .has_offset = i->offset != 0, .offset = i->offset };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &t, SLICE_NULL, &d, &fresh, e));
	draft_raise(d, t.severity);
	if (fresh)
		d->f.description = i->detail.n ? arena_printf(a, "%s. Readers of the same bytes may come to different files.", judge_shown(j, i->detail))
					       : SL("Readers of the same bytes may come to different files.");
	return draft_evidence(j, d, f, &spot, e);
}

/* --- Gaps ----------------------------------------------------------------------------------------------------------------- */

static const struct judge_text gap_layer = { "coverage.layer", KIND_COVERAGE, SEV_HIGH, "A layer was not inspected to its end", "",
	"Scan again; if it stays, the layer is of a kind that cannot be judged: do not use it before somebody looked at it." };
static const struct judge_text gap_code = { "coverage.executable", KIND_COVERAGE, SEV_MEDIUM, "Code that can run was not inspected", "",
	"Look at these files yourself, or have the image built without them." };
static const struct judge_text gap_budget = { "coverage.budget", KIND_COVERAGE, SEV_HIGH, "An archive expands to more than the budget", "",
	"If the archive is meant to be that large, raise the budget (--expand-bytes, --expand-entries, --expand-depth)." };
static const struct judge_text gap_data = { "coverage.data", KIND_COVERAGE, SEV_INFO, "Data that nothing runs was not inspected", "",
	"Nothing to do, unless something in the image runs what is in these files." };

/* SCAN.md 15: what nothing runs, or what a distribution ships unchanged, is data; what the image runs is code whatever it is. */
static uint64_t gap_class(const struct judge_file *f, const struct fact_skipped *s)
{
	if (s->cls == SKIP_DATA && f->reachable)
		return SKIP_EXECUTABLE;
	if (s->cls == SKIP_EXECUTABLE && f->owned && !f->reachable)
		return SKIP_DATA;
	return s->cls;
}

enum err_code judge_skipped(struct threat_judge *j, const struct judge_file *f, const struct fact_skipped *s, struct err *e)
{
	uint64_t cls = gap_class(f, s);
	const struct judge_text *t = cls == SKIP_LAYER ? &gap_layer : cls == SKIP_BUDGET ? &gap_budget : cls == SKIP_DATA ? &gap_data : &gap_code;
	struct spot spot = { .excerpt = s->detail };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, t, s->reason, &d, &fresh, e));
	if (fresh) {
		const char *why = judge_shown(j, s->reason);
		d->f.title = arena_printf(j->r->arena, "%s: %s", t->title, why);
		d->f.description = arena_printf(j->r->arena, "pabean could not look inside (%s%s%s), so its verdict does not cover it.", why,
						s->detail.n ? "; " : "", s->detail.n ? judge_shown(j, s->detail) : "");
		d->f.skip_class = cls == SKIP_LAYER ? FINDING_SKIP_LAYER : cls == SKIP_BUDGET ? FINDING_SKIP_BUDGET :
				  cls == SKIP_DATA ? FINDING_SKIP_DATA : FINDING_SKIP_EXECUTABLE;
	}
	return draft_evidence(j, d, f, &spot, e);
}

/* --- YARA ------------------------------------------------------------------------------------------------------------------ */

static struct slice meta_value(const struct fact_yara *y, const char *key)
{
	struct slice rest = y->meta, item;
	size_t n = strlen(key);
	while (fact_list_next(&rest, &item))
		if (item.n > n && item.p[n] == '=' && slice_eq_nocase(slice_upto(item, n), slice_str(key)))
			return slice_trim(slice_from(item, n + 1));
	return SLICE_NULL;
}

static bool contains(struct slice s, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= s.n; i++)
		if (slice_eq_nocase(slice_sub(s, i, n), slice_str(word)))
			return true;
	return false;
}

static enum finding_kind yara_kind(const struct fact_yara *y)
{
	static const struct { const char *word; enum finding_kind kind; } words[] = {
		{ "miner", KIND_MINER }, { "coinmin", KIND_MINER }, { "cryptojack", KIND_MINER }, { "hacktool", KIND_ATTACK_TOOL },
		{ "hack_tool", KIND_ATTACK_TOOL }, { "attack-tool", KIND_ATTACK_TOOL }, { "attack_tool", KIND_ATTACK_TOOL }, { "ddos", KIND_ATTACK_TOOL },
		{ "scanner", KIND_ATTACK_TOOL },
	};
	enum finding_kind said;
	if (finding_kind_parse(meta_value(y, "kind"), &said) && said <= KIND_ATTACK_TOOL)
		return said;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (contains(y->tags, words[i].word) || contains(meta_value(y, "category"), words[i].word) || contains(y->rule, words[i].word))
			return words[i].kind;
	return KIND_MALWARE;
}

static enum severity yara_severity(const struct fact_yara *y)
{
	enum severity s;
	uint64_t score;
	if (severity_parse(meta_value(y, "severity"), &s) && s != SEV_UNKNOWN)
		return s;
	/* `score` as several public collections use it: 0..100. */
	if (slice_to_u64(meta_value(y, "score"), &score))
		return score >= 90 ? SEV_CRITICAL : score >= 65 ? SEV_HIGH : score >= 50 ? SEV_MEDIUM : score >= 30 ? SEV_LOW : SEV_INFO;
	if (contains(y->tags, "info"))
		return SEV_INFO;
	return SEV_HIGH;
}

enum err_code judge_yara(struct threat_judge *j, const struct judge_file *f, const struct fact_yara *y, struct err *e)
{
	struct arena *a = j->r->arena;
	struct slice name = arena_printf(a, "yara.%s", judge_shown(j, y->rule)), about = meta_value(y, "description");
	struct judge_text t = { .rule = name.p ? (const char *)name.p : "yara", .kind = yara_kind(y), .severity = yara_severity(y), .title = "",
		.description = "", .advice = "Look at what the rule's author says about a match; do not run the image before you know." };
	struct spot spot = { .has_offset = true, .offset = y->offset, .excerpt = y->excerpt };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &t, y->space, &d, &fresh, e));
	if (fresh) {
		d->f.title = about.n ? arena_printf(a, "YARA rule %s: %s", judge_shown(j, y->rule), judge_shown(j, about))
				     : arena_printf(a, "YARA rule %s matches", judge_shown(j, y->rule));
		struct slice author = meta_value(y, "author");
		d->f.description = arena_printf(a, "A rule given with --yara matches%s%s%s%s.", y->space.n ? " (file " : "", y->space.n ?
			judge_shown(j, y->space) : "", y->space.n ? ")" : "", author.n ? "; its author is named in the rule" : "");
		struct slice ref = meta_value(y, "reference"), *slot = ref.n ? ARENA_PUSH(a, &d->f.references) : NULL;
		if (slot)
			*slot = arena_dup(a, ref);
	}
	return draft_evidence(j, d, f, &spot, e);
}
