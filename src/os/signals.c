#include <signal.h>
#include <unistd.h>
#include "os.h"

/* The one thing that a handler may write. */
static volatile sig_atomic_t cancelled;

static void on_signal(int sig) { cancelled = sig; }

void os_signals_init(void)
{
	static const int cancelling[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < ARRAY_LEN(cancelling); i++) {
		/* no SA_RESTART: a blocking read comes back with EINTR, and its caller looks at the flag */
		struct sigaction was, sa = { .sa_handler = on_signal };
		sigemptyset(&sa.sa_mask);
		/* nohup and shells' background jobs: what was ignored stays so */
		if (sigaction(cancelling[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			sigaction(cancelling[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

int os_cancelled(void) { return cancelled; }

/* Counted, for servers that read their files again. */
static volatile sig_atomic_t hangups;

static void on_hangup(int sig) { (void)sig; hangups = hangups + 1; }

void os_signals_reload(void)
{
	struct sigaction sa = { .sa_handler = on_hangup };
	sigemptyset(&sa.sa_mask);
	sigaction(SIGHUP, &sa, NULL);
}

unsigned os_hangups(void) { return (unsigned)hangups; }

void os_die_by_signal(int sig)
{
	sigset_t set;
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}
