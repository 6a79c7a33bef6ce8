#include "yml.h"
#include <stdio.h>
#include <yaml.h>
#include "os.h"

enum { MAX_BYTES = 4 << 20, MAX_DEPTH = 64, MAX_NODES = 200000, MAX_KEYS = 1000 };

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	const struct yml_doc *doc;
	struct err *e;
	unsigned nodes;
};

static enum err_code fail_at(struct builder *b, const yaml_mark_t *m, const char *why)
{
	return err_set(b->e, ERR_USAGE, 0, "%s:%zu:%zu: %s", b->doc->name, m->line + 1, m->column + 1, why);
}

static enum err_code parser_error(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return err_set(b->e, ERR_NOMEM, 0, "%s: out of memory while reading YAML", b->doc->name);
	if (p->error == YAML_READER_ERROR)
		return err_set(b->e, ERR_USAGE, 0, "%s: %s at byte %zu: the file must be UTF-8 text", b->doc->name,
			       p->problem ? p->problem : "unreadable bytes", p->problem_offset);
	return err_set(b->e, ERR_USAGE, 0, "%s:%zu:%zu: not valid YAML: %s%s%s", b->doc->name, p->problem_mark.line + 1,
		       p->problem_mark.column + 1, p->context ? p->context : "", p->context ? ", " : "", p->problem ? p->problem : "malformed");
}

static enum err_code next_event(struct builder *b, yaml_event_t *ev)
{
	if (!yaml_parser_parse(&b->parser, ev))
		return parser_error(b);
	return OK;
}

static enum err_code new_node(struct builder *b, const yaml_event_t *ev, enum yml_kind kind, struct yml_node **ret)
{
	if (++b->nodes > MAX_NODES)
		return fail_at(b, &ev->start_mark, "more than 200000 values in one file");
	struct yml_node *n = arena_new(b->arena, struct yml_node);
	if (!n)
		return arena_ok(b->arena, b->doc->name, b->e);
	*n = (struct yml_node){ .kind = kind, .line = (unsigned)ev->start_mark.line + 1, .column = (unsigned)ev->start_mark.column + 1 };
	*ret = n;
	return OK;
}

static enum err_code scalar(struct builder *b, const yaml_event_t *ev, struct yml_node **ret)
{
	struct slice text = slice_of(ev->data.scalar.value, ev->data.scalar.length);
	if (ev->data.scalar.anchor)
		return fail_at(b, &ev->start_mark, "anchors (&name) are not supported, write the value out");
	if (ev->data.scalar.tag)
		return fail_at(b, &ev->start_mark, "tags (!name) are not supported");
	if (slice_find_byte(text, 0) >= 0)
		return fail_at(b, &ev->start_mark, "a value must not contain a NUL character");
	TRY(new_node(b, ev, YML_SCALAR, ret));
	(*ret)->text = arena_dup(b->arena, text);
	(*ret)->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return arena_ok(b->arena, b->doc->name, b->e);
}

static enum err_code value(struct builder *b, yaml_event_t *ev, unsigned depth, struct yml_node **ret);

static enum err_code list(struct builder *b, unsigned depth, struct yml_node *node)
{
	struct yml_node **tail = &node->first;
	for (;;) {
		yaml_event_t ev;
		TRY(next_event(b, &ev));
		bool end = ev.type == YAML_SEQUENCE_END_EVENT;
		struct yml_node *item = NULL;
		enum err_code code = end ? OK : value(b, &ev, depth + 1, &item);
		yaml_event_delete(&ev);
		if (end || code != OK)
			return code;
		*tail = item;
		tail = &item->next;
		node->n++;
	}
}

static enum err_code map_key(struct builder *b, const struct yml_node *node, const yaml_event_t *ev, struct yml_node **ret)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return fail_at(b, &ev->start_mark, ev->type == YAML_ALIAS_EVENT ? "aliases (*name) are not supported, write the value out" :
								      "a key must be a plain word");
	TRY(scalar(b, ev, ret));
	if (node->n >= MAX_KEYS)
		return fail_at(b, &ev->start_mark, "more than 1000 keys in one map");
	for (const struct yml_node *other = node->first; other; other = other->next) {
		if (slice_eq(other->key, (*ret)->text)) {
			char word[80];
			return err_set(b->e, ERR_USAGE, 0, "%s:%zu:%zu: the key '%s' is given twice, first in line %u", b->doc->name,
				       ev->start_mark.line + 1, ev->start_mark.column + 1, text_escape_to(word, sizeof(word), other->key),
				       other->key_line);
		}
	}
	return OK;
}

static enum err_code map(struct builder *b, unsigned depth, struct yml_node *node)
{
	struct yml_node **tail = &node->first;
	for (;;) {
		yaml_event_t ev;
		struct yml_node *key = NULL, *item = NULL;
		TRY(next_event(b, &ev));
		bool end = ev.type == YAML_MAPPING_END_EVENT;
		enum err_code code = end ? OK : map_key(b, node, &ev, &key);
		yaml_event_delete(&ev);
		if (end || code != OK)
			return code;
		TRY(next_event(b, &ev));
		code = value(b, &ev, depth + 1, &item);
		yaml_event_delete(&ev);
		TRY(code);
		item->key = key->text;
		item->key_line = key->line;
		item->key_column = key->column;
		*tail = item;
		tail = &item->next;
		node->n++;
	}
}

static enum err_code value(struct builder *b, yaml_event_t *ev, unsigned depth, struct yml_node **ret)
{
	if (depth > MAX_DEPTH)
		return fail_at(b, &ev->start_mark, "nested deeper than 64 levels");
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return scalar(b, ev, ret);
	case YAML_SEQUENCE_START_EVENT:
		if (ev->data.sequence_start.anchor || ev->data.sequence_start.tag)
			return fail_at(b, &ev->start_mark, "anchors and tags are not supported, write the value out");
		TRY(new_node(b, ev, YML_LIST, ret));
		return list(b, depth, *ret);
	case YAML_MAPPING_START_EVENT:
		if (ev->data.mapping_start.anchor || ev->data.mapping_start.tag)
			return fail_at(b, &ev->start_mark, "anchors and tags are not supported, write the value out");
		TRY(new_node(b, ev, YML_MAP, ret));
		return map(b, depth, *ret);
	case YAML_ALIAS_EVENT:
		return fail_at(b, &ev->start_mark, "aliases (*name) are not supported, write the value out");
	default:
		return fail_at(b, &ev->start_mark, "a value is missing");
	}
}

/* Stream start, at most one document, stream end. */
static enum err_code stream(struct builder *b, struct yml_node **root)
{
	for (unsigned documents = 0;;) {
		yaml_event_t ev;
		enum err_code code = OK;
		TRY(next_event(b, &ev));
		yaml_event_type_t type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT) {
			if (documents++)
				code = fail_at(b, &ev.start_mark, "a second document begins: one file holds one");
		} else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_END_EVENT) {
			code = value(b, &ev, 0, root);
		}
		yaml_event_delete(&ev);
		if (code != OK || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
			return code;
	}
}

enum err_code yml_parse(struct slice text, const char *name, struct arena *arena, struct yml_doc *ret, struct err *e)
{
	struct yml_doc doc = { .name = name };
	struct builder b = { .arena = arena, .doc = &doc, .e = e };
	struct yml_node *root = NULL;
	if (text.n > MAX_BYTES)
		return err_set(e, ERR_USAGE, 0, "%s: larger than 4 MiB", name);
	if (!yaml_parser_initialize(&b.parser))
		return err_set(e, ERR_NOMEM, 0, "%s: out of memory", name);
	yaml_parser_set_input_string(&b.parser, text.p ? text.p : (const uint8_t *)"", text.n);
	enum err_code code = stream(&b, &root);
	yaml_parser_delete(&b.parser);
	if (code != OK)
		return code;
	doc.root = root && yml_is_null(root) ? NULL : root;
	*ret = doc;
	return OK;
}

enum err_code yml_load(const char *path, struct arena *arena, struct yml_doc *ret, struct err *e)
{
	AUTO_BUF b = BUF(MAX_BYTES);
	TRY(os_read_file(path, &b, e));
	const char *name = arena_strdup(arena, path);
	if (!name)
		return arena_ok(arena, path, e);
	return yml_parse(buf_slice(&b), name, arena, ret, e);
}
