/* The block decompressors alone: the first byte is the method. */
#include "upx_nrv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 16];
	if (size < 3)
		return 0;
	upx_decompress(data[0] % 16, slice_of(data + 3, size - 3), out, data[1] | (size_t)data[2] << 8);
	return 0;
}
