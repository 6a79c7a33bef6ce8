#include "os_release.h"

enum { VALUE_MAX_BYTES = 256, LINES_MAX = 1000 };

/* Undoes shell quoting: '…' literal, "…" and bare text with backslashes. Borrows when there is nothing to undo. */
static struct slice unquote(struct slice v, struct arena *a)
{
	v = slice_trim(v);
	if (v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0]) {
		bool literal = v.p[0] == '\'';
		v = slice_sub(v, 1, v.n - 2);
		if (literal)
			return slice_upto(v, VALUE_MAX_BYTES);
	}
	if (slice_find_byte(v, '\\') < 0)
		return slice_upto(v, VALUE_MAX_BYTES);
	v = slice_upto(v, 2 * VALUE_MAX_BYTES);
	uint8_t *out = arena_alloc(a, v.n);
	size_t n = 0;
	if (!out)
		return SLICE_NULL;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '\\' && i + 1 < v.n)
			i++;
		out[n++] = v.p[i];
	}
	return slice_upto(slice_of(out, n), VALUE_MAX_BYTES);
}

struct name_slot { const char *name; struct slice *value; };

static void assign_all(struct slice content, struct arena *a, const struct name_slot *slots, size_t n)
{
	struct slice line;
	for (unsigned lines = 0; lines < LINES_MAX && slice_next_line(&content, &line); lines++) {
		line = slice_trim(line);
		ptrdiff_t eq = slice_find_byte(line, '=');
		if (eq <= 0 || line.p[0] == '#')
			continue;
		for (size_t i = 0; i < n; i++)
			if (slice_eqs(slice_upto(line, (size_t)eq), slots[i].name))
				*slots[i].value = unquote(slice_from(line, (size_t)eq + 1), a);
	}
}

enum err_code os_release_parse(struct slice content, struct arena *a, struct fact_os_release *ret, struct err *e)
{
	struct fact_os_release r = {};
	const struct name_slot slots[] = {
		{ "ID", &r.id }, { "VERSION_ID", &r.version_id }, { "PRETTY_NAME", &r.pretty_name }, { "VERSION_CODENAME", &r.codename },
		{ "ID_LIKE", &r.id_like }, { "VARIANT_ID", &r.variant_id }, { "CPE_NAME", &r.cpe },
	};
	assign_all(content, a, slots, ARRAY_LEN(slots));
	TRY(arena_ok(a, "reading os-release", e));
	if (!r.id.n && !r.pretty_name.n)
		return err_set(e, ERR_FORMAT, 0, "os-release names no system");
	*ret = r;
	return OK;
}

static struct slice lower(struct slice s, struct arena *a)
{
	uint8_t *out = arena_alloc(a, s.n);
	if (!out)
		return SLICE_NULL;
	for (size_t i = 0; i < s.n; i++)
		out[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i];
	return slice_of(out, s.n);
}

enum err_code lsb_release_parse(struct slice content, struct arena *a, struct fact_os_release *ret, struct err *e)
{
	struct fact_os_release r = {};
	const struct name_slot slots[] = {
		{ "DISTRIB_ID", &r.id }, { "DISTRIB_RELEASE", &r.version_id }, { "DISTRIB_CODENAME", &r.codename },
		{ "DISTRIB_DESCRIPTION", &r.pretty_name },
	};
	assign_all(content, a, slots, ARRAY_LEN(slots));
	r.id = lower(r.id, a);
	TRY(arena_ok(a, "reading lsb-release", e));
	if (!r.id.n)
		return err_set(e, ERR_FORMAT, 0, "lsb-release names no system");
	*ret = r;
	return OK;
}

static bool is_digit(struct slice s) { return s.n && s.p[0] >= '0' && s.p[0] <= '9'; }

/* "Rocky Linux release 9.3 (Blue Onyx)" */
static bool redhat_line(struct slice line, struct fact_os_release *r)
{
	static const struct { const char *start, *id; } systems[] = {
		{ "CentOS", "centos" }, { "Red Hat Enterprise Linux", "rhel" }, { "Rocky Linux", "rocky" }, { "AlmaLinux", "almalinux" },
		{ "Fedora", "fedora" }, { "Oracle Linux", "ol" }, { "Amazon Linux", "amzn" }, { "Scientific Linux", "scientific" },
	};
	ptrdiff_t at = slice_find(line, SL(" release "));
	if (at < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(systems) && !r->id.n; i++)
		if (slice_has_prefix(line, slice_str(systems[i].start)))
			r->id = slice_str(systems[i].id);
	struct slice rest = slice_from(line, (size_t)at + 9);
	if (!r->id.n || !slice_next_piece(&rest, ' ', &r->version_id) || !is_digit(r->version_id))
		return false;
	r->pretty_name = line;
	return true;
}

enum err_code os_release_line_parse(struct slice file_name, struct slice content, struct arena *a, struct fact_os_release *ret, struct err *e)
{
	struct fact_os_release r = {};
	struct slice line = SLICE_NULL, rest = content;
	if (slice_next_line(&rest, &line))
		line = slice_upto(slice_trim(line), VALUE_MAX_BYTES);
	bool good = line.n > 0;
	if (slice_eqs(file_name, "alpine-release")) {
		good = good && is_digit(line);
		r = (struct fact_os_release){ .id = SL("alpine"), .version_id = line, .pretty_name = arena_printf(a, "Alpine Linux %.*s", SLICE_ARG(line)) };
	} else if (slice_eqs(file_name, "debian_version")) {
		r = (struct fact_os_release){ .id = SL("debian"), .pretty_name = arena_printf(a, "Debian GNU/Linux %.*s", SLICE_ARG(line)) };
		rest = line;
		/* "12.5": the release is 12; "trixie/sid": a release that has no number yet. */
		if (good && is_digit(line))
			good = slice_next_piece(&rest, '.', &r.version_id);
		else if (good)
			good = slice_next_piece(&rest, '/', &r.codename);
	} else {
		good = good && redhat_line(line, &r);
	}
	TRY(arena_ok(a, "reading a release file", e));
	if (!good || !text_is_utf8(line))
		return err_set(e, ERR_FORMAT, 0, "the release file's first line names no known system");
	*ret = r;
	return OK;
}
