/* The four formats behind one interface. */
#include <stdlib.h>
#include "out.h"

struct report_writer {
	struct out out;
	struct json json;
	enum report_format format;
	struct report_options o;
	unsigned count;
	bool array;	/* the opening bracket is written */
};

bool report_format_parse(struct slice s, enum report_format *ret)
{
	static const char *const names[] = { "table", "json", "jsonl", "sarif" };
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (slice_eqs(s, names[i])) {
			*ret = (enum report_format)i;
			return true;
		}
	}
	return false;
}

enum err_code report_open(int fd, enum report_format format, const struct report_options *o, struct report_writer **ret, struct err *e)
{
	struct report_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, ERR_NOMEM, 0, "out of memory for a report");
	out_init(&w->out, fd);
	w->format = format;
	w->o = *o;
	w->o.width = o->width ? o->width : 80;
	w->json = (struct json){ .o = &w->out, .pretty = format != REPORT_JSONL };
	if (format == REPORT_SARIF)
		report_sarif_begin(&w->json);
	if (format == REPORT_JSON && o->always_array) {
		jw_open(&w->json, NULL, '[');
		w->array = true;
	}
	/* Whether this is an object or an array is known only when a second image comes or none. */
	w->out.hold = format == REPORT_JSON && !w->array;
	*ret = w;
	return OK;
}

/* The second image: what is held becomes the first item of an array. */
static void become_array(struct report_writer *w)
{
	struct buf first = w->out.b;
	w->out.b = BUF(GIB);
	w->out.hold = false;
	out_puts(&w->out, "[\n");
	out_put(&w->out, buf_slice(&first));
	w->array = true;
	w->json = (struct json){ .o = &w->out, .pretty = true, .depth = 1 };
	w->json.filled[0] = w->json.filled[1] = true;
	buf_free(&first);
}

enum err_code report_add(struct report_writer *w, const struct report *r, struct err *e)
{
	TRY(out_check(&w->out, e));
	if (w->format == REPORT_JSON && w->count == 1 && !w->array)
		become_array(w);
	if (w->format == REPORT_JSONL)
		w->json.filled[0] = false;
	if (w->format == REPORT_TABLE) {
		if (w->count)
			out_puts(&w->out, "\n");
		report_table(&w->out, r, &w->o);
	} else if (w->format == REPORT_SARIF) {
		report_sarif_run(&w->json, r, &w->o, &w->out);
	} else {
		report_json(&w->json, r, &w->o);
	}
	if (w->format == REPORT_JSONL)
		out_putc(&w->out, '\n');
	if (!w->out.hold)
		out_flush(&w->out);
	w->count++;
	return out_check(&w->out, e);
}

enum err_code report_finish(struct report_writer *w, struct err *e)
{
	w->out.hold = false;
	if (w->format == REPORT_SARIF)
		report_sarif_end(&w->json);
	/* No image at all: an empty array, so that the output is JSON whatever happened. */
	if (w->format == REPORT_JSON && !w->count && !w->array) {
		jw_open(&w->json, NULL, '[');
		w->array = true;
	}
	if (w->array)
		jw_close(&w->json, ']');
	if (w->format == REPORT_JSON || w->format == REPORT_SARIF)
		out_putc(&w->out, '\n');
	out_flush(&w->out);
	return out_check(&w->out, e);
}

void report_close(struct report_writer *w)
{
	if (!w)
		return;
	out_free(&w->out);
	free(w);
}
