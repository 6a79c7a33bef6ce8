#include <stdio.h>
#include "dpkg.h"
#include "registry.h"

struct job { struct analyze_ctx *ctx; const struct file_view *f; };

static enum err_code emit_conffiles(const struct job *j, const struct dpkg_package *p, struct err *e)
{
	struct slice rest = p->conffiles;
	struct dpkg_file file;
	char owner[256];
	int n = snprintf(owner, sizeof(owner), "deb:%.*s", (int)MIN(p->name.n, sizeof(owner) - 8), (const char *)p->name.p);
	while (dpkg_conffile_next(&rest, &file)) {
		if (file.obsolete)
			continue;
		TRY(FACT_EMIT(analyze_sink(j->ctx), e, .type = FACT_OWNED, .path = file.path, .owned = {
			.package = slice_of(owner, (size_t)n), .source = j->f->path,
			.algo = DIGEST_MD5, .digest = slice_of(file.md5, sizeof(file.md5)), .conffile = 1 }));
	}
	return OK;
}

static enum err_code on_package(void *arg, const struct dpkg_package *p, struct err *e)
{
	const struct job *j = arg;
	if (!dpkg_is_installed(p))
		return OK;
	TRY(analyze_emit(j->ctx, j->f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("deb"), .name = p->name,
		.version = p->version, .arch = p->arch, .source_name = p->source_name, .source_version = p->source_version,
		.vendor = p->origin } }, e));
	return emit_conffiles(j, p, e);
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct job j = { ctx, f };
	uint64_t malformed = 0;
	/* status.d also holds md5sums, which dpkg-files reads. */
	if (slice_has_suffix(f->path, SL(".md5sums")))
		return OK;
	TRY(dpkg_status_parse(f->content, on_package, &j, &malformed, e));
	if (malformed)
		return analyze_skip(ctx, f, SKIP_DATA, 0, "malformed package database", "dpkg's status has lines that are no fields", e);
	return OK;
}

const struct analyzer analyzer_dpkg_status = {
	.name = "dpkg-status", .version = 1, .max_bytes = 64 * MIB,
	.paths = (const char *const[]){ "var/lib/dpkg/status", "var/lib/dpkg/status.d/*", NULL },
	.run = run,
};
