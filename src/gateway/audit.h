/* The audit log's copy in the state directory and its signed heads. */
#pragma once
#include "inside.h"

struct audit;
/* STATE/audit.jsonl (the lines of the database, in order), STATE/audit-heads.jsonl, the key STATE/audit.key with its public half STATE/audit.pub. */
[[nodiscard]] enum err_code audit_open(struct gateway *g, struct audit **ret, struct err *e);
void audit_close(struct audit *a);	/* takes NULL */
/* After changes, and at least once a second: writes new records to the copy; a signed head every minute. Blocks on the disk. */
[[nodiscard]] enum err_code audit_step(struct audit *a, struct err *e);
