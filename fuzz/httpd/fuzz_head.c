/* A head goes through what libmicrohttpd does to it in place, then through our reading. What is accepted must be the one way to write it. */
#include <stdlib.h>
#include <string.h>
#include "head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As libmicrohttpd: lines end with CRLF or LF, the first space and the last one of the first line and the first colon of the others are cut; a line that
 * has none before a NUL is refused; the head ends with an empty line. Returns the number of fields it sees, which handler.c compares with ours, or SIZE_MAX. */
static size_t take_apart(uint8_t *p, size_t n, size_t *ret_target, size_t *ret_n_target)
{
	size_t start = 0, line = 0, fields = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		size_t end = i > start && p[i - 1] == '\r' ? i - 1 : i;
		if (line && (end == start || !p[start])) {	/* an empty line: the head's end */
			p[end] = p[i] = 0;
			return i + 1 == n ? fields : SIZE_MAX;
		}
		uint8_t *cut = memchr(p + start, line ? ':' : ' ', line ? strnlen((char *)p + start, end - start) : end - start);
		if (line && end > start && !cut)
			return SIZE_MAX;
		if (cut && !line) {
			uint8_t *last = memrchr(p + start, ' ', end - start);
			*ret_target = (size_t)(cut - p) + 1;
			*ret_n_target = last > cut ? (size_t)(last - cut) - 1 : 0;
			*last = 0;
		}
		if (cut)
			*cut = 0;
		p[end] = p[i] = 0;
		fields += line > 0;
		start = i + 1;
		line++;
	}
	return SIZE_MAX;
}

static void check(const struct head *h, struct slice text)
{
	size_t lines = 0, fields = 0;
	/* A NUL beside a bare LF cannot be told from a line's end any more; without one there is only one way to write it. */
	bool nul = memchr(text.p, 0, text.n);
	for (size_t i = 0; i < text.n && !nul; i++) {
		if ((text.p[i] == '\n' && (!i || text.p[i - 1] != '\r')) || (text.p[i] == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n')))
			abort();
		lines += text.p[i] == '\n';
	}
	for (unsigned i = 0; i < h->n_fields; i++)
		fields += httpd_is_token(h->fields[i].name) && httpd_is_field_value(h->fields[i].value);
	if ((!nul && lines != h->n_fields + 2) || fields != h->n_fields)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size + 1);
	struct head *h = malloc(sizeof(*h));
	struct head_framing f;
	size_t target = 0, n_target = 0;
	if (size)
		memcpy(p, data, size);
	size_t fields = take_apart(p, size, &target, &n_target);
	if (fields != SIZE_MAX && !httpd_head_read(slice_of(p, size), slice_of(p + target, n_target), h) && fields == h->n_fields) {
		check(h, slice_of(data, size));
		if (!httpd_head_framing(h, &f) && f.chunked && f.has_length)
			abort();
	}
	free(h);
	free(p);
	return 0;
}
