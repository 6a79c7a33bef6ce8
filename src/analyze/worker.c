/* The role `parse`: load patterns, confine, read one layer, say what is in it. */
#include "layer.h"
#include "archives.h"
#include "probe.h"
#include "yara_set.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_IN, FD_OUT, FD_ERR, FD_SCRATCH, FD_PATTERNS, FD_YARA };

struct worker {
	struct analyze_ctx ctx;
	struct pipeline *pipe;
	struct threat_set *set;
	struct os_confinement confined;
};

/* A descriptor's content; /dev/null and a closed one give nothing. */
static enum err_code read_fd(int fd, struct buf *out, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return OK;
	if (!buf_reserve(out, (size_t)st.st_size))
		return buf_ok(out, "the compiled patterns", e);
	while (out->n < (size_t)st.st_size) {
		ssize_t n = pread(fd, out->p + out->n, (size_t)st.st_size - out->n, (off_t)out->n);
		if (n <= 0)
			return err_set(e, ERR_IO, n < 0 ? errno : EIO, "read the compiled patterns");
		out->n += (size_t)n;
	}
	return OK;
}

static enum err_code load_yara(struct worker *w, struct err *e)
{
	AUTO_BUF b = BUF(YARA_MAX_BYTES);
	TRY(read_fd(FD_YARA, &b, e));
	close(FD_YARA);
	return b.n ? yara_load(buf_slice(&b), &w->ctx.yara, e) : OK;
}

static enum err_code load_patterns(struct worker *w, struct err *e)
{
	AUTO_BUF b = BUF(256 * MIB);
	TRY(read_fd(FD_PATTERNS, &b, e));
	close(FD_PATTERNS);
	if (!b.n)
		return OK;
	TRY(threat_set_load(buf_slice(&b), &w->set, e));
	return threat_stream_open(w->set, &w->ctx.blocks, e);
}

static enum err_code hello(struct worker *w, struct err *e)
{
	char text[160];
	snprintf(text, sizeof(text), "seccomp %s, Landlock %s%u, no new privileges %s", w->confined.seccomp ? "on" : "off",
		 w->confined.landlock_abi ? "ABI " : "absent ", w->confined.landlock_abi, w->confined.no_new_privs ? "on" : "off");
	struct fact f = { .type = FACT_HELLO, .hello = { .seccomp = w->confined.seccomp, .landlock_abi = w->confined.landlock_abi,
							 .no_new_privs = w->confined.no_new_privs, .detail = slice_str(text) } };
	TRY(frame_put(&w->ctx.out, &f, e));
	return frame_flush(&w->ctx.out, e);
}

static enum err_code put_stat(struct buf *b, const char *name, uint64_t v, struct err *e)
{
	char text[96];
	snprintf(text, sizeof(text), "%s=%llu", name, (unsigned long long)v);
	fact_list_put(b, slice_str(text));
	return buf_ok(b, "statistics", e);
}

static enum err_code stream_end_facts(struct worker *w, const struct pipeline_result *r, struct err *e)
{
	char what[32], detail[96];
	if (!r->info.trailing_bytes || (r->info.kind != COMP_GZIP && r->info.kind != COMP_ZSTD && !r->info.trailing_nonzero))
		return OK;
	snprintf(what, sizeof(what), "%s.trailing", compression_name(r->info.kind));
	snprintf(detail, sizeof(detail), "%llu bytes behind the last member, %s", (unsigned long long)r->info.trailing_bytes,
		 r->info.trailing_nonzero ? "not all zero" : "all zero");
	return FACT_EMIT(&w->ctx.sink, e, .type = FACT_INTEGRITY, .integrity = { .what = slice_str(what), .detail = slice_str(detail),
										 .offset = r->info.in_bytes - r->info.trailing_bytes });
}

static enum err_code end_facts(struct worker *w, const struct layer *l, const struct pipeline_result *r, struct err *e)
{
	AUTO_BUF stats = BUF(4 * KIB);
	TRY(stream_end_facts(w, r, e));
	TRY(put_stat(&stats, "read", r->ns_read, e));
	TRY(put_stat(&stats, "diff-id", r->ns_digest, e));
	TRY(put_stat(&stats, "patterns", r->ns_match, e));
	TRY(put_stat(&stats, "file-digests", w->ctx.ns_hash, e));
	TRY(put_stat(&stats, "signs", w->ctx.ns_threat, e));
	TRY(put_stat(&stats, "analyzers", w->ctx.ns_analyzers, e));
	TRY(put_stat(&stats, "yara", w->ctx.ns_yara, e));
	TRY(FACT_EMIT(&w->ctx.sink, e, .type = FACT_END,
		      .end = { .diff_id = slice_of(r->diff_id, 32), .compressed_bytes = r->info.in_bytes, .uncompressed_bytes = r->bytes,
			       .entries = l->entries, .files = l->files, .file_bytes = l->file_bytes, .nested_bytes = w->ctx.nested_bytes,
			       .hashed_bytes = w->ctx.hashed_bytes, .compression = slice_str(compression_name(r->info.kind)),
			       .hard_links = l->hard_links, .stats = buf_slice(&stats) }));
	return frame_flush(&w->ctx.out, e);
}

static enum err_code read_layer(struct worker *w, struct layer *l, struct err *e)
{
	const struct slot *slot;
	struct pipeline_result result;
	for (;;) {
		TRY(pipeline_next(w->pipe, &slot, e));
		if (!slot)
			break;
		TRY(layer_feed(l, slot, e));
	}
	TRY(layer_finish(l, e));
	pipeline_finish(w->pipe, &result);
	return end_facts(w, l, &result, e);
}

static enum err_code work(struct worker *w, const struct worker_settings *set, struct err *e)
{
	struct layer l = { 0 };
	struct os_limits limits = { .memory_bytes = set->memory_bytes, .cpu_seconds = set->cpu_seconds };
	digest_warm();
	TRY(context_init(&w->ctx, set, FD_OUT, FD_SCRATCH, e));
	TRY(load_patterns(w, e));
	TRY(load_yara(w, e));
	if (!set->packages_only)
		TRY(archive_library_load(e));
	TRY(layer_init(&l, &w->ctx, e));
	TRY(os_confine_begin(&limits, &w->confined, e));
	TRY(pipeline_start(FD_IN, w->set, &w->pipe, e));
	TRY(os_confine_seal(&w->confined, e));
	TRY(hello(w, e));
	if (set->probe)
		TRY(probe_run(set->probe, &w->ctx.sink, e));
	pipeline_go(w->pipe);
	/* From here on the bytes are hostile. The process ends with the layer, so nothing is freed one by one. */
	return read_layer(w, &l, e);
}

int analyze_worker_main(int argc, char **argv)
{
	struct worker w = { 0 };
	struct worker_settings set;
	struct err e;
	if (!worker_settings_parse(argc, argv, &set)) {
		fprintf(stderr, "pabean parse: this role is started by pabean itself\n");
		return 2;
	}
	enum err_code code = work(&w, &set, &e);
	if (code == OK)
		_exit(0);
	/* A layer that cannot be read is told as a fact; the message is about hostile bytes and is escaped where it is printed. */
	struct err ignored;
	struct fact f = { .type = FACT_ERROR, .error = { .code = (uint64_t)code, .offset = e.offset, .message = slice_str(e.msg) } };
	if (!w.ctx.out.pending.max || frame_put(&w.ctx.out, &f, &ignored) != OK || frame_flush(&w.ctx.out, &ignored) != OK)
		_exit(2);
	_exit(1);
}
