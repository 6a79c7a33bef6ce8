/* What a worker is told on its command line, and what of it the facts depend on. */
#include "context.h"
#include "codec.h"
#include <stddef.h>
#include <stdio.h>

static const struct { const char *name; size_t offset; bool key; } fields[] = {
	{ "memory", offsetof(struct worker_settings, memory_bytes), false }, { "cpu", offsetof(struct worker_settings, cpu_seconds), false },
	{ "expand-bytes", offsetof(struct worker_settings, expand_bytes), true },
	{ "expand-entries", offsetof(struct worker_settings, expand_entries), true },
	{ "expand-depth", offsetof(struct worker_settings, expand_depth), true },
	{ "yara-timeout", offsetof(struct worker_settings, yara_timeout_s), true },
	{ "packages-only", offsetof(struct worker_settings, packages_only), true }, { "pseudo", offsetof(struct worker_settings, pseudo), true },
	{ "probe", offsetof(struct worker_settings, probe), true },
};

void worker_settings_default(struct worker_settings *s)
{
	*s = (struct worker_settings){ .memory_bytes = GIB, .expand_bytes = 2 * GIB, .expand_entries = 1000000, .expand_depth = 4,
				       .yara_timeout_s = 10 };
}

enum err_code worker_argv(const struct worker_settings *s, struct arena *a, const char *const **ret, struct err *e)
{
	const char **argv = arena_calloc(a, ARRAY_LEN(fields) + 3, sizeof(*argv));
	if (!argv)
		return arena_ok(a, "a worker's arguments", e);
	argv[0] = "pabean";
	argv[1] = "parse";
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		argv[2 + i] = (const char *)arena_printf(a, "%s=%llu", fields[i].name, (unsigned long long)*(const uint64_t *)(const void *)((const char *)s + fields[i].offset)).p;
	TRY(arena_ok(a, "a worker's arguments", e));
	*ret = argv;
	return OK;
}

bool worker_settings_parse(int argc, char **argv, struct worker_settings *ret)
{
	worker_settings_default(ret);
	for (int i = 2; i < argc; i++) {
		struct slice value = slice_str(argv[i]), name;
		size_t f = 0;
		uint64_t v;
		if (!slice_next_piece(&value, '=', &name) || !slice_to_u64(value, &v))
			return false;
		while (f < ARRAY_LEN(fields) && !slice_eqs(name, fields[f].name))
			f++;
		if (f == ARRAY_LEN(fields))
			return false;
		*(uint64_t *)(void *)((char *)ret + fields[f].offset) = v;
	}
	return argc > 2;
}

void worker_facts_key(const struct worker_settings *s, struct slice yara_digest, char dst[65])
{
	uint8_t raw[DIGEST_MAX_BYTES];
	AUTO_BUF b = BUF(64 * KIB);
	buf_puts(&b, "pabean facts 2\n");
	for (unsigned i = 0; analyzers[i]; i++)
		buf_printf(&b, "%s %u\n", analyzers[i]->name, analyzers[i]->version);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].key)
			buf_printf(&b, "%s=%llu\n", fields[i].name, (unsigned long long)*(const uint64_t *)(const void *)((const char *)s + fields[i].offset));
	if (!s->packages_only)
		buf_puts(&b, threat_pattern_digest());
	buf_putc(&b, '\n');
	buf_put_slice(&b, yara_digest);
	digest_of(DIGEST_SHA256, buf_slice(&b), raw);
	hex_encode(dst, raw, 32);
}
