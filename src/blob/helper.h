/* One thread a store that hashes what the caller writes at the same time. Whoever finds it busy hashes alone: with many uploads
 * at once the processors have enough to do, with one they have not. */
#pragma once
#include "hash.h"

struct hash_helper;
[[nodiscard]] enum err_code hash_helper_open(struct hash_helper **ret, struct err *e);
void hash_helper_close(struct hash_helper *h);	/* takes NULL; ends the thread */
/* Begins blob_hash_update(hash, bytes); false: busy, or there is no thread to be had. Both arguments stay untouched until
 * hash_helper_end. */
bool hash_helper_begin(struct hash_helper *h, struct blob_hash *hash, struct slice bytes);
void hash_helper_end(struct hash_helper *h);	/* waits; for the one who began */
