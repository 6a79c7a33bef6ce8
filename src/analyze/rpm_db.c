/* rpm's databases of one file: ndb (openSUSE, SUSE) and Berkeley DB (before rpm 4.16). */
#include "registry.h"
#include "rpm.h"
#include "rpm_emit.h"

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct rpm_job j = RPM_JOB(ctx, f);
	uint64_t damaged = 0;
	if (!f->content.n)
		return OK;
	bool ndb = slice_has_suffix(f->path, SL("/Packages.db"));
	enum err_code r = (ndb ? rpm_ndb_blobs : rpm_bdb_blobs)(f->content, rpm_emit_blob, &j, &damaged, e);
	if (r == OK)
		r = rpm_emit_damage(&j, damaged, e);
	rpm_job_free(&j);
	return r;
}

const struct analyzer analyzer_rpm_db = {
	.name = "rpm-db", .version = 1, .max_bytes = 512 * MIB,
	.paths = (const char *const[]){ "var/lib/rpm/Packages", "var/lib/rpm/Packages.db", "usr/lib/sysimage/rpm/Packages",
		"usr/lib/sysimage/rpm/Packages.db", "usr/share/rpm/Packages", "usr/share/rpm/Packages.db", NULL },
	.run = run,
};
