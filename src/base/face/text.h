/* Text from outside: validation, escaping, hex, base64, numbers with units. */
#pragma once
#include "buf.h"

/* True when s is well-formed UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(struct slice s);
/* Length in bytes (1..4) of the UTF-8 sequence at the start of s, and its code point; 0 when malformed. */
unsigned text_utf8_next(struct slice s, uint32_t *ret_cp);
/* Appends s for a terminal or a log: control characters, bidirectional controls, DEL and bytes that are no UTF-8 become \xNN, a backslash \\. */
bool text_escape(struct buf *out, struct slice s);
/* As text_escape, into a fixed array, cut with "..." when too long; always NUL-terminated. Returns dst. */
char *text_escape_to(char *dst, size_t cap, struct slice s);
/* Appends s as JSON string content without the quotes; bytes that are no UTF-8 become the four characters \xNN (so `\\xNN` in JSON). */
bool text_json_escape(struct buf *out, struct slice s);

/* Lower-case hex of n bytes; dst needs 2n+1. */
void hex_encode(char *dst, const uint8_t *p, size_t n);
/* Exactly 2*n hex digits; upper case is taken only when allow_upper. */
bool hex_decode(struct slice hex, uint8_t *dst, size_t n, bool allow_upper);
bool base64_encode(struct buf *out, struct slice s);
/* RFC 4648 standard alphabet, padding optional, white space skipped when lax; false on anything else. */
bool base64_decode(struct buf *out, struct slice s, bool lax);

/* "128M", "2G", "512k", "100" -> bytes (powers of 1024). */
bool text_parse_size(struct slice s, uint64_t *ret_bytes);
/* "90s", "10m", "2h", "7d", "250ms" -> milliseconds; a bare number is refused. */
bool text_parse_duration(struct slice s, uint64_t *ret_ms);
/* "164.2 MB" in dst (cap >= 16); decimal units. */
char *text_format_size(char *dst, size_t cap, uint64_t bytes);
/* Edit distance with adjacent transpositions (optimal string alignment); stops at max+1. Inputs over 128 bytes give max+1. */
unsigned text_distance(struct slice a, struct slice b, unsigned max);
