/* What the images of one run share: opened once, with the reasons for what is missing. */
#include "engine.h"
#include "codec.h"
#include "data.h"
#include "os.h"
#include "threat.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ENGINE_ARENA = 64 << 20, PATTERNS_BYTES = 256 << 20 };

void engine_log(struct scan_engine *s, enum scan_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	if (!s->o.log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(s->lock);
	s->o.log(s->o.arg, level, text);
	pthread_mutex_unlock(s->lock);
}

void engine_progress(struct scan_engine *s, uint64_t bytes, unsigned layers_done)
{
	if (!s->o.progress)
		return;
	pthread_mutex_lock(s->lock);
	s->progress.bytes += bytes;
	s->progress.layers_done += layers_done;
	s->o.progress(s->o.arg, &s->progress);
	pthread_mutex_unlock(s->lock);
}

/* The processor's features are part of what a compiled set fits: a cache directory may be shared between machines. */
static enum err_code patterns_path(struct scan_engine *s, struct buf *ret, struct err *e)
{
	AUTO_BUF cpu = BUF(MIB), key = BUF(MIB);
	struct err why;
	uint8_t raw[DIGEST_MAX_BYTES];
	char hex[65];
	struct slice rest, line;
	buf_puts(&key, threat_pattern_digest());
	if (os_read_file("/proc/cpuinfo", &cpu, &why) == OK) {
		rest = buf_slice(&cpu);
		while (slice_next_line(&rest, &line) && line.n)	/* the first processor's lines */
			if (slice_has_prefix(line, SL("flags")) || slice_has_prefix(line, SL("Features")) || slice_has_prefix(line, SL("model")))
				buf_put_slice(&key, line);
	}
	TRY(buf_ok(&key, "a cache key", e));
	digest_of(DIGEST_SHA256, buf_slice(&key), raw);
	hex_encode(hex, raw, 32);
	buf_printf(ret, "%s/patterns-%.16s", s->cache_dir, hex);
	return buf_ok(ret, "a cache path", e);
}

static enum err_code compile_patterns(struct buf *out, struct err *e)
{
	struct threat_set *set;
	TRY(threat_set_compile(&set, e));
	enum err_code code = threat_set_serialize(set, out, e);
	threat_set_free(set);
	return code;
}

static enum err_code memory_file(const char *name, struct slice bytes, int *ret, struct err *e)
{
	AUTO_FD fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "make a memory file");
	TRY(os_write_all(fd, bytes.p, bytes.n, "fill a memory file", e));
	*ret = fd_steal(&fd);
	return OK;
}

static enum err_code open_patterns(struct scan_engine *s, struct err *e)
{
	AUTO_BUF path = BUF(16 * KIB), set = BUF(PATTERNS_BYTES);
	AUTO_ATOMIC out = { .fd = -1 };
	if (s->o.packages_only)
		return OK;
	TRY(patterns_path(s, &path, e));
	s->patterns_fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->patterns_fd >= 0)
		return OK;
	TRY(compile_patterns(&set, e));
	struct err why;
	if (os_atomic_open(buf_cstr(&path), 0600, &out, &why) == OK && os_write_all(out.fd, set.p, set.n, "keep compiled patterns", &why) == OK &&
	    os_atomic_commit(&out, &why) == OK)
		s->patterns_fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return s->patterns_fd >= 0 ? OK : memory_file("pabean-patterns", buf_slice(&set), &s->patterns_fd, e);
}

static enum err_code open_all(struct scan_engine *s, struct err *e)
{
	TRY(os_private_dir(s->o.cache_dir, e));
	s->cache_dir = arena_strdup(&s->arena, s->o.cache_dir);
	s->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!s->cache_dir || s->null_fd < 0)
		return err_set(e, ERR_IO, errno, "open /dev/null");
	worker_settings_default(&s->settings);
	if (s->o.memory_bytes)
		s->settings.memory_bytes = s->o.memory_bytes;
	if (s->o.expand_bytes)
		s->settings.expand_bytes = s->o.expand_bytes;
	if (s->o.expand_entries)
		s->settings.expand_entries = s->o.expand_entries;
	if (s->o.expand_depth)
		s->settings.expand_depth = s->o.expand_depth;
	s->settings.packages_only = s->o.packages_only;
	TRY(open_patterns(s, e));
	TRY(engine_open_yara(s, e));
	worker_facts_key(&s->settings, slice_str(s->yara_digest), s->facts_key);
	struct worker_settings pseudo = s->settings;
	pseudo.pseudo = 1;
	worker_facts_key(&pseudo, SLICE_NULL, s->pseudo_key);
	return data_open(&(struct data_paths){ s->o.db_dir, s->o.intel_file, s->o.intel_files, s->o.n_intel_files }, &s->holder, e);
}

enum err_code scan_engine_open(const struct scan_options *o, struct scan_engine **ret, struct err *e)
{
	struct scan_engine *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	s->o = *o;
	s->arena = ARENA(ENGINE_ARENA);
	s->patterns_fd = s->yara_fd = s->null_fd = -1;
	enum err_code code;
	s->lock = arena_new(&s->arena, pthread_mutex_t);
	if (s->lock && pthread_mutex_init(s->lock, NULL))
		s->lock = NULL;
	code = s->lock ? open_all(s, e) : err_set(e, ERR_NOMEM, 0, "out of memory");
	if (code != OK) {
		scan_engine_close(s);
		return code;
	}
	*ret = s;
	return OK;
}

void scan_engine_close(struct scan_engine *s)
{
	if (!s)
		return;
	data_close(s->holder);
	fd_close(&s->patterns_fd);
	fd_close(&s->yara_fd);
	fd_close(&s->null_fd);
	if (s->lock)
		pthread_mutex_destroy(s->lock);
	arena_free(&s->arena);
	free(s);
}

enum err_code scan_engine_refresh(struct scan_engine *s, bool *ret_changed, struct err *e) { return data_refresh(s->holder, ret_changed, e); }

const char *scan_engine_facts_id(const struct scan_engine *s) { return s->facts_key; }
