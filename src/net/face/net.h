/* HTTP(S) over libcurl, which is loaded by dlopen when first used. Library code: logs nothing.
 *
 * Redirects are followed here, not by libcurl: at most 10, never from https to http; what `authorization` holds goes only to the
 * scheme, host and port of the first URL. A redirect (or a URL asked for with `endpoint`) may lead to an address of a kind (public <
 * private < loopback < link-local, metadata, multicast, reserved) only if the first endpoint itself was of that kind or a further one;
 * IPv4-mapped, NAT64 and 6to4 addresses count as the IPv4 address in them. This is checked at connect, on the address itself.
 * Behind a proxy, literal addresses and names that resolve here are judged before the proxy is asked.
 * Proxies come from http_proxy, https_proxy, all_proxy, no_proxy (also upper case but HTTP_PROXY, as curl). */
#pragma once
#include "codec.h"

/* What kind of address was connected to, for `endpoint` and `farthest`. */
enum net_reach { NET_REACH_PUBLIC, NET_REACH_PRIVATE, NET_REACH_LOOPBACK, NET_REACH_SPECIAL };

struct net_options {
	const char *user_agent;		/* NULL: "pabean" */
	bool insecure;			/* do not verify certificates */
	const char *ca_file;		/* added to the system's; NULL: none */
	const char *client_cert, *client_key;	/* PEM; NULL: none */
	const char *unix_socket;	/* all requests go through it; URLs are then "http://localhost/…" */
	const char *proxy;		/* URL of a proxy for everything; "": none; NULL: the environment's */
	const enum net_reach *farthest;	/* no request goes farther, whoever named its URL; NULL: no such limit */
	uint64_t timeout_ms;		/* to connect, and without a byte; 0: 60 s */
	unsigned retries;		/* of one request without progress; 0: 4. Back-off 0.5 s doubled, Retry-After honoured up to 60 s */
	bool keep_on_signal;		/* transfers go on after SIGTERM and the like (a server that lets running requests end) */
};

struct net_client;	/* thread-safe; keeps connections */
[[nodiscard]] enum err_code net_client_open(const struct net_options *o, struct net_client **ret, struct err *e);
void net_client_close(struct net_client *c);	/* takes NULL; after its streams */

struct net_header { struct slice name, value; };

/* A body in a file: `size` bytes from `offset`, by pread, as often as the request is repeated. The descriptor stays the caller's. */
struct net_file { int fd; uint64_t offset, size; };

/* Called before each attempt for headers that depend on the time, such as a signature: calls add(to, name, value) for each. */
typedef void net_header_add(void *to, const char *name, const char *value);
typedef void net_sign_fn(void *arg, net_header_add *add, void *to);

struct net_request {
	const char *method;		/* NULL: GET; HEAD; POST, PUT, PATCH, DELETE with body */
	const char *url;		/* http or https */
	const char *accept;		/* NULL: none */
	const char *authorization;	/* "Bearer …", "Basic …"; NULL: none */
	const char *if_none_match;	/* ETag; NULL: none */
	const char *content_type;	/* of the body */
	struct slice body;
	const enum net_reach *endpoint;	/* NULL: the person named this URL. Else: a server did; the farthest kind it may lead to */
	uint64_t offset;		/* resume behind that many bytes already there; the stream then starts at offset */
	const char *if_range;		/* ETag of what is already there; with offset: ERR_NET when it changed */
	bool no_redirect;		/* a 3xx is the answer */
	bool once;			/* nothing is tried again: a broken connection is an error, 429 and 5xx are answers */
	uint64_t head_ms;		/* longest wait for the final answer's head, over all hops and repetitions; 0: no such limit */
	uint64_t whole_ms;		/* the same for the whole answer */
	const struct net_file *file;	/* of a PUT; NULL: body */
	uint64_t end;			/* only the bytes before this one are asked for; 0: all. A server may send all the same */
	uint64_t timeout_ms;		/* 0: the client's */
	bool retry_500;			/* 500 is tried again, too */
	net_sign_fn *sign;		/* NULL: none; must be callable until the stream is closed */
	void *sign_arg;
};

enum { NET_MAX_HEADERS = 256, NET_MAX_HEADER_BYTES = 64 << 10 };

/* Lives as long as the stream. A status is not an error: only failing to get one is (ERR_NET, ERR_TIMEOUT, ERR_CANCELLED; ERR_AUTH: the
 * certificate is not trusted; ERR_NET with sys EACCES: a server led where it may not lead). 429, 502, 503, 504 and broken connections are tried again first. */
struct net_response {
	int status;
	const struct net_header *headers;	/* of the final answer */
	size_t n_headers;
	const char *url;			/* where it came from, after redirects */
	uint64_t length;			/* of the whole content; UINT64_MAX: unknown */
	enum net_reach reach;			/* of the first URL */
};
struct slice net_response_header(const struct net_response *r, const char *name);	/* first of that name (no case), or empty */
/* "connection, host" for messages: scheme://host[:port] without path, escaped. */
char *net_url_origin(const char *url, char *dst, size_t cap);
/* The kind of a URL's host when that is a literal address or "localhost"; false: another name, or no URL. */
bool net_url_reach(const char *url, enum net_reach *ret);
/* Same scheme, host and port? */
bool net_url_same_origin(const char *a, const char *b);
/* `ref` taken relative to `base`; http and https only, no credentials in it. */
[[nodiscard]] enum err_code net_url_join(const char *base, const char *ref, struct buf *out, struct err *e);
/* Percent-encodes everything but unreserved characters. */
void net_url_escape(struct buf *out, struct slice s);

/* Sends, and returns when the final answer's headers are there. Reading the stream gives the body; a connection that breaks is resumed
 * by Range (a server that ignores it is read again up to the place). Ends with ERR_NET when the body stays shorter than promised. */
[[nodiscard]] enum err_code net_open(struct net_client *c, const struct net_request *q, const struct net_response **ret_response,
				     struct stream **ret, struct err *e);
/* The whole body; ERR_LIMIT when larger than out->max. *ret_status as it came. Headers wanted: see net_open. */
[[nodiscard]] enum err_code net_fetch(struct net_client *c, const struct net_request *q, struct buf *out, int *ret_status,
				      struct err *e);
