/* Which ecosystem orders its versions how. */
#include "version.h"

int digits_cmp(struct slice a, struct slice b)
{
	while (a.n && *a.p == '0')
		a = slice_from(a, 1);
	while (b.n && *b.p == '0')
		b = slice_from(b, 1);
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? sign_of(memcmp(a.p, b.p, a.n)) : 0;
}

struct slice digits_take(struct slice *s)
{
	size_t n = 0;
	while (n < s->n && ch_digit(s->p[n]))
		n++;
	struct slice run = slice_upto(*s, n);
	*s = slice_from(*s, n);
	return run;
}

enum version_order version_order_of(struct slice ecosystem)
{
	static const struct { const char *name; enum version_order order; } table[] = {
		{ "Debian", VERSION_DPKG }, { "Ubuntu", VERSION_DPKG }, { "Echo", VERSION_DPKG }, { "deb", VERSION_DPKG }, { "dpkg", VERSION_DPKG },
		{ "AlmaLinux", VERSION_RPM }, { "Rocky Linux", VERSION_RPM }, { "Red Hat", VERSION_RPM }, { "SUSE", VERSION_RPM },
		{ "openSUSE", VERSION_RPM }, { "Mageia", VERSION_RPM }, { "openEuler", VERSION_RPM }, { "Azure Linux", VERSION_RPM },
		{ "Fedora", VERSION_RPM }, { "rpm", VERSION_RPM },
		{ "Alpine", VERSION_APK }, { "Wolfi", VERSION_APK }, { "Chainguard", VERSION_APK }, { "MinimOS", VERSION_APK },
		{ "Alpaquita", VERSION_APK }, { "BellSoft Hardened Containers", VERSION_APK }, { "apk", VERSION_APK },
		{ "npm", VERSION_SEMVER }, { "crates.io", VERSION_SEMVER }, { "cargo", VERSION_SEMVER }, { "semver", VERSION_SEMVER },
		{ "Hex", VERSION_SEMVER }, { "Pub", VERSION_SEMVER }, { "SwiftURL", VERSION_SEMVER }, { "GitHub Actions", VERSION_SEMVER },
		{ "Julia", VERSION_SEMVER },
		{ "Go", VERSION_GO }, { "golang", VERSION_GO },
		{ "PyPI", VERSION_PEP440 }, { "pep440", VERSION_PEP440 },
		{ "RubyGems", VERSION_GEM }, { "gem", VERSION_GEM },
	};
	ptrdiff_t colon = slice_find_byte(ecosystem, ':');
	struct slice base = colon < 0 ? ecosystem : slice_upto(ecosystem, (size_t)colon);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_eq_nocase(base, slice_str(table[i].name)))
			return table[i].order;
	return VERSION_NONE;
}

bool version_valid(enum version_order order, struct slice v)
{
	if (v.n > VERSION_MAX_BYTES)
		return false;
	switch (order) {
	case VERSION_DPKG: return dpkg_valid(v);
	case VERSION_RPM: return rpm_valid(v);
	case VERSION_APK: return apk_valid(v);
	case VERSION_SEMVER: return semver_valid(v);
	case VERSION_GO: return go_valid(v);
	case VERSION_PEP440: return pep440_valid(v);
	case VERSION_GEM: return gem_valid(v);
	default: return false;
	}
}

int version_cmp(enum version_order order, struct slice a, struct slice b)
{
	switch (order) {
	case VERSION_DPKG: return dpkg_cmp(a, b);
	case VERSION_RPM: return rpm_cmp(a, b);
	case VERSION_APK: return apk_cmp(a, b);
	case VERSION_SEMVER:
	case VERSION_GO: return semver_cmp(a, b);
	case VERSION_PEP440: return pep440_cmp(a, b);
	case VERSION_GEM: return gem_cmp(a, b);
	default: return slice_cmp(a, b);
	}
}

enum err_code version_compare(struct slice ecosystem, struct slice a, struct slice b, int *ret, struct err *e)
{
	char text[128];
	enum version_order order = version_order_of(ecosystem);
	if (order == VERSION_NONE)
		return err_set(e, ERR_UNSUPPORTED, 0, "no version order is known for ecosystem '%s'", text_escape_to(text, sizeof(text), ecosystem));
	if (!version_valid(order, a) || !version_valid(order, b)) {
		struct slice bad = version_valid(order, a) ? b : a;
		return err_set(e, ERR_FORMAT, 0, "'%s' is not a version as this ecosystem writes them", text_escape_to(text, sizeof(text), bad));
	}
	*ret = sign_of(version_cmp(order, a, b));
	return OK;
}
