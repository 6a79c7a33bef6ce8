/* A policy from anywhere: YAML, rules, waivers; then judged over a small report. */
#include <stdlib.h>
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_POLICY p = NULL;
	AUTO_ARENA a = ARENA(4 * MIB);
	struct err e = { 0 };
	char digest[72];
	if (policy_parse(slice_of(data, size), "input", &p, &e) != OK)
		return 0;
	struct report r = { .arena = &a, .reference = SL("docker.io/library/nginx:1.27"), .complete = true };
	for (unsigned i = 0; i < 16; i++) {
		struct finding *f = report_add_finding(&r);
		struct evidence *ev = f ? finding_add_evidence(&r, f) : NULL;
		if (!ev)
			return 0;
		f->kind = (enum finding_kind)(i % KIND_COUNT);
		f->severity = (enum severity)(i % SEV_COUNT);
		f->rule = SL("vuln.CVE-2024-1");
		f->subject = SL("CVE-2024-1");
		f->package_name = SL("openssl");
		f->fixed_version = i & 1 ? SL("2") : SLICE_NULL;
		f->published_s = i * 86400;
		ev->path = SL("/usr/bin/x");
		finding_seal(&r, f);
	}
	struct policy_options o = { .now_s = 1800000000 };
	if (policy_apply(p, &r, &o, &e) == OK) {
		policy_digest(p, digest);
		if (slice_eqs(r.verdict.policy_digest, digest) == false)
			abort();
	}
	return 0;
}
