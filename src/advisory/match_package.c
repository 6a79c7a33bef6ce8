/* One package against the database. */
#include "match.h"

enum { MAX_HITS = 20000, MAX_ALIASES = 24 };

enum err_code db_get(struct advisory_db *db, struct slice key, struct row *ret, bool *ret_found, struct err *e)
{
	struct db_iter it;
	TRY(db_seek(db, key, &it, e));
	TRY(db_next_of(&it, key, ret, ret_found, e));
	*ret_found = *ret_found && ret->key.n == key.n;
	return OK;
}

/* The slot of that subject, or the free one where it belongs. */
static uint32_t *hit_slot(const struct hit_list *hits, struct slice subject)
{
	size_t i = slice_hash(subject) & (hits->n_slots - 1);
	while (hits->slots[i] && !slice_eq(hits->items[hits->slots[i] - 1].subject, subject))
		i = (i + 1) & (hits->n_slots - 1);
	return &hits->slots[i];
}

static bool hits_grow(struct matcher *m, struct hit_list *hits)
{
	size_t n = hits->n_slots ? hits->n_slots * 4 : 64;
	uint32_t *slots = arena_calloc(&m->scratch, n, sizeof(*slots));
	if (!slots)
		return false;
	hits->slots = slots;
	hits->n_slots = n;
	for (size_t i = 0; i < hits->n; i++)
		*hit_slot(hits, hits->items[i].subject) = (uint32_t)(i + 1);
	return true;
}

static struct hit *hit_for(struct matcher *m, struct hit_list *hits, struct slice subject)
{
	if (2 * hits->n >= hits->n_slots && !hits_grow(m, hits))
		return NULL;
	uint32_t *slot = hit_slot(hits, subject);
	if (*slot)
		return &hits->items[*slot - 1];
	struct hit *h = hits->n < MAX_HITS ? ARENA_PUSH(&m->scratch, hits) : NULL;
	if (h) {
		h->subject = subject;
		*slot = (uint32_t)hits->n;
	}
	return h;
}

static void add_alias(struct matcher *m, struct hit *h, struct slice name)
{
	if (slice_eq(name, h->subject) || h->aliases.n >= MAX_ALIASES)
		return;
	for (size_t i = 0; i < h->aliases.n; i++)
		if (slice_eq(h->aliases.items[i], name))
			return;
	struct slice *slot = ARENA_PUSH(&m->scratch, &h->aliases);
	if (slot)
		*slot = name;
}

/* One record that says the package is affected. */
struct statement { struct slice id, base, fixed; struct grade own; struct record record; bool pro, distribution; enum version_order order; };

static void state_hit(struct matcher *m, struct hit_list *hits, const struct statement *s, struct slice subject)
{
	struct hit *h = hit_for(m, hits, subject);
	if (!h)
		return;
	bool first = !h->record_id.n;
	struct slice *fixed = s->pro ? &h->pro_fixed : &h->fixed;
	if (s->fixed.n && (!fixed->n || version_cmp(s->order, s->fixed, *fixed) > 0))
		*fixed = s->fixed;
	h->affects_plain |= !s->pro;
	if (first || (s->record.summary.n && !h->record.summary.n)) {
		h->record = s->record;
		h->record_id = s->id;
		h->base = s->base;
	}
	if (s->distribution && !h->own.word.n && !h->own.vector.n && !h->own.score_tenths)
		h->own = s->own;
	add_alias(m, h, s->id);
	/* Names beside the subject, without those that get findings of their own. */
	struct slice rest = s->record.names, name;
	while (name_next(&rest, &name))
		if (name.n > 1 && *name.p != 'r' && !is_cve(slice_from(name, 1)))
			add_alias(m, h, slice_from(name, 1));
}

/* The CVEs that the record names; without any its GHSA name, else its own id. */
static void state(struct matcher *m, struct hit_list *hits, const struct statement *s)
{
	struct slice rest = s->record.names, name, ghsa = SLICE_NULL, cve = cve_at_end(s->id);
	bool any = cve.n > 0;
	if (slice_has_prefix(s->id, SL("MAL-"))) {
		state_hit(m, hits, s, s->id);
		return;
	}
	if (any)
		state_hit(m, hits, s, cve);
	while (name_next(&rest, &name)) {
		struct slice id = slice_from(name, 1);
		if (!name.n || (*name.p == 'r' && !s->distribution))
			continue;
		cve = s->distribution ? cve_at_end(id) : is_cve(id) ? id : SLICE_NULL;
		if (cve.n) {
			state_hit(m, hits, s, cve);
			any = true;
		} else if (*name.p == 'a' && slice_has_prefix(id, SL("GHSA-"))) {
			ghsa = id;
		}
	}
	if (!any)
		state_hit(m, hits, s, ghsa.n ? ghsa : s->id);
}

/* "nodejs:18:8060020…" -> "nodejs:18" */
static struct slice module_stream(struct slice label)
{
	ptrdiff_t first = slice_find_byte(label, ':');
	ptrdiff_t second = first < 0 ? -1 : slice_find_byte(slice_from(label, (size_t)first + 1), ':');
	return second < 0 ? label : slice_upto(label, (size_t)(first + 1 + second));
}

/* A module's fix concerns only packages of that module and stream. Records name streams in their summary ("nodejs:18 security update"). */
static bool module_fits(const struct package *p, const struct statement *s)
{
	bool modular = slice_find(s->fixed, SL(".module_")) >= 0 || slice_find(s->fixed, SL(".module+")) >= 0;
	if (!s->fixed.n || s->order != VERSION_RPM)
		return true;
	if (modular != (p->module.n > 0))
		return false;
	if (!modular)
		return true;
	struct slice rest = s->record.summary, word, want = module_stream(p->module);
	bool named = false;
	while (slice_next_piece(&rest, ' ', &word)) {
		while (word.n && (word.p[word.n - 1] == ',' || word.p[word.n - 1] == ';'))
			word = slice_upto(word, word.n - 1);
		ptrdiff_t colon = slice_find_byte(word, ':');
		if (colon <= 0 || (size_t)colon + 1 >= word.n)
			continue;
		named = true;
		if (slice_eq(word, want))
			return true;
	}
	return !named;
}

struct query { struct slice ecosystem, name, version; enum version_order order; bool pro; };

static enum err_code ask_row(struct matcher *m, const struct package *p, const struct query *q, const struct row *row, struct hit_list *hits, struct err *e)
{
	struct row_key k;
	struct affected a;
	struct row rec;
	bool found;
	if (row_key_split(row->key, &k) < 3 || !affected_decode(row->value, &a))
		return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (a row)");
	struct affected_answer answer = affected_judge(&a, q->order, q->version);
	m->undecided += answer.undecided && !answer.affected;
	if (!answer.affected)
		return OK;
	struct slice base = eco_base(q->ecosystem);
	struct slice key = row_key_make(&m->scratch, 'R', base, k.part[2], SLICE_NULL, SLICE_NULL);
	TRY(arena_ok(&m->scratch, "matching", e));
	TRY(db_get(m->db, key, &rec, &found, e));
	struct statement s = { .id = k.part[2], .base = base, .fixed = answer.fixed, .pro = q->pro, .order = q->order, .distribution = is_distribution(base) };
	if (!found || !record_decode(rec.value, &s.record))
		return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (a record is missing)");
	s.own = a.grade.word.n || a.grade.vector.n ? a.grade : s.record.grade;
	if (module_fits(p, &s))
		state(m, hits, &s);
	return arena_ok(&m->scratch, "matching", e);
}

static enum err_code ask(struct matcher *m, const struct package *p, const struct query *q, struct hit_list *hits, struct err *e)
{
	struct db_iter it;
	struct row row;
	bool more;
	struct slice name = package_key(&m->scratch, eco_base(q->ecosystem), q->name);
	struct slice key = row_key_make(&m->scratch, 'A', q->ecosystem, name, SL(""), SLICE_NULL);
	TRY(arena_ok(&m->scratch, "matching", e));
	if (!name.n || key.n > DB_MAX_KEY || slice_find_byte(name, 0) >= 0)
		return OK;
	TRY(db_seek(m->db, key, &it, e));
	for (;;) {
		TRY(db_next_of(&it, key, &row, &more, e));
		if (!more)
			return OK;
		TRY(ask_row(m, p, q, &row, hits, e));
	}
}

/* A rebuild without a change of source: 1.2-3+b1 is built from 1.2-3. */
static struct slice without_binnmu(struct slice v)
{
	ptrdiff_t plus = slice_rfind_byte(v, '+');
	if (plus < 1 || (size_t)plus + 2 >= v.n || v.p[plus + 1] != 'b')
		return v;
	for (size_t i = (size_t)plus + 2; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return v;
	return slice_upto(v, (size_t)plus);
}

static enum err_code ask_distribution(struct matcher *m, const struct package *p, struct hit_list *hits, struct err *e)
{
	struct query q = { .order = m->distro.order, .name = p->source_name.n ? p->source_name : p->name,
			   .version = p->source_version.n ? p->source_version : p->version };
	bool esm = slice_find(q.version, SL("esm")) >= 0;
	if (q.order == VERSION_DPKG)
		q.version = without_binnmu(q.version);
	if (q.order == VERSION_RPM)	/* SOURCERPM has no epoch: the package's own version is what advisories give */
		q.version = p->version;
	for (size_t i = 0; i < m->distro.n; i++) {
		q.ecosystem = m->distro.ecosystems[i];
		q.pro = m->distro.pro[i] && !esm;
		TRY(ask(m, p, &q, hits, e));
		if (q.order == VERSION_DPKG || slice_eq(q.name, p->name))
			continue;
		struct query other = q;	/* rpm and apk feeds name built packages, sources, or both */
		other.name = p->name;
		if (q.order == VERSION_APK)
			other.version = p->version;
		TRY(ask(m, p, &other, hits, e));
	}
	return OK;
}

/* "go1.21rc2" -> "1.21.0-rc.2", "go1.21.3 X:boringcrypto" -> "1.21.3"; empty for a development version. */
static struct slice go_release(struct arena *a, struct slice v)
{
	ptrdiff_t end = slice_find_byte(v, ' ');
	v = end < 0 ? v : slice_upto(v, (size_t)end);
	if (slice_has_prefix(v, SL("go")))
		v = slice_from(v, 2);
	if (slice_has_prefix(v, SL("v")))
		v = slice_from(v, 1);
	ptrdiff_t dash = slice_find_byte(v, '-');
	if (dash >= 0)		/* a vendor's mark */
		v = slice_upto(v, (size_t)dash);
	size_t n = 0, dots = 0;
	while (n < v.n && ((v.p[n] >= '0' && v.p[n] <= '9') || v.p[n] == '.'))
		dots += v.p[n++] == '.';
	struct slice number = slice_upto(v, n), tag = slice_from(v, n), digits = tag;
	while (digits.n && !(*digits.p >= '0' && *digits.p <= '9'))
		digits = slice_from(digits, 1);
	if (!n)
		return SLICE_NULL;
	if (!slice_has_prefix(tag, SL("rc")) && !slice_has_prefix(tag, SL("beta")))
		return number;
	return arena_printf(a, "%.*s%s-%s.%.*s", SLICE_ARG(number), dots < 2 ? ".0" : "", *tag.p == 'r' ? "rc" : "beta", SLICE_ARG(digits));
}

static enum err_code ask_language(struct matcher *m, const struct package *p, const char *ecosystem, struct hit_list *hits, struct err *e)
{
	struct query q = { .ecosystem = slice_str(ecosystem), .name = p->name, .version = p->version, .order = version_order_of(slice_str(ecosystem)) };
	if (p->go_stdlib || (q.order == VERSION_GO && slice_eqs(p->name, "stdlib"))) {
		q.name = SL("stdlib");
		q.version = go_release(&m->scratch, p->version);
	}
	if (q.order == VERSION_GO && (slice_eqs(p->name, "toolchain") || slice_eqs(p->version, "(devel)")))
		return OK;
	if (!version_valid(q.order, q.version))
		m->undecided++;
	return ask(m, p, &q, hits, e);
}

static const char *language_of(struct slice type)
{
	static const char *const names[][2] = { { "pypi", "PyPI" }, { "npm", "npm" }, { "golang", "Go" }, { "gem", "RubyGems" }, { "cargo", "crates.io" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eqs(type, names[i][0]))
			return names[i][1];
	return NULL;
}

enum err_code match_package(struct matcher *m, const struct package *p, struct hit_list *ret, struct err *e)
{
	*ret = (struct hit_list){ 0 };
	if (slice_eqs(p->type, "deb") || slice_eqs(p->type, "rpm") || slice_eqs(p->type, "apk"))
		return version_order_of(p->type) == m->distro.order ? ask_distribution(m, p, ret, e) : OK;
	const char *language = language_of(p->type);
	if (!language || (p->owner.n && !m->o->include_owned) || (p->declared && !m->o->declared))
		return OK;
	return ask_language(m, p, language, ret, e);
}
