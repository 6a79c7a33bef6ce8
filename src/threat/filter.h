/* What filters of a pipeline, decoders of a language and escapes in strings do to a text. All bounded by the arena. */
#pragma once
#include "base.h"

/* Each appends to out and returns false when the text is not in its form (out may then hold a part of it). */
bool filter_base64(struct buf *out, struct slice s);	/* standard and URL alphabet, white space and missing padding allowed */
bool filter_base32(struct buf *out, struct slice s);
bool filter_base85(struct buf *out, struct slice s);	/* Python's b85 (RFC 1924 alphabet) */
bool filter_hex(struct buf *out, struct slice s);	/* white space, "\x", "0x", ":" and "," between bytes allowed */
bool filter_reverse(struct buf *out, struct slice s);
bool filter_rot13(struct buf *out, struct slice s);
bool filter_tr(struct buf *out, struct slice s, struct slice from, struct slice to, bool remove);
bool filter_percent(struct buf *out, struct slice s);
/* gzip, zlib or raw deflate; what came out before an error or the limit counts. */
bool filter_inflate(struct buf *out, struct slice s);
/* Backslash escapes of strings: \n \xNN \NNN \uNNNN \u{...} \UNNNNNNNN; others stand for their character. */
bool filter_escapes(struct buf *out, struct slice s);
/* Little or big endian UTF-16 (with or without its mark) to UTF-8; NUL bytes and a byte order mark dropped. false: nothing to do. */
bool filter_plain_text(struct buf *out, struct slice s);

/* At least seven of eight bytes are printable: worth reading as code. */
bool looks_like_text(struct slice s);
/* Starts like an ELF file. */
static inline bool looks_like_program(struct slice s) { return s.n >= 20 && !memcmp(s.p, "\x7f" "ELF", 4); }
