/* Heads of answers: collected with limits, and the few values that are parsed. */
#include <stdlib.h>
#include <time.h>
#include "transfer.h"

void headers_reset(struct headers *h)
{
	arena_free(&h->arena);
	*h = (struct headers){ .arena = ARENA(512 * KIB) };
}

static void status_line(struct headers *h, struct slice line)
{
	ptrdiff_t space = slice_find_byte(line, ' ');
	uint64_t status = 0;
	headers_reset(h);
	if (space > 0 && slice_to_u64(slice_sub(line, (size_t)space + 1, 3), &status))
		h->status = (int)status;
}

void headers_line(struct headers *h, struct slice line)
{
	h->bytes += line.n;
	if (h->bytes > NET_MAX_HEADER_BYTES || h->list.n >= NET_MAX_HEADERS) {
		h->too_large = true;
		return;
	}
	line = slice_trim(line);
	if (slice_has_prefix(line, SL("HTTP/"))) {
		status_line(h, line);
		return;
	}
	if (!line.n) {
		h->done = h->status >= 200;
		return;
	}
	ptrdiff_t colon = slice_find_byte(line, ':');
	struct net_header *p = colon > 0 && !h->done ? ARENA_PUSH(&h->arena, &h->list) : NULL;
	if (p) {
		p->name = arena_dup(&h->arena, slice_upto(line, (size_t)colon));
		p->value = arena_dup(&h->arena, slice_trim(slice_from(line, (size_t)colon + 1)));
	}
	h->too_large |= h->arena.failed;
}

static struct slice find(const struct net_header *items, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(items[i].name, slice_str(name)))
			return items[i].value;
	return SLICE_NULL;
}

struct slice headers_get(const struct headers *h, const char *name) { return find(h->list.items, h->list.n, name); }

struct slice net_response_header(const struct net_response *r, const char *name) { return find(r->headers, r->n_headers, name); }

bool content_range_parse(struct slice v, uint64_t *ret_first, uint64_t *ret_total)
{
	if (v.n < 6 || !slice_eq_nocase(slice_upto(v, 6), SL("bytes ")))
		return false;
	v = slice_from(v, 6);
	ptrdiff_t dash = slice_find_byte(v, '-'), slash = slice_find_byte(v, '/');
	if (dash < 0 || slash < dash || !slice_to_u64(slice_upto(v, (size_t)dash), ret_first))
		return false;
	struct slice total = slice_from(v, (size_t)slash + 1);
	if (slice_eqs(total, "*")) {
		*ret_total = UINT64_MAX;
		return true;
	}
	return slice_to_u64(total, ret_total);
}

uint64_t retry_after_ms(struct slice v, uint64_t now_s)
{
	char text[40];
	struct tm tm = { 0 };
	uint64_t s = 0;
	v = slice_trim(v);
	if (!slice_to_u64(v, &s) && v.n > 0 && v.n < sizeof(text)) {
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(v));
		const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		time_t at = end && !*end ? timegm(&tm) : 0;
		s = at > 0 && (uint64_t)at > now_s ? (uint64_t)at - now_s : 0;
	}
	return MIN(s, (uint64_t)NET_RETRY_AFTER_MAX_S) * 1000;
}
