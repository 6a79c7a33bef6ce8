/* The compiled-in indicators: data/intel-seed.tab, a table made by tools/intel-seed.sh from published lists (see data/intel-seed.md). */
#include "intel_private.h"

__asm__(".section .rodata.intel_seed,\"a\",@progbits\n"
	".balign 64\n"
	".global pabean_intel_seed\n.hidden pabean_intel_seed\n"
	"pabean_intel_seed:\n.incbin \"" INTEL_SEED "\"\n"
	".global pabean_intel_seed_end\n.hidden pabean_intel_seed_end\n"
	"pabean_intel_seed_end:\n.byte 0\n"
	".previous\n");

extern const uint8_t pabean_intel_seed[], pabean_intel_seed_end[];

struct slice intel_seed_bytes(void) { return slice_of(pabean_intel_seed, (size_t)(pabean_intel_seed_end - pabean_intel_seed)); }
