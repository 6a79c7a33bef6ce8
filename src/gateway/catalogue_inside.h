/* Within the catalogue. */
#pragma once
#include "finding.h"

/* What package.body holds; slices of body. */
void catalogue_package_read(struct slice body, struct package *ret);
