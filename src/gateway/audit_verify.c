/* Reads an audit log from its first record: every number, every link, every signed head. */
#include "audit_verify.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "audit_key.h"
#include "sql.h"
#include "store_journal.h"

/* Heads in the order they were signed; one is held until the chain comes by. */
struct heads {
	FILE *f;
	struct audit_key *key;
	struct audit_head next;
	bool have, bad;
	char *line;
	size_t cap;
};

struct chain {
	struct audit_found *found;
	struct heads *heads;
	int64_t seq;
	char hash[AUDIT_HASH_BYTES];
	bool stop;
};

static void heads_next(struct heads *h)
{
	int64_t before = h->next.seq;
	h->have = false;
	if (!h->f)
		return;
	ssize_t n = getline(&h->line, &h->cap, h->f);
	if (n < 0)
		return;
	if (n && h->line[n - 1] == '\n')
		n--;
	else
		return;		/* a crash cut it: never signed */
	h->have = audit_head_read(slice_of(h->line, (size_t)n), h->key, &h->next) && h->next.seq >= before;
	h->bad = !h->have;
}

static enum err_code heads_open(const char *path, const char *public_key, struct heads *h, struct err *e)
{
	if (!path || !public_key)
		return OK;
	TRY(audit_key_public(public_key, &h->key, e));
	h->f = fopen(path, "re");
	if (!h->f)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", path);
	heads_next(h);
	return OK;
}

static void heads_close(struct heads *h)
{
	if (h->f)
		fclose(h->f);
	free(h->line);
	audit_key_close(h->key);
}

[[gnu::format(printf, 3, 4)]]
static void broken(struct chain *c, int64_t seq, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(c->found->what, sizeof(c->found->what), fmt, ap);
	va_end(ap);
	c->found->bad_seq = (uint64_t)MAX(seq, (int64_t)1);
	c->stop = true;
}

static void check_heads(struct chain *c)
{
	struct heads *h = c->heads;
	while (h->have && h->next.seq == c->seq && !c->stop) {
		if (strcmp(h->next.hash, c->hash))
			broken(c, c->seq, "record %lld, or one before it, was changed: the head signed at %s has another hash", (long long)c->seq, h->next.time);
		c->found->heads++;
		heads_next(h);
	}
	if (h->bad && !c->stop)
		broken(c, c->seq, "a signed head behind record %lld is changed, out of order or not signed by this key", (long long)c->seq);
}

static void chain_add(struct chain *c, struct slice line)
{
	int64_t seq;
	struct slice prev;
	if (!audit_line_read(line, &seq, &prev)) {
		broken(c, c->seq + 1, "what stands behind record %lld is no record", (long long)c->seq);
		return;
	}
	if (seq > c->seq + 1) {
		broken(c, c->seq + 1, "record %lld is missing: %lld follows %lld", (long long)c->seq + 1, (long long)seq, (long long)c->seq);
		return;
	}
	if (seq != c->seq + 1) {
		broken(c, c->seq + 1, "record %lld stands where %lld should", (long long)seq, (long long)c->seq + 1);
		return;
	}
	if (!slice_eqs(prev, c->hash)) {
		broken(c, c->seq ? c->seq : 1, "record %lld was changed: the next one carries another hash", (long long)c->seq);
		return;
	}
	audit_hash(slice_str(c->hash), line, c->hash);
	c->seq = seq;
	c->found->records++;
	check_heads(c);
}

static void chain_end(struct chain *c)
{
	memcpy(c->found->last_hash, c->hash, sizeof(c->found->last_hash));
	if (!c->stop && c->heads->have)
		broken(c, c->seq + 1, "records from %lld on are missing: at %s there were %lld", (long long)c->seq + 1, c->heads->next.time,
		       (long long)c->heads->next.seq);
}

static enum err_code chain_begin(struct chain *c, struct audit_found *found, struct heads *h, const char *heads, const char *public_key, struct err *e)
{
	*found = (struct audit_found){ 0 };
	*c = (struct chain){ .found = found, .heads = h };
	memset(c->hash, '0', sizeof(c->hash) - 1);
	TRY(heads_open(heads, public_key, h, e));
	check_heads(c);
	return OK;
}

enum err_code audit_verify_file(const char *file, const char *heads, const char *public_key, struct audit_found *ret, struct err *e)
{
	struct heads h = { 0 };
	struct chain c;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *f = fopen(file, "re");
	if (!f)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", file);
	enum err_code code = chain_begin(&c, ret, &h, heads, public_key, e);
	while (code == OK && !c.stop && (n = getline(&line, &cap, f)) > 0) {
		if (n > AUDIT_LINE_MAX + 1)
			broken(&c, c.seq + 1, "what stands behind record %lld is no record", (long long)c.seq);
		else if (line[n - 1] != '\n')
			break;		/* being written just now, or cut by a crash: the database has it whole */
		else
			chain_add(&c, slice_of(line, (size_t)n - 1));
	}
	if (code == OK && ferror(f))
		code = err_set(e, ERR_IO, errno, "read %s", file);
	if (code == OK)
		chain_end(&c);
	free(line);
	fclose(f);
	heads_close(&h);
	return code;
}

static enum err_code on_record(void *arg, int64_t seq, struct slice line, struct slice hash, struct err *e)
{
	struct chain *c = arg;
	(void)e;
	if (c->stop)
		return OK;
	int64_t inner;
	struct slice prev;
	if (audit_line_read(line, &inner, &prev) && inner != seq) {
		broken(c, seq, "the row of record %lld holds record %lld", (long long)seq, (long long)inner);
		return OK;
	}
	chain_add(c, line);
	if (!c->stop && !slice_eqs(hash, c->hash))
		broken(c, seq, "record %lld was changed: it does not have its hash", (long long)seq);
	return OK;
}

struct verify_batch { struct chain *c; int64_t after; };

static enum err_code read_some(struct sql_tx *tx, void *arg, struct err *e)
{
	struct verify_batch *b = arg;
	return store_audit_read(tx, b->after, 1000, on_record, b->c, e);
}

enum err_code audit_verify_database(struct sql *db, const char *heads, const char *public_key, struct audit_found *ret, struct err *e)
{
	struct heads h = { 0 };
	struct chain c;
	struct verify_batch b = { &c, -1 };
	enum err_code code = chain_begin(&c, ret, &h, heads, public_key, e);
	while (code == OK && !c.stop && c.seq != b.after) {
		b.after = c.seq;
		code = sql_read(db, read_some, &b, e);
	}
	if (code == OK)
		chain_end(&c);
	heads_close(&h);
	return code;
}

enum err_code audit_verify_database_at(const char *url, const char *heads, const char *public_key, struct audit_found *ret, struct err *e)
{
	struct sql *db = NULL;
	struct sql_options o = { .url = url, .connections = 1, .migrations = store_migrations, .n_migrations = store_migrations_n };
	TRY(sql_open(&o, &db, e));
	enum err_code code = audit_verify_database(db, heads, public_key, ret, e);
	sql_close(db);
	return code;
}
