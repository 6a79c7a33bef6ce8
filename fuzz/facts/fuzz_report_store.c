/* Stored reports from anywhere: the input is the size of the first part and both parts, which are compressed here so that what lies behind the frames is
 * reached. What is read must be written and read the same. */
#include <stdlib.h>
#include <zstd.h>
#include "base.h"
#include "report_store.h"

static void put_part(struct buf *b, struct slice raw)
{
	AUTO_BUF frame = BUF(16 * MIB);
	size_t most = ZSTD_compressBound(raw.n);
	if (!buf_reserve(&frame, most + 1))
		return;
	size_t n = ZSTD_compress(frame.p, most, raw.p, raw.n, 1);
	buf_put_varint(b, raw.n);
	buf_put_varint(b, n);
	buf_put(b, frame.p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(16 * MIB), b = ARENA(64 * MIB);
	AUTO_BUF stored = BUF(16 * MIB), first = BUF(16 * MIB), second = BUF(16 * MIB);
	struct rd in = rd_of(slice_of(data, size));
	struct report r;
	struct err e = { 0 };
	size_t n = rd_le32(&in);
	struct slice rest = slice_from(slice_of(data, size), 4);
	(void)!report_decode(slice_of(data, size), &a, &r, &e);
	arena_free(&a);
	a = ARENA(16 * MIB);
	buf_puts(&stored, "PBR");
	buf_putc(&stored, REPORT_STORE_VERSION);
	put_part(&stored, slice_upto(rest, n));
	put_part(&stored, slice_from(rest, n));
	if (report_decode(buf_slice(&stored), &a, &r, &e) != OK)
		return 0;
	if (report_encode(&r, &first, &e) != OK || report_decode(buf_slice(&first), &b, &r, &e) != OK || report_encode(&r, &second, &e) != OK ||
	    !slice_eq(buf_slice(&first), buf_slice(&second)))
		abort();
	return 0;
}
