/* Go build information in executables. Format: Go's debug/buildinfo and runtime/debug (mod.go); cmd/link writes it. */
#pragma once
#include "base.h"

struct go_build {	/* borrows from the content */
	struct slice go_version;	/* as written: "go1.21.5", "devel go1.22-0a1b2c", "go1.20 X:boringcrypto" */
	struct slice modules;		/* for go_module_next; empty for programs built without modules */
};
/* ELF in both encodings (pointers up to Go 1.17, inline strings since 1.18); PE and others inline only. False when there is none or it is
 * damaged. Looks at the section .go.buildinfo, else through the first writable segment. */
bool go_build_read(struct slice content, struct go_build *ret);

struct go_module {
	struct slice path, version;	/* version "v1.2.3", "(devel)", may be empty */
	bool main;
	bool replaced;			/* by what follows; a directory ("./x", "/x") has the version "(devel)" or none */
	struct slice by_path, by_version;
};
bool go_module_next(struct slice *rest, struct go_module *ret);

/* The standard library's version as SemVer without a leading v: "go1.21.5" -> "1.21.5", "go1.19" -> "1.19.0", "go1.22rc1" -> "1.22.0-rc.1".
 * Empty for development versions. dst holds the result. */
struct slice go_stdlib_version(struct slice go_version, char dst[64]);
