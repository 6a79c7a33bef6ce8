/* containers-auth.json(5) and Docker's config.json. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "auth.h"

enum { MAX_AUTH_FILE = 4 << 20 };

/* "https://index.docker.io/v1/" -> "docker.io"; "quay.io/org" stays. */
static struct slice canonical_key(struct slice k)
{
	bool url = slice_has_prefix(k, SL("https://")) || slice_has_prefix(k, SL("http://"));
	if (url)
		k = slice_from(k, (size_t)slice_find(k, SL("://")) + 3);
	ptrdiff_t slash = slice_find_byte(k, '/');
	struct slice host = slash < 0 ? k : slice_upto(k, (size_t)slash), path = slash < 0 ? SLICE_NULL : slice_from(k, (size_t)slash);
	if (slice_eqs(host, "index.docker.io") || slice_eqs(host, "registry-1.docker.io") || slice_eqs(host, "docker.io"))
		return url || path.n <= 1 || slice_has_prefix(path, SL("/v1")) ? SL("docker.io") : k;
	return url || slice_eqs(path, "/") || slice_eqs(path, "/v1/") || slice_eqs(path, "/v2/") ? host : k;
}

/* How specific a key is for this image: 0 not at all, else its length. "quay.io/org" serves "quay.io/org/app". */
static size_t key_serves(struct slice key, const struct oci_reference *r, struct arena *a)
{
	struct slice name = arena_printf(a, "%.*s/%.*s", SLICE_ARG(r->domain), SLICE_ARG(r->path)), k = canonical_key(key);
	if (slice_has_prefix(k, SL("*.")))		/* credHelpers of containers' registries.conf style */
		return slice_has_suffix(r->domain, slice_from(k, 1)) ? 1 : 0;
	if (!k.n || !slice_has_prefix(name, k))
		return 0;
	return name.n == k.n || name.p[k.n] == '/' ? k.n : 0;
}

static const json_t *best_entry(const json_t *map, const struct oci_reference *r, struct arena *a, const char **ret_key)
{
	const json_t *best = NULL;
	const char *key;
	json_t *v;
	size_t most = 0;
	json_object_foreach((json_t *)map, key, v) {
		size_t n = key_serves(slice_str(key), r, a);
		if (n > most) {
			most = n;
			best = v;
			*ret_key = key;
		}
	}
	return best;
}

static enum err_code from_auths(const json_t *entry, const char *file, struct arena *a, struct oci_credentials *ret,
					 struct err *e)
{
	struct slice auth, token;
	AUTO_BUF plain = BUF(64 * KIB);
	if (!json_is_object(entry))
		return err_set(e, ERR_USAGE, 0, "'%s' has an 'auths' entry that is no object", file);
	TRY(json_text(entry, "identitytoken", JSON_MAY, file, a, &token, e));
	TRY(json_text(entry, "auth", JSON_MAY, file, a, &auth, e));
	if (!auth.n && !token.n)
		return OK;
	if (!base64_decode(&plain, auth, true))
		return err_set(e, ERR_USAGE, 0, "'%s' has an 'auth' that is not base64", file);
	struct slice text = arena_dup(a, buf_slice(&plain));
	ptrdiff_t colon = slice_find_byte(text, ':');
	if (colon < 0 && !token.n)
		return err_set(e, ERR_USAGE, 0, "'%s' has an 'auth' without a colon between user and password", file);
	*ret = (struct oci_credentials){ .found = true, .identity_token = token };
	if (colon >= 0) {
		ret->user = slice_upto(text, (size_t)colon);
		ret->password = slice_from(text, (size_t)colon + 1);
		while (ret->password.n && !ret->password.p[ret->password.n - 1])	/* old Docker padded with NULs */
			ret->password.n--;
	}
	return arena_ok(a, "read credentials", e);
}

/* Docker's own name of the Hub is the key that its helpers store under. */
static struct slice helper_server(const struct oci_reference *r, const char *key)
{
	if (key && slice_find(slice_str(key), SL("*")) < 0 && !slice_eqs(r->domain, "docker.io"))
		return slice_str(key);
	return slice_eqs(r->domain, "docker.io") ? SL("https://index.docker.io/v1/") : r->domain;
}

enum err_code oci_credentials_parse(struct slice json, const char *file, const struct oci_reference *r, struct arena *a,
				    struct oci_credentials *ret, struct err *e)
{
	AUTO_JSON j = NULL;
	json_t *helpers, *auths;
	struct slice store;
	const char *key = NULL;
	TRY(json_strict(json, file, &j, e));
	if (!json_is_object(j))
		return err_set(e, ERR_USAGE, 0, "'%s' is no JSON object", file);
	TRY(json_object_of(j, "credHelpers", JSON_MAY, file, &helpers, e));
	TRY(json_object_of(j, "auths", JSON_MAY, file, &auths, e));
	TRY(json_text(j, "credsStore", JSON_MAY, file, a, &store, e));
	const json_t *helper = best_entry(helpers, r, a, &key);
	if (json_is_string(helper))
		TRY(oci_credentials_helper(arena_dup(a, slice_str(json_string_value(helper))), helper_server(r, key), a, ret, e));
	const json_t *entry = ret->found ? NULL : best_entry(auths, r, a, &key);
	if (entry)
		TRY(from_auths(entry, file, a, ret, e));
	if (!ret->found && store.n)
		TRY(oci_credentials_helper(store, helper_server(r, NULL), a, ret, e));
	return arena_ok(a, "read credentials", e);
}

static enum err_code from_file(const char *path, bool must, const struct oci_reference *r, struct arena *a,
					 struct oci_credentials *ret,
			       struct err *e)
{
	AUTO_BUF b = BUF(MAX_AUTH_FILE);
	struct err why = { 0 };
	enum err_code rc = os_read_file(path, &b, &why);
	if (rc && !must)
		return OK;		/* not there, or not ours to read: the next place may serve */
	if (rc) {
		*e = why;
		return err_prefix(e, "read credentials");
	}
	if (!slice_trim(buf_slice(&b)).n)
		return OK;
	return oci_credentials_parse(buf_slice(&b), path, r, a, ret, e);
}

enum err_code oci_credentials_find(const struct oci_options *o, const struct oci_reference *r, struct arena *a,
					 struct oci_credentials *ret,
				   struct err *e)
{
	char paths[5][512] = { { 0 } };
	const char *env = getenv("REGISTRY_AUTH_FILE"), *home = getenv("HOME"), *run = getenv("XDG_RUNTIME_DIR"),
			*config = getenv("XDG_CONFIG_HOME");
	const char *docker = getenv("DOCKER_CONFIG"), *named = o->authfile ? o->authfile : env && *env ? env : NULL;
	*ret = (struct oci_credentials){ 0 };
	if (named)
		return from_file(named, true, r, a, ret, e);
	if (run && *run)
		snprintf(paths[0], sizeof(paths[0]), "%.400s/containers/auth.json", run);
	else
		snprintf(paths[0], sizeof(paths[0]), "/run/containers/%u/auth.json", (unsigned)getuid());
	if (config && *config)
		snprintf(paths[1], sizeof(paths[1]), "%.400s/containers/auth.json", config);
	else if (home && *home)
		snprintf(paths[1], sizeof(paths[1]), "%.400s/.config/containers/auth.json", home);
	if (docker && *docker)
		snprintf(paths[2], sizeof(paths[2]), "%.400s/config.json", docker);
	else if (home && *home)
		snprintf(paths[2], sizeof(paths[2]), "%.400s/.docker/config.json", home);
	for (size_t i = 0; i < ARRAY_LEN(paths) && !ret->found; i++)
		if (*paths[i])
			TRY(from_file(paths[i], false, r, a, ret, e));
	return OK;
}
