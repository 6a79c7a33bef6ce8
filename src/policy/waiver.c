/* Whether a waiver speaks of a finding. */
#include "rules.h"

static bool names_finding(struct slice name, const struct finding *f)
{
	if (slice_eqs(name, f->id) || slice_eq(name, f->subject) || slice_eq(name, f->rule))
		return true;
	for (size_t i = 0; i < f->aliases.n; i++)
		if (slice_eq(name, f->aliases.items[i]))
			return true;
	/* "vuln.CVE-2024-1" is meant by "CVE-2024-1", too. */
	ptrdiff_t dot = slice_find_byte(f->rule, '.');
	return dot >= 0 && slice_eq(name, slice_from(f->rule, (size_t)dot + 1));
}

bool waiver_matches(const struct waiver *w, const struct report *r, const struct finding *f)
{
	bool named = !w->findings.n;
	for (size_t i = 0; i < w->findings.n && !named; i++)
		named = w->findings.items[i].n && names_finding(w->findings.items[i], f);
	return named && package_matches(&w->packages, f) && image_matches(&w->images, r);
}
