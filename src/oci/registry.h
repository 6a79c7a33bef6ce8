/* State of a registry source. */
#pragma once
#include <pthread.h>
#include "auth.h"
#include "net.h"

struct registry {
	struct net_client *net;
	struct oci_reference ref;
	struct slice host;		/* to connect to: "registry-1.docker.io" for docker.io */
	const char *base;		/* "https://host"; set by the first request that works */
	bool plain_allowed;		/* may http be tried? */
	pthread_mutex_t lock;		/* for what follows: layers are opened by several threads */
	char *authorization;		/* malloc'd; NULL: none */
	uint64_t generation;		/* of authorization */
	struct oci_credentials credentials;
	bool credentials_known;
};

/* What is needed to answer a challenge. */
struct registry_login {
	struct net_client *net;
	const char *base;		/* "https://host", of the registry */
	struct slice name;		/* of the registry, for messages */
	struct slice repository;	/* the scope: pulling from it */
	struct slice what;		/* asked for, for messages */
	const struct oci_credentials *credentials;
	const char *hint, *plain_hint;	/* what a person can do without credentials, without TLS */
	bool plain_fine;		/* credentials may go over http */
	bool once;			/* see net.h */
	uint64_t whole_ms;
};
/* The value of Authorization for the challenge in `r`, and how long it holds (UINT64_MAX: until it is refused). */
[[nodiscard]] enum err_code registry_login(const struct registry_login *l, const struct net_response *r, struct buf *out, uint64_t *ret_life_s,
					   struct err *e);
/* Gets a new authorization for the challenge of `r`, which answered a request made with `generation`. */
[[nodiscard]] enum err_code registry_authenticate(struct oci_source *s, struct registry *g, const struct net_response *r,
					 uint64_t generation,
						  struct err *e);
/* Certificates for the host from --cert-dir or certs.d into o; text in the arena. */
[[nodiscard]] enum err_code registry_certificates(struct oci_source *s, struct slice host, struct net_options *o, struct err *e);
/* The error a registry's or daemon's JSON body names, escaped, or "". */
char *registry_message(struct slice body, char *dst, size_t cap);
