/* Reading a policy file. */
#include "rules.h"
#include <stdio.h>
#include <stdlib.h>
#include "codec.h"
#include "os.h"

extern const unsigned char policy_default_yaml[];
extern const size_t policy_default_yaml_size;

enum { MAX_RULES = 10000, MAX_WAIVERS = 100000 };

struct slice policy_text_default(void) { return slice_of(policy_default_yaml, policy_default_yaml_size); }

const char *effect_name(enum effect effect)
{
	static const char *const names[] = { "", "ignore", "warn", "hold", "refuse" };
	return names[effect];
}

static enum err_code effect_parse(const struct yml_doc *doc, const struct yml_node *node, enum effect *ret, struct err *e)
{
	static const char *const words[] = { "ignore", "warn", "hold", "refuse", NULL };
	for (unsigned i = 0; node->kind == YML_SCALAR && words[i]; i++) {
		if (slice_eqs(node->text, words[i])) {
			*ret = (enum effect)(i + 1);
			return OK;
		}
	}
	const char *near = node->kind == YML_SCALAR ? yml_nearest(node->text, words) : NULL;
	return yml_error(doc, node, e, "'then' must be refuse, hold, warn or ignore%s%s%s", near ? "; did you mean '" : "", near ? near : "",
			 near ? "'?" : "");
}

enum err_code rule_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct err *e)
{
	static const char *const keys[] = { "name", "when", "then", "because", NULL };
	TRY(yml_check_map(doc, node, keys, "a rule", e));
	const struct yml_node *when = yml_get(node, "when"), *then = yml_get(node, "then");
	const struct yml_node *name = yml_get(node, "name"), *because = yml_get(node, "because");
	if (!when)
		return yml_error(doc, node, e, "this rule has no 'when': say what it is about (an empty map {} means everything)");
	if (!then)
		return yml_error(doc, node, e, "this rule has no 'then': say refuse, hold, warn or ignore");
	if (p->rules.n >= MAX_RULES)
		return yml_error(doc, node, e, "more than 10000 rules");
	struct rule r = { .line = node->line, .column = node->column };
	if (name)
		TRY(yml_text(doc, name, &r.name, e));
	else
		r.name = arena_printf(&p->arena, "rule-%zu", p->rules.n + 1);
	if (because)
		TRY(yml_text(doc, because, &r.because, e));
	TRY(when_parse(p, doc, when, &r.when, e));
	TRY(effect_parse(doc, then, &r.effect, e));
	struct rule *slot = ARENA_PUSH(&p->arena, &p->rules);
	if (!slot)
		return arena_ok(&p->arena, doc->name, e);
	*slot = r;
	return OK;
}

static enum err_code until_parse(const struct yml_doc *doc, const struct yml_node *node, struct waiver *w, struct err *e)
{
	w->until_s = UINT64_MAX;
	if (!node || slice_eqs(node->text, "never"))
		return OK;
	if (node->kind != YML_SCALAR || !os_parse_time(node->text, &w->until_s))
		return yml_error(doc, node, e, "'until' must be a date such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or never");
	if (node->text.n == 10)
		w->until_s += 86399;	/* a date counts to its end (UTC) */
	w->until = node->text;
	return OK;
}

static enum err_code waiver_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *node, struct err *e)
{
	static const char *const keys[] = { "finding", "image", "package", "until", "reason", "by", NULL };
	TRY(yml_check_map(doc, node, keys, "a waiver", e));
	struct waiver w = { .line = node->line, .column = node->column };
	const struct yml_node *finding = yml_get(node, "finding"), *image = yml_get(node, "image"), *package = yml_get(node, "package");
	const struct yml_node *reason = yml_get(node, "reason"), *by = yml_get(node, "by");
	if (!finding && !package)
		return yml_error(doc, node, e, "this waiver names nothing: give 'finding' (an id, a CVE or a rule) or 'package'");
	if (!reason)
		return yml_error(doc, node, e, "this waiver has no 'reason': say why the finding is accepted");
	if (p->waivers.n >= MAX_WAIVERS)
		return yml_error(doc, node, e, "more than 100000 waivers");
	if (finding)
		TRY(texts_parse(p, doc, finding, &w.findings, e));
	if (image)
		TRY(texts_parse(p, doc, image, &w.images, e));
	if (package)
		TRY(texts_parse(p, doc, package, &w.packages, e));
	TRY(yml_text(doc, reason, &w.reason, e));
	if (by)
		TRY(yml_text(doc, by, &w.by, e));
	TRY(until_parse(doc, yml_get(node, "until"), &w, e));
	struct waiver *slot = ARENA_PUSH(&p->arena, &p->waivers);
	if (!slot)
		return arena_ok(&p->arena, doc->name, e);
	*slot = w;
	return OK;
}

enum err_code waivers_parse(struct policy *p, const struct yml_doc *doc, const struct yml_node *list, struct err *e)
{
	if (yml_is_null(list))
		return OK;
	if (list->kind != YML_LIST)
		return yml_error(doc, list, e, "'waivers' must be a list: each begins with '- finding: ...'");
	for (const struct yml_node *n = list->first; n; n = n->next)
		TRY(waiver_parse(p, doc, n, e));
	return OK;
}

static enum err_code document(struct policy *p, const struct yml_doc *doc, struct err *e)
{
	static const char *const keys[] = { "version", "rules", "waivers", NULL };
	if (!doc->root)
		return err_set(e, ERR_USAGE, 0, "%s:1:1: the policy is empty: without rules it would admit everything; `pabean policy show` prints one to start from",
			       doc->name);
	TRY(yml_check_map(doc, doc->root, keys, "a policy", e));
	const struct yml_node *version = yml_get(doc->root, "version"), *rules = yml_get(doc->root, "rules");
	if (version && !slice_eqs(version->text, "1"))
		return yml_error(doc, version, e, "this pabean knows policies of version 1 only");
	if (yml_is_null(rules))
		return yml_error(doc, doc->root, e, "the policy has no 'rules': it would admit everything; `pabean policy show` prints one to start from");
	if (rules->kind != YML_LIST)
		return yml_error(doc, rules, e, "'rules' must be a list: each begins with '- name: ...'");
	for (const struct yml_node *n = rules->first; n; n = n->next)
		TRY(rule_parse(p, doc, n, e));
	return waivers_parse(p, doc, yml_get(doc->root, "waivers"), e);
}

static enum err_code policy_new(struct policy **ret, struct err *e)
{
	struct policy *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ERR_NOMEM, 0, "out of memory for a policy");
	p->arena = ARENA(256 * MIB);
	*ret = p;
	return OK;
}

enum err_code policy_parse(struct slice text, const char *name, struct policy **ret, struct err *e)
{
	struct yml_doc doc;
	AUTO_POLICY p = NULL;
	TRY(policy_new(&p, e));
	TRY(yml_parse(text, name, &p->arena, &doc, e));
	TRY(document(p, &doc, e));
	*ret = p;
	p = NULL;
	return OK;
}

enum err_code policy_load(const char *path, struct policy **ret, struct err *e)
{
	if (!path)
		return policy_parse(policy_text_default(), "default policy", ret, e);
	struct yml_doc doc;
	AUTO_POLICY p = NULL;
	TRY(policy_new(&p, e));
	if (yml_load(path, &p->arena, &doc, e) != OK)
		return e->code == ERR_USAGE ? e->code : err_prefix(e, "read policy");
	TRY(document(p, &doc, e));
	*ret = p;
	p = NULL;
	return OK;
}

static enum err_code waivers_document(struct policy *p, const struct yml_doc *doc, struct err *e)
{
	static const char *const keys[] = { "version", "waivers", NULL };
	if (!doc->root || doc->root->kind == YML_LIST)
		return waivers_parse(p, doc, doc->root, e);
	TRY(yml_check_map(doc, doc->root, keys, "a file of waivers", e));
	return waivers_parse(p, doc, yml_get(doc->root, "waivers"), e);
}

enum err_code policy_add_waivers(struct policy *p, const char *path, struct err *e)
{
	struct yml_doc doc;
	if (yml_load(path, &p->arena, &doc, e) != OK)
		return e->code == ERR_USAGE ? e->code : err_prefix(e, "read waivers");
	return waivers_document(p, &doc, e);
}

enum err_code policy_parse_waivers(struct policy *p, struct slice text, const char *name, struct err *e)
{
	struct yml_doc doc;
	TRY(yml_parse(text, name, &p->arena, &doc, e));
	return waivers_document(p, &doc, e);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	arena_free(&p->arena);
	free(p);
}

size_t policy_rule_count(const struct policy *p) { return p->rules.n; }
size_t policy_waiver_count(const struct policy *p) { return p->waivers.n; }
