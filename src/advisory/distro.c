/* os-release -> ecosystems. */
#include "distro.h"

/* In patterns: %M the version up to its first dot, %m what follows up to the next, %R both, %V all of it. Matched against the releases that the
 * database has (slice_glob), because products of one release come and go. */
static const struct distro_row {
	const char *id, *name;
	enum version_order order;
	const char *base;
	const char *patterns[4];
} table[] = {
	{ "debian", "Debian %M", VERSION_DPKG, "Debian", { "Debian:%M" } },
	{ "ubuntu", "Ubuntu %R", VERSION_DPKG, "Ubuntu", { "Ubuntu:%R", "Ubuntu:%R:LTS", "Ubuntu:Pro:%R:LTS" } },
	{ "echo", "Echo", VERSION_DPKG, "Echo", { "Echo" } },
	{ "alpine", "Alpine %R", VERSION_APK, "Alpine", { "Alpine:v%R" } },
	{ "wolfi", "Wolfi", VERSION_APK, "Wolfi", { "Wolfi" } },
	{ "chainguard", "Chainguard", VERSION_APK, "Chainguard", { "Chainguard" } },
	{ "minimos", "MinimOS", VERSION_APK, "MinimOS", { "MinimOS" } },
	{ "alpaquita", "Alpaquita %V", VERSION_APK, "Alpaquita", { "Alpaquita:%V", "Alpaquita:%M" } },
	{ "almalinux", "AlmaLinux %M", VERSION_RPM, "AlmaLinux", { "AlmaLinux:%M" } },
	{ "rocky", "Rocky Linux %M", VERSION_RPM, "Rocky Linux", { "Rocky Linux:%M" } },
	{ "rhel", "Red Hat Enterprise Linux %M", VERSION_RPM, "Red Hat", { "Red Hat:enterprise_linux:%M::*" } },
	{ "opensuse-leap", "openSUSE Leap %R", VERSION_RPM, "openSUSE", { "openSUSE:Leap %R" } },
	{ "opensuse-tumbleweed", "openSUSE Tumbleweed", VERSION_RPM, "openSUSE", { "openSUSE:Tumbleweed" } },
	{ "sles", "SUSE Linux Enterprise Server %V", VERSION_RPM, "SUSE", { "SUSE:Linux Enterprise*%M SP%m", "SUSE:Linux Enterprise*%M SP%m-*" } },
	{ "sled", "SUSE Linux Enterprise Desktop %V", VERSION_RPM, "SUSE", { "SUSE:Linux Enterprise*%M SP%m" } },
	{ "azurelinux", "Azure Linux %M", VERSION_RPM, "Azure Linux", { "Azure Linux:%M" } },
	{ "mariner", "CBL-Mariner %M", VERSION_RPM, "Azure Linux", { "Azure Linux:%M" } },
	{ "openeuler", "openEuler %V", VERSION_RPM, "openEuler", { "openEuler:%V", "openEuler:%V-LTS*" } },
	{ "mageia", "Mageia %M", VERSION_RPM, "Mageia", { "Mageia:%M" } },
	/* Their makers give no OSV records: known, so that the finding can say so. */
	{ "centos", "CentOS %M", VERSION_RPM, NULL, { NULL } },
	{ "fedora", "Fedora %M", VERSION_RPM, NULL, { NULL } },
	{ "amzn", "Amazon Linux %M", VERSION_RPM, NULL, { NULL } },
	{ "ol", "Oracle Linux %M", VERSION_RPM, NULL, { NULL } },
	{ "photon", "Photon %M", VERSION_RPM, NULL, { NULL } },
};

/* Testing and unstable images name no version, only a code name. */
static struct slice version_of(const struct os_info *os)
{
	static const struct { const char *codename, *version; } names[] = {
		{ "stretch", "9" }, { "buster", "10" }, { "bullseye", "11" }, { "bookworm", "12" }, { "trixie", "13" }, { "forky", "14" },
	};
	struct slice first = os->version_id;
	for (size_t i = 0; !first.n && i < ARRAY_LEN(names); i++)
		if (slice_eqs(os->codename, names[i].codename))
			first = slice_str(names[i].version);
	return first;
}

static struct slice expand(struct arena *a, const char *pattern, struct slice version)
{
	struct slice rest = version, major = SLICE_NULL, minor = SLICE_NULL;
	AUTO_BUF b = BUF(512);
	if (slice_next_piece(&rest, '.', &major))
		(void)slice_next_piece(&rest, '.', &minor);
	for (const char *p = pattern; *p; p++) {
		if (*p != '%') {
			buf_putc(&b, (uint8_t)*p);
			continue;
		}
		p++;
		buf_put_slice(&b, *p == 'm' ? minor : *p == 'V' ? version : major);
		if (*p == 'R' && minor.n) {
			buf_putc(&b, '.');
			buf_put_slice(&b, minor);
		}
	}
	return b.failed ? SLICE_NULL : arena_dup(a, buf_slice(&b));
}

/* What stands in an image's os-release must not act as a pattern. */
static bool plain_version(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (memchr("*?[]\\%", v.p[i], 6))
			return false;
	return v.n <= 64;
}

static void find_releases(const struct distro_row *row, struct slice version, const struct advisory_db *db, struct arena *a, struct distro *ret)
{
	for (size_t k = 0; k < ARRAY_LEN(row->patterns) && row->patterns[k]; k++) {
		struct slice pattern = expand(a, row->patterns[k], version);
		/* an empty version must not make "Debian:" or a wildcard of everything */
		if (!version.n && strchr(row->patterns[k], '%'))
			continue;
		for (size_t i = 0; db && i < db->status.n_releases; i++) {
			struct slice name = db->status.releases[i].name;
			bool known = ret->n == DISTRO_MAX_ECOSYSTEMS || !slice_glob(pattern, name);
			for (size_t n = 0; n < ret->n && !known; n++)
				known = slice_eq(ret->ecosystems[n], name);
			if (known)
				continue;
			ret->pro[ret->n] = slice_has_prefix(name, SL("Ubuntu:Pro:"));
			ret->ecosystems[ret->n++] = name;
		}
	}
}

void distro_of(const struct os_info *os, const struct advisory_db *db, struct arena *a, struct distro *ret)
{
	struct slice version = version_of(os);
	*ret = (struct distro){ .name = os->name.n ? os->name : os->id };
	if (!plain_version(version))
		return;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct distro_row *row = &table[i];
		if (!slice_eq_nocase(os->id, slice_str(row->id)))
			continue;
		ret->order = row->order;
		ret->base = row->base;
		ret->name = expand(a, row->name, version);
		/* Alpine's edge calls itself 3.22.0_alpha20250108 */
		bool edge = row->order == VERSION_APK && slice_find(version, SL("_alpha")) >= 0;
		if (edge) {
			static const struct distro_row edge_row = { .patterns = { "Alpine:edge" } };
			ret->name = SL("Alpine edge");
			find_releases(&edge_row, SL("edge"), db, a, ret);
		} else {
			find_releases(row, version, db, a, ret);
		}
		return;
	}
}
