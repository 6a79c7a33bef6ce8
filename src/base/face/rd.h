/* Cursor over bytes: failure is sticky, so a parser reads straight through and checks once at the end. */
#pragma once
#include "slice.h"

struct rd {
	const uint8_t *start, *p, *end;
	bool bad;
};

/* An empty slice may have no address, to which even 0 must not be added. */
static inline struct rd rd_of(struct slice s) { return (struct rd){ s.p, s.p, s.n ? s.p + s.n : s.p, false }; }
static inline size_t rd_left(const struct rd *r) { return r->bad ? 0 : (size_t)(r->end - r->p); }
static inline size_t rd_offset(const struct rd *r) { return (size_t)(r->p - r->start); }
static inline bool rd_need(struct rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) { r->bad = true; return false; }
	return true;
}
static inline uint8_t rd_u8(struct rd *r) { return rd_need(r, 1) ? *r->p++ : 0; }
static inline uint64_t rd_uint_le(struct rd *r, unsigned n)
{
	uint64_t v = 0;
	if (!rd_need(r, n)) return 0;
	for (unsigned i = 0; i < n; i++) v |= (uint64_t)r->p[i] << (8 * i);
	r->p += n;
	return v;
}
static inline uint64_t rd_uint_be(struct rd *r, unsigned n)
{
	uint64_t v = 0;
	if (!rd_need(r, n)) return 0;
	for (unsigned i = 0; i < n; i++) v = v << 8 | r->p[i];
	r->p += n;
	return v;
}
static inline uint16_t rd_le16(struct rd *r) { return (uint16_t)rd_uint_le(r, 2); }
static inline uint32_t rd_le32(struct rd *r) { return (uint32_t)rd_uint_le(r, 4); }
static inline uint64_t rd_le64(struct rd *r) { return rd_uint_le(r, 8); }
static inline uint16_t rd_be16(struct rd *r) { return (uint16_t)rd_uint_be(r, 2); }
static inline uint32_t rd_be32(struct rd *r) { return (uint32_t)rd_uint_be(r, 4); }
static inline uint64_t rd_be64(struct rd *r) { return rd_uint_be(r, 8); }
static inline uint64_t rd_varint(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t c = rd_u8(r);
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) return v;
	}
	r->bad = true;
	return 0;
}
static inline struct slice rd_bytes(struct rd *r, size_t n)
{
	if (!rd_need(r, n)) return SLICE_NULL;
	struct slice s = { r->p, n };
	if (n) r->p += n;
	return s;
}
static inline void rd_skip(struct rd *r, size_t n) { (void)rd_bytes(r, n); }
static inline void rd_seek(struct rd *r, size_t at)
{
	if (r->bad || at > (size_t)(r->end - r->start)) r->bad = true;
	else r->p = r->start + at;
}
