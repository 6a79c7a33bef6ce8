#include "regex.h"
#include "regex_tree.h"

enum { OP_BYTE, OP_CLASS, OP_SPLIT, OP_JUMP, OP_BOL, OP_EOL, OP_WORD_EDGE, OP_MATCH };

struct emitter { struct arena *a; struct regex *re; size_t cap, class_cap; bool full; };

static size_t put(struct emitter *em, uint8_t op, size_t x, size_t y)
{
	struct regex *re = em->re;
	if (re->n >= REGEX_INST_MAX) {
		em->full = true;
		return 0;
	}
	re->insts[re->n] = (struct regex_inst){ .op = op, .x = (uint16_t)x, .y = (uint16_t)y };
	return re->n++;
}

static void emit_class(struct emitter *em, const uint8_t *set)
{
	struct regex *re = em->re;
	unsigned count = 0, last = 0;
	for (unsigned c = 0; c < 256; c++)
		if (set[c / 8] >> c % 8 & 1) {
			count++;
			last = c;
		}
	if (count == 1) {
		re->insts[put(em, OP_BYTE, 0, 0)].byte = (uint8_t)last;
		return;
	}
	size_t i = 0;
	while (i < re->n_classes && memcmp(re->classes[i], set, 32))
		i++;
	if (i == re->n_classes) {
		if (i >= REGEX_CLASS_MAX) {
			em->full = true;
			return;
		}
		memcpy(re->classes[re->n_classes++], set, 32);
	}
	put(em, OP_CLASS, i, 0);
}

static void emit(struct emitter *em, const struct regex_node *node);

static void emit_repeat(struct emitter *em, const struct regex_node *node)
{
	size_t splits[REGEX_REPEAT_MAX], n = 0;
	for (unsigned i = 0; i < node->min; i++)
		emit(em, node->left);
	if (node->max == REGEX_ENDLESS) {
		size_t split = put(em, OP_SPLIT, em->re->n + 1, 0);
		emit(em, node->left);
		put(em, OP_JUMP, split, 0);
		em->re->insts[split].y = (uint16_t)em->re->n;
		return;
	}
	for (unsigned i = node->min; i < node->max && n < ARRAY_LEN(splits); i++) {
		splits[n++] = put(em, OP_SPLIT, em->re->n + 1, 0);
		emit(em, node->left);
	}
	while (n)
		em->re->insts[splits[--n]].y = (uint16_t)em->re->n;
}

static void emit(struct emitter *em, const struct regex_node *node)
{
	if (!node || em->full)
		return;
	switch (node->kind) {
	case NODE_CLASS: emit_class(em, node->set); break;
	case NODE_BOL: put(em, OP_BOL, 0, 0); break;
	case NODE_EOL: put(em, OP_EOL, 0, 0); break;
	case NODE_WORD_EDGE: put(em, OP_WORD_EDGE, 0, 0); break;
	case NODE_CAT:
		emit(em, node->left);
		emit(em, node->right);
		break;
	case NODE_ALT: {
		size_t split = put(em, OP_SPLIT, em->re->n + 1, 0);
		emit(em, node->left);
		size_t jump = put(em, OP_JUMP, 0, 0);
		em->re->insts[split].y = (uint16_t)em->re->n;
		emit(em, node->right);
		em->re->insts[jump].x = (uint16_t)em->re->n;
		break;
	}
	case NODE_REPEAT: emit_repeat(em, node); break;
	}
}

struct threads { uint16_t at[REGEX_INST_MAX]; size_t n; };
struct search { const struct regex *re; struct slice text; uint32_t mark[REGEX_INST_MAX]; uint32_t turn; bool matched; };

static bool is_word(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '_';
}

static bool edge_holds(const struct search *s, uint8_t op, size_t at)
{
	if (op == OP_BOL)
		return !at || s->text.p[at - 1] == '\n';
	if (op == OP_EOL)
		return at == s->text.n || s->text.p[at] == '\n';
	return (at && is_word(s->text.p[at - 1])) != (at < s->text.n && is_word(s->text.p[at]));
}

/* Follows everything that takes no byte. Each instruction is entered once a turn, so the stack cannot outgrow the program. */
static void add_thread(struct search *s, struct threads *to, uint16_t pc, size_t at)
{
	uint16_t stack[REGEX_INST_MAX + 2];
	size_t n = 0;
	stack[n++] = pc;
	while (n) {
		pc = stack[--n];
		if (s->mark[pc] == s->turn)
			continue;
		s->mark[pc] = s->turn;
		const struct regex_inst *in = &s->re->insts[pc];
		if (in->op == OP_MATCH) {
			s->matched = true;
			return;
		}
		if (in->op == OP_BYTE || in->op == OP_CLASS) {
			to->at[to->n++] = pc;
			continue;
		}
		if (in->op == OP_SPLIT && s->mark[in->y] != s->turn && n < REGEX_INST_MAX)
			stack[n++] = in->y;
		if (in->op == OP_SPLIT || in->op == OP_JUMP)
			stack[n++] = in->x;
		else if (edge_holds(s, in->op, at))
			stack[n++] = (uint16_t)(pc + 1);
	}
}

static void step(struct search *s, const struct threads *from, struct threads *to, size_t at)
{
	uint8_t c = s->text.p[at];
	for (size_t i = 0; i < from->n && !s->matched; i++) {
		const struct regex_inst *in = &s->re->insts[from->at[i]];
		if (in->op == OP_BYTE ? in->byte == c : s->re->classes[in->x][c / 8] >> c % 8 & 1)
			add_thread(s, to, (uint16_t)(from->at[i] + 1), at + 1);
	}
}

bool regex_search(const struct regex *re, struct slice text)
{
	struct search s = { .re = re, .text = text };
	struct threads a, b, *now = &a, *next = &b;
	a.n = b.n = 0;
	s.turn = 1;
	for (size_t at = 0; at <= text.n && !s.matched; at++) {
		if (!now->n)
			while (at < text.n && !(re->first[text.p[at] / 8] >> text.p[at] % 8 & 1))
				at++;
		add_thread(&s, now, 0, at);	/* a match may start here, too */
		if (s.matched || at >= text.n)
			break;
		s.turn++;
		next->n = 0;
		step(&s, now, next, at);
		struct threads *swap = now;
		now = next;
		next = swap;
	}
	return s.matched;
}

/* The bytes that the threads of the start take; an expression that may be empty starts anywhere. */
static void find_first(struct regex *re)
{
	uint16_t stack[2 * REGEX_INST_MAX];
	bool was[REGEX_INST_MAX] = { false };
	size_t n = 0;
	stack[n++] = 0;
	while (n) {
		uint16_t pc = stack[--n];
		if (was[pc])
			continue;
		was[pc] = true;
		const struct regex_inst *in = &re->insts[pc];
		if (in->op == OP_MATCH)
			memset(re->first, 0xff, sizeof(re->first));
		else if (in->op == OP_BYTE)
			re->first[in->byte / 8] |= (uint8_t)(1u << in->byte % 8);
		else if (in->op == OP_CLASS)
			for (size_t i = 0; i < 32; i++)
				re->first[i] |= re->classes[in->x][i];
		else if (in->op == OP_SPLIT || in->op == OP_JUMP)
			stack[n++] = in->x;
		else
			stack[n++] = (uint16_t)(pc + 1);
		if (in->op == OP_SPLIT)
			stack[n++] = in->y;
	}
}

enum err_code regex_compile(struct arena *a, struct slice text, bool nocase, struct regex *ret, struct err *e)
{
	struct regex_inst insts[REGEX_INST_MAX];
	uint8_t classes[REGEX_CLASS_MAX][32];
	struct regex re = { .insts = insts, .classes = classes };
	struct emitter em = { .a = a, .re = &re };
	const struct regex_node *tree = NULL;
	AUTO_ARENA nodes = ARENA(4 * MIB);
	TRY(regex_parse(&nodes, text, nocase, &tree, e));
	emit(&em, tree);
	put(&em, OP_MATCH, 0, 0);
	if (em.full)
		return err_set(e, ERR_LIMIT, 0, "expression too large");
	find_first(&re);
	re.insts = arena_calloc(a, re.n, sizeof(*re.insts));
	re.classes = arena_calloc(a, re.n_classes, 32);
	TRY(arena_ok(a, "expression", e));
	memcpy(re.insts, insts, re.n * sizeof(*re.insts));
	if (re.n_classes)
		memcpy(re.classes, classes, re.n_classes * 32);
	*ret = re;
	return OK;
}
