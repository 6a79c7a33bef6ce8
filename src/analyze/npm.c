/* npm: what is installed below node_modules, and what lock files declare. */
#include "npm.h"
#include "registry.h"

static enum err_code run_package(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct npm_package p;
	if (!npm_is_installed_path(f->path))
		return OK;
	TRY(npm_package_parse(f->content, analyze_scratch(ctx), &p, e));
	if (!p.name.n || !p.version.n)
		return OK;
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("npm"), .name = p.name, .version = p.version,
		.source_name = p.name, .source_version = p.version, .license = p.license,
		.location = slice_upto(f->path, f->path.n - sizeof("/package.json") + 1) } }, e);
}

const struct analyzer analyzer_npm_package = {
	.name = "npm-package", .version = 1, .max_bytes = 8 * MIB,
	.paths = (const char *const[]){ "node_modules/**/package.json", "**/node_modules/**/package.json", NULL },
	.run = run_package,
};

struct job { struct analyze_ctx *ctx; const struct file_view *f; };

static enum err_code on_declared(void *arg, const struct npm_package *p, struct err *e)
{
	const struct job *j = arg;
	return analyze_emit(j->ctx, j->f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("npm"), .name = p->name,
		.version = p->version, .source_name = p->name, .source_version = p->version, .license = p->license, .flags = PKG_DECLARED } }, e);
}

static enum err_code run_lock(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct job j = { ctx, f };
	/* A lock file that a package brings along was its author's. */
	if (slice_find(f->path, SL("node_modules/")) >= 0)
		return OK;
	return npm_lock_parse(f->content, analyze_scratch(ctx), on_declared, &j, e);
}

const struct analyzer analyzer_npm_lock = {
	.name = "npm-lock", .version = 1, .max_bytes = 64 * MIB,
	.paths = (const char *const[]){ "package-lock.json", "**/package-lock.json", "npm-shrinkwrap.json", "**/npm-shrinkwrap.json", NULL },
	.run = run_lock,
};
