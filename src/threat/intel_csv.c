/* CSV and plain lists. */
#include "intel_private.h"

enum { CSV_COLUMNS = 32, LINE_MAX_BYTES = 16 << 10 };

enum column { COL_NONE, COL_TYPE, COL_VALUE, COL_WHAT, COL_SOURCE, COL_GRADE, COL_THREAT, COL_VERSIONS, COL_ECOSYSTEM };
struct head { uint8_t what[CSV_COLUMNS]; const char *fixed_type; bool any_value; };

static const struct { const char *word; enum column col; } column_words[] = {
	{ "type", COL_TYPE }, { "ioc_type", COL_TYPE }, { "indicator_type", COL_TYPE }, { "artifact_type", COL_TYPE }, { "kind", COL_TYPE },
	{ "value", COL_VALUE }, { "ioc", COL_VALUE }, { "indicator", COL_VALUE }, { "ioc_value", COL_VALUE }, { "name", COL_VALUE },
	{ "malicious_package", COL_VALUE }, { "package", COL_VALUE }, { "url", COL_VALUE }, { "dst_ip", COL_VALUE }, { "domain", COL_VALUE },
	{ "sha256", COL_VALUE }, { "sha256_hash", COL_VALUE }, { "md5", COL_VALUE }, { "sha1", COL_VALUE }, { "ip", COL_VALUE },
	{ "what", COL_WHAT }, { "comment", COL_WHAT }, { "description", COL_WHAT }, { "malware", COL_WHAT }, { "classification", COL_WHAT },
	{ "signature", COL_WHAT }, { "malware_printable", COL_WHAT }, { "source", COL_SOURCE }, { "reference", COL_SOURCE },
	{ "reporter", COL_SOURCE }, { "grade", COL_GRADE }, { "threat", COL_THREAT }, { "versions", COL_VERSIONS },
	{ "affected_versions", COL_VERSIONS }, { "ecosystem", COL_ECOSYSTEM },
};

/* Splits one line into fields, "..." with "" inside undone in place of `text`. Returns their number. */
static size_t split(struct slice line, char *text, struct slice fields[CSV_COLUMNS])
{
	size_t n = 0, out = 0, i = 0;
	while (n < CSV_COLUMNS) {
		size_t start = out;
		while (i < line.n && line.p[i] == ' ')
			i++;
		bool quoted = i < line.n && line.p[i] == '"';
		for (i += quoted; i < line.n; i++) {
			if (quoted && line.p[i] == '"') {
				if (i + 1 >= line.n || line.p[i + 1] != '"') {
					quoted = false;
					continue;
				}
				i++;
			} else if (!quoted && (line.p[i] == ',' || line.p[i] == ';' || line.p[i] == '\t')) {
				break;
			}
			text[out++] = (char)line.p[i];
		}
		fields[n++] = slice_trim(slice_of(text + start, out - start));
		if (i >= line.n)
			break;
		i++;
	}
	return n;
}

/* A header names a value column, and at most one; the word itself is the type where there is no type column. */
static bool read_head(const struct slice *fields, size_t n, struct head *ret)
{
	struct head h = { 0 };
	bool type = false;
	for (size_t i = 0; i < n; i++) {
		if (intel_shape(fields[i]))	/* "domain,evil.example": data, no header */
			return false;
		for (size_t k = 0; k < ARRAY_LEN(column_words); k++) {
			enum column col = column_words[k].col;
			if (!slice_eq_nocase(fields[i], slice_str(column_words[k].word)) || (col == COL_VALUE && h.any_value))
				continue;
			h.what[i] = (uint8_t)col;
			type |= col == COL_TYPE;
			if (col == COL_VALUE) {
				bool space;
				h.any_value = true;
				if (intel_type_kind(fields[i], &space))
					h.fixed_type = column_words[k].word;
			}
		}
	}
	if (type)
		h.fixed_type = NULL;
	*ret = h;
	return h.any_value && n > 1;
}

static enum err_code headed_row(struct intel_reader *r, const struct head *h, const struct slice *fields, size_t n, struct err *e)
{
	struct intel_row row = { .type = slice_str(h->fixed_type) };
	struct slice ecosystem = SLICE_NULL;
	for (size_t i = 0; i < n; i++) {
		switch ((enum column)h->what[i]) {
		case COL_TYPE: row.type = fields[i]; break;
		case COL_VALUE: row.value = fields[i]; break;
		case COL_WHAT: row.what = fields[i]; break;
		case COL_SOURCE: row.source = fields[i]; break;
		case COL_GRADE: row.grade = fields[i]; break;
		case COL_THREAT: row.threat = fields[i]; break;
		case COL_VERSIONS: row.versions = fields[i]; break;
		case COL_ECOSYSTEM: ecosystem = fields[i]; break;
		case COL_NONE: break;
		}
	}
	char text[INTEL_MAX_VALUE];
	AUTO_BUF b = BUF(sizeof(text));
	if (ecosystem.n && row.value.n) {
		static const struct { const char *word, *type; } t[] = { { "go", "golang" }, { "crates.io", "cargo" }, { "rubygems", "gem" } };
		const char *type = NULL;
		for (size_t i = 0; i < ARRAY_LEN(t); i++)
			if (slice_eq_nocase(ecosystem, slice_str(t[i].word)))
				type = t[i].type;
		if (type)
			buf_puts(&b, type);
		else
			buf_put_slice(&b, ecosystem);
		buf_putc(&b, ':');
		buf_put_slice(&b, row.value);
		if (!b.failed) {
			row.type = SL("package");
			row.value = buf_slice(&b);
		}
	}
	return reader_row(r, &row, e);
}

/* A line of a plain list: a value, `sha256sum` output, a hosts file's line, or `type,value[,what[,source]]`. */
static enum err_code plain_row(struct intel_reader *r, struct slice line, char *text, struct err *e)
{
	struct slice fields[CSV_COLUMNS];
	bool space;
	ptrdiff_t comma = slice_find_byte(line, ',');
	if (comma > 0 && intel_type_kind(slice_upto(line, (size_t)comma), &space)) {
		size_t n = split(line, text, fields);
		struct intel_row row = { .type = fields[0], .value = n > 1 ? fields[1] : SLICE_NULL, .what = n > 2 ? fields[2] : SLICE_NULL,
					 .source = n > 3 ? fields[3] : SLICE_NULL };
		return reader_row(r, &row, e);
	}
	ptrdiff_t hash = slice_find(line, SL(" #"));
	if (hash >= 0)
		line = slice_trim(slice_upto(line, (size_t)hash));
	size_t n = 0;
	while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != ',')
		n++;
	struct slice first = slice_upto(line, n), rest = slice_trim(slice_from(line, n + (n < line.n)));
	if (slice_eqs(first, "0.0.0.0") || slice_eqs(first, "127.0.0.1"))
		return rest.n ? reader_row(r, &(struct intel_row){ .value = rest }, e) : OK;
	/* A path without a host says nothing about an image. */
	if (first.n && first.p[0] == '/') {
		r->build->stats.read++;
		reader_unknown(r, first);
		return OK;
	}
	if (rest.n && rest.p[0] == '*')
		rest = slice_from(rest, 1);
	return reader_row(r, &(struct intel_row){ .value = first, .what = rest }, e);
}

enum err_code reader_lines(struct intel_reader *r, struct slice bytes, struct err *e)
{
	struct slice line, fields[CSV_COLUMNS];
	struct head head = { 0 };
	bool headed = false, data_seen = false;
	char text[LINE_MAX_BYTES];
	if (slice_has_prefix(bytes, SL("\xef\xbb\xbf")))
		bytes = slice_from(bytes, 3);
	if (slice_find_byte(slice_upto(bytes, 4096), 0) >= 0)
		return err_set(e, ERR_FORMAT, 0, "this is neither STIX, MISP, CSV nor a list of indicators");
	while (slice_next_line(&bytes, &line)) {
		line = slice_trim(line);
		/* abuse.ch writes the header as a comment. */
		bool comment = line.n && (line.p[0] == '#' || (line.p[0] == ';' && !headed));
		struct slice bare = line;
		while (comment && bare.n && (bare.p[0] == '#' || bare.p[0] == ' '))
			bare = slice_from(bare, 1);
		if (!bare.n || line.n >= LINE_MAX_BYTES) {
			if (line.n >= LINE_MAX_BYTES)
				reader_unknown(r, line);
			continue;
		}
		if (!headed && !data_seen && slice_find_byte(bare, ',') > 0) {
			size_t n = split(bare, text, fields);
			if (read_head(fields, n, &head)) {
				headed = true;
				continue;
			}
		}
		if (comment)
			continue;
		data_seen = true;
		TRY(headed ? headed_row(r, &head, fields, split(line, text, fields), e) : plain_row(r, line, text, e));
	}
	return OK;
}
