/* Log lines, the audit chain and its copy, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "audit.h"
#include "audit_verify.h"
#include "events.h"
#include "os.h"

struct bench { struct gateway g; struct gateway_config *c; struct gateway_run run; char dir[64], file[96], heads[96], public[96], line[8192]; };

static void on_log(void *arg, struct slice line)
{
	struct bench *b = arg;
	snprintf(b->line, sizeof(b->line), "%.*s", SLICE_ARG(line));
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct err e = { 0 };
	char url[96];
	strcpy(b->dir, "/tmp/gw_journal_XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(url, sizeof(url), "sqlite:%s/a.db", b->dir);
	snprintf(b->file, sizeof(b->file), "%s/audit.jsonl", b->dir);
	snprintf(b->heads, sizeof(b->heads), "%s/audit-heads.jsonl", b->dir);
	snprintf(b->public, sizeof(b->public), "%s/audit.pub", b->dir);
	struct sql_options o = { .url = url, .migrations = store_migrations, .n_migrations = store_migrations_n };
	assert_int_equal(sql_open(&o, &b->g.store.sql, &e), OK);
	const char *yaml = "serve:\n  webhooks:\n    - {url: \"http://127.0.0.1:1/a\", secret_file: x, events: [verdict.refused]}\n"
			   "    - {url: \"http://127.0.0.1:1/b\", secret_file: x, events: [\"verdict.*\"]}\n";
	assert_int_equal(gateway_config_parse(slice_str(yaml), "f", &b->c, &e), OK);
	assert_int_equal(gateway_config_set(b->c, "state", slice_str(b->dir), &e), OK);
	b->run = (struct gateway_run){ .config = b->c, .log = on_log, .arg = b };
	b->g.config = b->c;
	b->g.run = &b->run;
	strcpy(b->g.node, "n1");
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	sql_close(b->g.store.sql);
	gateway_config_free(b->c);
	int failed = os_remove_tree(b->dir, &e) != OK;
	free(b);
	return failed;
}

static void lines(void **state)
{
	struct bench *b = *state;
	gateway_log(&b->g, LOG_WARN, "it \"was\"", "ztzizz", "repo", SL("a\nlevel=error msg=x\x1b[0m\"\\"), "n", (int64_t)-7, "plain", "team/app:1");
	assert_non_null(strstr(b->line, " level=warn node=n1 msg=\"it \\\"was\\\"\" repo=\"a\\x0alevel=error msg=x\\x1b[0m\\\"\\\\\" n=-7 plain=team/app:1"));
	b->c->log_json = 1;
	gateway_log(&b->g, LOG_INFO, "x", "zt", "k", SL("a\n\",\"k\":1"));
	assert_non_null(strstr(b->line, "\"msg\":\"x\",\"k\":\"a\\n\\\",\\\"k\\\":1\"}"));
	assert_null(strchr(b->line, '\n'));
}

static enum err_code put(struct sql_tx *tx, void *arg, struct err *e)
{
	struct gateway *g = arg;
	struct access_subject who = { .name = "ann" };
	TRY(audit_put(g, tx, &who, "approve", e, "ztzi", "reason", SL("a \"quote\"\n"), "until", (int64_t)5));
	return audit_put(g, tx, NULL, "verdict.refused", e, "");
}

static void expect(struct bench *b, const char *file, bool heads, uint64_t bad, uint64_t records)
{
	struct audit_found f;
	struct err e = { 0 };
	enum err_code code = file ? audit_verify_file(file, heads ? b->heads : NULL, b->public, &f, &e)
				  : audit_verify_database(b->g.store.sql, heads ? b->heads : NULL, b->public, &f, &e);
	if (code != OK || f.bad_seq != bad || (!bad && f.records != records))
		fail_msg("%s%s: bad %llu, %llu records", e.msg, f.what, (unsigned long long)f.bad_seq, (unsigned long long)f.records);
}

static void write_file(const char *path, struct slice text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
	fclose(f);
}

static enum err_code spoil(struct sql_tx *tx, void *arg, struct err *e)
{
	return *(int *)arg ? sql_run(tx, NULL, e, "DELETE FROM audit WHERE seq = 2", "")
			   : sql_run(tx, NULL, e, "UPDATE audit SET line = REPLACE(line, 'ann', 'bob') WHERE seq = 3", "");
}

static void chain(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	struct audit *a;
	AUTO_BUF whole = BUF(MIB);
	AUTO_BUF changed = BUF(MIB);
	assert_int_equal(audit_open(&b->g, &a, &e), OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sql_write(b->g.store.sql, put, &b->g, &e), OK);
		assert_int_equal(audit_step(a, &e), OK);
	}
	audit_close(a);
	expect(b, b->file, true, 0, 6);
	expect(b, NULL, true, 0, 6);
	/* The head was signed at 2 records; one more process, which signs at 6. */
	assert_int_equal(audit_open(&b->g, &a, &e), OK);
	assert_int_equal(audit_step(a, &e), OK);
	audit_close(a);
	assert_int_equal(os_read_file(b->file, &whole, &e), OK);
	struct slice t = buf_slice(&whole);
	/* Cut off behind the third record: nothing inside shows it, the head does. */
	size_t at = 0;
	for (int i = 0; i < 3; i++)
		at += (size_t)slice_find_byte(slice_from(t, at), '\n') + 1;
	write_file(b->file, slice_upto(t, at));
	expect(b, b->file, false, 0, 3);
	expect(b, b->file, true, 4, 0);
	/* Torn by a crash, then repaired. */
	write_file(b->file, slice_upto(t, t.n - 10));
	assert_int_equal(audit_open(&b->g, &a, &e), OK);
	assert_int_equal(audit_step(a, &e), OK);
	audit_close(a);
	expect(b, b->file, true, 0, 6);
	/* Changed, and missing. */
	buf_put_slice(&changed, t);
	changed.p[slice_find(t, SL("ann"))] = 'A';
	write_file(b->file, buf_slice(&changed));
	expect(b, b->file, false, 1, 0);
	size_t first = (size_t)slice_find_byte(t, '\n') + 1, second = (size_t)slice_find_byte(slice_from(t, first), '\n') + 1;
	buf_clear(&changed);
	buf_put_slice(&changed, slice_upto(t, first));
	buf_put_slice(&changed, slice_from(t, first + second));
	write_file(b->file, buf_slice(&changed));
	expect(b, b->file, false, 2, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sql_write(b->g.store.sql, spoil, &i, &e), OK);
		expect(b, NULL, false, i ? 2 : 3, 0);
	}
}

struct events_seen { int64_t seq; struct buf *out; const struct gateway_config *c; };

static enum err_code on_event(void *arg, const struct store_event *v, struct err *e)
{
	struct events_seen *s = arg;
	s->seq = v->seq;
	event_json(s->c, v, s->out);
	return buf_ok(s->out, "an event", e);
}

static enum err_code events_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct bench *b = arg;
	struct events_seen s = { .c = b->c };
	AUTO_BUF out = BUF(KIB * 8);
	AUTO_ARENA a = ARENA(MIB);
	struct store_delivery d;
	s.out = &out;
	TRY(event_put(&b->g, tx, "verdict.refused", SL("team/\"app"), SL("sha256:aa"), SL("{\"state\":\"refused\"}"), e));
	TRY(event_put(&b->g, tx, "manifest.pushed", SL("x"), SL(""), SL("{}"), e));
	TRY(store_events(tx, 0, 10, on_event, &s, e));
	if (!strstr(buf_cstr(&out), "\"type\":\"verdict.refused\",\"subject\":\"team/\\\"app@sha256:aa\",") ||
	    !strstr(buf_cstr(&out), "\"data\":{\"repository\":\"team/\\\"app\",\"digest\":\"sha256:aa\",\"state\":\"refused\"}}") ||
	    !strstr(buf_cstr(&out), "\"data\":{\"repository\":\"x\",\"digest\":\"\"}}"))
		return err_set(e, ERR_INTERNAL, 0, "%.250s", buf_cstr(&out));
	for (int i = 0; i < 2; i++) {
		TRY(store_delivery_lease(tx, "n1", 1000, &a, &d, e));
		if (d.attempts != 1 || !slice_eqs(d.event.type, "verdict.refused"))
			return err_set(e, ERR_INTERNAL, 0, "another delivery");
		TRY(i ? store_delivery_sent(tx, d.id, e) : store_delivery_failed(tx, d.id, d.url, SL("no"), UINT64_MAX, e));
	}
	if (store_delivery_lease(tx, "n1", 1000, &a, &d, e) != ERR_NOT_FOUND)
		return err_set(e, ERR_INTERNAL, 0, "a third delivery");
	int64_t dead;
	TRY(sql_one_int(tx, &dead, e, "SELECT id FROM delivery WHERE state = 2", ""));
	TRY(store_delivery_again(tx, dead, e));
	return store_delivery_lease(tx, "n1", 1000, &a, &d, e);
}

static void events(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };
	if (sql_write(b->g.store.sql, events_tx, b, &e) != OK)
		fail_msg("%s", e.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines, set_up, tear_down), cmocka_unit_test_setup_teardown(chain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
