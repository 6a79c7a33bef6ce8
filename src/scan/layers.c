/* All layers of an image, several at once: from the cache, by hashing only, or by a worker. */
#include "engine.h"
#include "codec.h"
#include "oci_provider.h"
#include "os.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct layers_job {
	struct scan_engine *s;
	struct oci_source *src;
	const struct oci_image *img;
	struct layer_result *results;
	struct err *errors;
	size_t *order, *later;		/* largest first; later: digests that `order` has, too */
	size_t next, n, n_later;
	bool failed;
	pthread_mutex_t lock;
};

static uint64_t real_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The bytes still have the digest their facts are cached under. */
static enum err_code verify_only(struct scan_engine *s, struct stream *in, struct slice want, struct err *e)
{
	enum { CHUNK = 256 << 10 };
	int algo = slice_has_prefix(want, SL("sha512:")) ? DIGEST_SHA512 : DIGEST_SHA256;
	uint8_t raw[DIGEST_MAX_BYTES];
	char got[8 + 129];
	AUTO_DIGEST d = NULL;
	AUTO_BUF b = BUF(CHUNK);
	size_t n;
	TRY(digest_open(algo, &d, e));
	if (!buf_reserve(&b, CHUNK))
		return buf_ok(&b, "a buffer", e);
	do {
		if (os_cancelled())
			return err_set(e, ERR_CANCELLED, 0, "stopped by a signal");
		TRY(stream_read(in, b.p, CHUNK, &n, e));
		digest_update(d, slice_of(b.p, n));
		engine_progress(s, n, 0);
	} while (n);
	digest_final(d, raw);
	int prefix = snprintf(got, sizeof(got), "%s:", digest_name(algo));
	hex_encode(got + prefix, raw, digest_size(algo));
	if (!slice_eqs(want, got))
		return err_set(e, ERR_DIGEST, 0, "a layer is not what its digest says: expected %.*s, got %s; the source is damaged or lying",
			       SLICE_ARG(want), got);
	return OK;
}

static bool is_local(const struct oci_image *img) { return !slice_eqs(img->transport, "docker"); }

/* Facts are there: may they be used without reading the bytes again? A registry's bytes need not even be fetched. */
static enum err_code use_cached(struct layers_job *j, size_t i, bool *ret_used, struct err *e)
{
	const struct oci_layer *l = &j->img->layers[i];
	struct oci_file_identity id;
	struct err why;
	*ret_used = false;
	if (!l->digest.n || cache_lookup(j->s, j->s->facts_key, l->digest, &j->results[i], &why) != OK)
		return OK;
	*ret_used = true;
	if (!is_local(j->img))
		return OK;
	bool has_id = oci_layer_identity(j->src, j->img, i, &id);
	if (has_id && identity_known(j->s, &id, l->digest))
		return OK;
	AUTO_STREAM in = NULL;
	uint64_t now = real_ns();
	TRY(oci_layer_open(j->src, j->img, i, &in, e));
	TRY(verify_only(j->s, in, l->digest, e));
	if (has_id)
		identity_remember(j->s, &id, l->digest, now);
	return OK;
}

static enum err_code inspect_one(struct layers_job *j, size_t i, struct err *e)
{
	const struct oci_layer *l = &j->img->layers[i];
	struct oci_file_identity id;
	bool used;
	if (!l->distributable || !l->known_type)
		return OK;
	TRY(use_cached(j, i, &used, e));
	if (used)
		return OK;
	AUTO_STREAM in = NULL;
	uint64_t now = real_ns();
	TRY(oci_layer_open(j->src, j->img, i, &in, e));
	TRY(layer_inspect(j->s, &j->s->settings, j->s->facts_key, in, l->digest, oci_source_verified(j->src), &j->results[i], e));
	if (l->digest.n && oci_layer_identity(j->src, j->img, i, &id))
		identity_remember(j->s, &id, l->digest, now);
	return OK;
}

static enum err_code check_diff_id(const struct scan_engine *s, const struct oci_image *img, size_t i, struct layer_result *r, struct err *e)
{
	struct slice want = img->layers[i].diff_id;
	if (!r->facts || r->incomplete || !want.n || slice_has_prefix(want, SL("sha512:")) || slice_eqs(want, r->diff_id))
		return OK;
	r->other_diff_id = s->o.judge_diff_ids;
	if (r->other_diff_id)
		return OK;
	return err_set(e, ERR_DIGEST, 0, "layer %zu decompresses to %s, but the image's config says %.*s; the image is damaged or lying", i + 1,
		       r->diff_id, SLICE_ARG(want));
}

static void *layers_main(void *arg)
{
	struct layers_job *j = arg;
	for (;;) {
		pthread_mutex_lock(&j->lock);
		bool stop = j->failed || j->next == j->n;
		size_t i = stop ? 0 : j->order[j->next++];
		pthread_mutex_unlock(&j->lock);
		if (stop)
			return NULL;
		enum err_code code = inspect_one(j, i, &j->errors[i]);
		if (code == OK)
			code = check_diff_id(j->s, j->img, i, &j->results[i], &j->errors[i]);
		/* Something below may have tried and gone on: only the returned code says how it ended. */
		j->errors[i].code = code;
		engine_progress(j->s, 0, 1);
		if (code == OK) {
			j->errors[i].code = OK;	/* what was tried on the way may have left its words */
		} else {
			pthread_mutex_lock(&j->lock);
			j->failed = true;
			pthread_mutex_unlock(&j->lock);
		}
	}
}

static int by_size(const void *a, const void *b, void *arg)
{
	const struct oci_image *img = arg;
	uint64_t x = img->layers[*(const size_t *)a].size, y = img->layers[*(const size_t *)b].size;
	return (x < y) - (x > y);
}

static enum err_code run_jobs(struct layers_job *j, struct err *e)
{
	enum { MOST_JOBS = 64 };
	pthread_t threads[MOST_JOBS];
	unsigned jobs = MIN(j->s->o.jobs ? j->s->o.jobs : os_cpu_count(), (unsigned)MOST_JOBS), started = 0;
	if (!j->n)
		return OK;
	jobs = (unsigned)MIN((size_t)jobs, j->n);
	for (; started + 1 < jobs; started++)
		if (pthread_create(&threads[started], NULL, layers_main, j))
			break;
	layers_main(j);	/* this thread works, too */
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	/* Of several failures the lowest layer's, so that the same image gives the same message. */
	for (size_t i = 0; i < j->img->n_layers; i++) {
		if (j->errors[i].code != OK) {
			*e = j->errors[i];
			return e->code;
		}
	}
	return OK;
}

/* Is this digest among those that will be inspected? */
static bool planned(const struct layers_job *j, struct slice digest)
{
	for (size_t i = 0; digest.n && i < j->n; i++)
		if (slice_eq(j->img->layers[j->order[i]].digest, digest))
			return true;
	return false;
}

/* What comes over a network: facts at hand are taken at once, the same bytes are not fetched twice at a time, and the source learns what it will be
 * asked for. */
static enum err_code plan(struct layers_job *j, struct err *e)
{
	size_t all = j->n, k = 0;
	j->n = 0;
	for (; k < all; k++) {
		size_t i = j->order[k];
		const struct oci_layer *l = &j->img->layers[i];
		bool used = !l->distributable || !l->known_type;
		if (!used)
			TRY(use_cached(j, i, &used, e));
		if (used) {
			TRY(check_diff_id(j->s, j->img, i, &j->results[i], e));
			engine_progress(j->s, 0, 1);
		} else if (planned(j, l->digest)) {
			j->later[j->n_later++] = i;
		} else {
			j->order[j->n++] = i;
		}
	}
	const struct oci_layer **list = calloc(j->n + 1, sizeof(*list));
	if (!list)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	for (k = 0; k < j->n; k++)
		list[k] = &j->img->layers[j->order[k]];
	if (j->n)
		oci_source_plan(j->src, list, j->n);
	free(list);
	return OK;
}

static enum err_code run_all(struct layers_job *j, struct err *e)
{
	if (!is_local(j->img))
		TRY(plan(j, e));
	TRY(run_jobs(j, e));
	if (!j->n_later)
		return OK;
	/* Their facts are in the cache by now. */
	memcpy(j->order, j->later, j->n_later * sizeof(*j->order));
	j->n = j->n_later;
	j->next = 0;
	return run_jobs(j, e);
}

/* The blobs of a stream were inspected when they came by; here they find their layers. */
static enum err_code from_pumped(const struct scan_engine *s, const struct oci_image *img, struct pumped_list *pumped, struct layer_result *results, struct err *e)
{
	for (size_t i = 0; i < img->n_layers; i++) {
		const struct oci_layer *l = &img->layers[i];
		struct pumped *hit = NULL;
		if (!l->distributable || !l->known_type)
			continue;
		for (size_t k = 0; k < pumped->n; k++)
			if (slice_eq(pumped->items[k].key, l->blob_key))
				hit = &pumped->items[k];
		if (!hit)
			return err_set(e, ERR_NOT_FOUND, 0, "layer %zu is not in the archive", i + 1);
		if (hit->failure.code != OK) {
			*e = hit->failure;
			return e->code;
		}
		if (l->digest.n && slice_has_prefix(l->digest, SL("sha256:")) && !slice_eqs(l->digest, hit->result.digest))
			return err_set(e, ERR_DIGEST, 0, "layer %zu is not what its digest says: expected %.*s, got %s", i + 1, SLICE_ARG(l->digest),
				       hit->result.digest);
		results[i] = hit->result;	/* borrowed: the list owns the facts */
		TRY(check_diff_id(s, img, i, &results[i], e));
	}
	return OK;
}

enum err_code layers_inspect(struct scan_engine *s, struct oci_source *src, const struct oci_image *img, struct pumped_list *pumped,
			     struct layer_result *results, struct err *e)
{
	if (pumped)
		return from_pumped(s, img, pumped, results, e);
	struct layers_job j = { .s = s, .src = src, .img = img, .results = results, .n = img->n_layers, .lock = PTHREAD_MUTEX_INITIALIZER };
	if (!j.n)
		return OK;
	j.errors = calloc(j.n, sizeof(*j.errors));
	j.order = calloc(j.n, sizeof(*j.order));
	j.later = calloc(j.n, sizeof(*j.later));
	enum err_code code;
	if (j.errors && j.order && j.later) {
		for (size_t i = 0; i < j.n; i++)
			j.order[i] = i;
		qsort_r(j.order, j.n, sizeof(*j.order), by_size, (void *)(uintptr_t)img);
		code = run_all(&j, e);
	} else {
		code = err_set(e, ERR_NOMEM, 0, "out of memory");
	}
	free(j.errors);
	free(j.order);
	free(j.later);
	return code;
}

/* --- Streams --- */

struct pump_arg { struct scan_engine *s; struct arena *a; struct pumped_list *list; };

/* "blobs/sha256/<hex>": what a member claims to be, so that known bytes need only be hashed. */
static struct slice claimed_digest(struct arena *a, struct slice key)
{
	uint8_t raw[32];
	struct slice hex = slice_from(key, (size_t)(slice_rfind_byte(key, '/') + 1));
	if (!hex_decode(hex, raw, 32, false) || slice_find(key, SL("sha256")) < 0)
		return SLICE_NULL;
	return arena_printf(a, "sha256:%.*s", (int)hex.n, (const char *)hex.p);
}

static enum err_code on_blob(void *arg, struct slice key, uint64_t size, struct stream *bytes, struct err *e)
{
	struct pump_arg *p = arg;
	struct pumped *b = ARENA_PUSH(p->a, p->list);
	struct err why;
	(void)size;
	if (!b)
		return arena_ok(p->a, "the archive's layers", e);
	b->key = arena_dup(p->a, key);
	struct slice claimed = claimed_digest(p->a, key);
	TRY(arena_ok(p->a, "the archive's layers", e));
	enum err_code code;
	if (claimed.n && cache_lookup(p->s, p->s->facts_key, claimed, &b->result, &why) == OK)
		code = verify_only(p->s, bytes, claimed, &b->failure);
	else
		code = layer_inspect(p->s, &p->s->settings, p->s->facts_key, bytes, SLICE_NULL, false, &b->result, &b->failure);
	if (code == ERR_CANCELLED) {
		*e = b->failure;
		return code;
	}
	return OK;	/* kept: it counts only if an image names this blob */
}

enum err_code layers_pump(struct scan_engine *s, struct oci_source *src, struct arena *a, struct pumped_list *ret, struct err *e)
{
	struct pump_arg p = { s, a, ret };
	return oci_source_pump(src, on_blob, &p, e);
}
