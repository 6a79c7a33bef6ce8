/* Until when releases are kept up by their makers without a further contract. Facts from each maker's own page of releases; dates that a maker
 * gives only as a month are its last day. */
#include "distro.h"

static const struct { const char *id, *version, *last_day; } table[] = {
	/* wiki.debian.org/LTS: end of long term support */
	{ "debian", "7", "2018-05-31" }, { "debian", "8", "2020-06-30" }, { "debian", "9", "2022-06-30" }, { "debian", "10", "2024-06-30" },
	{ "debian", "11", "2026-08-31" }, { "debian", "12", "2028-06-30" }, { "debian", "13", "2030-06-30" },
	/* ubuntu.com/about/release-cycle: end of standard security maintenance (Ubuntu Pro goes on for LTS releases) */
	{ "ubuntu", "12.04", "2017-04-28" }, { "ubuntu", "14.04", "2019-04-30" }, { "ubuntu", "16.04", "2021-04-30" }, { "ubuntu", "18.04", "2023-05-31" },
	{ "ubuntu", "20.04", "2025-05-31" }, { "ubuntu", "22.04", "2027-05-31" }, { "ubuntu", "24.04", "2029-05-31" }, { "ubuntu", "19.10", "2020-07-17" },
	{ "ubuntu", "20.10", "2021-07-22" }, { "ubuntu", "21.04", "2022-01-20" }, { "ubuntu", "21.10", "2022-07-14" }, { "ubuntu", "22.10", "2023-07-20" },
	{ "ubuntu", "23.04", "2024-01-25" }, { "ubuntu", "23.10", "2024-07-11" }, { "ubuntu", "24.10", "2025-07-10" }, { "ubuntu", "25.04", "2026-01-15" },
	{ "ubuntu", "25.10", "2026-07-31" },
	/* alpinelinux.org/releases */
	{ "alpine", "3.3", "2017-11-01" }, { "alpine", "3.4", "2018-05-01" }, { "alpine", "3.5", "2018-11-01" }, { "alpine", "3.6", "2019-05-01" },
	{ "alpine", "3.7", "2019-11-01" }, { "alpine", "3.8", "2020-05-01" }, { "alpine", "3.9", "2020-11-01" }, { "alpine", "3.10", "2021-05-01" },
	{ "alpine", "3.11", "2021-11-01" }, { "alpine", "3.12", "2022-05-01" }, { "alpine", "3.13", "2022-11-01" }, { "alpine", "3.14", "2023-05-01" },
	{ "alpine", "3.15", "2023-11-01" }, { "alpine", "3.16", "2024-05-23" }, { "alpine", "3.17", "2024-11-22" }, { "alpine", "3.18", "2025-05-09" },
	{ "alpine", "3.19", "2025-11-01" }, { "alpine", "3.20", "2026-04-01" }, { "alpine", "3.21", "2026-11-01" }, { "alpine", "3.22", "2027-05-01" },
	{ "alpine", "3.23", "2027-11-01" },
	/* wiki.almalinux.org/release-notes */
	{ "almalinux", "8", "2029-03-01" }, { "almalinux", "9", "2032-05-31" }, { "almalinux", "10", "2035-05-31" },
	/* wiki.rockylinux.org/rocky/version */
	{ "rocky", "8", "2029-05-31" }, { "rocky", "9", "2032-05-31" }, { "rocky", "10", "2035-05-31" },
	/* access.redhat.com/support/policy/updates/errata: end of maintenance support */
	{ "rhel", "6", "2020-11-30" }, { "rhel", "7", "2024-06-30" }, { "rhel", "8", "2029-05-31" }, { "rhel", "9", "2032-05-31" },
	{ "rhel", "10", "2035-05-31" },
	/* centos.org/centos-linux-eol, centos.org/cl-vs-cs; 8 is told apart no further: CentOS Linux 8 ended on 2021-12-31, Stream 8 later */
	{ "centos", "6", "2020-11-30" }, { "centos", "7", "2024-06-30" }, { "centos", "8", "2024-05-31" }, { "centos", "9", "2027-05-31" },
	/* docs.fedoraproject.org/en-US/releases/eol */
	{ "fedora", "36", "2023-05-16" }, { "fedora", "37", "2023-12-05" }, { "fedora", "38", "2024-05-21" }, { "fedora", "39", "2024-11-26" },
	{ "fedora", "40", "2025-05-13" }, { "fedora", "41", "2025-12-15" }, { "fedora", "42", "2026-05-13" },
	/* en.opensuse.org/Lifetime */
	{ "opensuse-leap", "15.0", "2019-12-03" }, { "opensuse-leap", "15.1", "2021-01-31" }, { "opensuse-leap", "15.2", "2021-12-31" },
	{ "opensuse-leap", "15.3", "2022-12-31" }, { "opensuse-leap", "15.4", "2023-12-07" }, { "opensuse-leap", "15.5", "2024-12-31" },
	{ "opensuse-leap", "15.6", "2026-04-30" }, { "opensuse-leap", "16.0", "2027-10-31" },
	/* suse.com/lifecycle: end of general support */
	{ "sles", "12.5", "2024-10-31" }, { "sles", "15.3", "2022-12-31" }, { "sles", "15.4", "2023-12-31" }, { "sles", "15.5", "2024-12-31" },
	{ "sles", "15.6", "2025-12-31" }, { "sles", "15.7", "2031-07-31" },
	/* docs.aws.amazon.com, "Release cadence" of each */
	{ "amzn", "2018", "2023-12-31" }, { "amzn", "2", "2026-06-30" }, { "amzn", "2023", "2029-06-30" },
	/* oracle.com/a/ocom/docs/elsp-lifetime-069338.pdf: end of premier support */
	{ "ol", "6", "2021-03-31" }, { "ol", "7", "2024-12-31" }, { "ol", "8", "2029-07-31" }, { "ol", "9", "2032-06-30" },
};

struct slice distro_end_of_life(const struct os_info *os)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct slice v = slice_str(table[i].version);
		/* "3.19" speaks for 3.19.1, "12" for 12.5, but not for 120 */
		if (slice_eqs(os->id, table[i].id) && slice_has_prefix(os->version_id, v) &&
		    (os->version_id.n == v.n || (os->version_id.p[v.n] == '.')))
			return slice_str(table[i].last_day);
	}
	return SLICE_NULL;
}
