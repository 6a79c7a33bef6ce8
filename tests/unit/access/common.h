/* What the tests of this room share. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "inside.h"

#define BOB_BCRYPT "$2y$04$lMKO5/0n68zai8V8BESgGuh/OvD23rrVv0m4oQlA1PaGeh0Nkpay."	/* as htpasswd -B makes it, of PASSWORD */
#define PASSWORD "correct horse"

struct peer { union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; }; };

static inline struct peer peer_of(const char *text)
{
	struct peer p = { 0 };
	if (inet_pton(AF_INET, text, &p.v4.sin_addr) == 1)
		p.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &p.v6.sin6_addr) == 1)
		p.v6.sin6_family = AF_INET6;
	else
		p.any.sa_family = AF_UNIX;
	return p;
}

static inline char *write_file(const char *dir, const char *name, const char *text)
{
	static char path[4][256];
	static unsigned turn;
	char *to = path[turn++ % 4];
	snprintf(to, 256, "%s/%s", dir, name);
	FILE *f = fopen(to, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return to;
}

/* "Basic …" in a static buffer. */
static inline struct slice basic_of(const char *name, const char *password)
{
	static char out[1024];
	AUTO_BUF plain = BUF(KIB), coded = BUF(KIB);
	buf_printf(&plain, "%s:%s", name, password);
	base64_encode(&coded, buf_slice(&plain));
	snprintf(out, sizeof(out), "Basic %s", buf_cstr(&coded));
	return slice_str(out);
}

static inline enum access_result ask(struct access *a, struct slice authorization, const char *from, struct access_subject *ret)
{
	struct peer p = peer_of(from);
	unsigned wait_s = 0;
	enum access_result r = access_identify(a, authorization, &p.any, SLICE_NULL, ret);
	return r == ACCESS_SLOW ? access_identify_slow(a, authorization, &p.any, ret, &wait_s) : r;
}

/* The token of an answer of the token endpoint, as "Bearer …". */
static inline void token_of(struct access *a, const struct access_subject *s, const char *scopes, char *dst, size_t cap)
{
	struct err e = { 0 };
	AUTO_BUF out = BUF(64 * KIB);
	if (access_token_answer(a, s, slice_str(scopes), &out, &e) != OK)
		fail_msg("%s", e.msg);
	const char *text = buf_cstr(&out), *start = strstr(text, "\"token\":\"") + 9;
	snprintf(dst, cap, "Bearer %.*s", (int)(strchr(start, '"') - start), start);
}

static inline char *directory(void)
{
	static char dir[64];
	strcpy(dir, "/tmp/pabean-access-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void remove_directory(const char *dir)
{
	struct err e;
	assert_int_equal(os_remove_tree(dir, &e), OK);
}
