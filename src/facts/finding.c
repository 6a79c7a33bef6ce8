#include "finding.h"
#include "codec.h"
#include <stdlib.h>

static const char *const kind_names[KIND_COUNT] = { "malware", "miner", "attack-tool", "vulnerability", "misconfiguration", "name",
						    "integrity", "coverage" };
static const char *const severity_names[SEV_COUNT] = { "unknown", "info", "low", "medium", "high", "critical" };

const char *finding_kind_name(enum finding_kind k) { return (unsigned)k < KIND_COUNT ? kind_names[k] : "unknown"; }
const char *severity_name(enum severity s) { return (unsigned)s < SEV_COUNT ? severity_names[s] : "unknown"; }

bool finding_kind_parse(struct slice s, enum finding_kind *ret)
{
	for (unsigned i = 0; i < KIND_COUNT; i++) {
		if (slice_eqs(s, kind_names[i])) {
			*ret = (enum finding_kind)i;
			return true;
		}
	}
	return false;
}

bool severity_parse(struct slice s, enum severity *ret)
{
	for (unsigned i = 0; i < SEV_COUNT; i++) {
		if (slice_eq_nocase(s, slice_str(severity_names[i]))) {
			*ret = (enum severity)i;
			return true;
		}
	}
	return false;
}

const char *decision_name(enum decision d) { return d == DECISION_ADMIT ? "admit" : d == DECISION_HOLD ? "hold" : "refuse"; }

struct finding *report_add_finding(struct report *r) { return ARENA_PUSH(r->arena, &r->findings); }

struct evidence *finding_add_evidence(struct report *r, struct finding *f)
{
	struct evidence *v = ARENA_PUSH(r->arena, &f->evidence);
	if (v)
		v->layer = -1;
	return v;
}

static void feed(struct digest *d, struct slice s)
{
	uint8_t len[8];
	for (unsigned i = 0; i < 8; i++)
		len[i] = (uint8_t)((uint64_t)s.n >> (8 * i));
	digest_update(d, slice_of(len, 8));
	digest_update(d, s);
}

void finding_seal(struct report *r, struct finding *f)
{
	uint8_t raw[DIGEST_MAX_BYTES];
	struct err e;
	AUTO_DIGEST d = NULL;
	const struct evidence *v = f->evidence.n ? &f->evidence.items[0] : NULL;
	struct slice where = v && v->layer >= 0 && (size_t)v->layer < r->layers.n ? r->layers.items[v->layer].diff_id : SLICE_NULL;
	if (digest_open(DIGEST_SHA256, &d, &e) != OK) {
		memset(f->id, '0', sizeof(f->id) - 1);
		return;
	}
	feed(d, f->rule);
	feed(d, where);
	feed(d, v ? v->path : SLICE_NULL);
	feed(d, f->subject);
	feed(d, f->package);
	digest_final(d, raw);
	hex_encode(f->id, raw, (sizeof(f->id) - 1) / 2);
}

static struct slice first_path(const struct finding *f) { return f->evidence.n ? f->evidence.items[0].path : SLICE_NULL; }

static int by_order(const void *pa, const void *pb)
{
	const struct finding *a = pa, *b = pb;
	int c;
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if ((c = slice_cmp(a->rule, b->rule)) || (c = slice_cmp(a->package, b->package)) || (c = slice_cmp(first_path(a), first_path(b))))
		return c;
	return memcmp(a->id, b->id, sizeof(a->id));
}

static int package_order(const void *pa, const void *pb)
{
	const struct package *a = pa, *b = pb;
	int c;
	if ((c = slice_cmp(a->type, b->type)) || (c = slice_cmp(a->name, b->name)) || (c = slice_cmp(a->version, b->version)) ||
	    (c = slice_cmp(a->path, b->path)))
		return c;
	return (a->layer > b->layer) - (a->layer < b->layer);
}

void report_sort(struct report *r)
{
	if (r->findings.n)
		qsort(r->findings.items, r->findings.n, sizeof(r->findings.items[0]), by_order);
	if (r->packages.n)
		qsort(r->packages.items, r->packages.n, sizeof(r->packages.items[0]), package_order);
}
