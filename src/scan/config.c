/* The image's config as a pseudo layer: hostile text is matched where all hostile bytes are, in a confined worker. */
#include "engine.h"
#include "codec.h"
#include <stdio.h>

enum { TAR_BLOCK = 512, CONFIG_TEXT_BYTES = 32 << 20 };

static void put_octal(uint8_t *dst, size_t n, uint64_t v)
{
	for (size_t i = n - 1; i-- > 0; v >>= 3)
		dst[i] = (uint8_t)('0' + (v & 7));
}

/* One ustar entry. Names are ours and short. */
static void put_file(struct buf *tar, const char *name, struct slice text)
{
	uint8_t h[TAR_BLOCK] = { 0 };
	unsigned sum = 0;
	if (!text.n)
		return;
	snprintf((char *)h, 100, "%s", name);
	put_octal(h + 100, 8, 0755);
	put_octal(h + 108, 8, 0);
	put_octal(h + 116, 8, 0);
	put_octal(h + 124, 12, text.n);
	put_octal(h + 136, 12, 0);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	buf_put(tar, h, sizeof(h));
	buf_put_slice(tar, text);
	static const uint8_t zero[TAR_BLOCK];
	buf_put(tar, zero, (TAR_BLOCK - text.n % TAR_BLOCK) % TAR_BLOCK);
}

static void put_list(struct buf *tar, const char *name, const struct slice_list *list, const char *sep)
{
	AUTO_BUF text = BUF(CONFIG_TEXT_BYTES);
	for (size_t i = 0; i < list->n; i++) {
		buf_puts(&text, i ? sep : "");
		buf_put_slice(&text, list->items[i]);
	}
	if (text.n)
		buf_putc(&text, '\n');
	put_file(tar, name, buf_slice(&text));
}

static bool is_shell(struct slice word)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "zsh" };
	struct slice name = slice_from(word, (size_t)(slice_rfind_byte(word, '/') + 1));
	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (slice_eqs(name, shells[i]))
			return true;
	return false;
}

/* ["sh","-c","script"] runs the script: its index, 0 if there is none. Options may be joined ("-ec") and stand before the shell's -c. */
static size_t script_index(const struct slice_list *argv)
{
	size_t i = 0;
	while (i < argv->n && i < 8 && !is_shell(argv->items[i]))
		i++;
	for (i++; i + 1 < argv->n; i++) {
		struct slice w = argv->items[i];
		if (w.n < 2 || (w.p[0] != '-' && w.p[0] != '+'))
			return 0;
		if (w.p[0] == '-' && w.p[1] != '-' && slice_find_byte(w, 'c') > 0)
			return i + 1;
	}
	return 0;
}

/* Otherwise the words of one command. */
static void put_command(struct buf *tar, const char *name, const struct slice_list *argv)
{
	AUTO_BUF text = BUF(CONFIG_TEXT_BYTES);
	size_t script = script_index(argv);
	if (script) {	/* what stands before the shell starts it; what follows the script are its arguments, which it may run */
		for (size_t i = 0; i < argv->n; i++) {
			if (i == script || (i < script && argv->items[i].n && (is_shell(argv->items[i]) || argv->items[i].p[0] == '-')))
				continue;
			buf_put_slice(&text, argv->items[i]);
			buf_putc(&text, i + 1 == argv->n ? '\n' : ' ');
		}
		if (text.n && text.p[text.n - 1] == ' ')
			text.p[text.n - 1] = '\n';
		buf_put_slice(&text, argv->items[script]);
		buf_putc(&text, '\n');
		put_file(tar, name, buf_slice(&text));
		return;
	}
	put_list(tar, name, argv, " ");
}

/* ["CMD", words...] or ["CMD-SHELL", script]. */
static void put_healthcheck(struct buf *tar, const struct slice_list *test)
{
	struct slice_list rest = *test;
	bool marked = test->n && (slice_eqs(test->items[0], "CMD") || slice_eqs(test->items[0], "CMD-SHELL"));
	if (marked) {
		rest.items++;
		rest.n--;
	}
	put_command(tar, "config:Healthcheck", &rest);
}

/* Instructions for images built on this one: RUN's text is a script. */
static void put_on_build(struct buf *tar, const struct slice_list *list)
{
	AUTO_BUF text = BUF(CONFIG_TEXT_BYTES);
	for (size_t i = 0; i < list->n; i++) {
		struct slice s = slice_trim(list->items[i]);
		buf_put_slice(&text, slice_has_prefix(s, SL("RUN ")) ? slice_trim(slice_from(s, 4)) : s);
		buf_putc(&text, '\n');
	}
	put_file(tar, "config:OnBuild", buf_slice(&text));
}

static void put_labels(struct buf *tar, const struct image_config *c)
{
	AUTO_BUF text = BUF(CONFIG_TEXT_BYTES);
	for (size_t i = 0; i < c->label_keys.n && i < c->label_values.n; i++) {
		buf_put_slice(&text, c->label_keys.items[i]);
		buf_putc(&text, '=');
		buf_put_slice(&text, c->label_values.items[i]);
		buf_putc(&text, '\n');
	}
	put_file(tar, "config:Labels", buf_slice(&text));
}

static void put_history(struct buf *tar, const struct image_config *c)
{
	for (size_t i = 0; i < c->history_n; i++) {
		char name[32];
		struct slice text = c->history_created_by.items[i];
		snprintf(name, sizeof(name), "history:%zu", i);
		if (slice_has_prefix(text, SL("/bin/sh -c #(nop)")))
			text = slice_trim(slice_from(text, 17));
		else if (slice_has_prefix(text, SL("/bin/sh -c ")))
			text = slice_from(text, 11);
		put_file(tar, name, text);
	}
}

enum err_code config_inspect(struct scan_engine *s, const struct oci_image *img, struct layer_result *ret, struct err *e)
{
	const struct image_config *c = &img->config;
	AUTO_BUF tar = BUF(4 * CONFIG_TEXT_BYTES);
	AUTO_STREAM in = NULL;
	struct err why;
	put_command(&tar, "config:Entrypoint", &c->entrypoint);
	put_command(&tar, "config:Cmd", &c->cmd);
	put_list(&tar, "config:Env", &c->env, "\n");
	put_healthcheck(&tar, &c->healthcheck);
	put_on_build(&tar, &c->on_build);
	put_command(&tar, "config:Shell", &c->shell);
	put_labels(&tar, c);
	put_history(&tar, c);
	static const uint8_t zero[2 * TAR_BLOCK];
	buf_put(&tar, zero, sizeof(zero));
	TRY(buf_ok(&tar, "the image's config as text", e));
	/* Cached under the digest of what is inspected, as layers are. */
	uint8_t raw[DIGEST_MAX_BYTES];
	char digest[8 + 65] = "sha256:";
	digest_of(DIGEST_SHA256, buf_slice(&tar), raw);
	hex_encode(digest + 7, raw, 32);
	if (cache_lookup(s, s->pseudo_key, slice_str(digest), ret, &why) == OK)
		return OK;
	TRY(stream_of_slice(buf_slice(&tar), &in, e));
	struct worker_settings set = s->settings;
	set.pseudo = 1;
	TRY(layer_inspect(s, &set, s->pseudo_key, in, SLICE_NULL, false, ret, e));
	return OK;
}
