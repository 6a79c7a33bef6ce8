/* CISA KEV JSON, NVD 2.0 JSON, EPSS CSV -> rows by CVE. */
#include "feeds.h"
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { FORGET = 8 << 20 };

static enum err_code add(struct importer *im, struct slice cve, char tag, const struct buf *value, struct err *e)
{
	char t[2] = { tag, 0 };
	TRY(buf_ok(value, "a list's row", e));
	struct slice key = row_key_make(&im->scratch, 'C', cve, slice_of(t, 1), SLICE_NULL, SLICE_NULL);
	TRY(arena_ok(&im->scratch, "a list's row", e));
	return sorter_add(im->sorter, key, buf_slice(value), e);
}

static void put(struct buf *b, struct slice s)
{
	buf_put_varint(b, s.n);
	buf_put_slice(b, s);
}

static bool parse_kev(struct json *j, struct slice *cve, struct buf *value)
{
	struct slice key, added = SLICE_NULL, due = SLICE_NULL, name = SLICE_NULL;
	bool ransomware = false;
	if (!json_enter_object(j))
		return false;
	while (json_next_key(j, &key))
		if (slice_eqs(key, "cveID"))
			*cve = json_take_string(j);
		else if (slice_eqs(key, "dateAdded"))
			added = slice_upto(json_take_string(j), 10);
		else if (slice_eqs(key, "dueDate"))
			due = slice_upto(json_take_string(j), 10);
		else if (slice_eqs(key, "vulnerabilityName"))
			name = slice_upto(json_take_string(j), OSV_MAX_NAME);
		else if (slice_eqs(key, "knownRansomwareCampaignUse"))
			ransomware = slice_eq_nocase(json_take_string(j), SL("known"));
		else
			json_skip(j);
	put(value, added);
	put(value, due);
	buf_putc(value, ransomware);
	put(value, name);
	return is_cve(*cve);
}

enum err_code feed_kev(struct importer *im, struct json *j, struct err *e)
{
	AUTO_BUF value = BUF(4096);
	im->kev = true;
	if (!json_enter_array(j))
		return err_set(e, ERR_FORMAT, 0, "the KEV file lists nothing");
	while (json_next_item(j)) {
		struct slice cve = SLICE_NULL;
		buf_clear(&value);
		bool good = parse_kev(j, &cve, &value);
		if (j->bad)
			break;
		if (good) {
			TRY(add(im, cve, 'k', &value, e));
			im->shared->stats.kev++;
		} else {
			feed_malformed(im, cve, "no KEV entry");
		}
		arena_free(&im->scratch);
	}
	return OK;
}

/* metrics: {"cvssMetricV31":[{"type":"Primary","cvssData":{"vectorString":…,"baseSeverity":…}}], …} */
static void parse_metric(struct json *j, unsigned rank, unsigned *best, struct grade *g)
{
	struct slice key, vector = SLICE_NULL, word = SLICE_NULL;
	bool primary = false;
	while (json_next_key(j, &key)) {
		if (slice_eqs(key, "type")) {
			primary = slice_eqs(json_take_string(j), "Primary");
		} else if (slice_eqs(key, "baseSeverity")) {	/* CVSS 2 has it out here */
			word = json_take_string(j);
		} else if (!slice_eqs(key, "cvssData") || !json_enter_object(j)) {
			if (!slice_eqs(key, "cvssData"))
				json_skip(j);
		} else {
			while (json_next_key(j, &key))
				if (slice_eqs(key, "vectorString"))
					vector = json_take_string(j);
				else if (slice_eqs(key, "baseSeverity"))
					word = json_take_string(j);
				else
					json_skip(j);
		}
	}
	rank = rank * 2 + primary;
	if (vector.n && vector.n <= OSV_MAX_NAME && word.n <= 32 && rank >= *best) {
		*best = rank + 1;
		*g = (struct grade){ vector, word, 0 };
	}
}

static void parse_metrics(struct json *j, struct grade *g)
{
	static const char *const names[] = { "cvssMetricV2", "cvssMetricV40", "cvssMetricV30", "cvssMetricV31" };
	struct slice key;
	unsigned best = 0;
	if (!json_enter_object(j))
		return;
	while (json_next_key(j, &key)) {
		unsigned rank = 0;
		while (rank < ARRAY_LEN(names) && !slice_eqs(key, names[rank]))
			rank++;
		if (rank == ARRAY_LEN(names)) {
			json_skip(j);
			continue;
		}
		if (json_enter_array(j))
			while (json_next_item(j))
				if (json_enter_object(j))
					parse_metric(j, rank, &best, g);
	}
}

static struct slice parse_english(struct json *j)
{
	struct slice key, best = SLICE_NULL;
	if (!json_enter_array(j))
		return best;
	while (json_next_item(j)) {
		struct slice lang = SLICE_NULL, text = SLICE_NULL;
		if (!json_enter_object(j))
			continue;
		while (json_next_key(j, &key))
			if (slice_eqs(key, "lang"))
				lang = json_take_string(j);
			else if (slice_eqs(key, "value"))
				text = json_take_string(j);
			else
				json_skip(j);
		if (slice_eqs(lang, "en"))
			best = text;
	}
	return best;
}

static bool parse_nvd(struct json *j, struct slice *cve, struct buf *value)
{
	struct slice key, text = SLICE_NULL, status = SLICE_NULL;
	struct grade g = { 0 };
	uint64_t published = 0;
	if (!json_enter_object(j))
		return false;
	while (json_next_key(j, &key)) {
		if (!slice_eqs(key, "cve") || json_peek(j) != JSON_OBJECT) {
			json_skip(j);
			continue;
		}
		json_enter_object(j);
		while (json_next_key(j, &key)) {
			if (slice_eqs(key, "id"))
				*cve = json_take_string(j);
			else if (slice_eqs(key, "published"))
				os_parse_time(slice_upto(json_take_string(j), 10), &published);
			else if (slice_eqs(key, "vulnStatus"))
				status = json_take_string(j);
			else if (slice_eqs(key, "descriptions"))
				text = parse_english(j);
			else if (slice_eqs(key, "metrics"))
				parse_metrics(j, &g);
			else
				json_skip(j);
		}
	}
	grade_encode(value, &g);
	buf_put_varint(value, published);
	size_t n = MIN(text.n, (size_t)OSV_MAX_DETAILS);
	while (n < text.n && n && (text.p[n] & 0xc0) == 0x80)
		n--;
	put(value, slice_upto(text, n));
	return is_cve(*cve) && !slice_eqs(status, "Rejected");
}

enum err_code feed_nvd(struct importer *im, struct json *j, struct err *e)
{
	AUTO_BUF value = BUF(8192);
	const uint8_t *forgotten = j->start;
	if (!json_enter_array(j))
		return err_set(e, ERR_FORMAT, 0, "the NVD file lists nothing");
	while (json_next_item(j)) {
		struct slice cve = SLICE_NULL;
		buf_clear(&value);
		bool good = parse_nvd(j, &cve, &value);
		if (j->bad)
			break;
		if (good) {
			TRY(add(im, cve, 'n', &value, e));
			im->shared->stats.nvd++;
		}
		arena_free(&im->scratch);
		im->shared->done_bytes = json_offset(j);
		if (j->p - forgotten > 2 * FORGET) {	/* what was read need not stay in memory */
			madvise((void *)forgotten, FORGET, MADV_DONTNEED);
			forgotten += FORGET;
		}
	}
	return OK;
}

/* "0.97565" -> 975650; false for anything else. */
static bool parse_millionths(struct slice s, uint32_t *ret)
{
	char text[32], *stop;
	if (!s.n || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	double d = strtod(text, &stop);
	if (stop != text + s.n || !(d >= 0 && d <= 1))
		return false;
	*ret = (uint32_t)lround(d * 1000000);
	return true;
}

enum err_code feed_epss(struct importer *im, struct slice text, struct err *e)
{
	struct slice line, date = SLICE_NULL;
	AUTO_BUF value = BUF(64);
	im->epss = true;
	while (slice_next_line(&text, &line)) {
		ptrdiff_t at = slice_find(line, SL("score_date:"));
		if (slice_has_prefix(line, SL("#"))) {
			date = at < 0 ? SLICE_NULL : slice_sub(line, (size_t)at + 11, 10);
			continue;
		}
		struct slice cve, score, percentile;
		uint32_t s, p;
		if (!line.n || slice_has_prefix(line, SL("cve,")))
			continue;
		if (!slice_next_piece(&line, ',', &cve) || !slice_next_piece(&line, ',', &score) || !slice_next_piece(&line, ',', &percentile) ||
		    !is_cve(cve) || !parse_millionths(score, &s) || !parse_millionths(percentile, &p)) {
			feed_malformed(im, SLICE_NULL, "a line that is no EPSS score");
			continue;
		}
		buf_clear(&value);
		buf_put_varint(&value, s);
		buf_put_varint(&value, p);
		put(&value, date);
		TRY(add(im, cve, 'e', &value, e));
		im->shared->stats.epss++;
		arena_free(&im->scratch);
	}
	return OK;
}
