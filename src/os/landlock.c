/* Landlock by raw system calls: Debian 12's glibc has no wrappers, and its headers know only the first versions.
 * Constants: Documentation/userspace-api/landlock.rst of the kernel. */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "confine.h"

struct ruleset_attr { uint64_t fs, net, scoped; };

/* The rights each version knows: a ruleset that handles them and grants none forbids them all. */
static uint64_t fs_rights(unsigned abi)
{
	uint64_t rights = (1u << 13) - 1;	/* execute ... make_sym */
	if (abi >= 2)
		rights |= 1u << 13;		/* refer */
	if (abi >= 3)
		rights |= 1u << 14;		/* truncate */
	if (abi >= 5)
		rights |= 1u << 15;		/* ioctl on devices */
	return rights;
}

enum err_code landlock_nothing(unsigned *ret_abi, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* version */);
	struct ruleset_attr attr = { 0 };
	size_t size = sizeof(attr.fs);
	if (abi <= 0) {
		*ret_abi = 0;
		return OK;
	}
	attr.fs = fs_rights((unsigned)abi);
	if (abi >= 4) {
		attr.net = 3;			/* bind and connect of TCP */
		size = sizeof(attr.fs) + sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = 3;		/* abstract sockets, signals */
		size = sizeof(attr);
	}
	AUTO_FD fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "make a Landlock ruleset");
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		return err_set(e, ERR_IO, errno, "enter the Landlock ruleset");
	*ret_abi = (unsigned)abi;
	return OK;
}
