/* First byte: language and class; the rest is one file, judged as the worker does. */
#include <stdlib.h>
#include "view.h"

static enum err_code on_fact(struct fact_sink *sink, const struct fact *f, struct err *e)
{
	(void)sink;
	if (f->type == FACT_SIGN && (threat_sign_index(f->sign.rule) < 0 || f->sign.excerpt.n > 200))
		abort();
	AUTO_BUF out = BUF(4 * MIB);
	return fact_encode(&out, f, e);
}

struct hits { struct threat_hit items[4096]; size_t n; };
static void on_hit(void *arg, uint32_t id, uint64_t end)
{
	struct hits *h = arg;
	if (h->n < ARRAY_LEN(h->items))
		h->items[h->n++] = (struct threat_hit){ id, end };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct threat_set *set;
	static struct threat_stream *stream;
	static struct hits hits;
	struct err e;
	if (!set && (threat_set_compile(&set, &e) != OK || threat_stream_open(set, &stream, &e) != OK))
		abort();
	if (size < 2 || size > 64 * KIB)
		return 0;
	AUTO_ARENA a = ARENA(16 * MIB);
	struct fact_sink sink = { on_fact };
	struct slice text = slice_of(data + 1, size - 1);
	static const enum file_class classes[] = { FILE_SCRIPT, FILE_SCRIPT, FILE_TEXT, FILE_CONFIG, FILE_ELF };
	static const char *const paths[] = { "run", "etc/cron.d/x", "x.service", "package.json", "x.pth" };
	struct threat_file f = { .path = slice_str(paths[data[0] / 5 % 5]), .content = text, .size = text.n, .cls = classes[data[0] % 5],
		.lang = data[0] / 25 % LANG_COUNT, .executable = data[0] & 1, .hits = hits.items };
	hits.n = 0;
	if (threat_block_scan(stream, text, on_hit, &hits, &e) != OK)
		abort();
	f.n_hits = hits.n;
	if (threat_file(stream, &f, &sink, &a, &e) != OK && e.code != ERR_LIMIT && e.code != ERR_NOMEM)
		abort();
	return 0;
}
