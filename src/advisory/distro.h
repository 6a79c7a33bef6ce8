/* Which system it is: its ecosystems in OSV's terms, and until when its maker keeps it up. */
#pragma once
#include "db.h"

enum { DISTRO_MAX_ECOSYSTEMS = 48 };
struct distro {
	struct slice name;		/* for people: "Debian 12" */
	enum version_order order;	/* of its packages; VERSION_NONE: not known to pabean */
	struct slice ecosystems[DISTRO_MAX_ECOSYSTEMS];	/* those of them that the database has; borrow from db */
	bool pro[DISTRO_MAX_ECOSYSTEMS];	/* Ubuntu Pro */
	size_t n;
	const char *base;		/* the ecosystem to fetch when there is no data; NULL: there is none */
};
/* db may be NULL. */
void distro_of(const struct os_info *os, const struct advisory_db *db, struct arena *a, struct distro *ret);
/* "2028-06-30", the last day of the maker's general support, or empty. */
struct slice distro_end_of_life(const struct os_info *os);
