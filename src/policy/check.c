/* `pabean policy check`: every problem of a file, not only the first. */
#include "rules.h"
#include <stdio.h>

struct checker { struct policy_problem *ret; size_t cap, n; const char *name; };

static void problem(struct checker *c, unsigned line, unsigned column, bool fatal, const char *text)
{
	if (c->n >= c->cap)
		return;
	struct policy_problem *p = &c->ret[c->n++];
	*p = (struct policy_problem){ .line = line, .column = column, .fatal = fatal };
	snprintf(p->text, sizeof(p->text), "%s", text);
}

/* Takes the position out of "name:line:column: text". */
static void problem_of_err(struct checker *c, const struct err *e)
{
	unsigned line = 0, column = 0;
	int at = 0;
	const char *text = e->msg;
	size_t n = strlen(c->name);
	if (!strncmp(text, c->name, n) && sscanf(text + n, ":%u:%u: %n", &line, &column, &at) == 2 && at > 0)
		text += n + (size_t)at;
	problem(c, line, column, true, text);
}

static void check_list(struct checker *c, struct policy *p, const struct yml_doc *doc, const struct yml_node *list, bool rules)
{
	struct err e;
	for (struct yml_node *n = list->first; n; n = n->next) {
		/* A list of this one item, so that the next is looked at, too. */
		struct yml_node one = *n, holder = *list;
		one.next = NULL;
		holder.first = &one;
		enum err_code code = rules ? rule_parse(p, doc, &one, &e) : waivers_parse(p, doc, &holder, &e);
		if (code != OK)
			problem_of_err(c, &e);
	}
}

static bool is_empty(const struct when *w)
{
	static const struct when none;
	return !memcmp(w, &none, sizeof(none));
}

static void doubts(struct checker *c, const struct policy *p, uint64_t now_s)
{
	char text[320], word[80];
	const struct rule *all = NULL;
	for (size_t i = 0; i < p->rules.n; i++) {
		const struct rule *r = &p->rules.items[i];
		if (all) {
			snprintf(text, sizeof(text), "this rule is never reached: the rule in line %u matches everything", all->line);
			problem(c, r->line, r->column, false, text);
		}
		if (!all && is_empty(&r->when))
			all = r;
		for (size_t k = 0; k < i; k++) {
			if (slice_eq(p->rules.items[k].name, r->name)) {
				snprintf(text, sizeof(text), "the name '%s' is also that of the rule in line %u",
					 text_escape_to(word, sizeof(word), r->name), p->rules.items[k].line);
				problem(c, r->line, r->column, false, text);
				break;
			}
		}
	}
	for (size_t i = 0; i < p->waivers.n; i++) {
		const struct waiver *w = &p->waivers.items[i];
		if (w->until_s >= now_s)
			continue;
		snprintf(text, sizeof(text), "this waiver ended %s and no longer applies", text_escape_to(word, sizeof(word), w->until));
		problem(c, w->line, w->column, false, text);
	}
}

enum err_code policy_check(const char *path, uint64_t now_s, struct policy_problem *ret, size_t cap, size_t *ret_n, struct err *e)
{
	static const char *const keys[] = { "version", "rules", "waivers", NULL };
	struct checker c = { .ret = ret, .cap = cap, .name = path };
	struct policy p = { .arena = ARENA(256 * MIB) };
	struct policy *loaded = NULL;
	struct yml_doc doc;
	struct err first;
	enum err_code code = yml_load(path, &p.arena, &doc, e);
	if (code != OK && code != ERR_USAGE) {
		arena_free(&p.arena);
		return err_prefix(e, "read policy");
	}
	if (code != OK) {
		problem_of_err(&c, e);
	} else if (policy_load(path, &loaded, &first) == OK) {
		doubts(&c, loaded, now_s);
	} else {
		const struct yml_node *rules = yml_get(doc.root, "rules"), *waivers = yml_get(doc.root, "waivers");
		if (doc.root && yml_check_map(&doc, doc.root, keys, "a policy", e) != OK)
			problem_of_err(&c, e);
		if (rules && rules->kind == YML_LIST)
			check_list(&c, &p, &doc, rules, true);
		if (waivers && waivers->kind == YML_LIST)
			check_list(&c, &p, &doc, waivers, false);
		if (!c.n)
			problem_of_err(&c, &first);
	}
	policy_free(loaded);
	arena_free(&p.arena);
	*ret_n = c.n;
	return OK;
}
