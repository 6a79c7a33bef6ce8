/* rpm's sqlite database. Rows may stand in rpmdb.sqlite-wal only, which comes before or after it in the archive: the first of the two is
 * kept until the other comes or the layer ends. */
#include <stdio.h>
#include "registry.h"
#include "rpm_emit.h"
#include "sqlite.h"

enum { KEEP_MAX_BYTES = 48 << 20 };
static const char *const databases[] = { "var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite" };

struct state { bool done[ARRAY_LEN(databases)]; };

static enum err_code on_row(void *arg, uint64_t, struct slice blob, struct err *e) { return rpm_emit_blob(arg, blob, e); }

static enum err_code skip_log(struct analyze_ctx *ctx, const struct file_view *db, uint64_t bytes, const char *detail, struct err *e)
{
	return analyze_skip(ctx, db, SKIP_EXECUTABLE, bytes, "rpm's write-ahead log", detail, e);
}

static enum err_code read_database(struct analyze_ctx *ctx, const struct file_view *f, struct slice wal, struct err *e)
{
	struct rpm_job j = RPM_JOB(ctx, f);
	struct sqlite_wal_info info = {};
	/* Packages (hnum INTEGER PRIMARY KEY, blob BLOB) */
	enum err_code r = sqlite_table_blobs(f->content, wal, "Packages", 1, on_row, &j, &info, e);
	if (r == ERR_NOT_FOUND)
		r = err_set(e, ERR_FORMAT, 0, "rpm's database has no table of packages");
	if (r == OK)
		r = rpm_emit_damage(&j, 0, e);
	if (r == OK && info.damaged)
		r = skip_log(ctx, f, wal.n, "the log is damaged: rows in it may be missing", e);
	rpm_job_free(&j);
	return r;
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	void **slot = analyze_slot(ctx, &analyzer_rpm_sqlite);
	struct state *s = *slot;
	struct slice db_path = f->path, wal;
	size_t i = 0;
	bool is_wal = slice_has_suffix(f->path, SL("-wal"));
	if (!s)
		s = *slot = arena_new(analyze_layer_arena(ctx), struct state);
	if (is_wal)
		db_path.n -= 4;
	while (i < ARRAY_LEN(databases) && !slice_eqs(db_path, databases[i]))
		i++;
	if (!s || i == ARRAY_LEN(databases) || !f->content.n)
		return OK;
	if (is_wal && s->done[i])
		return skip_log(ctx, f, f->content.n, "it came after its database, which is too large to be kept", e);
	if (is_wal)
		return analyze_keep(ctx, f->path, f->content, e);
	char wal_path[128];
	snprintf(wal_path, sizeof(wal_path), "%s-wal", databases[i]);
	if (!analyze_kept(ctx, slice_str(wal_path), &wal)) {
		if (f->content.n <= KEEP_MAX_BYTES)
			return analyze_keep(ctx, f->path, f->content, e);
		wal = SLICE_NULL;
	}
	s->done[i] = true;
	return read_database(ctx, f, wal, e);
}

static enum err_code finish_one(struct analyze_ctx *ctx, const char *path, bool done, struct err *e)
{
	struct file_view f = { .path = slice_str(path), .mode = 0644, .cls = FILE_PKG_INDEX };
	struct slice wal = SLICE_NULL;
	char wal_path[128];
	snprintf(wal_path, sizeof(wal_path), "%s-wal", path);
	bool has_wal = analyze_kept(ctx, slice_str(wal_path), &wal);
	if (done)
		return OK;
	if (analyze_kept(ctx, f.path, &f.content)) {
		enum err_code r = read_database(ctx, &f, wal, e);
		if (r != ERR_FORMAT && r != ERR_LIMIT && r != ERR_UNSUPPORTED)
			return r;
		return analyze_skip(ctx, &f, SKIP_EXECUTABLE, f.content.n, "malformed package database", e->msg, e);
	}
	/* A log of a lower layer's database: what it changes there is not known. */
	return has_wal ? skip_log(ctx, &f, wal.n, "its database is in another layer", e) : OK;
}

static enum err_code finish(struct analyze_ctx *ctx, struct err *e)
{
	const struct state *s = *analyze_slot(ctx, &analyzer_rpm_sqlite);
	for (size_t i = 0; s && i < ARRAY_LEN(databases); i++)
		TRY(finish_one(ctx, databases[i], s->done[i], e));
	return OK;
}

const struct analyzer analyzer_rpm_sqlite = {
	.name = "rpm-sqlite", .version = 1, .max_bytes = 512 * MIB,
	.paths = (const char *const[]){ "var/lib/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite-wal", "usr/lib/sysimage/rpm/rpmdb.sqlite",
		"usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "usr/share/rpm/rpmdb.sqlite", "usr/share/rpm/rpmdb.sqlite-wal", NULL },
	.run = run, .finish = finish,
};
