/* What kind of address is it? Ranges after IANA's special-purpose registries (RFC 6890, 8190). */
#pragma once
#include <sys/socket.h>
#include "net.h"

enum net_reach net_address_reach(const struct sockaddr *sa);
/* A literal address or "localhost"; false when the host is another name. */
bool net_host_reach(struct slice host, enum net_reach *ret);
/* The farthest kind among the addresses the name has here; public when it has none. Blocks. */
enum net_reach net_name_reach(struct slice host);
const char *net_reach_name(enum net_reach r);
