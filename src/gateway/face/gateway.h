/* The curated registry: `pabean serve` and `pabean worker`. */
#pragma once
#include "base.h"

struct gateway_config;
struct gateway_config_source { const char *file; struct slice text; };
/* The section `serve:` of pabean.yaml, checked; every key has a default. `name` is for messages. ERR_USAGE "file:line:column: what, and what would be right". */
[[nodiscard]] enum err_code gateway_config_parse(struct slice yaml, const char *name, struct gateway_config **ret, struct err *e);
void gateway_config_free(struct gateway_config *c);	/* takes NULL */
/* All keys with their values, as YAML that parses to the same; secrets are left out. */
[[nodiscard]] enum err_code gateway_config_print(const struct gateway_config *c, struct buf *out, struct err *e);
/* The same with the password that the database's URL may hold: for the server's own workers, never for people. */
[[nodiscard]] enum err_code gateway_config_whole(const struct gateway_config *c, struct buf *out, struct err *e);
/* "listen" (several separated by commas), "state", "database", "public_url", "policy" (the file of the policy "default"), "workers", "log", … set from the command
 * line, as if the file said it. */
[[nodiscard]] enum err_code gateway_config_set(struct gateway_config *c, const char *key, struct slice value, struct err *e);
/* What cannot be known from the file alone: beyond loopback it needs TLS, accounts (`accounts` in the file, or have_accounts: some are in the database) and
 * public_url, unless told otherwise in full words. ERR_USAGE says what to write. */
[[nodiscard]] enum err_code gateway_config_check(const struct gateway_config *c, bool insecure_no_tls, bool insecure_no_accounts, bool have_accounts, struct err *e);
/* Some lines for a terminal: where it is, what to try, where the gate is off. */
void gateway_config_hints(const struct gateway_config *c, struct buf *out);
struct slice gateway_config_state(const struct gateway_config *c);	/* the state directory */
struct slice gateway_config_database(const struct gateway_config *c);	/* its URL */

struct gateway_run {
	const struct gateway_config *config;
	const char *version;
	const char *config_path;	/* read again on reload; NULL: none */
	const char *db_dir;		/* advisories and intelligence (pabean db update) */
	const char *cache_dir;		/* facts */
	bool insecure_no_tls, insecure_no_accounts;	/* --insecure-…: listen beyond loopback without */
	void (*log)(void *arg, struct slice line);	/* one line, without newline */
	void (*ready)(void *arg);	/* it listens now */
	void *arg;
	const int *listen_fds;		/* socket activation, in the order of the configuration's listeners */
	size_t n_listen_fds;
};
/* Runs until os_cancelled: SIGTERM and SIGINT stop gracefully, SIGHUP reloads. */
[[nodiscard]] enum err_code gateway_serve(const struct gateway_run *r, struct err *e);
/* A worker: takes jobs from the queue until os_cancelled; `parent_fd` >= 0: ends when that pipe closes (started by serve). */
[[nodiscard]] enum err_code gateway_work(const struct gateway_run *r, int parent_fd, struct err *e);
