#include "api_inside.h"
#include "os.h"

static void before(struct js *j)
{
	if (j->more)
		buf_putc(j->out, ',');
	j->more = true;
}

void js_open(struct js *j, char bracket)
{
	before(j);
	buf_putc(j->out, (uint8_t)bracket);
	j->more = false;
}

void js_close(struct js *j, char bracket)
{
	buf_putc(j->out, (uint8_t)bracket);
	j->more = true;
}

void js_key(struct js *j, const char *key)
{
	before(j);
	buf_printf(j->out, "\"%s\":", key);
	j->more = false;
}

void js_text(struct js *j, struct slice v)
{
	before(j);
	buf_putc(j->out, '"');
	text_json_escape(j->out, v);
	buf_putc(j->out, '"');
}

void js_int(struct js *j, int64_t v)
{
	before(j);
	buf_printf(j->out, "%lld", (long long)v);
}

void js_bool(struct js *j, bool v)
{
	before(j);
	buf_puts(j->out, v ? "true" : "false");
}

void js_raw(struct js *j, struct slice json)
{
	before(j);
	buf_put_slice(j->out, json.n ? json : SL("null"));
}

void js_time(struct js *j, uint64_t s)
{
	char text[21];
	if (!s) {
		js_raw(j, SLICE_NULL);
		return;
	}
	os_format_time(s, text);
	js_text(j, slice_str(text));
}

void js_ktext(struct js *j, const char *key, struct slice v) { js_key(j, key); js_text(j, v); }
void js_kint(struct js *j, const char *key, int64_t v) { js_key(j, key); js_int(j, v); }
void js_kbool(struct js *j, const char *key, bool v) { js_key(j, key); js_bool(j, v); }
void js_ktime(struct js *j, const char *key, uint64_t s) { js_key(j, key); js_time(j, s); }
void js_kraw(struct js *j, const char *key, struct slice json) { js_key(j, key); js_raw(j, json); }
