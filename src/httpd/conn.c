/* Connections: counted in all and per address, listed for the watch thread. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>
#include "private.h"

/* Unix sockets have no address to be counted by. */
static bool address_key(const struct sockaddr *sa, uint8_t key[16])
{
	memset(key, 0, 16);
	if (sa && sa->sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
		return true;
	}
	if (sa && sa->sa_family == AF_INET6) {	/* one client has at least a /64, unless it is an IPv4 address in disguise */
		const uint8_t *a = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
		static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
		memcpy(key, a, memcmp(a, mapped, 12) ? 8 : 16);
		return true;
	}
	return false;
}

/* The slot of an address, or a free one; NULL when the table is full. Removal leaves count 0, which is free: look on over all of a short probe. */
static struct address_slot *slot_of(struct httpd *h, const uint8_t key[16])
{
	struct address_slot *unused = NULL;
	size_t at = slice_hash(slice_of(key, 16));
	for (size_t i = 0; i < 64; i++) {
		struct address_slot *s = &h->addresses[(at + i) & (ADDRESS_SLOTS - 1)];
		if (s->count && !memcmp(s->key, key, 16))
			return s;
		if (!s->count && !unused)
			unused = s;
	}
	return unused;
}

enum MHD_Result httpd_on_accept(void *cls, const struct sockaddr *addr, socklen_t n)
{
	(void)n;
	struct listener *l = cls;
	struct httpd *h = l->h;
	bool yes = atomic_load(&h->n_conns) < h->o.max_connections;
	uint8_t key[16];
	if (yes && address_key(addr, key)) {
		pthread_mutex_lock(&h->conns_lock);
		const struct address_slot *s = slot_of(h, key);
		yes = !s || s->count < h->o.max_per_address;
		pthread_mutex_unlock(&h->conns_lock);
	}
	if (!yes)
		atomic_fetch_add_explicit(&h->refused, 1, memory_order_relaxed);
	return yes ? MHD_YES : MHD_NO;
}

static void count_address(struct httpd *h, const struct conn *c, bool up)
{
	uint8_t key[16];
	struct address_slot *s = address_key(&c->peer.sa, key) ? slot_of(h, key) : NULL;
	if (!s)
		return;
	if (up) {
		memcpy(s->key, key, 16);
		s->count++;
	} else if (s->count && !memcmp(s->key, key, 16)) {
		s->count--;
	}
}

static void conn_started(struct listener *l, struct MHD_Connection *m, void **context)
{
	struct httpd *h = l->h;
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return;	/* its requests are then refused */
	c->l = l;
	c->m = m;
	atomic_init(&c->refs, 1);
	c->since_ns = os_monotonic_ns();	/* its idle time begins now, not with the machine */
	c->fd = httpd_mhd.MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	const union MHD_ConnectionInfo *i = httpd_mhd.MHD_get_connection_info(m, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (i && i->client_addr && !l->is_unix)
		memcpy(&c->peer, i->client_addr, i->client_addr->sa_family == AF_INET6 ? sizeof(c->peer.in6) : sizeof(c->peer.in));
	if (l->is_unix) {
		c->peer.sa.sa_family = AF_UNIX;
		struct ucred cred;
		socklen_t n = sizeof(cred);
		c->has_uid = !getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) && cred.uid != (uid_t)-1;
		c->uid = c->has_uid ? cred.uid : 0;
	}
	pthread_mutex_lock(&h->conns_lock);
	count_address(h, c, true);
	c->next = h->conns;
	if (c->next)
		c->next->prev = c;
	h->conns = c;
	pthread_mutex_unlock(&h->conns_lock);
	atomic_fetch_add(&h->n_conns, 1);
	*context = c;
}

/* Called before libmicrohttpd closes the socket, so the watch thread never touches a descriptor that is another's by now. */
static void conn_ended(struct conn *c)
{
	struct httpd *h = c->l->h;
	httpd_tls_ended(c);
	pthread_mutex_lock(&h->conns_lock);
	count_address(h, c, false);
	if (c->prev)
		c->prev->next = c->next;
	else
		h->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	pthread_mutex_unlock(&h->conns_lock);
	atomic_fetch_sub(&h->n_conns, 1);
	httpd_conn_unref(c);
}

void httpd_on_connection(void *cls, struct MHD_Connection *m, void **context, enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		conn_started(cls, m, context);
	} else if (*context) {
		conn_ended(*context);
		*context = NULL;
	}
}

void httpd_conn_unref(struct conn *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	free(c->target);
	free(c);
}
