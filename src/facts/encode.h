/* Within the room: decoding the part of a record behind its path. */
#pragma once
#include "facts.h"

/* ret->type and ret->path are set by the caller; reads inner, bitmap and fields. */
bool fact_body_decode(struct rd *r, struct fact *ret);

/* LEB128; the caller has room for 10 bytes. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}
