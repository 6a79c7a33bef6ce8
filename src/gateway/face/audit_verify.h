/* Is the audit log whole? Works without a running server. */
#pragma once
#include "base.h"

struct sql;
struct audit_found {
	uint64_t records;		/* that were read and are in order */
	uint64_t heads;			/* signed heads that were compared */
	uint64_t bad_seq;		/* 0: all is well; else the first record that is changed, missing, or not to be had any more */
	char what[256];			/* about it */
	char last_hash[65];
};
/* The copy, line by line. file: STATE/audit.jsonl; heads, public_key NULL: not compared (a tail that was cut off is then not noticed). */
[[nodiscard]] enum err_code audit_verify_file(const char *file, const char *heads, const char *public_key, struct audit_found *ret, struct err *e);
/* The database's. */
[[nodiscard]] enum err_code audit_verify_database(struct sql *db, const char *heads, const char *public_key, struct audit_found *ret, struct err *e);
/* The same, opened by its URL ("sqlite:PATH", "postgresql://…"); a server may be running on it. */
[[nodiscard]] enum err_code audit_verify_database_at(const char *url, const char *heads, const char *public_key, struct audit_found *ret, struct err *e);
