/* One request with its redirects, repetitions and resumptions; its body is pulled as a stream. */
#pragma once
#include <pthread.h>
#include "address.h"
#include "curl_lib.h"
#include "os.h"
#include "url.h"

enum { NET_MAX_REDIRECTS = 10, NET_MAX_RESUMES = 32, NET_WINDOW = 1 << 20, NET_RETRY_AFTER_MAX_S = 60, NET_MAX_IDLE = 8 };

#define ESC_SHORT(s) text_escape_to((char[112]){ 0 }, 112, slice_str(s))

struct conn { CURL *easy; CURLM *multi; };

struct net_client {
	struct curl_lib lib;
	struct arena arena;
	struct net_options o;
	pthread_mutex_t lock;
	struct conn idle[NET_MAX_IDLE];
	unsigned n_idle;
};
[[nodiscard]] enum err_code client_take(struct net_client *c, struct conn *ret, struct err *e);
void client_give(struct net_client *c, struct conn *conn, bool reusable);

/* Headers of one answer as they come in. */
struct headers {
	struct arena arena;
	int status;
	struct { struct net_header *items; size_t n, cap; } list;
	size_t bytes;
	bool done, too_large;
};
void headers_reset(struct headers *h);
void headers_line(struct headers *h, struct slice line);	/* with its CR LF; an empty one ends the head unless it was a 1xx */
struct slice headers_get(const struct headers *h, const char *name);
/* "bytes A-B/C"; total UINT64_MAX for '*'. */
bool content_range_parse(struct slice v, uint64_t *ret_first, uint64_t *ret_total);
/* Seconds or an HTTP date; capped. */
uint64_t retry_after_ms(struct slice v, uint64_t now_s);

struct transfer {
	struct stream s;
	struct net_client *c;
	struct arena arena;		/* the request */
	struct net_request q;
	struct slice body;
	struct conn conn;
	bool active, finished, paused;
	CURLcode result;
	struct curl_slist *list;
	char *url;			/* of the hop now asked */
	struct url hop;
	bool proxied, first_hop;
	enum net_reach allowed;		/* farthest kind this hop may lead to */
	enum net_reach first_reach;	/* of the first URL's address */
	bool blocked;
	char blocked_address[64];
	struct headers head;		/* of the answer now coming in */
	struct headers final;		/* of the answer that counts */
	struct net_response response;
	struct buf window;		/* body bytes not yet read */
	size_t window_at;
	uint64_t at;			/* body bytes handed out, from the content's start (with q.offset) */
	uint64_t sent;			/* of the request's body, in this attempt */
	uint64_t skip;			/* of this answer's body, already had */
	unsigned tries, resumes;
	uint64_t progress_ns;
	uint64_t head_until_ns, whole_until_ns;	/* they must be there by then */
	char error[CURL_ERROR_SIZE];
};

/* transfer.c: one exchange */
[[nodiscard]] enum err_code transfer_start(struct transfer *t, struct err *e);
/* Once the head is there: what kind of address the first URL really led to. */
void transfer_note_reach(struct transfer *t);
void transfer_stop(struct transfer *t);
/* Drives until the head is complete, body bytes are there, or it is over. OK also when over: see finished, result. */
[[nodiscard]] enum err_code transfer_drive(struct transfer *t, bool for_head, struct err *e);
/* The sentence for a failed exchange. */
[[nodiscard]] enum err_code transfer_error(struct transfer *t, struct err *e);
