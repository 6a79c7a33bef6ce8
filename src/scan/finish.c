#include "finish.h"
#include "facts.h"

void finish_packages(struct report *r)
{
	for (size_t i = 0; i < r->packages.n; i++)
		r->packages.items[i].purl = package_purl(r->arena, &r->packages.items[i], &r->os);
}

static void mark_findings(struct report *r)
{
	for (size_t i = 0; i < r->findings.n; i++) {
		struct finding *f = &r->findings.items[i];
		bool hidden = f->evidence.n > 0, base = f->evidence.n > 0;
		for (size_t k = 0; k < f->evidence.n; k++) {
			int l = f->evidence.items[k].layer;
			hidden = hidden && f->evidence.items[k].hidden;
			base = base && l >= 0 && (size_t)l < r->layers.n && r->layers.items[l].base;
		}
		f->hidden = hidden;
		f->base_layer = base;
	}
}

void finish_report(struct report *r)
{
	r->complete = true;
	for (size_t i = 0; i < r->skipped.n; i++)
		r->complete = r->complete && r->skipped.items[i].cls == SKIP_DATA;
	mark_findings(r);
	report_sort(r);
}
