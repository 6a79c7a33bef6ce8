#include "regex_tree.h"

struct parser { struct arena *a; struct rd r; bool nocase, dot_all, bad; unsigned depth; struct regex_node spare[1]; };

static struct regex_node *node_new(struct parser *p, enum regex_node_kind kind)
{
	struct regex_node *n = arena_new(p->a, struct regex_node);
	struct regex_node *nothing = p->spare;
	if (!n) {
		p->bad = true;
		return nothing;
	}
	n->kind = kind;
	return n;
}

static int peek(const struct parser *p) { return rd_left(&p->r) ? *p->r.p : -1; }
static bool take(struct parser *p, int c)
{
	if (peek(p) != c)
		return false;
	rd_skip(&p->r, 1);
	return true;
}

static void set_add(uint8_t *set, unsigned c) { set[c / 8] |= (uint8_t)(1u << c % 8); }
static void set_range(uint8_t *set, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set_add(set, c);
}

static void set_fold(uint8_t *set)
{
	for (unsigned c = 'a'; c <= 'z'; c++)
		if ((set[c / 8] >> c % 8 & 1) || (set[(c - 32) / 8] >> (c - 32) % 8 & 1)) {
			set_add(set, c);
			set_add(set, c - 32);
		}
}

/* What follows a backslash, added to set; returns the byte when it is a single one, else -1. */
static int escape(struct parser *p, uint8_t *set)
{
	uint8_t c = rd_u8(&p->r), more[32] = { 0 };
	switch (c) {
	case 'n': c = '\n'; break;
	case 't': c = '\t'; break;
	case 'r': c = '\r'; break;
	case 'x': {
		uint8_t v;
		if (!hex_decode(rd_bytes(&p->r, 2), &v, 1, true))
			p->bad = true;
		c = p->bad ? 0 : v;
		break;
	}
	case 'd': case 'D':
		set_range(more, '0', '9');
		break;
	case 'w': case 'W':
		set_range(more, '0', '9');
		set_range(more, 'a', 'z');
		set_range(more, 'A', 'Z');
		set_add(more, '_');
		break;
	case 's': case 'S':
		set_range(more, 9, 13);
		set_add(more, ' ');
		break;
	default:
		break;
	}
	if (!strchr("dDwWsS", c) || !c) {
		set_add(set, c);
		return c;
	}
	for (unsigned i = 0; i < 32; i++)
		set[i] |= c == 'D' || c == 'W' || c == 'S' ? (uint8_t)~more[i] : more[i];
	return -1;
}

static const struct regex_node *parse_class(struct parser *p)
{
	struct regex_node *n = node_new(p, NODE_CLASS);
	bool negated = take(p, '^');
	for (bool first = true; !p->bad && (first || peek(p) != ']'); first = false) {
		if (!rd_left(&p->r)) {
			p->bad = true;
			break;
		}
		int c = rd_u8(&p->r);
		if (c == '\\')
			c = escape(p, n->set);
		else
			set_add(n->set, (unsigned)c);
		if (c >= 0 && peek(p) == '-' && rd_left(&p->r) > 1 && p->r.p[1] != ']') {
			rd_skip(&p->r, 1);
			int to = rd_u8(&p->r);
			uint8_t ignored[32] = { 0 };
			if (to == '\\')
				to = escape(p, ignored);
			if (to >= c)
				set_range(n->set, (unsigned)c, (unsigned)to);
		}
	}
	rd_skip(&p->r, 1);
	if (p->nocase)
		set_fold(n->set);
	for (unsigned i = 0; negated && i < 32; i++)
		n->set[i] = (uint8_t)~n->set[i];
	return n;
}

static const struct regex_node *parse_alt(struct parser *p);

static const struct regex_node *parse_atom(struct parser *p)
{
	uint8_t c = rd_u8(&p->r);
	if (c == '(') {
		if (take(p, '?') && !take(p, ':'))
			p->bad = true;
		const struct regex_node *n = parse_alt(p);
		if (!take(p, ')'))
			p->bad = true;
		return n;
	}
	if (c == '[')
		return parse_class(p);
	if (c == '^' || c == '$')
		return node_new(p, c == '^' ? NODE_BOL : NODE_EOL);
	if (c == '\\' && take(p, 'b'))
		return node_new(p, NODE_WORD_EDGE);
	struct regex_node *n = node_new(p, NODE_CLASS);
	if (c == '.') {
		memset(n->set, 0xff, sizeof(n->set));
		if (!p->dot_all)
			n->set['\n' / 8] &= (uint8_t)~(1u << '\n' % 8);
	} else if (c == '\\') {
		escape(p, n->set);
	} else {
		set_add(n->set, c);
	}
	if (p->nocase)
		set_fold(n->set);
	return n;
}

static unsigned number(struct parser *p, unsigned otherwise)
{
	unsigned v = 0, digits = 0;
	for (; peek(p) >= '0' && peek(p) <= '9' && v < 1000; digits++)
		v = v * 10 + (unsigned)(rd_u8(&p->r) - '0');
	return digits ? v : otherwise;
}

static const struct regex_node *parse_repeat(struct parser *p)
{
	const struct regex_node *n = parse_atom(p);
	for (;;) {
		unsigned min = 0, max = REGEX_ENDLESS;
		if (take(p, '+')) {
			min = 1;
		} else if (take(p, '?')) {
			max = 1;
		} else if (take(p, '{')) {
			max = min = number(p, 0);
			if (take(p, ','))
				max = number(p, REGEX_ENDLESS);
			if (!take(p, '}') || (max != REGEX_ENDLESS && (max < min || max > REGEX_REPEAT_MAX)) || min > REGEX_REPEAT_MAX)
				p->bad = true;
		} else if (!take(p, '*')) {
			return n;
		}
		struct regex_node *rep = node_new(p, NODE_REPEAT);
		rep->left = n;
		rep->min = (uint16_t)min;
		rep->max = (uint16_t)max;
		n = rep;
	}
}

static const struct regex_node *parse_cat(struct parser *p)
{
	const struct regex_node *all = NULL;
	while (!p->bad && rd_left(&p->r) && peek(p) != '|' && peek(p) != ')') {
		const struct regex_node *next = parse_repeat(p);
		struct regex_node *cat = all ? node_new(p, NODE_CAT) : NULL;
		if (cat) {
			cat->left = all;
			cat->right = next;
		}
		all = cat ? cat : next;
	}
	return all;
}

static const struct regex_node *parse_alt(struct parser *p)
{
	if (++p->depth > 20)
		p->bad = true;
	const struct regex_node *all = p->bad ? NULL : parse_cat(p);
	while (!p->bad && take(p, '|')) {
		struct regex_node *alt = node_new(p, NODE_ALT);
		alt->left = all;
		alt->right = parse_cat(p);
		all = alt;
	}
	p->depth--;
	return all;
}

enum err_code regex_parse(struct arena *a, struct slice text, bool nocase, const struct regex_node **ret, struct err *e)
{
	struct parser p = { .a = a, .nocase = nocase };
	if (slice_has_prefix(text, SL("(?s)"))) {
		p.dot_all = true;
		text = slice_from(text, 4);
	}
	if (slice_has_prefix(text, SL("(?i)"))) {
		p.nocase = true;
		text = slice_from(text, 4);
	}
	p.r = rd_of(text);
	*ret = parse_alt(&p);
	if (p.bad || p.r.bad || rd_left(&p.r))
		return err_set(e, ERR_FORMAT, 0, "not an expression: %.*s", SLICE_ARG(text));
	return OK;
}
