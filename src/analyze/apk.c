#include "apk.h"
#include "registry.h"

struct job { struct analyze_ctx *ctx; const struct file_view *f; struct buf owner, path; };

static enum err_code on_package(void *arg, const struct apk_package *p, struct err *e)
{
	struct job *j = arg;
	buf_clear(&j->owner);
	buf_puts(&j->owner, "apk:");
	buf_put_slice(&j->owner, p->name);
	TRY(buf_ok(&j->owner, "an apk package's name", e));
	return analyze_emit(j->ctx, j->f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("apk"), .name = p->name,
		.version = p->version, .arch = p->arch, .source_name = p->origin, .source_version = p->version, .license = p->license } }, e);
}

static enum err_code on_file(void *arg, const struct apk_package *, const struct apk_file *file, struct err *e)
{
	struct job *j = arg;
	buf_clear(&j->path);
	if (file->dir.n) {
		buf_put_slice(&j->path, file->dir);
		buf_putc(&j->path, '/');
	}
	buf_put_slice(&j->path, file->name);
	TRY(buf_ok(&j->path, "an apk package's file name", e));
	return FACT_EMIT(analyze_sink(j->ctx), e, .type = FACT_OWNED, .path = buf_slice(&j->path), .owned = { .package = buf_slice(&j->owner),
		.source = j->f->path, .algo = file->has_sha1 ? DIGEST_SHA1 : DIGEST_NONE,
		.digest = file->has_sha1 ? slice_of(file->sha1, sizeof(file->sha1)) : SLICE_NULL,
		/* apk keeps the administrator's version of what is below etc (protected paths). */
		.conffile = slice_has_prefix(buf_slice(&j->path), SL("etc/")) });
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct job j = { .ctx = ctx, .f = f, .owner = BUF(4 * KIB), .path = BUF(64 * KIB) };
	uint64_t malformed = 0;
	enum err_code r = apk_installed_parse(f->content, &(struct apk_handler){ on_package, on_file, &j }, &malformed, e);
	buf_free(&j.owner);
	buf_free(&j.path);
	if (r == OK && malformed)
		r = analyze_skip(ctx, f, SKIP_DATA, 0, "malformed package database", "apk's database has lines that are no fields", e);
	return r;
}

const struct analyzer analyzer_apk = {
	.name = "apk", .version = 1, .max_bytes = 128 * MIB,
	.paths = (const char *const[]){ "lib/apk/db/installed", "usr/lib/apk/db/installed", NULL },
	.run = run,
};
