/* SARIF 2.1.0 (OASIS Standard, 27 March 2020): one run per image. What code scanning services need is in it: rules with
 * security-severity, a physical location for every result, stable partial fingerprints; waived findings are suppressed. */
#include <stdio.h>
#include <stdlib.h>
#include "out.h"

static const char *level_of(enum severity s)
{
	return s >= SEV_HIGH ? "error" : s == SEV_MEDIUM ? "warning" : "note";
}

static double score_of(const struct finding *f)
{
	static const double scores[SEV_COUNT] = { 0, 0.1, 2.5, 5.5, 8.0, 9.5 };
	return f->cvss_score > 0 ? f->cvss_score : scores[f->severity];
}

/* --- Rules: one for each distinct finding->rule, in byte order ------------------------------------------------------------- */

struct rules { const struct finding **items; size_t n; };	/* the gravest finding of each rule */

static int by_rule(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a, *y = *(const struct finding *const *)b;
	int c = slice_cmp(x->rule, y->rule);
	if (c)
		return c;
	double d = score_of(y) - score_of(x);
	return d < 0 ? -1 : d > 0 ? 1 : strcmp(x->id, y->id);
}

static bool collect_rules(const struct report *r, struct rules *ret)
{
	const struct finding **all = calloc(r->findings.n + 1, sizeof(*all));
	size_t n = 0, kept = 0;
	if (!all)
		return false;
	for (size_t i = 0; i < r->findings.n; i++)
		if (r->findings.items[i].shown)
			all[n++] = &r->findings.items[i];
	qsort(all, n, sizeof(*all), by_rule);
	for (size_t i = 0; i < n; i++)
		if (!kept || !slice_eq(all[kept - 1]->rule, all[i]->rule))
			all[kept++] = all[i];
	*ret = (struct rules){ all, kept };
	return true;
}

static size_t rule_index(const struct rules *rules, struct slice rule)
{
	size_t low = 0, high = rules->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (slice_cmp(rules->items[mid]->rule, rule) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void message(struct json *j, const char *key, struct slice text)
{
	jw_open(j, key, '{');
	report_json_text(j, "text", text);
	jw_close(j, '}');
}

static void rule(struct json *j, const struct finding *f)
{
	char score[16];
	snprintf(score, sizeof(score), "%.1f", score_of(f));
	jw_open(j, NULL, '{');
	report_json_text(j, "id", f->rule);
	message(j, "shortDescription", slice_upto(f->kind == KIND_VULNERABILITY && f->subject.n ? f->subject : f->title, 1000));
	message(j, "fullDescription", slice_upto(f->description.n ? f->description : f->title, 1000));
	message(j, "help", f->advice.n ? f->advice : f->title);
	if (f->references.n && slice_has_prefix(f->references.items[0], SL("https://")) && slice_find_byte(f->references.items[0], ' ') < 0)
		report_json_text(j, "helpUri", f->references.items[0]);
	jw_open(j, "defaultConfiguration", '{');
	report_json_text(j, "level", slice_str(level_of(f->severity)));
	jw_close(j, '}');
	jw_open(j, "properties", '{');
	report_json_text(j, "precision", f->weak ? SL("medium") : SL("high"));
	if (f->severity != SEV_UNKNOWN || f->cvss_score > 0)
		report_json_text(j, "security-severity", slice_str(score));
	jw_open(j, "tags", '[');
	report_json_text(j, NULL, SL("security"));
	report_json_text(j, NULL, slice_str(finding_kind_name(f->kind)));
	jw_close(j, ']');
	jw_close(j, '}');
	jw_close(j, '}');
}

/* --- Results ------------------------------------------------------------------------------------------------------------- */

static void uri(struct json *j, struct slice path)
{
	AUTO_BUF b = BUF(4 * MIB);
	while (path.n && path.p[0] == '/')
		path = slice_from(path, 1);
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/!", c));
		if (plain)
			buf_putc(&b, c);
		else
			buf_printf(&b, "%%%02X", c);
	}
	report_json_text(j, "uri", b.n ? buf_slice(&b) : SL("image"));
}

static void physical(struct json *j, const struct report *r, struct slice path, bool inside)
{
	jw_open(j, "physicalLocation", '{');
	jw_open(j, "artifactLocation", '{');
	uri(j, inside ? path : r->reference);
	if (inside)
		report_json_text(j, "uriBaseId", SL("ROOTFS"));
	jw_close(j, '}');
	jw_open(j, "region", '{');	/* services want a line; files of an image have none that means something */
	report_json_number(j, "startLine", 1);
	jw_close(j, '}');
	jw_close(j, '}');
}

static void logical(struct json *j, const struct report *r, const struct evidence *ev)
{
	AUTO_BUF name = BUF(4 * MIB);
	if (ev->layer >= 0 && (size_t)ev->layer < r->layers.n) {
		buf_put_slice(&name, r->layers.items[ev->layer].diff_id);
		buf_putc(&name, '!');
	}
	if (place_of(ev->path).slash)
		buf_putc(&name, '/');
	buf_put_slice(&name, ev->path);
	jw_open(j, "logicalLocations", '[');
	jw_open(j, NULL, '{');
	report_json_text(j, "fullyQualifiedName", buf_slice(&name));
	report_json_text(j, "kind", SL("resource"));
	jw_close(j, '}');
	jw_close(j, ']');
}

static void location(struct json *j, const struct report *r, const struct evidence *ev)
{
	bool inside = ev->path.n && (ev->path.p[0] == '/' || place_of(ev->path).slash);
	jw_open(j, NULL, '{');
	physical(j, r, ev->path, inside);
	logical(j, r, ev);
	if (ev->layer >= 0 && (size_t)ev->layer < r->layers.n && r->layers.items[ev->layer].created_by.n) {
		AUTO_BUF text = BUF(64 * KIB);
		buf_printf(&text, "layer %d, made by ", ev->layer + 1);
		text_escape(&text, slice_upto(r->layers.items[ev->layer].created_by, 4096));
		message(j, "message", buf_slice(&text));
	}
	jw_close(j, '}');
}

static void result_message(struct json *j, const struct finding *f)
{
	AUTO_BUF b = BUF(256 * KIB);
	text_escape(&b, f->title);
	if (f->package_name.n) {
		buf_puts(&b, " (");
		text_escape(&b, f->package_name);
		buf_putc(&b, ' ');
		text_escape(&b, f->installed_version);
		buf_puts(&b, f->fixed_version.n ? ", fixed in " : ", no fixed version");
		text_escape(&b, f->fixed_version);
		buf_putc(&b, ')');
	}
	if (f->advice.n) {
		buf_puts(&b, ". ");
		text_escape(&b, f->advice);
	}
	message(j, "message", buf_slice(&b));
}

static void result(struct json *j, const struct report *r, const struct finding *f, const struct rules *rules)
{
	static const struct evidence nowhere = { .layer = -1 };
	jw_open(j, NULL, '{');
	report_json_text(j, "ruleId", f->rule);
	report_json_number(j, "ruleIndex", rule_index(rules, f->rule));
	report_json_text(j, "level", slice_str(level_of(f->severity)));
	result_message(j, f);
	jw_open(j, "locations", '[');
	for (size_t i = 0; i < MIN(f->evidence.n, (size_t)10); i++)
		location(j, r, &f->evidence.items[i]);
	if (!f->evidence.n)
		location(j, r, &nowhere);
	jw_close(j, ']');
	jw_open(j, "partialFingerprints", '{');
	report_json_text(j, "pabeanFinding/v1", slice_str(f->id));
	jw_close(j, '}');
	if (f->waived_by.n) {
		jw_open(j, "suppressions", '[');
		jw_open(j, NULL, '{');
		report_json_text(j, "kind", SL("external"));
		report_json_text(j, "status", SL("accepted"));
		report_json_text(j, "justification", f->waived_by);
		jw_close(j, '}');
		jw_close(j, ']');
	}
	jw_open(j, "properties", '{');
	report_json_text(j, "severity", slice_str(severity_name(f->severity)));
	report_json_text(j, "kind", slice_str(finding_kind_name(f->kind)));
	jw_bool(j, "hidden", f->hidden);
	jw_bool(j, "exploited", f->exploited);
	jw_text_or_null(j, "package", f->package);
	jw_text_or_null(j, "fixedVersion", f->fixed_version);
	jw_close(j, '}');
	jw_close(j, '}');
}

/* --- Runs ------------------------------------------------------------------------------------------------------------------ */

void report_sarif_begin(struct json *j)
{
	jw_open(j, NULL, '{');
	report_json_text(j, "$schema", SL("https://json.schemastore.org/sarif-2.1.0.json"));
	report_json_text(j, "version", SL("2.1.0"));
	jw_open(j, "runs", '[');
}

void report_sarif_end(struct json *j)
{
	jw_close(j, ']');
	jw_close(j, '}');
}

static void driver(struct json *j, const struct rules *rules, const struct report_options *o)
{
	jw_open(j, "tool", '{');
	jw_open(j, "driver", '{');
	report_json_text(j, "name", SL("pabean"));
	report_json_text(j, "version", slice_str(o->version));
	report_json_text(j, "semanticVersion", slice_str(o->version));
	jw_open(j, "rules", '[');
	for (size_t i = 0; i < rules->n; i++)
		rule(j, rules->items[i]);
	jw_close(j, ']');
	jw_close(j, '}');
	jw_close(j, '}');
}

static void run_properties(struct json *j, const struct report *r)
{
	AUTO_BUF id = BUF(MIB);
	buf_puts(&id, "pabean/");
	text_escape(&id, r->reference);
	buf_printf(&id, "/%.*s", SLICE_ARG(r->platform));
	jw_open(j, "automationDetails", '{');
	report_json_text(j, "id", buf_slice(&id));
	jw_close(j, '}');
	jw_open(j, "originalUriBaseIds", '{');
	jw_open(j, "ROOTFS", '{');
	report_json_text(j, "uri", SL("file:///"));
	jw_close(j, '}');
	jw_close(j, '}');
	report_json_text(j, "columnKind", SL("unicodeCodePoints"));
	jw_open(j, "properties", '{');
	jw_raw(j, "image", r->reference);
	jw_text_or_null(j, "digest", r->digest);
	jw_text_or_null(j, "platform", r->platform);
	report_json_text(j, "decision", slice_str(decision_name(r->verdict.decision)));
	jw_text_or_null(j, "policyDigest", r->verdict.policy_digest);
	jw_bool(j, "complete", r->complete);
	jw_close(j, '}');
}

void report_sarif_run(struct json *j, const struct report *r, const struct report_options *o, struct out *out)
{
	struct rules rules;
	if (!collect_rules(r, &rules)) {
		if (!out->err.code)
			(void)err_set(&out->err, ERR_NOMEM, 0, "out of memory for a SARIF report");
		return;
	}
	jw_open(j, NULL, '{');
	driver(j, &rules, o);
	run_properties(j, r);
	jw_open(j, "results", '[');
	for (size_t i = 0; i < r->findings.n; i++)
		if (r->findings.items[i].shown)
			result(j, r, &r->findings.items[i], &rules);
	jw_close(j, ']');
	jw_close(j, '}');
	free(rules.items);
}
