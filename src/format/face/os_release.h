/* Which operating system a root file system is. Format: os-release(5); the older one-line files have none but custom. */
#pragma once
#include "facts.h"

/* etc/os-release or usr/lib/os-release: NAME=value lines with shell quoting. The last of several equal names counts, as in a shell.
 * Values are copied to `a` where quoting must be undone, else borrowed; each is cut at 256 bytes. Unknown names and malformed lines
 * are skipped. ERR_FORMAT when neither ID nor PRETTY_NAME is there (os-release(5)'s default "linux" would name no distribution). */
[[nodiscard]] enum err_code os_release_parse(struct slice content, struct arena *a, struct fact_os_release *ret, struct err *e);

/* etc/lsb-release: DISTRIB_ID, DISTRIB_RELEASE, DISTRIB_CODENAME, DISTRIB_DESCRIPTION. The id is in lower case. */
[[nodiscard]] enum err_code lsb_release_parse(struct slice content, struct arena *a, struct fact_os_release *ret, struct err *e);

/* One-line files by their base name: alpine-release "3.19.1", debian_version "12.5" or "trixie/sid", redhat-release and its relatives
 * "Rocky Linux release 9.3 (Blue Onyx)". ERR_FORMAT for another text. */
[[nodiscard]] enum err_code os_release_line_parse(struct slice file_name, struct slice content, struct arena *a, struct fact_os_release *ret,
						  struct err *e);
