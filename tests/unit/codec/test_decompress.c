#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include "codec.h"

enum { TEXT_BYTES = 700000 };

/* Deterministic content, half of it compressible. */
static void make_text(uint8_t *p)
{
	uint32_t x = 1;
	for (size_t i = 0; i < TEXT_BYTES; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = i / 1000 % 2 ? (uint8_t)(x >> 24) : (uint8_t)('a' + i % 7);
	}
}

static void pack(enum compression kind, struct slice text, struct buf *out)
{
	size_t cap = text.n + 4096;
	uint8_t *p = malloc(cap);
	size_t n = 0;
	unsigned bz_n = (unsigned)cap;
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)text.p, .avail_in = (uInt)text.n, .next_out = p, .avail_out = (uInt)cap };
	lzma_stream l = LZMA_STREAM_INIT;
	lzma_options_lzma opt;
	switch (kind) {
	case COMP_GZIP:
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		n = z.total_out;
		deflateEnd(&z);
		break;
	case COMP_ZSTD:
		n = ZSTD_compress(p, cap, text.p, text.n, 3);
		break;
	case COMP_XZ:
		assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, text.p, text.n, p, &n, cap), LZMA_OK);
		break;
	case COMP_LZMA:
		lzma_lzma_preset(&opt, 1);
		assert_int_equal(lzma_alone_encoder(&l, &opt), LZMA_OK);
		l.next_in = text.p, l.avail_in = text.n, l.next_out = p, l.avail_out = cap;
		assert_int_equal(lzma_code(&l, LZMA_FINISH), LZMA_STREAM_END);
		n = cap - l.avail_out;
		lzma_end(&l);
		break;
	default:
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)p, &bz_n, (char *)(uintptr_t)text.p, (unsigned)text.n, 1, 0, 0), BZ_OK);
		n = bz_n;
	}
	assert_true(buf_put(out, p, n));
	free(p);
}

struct result { enum err_code code; struct err e; struct decompress_info info; };

/* Reads all with reads of cap bytes; out holds what came before an error. */
static struct result unpack(struct slice in, bool fast, size_t cap, struct buf *out)
{
	struct result r = { 0 };
	struct stream *below, *s;
	buf_clear(out);
	assert_int_equal(stream_of_slice(in, &below, &r.e), OK);
	r.code = stream_decompress(below, fast, &r.info, &s, &r.e);
	if (r.code)
		return r;
	for (;;) {
		size_t n = 0;
		assert_true(buf_reserve(out, cap));
		r.code = stream_read(s, out->p + out->n, cap, &n, &r.e);
		if (r.code || n == 0)
			break;
		out->n += n;
	}
	if (r.code) {	/* sticky */
		size_t n;
		struct err again;
		uint8_t b;
		assert_int_equal(stream_read(s, &b, 1, &n, &again), r.code);
	}
	stream_close(s);
	return r;
}

/* A stream that gives one byte a read. */
struct dribble { struct stream s; struct slice rest; };

static enum err_code dribble_read(struct stream *s, void *dst, size_t, size_t *ret_n, struct err *)
{
	struct dribble *d = (struct dribble *)s;
	*ret_n = d->rest.n ? 1 : 0;
	if (*ret_n)
		*(uint8_t *)dst = d->rest.p[0];
	d->rest = slice_from(d->rest, 1);
	return OK;
}

static void dribble_close(struct stream *) { }

static const struct stream_ops dribble_ops = { dribble_read, dribble_close };

static const enum compression kinds[] = { COMP_GZIP, COMP_ZSTD, COMP_XZ, COMP_LZMA, COMP_BZIP2 };
static uint8_t text_bytes[TEXT_BYTES];

static void round_trips(void **)
{
	struct slice text = slice_of(text_bytes, TEXT_BYTES);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_BUF in = BUF(4 * MIB);
		AUTO_BUF out = BUF(4 * MIB);
		pack(kinds[i], text, &in);
		for (int fast = 0; fast < 2; fast++) {
			struct result r = unpack(buf_slice(&in), fast, 60000, &out);
			assert_int_equal(r.code, OK);
			assert_true(slice_eq(buf_slice(&out), text));
			assert_int_equal(r.info.kind, kinds[i]);
			assert_int_equal(r.info.members, 1);
			assert_int_equal(r.info.in_bytes, in.n);
			assert_int_equal(r.info.out_bytes, text.n);
			assert_int_equal(r.info.trailing_bytes, 0);
		}
	}
}

static void members_and_trailing(void **)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_BUF in = BUF(4 * MIB);
		AUTO_BUF out = BUF(4 * MIB);
		bool one = kinds[i] == COMP_LZMA;	/* .lzma knows no further member */
		pack(kinds[i], SL("first "), &in);
		if (!one) {
			pack(kinds[i], SL(""), &in);
			pack(kinds[i], SL("second"), &in);
		}
		for (int fast = 0; fast < 2; fast++) {
			size_t n = in.n;
			struct result r = unpack(buf_slice(&in), fast, 1, &out);
			assert_int_equal(r.code, OK);
			assert_true(slice_eqs(buf_slice(&out), one ? "first " : "first second"));
			assert_int_equal(r.info.members, one ? 1 : 3);
			buf_put(&in, "\0\0\0\0", 4);
			r = unpack(buf_slice(&in), fast, 100, &out);
			assert_int_equal(r.code, OK);
			assert_int_equal(r.info.trailing_bytes, 4);
			assert_false(r.info.trailing_nonzero);
			buf_puts(&in, "trailing rubbish");
			r = unpack(buf_slice(&in), fast, 100, &out);
			assert_int_equal(r.code, OK);
			assert_int_equal(r.info.trailing_bytes, 20);
			assert_true(r.info.trailing_nonzero);
			in.n = n;
		}
	}
}

static void truncated_and_corrupt(void **)
{
	struct slice text = slice_of(text_bytes, 20000);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_BUF in = BUF(4 * MIB);
		AUTO_BUF out = BUF(4 * MIB);
		pack(kinds[i], text, &in);
		for (int fast = 0; fast < 2; fast++) {
			for (size_t cut = 1; cut < 40; cut++)	/* the trailer bytewise, then larger steps */
				assert_int_equal(unpack(slice_upto(buf_slice(&in), in.n - cut), fast, 65536, &out).code, ERR_FORMAT);
			for (size_t n = 16; n < in.n; n += 997)
				assert_int_equal(unpack(slice_upto(buf_slice(&in), n), fast, 65536, &out).code, ERR_FORMAT);
			if (kinds[i] != COMP_GZIP && kinds[i] != COMP_XZ)
				continue;	/* the others have no check over all bytes in this encoding */
			in.p[in.n / 2] ^= 0x10;
			assert_int_equal(unpack(buf_slice(&in), fast, 65536, &out).code, ERR_FORMAT);
			in.p[in.n / 2] ^= 0x10;
			in.p[in.n - (kinds[i] == COMP_XZ ? 12 : 1)] ^= 1;	/* gzip: the length; xz: the footer's CRC */
			assert_int_equal(unpack(buf_slice(&in), fast, 65536, &out).code, ERR_FORMAT);
			in.p[in.n - (kinds[i] == COMP_XZ ? 12 : 1)] ^= 1;
		}
	}
}

/* All optional header fields of RFC 1952, and input that comes byte by byte. */
static void gzip_headers(void **)
{
	for (unsigned flags = 0; flags < 32; flags++) {
		AUTO_BUF in = BUF(64 * KIB);
		AUTO_BUF plain = BUF(64 * KIB);
		AUTO_BUF out = BUF(64 * KIB);
		pack(COMP_GZIP, SL("content of a file"), &plain);
		buf_put(&in, "\x1f\x8b\x08", 3);
		buf_putc(&in, (uint8_t)(flags & ~1u));	/* FTEXT would be 1 */
		buf_put(&in, "\0\0\0\0\0\xff", 6);
		if (flags & 4)
			buf_put(&in, "\x08\0SG\x04\0abcd", 10);
		if (flags & 8)
			buf_put(&in, "name", 5);
		if (flags & 16)
			buf_put(&in, "comment", 8);
		if (flags & 2)
			buf_put_le16(&in, (uint16_t)crc32(0, in.p, (uInt)in.n));
		buf_put(&in, plain.p + 10, plain.n - 10);
		size_t one = in.n;
		AUTO_BUF twice = BUF(64 * KIB);
		buf_put(&twice, in.p, one);
		buf_put(&twice, in.p, one);
		for (int fast = 0; fast < 2; fast++) {
			struct dribble d = { { &dribble_ops }, buf_slice(&twice) };
			struct decompress_info info;
			struct stream *s;
			struct err e;
			assert_int_equal(unpack(buf_slice(&twice), fast, 100, &out).code, OK);
			assert_true(slice_eqs(buf_slice(&out), "content of a filecontent of a file"));
			assert_int_equal(stream_decompress(&d.s, fast, &info, &s, &e), OK);
			buf_clear(&out);
			out.max = 1000;
			if (stream_read_all(s, &out, &e) != OK)
				fail_msg("flags %u, fast %d: %s", flags, fast, e.msg);
			assert_true(slice_eqs(buf_slice(&out), "content of a filecontent of a file"));
			assert_int_equal(info.members, 2);
			stream_close(s);
		}
	}
}

static void zstd_frames(void **)
{
	AUTO_BUF in = BUF(1 * MIB);
	AUTO_BUF out = BUF(1 * MIB);
	struct result r;
	buf_put(&in, "\x5e\x2a\x4d\x18\x03\0\0\0xyz", 11);	/* skippable, in front, between and behind */
	pack(COMP_ZSTD, SL("a"), &in);
	buf_put(&in, "\x50\x2a\x4d\x18\0\0\0\0", 8);
	pack(COMP_ZSTD, SL("b"), &in);
	buf_put(&in, "\x5f\x2a\x4d\x18\x01\0\0\0!", 9);
	r = unpack(buf_slice(&in), true, 10, &out);
	assert_int_equal(r.code, OK);
	assert_true(slice_eqs(buf_slice(&out), "ab"));
	assert_int_equal(r.info.members, 5);
	assert_int_equal(r.info.trailing_bytes, 0);
	assert_int_equal(unpack(slice_upto(buf_slice(&in), in.n - 1), true, 10, &out).code, ERR_FORMAT);
	/* a window of 256 MiB: descriptor 0, window exponent 10 + 18 */
	r = unpack(SL("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00"), true, 10, &out);
	assert_int_equal(r.code, ERR_UNSUPPORTED);
}

static void sniffing(void **)
{
	AUTO_BUF out = BUF(1 * MIB);
	struct result r;
	assert_int_equal(compression_sniff(SL("\x04\x22\x4d\x18")), COMP_LZ4);
	assert_int_equal(compression_sniff(SLICE_NULL), COMP_NONE);
	assert_int_equal(compression_sniff(SL("\x1f\x8b")), COMP_NONE);
	assert_int_equal(compression_sniff(SL("BZh9is a text")), COMP_NONE);
	assert_int_equal(compression_sniff(SL("]\0\0\0\0\0\0\0")), COMP_NONE);
	assert_string_equal(compression_name(COMP_ZSTD), "zstd");
	assert_string_equal(compression_name(COMP_COUNT), "unknown");
	r = unpack(SL("plain text that passes through"), false, 3, &out);
	assert_int_equal(r.code, OK);
	assert_true(slice_eqs(buf_slice(&out), "plain text that passes through"));
	assert_int_equal(r.info.in_bytes, 30);
	assert_int_equal(r.info.out_bytes, 30);
	r = unpack(SLICE_NULL, false, 3, &out);
	assert_int_equal(r.code, OK);
	assert_int_equal(out.n, 0);
	assert_int_equal(unpack(SL("\x04\x22\x4d\x18 lz4 frame"), false, 3, &out).code, ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips), cmocka_unit_test(members_and_trailing), cmocka_unit_test(truncated_and_corrupt),
		cmocka_unit_test(gzip_headers), cmocka_unit_test(zstd_frames), cmocka_unit_test(sniffing),
	};
	make_text(text_bytes);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
