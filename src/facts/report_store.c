/* The frame around a stored report: "PBR", version, then for both parts (judged, rest) the size before compression, the size of the zstd frame, the
 * frame. Frames carry checksums. */
#include "report_store.h"
#include "report_io.h"
#include "base.h"
#include <zstd.h>

enum { LEVEL = 3, HEAD_BYTES = 4, WRITER_ARENA = 512 << 20 };

static enum err_code put_part(struct buf *out, struct slice raw, struct err *e)
{
	size_t most = ZSTD_compressBound(raw.n);
	AUTO_BUF frame = BUF(most + 1);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n = 0;
	if (!c || !buf_reserve(&frame, most)) {
		ZSTD_freeCCtx(c);
		return err_set(e, ERR_NOMEM, 0, "store a report");
	}
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, frame.p, most, raw.p, raw.n);
	ZSTD_freeCCtx(c);
	if (ZSTD_isError(n))
		return err_set(e, ERR_INTERNAL, 0, "store a report: %s", ZSTD_getErrorName(n));
	buf_put_varint(out, raw.n);
	buf_put_varint(out, n);
	buf_put(out, frame.p, n);
	return buf_ok(out, "a stored report", e);
}

enum err_code report_encode(const struct report *r, struct buf *out, struct err *e)
{
	AUTO_ARENA a = ARENA(WRITER_ARENA);
	AUTO_BUF judged = BUF(REPORT_STORE_MAX_BYTES), rest = BUF(REPORT_STORE_MAX_BYTES);
	struct report copy = *r;	/* the description takes what it could change; when writing it changes nothing behind this */
	struct report_io io = { .writing = true, .out = &judged, .arena = &a };
	report_io_judged(&io, &copy);
	TRY(buf_ok(&judged, "a stored report", e));
	io.out = &rest;
	report_io_rest(&io, &copy);
	TRY(buf_ok(&rest, "a stored report", e));
	TRY(arena_ok(&a, "a stored report", e));
	buf_puts(out, "PBR");
	buf_putc(out, REPORT_STORE_VERSION);
	TRY(put_part(out, buf_slice(&judged), e));
	return put_part(out, buf_slice(&rest), e);
}

static enum err_code damaged(struct err *e, const char *what) { return err_set(e, ERR_FORMAT, 0, "a stored report is damaged (%s)", what); }

static enum err_code take_frame(struct rd *in, uint64_t *ret_size, struct slice *ret, struct err *e)
{
	*ret_size = rd_varint(in);
	uint64_t n = rd_varint(in);
	*ret = rd_bytes(in, n > rd_left(in) ? SIZE_MAX : (size_t)n);
	if (in->bad)
		return damaged(e, "cut off");
	return *ret_size <= REPORT_STORE_MAX_BYTES ? OK : damaged(e, "size");
}

static enum err_code unpack(struct slice frame, uint64_t size, struct arena *a, struct slice *ret, struct err *e)
{
	/* The size is believed only where the frame says the same. */
	if (ZSTD_getFrameContentSize(frame.p, frame.n) != size)
		return damaged(e, "size");
	uint8_t *raw = arena_alloc(a, size);
	TRY(arena_ok(a, "a stored report", e));
	if (ZSTD_decompress(raw, size, frame.p, frame.n) != size)
		return damaged(e, "compressed bytes");
	*ret = slice_of(raw, size);
	return OK;
}

static enum err_code part(struct report_io *io, struct slice raw, void (*read)(struct report_io *, struct report *), struct report *r, struct err *e)
{
	io->in = rd_of(raw);
	read(io, r);
	TRY(arena_ok(io->arena, "a stored report", e));
	return io->in.bad || rd_left(&io->in) ? damaged(e, "content") : OK;
}

static enum err_code decode(struct slice bytes, bool all, struct arena *a, struct report *ret, struct err *e)
{
	struct rd in = rd_of(bytes);
	struct report r = { .arena = a };
	struct report_io io = { .arena = a };
	struct slice head = rd_bytes(&in, HEAD_BYTES), judged, rest, raw;
	uint64_t judged_size, rest_size;
	if (in.bad || memcmp(head.p, "PBR", 3))
		return damaged(e, "head");
	if (head.p[3] != REPORT_STORE_VERSION)
		return err_set(e, ERR_UNSUPPORTED, 0, "a stored report has version %u and this pabean reads %d", head.p[3], REPORT_STORE_VERSION);
	TRY(take_frame(&in, &judged_size, &judged, e));
	TRY(take_frame(&in, &rest_size, &rest, e));
	if (rd_left(&in))
		return damaged(e, "more behind its end");
	TRY(unpack(judged, judged_size, a, &raw, e));
	TRY(part(&io, raw, report_io_judged, &r, e));
	if (all) {
		TRY(unpack(rest, rest_size, a, &raw, e));
		TRY(part(&io, raw, report_io_rest, &r, e));
	}
	*ret = r;
	return OK;
}

enum err_code report_decode(struct slice bytes, struct arena *a, struct report *ret, struct err *e) { return decode(bytes, true, a, ret, e); }

enum err_code report_decode_judged(struct slice bytes, struct arena *a, struct report *ret, struct err *e) { return decode(bytes, false, a, ret, e); }
