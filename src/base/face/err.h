/* Errors: a caller-owned value; failing allocates nothing and logs nothing.
 *
 * Every function that can fail returns an enum err_code, takes a `struct err *` (never NULL) that it fills on failure,
 * and writes its `ret_...` outputs only on success. */
#pragma once
#include <stdarg.h>
#include <stdint.h>

enum err_code {
	OK = 0,
	ERR_IO,		/* the operating system said no; sys holds errno */
	ERR_NOMEM,	/* allocation failed or a memory budget is used up */
	ERR_FORMAT,	/* the bytes are not what their format says */
	ERR_LIMIT,	/* a documented limit was passed (size, count, depth, time) */
	ERR_DIGEST,	/* bytes do not have the digest they were asked for by */
	ERR_NOT_FOUND,
	ERR_UNSUPPORTED,/* well-formed, but not something pabean handles */
	ERR_USAGE,	/* the person's command line, configuration or policy is wrong */
	ERR_NET,	/* network, HTTP or registry failure */
	ERR_AUTH,	/* credentials missing or refused */
	ERR_TIMEOUT,
	ERR_CANCELLED,	/* a signal or the caller asked to stop */
	ERR_CRASHED,	/* a worker died */
	ERR_INTERNAL,	/* a bug in pabean */
};

struct err {
	enum err_code code;
	int sys;		/* errno, or 0 */
	uint64_t offset;	/* byte offset in the input, or 0 */
	char msg[320];		/* one sentence without a final dot; hostile text in it is escaped */
};

/* Fills *e and returns code. When sys is not 0, ": <strerror>" is appended. */
[[nodiscard]] [[gnu::format(printf, 4, 5)]]
enum err_code err_set(struct err *e, enum err_code code, int sys, const char *fmt, ...);

/* As err_set, with a byte offset that is appended as " (at byte N)". */
[[nodiscard]] [[gnu::format(printf, 4, 5)]]
enum err_code err_at(struct err *e, enum err_code code, uint64_t offset, const char *fmt, ...);

/* Puts "<prefix>: " before the message of an error already set; returns its code. */
[[nodiscard]] [[gnu::format(printf, 2, 3)]]
enum err_code err_prefix(struct err *e, const char *fmt, ...);

/* A stable lower-case word for a code: "io", "format", ... */
const char *err_code_name(enum err_code code);

#define TRY(expr) do { enum err_code try_code_ = (expr); if (try_code_ != OK) return try_code_; } while (0)
