#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include "address.h"

static const struct { uint32_t net; unsigned bits; enum net_reach reach; } V4[] = {
	{ 0x00000000, 8, NET_REACH_SPECIAL },	/* this host */
	{ 0x0a000000, 8, NET_REACH_PRIVATE },
	{ 0x64400000, 10, NET_REACH_PRIVATE },	/* carriers' NAT */
	{ 0x7f000000, 8, NET_REACH_LOOPBACK },
	{ 0xa9fe0000, 16, NET_REACH_SPECIAL },	/* link-local; clouds' metadata */
	{ 0xac100000, 12, NET_REACH_PRIVATE },
	{ 0xc0000000, 24, NET_REACH_SPECIAL },
	{ 0xc0000200, 24, NET_REACH_SPECIAL },	/* documentation */
	{ 0xc0586300, 24, NET_REACH_SPECIAL },	/* 6to4 relays */
	{ 0xc0a80000, 16, NET_REACH_PRIVATE },
	{ 0xc6120000, 15, NET_REACH_PRIVATE },	/* benchmarks */
	{ 0xc6336400, 24, NET_REACH_SPECIAL },
	{ 0xcb007100, 24, NET_REACH_SPECIAL },
	{ 0xe0000000, 3, NET_REACH_SPECIAL },	/* multicast, reserved, broadcast */
};

static enum net_reach v4_reach(uint32_t a)
{
	/* Alibaba's and Oracle's metadata services stand in ranges that are otherwise private or public. */
	if (a == 0x646464c8 || a == 0xc0000ac0)
		return NET_REACH_SPECIAL;
	for (size_t i = 0; i < ARRAY_LEN(V4); i++)
		if ((a ^ V4[i].net) >> (32 - V4[i].bits) == 0)
			return V4[i].reach;
	return NET_REACH_PUBLIC;
}

static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

static enum net_reach farther(enum net_reach a, enum net_reach b) { return a > b ? a : b; }

static enum net_reach v6_reach(const uint8_t *p)
{
	static const uint8_t zero[16], nat64[12] = { 0, 0x64, 0xff, 0x9b }, nat64_local[6] = { 0, 0x64, 0xff, 0x9b, 0, 1 };
	static const uint8_t aws_metadata[16] = { 0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x54 };
	if (!memcmp(p, zero, 10) && p[10] == 0xff && p[11] == 0xff)
		return v4_reach(be32(p + 12));		/* ::ffff:a.b.c.d */
	if (!memcmp(p, zero, 15) && p[15] == 1)
		return NET_REACH_LOOPBACK;
	if (!memcmp(p, zero, 12))
		return NET_REACH_SPECIAL;		/* ::, and the old "compatible" form */
	if (!memcmp(p, zero, 8) && p[8] == 0xff && p[9] == 0xff)
		return NET_REACH_SPECIAL;		/* ::ffff:0:a.b.c.d, translated */
	if (!memcmp(p, nat64, 12))
		return v4_reach(be32(p + 12));
	if (!memcmp(p, nat64_local, 6))
		return farther(v4_reach(be32(p + 12)), NET_REACH_PRIVATE);
	if (p[0] == 0x20 && p[1] == 0x02)
		return v4_reach(be32(p + 2));		/* 6to4 */
	if (p[0] == 0x20 && p[1] == 0x01 && p[2] == 0 && p[3] == 0)
		return farther(v4_reach(~be32(p + 12)), v4_reach(be32(p + 4)));	/* Teredo */
	if (!memcmp(p, aws_metadata, 16))
		return NET_REACH_SPECIAL;
	if ((p[0] & 0xfe) == 0xfc)
		return NET_REACH_PRIVATE;
	return (p[0] & 0xe0) == 0x20 ? NET_REACH_PUBLIC : NET_REACH_SPECIAL;
}

enum net_reach net_address_reach(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		return v4_reach(ntohl(in.sin_addr.s_addr));
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		return v6_reach(in6.sin6_addr.s6_addr);
	}
	return NET_REACH_SPECIAL;
}

bool net_host_reach(struct slice host, enum net_reach *ret)
{
	char text[64];
	uint8_t a[16];
	if (slice_eq_nocase(host, SL("localhost")) || slice_eq_nocase(host, SL("localhost.")) ||
	    (host.n > 10 && slice_eq_nocase(slice_from(host, host.n - 10), SL(".localhost")))) {
		*ret = NET_REACH_LOOPBACK;
		return true;
	}
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_sub(host, 1, host.n - 2);
	if (host.n >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(host));
	if (inet_pton(AF_INET, text, a) == 1)
		*ret = v4_reach(be32(a));
	else if (inet_pton(AF_INET6, text, a) == 1)
		*ret = v6_reach(a);
	else
		return false;
	return true;
}

enum net_reach net_name_reach(struct slice host)
{
	char text[256];
	struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM };
	enum net_reach far = NET_REACH_PUBLIC;
	if (host.n >= sizeof(text))
		return far;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(host));
	if (getaddrinfo(text, NULL, &hints, &list))
		return far;
	for (struct addrinfo *a = list; a; a = a->ai_next)
		far = farther(far, net_address_reach(a->ai_addr));
	freeaddrinfo(list);
	return far;
}

const char *net_reach_name(enum net_reach r)
{
	static const char *const names[] = { "public", "private", "loopback", "special-purpose" };
	return names[r];
}
