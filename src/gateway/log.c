/* Lines of the log. Whatever comes from outside is escaped: it cannot begin a line, end a value or add a field. */
#include <stdio.h>
#include "fields.h"
#include "inside.h"
#include "os.h"

void fields_time(uint64_t ms, char dst[32])
{
	char s[21];
	os_format_time(ms / 1000, s);
	snprintf(dst, 32, "%.19s.%03uZ", s, (unsigned)(ms % 1000));
}

static struct slice cut(struct slice v) { return slice_upto(v, FIELD_VALUE_MAX); }

void fields_json_text(struct buf *out, const char *key, struct slice value)
{
	buf_printf(out, ",\"%s\":\"", key);
	text_json_escape(out, cut(value));
	buf_putc(out, '"');
}

void fields_json(struct buf *out, const char *types, va_list *ap)
{
	for (; types && types[0] == 'z' && types[1]; types += 2) {
		const char *key = va_arg(*ap, const char *);
		if (types[1] == 'i')
			buf_printf(out, ",\"%s\":%lld", key, (long long)va_arg(*ap, int64_t));
		else
			fields_json_text(out, key, types[1] == 't' ? va_arg(*ap, struct slice) : slice_str(va_arg(*ap, const char *)));
	}
}

static void logfmt_text(struct buf *out, struct slice v)
{
	bool plain = v.n > 0;
	AUTO_BUF escaped = BUF(5 * FIELD_VALUE_MAX);
	for (size_t i = 0; plain && i < v.n; i++)
		plain = v.p[i] > ' ' && v.p[i] < 0x7f && v.p[i] != '"' && v.p[i] != '=' && v.p[i] != '\\';
	if (plain) {
		buf_put_slice(out, v);
		return;
	}
	text_escape(&escaped, v);
	buf_putc(out, '"');
	for (size_t i = 0; i < escaped.n; i++) {
		if (escaped.p[i] == '"')
			buf_putc(out, '\\');
		buf_putc(out, escaped.p[i]);
	}
	buf_putc(out, '"');
}

void fields_logfmt(struct buf *out, const char *types, va_list *ap)
{
	for (; types && types[0] == 'z' && types[1]; types += 2) {
		buf_printf(out, " %s=", va_arg(*ap, const char *));
		if (types[1] == 'i')
			buf_printf(out, "%lld", (long long)va_arg(*ap, int64_t));
		else
			logfmt_text(out, cut(types[1] == 't' ? va_arg(*ap, struct slice) : slice_str(va_arg(*ap, const char *))));
	}
}

void gateway_log(struct gateway *g, enum log_level level, const char *message, const char *types, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	AUTO_BUF b = BUF(64 * KIB);
	char time[32];
	va_list ap;
	if (level == LOG_DEBUG || !g->run || !g->run->log)
		return;
	fields_time(store_now_ms(), time);
	va_start(ap, types);
	if (g->config->log_json) {
		buf_printf(&b, "{\"time\":\"%s\",\"level\":\"%s\"", time, names[level]);
		fields_json_text(&b, "node", slice_str(g->node));
		fields_json_text(&b, "msg", slice_str(message));
		fields_json(&b, types, &ap);
		buf_putc(&b, '}');
	} else {
		buf_printf(&b, "time=%s level=%s node=", time, names[level]);
		logfmt_text(&b, slice_str(g->node));
		buf_puts(&b, " msg=");
		logfmt_text(&b, slice_str(message));
		fields_logfmt(&b, types, &ap);
	}
	va_end(ap);
	if (!b.failed)
		g->run->log(g->run->arg, buf_slice(&b));
}
