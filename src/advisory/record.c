/* Records and their rows. */
#include "record.h"
#include <math.h>
#include <stdlib.h>

enum { MAX_BASES = 32, MAX_COMPARES = 1 << 20 };

bool is_cve(struct slice id)
{
	if (!slice_has_prefix(id, SL("CVE-")) || id.n < 10 || id.n > 24 || id.p[8] != '-')
		return false;
	for (size_t i = 4; i < id.n; i++)
		if (i != 8 && (id.p[i] < '0' || id.p[i] > '9'))
			return false;
	return true;
}

struct slice cve_at_end(struct slice id)
{
	ptrdiff_t at = slice_find(id, SL("CVE-"));
	struct slice cve = at < 0 ? SLICE_NULL : slice_from(id, (size_t)at);
	return is_cve(cve) ? cve : SLICE_NULL;
}

bool is_distribution(struct slice base)
{
	enum version_order o = version_order_of(base);
	return o == VERSION_DPKG || o == VERSION_RPM || o == VERSION_APK;
}

enum severity severity_of_word(struct slice w)
{
	static const struct { const char *word; enum severity severity; } table[] = {
		{ "critical", SEV_CRITICAL }, { "high", SEV_HIGH }, { "important", SEV_HIGH }, { "medium", SEV_MEDIUM }, { "moderate", SEV_MEDIUM },
		{ "low", SEV_LOW }, { "minor", SEV_LOW }, { "negligible", SEV_INFO }, { "unimportant", SEV_INFO }, { "none", SEV_INFO },
		{ "untriaged", SEV_UNKNOWN },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eq_nocase(w, slice_str(table[i].word)))
			return table[i].severity;
	return SEV_UNKNOWN;
}

struct slice package_key(struct arena *a, struct slice base, struct slice name)
{
	if (!slice_eqs(base, "PyPI"))
		return name;
	uint8_t *d = arena_alloc(a, name.n + 1);
	size_t n = 0;
	if (!d)
		return SLICE_NULL;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		if (c != '-' && c != '_' && c != '.')
			d[n++] = c >= 'A' && c <= 'Z' ? c + 32 : c;
		else if (!n || d[n - 1] != '-')
			d[n++] = '-';
	}
	return slice_of(d, n);
}

struct slice row_key_make(struct arena *a, char kind, struct slice p0, struct slice p1, struct slice p2, struct slice p3)
{
	const struct slice parts[] = { p0, p1, p2, p3 };
	uint8_t *d = arena_alloc(a, 1 + p0.n + p1.n + p2.n + p3.n + 4);
	size_t n = 0;
	if (!d)
		return SLICE_NULL;
	d[n++] = (uint8_t)kind;
	for (size_t i = 0; i < ARRAY_LEN(parts) && parts[i].p; i++) {
		if (i)
			d[n++] = 0;
		if (parts[i].n)
			memcpy(d + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	return slice_of(d, n);
}

static void put(struct buf *b, struct slice s)
{
	buf_put_varint(b, s.n);
	buf_put_slice(b, s);
}

static struct slice take(struct rd *r) { return rd_bytes(r, (size_t)rd_varint(r)); }

/* A vector's score is computed here, once, and not at every match. */
void grade_encode(struct buf *b, const struct grade *g)
{
	double score;
	bool good = g->vector.n && advisory_cvss_score(g->vector, &score);
	put(b, good ? g->vector : SLICE_NULL);
	put(b, g->word);
	buf_put_varint(b, good ? (unsigned)lround(score * 10) : g->score_tenths);
}

struct grade grade_decode(struct rd *r)
{
	struct slice vector = take(r), word = take(r);
	return (struct grade){ vector, word, (unsigned)rd_varint(r) };
}

bool name_next(struct slice *rest, struct slice *ret)
{
	struct rd r = rd_of(*rest);
	if (!rest->n)
		return false;
	*ret = take(&r);
	*rest = r.bad ? SLICE_NULL : slice_from(*rest, rd_offset(&r));
	return !r.bad;
}

/* At most max bytes, not ending inside a character. */
static struct slice cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return slice_upto(s, max);
}

/* --- Affected ------------------------------------------------------------------------------------------------------ */

static bool event_is_zero(const struct event *ev) { return ev->kind == EVENT_INTRODUCED && slice_eqs(ev->version, "0"); }

static int event_cmp(const void *pa, const void *pb, void *arg)
{
	const struct event *a = pa, *b = pb;
	const enum version_order *order = arg;
	int c = event_is_zero(b) - event_is_zero(a);	/* "0" comes before all versions */
	if (!c)
		c = version_cmp(*order, a->version, b->version);
	return c ? c : (int)a->kind - (int)b->kind;
}

/* The specification's algorithm: sorted events one after the other. */
struct verdict_state { bool affected, limited, below_limit; struct slice fixed; };

static void event_step(struct verdict_state *s, const struct event *ev, enum version_order order, struct slice v)
{
	int c = event_is_zero(ev) || (ev->kind == EVENT_LIMIT && slice_eqs(ev->version, "*")) ? 1 : version_cmp(order, v, ev->version);
	if (ev->kind == EVENT_INTRODUCED && c >= 0) {
		s->affected = true;
		s->fixed = SLICE_NULL;
	} else if (ev->kind == EVENT_FIXED && c >= 0) {
		s->affected = false;
	} else if (ev->kind == EVENT_FIXED && s->affected && !s->fixed.n) {
		s->fixed = ev->version;
	} else if (ev->kind == EVENT_LAST_AFFECTED && c > 0) {
		s->affected = false;
	} else if (ev->kind == EVENT_LIMIT) {
		s->limited = true;
		s->below_limit |= c < 0 || slice_eqs(ev->version, "*");
	}
}

static bool state_affected(const struct verdict_state *s) { return s->affected && (!s->limited || s->below_limit); }

static bool events_affect(const struct event_list *l, enum version_order order, struct slice v)
{
	struct verdict_state s = { 0 };
	for (size_t i = 0; i < l->n; i++)
		event_step(&s, &l->items[i], order, v);
	return state_affected(&s);
}

static bool range_ordered(const struct event_list *l, enum version_order order)
{
	for (size_t i = 0; i < l->n; i++)
		if (!event_is_zero(&l->items[i]) && !slice_eqs(l->items[i].version, "*") && !version_valid(order, l->items[i].version))
			return false;
	return true;
}

static bool any_range_affects(const struct osv_affected *a, enum version_order order, struct slice v)
{
	if (!version_valid(order, v))
		return false;
	for (size_t i = 0; i < a->ranges.n; i++)
		if (range_ordered(&a->ranges.items[i], order) && events_affect(&a->ranges.items[i], order, v))
			return true;
	return false;
}

static void affected_encode(struct buf *b, const struct osv_affected *a, enum version_order order)
{
	bool ordered = true;
	size_t n_events = 0;
	for (size_t i = 0; i < a->ranges.n; i++) {
		ordered &= range_ordered(&a->ranges.items[i], order);
		n_events += a->ranges.items[i].n;
	}
	bool cheap = n_events * a->versions.n <= MAX_COMPARES;
	buf_putc(b, ordered);
	grade_encode(b, &a->grade);
	AUTO_BUF ranges = BUF(DB_MAX_ROW), versions = BUF(DB_MAX_ROW);
	for (size_t i = 0; i < a->ranges.n; i++) {
		struct event_list *l = &a->ranges.items[i];
		bool this_ordered = range_ordered(l, order);
		if (this_ordered)
			qsort_r(l->items, l->n, sizeof(*l->items), event_cmp, &order);
		buf_put_varint(&ranges, l->n);
		buf_putc(&ranges, this_ordered);
		for (size_t k = 0; k < l->n; k++) {
			buf_putc(&ranges, l->items[k].kind);
			put(&ranges, l->items[k].version);
		}
	}
	for (size_t i = 0; i < a->versions.n; i++)
		if (!cheap || !any_range_affects(a, order, a->versions.items[i]))	/* what a range says already need not be listed */
			put(&versions, a->versions.items[i]);
	put(b, buf_slice(&ranges));
	put(b, buf_slice(&versions));
	b->failed |= ranges.failed | versions.failed;
}

bool affected_decode(struct slice value, struct affected *ret)
{
	struct rd r = rd_of(value);
	ret->all_ordered = rd_u8(&r);
	ret->grade = grade_decode(&r);
	ret->ranges = take(&r);
	ret->versions = take(&r);
	return !r.bad && !rd_left(&r);
}

struct affected_answer affected_judge(const struct affected *a, enum version_order order, struct slice v)
{
	struct affected_answer answer = { 0 };
	struct slice rest = a->versions, listed;
	bool comparable = version_valid(order, v);
	while (name_next(&rest, &listed))
		if (slice_eq(listed, v) || (comparable && version_valid(order, listed) && version_cmp(order, listed, v) == 0))
			answer.affected = true;
	struct rd r = rd_of(a->ranges);
	while (rd_left(&r)) {
		struct verdict_state state = { 0 };
		uint64_t n = rd_varint(&r);
		bool ordered = rd_u8(&r) && comparable;
		for (uint64_t i = 0; i < n && !r.bad; i++) {
			uint8_t kind = rd_u8(&r);
			struct event ev = { (enum event_kind)MIN(kind, (uint8_t)EVENT_LIMIT), take(&r) };
			if (ordered)
				event_step(&state, &ev, order, v);
		}
		answer.undecided |= !ordered;
		if (!ordered || r.bad || !state_affected(&state))
			continue;
		answer.affected = true;
		if (state.fixed.n && (!answer.fixed.n || version_cmp(order, state.fixed, answer.fixed) > 0))
			answer.fixed = state.fixed;
	}
	return answer;
}

/* --- Records ------------------------------------------------------------------------------------------------------- */

bool record_decode(struct slice value, struct record *ret)
{
	struct rd r = rd_of(value);
	ret->published_s = rd_varint(&r);
	ret->modified_s = rd_varint(&r);
	ret->summary = take(&r);
	ret->details = take(&r);
	ret->grade = grade_decode(&r);
	ret->names = take(&r);
	ret->references = take(&r);
	return !r.bad && !rd_left(&r);
}

static void put_named(struct buf *b, char tag, const struct slice_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_put_varint(b, l->items[i].n + 1);
		buf_putc(b, (uint8_t)tag);
		buf_put_slice(b, l->items[i]);
	}
}

static void record_encode(struct buf *b, const struct osv_record *r)
{
	AUTO_BUF names = BUF(DB_MAX_ROW), refs = BUF(DB_MAX_ROW);
	put_named(&names, 'a', &r->aliases);
	put_named(&names, 'u', &r->upstream);
	put_named(&names, 'r', &r->related);
	for (size_t i = 0; i < r->references.n; i++)
		put(&refs, r->references.items[i]);
	buf_put_varint(b, r->published_s);
	buf_put_varint(b, r->modified_s);
	put(b, cut(r->summary, OSV_MAX_SUMMARY));
	put(b, cut(r->details, OSV_MAX_DETAILS));
	grade_encode(b, &r->grade);
	put(b, buf_slice(&names));
	put(b, buf_slice(&refs));
	b->failed |= names.failed | refs.failed;
}

/* "Important: kernel security update" of Red Hat's family. */
static void word_of_summary(struct osv_record *r)
{
	ptrdiff_t colon = slice_find_byte(r->summary, ':');
	struct slice word = colon > 0 ? slice_upto(r->summary, (size_t)colon) : SLICE_NULL;
	if (!r->grade.word.n && severity_of_word(word) != SEV_UNKNOWN)
		r->grade.word = word;
}

/* Errata that mend bugs or add features, and name no CVE, are no vulnerabilities. */
static bool is_bugfix(const struct osv_record *r)
{
	static const char *const prefixes[] = { "ALBA-", "ALEA-", "RLBA-", "RLEA-", "RHBA-", "RHEA-", "SUSE-RU-", "SUSE-FU-", "SUSE-OU-" };
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_has_prefix(r->id, slice_str(prefixes[i])))
			return !r->aliases.n && !r->upstream.n && !r->related.n;
	return false;
}

static enum err_code emit_names(struct sorter *s, const struct slice_list *l, struct slice base, const struct osv_record *r, struct slice value,
				struct arena *scratch, struct err *e)
{
	struct slice tag = arena_printf(scratch, "s%.*s", SLICE_ARG(base));
	for (size_t i = 0; i < l->n; i++)
		TRY(sorter_add(s, row_key_make(scratch, 'C', l->items[i], tag, r->id, SLICE_NULL), value, e));
	return OK;
}

/* What belongs to one ecosystem, once per ecosystem that the record names. */
static enum err_code emit_base(struct sorter *s, struct osv_record *r, struct slice base, struct arena *scratch, struct err *e)
{
	AUTO_BUF value = BUF(DB_MAX_ROW), grade = BUF(4096);
	record_encode(&value, r);
	TRY(buf_ok(&value, "an advisory", e));
	TRY(sorter_add(s, row_key_make(scratch, 'R', base, r->id, SLICE_NULL, SLICE_NULL), buf_slice(&value), e));
	grade_encode(&grade, &r->grade);
	struct slice_list self = { &r->id, 1, 1 };
	TRY(emit_names(s, &self, base, r, buf_slice(&grade), scratch, e));
	struct slice cve = is_cve(r->id) ? SLICE_NULL : cve_at_end(r->id);
	struct slice_list own = { &cve, cve.n ? 1 : 0, 1 };
	TRY(emit_names(s, &own, base, r, buf_slice(&grade), scratch, e));
	TRY(emit_names(s, &r->aliases, base, r, buf_slice(&grade), scratch, e));
	TRY(emit_names(s, &r->upstream, base, r, buf_slice(&grade), scratch, e));
	return is_distribution(base) ? emit_names(s, &r->related, base, r, buf_slice(&grade), scratch, e) : OK;
}

/* True when base is not in the list yet; then it is. */
static bool first_of(struct slice *bases, size_t *n, struct slice base)
{
	for (size_t k = 0; k < *n; k++)
		if (slice_eq(bases[k], base))
			return false;
	if (*n < MAX_BASES)
		bases[(*n)++] = base;
	return true;
}

enum err_code record_emit(struct sorter *s, struct osv_record *r, struct arena *scratch, size_t *ret_rows, struct err *e)
{
	size_t rows = 0, n_bases = 0;
	struct slice bases[MAX_BASES];
	if (is_bugfix(r)) {
		*ret_rows = 0;
		return OK;
	}
	word_of_summary(r);
	for (size_t i = 0; i < r->affected.n; i++) {
		const struct osv_affected *a = &r->affected.items[i];
		struct slice base = eco_base(a->ecosystem);
		if (!a->ranges.n && !a->versions.n)
			continue;
		if (n_bases == MAX_BASES)
			return err_set(e, ERR_LIMIT, 0, "an advisory concerns more than %d ecosystems", MAX_BASES - 1);
		if (first_of(bases, &n_bases, base))
			TRY(emit_base(s, r, base, scratch, e));
		AUTO_BUF value = BUF(DB_MAX_ROW);
		affected_encode(&value, a, version_order_of(base));
		TRY(buf_ok(&value, "an advisory", e));
		struct slice index = arena_printf(scratch, "%05zu", i);
		TRY(sorter_add(s, row_key_make(scratch, 'A', a->ecosystem, package_key(scratch, base, a->name), r->id, index), buf_slice(&value), e));
		rows++;
	}
	*ret_rows = rows;
	return arena_ok(scratch, "an advisory", e);
}
