/* apk's database lib/apk/db/installed. Format: apk-tools' src/database.c (apk_db_read) and its manual page apk-v2(5). */
#pragma once
#include "base.h"

struct apk_package {	/* slices borrow from the input */
	struct slice name, version, arch, origin, license;	/* origin: the source package, name when the database says nothing */
	uint64_t offset;					/* of the record in the file, bytes */
};
struct apk_file {
	struct slice dir, name;		/* "usr/bin" and "env"; dir is empty for the root */
	bool has_sha1;
	uint8_t sha1[20];		/* of the content; of a symbolic link's target */
};
struct apk_handler {
	/* After the package's own fields and before its files; records without name or version are not reported. */
	enum err_code (*package)(void *arg, const struct apk_package *p, struct err *e);
	enum err_code (*file)(void *arg, const struct apk_package *p, const struct apk_file *f, struct err *e);
	void *arg;
};

/* Malformed lines are skipped and counted in *ret_malformed. Fails only when a handler does. */
[[nodiscard]] enum err_code apk_installed_parse(struct slice content, const struct apk_handler *h, uint64_t *ret_malformed, struct err *e);
