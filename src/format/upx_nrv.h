/* The decompressors of UPX blocks: NRV2B, NRV2D, NRV2E (bit streams of 8, 16 or 32 bits) and raw LZMA1. */
#pragma once
#include "base.h"

enum { UPX_M_NRV2B_LE32 = 2, UPX_M_NRV2B_8, UPX_M_NRV2B_LE16, UPX_M_NRV2D_LE32, UPX_M_NRV2D_8, UPX_M_NRV2D_LE16, UPX_M_NRV2E_LE32,
       UPX_M_NRV2E_8, UPX_M_NRV2E_LE16, UPX_M_LZMA = 14 };

bool upx_method_known(unsigned method);
/* Exactly size bytes come out, else false. */
bool upx_decompress(unsigned method, struct slice in, uint8_t *out, size_t size);
