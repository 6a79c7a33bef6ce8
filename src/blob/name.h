/* Names that come from outside: nothing is opened or asked for before one of these has said yes. */
#pragma once
#include "blob.h"

/* A digest taken apart; `hex` borrows the caller's bytes. */
struct blob_name { int algo; struct slice hex; };
enum {
	BLOB_ID_HEX = BLOB_ID_BYTES - 1,
	BLOB_OBJECT_NAME_MAX = 128,
	BLOB_DIGEST_MAX = 136,	/* "sha512:", 128 hex digits, NUL */
};

/* "sha256:<64 lower-case hex>", "sha512:<128>"; else ERR_USAGE. */
[[nodiscard]] enum err_code blob_name_parse(struct slice digest, struct blob_name *ret, struct err *e);
[[nodiscard]] enum err_code blob_id_check(const char *id, struct err *e);
[[nodiscard]] enum err_code blob_object_check(const char *name, struct err *e);
bool blob_is_hex(struct slice s, size_t n);	/* exactly n lower-case digits */
/* 32 random hex digits and NUL. */
[[nodiscard]] enum err_code blob_id_new(char dst[BLOB_ID_BYTES], struct err *e);
