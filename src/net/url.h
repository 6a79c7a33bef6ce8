/* URLs, strictly: what libcurl could read differently from us is refused. */
#pragma once
#include "net.h"

struct url {
	bool https;
	struct slice host;	/* as written; "[::1]" with brackets */
	uint16_t port;		/* 443 or 80 by default */
	struct slice rest;	/* path and query, "" or starting with '/' or '?'; no fragment */
};
[[nodiscard]] enum err_code url_parse(struct slice text, struct url *ret, struct err *e);
bool url_same_origin(const struct url *a, const struct url *b);
