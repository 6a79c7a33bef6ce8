/* The two things a service says to and hears from systemd: sd_listen_fds(3) and sd_notify(3), by their documented environment variables. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "os.h"

enum { FIRST_FD = 3, MAX_FDS = 64 };

enum err_code os_listen_fds(int *fds, size_t cap, size_t *ret_n, struct err *e)
{
	const char *whose = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t pid = 0, n = 0;
	*ret_n = 0;
	bool ours = whose && count && slice_to_u64(slice_str(whose), &pid) && pid == (uint64_t)getpid();
	enum err_code code = OK;
	if (ours && (!slice_to_u64(slice_str(count), &n) || n > MAX_FDS || n > cap))
		code = err_set(e, ERR_USAGE, 0, "LISTEN_FDS is no number of sockets up to %zu", MIN((size_t)MAX_FDS, cap));
	for (uint64_t i = 0; code == OK && i < n; i++) {
		fds[i] = FIRST_FD + (int)i;
		int flags = fcntl(fds[i], F_GETFD), type = 0;
		socklen_t size = sizeof(type);
		if (flags < 0 || fcntl(fds[i], F_SETFD, flags | FD_CLOEXEC) || getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM)
			code = err_set(e, ERR_USAGE, errno, "descriptor %d, which LISTEN_FDS counts, is no stream socket", fds[i]);
		else if (fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK))
			code = err_set(e, ERR_IO, errno, "descriptor %d", fds[i]);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (code == OK)
		*ret_n = (size_t)n;
	return code;
}

enum err_code os_notify(const char *state, struct err *e)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || !*path)
		return OK;
	size_t n = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || n >= sizeof(to.sun_path))
		return err_set(e, ERR_USAGE, 0, "NOTIFY_SOCKET is no path and no abstract name");
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return err_set(e, ERR_IO, errno, "tell systemd");
	return OK;
}
