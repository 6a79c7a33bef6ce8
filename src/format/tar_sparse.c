/* Maps of sparse files: old GNU (in the header and extension blocks), pax 0.0 and 0.1 (in records), pax 1.0 (text before the data). */
#include <stdlib.h>
#include "tar_priv.h"

enum sparse_kind sparse_of_pax(const struct pax *pax, struct sparse *s, struct slice *name)
{
	struct slice major = pax->value[PAX_SPARSE_MAJOR], minor = pax->value[PAX_SPARSE_MINOR], size;
	enum sparse_kind kind;
	if (slice_eqs(major, "0") && (slice_eqs(minor, "0") || slice_eqs(minor, "1")))
		kind = SPARSE_PAX_0;
	else if (slice_eqs(major, "1") && slice_eqs(minor, "0"))
		kind = SPARSE_PAX_1;
	else if (major.n || minor.n || !pax->value[PAX_SPARSE_MAP].n)
		return SPARSE_NO;	/* an unknown version is read as an ordinary file */
	else
		kind = SPARSE_PAX_0;
	if (pax->value[PAX_SPARSE_NAME].n)
		*name = pax->value[PAX_SPARSE_NAME];
	size = pax->value[PAX_SPARSE_SIZE].n ? pax->value[PAX_SPARSE_SIZE] : pax->value[PAX_SPARSE_REALSIZE];
	return size.n && !tar_decimal(size, &s->size) ? SPARSE_BAD : kind;
}

enum err_code sparse_add(struct sparse *s, int64_t offset, int64_t length, struct err *e)
{
	if (s->n == TAR_MAX_SPARSE_PARTS)
		return err_set(e, ERR_LIMIT, 0, "a sparse file has more than %d parts", TAR_MAX_SPARSE_PARTS);
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct sparse_part *p = realloc(s->parts, cap * sizeof(*p));
		if (!p)
			return err_set(e, ERR_NOMEM, 0, "memory for a sparse file's map");
		s->parts = p;
		s->cap = cap;
	}
	s->parts[s->n++] = (struct sparse_part){ offset, length };
	return OK;
}

enum err_code sparse_add_old(struct sparse *s, const uint8_t *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n && p[24 * i]; i++) {
		int64_t offset, length;
		if (!tar_number(p + 24 * i, 12, &offset) || !tar_number(p + 24 * i + 12, 12, &length))
			return err_set(e, ERR_FORMAT, 0, "a number in a sparse map is none");
		TRY(sparse_add(s, offset, length, e));
	}
	return OK;
}

/* Two numbers, each ended by sep (the last one of the text also by its end). */
static enum err_code add_pair(struct sparse *s, struct slice *rest, uint8_t sep, struct err *e)
{
	struct slice offset_text, length_text;
	int64_t offset, length;
	if (!slice_next_piece(rest, sep, &offset_text) || !slice_next_piece(rest, sep, &length_text) ||
	    !tar_decimal(offset_text, &offset) || !tar_decimal(length_text, &length))
		return err_set(e, ERR_FORMAT, 0, "a number in a sparse map is none");
	return sparse_add(s, offset, length, e);
}

enum err_code sparse_parse_map_0(struct sparse *s, const struct pax *pax, struct err *e)
{
	struct slice map = pax->value[PAX_SPARSE_MAP];
	uint64_t numbers = map.n ? 1 : 0;
	int64_t parts;
	if (!tar_decimal(pax->value[PAX_SPARSE_NUMBLOCKS], &parts) || parts < 0)
		return err_set(e, ERR_FORMAT, 0, "a sparse map without a number of parts");
	for (size_t i = 0; i < map.n; i++)
		numbers += map.p[i] == ',';
	if (parts > INT64_MAX / 2 || numbers != 2 * (uint64_t)parts)
		return err_set(e, ERR_FORMAT, 0, "a sparse map with a wrong number of parts");
	for (int64_t i = 0; i < parts; i++)
		TRY(add_pair(s, &map, ',', e));
	return OK;
}

static enum err_code parse_map_1(struct sparse *s, struct slice text, uint64_t parts, struct err *e)
{
	struct slice count;
	(void)slice_next_piece(&text, '\n', &count);
	for (uint64_t i = 0; i < parts; i++)
		TRY(add_pair(s, &text, '\n', e));
	return OK;
}

enum err_code sparse_feed_map_1(struct sparse *s, const uint8_t *block, bool *ret_done, struct err *e)
{
	s->text.max = TAR_MAX_SPECIAL;
	if (!buf_put(&s->text, block, TAR_BLOCK))
		return buf_ok(&s->text, "a sparse file's map", e);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		s->lines += block[i] == '\n';
	if (s->lines && !s->lines_needed) {
		struct slice rest = buf_slice(&s->text), count;
		int64_t parts;
		if (!slice_next_piece(&rest, '\n', &count) || !tar_decimal(count, &parts) || parts < 0 || parts > INT64_MAX / 2)
			return err_set(e, ERR_FORMAT, 0, "a sparse map without a number of parts");
		if (parts > TAR_MAX_SPARSE_PARTS)
			return err_set(e, ERR_LIMIT, 0, "a sparse file has more than %d parts", TAR_MAX_SPARSE_PARTS);
		s->lines_needed = 1 + 2 * (uint64_t)parts;
	}
	*ret_done = s->lines_needed && s->lines >= s->lines_needed;
	return *ret_done ? parse_map_1(s, buf_slice(&s->text), s->lines_needed / 2, e) : OK;
}

bool sparse_valid(const struct sparse *s, uint64_t *ret_data_bytes)
{
	int64_t end = 0;
	uint64_t sum = 0;
	if (s->size < 0)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct sparse_part *p = &s->parts[i];
		if (p->offset < end || p->length < 0 || p->offset > INT64_MAX - p->length || p->offset + p->length > s->size)
			return false;
		end = p->offset + p->length;
		sum += (uint64_t)p->length;
	}
	*ret_data_bytes = sum;
	return true;
}

void sparse_clear(struct sparse *s)
{
	s->n = 0;
	s->lines = s->lines_needed = 0;
	buf_clear(&s->text);
}

void sparse_free(struct sparse *s)
{
	free(s->parts);
	buf_free(&s->text);
}
