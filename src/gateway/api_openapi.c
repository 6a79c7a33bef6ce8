/* docs/openapi.yaml, which is built in, as JSON. */
#include "api_inside.h"
#include "yml.h"

extern const unsigned char gateway_openapi_yaml[];
extern const size_t gateway_openapi_yaml_size;

static bool is_plain_word(const struct yml_node *n)
{
	uint64_t v;
	return !n->quoted && (slice_eqs(n->text, "true") || slice_eqs(n->text, "false") || slice_to_u64(n->text, &v));
}

static void node(struct js *j, const struct yml_node *n)
{
	if (n->kind == YML_SCALAR) {
		if (yml_is_null(n) || is_plain_word(n))
			js_raw(j, yml_is_null(n) ? SLICE_NULL : n->text);
		else
			js_text(j, n->text);
		return;
	}
	js_open(j, n->kind == YML_MAP ? '{' : '[');
	for (const struct yml_node *one = n->first; one; one = one->next) {
		if (n->kind == YML_MAP) {
			js_text(j, one->key);
			buf_putc(j->out, ':');
			j->more = false;
		}
		node(j, one);
	}
	js_close(j, n->kind == YML_MAP ? '}' : ']');
}

static void answer(struct http_request *r, void *arg)
{
	struct call *c = arg;
	AUTO_ARENA arena = ARENA(16 * MIB);
	AUTO_BUF out = BUF(4 * MIB);
	struct js j = { .out = &out };
	struct yml_doc doc;
	struct err e;
	if (yml_parse(slice_of(gateway_openapi_yaml, gateway_openapi_yaml_size), "openapi.yaml", &arena, &doc, &e) != OK) {
		api_fail(c, &e);
		return;
	}
	node(&j, doc.root);
	http_respond(r, 200, "application/json", buf_slice(&out));
}

void api_openapi(struct call *c) { http_defer(c->r, answer, c); }
