/* The key that signs the audit log's heads: Ed25519 (RFC 8032). */
#pragma once
#include "base.h"

enum { AUDIT_SIGNATURE_BYTES = 64, AUDIT_PUBLIC_BYTES = 32 };
struct audit_key;
/* DIR/audit.key (0600, the seed as hex) and DIR/audit.pub; made when missing. */
[[nodiscard]] enum err_code audit_key_open(const char *dir, struct audit_key **ret, struct err *e);
[[nodiscard]] enum err_code audit_key_public(const char *file, struct audit_key **ret, struct err *e);	/* verifies only */
void audit_key_close(struct audit_key *k);	/* takes NULL */
[[nodiscard]] enum err_code audit_key_sign(const struct audit_key *k, struct slice text, uint8_t ret[AUDIT_SIGNATURE_BYTES], struct err *e);
bool audit_key_verify(const struct audit_key *k, struct slice text, const uint8_t signature[AUDIT_SIGNATURE_BYTES]);

/* A head: what the chain's end was at some time. */
struct audit_head { int64_t seq; char hash[65], time[32]; };
void audit_head_text(const struct audit_head *h, struct buf *out);	/* what is signed */
/* One line without newline, and back; false: not such a line, or its signature is wrong. */
[[nodiscard]] enum err_code audit_head_write(const struct audit_head *h, const struct audit_key *k, struct buf *out, struct err *e);
bool audit_head_read(struct slice line, const struct audit_key *k, struct audit_head *ret);
/* {"seq":N,"prev":"HASH",… at the beginning of each record. */
bool audit_line_read(struct slice line, int64_t *ret_seq, struct slice *ret_prev);
