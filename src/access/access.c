/* Opening, and reading again when something changed. */
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "inside.h"

/* --- Reading ----------------------------------------------------------------------------------------------------------- */

static struct file_stamp stamp_of(const char *path)
{
	struct stat st;
	if (!path || stat(path, &st) != 0)
		return (struct file_stamp){ 0 };
	return (struct file_stamp){ st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size, (int64_t)st.st_ino };
}

/* Default credentials are refused in whatever file they stand; hashes seen before are not tried again. */
static enum err_code refuse_defaults(const struct access *a, const struct accounts *s, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct account *one = &s->items[i], *old = a->accounts ? access_accounts_find(a->accounts, one->name) : NULL;
		if (one->robot || one->origin == FROM_DATABASE || (old && slice_eq(old->hash, one->hash)))
			continue;
		if (access_secret_is_default(one->name, one->hash))
			return err_set(e, ERR_USAGE, 0, "the account '%.*s' has a password that products ship with; choose another",
				       SLICE_ARG(one->name));
	}
	return OK;
}

static enum err_code read_all(struct access *a, struct accounts *s, struct hmac_key *signing, struct file_stamp stamps[2],
			      char changes[32],
			      struct err *e)
{
	uint8_t key[SECRET_BYTES];
	const char *const files[2] = { a->o.accounts_file, a->o.htpasswd_file };
	for (size_t i = 0; i < 2; i++)
		stamps[i] = stamp_of(files[i]);
	if (files[0])
		TRY(access_accounts_read_file(s, files[0], e));
	if (files[1])
		TRY(access_accounts_read_htpasswd(s, files[1], a->o.htpasswd_rights, e));
	if (a->o.db) {
		TRY(access_accounts_read_database(s, a->o.db, key, changes, e));
		access_hmac_key_set(signing, key);
		explicit_bzero(key, sizeof(key));
	}
	TRY(access_accounts_finish(s, signing, e));
	return refuse_defaults(a, s, e);
}

static enum err_code reload_locked(struct access *a, struct err *e)
{
	struct accounts *s, *old;
	struct hmac_key signing = a->signing;	/* only written here */
	struct file_stamp stamps[2];
	char changes[32] = "";
	TRY(access_accounts_new(&s, e));
	enum err_code code = read_all(a, s, &signing, stamps, changes, e);
	memcpy(a->stamps, stamps, sizeof(stamps));	/* also of a wrong file: it is not read again before it changes */
	if (code != OK) {
		access_accounts_free(s);
		a->trouble = *e;
		return code;
	}
	a->trouble = s->doubt;
	memcpy(a->changes, changes, sizeof(changes));
	pthread_rwlock_wrlock(&a->lock);
	old = a->accounts;
	a->accounts = s;
	a->signing = signing;
	atomic_fetch_add(&a->generation, 1);
	pthread_rwlock_unlock(&a->lock);
	access_accounts_free(old);
	return OK;
}

enum err_code access_reload(struct access *a, struct err *e)
{
	pthread_mutex_lock(&a->reload_lock);
	enum err_code code = reload_locked(a, e);
	pthread_mutex_unlock(&a->reload_lock);
	return code;
}

bool access_trouble(struct access *a, struct err *ret)
{
	pthread_mutex_lock(&a->reload_lock);
	bool any = a->trouble.code != OK;
	if (any)
		*ret = a->trouble;
	pthread_mutex_unlock(&a->reload_lock);
	return any;
}

static bool has_changed(struct access *a)
{
	char changes[32] = "";
	struct err e;
	const char *const files[2] = { a->o.accounts_file, a->o.htpasswd_file };
	for (size_t i = 0; i < 2; i++) {
		struct file_stamp now = stamp_of(files[i]);
		if (memcmp(&now, &a->stamps[i], sizeof(now)))
			return true;
	}
	if (!a->o.db)
		return false;
	if (access_database_changes(a->o.db, changes, &e) != OK) {
		a->trouble = e;
		a->away = true;
		return false;
	}
	bool back = a->away;
	a->away = false;
	return back || strcmp(changes, a->changes);
}

static void *watch(void *arg)
{
	struct access *a = arg;
	struct timespec at;
	struct err e;
	pthread_mutex_lock(&a->stop_lock);
	while (!a->stop) {
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_sec += 1;
		pthread_cond_timedwait(&a->stop_cond, &a->stop_lock, &at);
		if (a->stop)
			break;
		pthread_mutex_unlock(&a->stop_lock);
		pthread_mutex_lock(&a->reload_lock);
		if (has_changed(a))
			(void)reload_locked(a, &e);
		pthread_mutex_unlock(&a->reload_lock);
		pthread_mutex_lock(&a->stop_lock);
	}
	pthread_mutex_unlock(&a->stop_lock);
	return NULL;
}

/* --- Opening ------------------------------------------------------------------------------------------------------------- */

static enum err_code copy_options(struct access *a, const struct access_options *o, struct err *e)
{
	struct slice service = slice_str(o->service ? o->service : "pabean");
	char shown[80];
	a->o = *o;
	a->arena = ARENA(256 * KIB);
	for (size_t i = 0; i < service.n; i++)
		if (service.p[i] <= ' ' || service.p[i] > '~' || service.p[i] == '"' || service.p[i] == '\\' || service.n > 255)
			return err_set(e, ERR_USAGE, 0, "'%s' cannot be the name of the service", text_escape_to(shown, sizeof(shown),
				service));
	a->o.service = arena_slice_cstr(&a->arena, service);
	a->o.accounts_file = o->accounts_file ? arena_strdup(&a->arena, o->accounts_file) : NULL;
	a->o.htpasswd_file = o->htpasswd_file ? arena_strdup(&a->arena, o->htpasswd_file) : NULL;
	a->o.htpasswd_rights = o->htpasswd_rights ? o->htpasswd_rights : ACCESS_PULL;
	a->o.token_ttl_s = o->token_ttl_s ? o->token_ttl_s : 300;
	a->networks = arena_calloc(&a->arena, o->n_anonymous_from + 1, sizeof(*a->networks));
	TRY(arena_ok(&a->arena, "options of accounts", e));
	for (size_t i = 0; i < o->n_anonymous_from; i++)
		if (!access_network_parse(slice_str(o->anonymous_from[i]), &a->networks[i]))
			return err_set(e, ERR_USAGE, 0, "'%s' is no address range such as 10.0.0.0/8",
				       text_escape_to(shown, sizeof(shown), slice_str(o->anonymous_from[i])));
	return OK;
}

static enum err_code open_inside(struct access *a, const struct access_options *o, struct err *e)
{
	uint8_t key[SECRET_BYTES];
	TRY(copy_options(a, o, e));
	TRY(access_secret_library_load(e));
	TRY(access_secret_random(key, sizeof(key), e));
	access_hmac_key_set(&a->basic_key, key);
	TRY(access_secret_random(key, sizeof(key), e));
	access_hmac_key_set(&a->signing, key);	/* of this process, unless a database has one */
	explicit_bzero(key, sizeof(key));
	TRY(access_cache_open(1024, &a->tokens, e));
	TRY(access_cache_open(256, &a->basics, e));
	TRY(access_throttle_open(&a->throttle, e));
	a->hashing.max_running = MIN(os_cpu_count(), 2u);	/* yescrypt takes 16 MiB for each */
	TRY(access_reload(a, e));
	if (!o->db && !o->accounts_file && !o->htpasswd_file)
		return OK;
	a->has_thread = pthread_create(&a->thread, NULL, watch, a) == 0;
	return a->has_thread ? OK : err_set(e, ERR_NOMEM, 0, "start a thread");
}

enum err_code access_open(const struct access_options *o, struct access **ret, struct err *e)
{
	struct access *a = calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, 0, "memory for accounts");
	/* Readers come in a stream without gaps; a reading of the accounts must get between them. */
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&a->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&a->reload_lock, NULL);
	pthread_mutex_init(&a->stop_lock, NULL);
	pthread_cond_init(&a->stop_cond, NULL);
	pthread_mutex_init(&a->hashing.lock, NULL);
	pthread_cond_init(&a->hashing.free, NULL);
	enum err_code code = open_inside(a, o, e);
	if (code != OK) {
		access_close(a);
		return code;
	}
	*ret = a;
	return OK;
}

void access_close(struct access *a)
{
	if (!a)
		return;
	if (a->has_thread) {
		pthread_mutex_lock(&a->stop_lock);
		a->stop = true;
		pthread_cond_signal(&a->stop_cond);
		pthread_mutex_unlock(&a->stop_lock);
		pthread_join(a->thread, NULL);
	}
	access_accounts_free(a->accounts);
	access_cache_close(a->tokens);
	access_cache_close(a->basics);
	access_throttle_close(a->throttle);
	pthread_rwlock_destroy(&a->lock);
	pthread_mutex_destroy(&a->reload_lock);
	pthread_mutex_destroy(&a->stop_lock);
	pthread_cond_destroy(&a->stop_cond);
	pthread_mutex_destroy(&a->hashing.lock);
	pthread_cond_destroy(&a->hashing.free);
	arena_free(&a->arena);
	explicit_bzero(a, sizeof(*a));
	free(a);
}

bool access_has_accounts(const struct access *a)
{
	pthread_rwlock_rdlock((pthread_rwlock_t *)&a->lock);
	bool any = a->accounts->n > 0;
	pthread_rwlock_unlock((pthread_rwlock_t *)&a->lock);
	return any || !a->o.anonymous;
}
