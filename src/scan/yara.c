/* --yara: rules are compiled once here and handed to the workers as bytes. */
#include "engine.h"
#include "codec.h"
#include "os.h"
#include "yara_set.h"
#include <errno.h>
#include <sys/mman.h>

static void on_problem(void *arg, const struct yara_problem *p)
{
	char file[256], text[400];
	engine_log(arg, SCAN_LOG_WARNING, "YARA rule %s, line %llu: %s%s", text_escape_to(file, sizeof(file), p->file), (unsigned long long)p->line,
		   p->warning ? "warning: " : "", text_escape_to(text, sizeof(text), p->message));
}

enum err_code engine_open_yara(struct scan_engine *s, struct err *e)
{
	AUTO_BUF rules = BUF(YARA_MAX_BYTES);
	uint8_t raw[DIGEST_MAX_BYTES];
	if (!s->o.n_yara_paths)
		return OK;
	TRY(yara_rules_compile(s->o.yara_paths, s->o.n_yara_paths, &rules, &s->yara_rules, on_problem, s, e));
	digest_of(DIGEST_SHA256, buf_slice(&rules), raw);
	hex_encode(s->yara_digest, raw, 32);
	AUTO_FD fd = memfd_create("pabean-yara", MFD_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_IO, errno, "make a memory file");
	TRY(os_write_all(fd, rules.p, rules.n, "fill a memory file", e));
	s->yara_fd = fd_steal(&fd);
	return OK;
}
