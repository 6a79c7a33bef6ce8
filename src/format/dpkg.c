#include "dpkg.h"

/* ' ' or tab begins a continuation line. */
static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

/* "x (1:2.3-4)" or "x" */
static void split_source(struct slice field, struct slice *name, struct slice *version)
{
	ptrdiff_t open = slice_find_byte(field, '(');
	if (open < 0) {
		*name = field;
		return;
	}
	struct slice rest = slice_from(field, (size_t)open + 1);
	ptrdiff_t close = slice_find_byte(rest, ')');
	*name = slice_trim(slice_upto(field, (size_t)open));
	*version = slice_trim(close < 0 ? rest : slice_upto(rest, (size_t)close));
}

/* Takes one field off *rest, with its continuation lines in *value (as they stand). False at a blank line or the end.
 * *malformed counts lines that are no field. */
static bool next_field(struct slice *rest, struct slice *name, struct slice *value, uint64_t *malformed)
{
	struct slice line;
	while (slice_next_line(rest, &line)) {
		if (!line.n)
			return false;
		const uint8_t *colon = memchr(line.p, ':', line.n);
		if (is_blank(line.p[0]) || !colon || colon == line.p) {
			(*malformed)++;
			continue;
		}
		*name = slice_trim(slice_of(line.p, (size_t)(colon - line.p)));
		const uint8_t *start = colon + 1, *end = line.p + line.n;
		while (rest->n && is_blank(rest->p[0]) && slice_next_line(rest, &line))
			end = line.p + line.n;
		*value = slice_trim(slice_of(start, (size_t)(end - start)));
		return true;
	}
	return false;
}

static void set_once(struct slice *field, struct slice value)
{
	if (!field->p)
		*field = value;
}

/* Takes one paragraph off *rest. */
static void parse_paragraph(struct slice *rest, struct dpkg_package *p, uint64_t *malformed)
{
	struct slice name, value, source = SLICE_NULL;
	while (next_field(rest, &name, &value, malformed)) {
		/* A switch over the length first: a status file has twenty fields a paragraph, six of which matter. */
		switch (name.n) {
		case 6:
			if (slice_eq_nocase(name, SL("Source")))
				set_once(&source, value);
			else if (slice_eq_nocase(name, SL("Status")))
				set_once(&p->status, value);
			else if (slice_eq_nocase(name, SL("Origin")))
				set_once(&p->origin, value);
			break;
		case 7:
			if (slice_eq_nocase(name, SL("Package")))
				set_once(&p->name, value);
			else if (slice_eq_nocase(name, SL("Version")))
				set_once(&p->version, value);
			break;
		case 9:
			if (slice_eq_nocase(name, SL("Conffiles")))
				set_once(&p->conffiles, value);
			break;
		case 12:
			if (slice_eq_nocase(name, SL("Architecture")))
				set_once(&p->arch, value);
			break;
		}
	}
	p->source_name = p->name;
	p->source_version = p->version;
	if (source.n)
		split_source(source, &p->source_name, &p->source_version);
}

enum err_code dpkg_status_parse(struct slice content, dpkg_package_fn *fn, void *arg, uint64_t *ret_malformed, struct err *e)
{
	struct slice rest = content;
	uint64_t malformed = 0;
	while (rest.n) {
		if (rest.p[0] == '\n' || rest.p[0] == '\r') {
			rest = slice_from(rest, 1);
			continue;
		}
		struct dpkg_package p = { .offset = (uint64_t)(rest.p - content.p) };
		parse_paragraph(&rest, &p, &malformed);
		if (p.name.n && p.version.n)
			TRY(fn(arg, &p, e));
		else if (!p.name.n)
			malformed++;
	}
	*ret_malformed = malformed;
	return OK;
}

bool dpkg_is_installed(const struct dpkg_package *p)
{
	struct slice rest = p->status, word = SLICE_NULL;
	if (!p->status.n)
		return true;
	for (unsigned i = 0; i < 3; i++)
		if (!slice_next_piece(&rest, ' ', &word))
			return false;
	return slice_eq(word, SL("installed")) && !rest.p;
}

static struct slice without_root(struct slice path)
{
	if (path.n >= 2 && path.p[0] == '.' && path.p[1] == '/')
		path = slice_from(path, 1);
	while (path.n && path.p[0] == '/')
		path = slice_from(path, 1);
	return path;
}

bool dpkg_conffile_next(struct slice *rest, struct dpkg_file *ret)
{
	struct slice line, word;
	while (slice_next_line(rest, &line)) {
		/* " /etc/x 0123… [obsolete] [remove-on-upgrade]"; a path may hold spaces, so the digest is looked for from the end. */
		struct dpkg_file f = {};
		line = slice_trim(line);
		for (;;) {
			ptrdiff_t at = slice_rfind_byte(line, ' ');
			word = slice_from(line, (size_t)(at + 1));
			if (at <= 0)
				break;
			line = slice_trim(slice_upto(line, (size_t)at));
			if (slice_eq(word, SL("obsolete")))
				f.obsolete = true;
			else if (!slice_eq(word, SL("remove-on-upgrade")))
				break;
		}
		f.path = without_root(line);
		if (f.path.n && word.n == 2 * DPKG_MD5_BYTES && hex_decode(word, f.md5, DPKG_MD5_BYTES, false)) {
			*ret = f;
			return true;
		}
	}
	return false;
}

bool dpkg_md5sums_next(struct slice *rest, struct dpkg_file *ret)
{
	struct slice line;
	while (slice_next_line(rest, &line)) {
		/* "0123…  usr/bin/x", as md5sum writes it */
		struct dpkg_file f = { .path = without_root(slice_from(line, 2 * DPKG_MD5_BYTES + 2)) };
		if (f.path.n && line.p[2 * DPKG_MD5_BYTES] == ' ' && hex_decode(slice_upto(line, 2 * DPKG_MD5_BYTES), f.md5, DPKG_MD5_BYTES, true)) {
			*ret = f;
			return true;
		}
	}
	return false;
}

bool dpkg_list_next(struct slice *rest, struct slice *ret_path)
{
	struct slice line;
	while (slice_next_line(rest, &line)) {
		line = without_root(line);
		if (line.n && !slice_eq(line, SL("."))) {
			*ret_path = line;
			return true;
		}
	}
	return false;
}

bool dpkg_diversion_next(struct slice *rest, struct dpkg_diversion *ret)
{
	struct dpkg_diversion d;
	while (slice_next_line(rest, &d.from) && slice_next_line(rest, &d.to) && slice_next_line(rest, &d.package)) {
		d.from = without_root(d.from);
		d.to = without_root(d.to);
		if (d.from.n && d.to.n && d.package.n) {
			*ret = d;
			return true;
		}
	}
	return false;
}
