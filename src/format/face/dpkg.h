/* dpkg's database. Format: deb-control(5), dpkg's lib/dpkg/parse.c for what is tolerated. All slices borrow from the input. */
#pragma once
#include "base.h"

enum { DPKG_MD5_BYTES = 16 };

struct dpkg_package {
	struct slice name, version, arch, origin;
	struct slice source_name, source_version;	/* from "Source: x (v)", else name and version */
	struct slice status;				/* "install ok installed"; empty in status.d files */
	struct slice conffiles;				/* the field's lines, for dpkg_conffile_next */
	uint64_t offset;				/* of the paragraph in the file, bytes */
};
typedef enum err_code dpkg_package_fn(void *arg, const struct dpkg_package *p, struct err *e);

/* Calls fn for every paragraph of a status file that has a name and a version, installed or not. Field names are case-insensitive, the
 * first of several equal fields counts. *ret_malformed counts lines that are neither field nor continuation, and paragraphs without
 * Package; they are skipped. Fails only when fn does. */
[[nodiscard]] enum err_code dpkg_status_parse(struct slice content, dpkg_package_fn *fn, void *arg, uint64_t *ret_malformed, struct err *e);

/* True for "install ok installed" (and hold: what counts is the third word; deb-control's third word is the state), and for an absent
 * status, which status.d files have. */
bool dpkg_is_installed(const struct dpkg_package *p);

struct dpkg_file { struct slice path; uint8_t md5[DPKG_MD5_BYTES]; bool obsolete; };
/* Paths come without their leading "/" or "./". False at the end; lines that are malformed ("newconffile", no digest) are skipped. */
bool dpkg_conffile_next(struct slice *rest, struct dpkg_file *ret);
bool dpkg_md5sums_next(struct slice *rest, struct dpkg_file *ret);
/* A line of a .list file; "/." is skipped. */
bool dpkg_list_next(struct slice *rest, struct slice *ret_path);

/* Files that another package moved away: three lines each. A file `from` of any package but `package` is really at `to`. */
struct dpkg_diversion { struct slice from, to, package; /* ":" for the administrator's */ };
bool dpkg_diversion_next(struct slice *rest, struct dpkg_diversion *ret);
