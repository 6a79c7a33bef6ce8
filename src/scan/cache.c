/* The facts cache: <cache>/facts/<2 hex>/<64 hex of (layer digest, facts key)>, and what is known about local files' digests. */
#include "engine.h"
#include "codec.h"
#include "os.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum err_code name_in_cache(struct scan_engine *s, const char *what, const char *a, struct slice b, struct buf *ret, struct err *e)
{
	AUTO_BUF key = BUF(4 * KIB);
	uint8_t raw[DIGEST_MAX_BYTES];
	char hex[65];
	buf_printf(&key, "%s\n%s\n", what, a);
	buf_put_slice(&key, b);
	TRY(buf_ok(&key, "a cache key", e));
	digest_of(DIGEST_SHA256, buf_slice(&key), raw);
	hex_encode(hex, raw, 32);
	buf_printf(ret, "%s/%s/%.2s", s->cache_dir, what, hex);
	TRY(os_mkdirs(buf_cstr(ret), 0700, e));
	buf_printf(ret, "/%s", hex + 2);
	return buf_ok(ret, "a cache path", e);
}

enum err_code cache_path(struct scan_engine *s, const char *key, struct slice digest, struct buf *ret, struct err *e)
{
	return name_in_cache(s, "facts", key, digest, ret, e);
}

enum err_code cache_lookup(struct scan_engine *s, const char *key, struct slice digest, struct layer_result *ret, struct err *e)
{
	AUTO_BUF path = BUF(16 * KIB);
	struct err why;
	*ret = (struct layer_result){ 0 };
	if (s->o.no_cache)
		return err_set(e, ERR_NOT_FOUND, 0, "the cache is switched off");
	TRY(cache_path(s, key, digest, &path, e));
	enum err_code code = facts_file_open(buf_cstr(&path), &ret->facts, &why);
	if (code != OK) {
		if (code != ERR_NOT_FOUND) {
			/* Damaged or from another version: computed again, never believed. */
			engine_log(s, SCAN_LOG_INFO, "cached facts of %.*s are not usable: %s", SLICE_ARG(digest), why.msg);
			unlink(buf_cstr(&path));
		}
		return err_set(e, ERR_NOT_FOUND, 0, "no cached facts");
	}
	const struct fact_end *end = facts_file_end(ret->facts);
	char hex[65];
	if (end->diff_id.n != 32) {
		layer_result_free(ret);
		return err_set(e, ERR_NOT_FOUND, 0, "no complete cached facts");
	}
	hex_encode(hex, end->diff_id.p, 32);
	snprintf(ret->diff_id, sizeof(ret->diff_id), "sha256:%s", hex);
	snprintf(ret->digest, sizeof(ret->digest), "%.*s", SLICE_ARG(digest));
	ret->stored_bytes = end->compressed_bytes;
	ret->from_cache = true;
	return OK;
}

/* --- Identities of local files (SCAN.md 1) --- */

struct identity_record { struct oci_file_identity id; int64_t hashed_ns; char digest[8 + 128]; };

static enum err_code identity_path(struct scan_engine *s, const struct oci_file_identity *id, struct buf *ret, struct err *e)
{
	char text[128];
	snprintf(text, sizeof(text), "%llu:%llu:%llu:%llu", (unsigned long long)id->dev, (unsigned long long)id->ino,
		 (unsigned long long)id->offset, (unsigned long long)id->size);
	return name_in_cache(s, "identity", text, SLICE_NULL, ret, e);
}

void identity_remember(struct scan_engine *s, const struct oci_file_identity *id, struct slice digest, uint64_t hashed_ns)
{
	AUTO_BUF path = BUF(16 * KIB);
	AUTO_ATOMIC out = { .fd = -1 };
	struct err e;
	struct identity_record rec;
	memset(&rec, 0, sizeof(rec));	/* padding, too: it goes to disk */
	rec.id = *id;
	rec.hashed_ns = (int64_t)hashed_ns;
	snprintf(rec.digest, sizeof(rec.digest), "%.*s", SLICE_ARG(digest));
	/* A failure costs a hash next time, nothing else. */
	if (s->o.no_cache || identity_path(s, id, &path, &e) != OK || os_atomic_open(buf_cstr(&path), 0600, &out, &e) != OK)
		return;
	out.cache = true;	/* a torn record is too short */
	if (os_write_all(out.fd, &rec, sizeof(rec), "remember a digest", &e) == OK && os_atomic_commit(&out, &e) != OK)
		engine_log(s, SCAN_LOG_INFO, "%s", e.msg);
}

bool identity_known(struct scan_engine *s, const struct oci_file_identity *id, struct slice digest)
{
	AUTO_BUF path = BUF(16 * KIB);
	struct err e;
	struct identity_record rec;
	if (s->o.no_cache || identity_path(s, id, &path, &e) != OK)
		return false;
	AUTO_FD fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || read(fd, &rec, sizeof(rec)) != (ssize_t)sizeof(rec))
		return false;
	rec.digest[sizeof(rec.digest) - 1] = 0;
	/* A change within the clock's step of the hash could have kept the same times: two seconds are more than any file system's. */
	return rec.id.dev == id->dev && rec.id.ino == id->ino && rec.id.offset == id->offset && rec.id.size == id->size &&
	       rec.id.mtime_ns == id->mtime_ns && rec.id.ctime_ns == id->ctime_ns && id->ctime_ns + 2000000000 < rec.hashed_ns &&
	       slice_eqs(digest, rec.digest);
}
