/* What a policy says, in a form that does not depend on how it was written: the base of its digest. */
#include <stdio.h>
#include "codec.h"
#include "rules.h"

static void put(struct digest *d, struct slice s)
{
	char length[24];
	snprintf(length, sizeof(length), "%zu:", s.n);
	digest_update(d, slice_str(length));
	digest_update(d, s);
}

static void put_number(struct digest *d, const char *name, uint64_t v)
{
	char text[64];
	snprintf(text, sizeof(text), "%s=%llu;", name, (unsigned long long)v);
	digest_update(d, slice_str(text));
}

static void put_list(struct digest *d, const char *name, const struct slice_list *l)
{
	put_number(d, name, l->n);
	for (size_t i = 0; i < l->n; i++)
		put(d, l->items[i]);
}

static void put_rule(struct digest *d, const struct rule *r)
{
	const struct when *w = &r->when;
	put_number(d, "rule", (uint64_t)r->effect);
	put(d, r->name);
	put(d, r->because);
	put_number(d, "kinds", w->kinds);
	put_number(d, "severities", w->severities);
	put_number(d, "skips", w->skips);
	put_list(d, "rules", &w->rules);
	put_list(d, "packages", &w->packages);
	put_list(d, "paths", &w->paths);
	put_list(d, "images", &w->images);
	put_list(d, "types", &w->types);
	const enum tri flags[] = { w->fixed, w->exploited, w->ransomware, w->base, w->hidden, w->reachable, w->owned };
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		put_number(d, "flag", (uint64_t)flags[i]);
	put_number(d, "epss", w->has_epss ? 1 + (uint64_t)(w->epss_min * 1e6 + 0.5) : 0);
	put_number(d, "age", w->has_age ? 1 + w->age_younger : 0);
	put_number(d, "age-s", w->age_s);
}

void policy_digest(const struct policy *p, char dst[72])
{
	struct err e;
	uint8_t raw[DIGEST_MAX_BYTES];
	AUTO_DIGEST d = NULL;
	memcpy(dst, "sha256:", 8);
	if (digest_open(DIGEST_SHA256, &d, &e) != OK)
		return;
	digest_update(d, SL("pabean.policy/1\n"));
	for (size_t i = 0; i < p->rules.n; i++)
		put_rule(d, &p->rules.items[i]);
	for (size_t i = 0; i < p->waivers.n; i++) {
		const struct waiver *w = &p->waivers.items[i];
		put_list(d, "waiver", &w->findings);
		put_list(d, "packages", &w->packages);
		put_list(d, "images", &w->images);
		put_number(d, "until", w->until_s);
		put(d, w->reason);
		put(d, w->by);
	}
	digest_final(d, raw);
	hex_encode(dst + 7, raw, 32);
}
