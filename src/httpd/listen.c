/* Sockets to listen on. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "private.h"

enum { BACKLOG = 1024 };

static enum err_code parse_tcp(const char *address, struct sockaddr_storage *sa, socklen_t *n, struct err *e)
{
	struct slice a = slice_str(address);
	ptrdiff_t colon = slice_rfind_byte(a, ':');
	uint64_t port;
	char host[64];
	if (colon < 0 || !slice_to_u64(slice_from(a, (size_t)colon + 1), &port) || port > 65535)
		return err_set(e, ERR_USAGE, 0, "'%s' is no address to listen on (as in 127.0.0.1:5000)", address);
	struct slice name = slice_upto(a, (size_t)colon);
	if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = slice_sub(name, 1, name.n - 2);
	if (name.n >= sizeof(host))
		return err_set(e, ERR_USAGE, 0, "'%s' is no address to listen on", address);
	memcpy(host, name.p, name.n);
	host[name.n] = 0;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	if (!name.n || slice_eqs(name, "*") || inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {	/* all: both families on one socket */
		memcpy(sa, &in6, *n = sizeof(in6));
		return OK;
	}
	if (slice_eqs(name, "localhost"))
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		return err_set(e, ERR_USAGE, 0, "'%s' is no address to listen on: a number is wanted, not a name", address);
	memcpy(sa, &in, *n = sizeof(in));
	return OK;
}

static enum err_code open_tcp(const char *address, int *ret_fd, struct err *e)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = 0;
	TRY(parse_tcp(address, &sa, &n, e));
	AUTO_FD fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "open a socket for %s", address);
	const int on = 1, off = 0;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (struct sockaddr *)&sa, n) || listen(fd, BACKLOG))
		return err_set(e, ERR_IO, errno, "listen on %s", address);
	*ret_fd = fd_steal(&fd);
	return OK;
}

/* Does anybody answer there? */
static bool is_alive(const struct sockaddr_un *un)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && (!connect(fd, (const struct sockaddr *)un, sizeof(*un)) || errno == EAGAIN);
}

static enum err_code open_unix(const char *path, int *ret_fd, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(un.sun_path))
		return err_set(e, ERR_USAGE, 0, "the path of the socket '%s' is empty or longer than %zu bytes", path, sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, strlen(path) + 1);
	struct stat st;
	if (!lstat(path, &st)) {
		if (!S_ISSOCK(st.st_mode))
			return err_set(e, ERR_IO, 0, "%s is there and no socket", path);
		if (is_alive(&un))
			return err_set(e, ERR_IO, EADDRINUSE, "listen on %s", path);
		unlink(path);
	}
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "open a socket for %s", path);
	fchmod(fd, 0600);	/* a socket's own mode is what its name gets, so nobody else can connect between bind and chmod */
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) || chmod(path, 0600) || listen(fd, BACKLOG))
		return err_set(e, ERR_IO, errno, "listen on %s", path);
	*ret_fd = fd_steal(&fd);
	return OK;
}

static void look_at_socket(struct listener *l)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	if (getsockname(l->fd, (struct sockaddr *)&sa, &n))
		return;
	l->is_unix = sa.ss_family == AF_UNIX;
	if (sa.ss_family == AF_INET)
		l->port = ntohs(((struct sockaddr_in *)(void *)&sa)->sin_port);
	else if (sa.ss_family == AF_INET6)
		l->port = ntohs(((struct sockaddr_in6 *)(void *)&sa)->sin6_port);
}

enum err_code httpd_listen_open(struct listener *l, const struct httpd_listen *o, struct err *e)
{
	l->fd = -1;
	if (o->fd > 0) {
		l->fd = o->fd;
	} else if (slice_has_prefix(slice_str(o->address), SL("unix:"))) {
		TRY(open_unix(o->address + 5, &l->fd, e));
		l->unix_path = strdup(o->address + 5);
	} else {
		TRY(open_tcp(o->address, &l->fd, e));
	}
	look_at_socket(l);
	return OK;
}

void httpd_listen_close(struct listener *l)
{
	if (l->unix_path && l->fd >= 0)
		unlink(l->unix_path);
	free(l->unix_path);
	l->unix_path = NULL;
	fd_close(&l->fd);
}
