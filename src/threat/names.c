/* The image's name judged against its content and against the names that people trust. */
#include "names_private.h"
#include <stdio.h>

struct ask {
	struct report *r;
	const struct names_options *opt;
	const struct image_view *view;
	struct image_name name;
	struct slice reference;
	enum fit content;	/* of the official name that the base is or claims to be */
	bool told;		/* a graver finding about the name exists */
};

static enum err_code tell(struct ask *q, const struct judge_text *t, struct slice subject, const char *path, struct slice excerpt, struct err *e)
{
	struct finding *f = report_add_finding(q->r);
	struct evidence *v = f ? finding_add_evidence(q->r, f) : NULL;
	if (!v)
		return arena_ok(&(struct arena){ .failed = true, .max_bytes = q->r->arena->max_bytes }, "the report", e);
	v->path = arena_dup(q->r->arena, slice_str(path));
	v->excerpt = arena_dup(q->r->arena, excerpt);
	f->rule = slice_str(t->rule);
	f->kind = KIND_NAME;
	f->severity = t->severity;
	f->title = slice_str(t->title);
	f->description = slice_str(t->description);
	f->advice = slice_str(t->advice);
	f->subject = arena_dup(q->r->arena, subject);
	f->reachable = true;
	q->told |= t->severity >= SEV_MEDIUM;
	TRY(arena_ok(q->r->arena, "the report", e));
	finding_seal(q->r, f);
	return OK;
}

/* A sentence in the arena; "" when it is full, which report_add_finding then tells. */
#define SAY(q, ...) say((q), arena_printf((q)->r->arena, __VA_ARGS__))
static const char *say(struct ask *q, struct slice s)
{
	(void)q;
	return s.p ? (const char *)s.p : "";
}

static const char *shown(struct ask *q, struct slice s)
{
	char text[112];
	const char *copy = arena_strdup(q->r->arena, text_escape_to(text, sizeof(text), s));
	return copy ? copy : "";
}

/* "python3", "openjdk17", "node-18": an official name with a version is meant as that name. */
static struct slice official_base(struct slice base)
{
	if (names_is_official(base))
		return base;
	size_t n = base.n;
	while (n && ((base.p[n - 1] >= '0' && base.p[n - 1] <= '9') || base.p[n - 1] == '.'))
		n--;
	if (n && n < base.n && base.p[n - 1] == '-')
		n--;
	struct slice cut = slice_upto(base, n);
	return n < base.n && n >= 3 && names_is_official(cut) ? cut : SLICE_NULL;
}

/* Only Docker can put something there: pulled from it, the name is true. */
static bool is_official_place(const struct ask *q)
{
	return (names_is_official_space(q->name.space) && slice_eqs(q->name.registry, "docker.io")) ||
	       (slice_eqs(q->name.registry, "public.ecr.aws") && slice_eqs(q->name.space, "docker/library")) ||
	       (slice_eqs(q->name.registry, "mirror.gcr.io") && slice_eqs(q->name.space, "library"));
}

static bool pulled(const struct report *r) { return slice_eqs(r->transport, "docker") || slice_has_prefix(r->reference, SL("docker://")); }

/* --- An official image's name elsewhere ------------------------------------------------------------------------------- */

static enum err_code impersonation(struct ask *q, struct slice base, struct err *e)
{
	bool public = names_is_public_registry(q->name.registry), claims_official = is_official_place(q);
	bool grave = (public && !names_is_publisher(q->name.space) && !names_is_common_word(base)) || claims_official;
	const char *promise = names_promise(base);
	struct judge_text t = { .rule = grave ? "name.impersonation" : "name.content", .severity = grave ? SEV_CRITICAL : SEV_MEDIUM,
		.title = SAY(q, "Calls itself %s and holds no %s", shown(q, base), *promise ? promise : shown(q, base)),
		.description = claims_official
			? SAY(q, "The name is the one of Docker's official image %s, but nothing in the image is what that name promises.", shown(q, base))
			: SAY(q, "%s is the name of an official image. This one is published by '%s', and nothing in it is what the name promises: people who "
				"take it for the official image run something else.", shown(q, base), shown(q, q->name.space.n ? q->name.space : q->name.registry)),
		.advice = SAY(q, "Use the official image docker.io/library/%s. Do not run this one.", shown(q, base)) };
	return tell(q, &t, base, "image:reference", q->reference, e);
}

static enum err_code other_start(struct ask *q, struct slice base, struct err *e)
{
	const struct image_config *c = &q->r->config;
	struct slice first = c->entrypoint.n ? c->entrypoint.items[0] : c->cmd.items[0];
	struct judge_text t = { .rule = "name.content", .severity = SEV_LOW,
		.title = SAY(q, "Calls itself %s and starts something else", shown(q, base)),
		.description = SAY(q, "The image holds %s, but what it starts is %s.", shown(q, base), shown(q, first)),
		.advice = "Find out what the program does before you use the image under this name." };
	return tell(q, &t, base, c->entrypoint.n ? "config:Entrypoint" : "config:Cmd", first, e);
}

static enum err_code judge_official_name(struct ask *q, struct err *e)
{
	struct slice base = official_base(q->name.base);
	bool place = is_official_place(q);
	if (!base.n || (place && pulled(q->r)))
		return OK;
	q->content = names_content(base, q->view);
	if (q->content == FIT_NO)
		return impersonation(q, base, e);
	if (place)
		return OK;
	bool stranger = names_is_public_registry(q->name.registry) && !names_is_publisher(q->name.space);
	if (stranger && !names_is_common_word(base) && names_start(base, q->view) == FIT_NO)
		return other_start(q, base, e);
	if (!names_is_public_registry(q->name.registry))
		return OK;	/* a house's own registry: copies of official images are usual */
	struct judge_text t = { .rule = "name.official-base", .severity = SEV_INFO,
		.title = SAY(q, "Has the name of the official image %s and is another's", shown(q, base)),
		.description = SAY(q, "The image is published by '%s'. %s", shown(q, q->name.space.n ? q->name.space : q->name.registry),
			q->content == FIT_YES ? "Its content fits the name." : "Whether its content fits the name is not known."),
		.advice = SAY(q, "If you meant the official image, use docker.io/library/%s.", shown(q, base)) };
	return tell(q, &t, base, "image:reference", q->reference, e);
}

/* --- Look-alikes ------------------------------------------------------------------------------------------------------- */

static enum severity like_severity(enum likeness l)
{
	return l >= LIKE_SLIP ? SEV_HIGH : l == LIKE_NEAR ? SEV_MEDIUM : SEV_LOW;
}

static enum err_code lookalike(struct ask *q, enum likeness l, struct slice mine, struct slice trusted, const char *part, struct err *e)
{
	static const char *const how[] = { "", "only words or hyphens are added", "one letter is another", "it differs by a slip of the finger",
		"the eye hardly sees a difference" };
	struct judge_text t = { .rule = "name.lookalike", .severity = like_severity(l),
		.title = SAY(q, "The %s %s looks like %s", part, shown(q, mine), shown(q, trusted)),
		.description = SAY(q, "Names like this are registered so that people take them for another: %s.", how[l]),
		.advice = SAY(q, "Check the spelling. If you meant %s, use that.", shown(q, trusted)) };
	return tell(q, &t, trusted, "image:reference", q->reference, e);
}

static enum likeness closest(struct slice name, struct name_list list, struct slice *ret)
{
	enum likeness best = LIKE_NOT;
	for (size_t i = 0; i < list.n; i++) {
		if (slice_eqs(name, list.items[i]))
			return LIKE_NOT;
		enum likeness l = names_likeness(name, slice_str(list.items[i]));
		if (l > best) {
			best = l;
			*ret = slice_str(list.items[i]);
		}
	}
	return best;
}

static enum err_code judge_lookalikes(struct ask *q, struct err *e)
{
	struct slice trusted = SLICE_NULL;
	char text[256];
	struct slice registry = names_from_punycode(q->name.registry, text, sizeof(text));
	enum likeness l = closest(registry, names_registries(), &trusted);
	if (!slice_eq(registry, q->name.registry) && l == LIKE_NOT)
		for (size_t i = 0; i < names_registries().n; i++)
			if (slice_eqs(registry, names_registries().items[i])) {
				l = LIKE_LOOKS;
				trusted = slice_str(names_registries().items[i]);
			}
	if (l > LIKE_NEAR)
		TRY(lookalike(q, l, q->name.registry, trusted, "registry", e));
	if (!names_is_official_space(q->name.space)) {
		/* The first part is who publishes. A publisher's name with something added is often the publisher's own. */
		struct slice space = q->name.space;
		ptrdiff_t slash = slice_find_byte(space, '/');
		space = slash < 0 ? space : slice_upto(space, (size_t)slash);
		l = closest(space, names_publishers(), &trusted);
		if (l > LIKE_ADDED && names_is_public_registry(q->name.registry))
			TRY(lookalike(q, l, space, trusted, "namespace", e));
	}
	if (official_base(q->name.base).n || names_is_publisher(q->name.space))
		return OK;
	l = closest(q->name.base, names_official(), &trusted);
	if (l == LIKE_NOT)
		return OK;
	/* Words added to a name whose promise is kept are no news. */
	q->content = names_content(trusted, q->view);
	if (l == LIKE_ADDED && q->content != FIT_NO)
		return OK;
	return lookalike(q, l, q->name.base, trusted, "name", e);
}

/* --- Protected names ------------------------------------------------------------------------------------------------------ */

static bool same_space(struct slice a, struct slice b) { return slice_eq_nocase(a, b); }

static enum err_code judge_protected(struct ask *q, struct slice protected, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * KIB);
	struct image_name p;
	struct err ignored;
	bool plain = slice_find_byte(protected, '/') < 0;
	if (image_name_parse(&a, protected, &p, &ignored) != OK)
		return OK;
	enum likeness l = names_likeness(q->name.base, p.base);
	bool same_base = slice_eq(q->name.base, p.base), own = !plain && same_space(q->name.space, p.space) && slice_eq(q->name.registry, p.registry);
	if (own && (same_base || l == LIKE_NOT))
		return OK;
	if (same_base && !plain) {
		enum likeness space = names_likeness(q->name.space, p.space);
		struct judge_text t = { .rule = "name.impersonation", .severity = space > LIKE_ADDED ? SEV_CRITICAL : SEV_HIGH,
			.title = SAY(q, "Has the protected name %s and is published by another", shown(q, protected)),
			.description = SAY(q, "Your configuration protects %s; this image has the same name under '%s'.", shown(q, protected),
				shown(q, q->name.space.n ? q->name.space : q->name.registry)),
			.advice = SAY(q, "Use %s, or take the name out of the protected ones if this image is yours, too.", shown(q, protected)) };
		return tell(q, &t, protected, "image:reference", q->reference, e);
	}
	if (l > LIKE_ADDED || (l == LIKE_ADDED && own))
		return lookalike(q, l, q->name.base, p.base, "name", e);
	if (!plain && slice_eq(q->name.registry, p.registry) && names_likeness(q->name.space, p.space) > LIKE_ADDED)
		return lookalike(q, names_likeness(q->name.space, p.space), q->name.space, p.space, "namespace", e);
	return OK;
}

/* --- Labels ------------------------------------------------------------------------------------------------------------------ */

static struct slice label(const struct report *r, const char *key)
{
	for (size_t i = 0; i < r->config.label_keys.n && i < r->config.label_values.n; i++)
		if (slice_eqs(r->config.label_keys.items[i], key))
			return slice_trim(r->config.label_values.items[i]);
	return SLICE_NULL;
}

/* Labels are inherited from base images, so a foreign one alone says nothing: it must contradict the content. */
static enum err_code judge_labels(struct ask *q, struct err *e)
{
	static const char *const titles[] = { "org.opencontainers.image.title", "org.opencontainers.image.ref.name", "org.label-schema.name" };
	static const char *const sources[] = { "org.opencontainers.image.source", "org.opencontainers.image.url", "org.label-schema.vcs-url" };
	for (size_t i = 0; i < ARRAY_LEN(titles); i++) {
		struct slice v = label(q->r, titles[i]);
		if (!v.n || !names_is_official(v) || names_is_common_word(v) || names_content(v, q->view) != FIT_NO)
			continue;
		struct judge_text t = { .rule = "name.label", .severity = SEV_MEDIUM,
			.title = SAY(q, "A label says that this is %s, and it is not", shown(q, v)),
			.description = SAY(q, "The label %s names an image whose programs are not there.", titles[i]),
			.advice = "Do not trust the image's labels; find out who built it." };
		return tell(q, &t, v, "config:Labels", v, e);
	}
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct slice v = label(q->r, sources[i]);
		if (!v.n || slice_find(v, SL("github.com/docker-library/")) < 0)
			continue;
		struct slice repo = slice_from(v, (size_t)slice_find(v, SL("docker-library/")) + 15);
		while (repo.n && (slice_has_suffix(repo, SL(".git")) || repo.p[repo.n - 1] == '/'))
			repo.n -= repo.p[repo.n - 1] == '/' ? 1 : 4;
		if (!names_is_official(repo) || names_content(repo, q->view) != FIT_NO)
			continue;
		struct judge_text t = { .rule = "name.label", .severity = SEV_MEDIUM,
			.title = SAY(q, "A label claims the source of the official image %s", shown(q, repo)),
			.description = SAY(q, "The label %s points to Docker's sources of %s, but its programs are not in the image.", sources[i], shown(q, repo)),
			.advice = "Do not trust the image's labels; find out who built it." };
		return tell(q, &t, repo, "config:Labels", v, e);
	}
	return OK;
}

/* Somebody else's image that claims to be built from the sources of a protected name. */
static enum err_code judge_protected_label(struct ask *q, struct slice protected, struct err *e)
{
	AUTO_ARENA a = ARENA(64 * KIB);
	struct image_name p;
	struct err ignored;
	struct slice source = label(q->r, "org.opencontainers.image.source"), vendor = label(q->r, "org.opencontainers.image.vendor");
	if (slice_find_byte(protected, '/') < 0 || image_name_parse(&a, protected, &p, &ignored) != OK || !p.space.n || same_space(q->name.space, p.space))
		return OK;
	struct slice owner = arena_printf(&a, "/%.*s/", SLICE_ARG(p.space));
	bool claims = slice_eq_nocase(vendor, p.space) || (owner.n && slice_find(source, owner) >= 0);
	if (!claims || !names_is_public_registry(q->name.registry))
		return OK;
	struct judge_text t = { .rule = "name.label", .severity = SEV_LOW,
		.title = SAY(q, "Labels claim that this comes from %s", shown(q, p.space)),
		.description = SAY(q, "The image is published by '%s'; its labels name the source or vendor of %s.", shown(q, q->name.space), shown(q, protected)),
		.advice = SAY(q, "If you meant %s, use that.", shown(q, protected)) };
	return tell(q, &t, protected, "config:Labels", source.n ? source : vendor, e);
}

enum err_code names_judge(struct report *r, const struct names_options *opt, const struct image_view *view, struct err *e)
{
	struct ask q = { .r = r, .opt = opt, .view = view, .reference = image_reference(r) };
	struct err ignored;
	size_t n = opt ? opt->n_protected : 0;
	TRY(judge_labels(&q, e));
	if (!q.reference.n || image_name_parse(r->arena, q.reference, &q.name, &ignored) != OK)
		return OK;
	for (size_t i = 0; i < n; i++)
		TRY(judge_protected_label(&q, opt->protected_names[i], e));
	for (size_t i = 0; i < n && !q.told; i++)
		TRY(judge_protected(&q, opt->protected_names[i], e));
	TRY(judge_official_name(&q, e));
	if (!q.told)
		TRY(judge_lookalikes(&q, e));
	return OK;
}
