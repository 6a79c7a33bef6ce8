/* Go programs: the modules linked in, the main module and the standard library. */
#include "go_build.h"
#include "registry.h"

static enum err_code emit(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, struct slice version, uint64_t flags, struct err *e)
{
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("golang"), .name = name, .version = version,
		.source_name = name, .source_version = version, .flags = flags } }, e);
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct go_build b;
	struct go_module m;
	char text[64];
	if (!go_build_read(f->content, &b))
		return OK;
	struct slice stdlib = go_stdlib_version(b.go_version, text);
	/* A development version has no number that advisories could name. */
	TRY(emit(ctx, f, SL("stdlib"), stdlib.n ? stdlib : SL("(devel)"), PKG_GO_STDLIB, e));
	while (go_module_next(&b.modules, &m)) {
		/* What is linked is the replacement; a directory's content has no version, so it keeps the name of what it stands for. */
		bool directory = m.by_path.n && (m.by_path.p[0] == '.' || m.by_path.p[0] == '/');
		bool named = m.replaced && !directory && m.by_version.n;
		struct slice version = named ? m.by_version : m.replaced ? SL("(devel)") : m.version;
		TRY(emit(ctx, f, named ? m.by_path : m.path, version, m.main ? PKG_GO_MAIN : 0, e));
	}
	return OK;
}

const struct analyzer analyzer_go_build = {
	.name = "go-build", .version = 1,
	.classes = 1u << FILE_ELF | 1u << FILE_ELF_LIB | 1u << FILE_PE,
	.run = run,
};
