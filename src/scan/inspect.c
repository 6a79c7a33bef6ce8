/* One worker over one stream: bytes go in hashed, fact frames come out checked. */
#include "engine.h"
#include "codec.h"
#include "os.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20, CHUNK = 256 << 10, FRAMES_MAX = 8 << 20, DEFAULT_TIMEOUT_MS = 30 * 60 * 1000 };

struct run {
	struct scan_engine *s;
	struct os_child child;
	int in_w, out_r;
	struct stream *in;
	struct digest *hash;		/* NULL: the stream verifies itself */
	struct facts_writer *writer;
	struct buf frames;		/* received, not yet complete */
	uint64_t counts[FACT_TYPE_COUNT];
	uint8_t *chunk;
	size_t at, n;			/* of the chunk, not yet written */
	uint64_t bytes, deadline_ns;
	bool in_ended, out_ended, ended, hello;
	struct err worker_error;	/* FACT_ERROR */
	struct fact_hello hello_fact;
	const char *broken;		/* why the worker's facts do not count as complete */
	char diff_id[65];
};

static enum err_code pipe_pair(int fds[2], struct err *e)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, ERR_IO, errno, "make a pipe");
	/* Larger pipes mean fewer switches; being refused (the user's pipe quota) costs only speed. */
	(void)fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES);
	return OK;
}

static enum err_code start(struct run *r, const struct worker_settings *set, struct err *e)
{
	int in[2], out[2];
	AUTO_ARENA a = ARENA(64 * KIB);
	const char *const *argv;
	AUTO_FD scratch = -1;
	TRY(worker_argv(set, &a, &argv, e));
	TRY(os_unnamed_file(r->s->cache_dir, &scratch, e));
	TRY(pipe_pair(in, e));
	AUTO_FD in_r = in[0];
	r->in_w = in[1];
	TRY(pipe_pair(out, e));
	AUTO_FD out_w = out[1];
	r->out_r = out[0];
	bool plain = set->packages_only;
	int fds[WORKER_FDS] = { in_r, out_w, 2, scratch, plain ? r->s->null_fd : r->s->patterns_fd,
				plain || set->pseudo || r->s->yara_fd < 0 ? r->s->null_fd : r->s->yara_fd };
	TRY(os_spawn(NULL, argv, NULL, fds, WORKER_FDS, &r->child, e));
	if (fcntl(r->in_w, F_SETFL, O_NONBLOCK) < 0)
		return err_set(e, ERR_IO, errno, "set up a pipe");
	return OK;
}

/* A frame that the table does not allow means that the worker is no longer ours. */
static enum err_code take_frame(struct run *r, struct slice bytes, struct err *e)
{
	struct fact f;
	struct err why;
	if (r->ended || fact_decode(bytes, &f, &why) != OK || ++r->counts[f.type] > fact_limit(f.type).max_count || (f.type != FACT_HELLO && f.type != FACT_ERROR && !r->hello)) {
		r->broken = "the parser sent something that is no fact";
		return OK;
	}
	if (f.type == FACT_HELLO) {
		r->hello = true;
		r->hello_fact = f.hello;
		r->hello_fact.detail = SLICE_NULL;	/* borrowed from the frame */
	}
	if (f.type == FACT_ERROR) {
		r->ended = true;
		enum err_code code = f.error.code > OK && f.error.code <= ERR_INTERNAL ? (enum err_code)f.error.code : ERR_FORMAT;
		char text[280];
		(void)err_set(&r->worker_error, code, 0, "%s", text_escape_to(text, sizeof(text), f.error.message));
		r->worker_error.offset = f.error.offset;
		return OK;
	}
	if (f.type == FACT_END) {
		if (f.end.diff_id.n != 32) {
			r->broken = "the parser sent an end without a digest";
			return OK;
		}
		r->ended = true;
		hex_encode(r->diff_id, f.end.diff_id.p, 32);
	}
	return facts_writer_add(r->writer, &f, bytes, e);
}

static enum err_code take_frames(struct run *r, struct err *e)
{
	struct slice all = buf_slice(&r->frames);
	while (all.n >= FRAME_HEADER_BYTES && !r->broken) {
		struct rd rd = rd_of(all);
		uint32_t n = rd_le32(&rd);
		if (n > FRAMES_MAX - FRAME_HEADER_BYTES) {
			r->broken = "the parser sent a frame that is too large";
			break;
		}
		if (all.n - FRAME_HEADER_BYTES < n)
			break;
		TRY(take_frame(r, slice_sub(all, FRAME_HEADER_BYTES, n), e));
		all = slice_from(all, FRAME_HEADER_BYTES + n);
	}
	if (all.n != r->frames.n) {
		memmove(r->frames.p, all.p, all.n);
		r->frames.n = all.n;
	}
	return OK;
}

static enum err_code receive(struct run *r, struct err *e)
{
	if (!buf_reserve(&r->frames, CHUNK))
		return buf_ok(&r->frames, "the parser's facts", e);
	ssize_t n = read(r->out_r, r->frames.p + r->frames.n, CHUNK);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? OK : err_set(e, ERR_IO, errno, "read the parser's facts");
	if (n == 0) {
		r->out_ended = true;
		return OK;
	}
	r->frames.n += (size_t)n;
	return take_frames(r, e);
}

static enum err_code next_chunk(struct run *r, struct err *e)
{
	TRY(stream_read(r->in, r->chunk, CHUNK, &r->n, e));
	r->at = 0;
	r->in_ended = !r->n;
	r->bytes += r->n;
	if (r->hash)
		digest_update(r->hash, slice_of(r->chunk, r->n));
	engine_progress(r->s, r->n, 0);
	return OK;
}

static void send_chunk(struct run *r)
{
	ssize_t n = write(r->in_w, r->chunk + r->at, r->n - r->at);
	if (n > 0)
		r->at += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		fd_close(&r->in_w), r->in_w = -1;	/* the worker is gone or has read enough: what is left is only hashed */
}

static enum err_code check_limits(struct run *r, struct err *e)
{
	if (os_cancelled())
		return err_set(e, ERR_CANCELLED, 0, "stopped by a signal");
	if (os_monotonic_ns() > r->deadline_ns && !r->broken)
		r->broken = "timeout";
	if (r->broken && r->child.pid) {
		os_kill(&r->child);
		fd_close(&r->in_w);
		r->in_w = -1;
	}
	return OK;
}

static enum err_code pump(struct run *r, struct err *e)
{
	while (!r->in_ended || !r->out_ended) {
		TRY(check_limits(r, e));
		if (r->at == r->n && !r->in_ended)
			TRY(next_chunk(r, e));
		if (r->in_ended && r->in_w >= 0)
			fd_close(&r->in_w), r->in_w = -1;
		if (r->in_w < 0)
			r->at = r->n;
		bool sending = r->in_w >= 0 && r->at < r->n;
		if (!sending && !r->in_ended && r->out_ended)
			continue;	/* only hashing is left */
		struct pollfd p[2] = { { .fd = r->out_ended ? -1 : r->out_r, .events = POLLIN }, { .fd = sending ? r->in_w : -1, .events = POLLOUT } };
		bool idle = sending || r->in_ended;
		if (poll(p, 2, idle ? 200 : 0) < 0 && errno != EINTR)
			return err_set(e, ERR_IO, errno, "wait for the parser");
		if (p[0].revents)
			TRY(receive(r, e));
		if (p[1].revents)
			send_chunk(r);
	}
	return OK;
}

static enum err_code skip_rest(struct run *r, const char *reason, const char *detail, struct err *e)
{
	AUTO_BUF b = BUF(64 * KIB);
	struct fact skip = { .type = FACT_SKIPPED, .skipped = { .reason = slice_str(reason), .detail = slice_str(detail), .cls = SKIP_LAYER,
								.bytes = r->bytes } };
	struct fact end = { .type = FACT_END, .end = { .compressed_bytes = r->bytes } };
	TRY(fact_encode(&b, &skip, e));
	TRY(facts_writer_add(r->writer, &skip, buf_slice(&b), e));
	buf_clear(&b);
	TRY(fact_encode(&b, &end, e));
	return facts_writer_add(r->writer, &end, buf_slice(&b), e);
}

/* How the worker ended decides what its facts are worth. */
static enum err_code conclude(struct run *r, struct layer_result *ret, struct err *e)
{
	int status = 0;
	char detail[96] = "";
	if (!r->broken && r->child.pid) {
		if (os_wait(&r->child, 10000, &status, e) != OK)
			r->broken = "timeout";
	}
	if (r->worker_error.code != OK && r->worker_error.code != ERR_NOMEM && r->worker_error.code != ERR_LIMIT && !r->broken) {
		*e = r->worker_error;
		return e->code;
	}
	if (!r->broken && r->worker_error.code != OK) {
		r->broken = "memory or another limit";
		snprintf(detail, sizeof(detail), "%.90s", r->worker_error.msg);
	} else if (!r->broken && WIFSIGNALED(status)) {
		r->broken = WTERMSIG(status) == SIGXCPU ? "timeout" : "parser crashed";
		snprintf(detail, sizeof(detail), "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else if (!r->broken && (!r->ended || !WIFEXITED(status) || WEXITSTATUS(status))) {
		r->broken = "parser crashed";
		snprintf(detail, sizeof(detail), "ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
	ret->incomplete = r->broken != NULL;
	ret->hello = r->hello_fact;
	if (r->broken && r->counts[FACT_END])
		return err_set(e, ERR_CRASHED, 0, "the parser failed behind its end: %s", r->broken);
	return r->broken ? skip_rest(r, r->broken, detail, e) : OK;
}

static int digest_algo(struct slice want) { return slice_has_prefix(want, SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256; }

static enum err_code finish(struct run *r, struct slice want, struct layer_result *ret, struct err *e)
{
	uint8_t raw[DIGEST_MAX_BYTES];
	int algo = digest_algo(want);
	int prefix = snprintf(ret->digest, sizeof(ret->digest), "%s:", digest_name(algo));
	if (r->hash) {
		digest_final(r->hash, raw);
		hex_encode(ret->digest + prefix, raw, digest_size(algo));
	} else {
		snprintf(ret->digest, sizeof(ret->digest), "%.*s", SLICE_ARG(want));
	}
	ret->stored_bytes = r->bytes;
	/* A wrong digest comes before whatever the parser thinks of the bytes. */
	if (want.n && !slice_eqs(want, ret->digest))
		return err_set(e, ERR_DIGEST, 0, "a layer is not what its digest says: expected %.*s, got %s; the source is damaged or lying",
			       SLICE_ARG(want), ret->digest);
	TRY(conclude(r, ret, e));
	if (!ret->incomplete)
		snprintf(ret->diff_id, sizeof(ret->diff_id), "sha256:%s", r->diff_id);
	return OK;
}

static enum err_code run(struct run *r, const struct worker_settings *set, struct slice want, bool verified, struct layer_result *ret, struct err *e)
{
	uint64_t timeout = r->s->o.timeout_ms ? r->s->o.timeout_ms : DEFAULT_TIMEOUT_MS;
	r->deadline_ns = os_monotonic_ns() + timeout * 1000000;
	if (!verified || !want.n)
		TRY(digest_open(digest_algo(want), &r->hash, e));
	TRY(start(r, set, e));
	TRY(pump(r, e));
	return finish(r, want, ret, e);
}

enum err_code layer_inspect(struct scan_engine *s, const struct worker_settings *set, const char *key, struct stream *in, struct slice want,
			    bool verified, struct layer_result *ret, struct err *e)
{
	struct run r = { .s = s, .in_w = -1, .out_r = -1, .in = in, .frames = BUF(FRAMES_MAX + CHUNK), .chunk = malloc(CHUNK) };
	uint64_t began = os_monotonic_ns();
	*ret = (struct layer_result){ 0 };
	enum err_code code = r.chunk ? facts_writer_open(s->cache_dir, NULL, &r.writer, e) : err_set(e, ERR_NOMEM, 0, "out of memory");
	if (code == OK)
		code = run(&r, set, want, verified, ret, e);
	os_kill(&r.child);
	fd_close(&r.in_w);
	fd_close(&r.out_r);
	digest_close(r.hash);
	buf_free(&r.frames);
	free(r.chunk);
	if (code == OK) {
		AUTO_BUF path = BUF(16 * KIB);
		if (!s->o.no_cache && !ret->incomplete)
			code = cache_path(s, key, slice_str(ret->digest), &path, e);
		if (code == OK && path.n)
			code = facts_writer_name(r.writer, buf_cstr(&path), e);
		struct facts_writer *w = r.writer;
		r.writer = NULL;
		if (code == OK)
			code = facts_writer_finish(w, &ret->facts, e);
		else
			facts_writer_abort(w);
	}
	facts_writer_abort(r.writer);
	ret->ns = os_monotonic_ns() - began;
	return code;
}

void layer_result_free(struct layer_result *r)
{
	facts_file_close(r->facts);
	r->facts = NULL;
}
