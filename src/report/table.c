/* The table: the verdict, why, what the image is; then the findings, gravest kinds first. */
#include "table.h"
#include <stdio.h>

static void verdict_line(struct table *t)
{
	static const struct { const char *word; enum style style; } words[] = {
		[DECISION_ADMIT] = { "ADMIT", ON_GREEN }, [DECISION_HOLD] = { "HOLD", ON_YELLOW }, [DECISION_REFUSE] = { "REFUSE", ON_RED },
	};
	enum decision d = t->r->verdict.decision;
	unsigned at = (unsigned)strlen(words[d].word) + 2;
	t_style(t, words[d].style);
	if (t->o->color) {
		out_putc(t->out, ' ');	/* the coloured word stands in a box */
		at += 2;
	}
	out_puts(t->out, words[d].word);
	if (t->o->color)
		out_putc(t->out, ' ');
	t_style(t, PLAIN);
	out_puts(t->out, "  ");
	t_style(t, BOLD);
	AUTO_BUF b = BUF(64 * KIB);
	buf_put_slice(&b, t->r->reference);
	if (t->r->platform.n)
		buf_printf(&b, " (%.*s)", SLICE_ARG(t->r->platform));
	t_wrap(t, buf_slice(&b), at, at, 0);
	t_style(t, PLAIN);
	out_putc(t->out, '\n');
}

static void reason_line(struct table *t, const char *word, enum style style, struct slice text)
{
	AUTO_BUF b = BUF(64 * KIB);
	out_puts(t->out, "  ");
	t_style(t, style);
	out_puts(t->out, word);
	t_style(t, PLAIN);
	t_spaces(t, 8 - (unsigned)strlen(word));
	buf_put_slice(&b, slice_upto(text, 32 * KIB));
	if (text.n && text.p[text.n - 1] != '.')
		buf_putc(&b, '.');
	t_wrap(t, buf_slice(&b), 10, 10, t->o->verbose ? 0 : 4);
	out_putc(t->out, '\n');
}

static void nothing_against(struct table *t)
{
	uint64_t open = 0, waived = 0;
	for (size_t i = 0; i < t->r->findings.n; i++) {
		waived += t->r->findings.items[i].waived_by.n > 0;
		open += !t->r->findings.items[i].waived_by.n;
	}
	AUTO_BUF b = BUF(512);
	if (!open && !waived) {
		buf_puts(&b, "Nothing was found.");
	} else {
		t_number(&b, open);
		buf_puts(&b, open == 1 ? " finding, and it is not against the policy" : " findings, none of them against the policy");
		if (waived)
			buf_printf(&b, "; %llu accepted by waivers", (unsigned long long)waived);
	}
	reason_line(t, "admit", GREEN, buf_slice(&b));
}

static void reasons(struct table *t)
{
	const struct verdict *v = &t->r->verdict;
	if (v->decision == DECISION_ADMIT)
		nothing_against(t);
	for (size_t i = 0; i < v->reasons.n; i++) {
		const struct verdict_reason *reason = &v->reasons.items[i];
		if (reason->decision == DECISION_REFUSE)
			reason_line(t, "refuse", RED, reason->text);
		else if (reason->decision == DECISION_HOLD)
			reason_line(t, "hold", YELLOW, reason->text);
		else
			reason_line(t, "warn", YELLOW, reason->text);
	}
	for (size_t i = 0; i < v->notes.n; i++)
		reason_line(t, "note", DIM, v->notes.items[i]);
	if (v->expires.n) {
		AUTO_BUF b = BUF(256);
		buf_printf(&b, "This verdict ends %.*s, with the first waiver it rests on.", SLICE_ARG(v->expires));
		reason_line(t, "note", DIM, buf_slice(&b));
	}
}

static void count(struct table *t, struct buf *b, uint64_t n, const char *one, const char *many)
{
	if (b->n)
		buf_puts(b, t_dot(t));
	t_number(b, n);
	buf_printf(b, " %s", n == 1 ? one : many);
}

static void about(struct table *t)
{
	const struct report *r = t->r;
	AUTO_BUF b = BUF(64 * KIB);
	char size[24];
	size_t base = 0;
	for (size_t i = 0; i < r->layers.n; i++)
		base += r->layers.items[i].base;
	if (r->os.name.n)
		buf_put_slice(&b, slice_upto(r->os.name, 200));
	else if (r->os.id.n)
		buf_printf(&b, "%.*s %.*s", SLICE_ARG(r->os.id), SLICE_ARG(r->os.version_id));
	else
		buf_puts(&b, "no operating system named");
	if (r->os.end_of_life)
		buf_printf(&b, " (past its end of life%s%.*s)", r->os.eol_date.n ? ", " : "", SLICE_ARG(r->os.eol_date));
	count(t, &b, r->layers.n, "layer", "layers");
	if (base)
		buf_printf(&b, " (%zu of the base image)", base);
	count(t, &b, r->packages.n, "package", "packages");
	count(t, &b, r->total_files, "file", "files");
	buf_printf(&b, "%s%s%s", t_dot(t), text_format_size(size, sizeof(size), r->total_bytes), t_dot(t));
	if (r->advisories_records)
		buf_printf(&b, "advisories of %.*s", SLICE_ARG(slice_upto(r->advisories_built, 10)));
	else
		buf_puts(&b, "no advisories");
	t_spaces(t, 2);
	t_style(t, DIM);
	t_wrap(t, buf_slice(&b), 2, 2, 0);
	if (r->digest.n) {
		t_newline(t, 2);
		t_fit(t, r->digest, t->width - 2);
	}
	t_style(t, PLAIN);
	out_putc(t->out, '\n');
}

static void not_shown(struct table *t)
{
	uint64_t n = 0;
	for (size_t i = 0; i < t->r->findings.n; i++)
		n += !t->r->findings.items[i].shown;
	if (!n)
		return;
	AUTO_BUF b = BUF(256);
	out_putc(t->out, '\n');
	t_number(&b, n);
	buf_printf(&b, " more %s left out by the options or the policy.", n == 1 ? "finding is" : "findings are");
	t_spaces(t, 2);
	t_style(t, DIM);
	t_wrap(t, buf_slice(&b), 2, 2, 0);
	t_style(t, PLAIN);
	out_putc(t->out, '\n');
}

static void stats(struct table *t)
{
	out_puts(t->out, "\nSTATS\n");
	for (size_t i = 0; i < t->r->stats.n; i++) {
		const struct stat_item *s = &t->r->stats.items[i];
		AUTO_BUF b = BUF(256);
		t_spaces(t, 2);
		unsigned w = t_fit(t, s->name, 40);
		t_spaces(t, 42 - MIN(w, 41u));
		if (slice_eqs(s->unit, "ns"))
			buf_printf(&b, "%.3f s", (double)s->value / 1e9);
		else
			t_number(&b, s->value);
		if (!slice_eqs(s->unit, "ns"))
			buf_printf(&b, " %.*s", SLICE_ARG(s->unit));
		t_fit(t, buf_slice(&b), 40);
		out_putc(t->out, '\n');
	}
}

void t_heading(struct table *t, enum finding_kind kind, const char *extra, const uint64_t counts[SEV_COUNT])
{
	static const char *const titles[KIND_COUNT] = { "MALWARE", "MINER", "ATTACK TOOLS", "VULNERABILITIES", "MISCONFIGURATION", "NAME",
							"INTEGRITY", "COVERAGE" };
	AUTO_BUF b = BUF(KIB);
	out_putc(t->out, '\n');
	t_style(t, BOLD);
	out_puts(t->out, titles[kind]);
	t_style(t, PLAIN);
	buf_puts(&b, extra);
	t_counts(&b, counts);
	out_puts(t->out, "  ");
	t_style(t, DIM);
	t_wrap(t, buf_slice(&b), (unsigned)strlen(titles[kind]) + 2, 2, 0);
	t_style(t, PLAIN);
	out_putc(t->out, '\n');
}

void report_table(struct out *out, const struct report *r, const struct report_options *o)
{
	static const enum finding_kind order[] = { KIND_MALWARE, KIND_MINER, KIND_ATTACK_TOOL, KIND_NAME, KIND_INTEGRITY, KIND_COVERAGE,
						   KIND_VULNERABILITY, KIND_MISCONFIGURATION };
	struct table t = { .out = out, .r = r, .o = o, .width = MAX(o->width, 40u) };
	verdict_line(&t);
	out_putc(out, '\n');
	reasons(&t);
	out_putc(out, '\n');
	about(&t);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (order[i] == KIND_VULNERABILITY)
			t_vulnerabilities(&t);
		else
			t_findings(&t, order[i]);
	}
	not_shown(&t);
	if (o->stats)
		stats(&t);
}
