/* Within the upload sessions. */
#pragma once
#include "registry.h"

enum { SESSION_BUCKETS = 256, SESSIONS_OPEN = 256, SESSION_SAVE_S = 1, SESSION_CLOSE_S = 60, SESSION_STATE = 64 << 10 };

struct sessions {
	struct gateway *g;
	pthread_mutex_t lock;
	pthread_cond_t change;		/* a session is no longer busy, or it is time to stop */
	struct session *buckets[SESSION_BUCKETS];
	size_t n;
	bool shared;			/* other nodes see the same uploads */
	bool stop, has_saver;
	pthread_t saver;
};

static inline uint64_t session_offset(const struct session *s) { return blob_upload_offset(s->upload); }
/* Under the lock: where it is, or would be linked. */
struct session **session_place(struct sessions *t, struct slice id);
void session_unlink(struct sessions *t, struct session *s);	/* under the lock */
void session_free(struct session *s);
/* Writes its row. The session is the caller's. */
[[nodiscard]] enum err_code session_save(struct sessions *t, struct session *s, struct err *e);
/* Under the lock, which is given up meanwhile: saves an idle one, and closes it when it has been idle for long. */
void session_work(struct sessions *t, struct session *s);
