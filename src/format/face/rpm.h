/* rpm's database. Formats: rpm's docs/manual/format.md and hregions.md (header), lib/rpmtag.h (tags), lib/backend/ndb/rpmpkg.c (ndb),
 * Berkeley DB's dbinc/db_page.h (hash); for sqlite see sqlite.h. */
#pragma once
#include "base.h"

enum { RPM_HEADER_MAX_BYTES = 64 << 20 };

/* One header as databases hold it: index count, data size, index, data, all big-endian. Slices borrow from the blob. */
struct rpm_header {
	struct slice index, data;
	struct slice name, version, release, arch, vendor, license, source_rpm, module;
	bool has_epoch;
	uint32_t epoch;
};
/* ERR_FORMAT when counts and sizes do not fit or there is no name or version. Tags of another type than theirs are taken as absent. */
[[nodiscard]] enum err_code rpm_header_parse(struct slice blob, struct rpm_header *ret, struct err *e);

/* "curl-7.76.1-26.el9.src.rpm" -> "curl", "7.76.1-26.el9"; false when it is not such a name. */
bool rpm_split_source(struct slice source_rpm, struct slice *ret_name, struct slice *ret_version);

struct rpm_file {
	struct slice dir, name;		/* "usr/bin/" and "env"; without the leading "/" */
	uint16_t mode;			/* with the type bits */
	bool config, ghost;		/* ghost: owned, but the package does not bring it */
	bool installed;			/* false: left out, or replaced by another package's */
	int algo;			/* DIGEST_..., DIGEST_NONE when there is none that we know */
	uint8_t digest[64];
	unsigned digest_n;
};
/* Walks the file list; directory names are indexed in `a`. */
struct rpm_files {
	struct slice basenames, digests, modes, flags, states, dir_indexes;	/* cursors */
	struct slice *dirs;
	uint32_t n_dirs;
	bool whole_paths;	/* packages from before rpm 4.0: OLDFILENAMES */
	int algo;
};
[[nodiscard]] enum err_code rpm_files_open(const struct rpm_header *h, struct arena *a, struct rpm_files *ret, struct err *e);
bool rpm_files_next(struct rpm_files *fs, struct rpm_file *ret);	/* false at the end */

/* Calls fn for every header blob of a database; it is valid during the call. *ret_damaged counts entries that could not be read while the
 * rest could. ERR_FORMAT, ERR_UNSUPPORTED when the file as a whole is not readable; else fails only when fn does. */
typedef enum err_code rpm_blob_fn(void *arg, struct slice blob, struct err *e);
[[nodiscard]] enum err_code rpm_ndb_blobs(struct slice content, rpm_blob_fn *fn, void *arg, uint64_t *ret_damaged, struct err *e);
/* Packages of rpm before 4.16: a hash of either byte order. */
[[nodiscard]] enum err_code rpm_bdb_blobs(struct slice content, rpm_blob_fn *fn, void *arg, uint64_t *ret_damaged, struct err *e);
