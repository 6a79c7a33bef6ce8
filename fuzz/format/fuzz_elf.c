#include "elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf f;
	struct err e;
	struct fact_elf fact;
	enum upx_result r;
	uint64_t bytes;
	AUTO_BUF needed = BUF(4 * KIB);
	AUTO_BUF imports = BUF(4 * KIB);
	AUTO_BUF out = BUF(1 * MIB);
	if (elf_open(slice_of(data, size), &f, &e) != OK)
		return 0;
	elf_describe(&f, &fact, &needed, &imports);
	(void)!elf_upx_unpack(&f, &out, &r, &bytes, &e);
	return 0;
}
