#include "os_release.h"
#include "registry.h"

/* The older files say less; the reader of the facts prefers etc/os-release, then usr/lib/os-release, then lsb-release, then the others. */
static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct arena *a = analyze_scratch(ctx);
	struct fact fact = { .type = FACT_OS_RELEASE };
	struct slice name = slice_from(f->path, (size_t)(slice_rfind_byte(f->path, '/') + 1));
	enum err_code r;
	if (slice_eqs(name, "os-release"))
		r = os_release_parse(f->content, a, &fact.os_release, e);
	else if (slice_eqs(name, "lsb-release"))
		r = lsb_release_parse(f->content, a, &fact.os_release, e);
	else
		r = os_release_line_parse(name, f->content, a, &fact.os_release, e);
	/* A file that names nothing is as good as none: images for one program often carry an empty one. */
	if (r == ERR_FORMAT)
		return OK;
	return r != OK ? r : analyze_emit(ctx, f, &fact, e);
}

const struct analyzer analyzer_os_release = {
	.name = "os-release", .version = 1, .max_bytes = 64 * KIB,
	.paths = (const char *const[]){ "etc/os-release", "usr/lib/os-release", "etc/lsb-release", "etc/alpine-release", "etc/debian_version",
		"etc/redhat-release", "etc/centos-release", "etc/rocky-release", "etc/almalinux-release", "etc/oracle-release",
		"etc/system-release", NULL },
	.run = run,
};
