/* The config's pseudo files, judged like files: layer -1, always reachable. */
#include "collect.h"
#include <stdlib.h>

enum err_code collect_config(struct collect *c, const struct facts_file *pseudo, struct err *e)
{
	/* The config's pseudo files, one "layer" of their own. */
	struct facts_cursor cur;
	struct fact fact;
	struct effective_path p = { 0 };
	struct layer_fact *list = NULL;
	AUTO_BUF path = BUF(MIB);
	enum err_code code = OK;
	enum { MOST = 100000 };
	facts_cursor_init(&cur, pseudo, SECTION_OTHERS);
	bool more = true;
	while (code == OK && more) {
		code = facts_cursor_next(&cur, &fact, e);
		more = code == OK;
		if (code == ERR_NOT_FOUND)
			code = OK;
		if (p.n_facts && (!more || !slice_eq(fact.path, buf_slice(&path)))) {
			struct judge_file f = { .layer = -1, .path = buf_slice(&path), .reachable = true };
			p.facts = list;
			p.path = buf_slice(&path);
			if (code == OK)
				code = collect_judge_group(c, &p, NULL, &f, 0, p.n_facts, e);
			p.n_facts = 0;
		}
		if (!more || code != OK)
			break;
		if (!p.n_facts) {
			buf_clear(&path);
			buf_put_slice(&path, fact.path);
		}
		struct layer_fact *grown = p.n_facts < MOST ? reallocarray(list, p.n_facts + 1, sizeof(*list)) : NULL;
		if (!grown) {
			code = err_set(e, ERR_LIMIT, 0, "too many facts about the image's config");
			break;
		}
		list = grown;
		fact.path = buf_slice(&path);
		list[p.n_facts++] = (struct layer_fact){ -1, fact };
	}
	free(list);
	facts_cursor_free(&cur);
	return code;
}
