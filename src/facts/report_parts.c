/* What a stored report is made of. A change of anything here is another REPORT_STORE_VERSION. */
#include "report_io.h"
#include "base.h"

/* A field that is added must be added here, too. */
_Static_assert(sizeof(struct finding) == 464 && sizeof(struct evidence) == 80 && sizeof(struct package) == 216 && sizeof(struct layer_info) == 96 &&
	       sizeof(struct report) == 1072, "a field of a report is not stored yet");

static const struct col finding_cols[] = {
	COL(finding, rule, COL_STR), COL_OF(finding, kind, KIND_COUNT), COL_OF(finding, severity, SEV_COUNT), COL(finding, subject, COL_STR),
	COL(finding, package, COL_STR), COL(finding, package_name, COL_STR), COL(finding, package_type, COL_STR),
	COL(finding, installed_version, COL_STR), COL(finding, fixed_version, COL_STR), COL(finding, fix_state, COL_STR), COL(finding, title, COL_STR),
	COL(finding, aliases, COL_LIST), COL(finding, cvss_score, COL_FRACTION), COL(finding, exploited, COL_BOOL), COL(finding, kev_ransomware, COL_BOOL),
	COL(finding, has_epss, COL_BOOL), COL(finding, epss_score, COL_FRACTION), COL(finding, published_s, COL_U64), COL(finding, hidden, COL_BOOL),
	COL(finding, reachable, COL_BOOL), COL(finding, base_layer, COL_BOOL), COL(finding, owned, COL_BOOL), COL(finding, weak, COL_BOOL),
	COL_OF(finding, skip_class, FINDING_SKIP_BUDGET + 1), COL(finding, disposition, COL_STR), COL(finding, waived_by, COL_STR),
	COL(finding, shown, COL_BOOL), COL(finding, from_advisories, COL_BOOL), COL(finding, id, COL_ID),
};
static const struct col finding_text_cols[] = {
	COL(finding, description, COL_STR), COL(finding, advice, COL_STR), COL(finding, references, COL_LIST), COL(finding, cvss_vector, COL_STR),
	COL(finding, kev_added, COL_STR), COL(finding, kev_due, COL_STR), COL(finding, epss_date, COL_STR), COL(finding, epss_percentile, COL_FRACTION),
};
static const struct col evidence_cols[] = { COL(evidence, layer, COL_INT), COL(evidence, path, COL_STR), COL(evidence, hidden, COL_BOOL) };
static const struct col evidence_text_cols[] = {
	COL(evidence, has_offset, COL_BOOL), COL(evidence, offset, COL_U64), COL(evidence, sha256, COL_STR), COL(evidence, excerpt, COL_STR),
};
static const struct col package_cols[] = {
	COL(package, type, COL_STR), COL(package, name, COL_STR), COL(package, version, COL_STR), COL_AS(package, source_name, name),
	COL_AS(package, source_version, version), COL(package, arch, COL_STR), COL(package, license, COL_STR), COL(package, module, COL_STR),
	COL(package, vendor, COL_STR), COL(package, path, COL_STR), COL_AS(package, location, path), COL(package, owner, COL_STR),
	COL(package, layer, COL_INT), COL(package, declared, COL_BOOL), COL(package, go_stdlib, COL_BOOL),
};
static const struct col layer_cols[] = {
	COL(layer_info, digest, COL_STR), COL(layer_info, diff_id, COL_STR), COL(layer_info, media_type, COL_STR), COL(layer_info, created_by, COL_STR),
	COL(layer_info, size_bytes, COL_U64), COL(layer_info, uncompressed_bytes, COL_U64), COL(layer_info, files, COL_U64),
	COL(layer_info, history_index, COL_INT), COL(layer_info, base, COL_BOOL),
};
static const struct col skipped_cols[] = {
	COL(skipped_item, reason, COL_STR), COL(skipped_item, layer, COL_INT), COL(skipped_item, path, COL_STR), COL(skipped_item, detail, COL_STR),
	COL(skipped_item, bytes, COL_U64), COL(skipped_item, cls, COL_INT),
};
static const struct col reason_cols[] = {
	COL(verdict_reason, rule, COL_STR), COL(verdict_reason, text, COL_STR), COL_OF(verdict_reason, decision, DECISION_REFUSE + 1),
	COL(verdict_reason, findings, COL_LIST),
};
static const struct col ecosystem_cols[] = { COL(ecosystem_info, name, COL_STR), COL(ecosystem_info, records, COL_U64) };
static const struct col analyzer_cols[] = { COL(analyzer_version, name, COL_STR), COL(analyzer_version, version, COL_INT) };
static const struct col head_cols[] = {
	COL(report, reference, COL_STR), COL(report, transport, COL_STR), COL(report, digest, COL_STR), COL(report, index_digest, COL_STR),
	COL(report, config_digest, COL_STR), COL(report, platform, COL_STR), COL(report, other_platforms, COL_LIST), COL(report, os.id, COL_STR),
	COL(report, os.version_id, COL_STR), COL(report, os.name, COL_STR), COL(report, os.codename, COL_STR), COL(report, os.known, COL_BOOL),
	COL(report, os.end_of_life, COL_BOOL), COL(report, os.eol_date, COL_STR), COL(report, complete, COL_BOOL),
	COL(report, advisories_built, COL_STR), COL(report, advisories_source, COL_STR), COL(report, advisories_digest, COL_STR),
	COL(report, intel_built, COL_STR), COL(report, intel_digest, COL_STR), COL(report, yara_digest, COL_STR),
	COL(report, advisories_records, COL_U64), COL(report, intel_records, COL_U64), COL(report, yara_rules, COL_U64),
	COL_OF(report, verdict.decision, DECISION_REFUSE + 1), COL(report, verdict.policy_digest, COL_STR), COL(report, verdict.expires, COL_STR),
	COL(report, verdict.notes, COL_LIST),
};
static const struct col rest_cols[] = {
	COL(report, total_files, COL_U64), COL(report, total_bytes, COL_U64), COL(report, unmatched_jars, COL_U64), COL(report, unmatched_gems, COL_U64),
	COL(report, unmatched_crates, COL_U64), COL(report, config.os, COL_STR), COL(report, config.architecture, COL_STR),
	COL(report, config.variant, COL_STR), COL(report, config.created, COL_STR), COL(report, config.author, COL_STR), COL(report, config.user, COL_STR),
	COL(report, config.working_dir, COL_STR), COL(report, config.stop_signal, COL_STR), COL(report, config.entrypoint, COL_LIST),
	COL(report, config.cmd, COL_LIST), COL(report, config.env, COL_LIST), COL(report, config.exposed_ports, COL_LIST),
	COL(report, config.volumes, COL_LIST), COL(report, config.on_build, COL_LIST), COL(report, config.shell, COL_LIST),
	COL(report, config.healthcheck, COL_LIST), COL(report, config.label_keys, COL_LIST), COL(report, config.label_values, COL_LIST),
	COL(report, config.diff_ids, COL_LIST), COL(report, config.history_created_by, COL_LIST),
};

#define ROWS(io, rows, n, cols) io_rows((io), (rows), (n), (cols), ARRAY_LEN(cols))
/* A list of structs with .items, .n, .cap. */
#define TABLE(io, list, cols) do { \
	void **rows_; \
	(list)->items = io_items((io), (list)->items, &(list)->n, sizeof(*(list)->items), &rows_); \
	(list)->cap = (list)->n; \
	ROWS((io), rows_, (list)->n, (cols)); \
} while (0)

/* How many pieces of evidence each finding has; then all of them as one table. */
static void evidence_counts(struct report_io *io, struct report *r)
{
	for (size_t i = 0; i < r->findings.n && io_ok(io); i++) {
		struct evidence_list *l = &r->findings.items[i].evidence;
		uint64_t n = l->n;
		io_u64(io, &n);
		if (io->writing)
			continue;
		io->in.bad = io->in.bad || n > rd_left(&io->in);
		l->items = io->in.bad || !n ? NULL : arena_calloc(io->arena, n, sizeof(*l->items));
		l->n = l->cap = l->items ? n : 0;
	}
}

static void **evidence_rows(struct report_io *io, struct report *r, size_t *ret_n)
{
	size_t n = 0, at = 0;
	for (size_t i = 0; i < r->findings.n; i++)
		n += r->findings.items[i].evidence.n;
	void **rows = arena_calloc(io->arena, n + 1, sizeof(*rows));
	for (size_t i = 0; rows && i < r->findings.n; i++)
		for (size_t k = 0; k < r->findings.items[i].evidence.n; k++)
			rows[at++] = &r->findings.items[i].evidence.items[k];
	*ret_n = rows ? n : 0;
	return rows;
}

void report_io_judged(struct report_io *io, struct report *r)
{
	size_t n;
	ROWS(io, ((void *[]){ r }), 1, head_cols);
	TABLE(io, &r->findings, finding_cols);
	evidence_counts(io, r);
	void **rows = evidence_rows(io, r, &n);
	ROWS(io, rows, n, evidence_cols);
	/* A verdict's reasons name findings by id. */
	for (size_t i = 0; i < r->findings.n; i++)
		io_know(io, slice_str(r->findings.items[i].id));
	TABLE(io, &r->verdict.reasons, reason_cols);
}

/* One flag per line of history, whose texts may be fewer. */
static void history_flags(struct report_io *io, struct image_config *c)
{
	uint64_t n = c->history_n;
	io_u64(io, &n);
	bool have = !io->writing || c->history_empty;
	if (!io->writing) {
		io->in.bad = io->in.bad || n > rd_left(&io->in);
		c->history_empty = io->in.bad || !n ? NULL : arena_calloc(io->arena, n, sizeof(bool));
		c->history_n = c->history_empty ? n : 0;
	}
	static const struct col flag[] = { { 0, 0, COL_BOOL, 0 } };
	bool none = false;
	for (size_t i = 0; i < c->history_n && io_ok(io); i++)
		ROWS(io, ((void *[]){ have ? &c->history_empty[i] : &none }), 1, flag);
}

/* purls follow from the package and the system; only others are written. */
static void purls(struct report_io *io, struct report *r)
{
	static const struct col str[] = { { 0, 0, COL_STR, 0 } }, flag[] = { { 0, 0, COL_BOOL, 0 } };
	for (size_t i = 0; i < r->packages.n && io_ok(io); i++) {
		struct package *p = &r->packages.items[i];
		struct slice follows = package_purl(io->arena, p, &r->os);
		bool other = io->writing && !slice_eq(follows, p->purl);
		ROWS(io, ((void *[]){ &other }), 1, flag);
		if (other)
			ROWS(io, ((void *[]){ &p->purl }), 1, str);
		else if (!io->writing)
			p->purl = follows;
	}
}

void report_io_rest(struct report_io *io, struct report *r)
{
	size_t n;
	ROWS(io, ((void *[]){ r }), 1, rest_cols);
	history_flags(io, &r->config);
	TABLE(io, &r->layers, layer_cols);
	TABLE(io, &r->packages, package_cols);
	purls(io, r);
	TABLE(io, &r->skipped, skipped_cols);
	TABLE(io, &r->ecosystems, ecosystem_cols);
	TABLE(io, &r->analyzers, analyzer_cols);
	void **rows = arena_calloc(io->arena, r->findings.n + 1, sizeof(*rows));
	for (size_t i = 0; rows && i < r->findings.n; i++)
		rows[i] = &r->findings.items[i];
	ROWS(io, rows, rows ? r->findings.n : 0, finding_text_cols);
	rows = evidence_rows(io, r, &n);
	ROWS(io, rows, n, evidence_text_cols);
}
