/* Contents of zip entries as streams. */
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include "zip.h"

enum { METHOD_STORED = 0, METHOD_DEFLATE = 8, METHOD_BZIP2 = 12, METHOD_ZSTD = 93, METHOD_XZ = 95 };

struct inflate_stream {
	struct stream stream;
	struct inflate_state state;
	struct decompress_info *info;
	size_t in_bytes;
	enum err_code failed;
};

static enum err_code inflate_read(struct stream *s, void *dst, size_t cap, size_t *ret_n, struct err *e)
{
	struct inflate_stream *f = (struct inflate_stream *)s;
	uint32_t room = (uint32_t)MIN(cap, (size_t)1 << 30);
	if (f->failed != OK)
		return err_set(e, f->failed, 0, "compressed data is damaged");
	*ret_n = 0;
	if (f->state.block_state == ISAL_BLOCK_FINISH || !room)
		return OK;
	f->state.next_out = dst;
	f->state.avail_out = room;
	int r = isal_inflate(&f->state);
	*ret_n = room - f->state.avail_out;
	/* whole bytes that were fetched ahead are not used */
	size_t fetched = f->in_bytes - f->state.avail_in, ahead = f->state.read_in_length > 0 ? (size_t)f->state.read_in_length / 8 : 0;
	f->info->in_bytes = fetched - MIN(ahead, fetched);
	f->info->out_bytes += *ret_n;
	if (r != ISAL_DECOMP_OK || (!*ret_n && f->state.block_state != ISAL_BLOCK_FINISH)) {
		f->failed = ERR_FORMAT;
		/* What came out before the damage is still worth a look. */
		if (!*ret_n)
			return err_at(e, ERR_FORMAT, f->info->in_bytes, "compressed data is damaged");
	}
	return OK;
}

static void inflate_close(struct stream *s) { free(s); }

enum err_code stream_inflate(struct slice packed, bool zlib, struct decompress_info *info, struct stream **ret, struct err *e)
{
	static const struct stream_ops ops = { inflate_read, inflate_close };
	if (packed.n > UINT32_MAX)
		return err_set(e, ERR_UNSUPPORTED, 0, "compressed member over 4 GiB");
	struct inflate_stream *f = malloc(sizeof(*f));
	if (!f)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	isal_inflate_init(&f->state);
	f->state.crc_flag = zlib ? ISAL_ZLIB : ISAL_DEFLATE;
	f->state.next_in = (uint8_t *)packed.p;
	f->state.avail_in = (uint32_t)packed.n;
	f->stream.ops = &ops;
	f->info = info;
	f->in_bytes = packed.n;
	f->failed = OK;
	*info = (struct decompress_info){ 0 };
	*ret = &f->stream;
	return OK;
}

enum err_code zip_entry_stream(const struct zip_entry *en, struct decompress_info *info, struct stream **ret, struct err *e)
{
	struct stream *below;
	switch (en->method) {
	case METHOD_STORED:
		*info = (struct decompress_info){ 0 };
		return stream_of_slice(en->data, ret, e);
	case METHOD_DEFLATE:
		return stream_inflate(en->data, false, info, ret, e);
	case METHOD_BZIP2: case METHOD_ZSTD: case METHOD_XZ:
		TRY(stream_of_slice(en->data, &below, e));
		return stream_decompress(below, true, info, ret, e);
	default:
		return err_set(e, ERR_UNSUPPORTED, 0, "zip method %u", en->method);
	}
}
