/* What identifying one request costs: `ninja bench_access && ./bench_access [SECONDS]`. One thread; nanoseconds of processor
 * time a call, so that other work on the machine shows less. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "access.h"
#include "os.h"

static void must(enum err_code code, const struct err *e)
{
	if (code == OK)
		return;
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void measure(const char *what, struct access *a, const char *authorization, uint64_t most_ns)
{
	struct access_subject s;
	struct slice text = slice_str(authorization);
	uint64_t start = cpu_ns(), now = start, n = 0, good = 0;
	while (now - start < most_ns) {
		for (unsigned i = 0; i < 1000; i++)
			good += access_identify(a, text, NULL, SLICE_NULL, &s) == ACCESS_OK && access_may(&s, ACCESS_PULL, SL("team/app"));
		n += 1000;
		now = cpu_ns();
	}
	printf("%-44s %7.0f ns%s\n", what, (double)(now - start) / (double)n, good == n ? "" : "  (refused)");
}

int main(int argc, char **argv)
{
	static const char hash[] = "$2y$04$lMKO5/0n68zai8V8BESgGuh/OvD23rrVv0m4oQlA1PaGeh0Nkpay.", plain[] = "bob:correct horse";
	char path[] = "/tmp/pabean-bench-access-XXXXXX", bearer[8192];
	uint64_t most_ns = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000000;
	struct access_options o = { .accounts_file = path, .service = "registry.example", .anonymous = ACCESS_PULL };
	struct access_subject s;
	struct access *a;
	struct err e = { 0 };
	unsigned wait_s;
	AUTO_BUF basic = BUF(KIB), answer = BUF(64 * KIB);
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	dprintf(fd, "users:\n");
	for (unsigned i = 0; i < 1000; i++)
		dprintf(fd, "  - {name: user%u, hash: \"%s\", grants: [\"home/{user}/**:pull,push\"]}\n", i, hash);
	dprintf(fd, "  - {name: bob, hash: \"%s\", grants: [\"team/**:pull,push\", \"other/**:pull\"]}\n", hash);
	must(access_open(&o, &a, &e), &e);
	buf_puts(&basic, "Basic ");
	base64_encode(&basic, slice_str(plain));
	uint64_t start = cpu_ns();
	if (access_identify_slow(a, buf_slice(&basic), NULL, &s, &wait_s) != ACCESS_OK)
		return 1;
	printf("%-44s %7.0f ns\n", "Basic, first time (bcrypt of cost 4)", (double)(cpu_ns() - start));
	must(access_token_answer(a, &s, SL("repository:team/app:pull,push"), &answer, &e), &e);
	const char *token = buf_cstr(&answer) + sizeof("{\"token\":\"") - 1;
	snprintf(bearer, sizeof(bearer), "Bearer %.*s", (int)(strchr(token, '"') - token), token);
	start = cpu_ns();
	if (access_identify(a, slice_str(bearer), NULL, SLICE_NULL, &s) != ACCESS_OK)
		return 1;
	printf("%-44s %7.0f ns\n", "Bearer, first time", (double)(cpu_ns() - start));
	measure("no credentials", a, "", most_ns);
	measure("Bearer, remembered (with the right's check)", a, bearer, most_ns);
	measure("Basic, remembered", a, buf_cstr(&basic), most_ns);
	bearer[20] ^= 1;
	measure("Bearer, broken", a, bearer, most_ns / 4);
	access_close(a);
	close(fd);
	unlink(path);
	return 0;
}
