/* The schema pabean.scan/1: docs/scan.schema.json. */
#include <stdio.h>
#include "os.h"
#include "out.h"

static void path(struct json *j, struct slice raw)
{
	struct place p = place_of(raw);
	AUTO_BUF b = BUF(MIB);
	if (p.slash)
		buf_putc(&b, '/');
	buf_put_slice(&b, p.path);
	if (b.failed)
		j->o->b.failed = true;
	jw_raw(j, "path", buf_slice(&b));
}

static void layer(struct json *j, const struct layer_info *l)
{
	jw_open(j, NULL, '{');
	jw_text_or_null(j, "digest", l->digest);
	jw_text_or_null(j, "diff_id", l->diff_id);
	jw_text_or_null(j, "media_type", l->media_type);
	report_json_number(j, "size_bytes", l->size_bytes);
	report_json_number(j, "uncompressed_bytes", l->uncompressed_bytes);
	report_json_number(j, "files", l->files);
	jw_raw(j, "created_by", l->created_by);
	jw_bool(j, "base", l->base);
	jw_close(j, '}');
}

static void image(struct json *j, const struct report *r)
{
	jw_open(j, "image", '{');
	jw_raw(j, "reference", r->reference);
	report_json_text(j, "transport", r->transport);
	jw_text_or_null(j, "digest", r->digest);
	jw_text_or_null(j, "index_digest", r->index_digest);
	jw_text_or_null(j, "config_digest", r->config_digest);
	jw_text_or_null(j, "platform", r->platform);
	jw_list(j, "other_platforms", &r->other_platforms);
	jw_open(j, "os", '{');
	jw_text_or_null(j, "id", r->os.id);
	jw_text_or_null(j, "version_id", r->os.version_id);
	jw_text_or_null(j, "name", r->os.name);
	jw_text_or_null(j, "codename", r->os.codename);
	jw_bool(j, "end_of_life", r->os.end_of_life);
	jw_text_or_null(j, "end_of_life_date", r->os.eol_date);
	jw_close(j, '}');
	jw_open(j, "layers", '[');
	for (size_t i = 0; i < r->layers.n; i++)
		layer(j, &r->layers.items[i]);
	jw_close(j, ']');
	jw_close(j, '}');
}

static void verdict(struct json *j, const struct verdict *v)
{
	jw_open(j, "verdict", '{');
	report_json_text(j, "decision", slice_str(decision_name(v->decision)));
	jw_open(j, "reasons", '[');
	for (size_t i = 0; i < v->reasons.n; i++) {
		const struct verdict_reason *reason = &v->reasons.items[i];
		jw_open(j, NULL, '{');
		report_json_text(j, "rule", reason->rule);
		report_json_text(j, "effect", reason->decision == DECISION_ADMIT ? SL("warn") : slice_str(decision_name(reason->decision)));
		report_json_text(j, "text", reason->text);
		jw_list(j, "findings", &reason->findings);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_text_or_null(j, "policy_digest", v->policy_digest);
	jw_text_or_null(j, "expires", v->expires);
	jw_list(j, "notes", &v->notes);
	jw_close(j, '}');
}

static void summary(struct json *j, const struct report *r)
{
	uint64_t severities[SEV_COUNT] = { 0 }, kinds[KIND_COUNT] = { 0 }, shown = 0, waived = 0;
	for (size_t i = 0; i < r->findings.n; i++) {
		const struct finding *f = &r->findings.items[i];
		if (!f->shown)
			continue;
		shown++;
		waived += f->waived_by.n > 0;
		severities[f->severity]++;
		kinds[f->kind]++;
	}
	jw_open(j, "summary", '{');
	jw_open(j, "findings", '{');
	for (int s = SEV_CRITICAL; s >= SEV_UNKNOWN; s--)
		report_json_number(j, severity_name((enum severity)s), severities[s]);
	jw_close(j, '}');
	jw_open(j, "kinds", '{');
	for (unsigned k = 0; k < KIND_COUNT; k++)
		report_json_number(j, finding_kind_name((enum finding_kind)k), kinds[k]);
	jw_close(j, '}');
	report_json_number(j, "waived", waived);
	report_json_number(j, "not_shown", r->findings.n - shown);
	report_json_number(j, "packages", r->packages.n);
	report_json_number(j, "files", r->total_files);
	report_json_number(j, "bytes", r->total_bytes);
	jw_close(j, '}');
}

static void evidence(struct json *j, const struct report *r, const struct evidence *ev)
{
	bool has_layer = ev->layer >= 0 && (size_t)ev->layer < r->layers.n;
	jw_open(j, NULL, '{');
	jw_int_or_null(j, "layer", ev->layer);
	jw_text_or_null(j, "diff_id", has_layer ? r->layers.items[ev->layer].diff_id : SLICE_NULL);
	path(j, ev->path);
	if (ev->has_offset)
		report_json_number(j, "offset", ev->offset);
	else
		jw_null(j, "offset");
	jw_text_or_null(j, "sha256", ev->sha256);
	if (ev->excerpt.n)
		jw_raw(j, "excerpt", ev->excerpt);
	else
		jw_null(j, "excerpt");
	jw_bool(j, "hidden", ev->hidden);
	jw_close(j, '}');
}

static void scores(struct json *j, const struct finding *f)
{
	if (f->cvss_vector.n || f->cvss_score > 0) {
		jw_open(j, "cvss", '{');
		jw_text_or_null(j, "vector", f->cvss_vector);
		jw_real(j, "score", f->cvss_score, 1);
		jw_close(j, '}');
	} else {
		jw_null(j, "cvss");
	}
	if (f->has_epss) {
		jw_open(j, "epss", '{');
		jw_real(j, "score", f->epss_score, 5);
		jw_real(j, "percentile", f->epss_percentile, 5);
		jw_text_or_null(j, "date", f->epss_date);
		jw_close(j, '}');
	} else {
		jw_null(j, "epss");
	}
	jw_bool(j, "exploited", f->exploited);
	if (f->exploited) {
		jw_open(j, "kev", '{');
		jw_text_or_null(j, "added", f->kev_added);
		jw_text_or_null(j, "due", f->kev_due);
		jw_bool(j, "ransomware", f->kev_ransomware);
		jw_close(j, '}');
	} else {
		jw_null(j, "kev");
	}
}

static void finding(struct json *j, const struct report *r, const struct finding *f)
{
	char published[21] = "";
	if (f->published_s)
		os_format_time(f->published_s, published);
	jw_open(j, NULL, '{');
	report_json_text(j, "id", slice_str(f->id));
	report_json_text(j, "rule", f->rule);
	report_json_text(j, "kind", slice_str(finding_kind_name(f->kind)));
	report_json_text(j, "severity", slice_str(severity_name(f->severity)));
	report_json_text(j, "title", f->title);
	report_json_text(j, "description", f->description);
	report_json_text(j, "advice", f->advice);
	jw_open(j, "evidence", '[');
	for (size_t i = 0; i < f->evidence.n; i++)
		evidence(j, r, &f->evidence.items[i]);
	jw_close(j, ']');
	jw_text_or_null(j, "package", f->package);
	jw_text_or_null(j, "installed_version", f->installed_version);
	jw_text_or_null(j, "fixed_version", f->fixed_version);
	jw_text_or_null(j, "fix_state", f->fix_state);
	jw_list(j, "aliases", &f->aliases);
	scores(j, f);
	jw_list(j, "references", &f->references);
	jw_text_or_null(j, "published", slice_str(published));
	jw_bool(j, "hidden", f->hidden);
	jw_bool(j, "reachable", f->reachable);
	jw_bool(j, "base_layer", f->base_layer);
	jw_text_or_null(j, "disposition", f->disposition);
	jw_text_or_null(j, "waived_by", f->waived_by);
	jw_close(j, '}');
}

static void package(struct json *j, const struct package *p)
{
	jw_open(j, NULL, '{');
	report_json_text(j, "purl", p->purl);
	report_json_text(j, "type", p->type);
	report_json_text(j, "name", p->name);
	report_json_text(j, "version", p->version);
	jw_text_or_null(j, "source_name", p->source_name);
	jw_text_or_null(j, "source_version", p->source_version);
	jw_text_or_null(j, "arch", p->arch);
	path(j, p->path);
	jw_int_or_null(j, "layer", p->layer);
	jw_open(j, "licenses", '[');
	if (p->license.n)
		report_json_text(j, NULL, p->license);
	jw_close(j, ']');
	jw_text_or_null(j, "owner", p->owner);
	jw_bool(j, "declared", p->declared);
	jw_close(j, '}');
}

static void coverage(struct json *j, const struct report *r)
{
	static const char *const classes[] = { NULL, "layer", "executable", "data", "budget" };
	jw_open(j, "coverage", '{');
	jw_bool(j, "complete", r->complete);
	jw_open(j, "skipped", '[');
	for (size_t i = 0; i < r->skipped.n; i++) {
		const struct skipped_item *s = &r->skipped.items[i];
		bool known = s->cls > 0 && (size_t)s->cls < ARRAY_LEN(classes);
		jw_open(j, NULL, '{');
		jw_int_or_null(j, "layer", s->layer);
		path(j, s->path);
		report_json_text(j, "reason", s->reason);
		jw_text_or_null(j, "detail", s->detail);
		jw_text_or_null(j, "class", known ? slice_str(classes[s->cls]) : SLICE_NULL);
		report_json_number(j, "bytes", s->bytes);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_close(j, '}');
}

static void data(struct json *j, const struct report *r)
{
	jw_open(j, "data", '{');
	jw_open(j, "advisories", '{');
	jw_text_or_null(j, "built", r->advisories_built);
	jw_text_or_null(j, "source", r->advisories_source);
	report_json_number(j, "records", r->advisories_records);
	jw_open(j, "ecosystems", '{');
	for (size_t i = 0; i < r->ecosystems.n; i++) {
		jw_member(j, r->ecosystems.items[i].name);
		out_printf(j->o, "%llu", (unsigned long long)r->ecosystems.items[i].records);
	}
	jw_close(j, '}');
	jw_close(j, '}');
	jw_open(j, "intel", '{');
	jw_text_or_null(j, "built", r->intel_built);
	jw_text_or_null(j, "digest", r->intel_digest);
	report_json_number(j, "records", r->intel_records);
	jw_close(j, '}');
	jw_open(j, "yara", '{');
	jw_text_or_null(j, "digest", r->yara_digest);
	report_json_number(j, "rules", r->yara_rules);
	jw_close(j, '}');
	jw_open(j, "analyzers", '{');
	for (size_t i = 0; i < r->analyzers.n; i++) {
		jw_member(j, r->analyzers.items[i].name);
		out_printf(j->o, "%u", r->analyzers.items[i].version);
	}
	jw_close(j, '}');
	jw_close(j, '}');
}

void report_json(struct json *j, const struct report *r, const struct report_options *o)
{
	jw_open(j, NULL, '{');
	report_json_text(j, "schema", SL("pabean.scan/1"));
	report_json_text(j, "version", slice_str(o->version));
	image(j, r);
	verdict(j, &r->verdict);
	summary(j, r);
	jw_open(j, "findings", '[');
	for (size_t i = 0; i < r->findings.n; i++)
		if (r->findings.items[i].shown)
			finding(j, r, &r->findings.items[i]);
	jw_close(j, ']');
	jw_open(j, "packages", '[');
	for (size_t i = 0; i < r->packages.n; i++)
		package(j, &r->packages.items[i]);
	jw_close(j, ']');
	coverage(j, r);
	data(j, r);
	if (o->stats) {
		jw_open(j, "stats", '[');
		for (size_t i = 0; i < r->stats.n; i++) {
			jw_open(j, NULL, '{');
			report_json_text(j, "name", r->stats.items[i].name);
			report_json_number(j, "value", r->stats.items[i].value);
			report_json_text(j, "unit", r->stats.items[i].unit);
			jw_close(j, '}');
		}
		jw_close(j, ']');
	}
	jw_close(j, '}');
}
