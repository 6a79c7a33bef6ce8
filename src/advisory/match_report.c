/* Hits -> findings. Everything that goes into the report is copied into its arena. */
#include "match.h"

enum { MAX_TITLE = 160 };

static struct slice keep(struct matcher *m, struct slice s) { return s.n ? arena_dup(m->r->arena, s) : SLICE_NULL; }

static void keep_list(struct matcher *m, struct slice_list *to, struct slice s)
{
	struct slice *slot = ARENA_PUSH(m->r->arena, to);
	if (slot)
		*slot = keep(m, s);
}

/* The distribution's own word first; then GHSA, other OSV records, NVD, other distributions (SCAN.md 19). The score comes from the first of
 * them that has one, even where a word decided. */
static void grade(struct matcher *m, struct finding *f, const struct hit *h, const struct cve_info *c)
{
	const struct grade *order[1 + RANK_COUNT] = { &h->own };
	for (int i = 0; i < RANK_COUNT; i++)
		order[1 + i] = c->has[i] ? &c->grades[i] : NULL;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!order[i])
			continue;
		if (f->severity == SEV_UNKNOWN)
			f->severity = grade_severity(order[i]);
		if (!f->cvss_vector.n && order[i]->vector.n && order[i]->score_tenths) {
			f->cvss_vector = keep(m, order[i]->vector);
			f->cvss_score = order[i]->score_tenths / 10.0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(order) && f->cvss_score == 0; i++)
		if (order[i] && order[i]->score_tenths)
			f->cvss_score = order[i]->score_tenths / 10.0;
}

static void known_of_cve(struct matcher *m, struct finding *f, const struct cve_info *c)
{
	f->exploited = c->kev;
	f->kev_added = keep(m, c->kev_added);
	f->kev_due = keep(m, c->kev_due);
	f->kev_ransomware = c->ransomware;
	f->has_epss = c->epss;
	f->epss_score = c->epss_score / 1e6;
	f->epss_percentile = c->epss_percentile / 1e6;
	f->epss_date = keep(m, c->epss_date);
}

static struct slice cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return slice_upto(s, max);
}

/* What to do, in one sentence. */
static struct slice advice(struct matcher *m, const struct finding *f, const struct hit *h, const struct package *p)
{
	struct arena *a = m->r->arena;
	struct slice source = p->source_name.n && !slice_eq(p->source_name, p->name) ? p->source_name : SLICE_NULL;
	if (f->kind == KIND_MALWARE)
		return arena_printf(a, "Remove %.*s and replace what it could reach: this package was published to do harm", SLICE_ARG(p->name));
	if (f->fixed_version.n)
		return arena_printf(a, "Update %.*s to %.*s%s%.*s%s", SLICE_ARG(p->name), SLICE_ARG(f->fixed_version), source.n ? " (source package " : "",
				    SLICE_ARG(source), source.n ? ")" : "");
	if (h->pro_fixed.n)
		return arena_printf(a, "Fixed in %.*s with Ubuntu Pro", SLICE_ARG(h->pro_fixed));
	if (slice_eqs(f->fix_state, "wont-fix"))
		return arena_printf(a, "The distribution will not fix it in this release; move to a newer one");
	return arena_printf(a, "No fixed version of %.*s is known yet", SLICE_ARG(p->name));
}

static void place(struct matcher *m, struct finding *f, const struct package *p)
{
	struct evidence *v = finding_add_evidence(m->r, f);
	if (!v)
		return;
	v->layer = p->layer;
	struct slice path = p->location.n ? p->location : p->path;
	v->path = path.n && *path.p != '/' ? arena_printf(m->r->arena, "/%.*s", SLICE_ARG(path)) : path;
	if (p->layer >= 0 && (size_t)p->layer < m->r->layers.n)
		f->base_layer = m->r->layers.items[p->layer].base;
}

static void describe(struct matcher *m, struct finding *f, const struct hit *h, const struct cve_info *c, const struct package *p)
{
	struct slice text = h->record.summary.n ? h->record.summary : c->text.n ? c->text : h->record.details;
	ptrdiff_t line = slice_find_byte(text, '\n');
	text = cut(line > 0 ? slice_upto(text, (size_t)line) : text, MAX_TITLE);
	if (text.n)
		f->title = arena_printf(m->r->arena, "%.*s in %.*s: %.*s", SLICE_ARG(h->subject), SLICE_ARG(p->name), SLICE_ARG(text));
	else
		f->title = arena_printf(m->r->arena, "%.*s in %.*s", SLICE_ARG(h->subject), SLICE_ARG(p->name));
	f->description = keep(m, h->record.details.n ? h->record.details : c->text.n ? c->text : h->record.summary);
}

enum err_code report_hit(struct matcher *m, const struct package *p, const struct hit *h, struct err *e)
{
	struct cve_info *c;
	bool malware = slice_has_prefix(h->subject, SL("MAL-"));
	TRY(cve_info_get(m, h->subject, &c, e));
	struct finding *f = report_add_finding(m->r);
	if (!f)
		return arena_ok(m->r->arena, "the report", e) == OK ? err_set(e, ERR_NOMEM, 0, "the report is full") : e->code;
	f->kind = malware ? KIND_MALWARE : KIND_VULNERABILITY;
	f->rule = arena_printf(m->r->arena, "%s.%.*s", malware ? "malware" : "vuln", SLICE_ARG(h->subject));
	f->subject = keep(m, h->subject);
	f->package = p->purl;
	f->package_name = p->name;
	f->package_type = p->type;
	f->installed_version = p->version;
	f->fixed_version = keep(m, h->fixed);
	bool end = slice_eqs(h->own.word, "end-of-life") || slice_eqs(h->own.word, "unimportant");
	f->fix_state = h->fixed.n ? SL("fixed") : end ? SL("wont-fix") : SL("not-fixed");
	f->severity = SEV_UNKNOWN;
	if (malware)
		f->severity = SEV_CRITICAL;
	grade(m, f, h, c);
	known_of_cve(m, f, c);
	f->published_s = h->record.published_s ? h->record.published_s : c->published_s;
	for (size_t i = 0; i < h->aliases.n; i++)
		keep_list(m, &f->aliases, h->aliases.items[i]);
	struct slice rest = h->record.references, url;
	while (name_next(&rest, &url))
		keep_list(m, &f->references, url);
	describe(m, f, h, c, p);
	f->advice = advice(m, f, h, p);
	place(m, f, p);
	finding_seal(m->r, f);
	return arena_ok(m->r->arena, "the report", e);
}
