/* The audit log: a record in the transaction of what it records, a copy in the state directory, and now and then a signed head, so that also a tail cut off is seen. */
#include "audit.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit_key.h"
#include "fields.h"
#include "os.h"
#include "store_journal.h"

enum { BATCH = 500, HEAD_EVERY_MS = 60000 };

static const char *who_name(const struct access_subject *who)
{
	return !who ? "system" : who->socket ? "socket" : who->anonymous ? "anonymous" : who->name;
}

enum err_code audit_put(struct gateway *g, struct sql_tx *tx, const struct access_subject *who, const char *action, struct err *e, const char *types, ...)
{
	AUTO_BUF line = BUF(AUDIT_LINE_MAX);
	char before[AUDIT_HASH_BYTES], time[32];
	int64_t seq;
	va_list ap;
	TRY(store_audit_last(tx, true, &seq, before, e));
	fields_time(store_now_ms(), time);
	buf_printf(&line, "{\"seq\":%lld,\"prev\":\"%s\",\"time\":\"%s\"", (long long)seq + 1, before, time);
	fields_json_text(&line, "node", slice_str(g->node));
	fields_json_text(&line, "who", slice_str(who_name(who)));
	fields_json_text(&line, "action", slice_str(action));
	va_start(ap, types);
	fields_json(&line, types, &ap);
	va_end(ap);
	buf_putc(&line, '}');
	TRY(buf_ok(&line, "an audit record", e));
	return store_audit_add(tx, seq + 1, slice_str(before), buf_slice(&line), e);
}

/* --- The copy -------------------------------------------------------------------------------------------------------------- */

struct audit {
	struct gateway *g;
	pthread_mutex_t lock;
	int fd, heads_fd;
	int64_t copied, headed;		/* numbers of the last record in the copy, and under a head */
	uint64_t headed_ms;
	struct audit_key *key;
};

/* The number of the last whole line; what a crash left behind it is cut off. */
static enum err_code last_in_file(int fd, int64_t *ret_seq, struct err *e)
{
	enum { TAIL = 2 * AUDIT_LINE_MAX };
	struct stat st;
	struct slice prev;
	AUTO_BUF b = BUF(TAIL);
	*ret_seq = 0;
	if (fstat(fd, &st) != 0)
		return err_set(e, ERR_IO, errno, "look at the copy of the audit log");
	size_t n = (size_t)MIN((uint64_t)st.st_size, (uint64_t)TAIL);
	if (!buf_reserve(&b, n ? n : 1) || pread(fd, b.p, n, st.st_size - (off_t)n) != (ssize_t)n)
		return err_set(e, ERR_IO, errno, "read the copy of the audit log");
	struct slice tail = slice_of(b.p, n);
	ptrdiff_t end = slice_rfind_byte(tail, '\n');
	if (end + 1 != (ptrdiff_t)n && ftruncate(fd, st.st_size - (off_t)n + (off_t)(end + 1)) != 0)
		return err_set(e, ERR_IO, errno, "repair the copy of the audit log");
	if (end < 0)
		return OK;
	ptrdiff_t begin = slice_rfind_byte(slice_upto(tail, (size_t)end), '\n');
	struct slice line = slice_sub(tail, (size_t)(begin + 1), (size_t)(end - begin - 1));
	if (!audit_line_read(line, ret_seq, &prev))
		return err_set(e, ERR_FORMAT, 0, "the last line of the copy of the audit log is no record; `pabean audit-log verify` says more");
	return OK;
}

static enum err_code open_in_state(struct gateway *g, const char *name, int *ret, struct err *e)
{
	char path[4096];
	snprintf(path, sizeof(path), "%.*s/%s", SLICE_ARG(g->config->state), name);
	*ret = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return *ret >= 0 ? OK : err_set(e, ERR_IO, errno, "open %s", path);
}

static enum err_code last_in_database(struct sql_tx *tx, void *arg, struct err *e)
{
	char hash[AUDIT_HASH_BYTES];
	return store_audit_last(tx, false, arg, hash, e);
}

/* A copy that knows more than the database is of another life of it (restored from a backup): it is kept, and a new one begun. */
static enum err_code set_aside(struct audit *a, struct err *e)
{
	char from[4096], to[4160];
	snprintf(from, sizeof(from), "%.*s/audit.jsonl", SLICE_ARG(a->g->config->state));
	snprintf(to, sizeof(to), "%s.%llu", from, (unsigned long long)store_now_ms());
	gateway_log(a->g, LOG_ERROR, "the copy of the audit log holds records that the database does not: it is kept under another name", "zizz", "seq", a->copied,
		    "kept_as", to);
	if (rename(from, to) != 0)
		return err_set(e, ERR_IO, errno, "rename %s", from);
	fd_close(&a->fd);
	a->fd = -1;
	a->copied = 0;
	return open_in_state(a->g, "audit.jsonl", &a->fd, e);
}

enum err_code audit_open(struct gateway *g, struct audit **ret, struct err *e)
{
	char dir[4096];
	int64_t last = 0;
	struct audit *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, 0, "memory for the audit log");
	a->g = g;
	a->fd = a->heads_fd = -1;
	pthread_mutex_init(&a->lock, NULL);
	snprintf(dir, sizeof(dir), "%.*s", SLICE_ARG(g->config->state));
	enum err_code code = open_in_state(g, "audit.jsonl", &a->fd, e);
	if (code == OK)
		code = last_in_file(a->fd, &a->copied, e);
	if (code == OK && g->config->audit_heads)
		code = audit_key_open(dir, &a->key, e);
	if (code == OK && a->key)
		code = open_in_state(g, "audit-heads.jsonl", &a->heads_fd, e);
	if (code == OK)
		code = sql_read(g->store.sql, last_in_database, &last, e);
	if (code == OK && a->copied > last)
		code = set_aside(a, e);
	if (code == OK)
		*ret = a;
	else
		audit_close(a);
	return code;
}

void audit_close(struct audit *a)
{
	struct err e;
	if (!a)
		return;
	/* The last head, so that nothing that happened stays without one. */
	a->headed_ms = 0;
	if (a->fd >= 0 && (a->heads_fd >= 0 || !a->key) && audit_step(a, &e) != OK)
		gateway_log(a->g, LOG_WARN, "the copy of the audit log is not complete", "zz", "error", e.msg);
	fd_close(&a->fd);
	fd_close(&a->heads_fd);
	audit_key_close(a->key);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct batch { int64_t after, last; char hash[AUDIT_HASH_BYTES]; struct buf lines; unsigned n; };

static enum err_code add_line(void *arg, int64_t seq, struct slice line, struct slice hash, struct err *e)
{
	struct batch *b = arg;
	buf_put_slice(&b->lines, line);
	buf_putc(&b->lines, '\n');
	b->last = seq;
	b->n++;
	snprintf(b->hash, sizeof(b->hash), "%.*s", SLICE_ARG(hash));
	return buf_ok(&b->lines, "records of the audit log", e);
}

static enum err_code read_batch(struct sql_tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	buf_clear(&b->lines);
	b->n = 0;
	return store_audit_read(tx, b->after, BATCH, add_line, b, e);
}

static enum err_code write_head(struct audit *a, const char *hash, struct err *e)
{
	struct audit_head h = { .seq = a->copied };
	AUTO_BUF line = BUF(4 * KIB);
	uint64_t now = store_now_ms();
	fields_time(now, h.time);
	memcpy(h.hash, hash, sizeof(h.hash));
	TRY(audit_head_write(&h, a->key, &line, e));
	/* Into the log, too: what collects it elsewhere is out of reach for who changes files here. */
	gateway_log(a->g, LOG_INFO, "audit head", "zizzzt", "seq", h.seq, "hash", h.hash, "head", buf_slice(&line));
	buf_putc(&line, '\n');
	TRY(os_write_all(a->heads_fd, line.p, line.n, "a head of the audit log", e));
	a->headed = a->copied;
	a->headed_ms = now;
	return OK;
}

static enum err_code copy_new(struct audit *a, struct batch *b, struct err *e)
{
	bool any = false;
	do {
		b->after = a->copied;
		TRY(sql_read(a->g->store.sql, read_batch, b, e));
		if (!b->n)
			break;
		TRY(os_write_all(a->fd, b->lines.p, b->lines.n, "the copy of the audit log", e));
		a->copied = b->last;
		any = true;
	} while (b->n == BATCH);
	if (any && fdatasync(a->fd) != 0)
		return err_set(e, ERR_IO, errno, "sync the copy of the audit log");
	if (!a->key || a->headed == a->copied || store_now_ms() - a->headed_ms < HEAD_EVERY_MS)
		return OK;
	if (!any) {	/* the last record's hash is asked for again */
		b->after = a->copied - 1;
		TRY(sql_read(a->g->store.sql, read_batch, b, e));
	}
	return b->n ? write_head(a, b->hash, e) : OK;
}

enum err_code audit_step(struct audit *a, struct err *e)
{
	struct batch b = { .lines = BUF((size_t)BATCH * AUDIT_LINE_MAX) };
	pthread_mutex_lock(&a->lock);
	enum err_code code = copy_new(a, &b, e);
	/* A write that broke off would leave half a line in the middle. */
	int64_t last;
	struct err other;
	if (code != OK && last_in_file(a->fd, &last, &other) == OK)
		a->copied = last;
	pthread_mutex_unlock(&a->lock);
	buf_free(&b.lines);
	return code;
}
