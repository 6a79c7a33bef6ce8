/* Test only (`pabean parse probe=N`): does what hostile code would try in a sealed worker. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

enum err_code probe_run(uint64_t which, struct fact_sink *sink, struct err *e)
{
	char text[96];
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };
	errno = 0;
	long r = which == PROBE_OPEN ? open("/etc/passwd", O_RDONLY)
	       : which == PROBE_SOCKET ? socket(AF_INET, SOCK_STREAM, 0)
	       : which == PROBE_EXEC ? execv("/bin/true", argv)
				     : ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	snprintf(text, sizeof(text), "probe %llu returned %ld, errno %d", (unsigned long long)which, r, errno);
	return FACT_EMIT(sink, e, .type = FACT_SKIPPED, .skipped = { .reason = SL("probe"), .detail = slice_str(text), .cls = SKIP_LAYER });
}
