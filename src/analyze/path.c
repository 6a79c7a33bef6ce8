#include "path.h"

static bool is_clean(struct slice s)
{
	size_t start = 0;
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '/')
			continue;
		size_t n = i - start;
		if (n == 0 || (n == 1 && s.p[start] == '.') || (n == 2 && s.p[start] == '.' && s.p[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

enum err_code path_clean(struct slice raw, struct buf *scratch, struct slice *ret, bool *ret_odd, struct err *e)
{
	struct slice s = raw, piece;
	*ret_odd = false;
	if (s.n >= 2 && s.p[0] == '.' && s.p[1] == '/')
		s = slice_from(s, 2);
	if (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	if (!s.n || slice_eqs(s, ".") || slice_eqs(s, "/")) {
		*ret = slice_upto(raw, 0);
		return OK;
	}
	if (is_clean(s)) {
		*ret = s;
		return OK;
	}
	*ret_odd = true;
	buf_clear(scratch);
	while (slice_next_piece(&s, '/', &piece)) {
		if (!piece.n || slice_eqs(piece, "."))
			continue;
		if (slice_eqs(piece, "..")) {
			ptrdiff_t at = slice_rfind_byte(buf_slice(scratch), '/');
			scratch->n = at < 0 ? 0 : (size_t)at;
			continue;
		}
		if (scratch->n)
			buf_putc(scratch, '/');
		buf_put_slice(scratch, piece);
	}
	TRY(buf_ok(scratch, "the name of a tar entry", e));
	*ret = buf_slice(scratch);
	return OK;
}

bool path_escapes(struct slice raw)
{
	struct slice piece;
	unsigned depth = 0;
	while (slice_next_piece(&raw, '/', &piece)) {
		if (slice_eqs(piece, "..") && depth-- == 0)
			return true;
		depth += piece.n && !slice_eqs(piece, ".") && !slice_eqs(piece, "..");
	}
	return false;
}

enum whiteout path_whiteout(struct slice path, struct buf *scratch, struct slice *ret_target)
{
	ptrdiff_t at = slice_rfind_byte(path, '/');
	struct slice dir = at < 0 ? slice_upto(path, 0) : slice_upto(path, (size_t)at), name = slice_from(path, (size_t)(at + 1));
	if (!slice_has_prefix(name, SL(".wh.")))
		return WHITEOUT_NONE;
	if (slice_eqs(name, ".wh..wh..opq")) {
		*ret_target = dir;
		return WHITEOUT_OPAQUE;
	}
	if (slice_has_prefix(name, SL(".wh..wh.")) || name.n == 4 || slice_eqs(name, ".wh..") || slice_eqs(name, ".wh...")) {
		*ret_target = path;
		return WHITEOUT_META;
	}
	buf_clear(scratch);
	buf_put_slice(scratch, dir);
	if (dir.n)
		buf_putc(scratch, '/');
	buf_put_slice(scratch, slice_from(name, 4));
	*ret_target = buf_slice(scratch);
	return scratch->failed ? WHITEOUT_META : WHITEOUT_PLAIN;
}
