/* A report as `pabean scan` would print it, judged by the policy in force now. */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api_inside.h"
#include "gate_inside.h"
#include "oci.h"
#include "os.h"
#include "report.h"
#include "report_store.h"

enum { MOST_AT_ONCE = 2 };	/* each may take much memory */

struct report_job { struct api a; struct api_ref ref; struct arena *arena; struct slice body; struct report report; };

static enum err_code read_tx(struct sql_tx *tx, void *arg, struct err *e)
{
	struct report_job *k = arg;
	TRY(api_ref_find(&k->a, tx, api_param(&k->a, "reference"), &k->ref, e));
	enum err_code code = k->ref.digest.n ? store_report_get(tx, k->ref.repo_id, k->ref.digest, k->arena, &k->body, e) : ERR_NOT_FOUND;
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, 0, "there is no report on it (yet)");
	return code;
}

static enum err_code judge(struct report_job *k, struct err *e)
{
	struct policy_set *set = gate_policies(k->a.g);
	struct policy_options o = { .now_s = os_now_s() };
	if (!set)
		return err_set(e, ERR_INTERNAL, 0, "no policy is in force");
	enum err_code code = policy_apply(policy_set_find(set, k->ref.rule->policy)->policy, &k->report, &o, e);
	policy_set_release(set);
	return code;
}

static enum err_code write_report(struct report_job *k, int fd, enum report_format format, struct err *e)
{
	uint64_t width = 100;
	(void)slice_to_u64(api_param(&k->a, "width"), &width);
	struct report_options o = {
		.version = k->a.g->run->version, .width = (unsigned)MIN(MAX(width, (uint64_t)40), (uint64_t)400), .color = slice_eqs(api_param(&k->a, "color"), "true"),
		.ascii = slice_eqs(api_param(&k->a, "ascii"), "true"), .verbose = slice_eqs(api_param(&k->a, "verbose"), "true"),
	};
	struct report_writer *w;
	TRY(report_open(fd, format, &o, &w, e));
	enum err_code code = report_add(w, &k->report, e);
	if (code == OK)
		code = report_finish(w, e);
	report_close(w);
	return code;
}

static enum err_code make(struct report_job *k, int fd, enum report_format format, struct err *e)
{
	TRY(sql_read(k->a.g->store.sql, read_tx, k, e));
	TRY(report_decode(k->body, k->arena, &k->report, e));
	k->report.arena = k->arena;
	TRY(judge(k, e));
	return write_report(k, fd, format, e);
}

static void answer(struct call *c)
{
	static const char *const types[] = { [REPORT_TABLE] = "text/plain; charset=utf-8", [REPORT_JSON] = "application/json", [REPORT_JSONL] = "application/x-ndjson",
					     [REPORT_SARIF] = "application/sarif+json" };
	AUTO_ARENA arena = ARENA(512 * MIB);
	struct report_job k = { .a = { .c = c, .g = c->g }, .arena = &arena };
	struct slice wanted = api_param(&k.a, "format");
	enum report_format format = REPORT_JSON;
	struct stat st;
	struct err e = { 0 };
	if (wanted.n && !report_format_parse(wanted, &format)) {
		answer_api_error(c, 400, "invalid", "'format' is one of json, jsonl, sarif, table");
		return;
	}
	int fd = memfd_create("pabean-report", MFD_CLOEXEC);
	enum err_code code = fd < 0 ? err_set(&e, ERR_IO, errno, "memory for a report") : make(&k, fd, format, &e);
	if (code == OK && fstat(fd, &st) != 0)
		code = err_set(&e, ERR_IO, errno, "a report");
	http_add_header(c->r, "Cache-Control", SL("no-store"));
	if (code == OK) {
		http_respond_fd(c->r, 200, types[format], fd, false, 0, (uint64_t)st.st_size);
		return;
	}
	if (fd >= 0)
		close(fd);
	api_fail(c, &e);
}

static void reading(struct http_request *r, void *arg)
{
	struct call *c = arg;
	if (atomic_fetch_add(&c->g->reports_at_once, 1) < MOST_AT_ONCE) {
		answer(c);
	} else {
		http_add_header(r, "Retry-After", SL("2"));
		answer_api_error(c, 503, "unavailable", "other reports are being written; try again");
	}
	atomic_fetch_sub(&c->g->reports_at_once, 1);
}

void api_report(struct call *c) { http_defer(c->r, reading, c); }
