/* The first byte chooses igzip and the size of reads; the rest is a compressed stream. At most 4 MiB come out. */
#include <stdlib.h>
#include "codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[65536];
	struct decompress_info info;
	struct stream *below, *s;
	struct err e;
	size_t n, total = 0, cap;
	if (size < 1)
		return 0;
	cap = (size_t[]){ sizeof(out), 1, 100, 4096 }[data[0] >> 1 & 3];
	if (stream_of_slice(slice_of(data + 1, size - 1), &below, &e) != OK)
		return 0;
	if (stream_decompress(below, data[0] & 1, &info, &s, &e) != OK)
		return 0;
	while (total < 4 * MIB && stream_read(s, out, cap, &n, &e) == OK && n)
		total += n;
	if (info.out_bytes != total || info.in_bytes > size - 1 || info.trailing_bytes > info.in_bytes)
		abort();
	stream_close(s);
	return 0;
}
