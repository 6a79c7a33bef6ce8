/* Within the distribution protocol (reg_*.c): memory of what is asked for often, upload sessions, what handlers share. */
#pragma once
#include <pthread.h>
#include "gate.h"
#include "inside.h"
#include "store_content.h"

struct registry {
	struct mem_manifest *manifests;
	struct mem_fd *fds;
	struct sessions *sessions;
};

/* --- Hot manifests (mem_manifest.c): bounded to MEM_MANIFEST_BYTES; bodies by digest, and which body a reference gave a moment ago. ----------------- */

enum { MEM_MANIFEST_BYTES = 8 << 20, MEM_MANIFEST_MS = 1000 };
/* Counted; everything in it is constant. */
struct mem_body;
struct slice mem_body_digest(const struct mem_body *b);
struct slice mem_body_bytes(const struct mem_body *b);
const char *mem_body_type(const struct mem_body *b);
void mem_body_release(void *b);		/* takes NULL */
struct mem_manifest *mem_manifest_open(void);	/* NULL: out of memory */
void mem_manifest_close(struct mem_manifest *m);	/* takes NULL */
/* NULL: not known. For the caller to release. */
struct mem_body *mem_manifest_body(struct mem_manifest *m, struct slice digest);
/* Copies. NULL: out of memory. */
struct mem_body *mem_manifest_add(struct mem_manifest *m, const struct store_manifest *manifest);
/* What a reference in a repository gives to everybody, as of `changes`; forgotten after MEM_MANIFEST_MS. */
void mem_manifest_remember(struct mem_manifest *m, struct slice repository, struct slice reference, struct mem_body *b, uint64_t changes);
struct mem_body *mem_manifest_known(struct mem_manifest *m, struct slice repository, struct slice reference, uint64_t changes);

/* --- Open blobs (mem_fd.c): at most MEM_FDS descriptors, each for at most a minute. -------------------------------------------------------- */

enum { MEM_FDS = 256 };
struct mem_fd *mem_fd_open(void);
void mem_fd_close(struct mem_fd *m);	/* takes NULL */
int mem_fd_get(struct mem_fd *m, struct slice digest);	/* a descriptor of the caller's own, or -1 */
void mem_fd_put(struct mem_fd *m, struct slice digest, int fd);	/* fd stays the caller's */
void mem_fd_forget(struct mem_fd *m, struct slice digest);

/* --- What handlers share (reg_common.c) --------------------------------------------------------------------------------------- */

/* A tag, or a digest that we have. false: answered, with `status` where it looks like a tag. */
bool reg_reference_valid(struct call *c, int status, const char *code);
/* Answers and returns false where nothing can be pushed: a mirror, an upstream's namespace. */
bool reg_may_write(struct call *c);
/* Answers whatever is not GATE_YES. absent_code, absent_text: for GATE_ABSENT. */
void reg_gate_answer(struct call *c, const struct gate_answer *a, const char *absent_code, const char *absent_text);
/* Answers 304 when the client has this digest already. */
bool reg_not_modified(struct call *c, struct slice digest);
void reg_digest_headers(struct call *c, struct slice digest);	/* Docker-Content-Digest, ETag, Cache-Control */
/* The same caller in another repository; false: no memory or no such name. */
bool reg_call_for(const struct call *c, struct slice repository, struct call *ret);
uint64_t reg_wait_left_ms(const struct call *c);		/* of pull_wait */
/* "n" and "last" of a list. false: answered. */
bool reg_page(struct call *c, uint64_t most, uint64_t *ret_n, struct slice *ret_last);
/* Link to the next page, with the request's own path. */
void reg_link_next(struct call *c, uint64_t n, struct slice last, const char *more_key, struct slice more_value);
/* The caller's name as accounts are recorded. */
static inline struct slice reg_account(const struct call *c) { return c->who.anonymous ? SL("") : slice_str(c->who.name); }
/* "bytes=a-b" on `size` bytes. 200: everything; 206; 416. */
int reg_range(struct slice header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length);

/* --- Upload sessions (reg_session.c): open between the requests of an upload, so that nothing is read again; a row in the database tells other nodes, and this one
 * after a restart, how to go on. With a blob store of this node's alone the row is written when nothing came for a second; else at the end of each request. ------ */

struct session {
	struct session *next;
	char id[BLOB_ID_BYTES];
	char repository[256], account[128];
	struct blob_upload *upload;
	uint64_t row_bytes;		/* as the row says */
	bool has_row;
	bool busy;			/* some request, or the saving thread, has it */
	uint64_t used_ns;
};
struct sessions *sessions_open(struct gateway *g, struct err *e);
void sessions_close(struct sessions *t);	/* saves; takes NULL */
/* All give a session that is the caller's until session_return, session_forget or session_finish. ERR_NOT_FOUND: no such upload of this account in this repository; ERR_CANCELLED: another
 * request has it; ERR_LIMIT: too many uploads. */
[[nodiscard]] enum err_code session_begin(struct call *c, int algo, struct session **ret, struct err *e);	/* blocks */
/* From memory, without blocking; NULL: ask session_get. */
struct session *session_try(struct call *c, struct slice id);
[[nodiscard]] enum err_code session_get(struct call *c, struct slice id, struct session **ret, struct err *e);	/* blocks */
/* At a request's end. Saves where other nodes may go on; blocks then. ERR_CANCELLED: another node went on with it; the session is gone. */
[[nodiscard]] enum err_code session_return(struct call *c, struct session *s, struct err *e);
void session_release(struct call *c, struct session *s);	/* nothing was changed */
/* Completes it: the blob, its row and link. The session is gone in every case. ERR_DIGEST, or what else may fail. */
[[nodiscard]] enum err_code session_finish(struct call *c, struct session *s, struct slice digest, struct err *e);
void session_remove(struct call *c, struct session *s);	/* and its bytes */
uint64_t sessions_count(const struct sessions *t);

/* --- Blobs, links (reg_link.c) ---------------------------------------------------------------------------------------------- */

/* Makes a blob whose bytes are there visible in the repository, for the caller. upload_id empty: no row to go. */
[[nodiscard]] enum err_code reg_blob_publish(struct call *c, struct slice digest, uint64_t size, struct slice upload_id, struct err *e);
/* POST …?mount=: true: answered with 201. */
bool reg_mount(struct call *c, struct slice digest, struct slice from, bool has_from);
void reg_blob_created(struct call *c, struct slice digest);	/* 201 */
/* May the caller use the blob in a manifest of this repository? It was brought here by the caller, or the caller sees it here. */
[[nodiscard]] enum err_code reg_blob_usable(struct call *c, struct slice digest, bool *ret, struct err *e);
/* Did the caller bring it here since then? The anonymous are told for HEAD only, and only where they may push. */
[[nodiscard]] enum err_code reg_blob_own(struct call *c, struct slice digest, uint64_t since_s, bool *ret, uint64_t *ret_size, struct err *e);
/* Renews a blob's grace when it is older than some minutes. */
void reg_blob_renew(struct call *c, struct slice digest);
/* OK, or ERR_LIMIT: the repository's quota would be passed. */
[[nodiscard]] enum err_code reg_quota(struct call *c, uint64_t more, struct err *e);
