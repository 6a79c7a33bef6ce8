/* The Authorization header, scopes and claims, as they come from anywhere. The first byte chooses; claims are signed here, so that what is behind the
 * signature is looked at, too. */
#include <stdlib.h>
#include "inside.h"

static struct access *opened(void)
{
	static struct access *a;
	struct err e;
	struct access_options o = { .service = "s", .anonymous = ACCESS_PULL };
	if (!a && access_open(&o, &a, &e) != OK)
		abort();
	return a;
}

static void claims(struct access *a, struct slice in)
{
	AUTO_BUF out = BUF(64 * KIB);
	uint8_t mac[32];
	struct access_subject s;
	buf_puts(&out, "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.");
	access_base64url_put(&out, in);
	struct slice text = slice_from(buf_slice(&out), 7);
	if (text.n > TOKEN_MAX)
		return;
	access_hmac_of(&a->signing, &text, 1, mac);
	buf_putc(&out, '.');
	access_base64url_put(&out, slice_of(mac, sizeof(mac)));
	if (access_identify(a, buf_slice(&out), NULL, SLICE_NULL, &s) == ACCESS_OK && (s.n_grants > ACCESS_MAX_GRANTS || access_may(&s, ACCESS_PUSH, SL("x"))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct access *a = opened();
	struct slice in = size ? slice_of(data + 1, size - 1) : SLICE_NULL;
	struct access_subject s;
	struct scope scope;
	struct err e;
	AUTO_BUF out = BUF(256 * KIB);
	AUTO_ARENA arena = ARENA(64 * KIB);
	struct access_grant g;
	os_set_now(1000);
	switch (size ? data[0] % 5 : 0) {
	case 0:
		(void)access_identify(a, in, NULL, SLICE_NULL, &s);
		break;
	case 1:
		claims(a, in);
		break;
	case 2:
		while (access_scope_next(&in, &scope))
			if (scope.name.n > 255)
				abort();
		break;
	case 3:
		(void)access_identify(a, SLICE_NULL, NULL, SLICE_NULL, &s);
		access_query_scopes(in, &out);
		if (access_token_answer(a, &s, buf_slice(&out), &out, &e) != OK && e.code != ERR_LIMIT)
			abort();
		break;
	default:
		(void)access_grant_parse(in, &arena, &g, &e);
		break;
	}
	return 0;
}
