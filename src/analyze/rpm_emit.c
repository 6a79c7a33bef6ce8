#include <stdio.h>
#include "rpm_emit.h"
#include "rpm.h"

enum { TYPE_MASK = 0170000, TYPE_REGULAR = 0100000 };

void rpm_job_free(struct rpm_job *j) { buf_free(&j->text); }

/* Pieces laid out behind one another in j->text; slices are made when all are there, because the buffer may move. */
struct pieces { size_t version, source, owner, end; };

static void lay_out(struct rpm_job *j, const struct rpm_header *h, struct pieces *at)
{
	struct buf *b = &j->text;
	buf_clear(b);
	at->version = b->n;
	if (h->has_epoch && h->epoch)
		buf_printf(b, "%u:", h->epoch);
	buf_put_slice(b, h->version);
	buf_putc(b, '-');
	buf_put_slice(b, h->release);
	at->source = b->n;
	/* The source's epoch is its binaries' (rpmbuild gives them the same unless a subpackage has its own). */
	if (h->has_epoch && h->epoch)
		buf_printf(b, "%u:", h->epoch);
	struct slice name, version;
	if (rpm_split_source(h->source_rpm, &name, &version))
		buf_put_slice(b, version);
	at->owner = b->n;
	buf_puts(b, "rpm:");
	buf_put_slice(b, h->name);
	at->end = b->n;
}

static enum err_code emit_package(struct rpm_job *j, const struct rpm_header *h, struct slice *ret_owner, struct err *e)
{
	struct pieces at;
	lay_out(j, h, &at);
	TRY(buf_ok(&j->text, "an rpm package's name", e));
	struct slice text = buf_slice(&j->text), version = slice_sub(text, at.version, at.source - at.version);
	struct fact f = { .type = FACT_PACKAGE, .package = { .type = SL("rpm"), .name = h->name, .version = version, .arch = h->arch,
		.source_name = h->name, .source_version = version, .license = h->license, .module = h->module, .vendor = h->vendor } };
	struct slice unused;
	if (rpm_split_source(h->source_rpm, &f.package.source_name, &unused))
		f.package.source_version = slice_sub(text, at.source, at.owner - at.source);
	*ret_owner = slice_sub(text, at.owner, at.end - at.owner);
	/* Old databases write "(none)" for a missing value, newer ones leave it out. */
	if (slice_eqs(f.package.module, "(none)"))
		f.package.module = SLICE_NULL;
	return analyze_emit(j->ctx, j->f, &f, e);
}

static enum err_code emit_file(struct rpm_job *j, const struct rpm_file *file, struct slice owner, struct err *e)
{
	char path[8 * 1024];
	size_t n = file->dir.n + file->name.n;
	/* What is left out or another package's, and what is no regular file, is not claimed. A ghost may be anything. */
	if (!file->installed || !file->name.n || n > sizeof(path) || ((file->mode & TYPE_MASK) != TYPE_REGULAR && file->mode))
		return OK;
	if (file->dir.n)
		memcpy(path, file->dir.p, file->dir.n);
	memcpy(path + file->dir.n, file->name.p, file->name.n);
	bool digest = file->digest_n && !file->ghost;
	return FACT_EMIT(analyze_sink(j->ctx), e, .type = FACT_OWNED, .path = slice_of(path, n), .owned = { .package = owner, .source = j->f->path,
		.algo = digest ? (uint64_t)file->algo : DIGEST_NONE, .digest = digest ? slice_of(file->digest, file->digest_n) : SLICE_NULL,
		.conffile = file->config || file->ghost });
}

static enum err_code emit_files(struct rpm_job *j, const struct rpm_header *h, struct slice owner, struct err *e)
{
	AUTO_ARENA a = ARENA(16 * MIB);
	struct rpm_files files;
	struct rpm_file file;
	TRY(rpm_files_open(h, &a, &files, e));
	while (rpm_files_next(&files, &file))
		TRY(emit_file(j, &file, owner, e));
	return OK;
}

enum err_code rpm_emit_blob(void *arg, struct slice blob, struct err *e)
{
	struct rpm_job *j = arg;
	struct rpm_header h;
	struct slice owner;
	if (rpm_header_parse(blob, &h, e) != OK) {
		j->damaged++;
		return OK;
	}
	/* Imported keys are kept as packages. */
	if (slice_eq(h.name, SL("gpg-pubkey")))
		return OK;
	TRY(emit_package(j, &h, &owner, e));
	return emit_files(j, &h, owner, e);
}

enum err_code rpm_emit_damage(struct rpm_job *j, uint64_t more, struct err *e)
{
	char detail[96];
	uint64_t n = j->damaged + more;
	if (!n)
		return OK;
	snprintf(detail, sizeof(detail), "%llu entries of rpm's database could not be read", (unsigned long long)n);
	return analyze_skip(j->ctx, j->f, SKIP_EXECUTABLE, 0, "malformed package database", detail, e);
}
