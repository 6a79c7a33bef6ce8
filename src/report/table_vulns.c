/* Vulnerabilities, one row a package: what is installed, what to update to, which CVEs. Packages of one source that share version and
 * CVEs are one row. The rows stand under the layer that brought them. */
#include <stdio.h>
#include <stdlib.h>
#include "table.h"

enum { ROWS_SHOWN = 20, NAMES_KEPT = 16 };

/* A run of findings with equal package name, type and version, in `order`. */
struct row {
	size_t first, n;		/* into the sorted array */
	size_t cves, fixed, exploited, wont_fix;
	enum severity worst;
	struct slice installed, update;
	int layer;
	uint64_t key;			/* equal for rows that say the same of different packages */
	struct slice names[NAMES_KEPT];
	size_t n_names;
};

struct rows { const struct finding **all; size_t n; struct row *items; size_t n_items; };

static int layer_of(const struct finding *f) { return f->evidence.n ? f->evidence.items[0].layer : -1; }

static int by_package(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a, *y = *(const struct finding *const *)b;
	int c = layer_of(x) - layer_of(y);
	c = c ? c : slice_cmp(x->package_name, y->package_name);
	c = c ? c : slice_cmp(x->package_type, y->package_type);
	c = c ? c : slice_cmp(x->installed_version, y->installed_version);
	c = c ? c : (int)y->exploited - (int)x->exploited;
	c = c ? c : (int)y->severity - (int)x->severity;
	c = c ? c : slice_cmp(x->subject, y->subject);
	return c ? c : strcmp(x->id, y->id);
}

static bool same_package(const struct finding *a, const struct finding *b)
{
	return layer_of(a) == layer_of(b) && slice_eq(a->package_name, b->package_name) && slice_eq(a->package_type, b->package_type) &&
	       slice_eq(a->installed_version, b->installed_version);
}

static void add_to_row(struct row *row, const struct finding *f, const struct finding *before)
{
	row->n++;
	if (before && slice_eq(before->subject, f->subject))
		return;		/* the same CVE of the same package in another place */
	row->cves++;
	row->fixed += f->fixed_version.n > 0;
	row->exploited += f->exploited;
	row->wont_fix += slice_eqs(f->fix_state, "wont-fix");
	row->worst = MAX(row->worst, f->severity);
	if (f->fixed_version.n && (!row->update.n || t_version_cmp(f->fixed_version, row->update) > 0))
		row->update = f->fixed_version;
	row->key = row->key * 0x100000001b3u ^ slice_hash(f->subject) ^ slice_hash(f->fixed_version);
}

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return slice_cmp(x->names[0], y->names[0]);
}

static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = (y->exploited > 0) - (x->exploited > 0);
	c = c ? c : (int)y->worst - (int)x->worst;
	c = c ? c : (y->update.n > 0) - (x->update.n > 0);
	c = c ? c : (y->cves > x->cves) - (y->cves < x->cves);
	c = c ? c : slice_cmp(x->names[0], y->names[0]);
	c = c ? c : slice_cmp(x->installed, y->installed);
	return c ? c : x->layer - y->layer;
}

static void merge_rows(struct rows *rows)
{
	size_t kept = 0;
	qsort(rows->items, rows->n_items, sizeof(*rows->items), by_key);
	for (size_t i = 0; i < rows->n_items; i++) {
		struct row *last = kept ? &rows->items[kept - 1] : NULL, *row = &rows->items[i];
		if (last && last->key == row->key && last->cves == row->cves && last->layer == row->layer &&
		    slice_eq(last->installed, row->installed) && slice_eq(last->update, row->update) && last->n_names < NAMES_KEPT)
			last->names[last->n_names++] = row->names[0];
		else
			rows->items[kept++] = *row;
	}
	rows->n_items = kept;
	qsort(rows->items, rows->n_items, sizeof(*rows->items), by_weight);
}

static bool make_rows(const struct report *r, struct rows *rows)
{
	rows->all = calloc(r->findings.n + 1, sizeof(*rows->all));
	for (size_t i = 0; rows->all && i < r->findings.n; i++)
		if (r->findings.items[i].kind == KIND_VULNERABILITY && r->findings.items[i].shown)
			rows->all[rows->n++] = &r->findings.items[i];
	if (!rows->all)
		return false;
	qsort(rows->all, rows->n, sizeof(*rows->all), by_package);
	size_t packages = 0;
	for (size_t i = 0; i < rows->n; i++)
		packages += !i || !same_package(rows->all[i - 1], rows->all[i]);
	rows->items = calloc(packages + 1, sizeof(*rows->items));
	for (size_t i = 0; rows->items && i < rows->n; i++) {
		const struct finding *f = rows->all[i];
		bool fresh = !i || !same_package(rows->all[i - 1], f);
		if (fresh)
			rows->items[rows->n_items++] = (struct row){ .first = i, .installed = f->installed_version, .layer = layer_of(f),
								     .key = slice_hash(f->installed_version), .names = { f->package_name },
								     .n_names = 1 };
		add_to_row(&rows->items[rows->n_items - 1], f, fresh ? NULL : rows->all[i - 1]);
	}
	if (!rows->items)
		return false;
	merge_rows(rows);
	return true;
}

/* --- Printing ---------------------------------------------------------------------------------------------------------- */

/* "openssl, libssl3 +2" in at most max columns. */
static void names(struct buf *b, const struct row *row, unsigned max, bool all)
{
	unsigned used = 0;
	for (size_t i = 0; i < row->n_names; i++) {
		unsigned w = t_columns(row->names[i]) + (i ? 2 : 0);
		if (i && !all && used + w + (i + 1 < row->n_names ? 4 : 0) > max) {
			buf_printf(b, " +%zu", row->n_names - i);
			return;
		}
		buf_printf(b, "%s%.*s", i ? ", " : "", SLICE_ARG(row->names[i]));
		used += w;
	}
}

static void versions(const struct table *t, struct buf *b, const struct row *row)
{
	buf_printf(b, "%.*s", SLICE_ARG(slice_upto(row->installed, 200)));
	if (row->update.n)
		buf_printf(b, " %s %.*s", t_arrow(t), SLICE_ARG(slice_upto(row->update, 200)));
	else if (row->wont_fix == row->cves)
		buf_puts(b, ", will not be fixed");
	else
		buf_puts(b, ", no fix yet");
}

static void cves(struct table *t, const struct rows *rows, const struct row *row, unsigned indent)
{
	unsigned at = indent, max = t->width;
	size_t told = 0;
	const struct finding *before = NULL;
	AUTO_BUF head = BUF(128);
	if (row->cves > 1 && row->fixed && row->fixed < row->cves)
		buf_printf(&head, "fixes %zu of %zu: ", row->fixed, row->cves);
	else if (row->cves > 3)
		buf_printf(&head, "%zu: ", row->cves);
	out_put(t->out, buf_slice(&head));
	at += (unsigned)head.n;
	for (size_t i = row->first; i < row->first + row->n; i++) {
		const struct finding *f = rows->all[i];
		if (before && slice_eq(before->subject, f->subject))
			continue;
		before = f;
		struct slice name = f->subject.n ? f->subject : f->rule;
		unsigned w = t_columns(name) + (f->exploited ? 11 : 0), sep = told ? 2 : 0;
		size_t left = row->cves - told;
		if (told && at + sep + w + (left > 1 ? 6 : 0) > max) {
			if (!t->o->verbose) {
				out_printf(t->out, " +%zu", left);
				return;
			}
			out_putc(t->out, ',');
			t_newline(t, indent);
			at = indent;
			sep = 0;
		}
		out_puts(t->out, sep ? ", " : "");
		t_fit(t, name, 60);
		if (f->exploited) {
			t_style(t, RED);
			out_puts(t->out, " exploited!");
			t_style(t, PLAIN);
		}
		at += sep + w;
		told++;
	}
}

static void row_lines(struct table *t, const struct rows *rows, const struct row *row, unsigned name_width)
{
	AUTO_BUF label = BUF(64 * KIB);
	AUTO_BUF what = BUF(4 * KIB);
	const struct finding *f = rows->all[row->first];
	unsigned room = t->width - TEXT_COLUMN;
	names(&label, row, name_width, t->o->verbose);
	versions(t, &what, row);
	unsigned name_columns = t_columns(buf_slice(&label)), what_columns = t_columns(buf_slice(&what));
	t_severity(t, row->worst);
	t_style(t, BOLD);
	t_fit(t, buf_slice(&label), t->o->verbose ? MAX(room, name_columns) : room);
	t_style(t, PLAIN);
	unsigned at = TEXT_COLUMN + MAX(name_columns, name_width) + 2;
	if (at + what_columns <= t->width) {
		t_spaces(t, at - TEXT_COLUMN - name_columns);
	} else if (TEXT_COLUMN + name_columns + 2 + what_columns <= t->width) {
		t_spaces(t, t->width - TEXT_COLUMN - name_columns - what_columns);
	} else {
		t_newline(t, TEXT_COLUMN + 2);
	}
	if (row->update.n)
		t_style(t, GREEN);
	t_fit(t, buf_slice(&what), t->width - TEXT_COLUMN - 2);
	if (row->update.n)
		t_style(t, PLAIN);
	bool system = slice_eqs(f->package_type, "deb") || slice_eqs(f->package_type, "rpm") || slice_eqs(f->package_type, "apk");
	if (!system && f->evidence.n && f->evidence.items[0].path.n) {
		struct place p = place_of(f->evidence.items[0].path);
		AUTO_BUF b = BUF(16 * KIB);
		buf_printf(&b, "%s", p.slash ? "/" : "");
		buf_put_slice(&b, slice_upto(p.path, 8 * KIB));
		if (row->n > row->cves)
			buf_puts(&b, " and elsewhere");
		t_newline(t, TEXT_COLUMN + 2);
		t_style(t, CYAN);
		t_fit(t, buf_slice(&b), t->width - TEXT_COLUMN - 2);
		t_style(t, PLAIN);
	}
	t_newline(t, TEXT_COLUMN + 2);
	cves(t, rows, row, TEXT_COLUMN + 2);
	out_putc(t->out, '\n');
}

/* Column for names: as wide as the chosen rows need, at most two fifths of the line. */
static unsigned name_column(const struct table *t, const struct rows *rows, size_t shown)
{
	unsigned most = 12, limit = (t->width - TEXT_COLUMN) * 2 / 5;
	for (size_t i = 0; i < shown; i++) {
		AUTO_BUF b = BUF(64 * KIB);
		names(&b, &rows->items[i], limit, false);
		most = MAX(most, t_columns(buf_slice(&b)));
	}
	return MIN(most, limit);
}

static void print_rows(struct table *t, struct rows *rows)
{
	size_t shown = t->o->verbose ? rows->n_items : MIN(rows->n_items, (size_t)ROWS_SHOWN);
	unsigned name_width = name_column(t, rows, shown);
	bool *done = calloc(shown + 1, sizeof(*done));
	if (!done)
		return;
	for (size_t i = 0; i < shown; i++) {
		int layer = rows->items[i].layer;
		if (done[i])
			continue;
		if (layer >= 0 && t->r->layers.n > 1) {
			t_spaces(t, 2);
			t_layer(t, layer, 2);
			out_putc(t->out, '\n');
		}
		for (size_t k = i; k < shown; k++) {
			if (!done[k] && rows->items[k].layer == layer) {
				row_lines(t, rows, &rows->items[k], name_width);
				done[k] = true;
			}
		}
	}
	free(done);
	if (shown < rows->n_items) {
		uint64_t left[SEV_COUNT] = { 0 };
		AUTO_BUF b = BUF(512);
		for (size_t i = shown; i < rows->n_items; i++)
			left[rows->items[i].worst]++;
		buf_printf(&b, "%zu more %s (", rows->n_items - shown, rows->n_items - shown == 1 ? "row" : "rows");
		t_counts(&b, left);
		buf_puts(&b, "): --verbose lists them");
		t_spaces(t, TEXT_COLUMN);
		t_style(t, DIM);
		t_wrap(t, buf_slice(&b), TEXT_COLUMN, TEXT_COLUMN, 0);
		t_style(t, PLAIN);
		out_putc(t->out, '\n');
	}
}

void t_vulnerabilities(struct table *t)
{
	struct rows rows = { 0 };
	uint64_t counts[SEV_COUNT] = { 0 };
	AUTO_BUF extra = BUF(256);
	if (!make_rows(t->r, &rows)) {
		if (!t->out->err.code)
			(void)err_set(&t->out->err, ERR_NOMEM, 0, "out of memory for the table");
	} else if (rows.n) {
		size_t packages = 0;
		for (size_t i = 0; i < rows.n; i++) {
			counts[rows.all[i]->severity]++;
			packages += !i || !same_package(rows.all[i - 1], rows.all[i]);
		}
		t_number(&extra, rows.n);
		buf_printf(&extra, " in %zu %s: ", packages, packages == 1 ? "package" : "packages");
		t_heading(t, KIND_VULNERABILITY, buf_cstr(&extra), counts);
		print_rows(t, &rows);
	}
	free(rows.all);
	free(rows.items);
}
