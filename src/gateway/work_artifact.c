/* What is in a registry but is no image: charts, signatures, attestations, bills of materials, WebAssembly (GATE.md 6). The type decides, and the bytes must not
 * look like something a runtime would unpack. */
#include "work.h"
#include "os.h"
#include <stdio.h>

struct known_type { const char *pattern; const char *what; bool archive; /* its layers may be tar archives */ };

/* Media types as their makers document them: Helm (helm.sh/docs/topics/registries), cosign, the Notary Project, in-toto, SPDX, CycloneDX, OpenVEX, WebAssembly
 * (CNCF TAG Runtime), ORAS, Open Policy Agent, Tekton, Flux. */
static const struct known_type known[] = {
	{ "application/vnd.cncf.helm.config.v1+json", "Helm chart", true },
	{ "application/vnd.cncf.notary.signature", "Notary Project signature", false },
	{ "application/vnd.dev.sigstore.bundle.*", "Sigstore bundle", false },
	{ "application/vnd.dev.cosign.simplesigning.v1+json", "cosign signature", false },
	{ "application/vnd.dev.cosign.artifact.*", "cosign artifact", false },
	{ "application/vnd.dsse.envelope.v1+json", "signed attestation", false },
	{ "application/vnd.in-toto+json", "in-toto attestation", false },
	{ "application/vnd.in-toto.*", "in-toto attestation", false },
	{ "application/spdx+json", "SPDX bill of materials", false },
	{ "text/spdx*", "SPDX bill of materials", false },
	{ "application/vnd.cyclonedx*", "CycloneDX bill of materials", false },
	{ "application/vnd.openvex*", "OpenVEX statement", false },
	{ "application/sarif+json", "SARIF report", false },
	{ "application/vnd.wasm.config.v0+json", "WebAssembly module", false },
	{ "application/vnd.cncf.openpolicyagent.config.v1+json", "Open Policy Agent bundle", true },
	{ "application/vnd.cncf.flux.config.v1+json", "Flux artifact", true },
};

static const struct known_type *find(struct slice type)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_glob(slice_str(known[i].pattern), type))
			return &known[i];
	return NULL;
}

/* A tar without magic (V7) is one by its checksum alone: octal digits at 148, the sum of all bytes with these eight as spaces. */
static bool is_tar_header(struct slice h)
{
	unsigned sum = 8 * ' ', said = 0;
	int signed_sum = 8 * ' ';
	if (h.n < 512)
		return false;
	for (size_t i = 0; i < 512; i++) {
		bool field = i >= 148 && i < 156;
		sum += field ? 0 : h.p[i];
		signed_sum += field ? 0 : (int8_t)h.p[i];
		if (field && h.p[i] >= '0' && h.p[i] <= '7')
			said = said * 8 + (h.p[i] - '0');
	}
	return said == sum || (int)said == signed_sum;
}

static bool looks_packed(struct slice first)
{
	bool tar = first.n >= 262 && !memcmp(first.p + 257, "ustar", 5);
	return tar || is_tar_header(first) || compression_sniff(first) != COMP_NONE;
}

/* Signatures, attestations and bills of materials that cosign and BuildKit write with an image's config: what carries nothing but those is one. Its bytes are
 * looked at like those of any artifact, so nothing that would unpack passes for one. */
bool work_is_artifact(const struct work *w)
{
	size_t layers = 0;
	if (w->manifest.kind != STORE_IMAGE)
		return w->manifest.kind == STORE_ARTIFACT;
	for (size_t i = 0; i < w->manifest.n_refs; i++) {
		const struct store_ref *r = &w->manifest.refs[i];
		if (r->kind != STORE_REF_LAYER)
			continue;
		const struct known_type *t = find(r->media_type);
		if (!t || t->archive || r->foreign)
			return false;
		layers++;
	}
	return layers > 0;
}

static enum err_code sniff(struct work *w, const struct store_ref *ref, bool *ret_packed, struct err *e)
{
	uint8_t first[512];
	size_t n;
	AUTO_STREAM s = NULL;
	TRY(work_blob_ensure(w, ref->digest, ref->size, e));
	TRY(blob_read(w->g->store.blobs, ref->digest, 0, sizeof(first), &s, e));
	TRY(stream_read_full(s, first, sizeof(first), &n, e));
	*ret_packed = looks_packed(slice_of(first, n));
	return OK;
}

static enum err_code put_finding(struct report *r, const char *rule, enum severity severity, struct slice title, struct slice description, struct slice subject, struct err *e)
{
	struct finding *f = report_add_finding(r);
	if (!f)
		return arena_ok(r->arena, "a finding", e);
	f->rule = slice_str(rule);
	f->kind = KIND_INTEGRITY;
	f->severity = severity;
	f->title = title;
	f->description = description;
	f->advice = SL("A policy rule on artifact.* decides what becomes of artifacts; a person can approve this one");
	f->subject = subject;
	f->shown = true;
	struct evidence *v = finding_add_evidence(r, f);
	if (!v)
		return arena_ok(r->arena, "a finding", e);
	v->layer = -1;
	v->path = SL("manifest");
	finding_seal(r, f);
	return OK;
}

static enum err_code judge_type(struct work *w, struct report *r, struct err *e)
{
	const struct store_manifest *m = &w->manifest;
	struct slice type = m->artifact_type.n ? m->artifact_type : m->config_type;
	const struct known_type *t = m->kind == STORE_IMAGE ? NULL : find(type);
	char word[160];
	/* What has an ordinary image config says by its layers what it is. */
	for (size_t i = 0; !t && i < m->n_refs; i++)
		if (m->refs[i].kind == STORE_REF_LAYER)
			t = find(m->refs[i].media_type);
	bool packed = false;
	for (size_t i = 0; i < m->n_refs && !packed; i++)
		if (m->refs[i].kind == STORE_REF_LAYER && !m->refs[i].foreign)
			TRY(sniff(w, &m->refs[i], &packed, e));
	text_escape_to(word, sizeof(word), type);
	if (!t)
		return put_finding(r, "artifact.unknown", SEV_MEDIUM, SL("An artifact of unknown type"),
				   arena_printf(r->arena, "Its type is %s; it is no image, and what it is for is not known", word[0] ? word : "not given"), type, e);
	if (packed && !t->archive)
		return put_finding(r, "artifact.unknown", SEV_MEDIUM, SL("An artifact with unexpected bytes"),
				   arena_printf(r->arena, "It says to be a %s, but carries an archive that a runtime could unpack", t->what), type, e);
	return put_finding(r, "artifact.known", SEV_INFO, arena_printf(r->arena, "%s", t->what), SL("It is no image and nothing runs it"), type, e);
}

enum err_code work_artifact(struct work *w, scan_report_fn *fn, void *arg, struct err *e)
{
	AUTO_ARENA a = ARENA(16 << 20);
	struct report r = { .arena = &a, .complete = true };
	r.reference = slice_str(w->reference);
	r.transport = SL("docker");
	r.digest = w->manifest.digest;
	for (size_t i = 0; i < w->manifest.n_refs; i++)
		if (w->manifest.refs[i].kind == STORE_REF_CONFIG)
			r.config_digest = w->manifest.refs[i].digest;
	TRY(judge_type(w, &r, e));
	report_sort(&r);
	return fn(arg, &r, e);
}
