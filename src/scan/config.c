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

/* ["sh","-c","script"] runs the script: give it as such. Otherwise the words of one command. */
static void put_command(struct buf *tar, const char *name, const struct slice_list *argv)
{
	put_list(tar, name, argv, " ");
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
	put_command(&tar, "config:Healthcheck", &c->healthcheck);
	put_list(&tar, "config:OnBuild", &c->on_build, "\n");
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
	TRY(layer_inspect(s, &set, s->pseudo_key, in, SLICE_NULL, ret, e));
	return OK;
}
