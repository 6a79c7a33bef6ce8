/* Answers to a person's question, as text. */
#include "match.h"

enum { MAX_PRINTED = 400, MAX_RECORDS = 256 };

static void put_text(struct buf *out, const char *before, struct slice s)
{
	buf_puts(out, before);
	text_escape(out, s);
}

static void put_grade(struct buf *out, const struct grade *g)
{
	enum severity s = grade_severity(g);
	if (s == SEV_UNKNOWN && !g->word.n)
		return;
	buf_printf(out, " %s", severity_name(s));
	if (g->score_tenths)
		buf_printf(out, " %u.%u", g->score_tenths / 10, g->score_tenths % 10);
	if (g->vector.n)
		put_text(out, " ", g->vector);
	else if (g->word.n)
		put_text(out, ", in its own word ", g->word);
}

struct found { struct slice base, id; };

/* Every package that one of the records concerns: all rows of the records' ecosystems are read. */
static enum err_code put_affected(struct advisory_db *db, const struct found *r, struct arena *a, struct buf *out, unsigned *left, struct err *e)
{
	struct db_iter it;
	struct row row;
	bool more;
	struct slice prefix = row_key_make(a, 'A', r->base, SLICE_NULL, SLICE_NULL, SLICE_NULL);
	TRY(arena_ok(a, "the answer", e));
	TRY(db_seek(db, prefix, &it, e));
	for (;;) {
		struct row_key k;
		struct affected aff;
		TRY(db_next_of(&it, prefix, &row, &more, e));
		if (!more || !*left)
			return OK;
		if (row_key_split(row.key, &k) < 3 || !slice_eq(k.part[2], r->id) || !slice_eq(eco_base(k.part[0]), r->base))
			continue;
		if (!affected_decode(row.value, &aff))
			return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (a row)");
		--*left;
		put_text(out, "      ", k.part[0]);
		put_text(out, "  ", k.part[1]);
		struct rd ranges = rd_of(aff.ranges);
		while (rd_left(&ranges)) {
			uint64_t n = rd_varint(&ranges);
			(void)rd_u8(&ranges);
			for (uint64_t i = 0; i < n && !ranges.bad; i++) {
				static const char *const words[] = { ", fixed in ", ", from ", ", up to ", ", below " };
				uint8_t kind = rd_u8(&ranges);
				struct slice v = rd_bytes(&ranges, (size_t)rd_varint(&ranges));
				if (!(kind == EVENT_INTRODUCED && slice_eqs(v, "0")))
					put_text(out, words[MIN(kind, (uint8_t)3)], v);
			}
		}
		buf_putc(out, '\n');
	}
}

static enum err_code put_record(struct advisory_db *db, const struct found *r, struct arena *a, struct buf *out, unsigned *left, struct err *e)
{
	struct row row;
	struct record rec;
	bool found;
	struct slice key = row_key_make(a, 'R', r->base, r->id, SLICE_NULL, SLICE_NULL);
	TRY(arena_ok(a, "the answer", e));
	TRY(db_get(db, key, &row, &found, e));
	if (!found)
		return OK;
	if (!record_decode(row.value, &rec))
		return err_set(e, ERR_FORMAT, 0, "the advisory database is damaged (a record)");
	put_text(out, "  ", r->id);
	put_text(out, " (", r->base);
	buf_putc(out, ')');
	put_grade(out, &rec.grade);
	if (rec.summary.n)
		put_text(out, ": ", rec.summary);
	buf_putc(out, '\n');
	struct slice rest = rec.names, name;
	const char *before = "      names ";
	for (unsigned i = 0; i < 12 && name_next(&rest, &name); i++, before = ", ")
		put_text(out, before, slice_from(name, 1));
	if (rec.names.n)
		buf_putc(out, '\n');
	return put_affected(db, r, a, out, left, e);
}

static void put_row(struct buf *out, uint8_t tag, struct rd *r)
{
	if (tag == 'k') {
		struct slice added = rd_bytes(r, (size_t)rd_varint(r)), due = rd_bytes(r, (size_t)rd_varint(r));
		put_text(out, "  exploited: in CISA's catalogue since ", added);
		put_text(out, ", to be mended by ", due);
		buf_puts(out, rd_u8(r) ? ", used by ransomware\n" : "\n");
	} else if (tag == 'e') {
		uint64_t score = rd_varint(r), percentile = rd_varint(r);
		buf_printf(out, "  EPSS: %.4f, percentile %.1f", (double)score / 1e6, (double)percentile / 1e4);
		put_text(out, ", ", rd_bytes(r, (size_t)rd_varint(r)));
		buf_putc(out, '\n');
	} else if (tag == 'n') {
		struct grade g = grade_decode(r);
		(void)rd_varint(r);
		buf_puts(out, "  NVD:");
		put_grade(out, &g);
		put_text(out, "\n      ", rd_bytes(r, (size_t)rd_varint(r)));
		buf_putc(out, '\n');
	}
}

static enum err_code lookup_id(struct advisory_db *db, struct slice id, struct arena *a, struct buf *out, struct err *e)
{
	struct db_iter it;
	struct row row;
	bool more;
	unsigned left = MAX_PRINTED;
	size_t n = 0, rows = 0;
	struct found *records = arena_calloc(a, MAX_RECORDS, sizeof(*records));
	struct slice key = row_key_make(a, 'C', id, SL(""), SLICE_NULL, SLICE_NULL);
	char text[96];
	TRY(arena_ok(a, "the answer", e));
	TRY(db_seek(db, key, &it, e));
	text_escape(out, id);
	buf_putc(out, '\n');
	for (;; rows++) {
		struct row_key k;
		TRY(db_next_of(&it, key, &row, &more, e));
		if (!more)
			break;
		row_key_split(row.key, &k);
		struct rd r = rd_of(row.value);
		uint8_t tag = k.part[1].n ? k.part[1].p[0] : 0;
		put_row(out, tag, &r);
		if (tag == 's' && n < MAX_RECORDS)
			records[n++] = (struct found){ slice_from(k.part[1], 1), k.part[2] };
	}
	if (!rows)
		return err_set(e, ERR_NOT_FOUND, 0, "the database knows nothing of '%s'", text_escape_to(text, sizeof(text), id));
	for (size_t i = 0; i < n; i++)
		TRY(put_record(db, &records[i], a, out, &left, e));
	if (!left)
		buf_puts(out, "  … and more\n");
	return OK;
}

/* --- purl (github.com/package-url/purl-spec) ---------------------------------------------------------------------------- */

static struct slice percent_decode(struct arena *a, struct slice s)
{
	uint8_t *d = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; d && i < s.n; i++) {
		uint8_t c = s.p[i];
		if (c == '%' && i + 2 < s.n && hex_decode(slice_sub(s, i + 1, 2), &c, 1, true))
			i += 2;
		d[n++] = c;
	}
	return slice_of(d, d ? n : 0);
}

static struct slice split_at(struct slice *s, uint8_t c)
{
	ptrdiff_t at = slice_find_byte(*s, c);
	struct slice after = at < 0 ? SLICE_NULL : slice_from(*s, (size_t)at + 1);
	if (at >= 0)
		*s = slice_upto(*s, (size_t)at);
	return after;
}

/* distro=debian-12.5 */
static struct os_info distro_of_purl(struct slice qualifiers, struct slice namespace)
{
	struct os_info os = { .id = namespace };
	struct slice q;
	while (slice_next_piece(&qualifiers, '&', &q)) {
		struct slice value = split_at(&q, '=');
		ptrdiff_t dash = slice_rfind_byte(value, '-');
		if (slice_eqs(q, "distro") && dash > 0) {
			os.id = slice_upto(value, (size_t)dash);
			os.version_id = slice_from(value, (size_t)dash + 1);
		} else if (slice_eqs(q, "distro")) {
			os.codename = value;
		}
	}
	return os;
}

static bool parse_purl(struct arena *a, struct slice text, struct package *p, struct os_info *os)
{
	struct slice rest = slice_from(text, 4);
	split_at(&rest, '#');
	struct slice qualifiers = split_at(&rest, '?');
	ptrdiff_t slash = slice_find_byte(rest, '/'), at = slice_rfind_byte(rest, '@');
	if (slash <= 0)
		return false;
	if (at > slash + 1) {
		p->version = percent_decode(a, slice_from(rest, (size_t)at + 1));
		rest = slice_upto(rest, (size_t)at);
	}
	p->type = slice_upto(rest, (size_t)slash);
	p->name = percent_decode(a, slice_from(rest, (size_t)slash + 1));
	struct slice namespace = SLICE_NULL;
	if (slice_eqs(p->type, "deb") || slice_eqs(p->type, "rpm") || slice_eqs(p->type, "apk")) {
		slash = slice_find_byte(p->name, '/');
		namespace = slash > 0 ? slice_upto(p->name, (size_t)slash) : SLICE_NULL;
		p->name = slice_from(p->name, (size_t)(slash + 1));
	}
	*os = distro_of_purl(percent_decode(a, qualifiers), namespace);
	p->purl = text;
	p->layer = -1;
	return p->name.n > 0;
}

static enum err_code lookup_purl(struct advisory_db *db, struct slice text, struct arena *a, struct buf *out, struct err *e)
{
	struct package p = { 0 };
	struct report r = { .arena = a };
	size_t n = 0;
	if (!parse_purl(a, text, &p, &r.os))
		return err_set(e, ERR_USAGE, 0, "that is no purl (pkg:TYPE/NAME@VERSION)");
	if (!p.version.n)
		return err_set(e, ERR_USAGE, 0, "the purl names no version: add @VERSION");
	r.packages = (struct package_list){ &p, 1, 1 };
	TRY(advisory_match(db, &r, &(struct advisory_match_options){ .now_s = db->built_s, .declared = true, .include_owned = true }, e));
	report_sort(&r);
	for (size_t i = 0; i < r.findings.n; i++) {
		const struct finding *f = &r.findings.items[i];
		if (f->kind == KIND_COVERAGE && f->severity >= SEV_MEDIUM)
			return err_set(e, ERR_NOT_FOUND, 0, "%.*s", SLICE_ARG(f->title));
		if (f->kind != KIND_VULNERABILITY && f->kind != KIND_MALWARE)
			continue;
		buf_printf(out, "%-8s %s", severity_name(f->severity), f->exploited ? "exploited " : "");
		text_escape(out, f->title);
		put_text(out, "\n         ", f->advice);
		buf_putc(out, '\n');
		n++;
	}
	if (!n)
		buf_puts(out, "No advisory of the database concerns this version.\n");
	return OK;
}

enum err_code advisory_db_lookup(struct advisory_db *db, struct slice text, struct buf *out, struct err *e)
{
	AUTO_ARENA a = ARENA(256 * MIB);
	text = slice_trim(text);
	if (!text.n || text.n > DB_MAX_KEY / 2 || slice_find_byte(text, 0) >= 0)
		return err_set(e, ERR_USAGE, 0, "that is neither an identifier nor a purl");
	TRY(slice_has_prefix(text, SL("pkg:")) ? lookup_purl(db, text, &a, out, e) : lookup_id(db, text, &a, out, e));
	return buf_ok(out, "the answer", e);
}
