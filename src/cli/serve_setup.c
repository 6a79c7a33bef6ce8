#include <unistd.h>
#include "inside.h"
#include "os.h"
#include "serve_setup.h"

const char *const serve_log_formats[] = { "logfmt", "json", NULL };

/* One write a line, so that lines of several processes do not mix. What cannot be written is lost: a full disk must not stop pulls. */
static void on_log(void *arg, struct slice line)
{
	(void)arg;
	struct err e;
	AUTO_BUF b = BUF(256 * KIB);
	buf_put_slice(&b, line);
	buf_putc(&b, '\n');
	if (buf_ok(&b, "a line of the log", &e) == OK && os_write_all(STDERR_FILENO, b.p, b.n, "the log", &e) != OK)
		return;
}

/* Options that stand above the keys of the same meaning in the file. */
static enum err_code from_options(struct cli *c, struct gateway_config *g, struct err *e)
{
	static const struct { const char *option, *key; } t[] = {
		{ "state", "state" }, { "database", "database" }, { "policy", "policy" }, { "log", "log" }, { "public-url", "public_url" }, { "workers", "workers" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const char *value = cli_text(c, t[i].option, NULL);
		if (value && gateway_config_set(g, t[i].key, slice_str(value), e) != OK)
			return err_prefix(e, "--%s", t[i].option);
	}
	AUTO_BUF listens = BUF(16 * KIB);
	size_t n;
	const char *const *list = cli_list(c, "listen", &n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&listens, "%s%s", i ? "," : "", list[i]);
	TRY(buf_ok(&listens, "--listen", e));
	return n ? gateway_config_set(g, "listen", buf_slice(&listens), e) : OK;
}

enum err_code serve_setup_open(struct cli *c, struct serve_setup *s, struct err *e)
{
	AUTO_BUF text = BUF(4 * MIB);
	const char *path;
	*s = (struct serve_setup){ .c = c };
	TRY(cli_config_part(c, "serve", &path, &text, e));
	TRY(gateway_config_parse(buf_slice(&text), path ? path : "the configuration", &s->config, e));
	enum err_code code = from_options(c, s->config, e);
	s->run = (struct gateway_run){ .config = s->config, .version = cli_version, .config_path = path, .log = on_log, .arg = s };
	if (code == OK)
		code = cli_db_dir(c, &s->run.db_dir, e);
	if (code == OK)
		code = cli_cache_dir(c, &s->run.cache_dir, e);
	if (code != OK)
		serve_setup_close(s);
	return code;
}

void serve_setup_close(struct serve_setup *s)
{
	gateway_config_free(s->config);
	s->config = NULL;
}
