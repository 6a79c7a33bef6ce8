/* Credentials for registries: where they stand, and what a registry's challenge asks for. */
#pragma once
#include "source.h"

struct oci_credentials {
	struct slice user, password;
	struct slice identity_token;	/* an OAuth2 refresh token, instead of the password */
	bool found;
};
/* Looks in --authfile or $REGISTRY_AUTH_FILE alone when given, else in containers' and Docker's places, in that order. Not found is OK. */
[[nodiscard]] enum err_code oci_credentials_find(const struct oci_options *o, const struct oci_reference *r, struct arena *a,
						 struct oci_credentials *ret, struct err *e);
/* One file's text. */
[[nodiscard]] enum err_code oci_credentials_parse(struct slice json, const char *file, const struct oci_reference *r,
					 struct arena *a,
						  struct oci_credentials *ret, struct err *e);
/* Runs docker-credential-NAME get (Docker's credential helper protocol). */
[[nodiscard]] enum err_code oci_credentials_helper(struct slice name, struct slice server, struct arena *a,
					 struct oci_credentials *ret,
						   struct err *e);

/* WWW-Authenticate (RFC 7235). */
struct oci_challenge { bool basic, bearer; struct slice realm, service; };
void oci_challenge_parse(struct slice header, struct arena *a, struct oci_challenge *inout);

/* May credentials for `registry` be sent to `host`? Only to the same host or one of the same owner ("auth.docker.io" for
 * "registry-1.docker.io"), as far as names show it. Both without port. */
bool oci_same_owner(struct slice registry, struct slice host);
