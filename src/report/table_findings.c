/* One kind of findings: severity, what, where (place, layer and what made it), what to do. */
#include <stdio.h>
#include "table.h"

enum { FINDINGS_SHOWN = 10, PLACES_SHOWN = 3, EXCERPT_COLUMNS = 160 };

/* Small things are counted, not listed, unless the verdict rests on them. */
static bool is_minor(const struct table *t, const struct finding *f)
{
	return !t->o->verbose && (f->severity == SEV_INFO || f->waived_by.n) && (!f->disposition.n || slice_eqs(f->disposition, "ignore"));
}

static void place(struct table *t, const struct finding *f, const struct evidence *ev)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct place p = place_of(ev->path);
	t_newline(t, TEXT_COLUMN);
	if (p.slash)
		buf_putc(&b, '/');
	buf_put_slice(&b, slice_upto(p.path, 8 * KIB));
	if (ev->has_offset && (t->o->verbose || ev->offset))
		buf_printf(&b, ", byte %llu", (unsigned long long)ev->offset);
	if (ev->hidden)
		buf_puts(&b, f->hidden ? " (hidden by a later layer, still shipped)" : " (hidden)");
	t_style(t, CYAN);
	t_wrap(t, buf_slice(&b), TEXT_COLUMN, TEXT_COLUMN + 2, t->o->verbose ? 0 : 3);
	t_style(t, PLAIN);
	if (ev->layer >= 0 && (size_t)ev->layer < t->r->layers.n) {
		t_newline(t, TEXT_COLUMN + 2);
		t_layer(t, ev->layer, TEXT_COLUMN + 2);
	}
	if (ev->excerpt.n) {
		t_newline(t, TEXT_COLUMN + 2);
		unsigned max = MIN(t->width - TEXT_COLUMN - 4, (unsigned)EXCERPT_COLUMNS);
		out_putc(t->out, '"');
		t_fit(t, ev->excerpt, max);
		out_putc(t->out, '"');
	}
}

static void hint(struct table *t, const char *lead, struct slice text, unsigned max_lines)
{
	unsigned at = TEXT_COLUMN + t_columns(slice_str(lead)) + 1;
	t_newline(t, TEXT_COLUMN);
	out_puts(t->out, lead);
	out_putc(t->out, ' ');
	t_wrap(t, text, at, at, max_lines);
}

static void finding(struct table *t, const struct finding *f)
{
	size_t places = t->o->verbose ? f->evidence.n : MIN(f->evidence.n, (size_t)PLACES_SHOWN);
	AUTO_BUF title = BUF(64 * KIB);
	t_severity(t, f->severity);
	buf_put_slice(&title, slice_upto(f->title, 16 * KIB));
	if (f->package_name.n && slice_find(f->title, f->package_name) < 0)
		buf_printf(&title, " (%.*s %.*s)", SLICE_ARG(f->package_name), SLICE_ARG(f->installed_version));
	t_style(t, BOLD);
	t_wrap(t, buf_slice(&title), TEXT_COLUMN, TEXT_COLUMN, 0);
	t_style(t, PLAIN);
	for (size_t i = 0; i < places; i++)
		if (!slice_has_prefix(f->evidence.items[i].path, SL("data:")))	/* the data of pabean itself: nowhere in the image */
			place(t, f, &f->evidence.items[i]);
	if (f->evidence.n > places) {
		t_newline(t, TEXT_COLUMN);
		out_printf(t->out, "and %zu more %s", f->evidence.n - places, f->evidence.n - places == 1 ? "place" : "places");
	}
	if (t->o->verbose && f->description.n)
		hint(t, "why:", f->description, 0);
	if (f->advice.n)
		hint(t, t_arrow(t), f->advice, t->o->verbose ? 0 : 3);
	if (f->waived_by.n)
		hint(t, "accepted:", f->waived_by, 2);
	if (t->o->verbose) {
		AUTO_BUF b = BUF(KIB);
		buf_printf(&b, "%.*s, %s", SLICE_ARG(f->rule), f->id);
		hint(t, "id:", buf_slice(&b), 0);
	}
	out_putc(t->out, '\n');
}

static void left_out(struct table *t, uint64_t info, uint64_t accepted, uint64_t capped)
{
	const struct { uint64_t n; const char *what; } parts[] = { { capped, "more" }, { info, "of severity info" }, { accepted, "accepted by waivers" } };
	uint64_t all = 0;
	AUTO_BUF b = BUF(512);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!parts[i].n)
			continue;
		buf_puts(&b, all ? ", " : "");
		t_number(&b, parts[i].n);
		buf_printf(&b, " %s", parts[i].what);
		all += parts[i].n;
	}
	if (!all)
		return;
	buf_printf(&b, " (--verbose lists %s)", all == 1 ? "it" : "them");
	t_spaces(t, TEXT_COLUMN);
	t_style(t, DIM);
	t_wrap(t, buf_slice(&b), TEXT_COLUMN, TEXT_COLUMN, 0);
	t_style(t, PLAIN);
	out_putc(t->out, '\n');
}

void t_findings(struct table *t, enum finding_kind kind)
{
	uint64_t counts[SEV_COUNT] = { 0 }, total = 0, info = 0, accepted = 0, shown = 0, capped = 0;
	for (size_t i = 0; i < t->r->findings.n; i++) {
		const struct finding *f = &t->r->findings.items[i];
		if (f->kind == kind && f->shown) {
			counts[f->severity]++;
			total++;
		}
	}
	if (!total)
		return;
	t_heading(t, kind, "", counts);
	for (size_t i = 0; i < t->r->findings.n; i++) {
		const struct finding *f = &t->r->findings.items[i];
		if (f->kind != kind || !f->shown)
			continue;
		if (is_minor(t, f)) {
			if (f->waived_by.n)
				accepted++;
			else
				info++;
		} else if (!t->o->verbose && shown >= FINDINGS_SHOWN) {
			capped++;
		} else {
			shown++;
			finding(t, f);
		}
	}
	left_out(t, info, accepted, capped);
}
