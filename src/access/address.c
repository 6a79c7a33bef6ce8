/* Where a request comes from. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include "inside.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool access_address_of(const struct sockaddr *peer, uint8_t ret[16])
{
	if (peer && peer->sa_family == AF_INET) {
		memcpy(ret, mapped, 12);
		memcpy(ret + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
		return true;
	}
	if (!peer || peer->sa_family != AF_INET6)
		return false;
	memcpy(ret, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
	return true;
}

bool access_address_is_loopback(const uint8_t address[16])
{
	static const uint8_t one[16] = { [15] = 1 };
	return !memcmp(address, one, 16) || (!memcmp(address, mapped, 12) && address[12] == 127);
}

bool access_network_parse(struct slice text, struct network *ret)
{
	char host[64];
	uint64_t bits = UINT64_MAX;
	ptrdiff_t slash = slice_find_byte(text, '/');
	struct slice address = slash < 0 ? text : slice_upto(text, (size_t)slash);
	struct network n;
	if (!address.n || address.n >= sizeof(host) || (slash >= 0 && !slice_to_u64(slice_from(text, (size_t)slash + 1), &bits)))
		return false;
	memcpy(host, address.p, address.n);
	host[address.n] = '\0';
	if (inet_pton(AF_INET, host, n.bytes + 12) == 1) {
		memcpy(n.bytes, mapped, 12);
		bits = bits == UINT64_MAX ? 128 : bits > 32 ? 129 : bits + 96;
	} else if (inet_pton(AF_INET6, host, n.bytes) == 1) {
		bits = bits == UINT64_MAX ? 128 : bits;
	} else {
		return false;
	}
	if (bits > 128)
		return false;
	n.bits = (unsigned)bits;
	*ret = n;
	return true;
}

bool access_network_has(const struct network *n, const uint8_t address[16])
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(n->bytes, address, whole))
		return false;
	return !rest || !((n->bytes[whole] ^ address[whole]) & (uint8_t)(0xff << (8 - rest)));
}

void access_address_place(const struct sockaddr *peer, uint8_t ret[17])
{
	memset(ret, 0, 17);
	if (!access_address_of(peer, ret + 1)) {
		ret[0] = peer ? 1 : 2;
		return;
	}
	if (memcmp(ret + 1, mapped, 12))
		memset(ret + 1 + 8, 0, 8);
}

bool access_address_in(const struct slice *networks, size_t n, const struct sockaddr *peer)
{
	uint8_t address[16];
	struct network one;
	if (!access_address_of(peer, address))
		return false;
	for (size_t i = 0; i < n; i++)
		if (access_network_parse(networks[i], &one) && access_network_has(&one, address))
			return true;
	return false;
}
