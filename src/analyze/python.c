/* Installed Python distributions: wheels (X.dist-info/METADATA) and eggs (X.egg-info, file or directory; EGG-INFO in an egg). */
#include "python_meta.h"
#include "registry.h"

/* The directory that holds the distribution's modules: above the metadata. */
static struct slice site_of(struct slice path)
{
	bool directory = slice_has_suffix(path, SL("/METADATA")) || slice_has_suffix(path, SL("/PKG-INFO"));
	for (unsigned i = 0; i < 1u + directory; i++)
		path = slice_upto(path, (size_t)MAX(slice_rfind_byte(path, '/'), 0));
	return path;
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct python_meta m;
	TRY(python_meta_parse(f->content, &m, e));
	return analyze_emit(ctx, f, &(struct fact){ .type = FACT_PACKAGE, .package = { .type = SL("pypi"), .name = m.name, .version = m.version,
		.source_name = m.name, .source_version = m.version, .license = m.license, .location = site_of(f->path) } }, e);
}

const struct analyzer analyzer_python = {
	.name = "python", .version = 1, .max_bytes = 16 * MIB,
	.paths = (const char *const[]){ "**/*.dist-info/METADATA", "**/*.egg-info/PKG-INFO", "**/EGG-INFO/PKG-INFO", "**/*.egg-info", NULL },
	.run = run,
};
