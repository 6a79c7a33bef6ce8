/* Facts joined with intelligence: digests, tokens of files and config, packages, the image's own name. */
#include "judge_private.h"
#include <stdio.h>

static const char advice_run[] = "Do not run this image. If you know better, waive this finding for the image by name and tell the list's source.";

static const char *noun(const struct intel_hit *h)
{
	return h->threat == KIND_MINER ? "miner" : h->threat == KIND_ATTACK_TOOL ? "attack tool" : "malware";
}

static const char *who_says(struct threat_judge *j, const struct intel_hit *h)
{
	struct slice s = arena_printf(j->r->arena, "%s%s%s%s", h->source[0] ? h->source : h->seed ? "the compiled-in list" : h->feed,
		h->seed || !h->source[0] ? "" : ", list ", h->seed || !h->source[0] ? "" : h->feed,
		h->grade == 's' ? ", from a secondary text" : "");
	return s.p ? (const char *)s.p : "";
}

/* --- Digests -------------------------------------------------------------------------------------------------------- */

static enum err_code digest_hit(struct threat_judge *j, const struct judge_file *f, const struct intel_hit *h, struct err *e)
{
	struct arena *a = j->r->arena;
	struct judge_text t = { .rule = "intel.file", .kind = h->threat,
		.severity = h->threat == KIND_ATTACK_TOOL && !f->reachable ? SEV_HIGH : SEV_CRITICAL,
		.title = "", .description = "", .advice = advice_run };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &t, slice_str(h->value), &d, &fresh, e));
	if (fresh) {
		d->f.title = h->what[0] ? arena_printf(a, "Known %s: %s", noun(h), h->what) : arena_printf(a, "A file known as %s", noun(h));
		d->f.description = arena_printf(a, "The %s of this file, %s, is listed by %s.", intel_kind_name(h->kind), h->value, who_says(j, h));
	}
	draft_raise(d, t.severity);
	return draft_evidence(j, d, f, NULL, e);
}

enum err_code judge_digests(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	if (!f->entry)
		return OK;
	const struct { int algo; struct slice raw; } digests[] = {
		{ DIGEST_SHA256, f->entry->sha256 }, { DIGEST_SHA1, f->entry->sha1 }, { DIGEST_MD5, f->entry->md5 },
	};
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		struct intel_hit h;
		bool found;
		if (!digests[i].raw.n)
			continue;
		TRY(intel_lookup_digest(j->intel, digests[i].algo, digests[i].raw, &found, &h, e));
		if (found)
			return digest_hit(j, f, &h, e);	/* several digests of the same file say the same */
	}
	return OK;
}

/* --- Tokens ----------------------------------------------------------------------------------------------------------- */

static enum intel_kind kind_of_token(uint64_t kind)
{
	switch (kind) {
	case TOKEN_HOST: return INTEL_DOMAIN;
	case TOKEN_IP: return INTEL_IP;
	case TOKEN_URL: return INTEL_URL;
	case TOKEN_WALLET_XMR: case TOKEN_WALLET_BTC: case TOKEN_WALLET_ETH: return INTEL_WALLET;
	case TOKEN_IMAGE: return INTEL_IMAGE;
	default: return INTEL_NONE;
	}
}

static bool is_place(enum intel_kind k) { return k == INTEL_DOMAIN || k == INTEL_IP || k == INTEL_URL; }

/* How grave: by what reads the file. Text and data that nothing runs say little: a report, a block list, a test. */
static enum severity token_severity(const struct judge_file *f, const struct intel_hit *h)
{
	if (f->reachable || judge_is_config(f))
		return h->grade == 's' && is_place(h->kind) ? SEV_HIGH : SEV_CRITICAL;
	switch (judge_class(f)) {
	case FILE_ELF: case FILE_ELF_LIB: case FILE_SCRIPT: case FILE_BYTECODE: case FILE_PE: case FILE_CONFIG: case FILE_CLASS_COUNT:
		return h->grade == 's' && is_place(h->kind) ? SEV_MEDIUM : SEV_HIGH;
	default:
		return SEV_INFO;
	}
}

static const char *token_rule(enum intel_kind k)
{
	return k == INTEL_WALLET ? "intel.wallet" : k == INTEL_IMAGE ? "intel.image-used" : k == INTEL_URL ? "intel.url" :
	       k == INTEL_IP ? "intel.address" : "intel.host";
}

static struct slice token_title(struct threat_judge *j, const struct intel_hit *h)
{
	const char *of = h->what[0] ? h->what : h->threat == KIND_MINER ? "known for mining" : h->threat == KIND_ATTACK_TOOL ?
		"known for attacks" : "known for malware";
	switch (h->kind) {
	case INTEL_WALLET: return arena_printf(j->r->arena, "Names a listed wallet: %s", of);
	case INTEL_IMAGE: return arena_printf(j->r->arena, "Uses the image %s: %s", h->value, of);
	case INTEL_URL: return arena_printf(j->r->arena, "Names a listed URL, %s (%s)", h->value, of);
	default: return arena_printf(j->r->arena, "Names %s (%s)", h->value, of);
	}
}

static enum err_code token_hit(struct threat_judge *j, const struct judge_file *f, const struct fact_token *t, const struct intel_hit *h,
			       struct err *e)
{
	struct judge_text text = { .rule = token_rule(h->kind), .kind = h->threat, .severity = token_severity(f, h), .title = "",
				   .description = "", .advice = advice_run };
	struct spot spot = { .has_offset = !judge_is_config(f), .offset = t->offset, .excerpt = t->value };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &text, slice_str(h->value), &d, &fresh, e));
	if (fresh) {
		d->f.title = token_title(j, h);
		d->f.description = arena_printf(j->r->arena, "%s is listed by %s.", h->kind == INTEL_WALLET ? "The wallet" : h->value,
						who_says(j, h));
	}
	draft_raise(d, text.severity);
	if (!fresh && d->last_file == j->files)
		return OK;	/* a URL and its host: told once a file */
	if (d->f.severity <= SEV_INFO)
		d->f.advice = SL("Nothing that the image runs is known to use it; look at the file if that surprises you.");
	else
		d->f.advice = slice_str(advice_run);
	return draft_evidence(j, d, f, &spot, e);
}

static enum err_code block_list(struct threat_judge *j, const struct judge_file *f, unsigned n, struct err *e)
{
	static const struct judge_text text = { .rule = "intel.list", .kind = KIND_MALWARE, .severity = SEV_INFO,
		.title = "A file with many listed hosts, probably a block list",
		.description = "The file names a dozen or more hosts, addresses or wallets that are listed as malicious. Nothing that the image runs is "
			       "known to use it: block lists, rules of virus scanners and reports look like this.",
		.advice = "Look at the file if the image should not carry such a list." };
	char excerpt[48];
	int k = snprintf(excerpt, sizeof(excerpt), "%u listed values", n);
	struct spot spot = { .excerpt = slice_of(excerpt, (size_t)k) };
	return draft_add(j, &text, SLICE_NULL, f, &spot, NULL, e);
}

enum err_code judge_token_hits(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	struct found { const struct fact_token *t; struct intel_hit h; } *found = NULL;
	AUTO_ARENA a = ARENA(8 * MIB);
	size_t cap = 0, n = 0, distinct = 0;
	for (size_t i = 0; i < f->n_facts; i++) {
		const struct fact_token *t = &f->facts[i].token;
		enum intel_kind kind = f->facts[i].type == FACT_TOKEN ? kind_of_token(t->kind) : INTEL_NONE;
		struct intel_hit h;
		bool hit;
		if (kind == INTEL_NONE)
			continue;
		TRY(intel_lookup(j->intel, kind, t->value, &hit, &h, e));
		if (!hit)
			continue;
		bool same = false;
		for (size_t k = 0; k < n && !same; k++)
			same = !strcmp(found[k].h.value, h.value);
		distinct += !same;
		if (n >= 4096)
			continue;
		struct found *slot = arena_push(&a, &found, &n, &cap, sizeof(*found));
		if (!slot)
			return arena_ok(&a, "the listed hosts of a file", e);
		*slot = (struct found){ t, h };
	}
	if (distinct >= LIST_HOSTS && !f->reachable && !judge_is_config(f) && judge_class(f) != FILE_ELF)
		return block_list(j, f, (unsigned)distinct, e);
	for (size_t i = 0; i < n; i++)
		TRY(token_hit(j, f, found[i].t, &found[i].h, e));
	return OK;
}

/* --- Packages and the image itself ------------------------------------------------------------------------------------ */

static enum err_code package_hit(struct threat_judge *j, const struct package *p, const struct intel_hit *h, struct err *e)
{
	struct arena *a = j->r->arena;
	struct judge_text t = { .rule = "intel.package", .kind = h->threat, .severity = p->declared ? SEV_MEDIUM : SEV_CRITICAL, .title = "",
		.description = "", .advice = "Remove the package, take the machine that built the image for compromised, and change its credentials." };
	struct judge_file place = { .layer = p->layer, .path = p->path };
	struct draft *d;
	bool fresh;
	TRY(draft_get(j, &t, p->purl.n ? p->purl : slice_str(h->value), &d, &fresh, e));
	if (fresh) {
		d->f.title = arena_printf(a, "%s %s: %s", judge_shown(j, p->name), judge_shown(j, p->version), h->what[0] ? h->what : "a package listed as malware");
		d->f.description = arena_printf(a, "The package %s is listed by %s.", h->value, who_says(j, h));
		d->f.package = p->purl;
		d->f.package_name = p->name;
		d->f.package_type = p->type;
		d->f.installed_version = p->version;
	}
	if (slice_has_prefix(place.path, SL("/")))
		place.path = slice_from(place.path, 1);
	return draft_evidence(j, d, &place, NULL, e);
}

enum err_code judge_packages(struct threat_judge *j, struct err *e)
{
	if (!intel_has_kind(j->intel, INTEL_PACKAGE))
		return OK;
	for (size_t i = 0; i < j->r->packages.n; i++) {
		const struct package *p = &j->r->packages.items[i];
		AUTO_BUF b = BUF(INTEL_MAX_VALUE);
		struct intel_hit h;
		bool found;
		buf_put_slice(&b, p->type);
		buf_putc(&b, ':');
		buf_put_slice(&b, p->name);
		buf_putc(&b, '@');
		buf_put_slice(&b, p->version);
		/* What a distribution packages under the same name is its own. */
		if (b.failed || p->owner.n || p->go_stdlib)
			continue;
		TRY(intel_lookup(j->intel, INTEL_PACKAGE, buf_slice(&b), &found, &h, e));
		j->files++;
		if (found)
			TRY(package_hit(j, p, &h, e));
	}
	return OK;
}

enum err_code judge_reference(struct threat_judge *j, struct err *e)
{
	struct slice ref = image_reference(j->r), tries[2] = { ref, SLICE_NULL };
	/* The same bytes under another name: by digest, too. */
	struct slice bare = slice_upto(ref, slice_find_byte(ref, '@') >= 0 ? (size_t)slice_find_byte(ref, '@') : ref.n);
	if (bare.n && j->r->digest.n)
		tries[1] = arena_printf(j->r->arena, "%.*s@%.*s", SLICE_ARG(bare), SLICE_ARG(j->r->digest));
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		struct intel_hit h;
		bool found = false;
		if (tries[i].n)
			TRY(intel_lookup(j->intel, INTEL_IMAGE, tries[i], &found, &h, e));
		if (!found)
			continue;
		struct judge_text t = { .rule = "intel.image", .kind = h.threat, .severity = SEV_CRITICAL, .title = "", .description = "",
					.advice = advice_run };
		struct judge_file place = { .layer = -1, .path = SL("image:reference"), .reachable = true };
		struct spot spot = { .excerpt = ref };
		struct draft *d;
		TRY(draft_add(j, &t, slice_str(h.value), &place, &spot, &d, e));
		d->f.title = arena_printf(j->r->arena, "Known malicious image: %s", h.what[0] ? h.what : noun(&h));
		d->f.description = arena_printf(j->r->arena, "%s is listed by %s.", h.value, who_says(j, &h));
		break;
	}
	return arena_ok(j->r->arena, "the report", e);
}
