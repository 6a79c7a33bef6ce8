/* Python distributions' METADATA and PKG-INFO. Format: packaging.python.org "Core metadata specifications". */
#pragma once
#include "base.h"

struct python_meta {
	struct slice name, version, license;	/* borrow; license: License-Expression, else License's first line, else a classifier's end */
};
/* Reads the fields up to the first blank line; the first of several equal ones counts. ERR_FORMAT without Name or Version. */
[[nodiscard]] enum err_code python_meta_parse(struct slice content, struct python_meta *ret, struct err *e);
