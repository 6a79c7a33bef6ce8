/* npm's package.json and package-lock.json. Formats: docs.npmjs.com "package.json", "package-lock.json" (lockfileVersion 1 to 3). */
#pragma once
#include "base.h"

struct npm_package { struct slice name, version, license; };	/* borrow from content or arena; any may be empty */
/* Top-level name, version and license (a string, {type}, or the old list licenses); the last of several equal members counts. */
[[nodiscard]] enum err_code npm_package_parse(struct slice content, struct arena *a, struct npm_package *ret, struct err *e);

/* True for ".../node_modules/x/package.json" and ".../node_modules/@s/x/package.json": an installed package's own file. */
bool npm_is_installed_path(struct slice path);

typedef enum err_code npm_lock_fn(void *arg, const struct npm_package *p, struct err *e);
/* Calls fn for every package of a lock file: "packages" when it is there, else "dependencies", nested ones too. Links, workspaces, the root
 * and versions that are no version (URLs, paths) are left out; an alias counts under its real name. */
[[nodiscard]] enum err_code npm_lock_parse(struct slice content, struct arena *a, npm_lock_fn *fn, void *arg, struct err *e);
