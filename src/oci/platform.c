/* Platforms, normalised as containerd does it: arm64 is arm64/v8, arm is arm/v7, amd64/v1 is amd64. */
#include <sys/utsname.h>
#include "manifest.h"

static const struct { const char *alias, *arch, *variant; } ALIASES[] = {
	{ "x86_64", "amd64", "" }, { "x86-64", "amd64", "" }, { "aarch64", "arm64", "v8" }, { "armhf", "arm", "v7" }, { "armel", "arm",
			"v6" },
	{ "armv7l", "arm", "v7" }, { "armv6l", "arm", "v6" }, { "i386", "386", "" }, { "i686", "386", "" }, { "loongarch64", "loong64",
			"" },
};

struct oci_platform oci_platform_normalise(struct oci_platform p)
{
	for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++) {
		if (!slice_eqs(p.arch, ALIASES[i].alias))
			continue;
		p.arch = slice_str(ALIASES[i].arch);
		if (!p.variant.n)
			p.variant = slice_str(ALIASES[i].variant);
	}
	if (slice_eqs(p.arch, "arm64") && (!p.variant.n || slice_eqs(p.variant, "8")))
		p.variant = SL("v8");
	else if (slice_eqs(p.arch, "arm") && !p.variant.n)
		p.variant = SL("v7");
	else if (slice_eqs(p.arch, "amd64") && slice_eqs(p.variant, "v1"))
		p.variant = SLICE_NULL;
	return p;
}

static bool word_valid(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	return s.n > 0 && s.n <= 64;
}

enum err_code oci_platform_parse(const char *text, struct oci_platform *ret, struct arena *a, struct err *e)
{
	struct utsname u;
	struct oci_platform p = { SL("linux"), SLICE_NULL, SLICE_NULL };
	if (!text) {
		p.arch = uname(&u) ? SL("amd64") : arena_dup(a, slice_str(u.machine));
	} else {
		struct slice rest = arena_dup(a, slice_str(text)), piece[3] = { 0 }, more;
		size_t n = 0;
		while (n < 3 && slice_next_piece(&rest, '/', &piece[n]))
			n++;
		if (n < 2 || (n == 3 && slice_next_piece(&rest, '/', &more)) || !word_valid(piece[0]) || !word_valid(piece[1]) ||
		    (n == 3 && !word_valid(piece[2])))
			return err_set(e, ERR_USAGE, 0, "'%s' is no platform; write os/architecture or os/architecture/variant, as in linux/arm64",
				       ESC(slice_str(text)));
		p = (struct oci_platform){ piece[0], piece[1], n == 3 ? piece[2] : SLICE_NULL };
	}
	TRY(arena_ok(a, "read the platform", e));
	*ret = oci_platform_normalise(p);
	return OK;
}

/* The level in "v7"; 0 when it has none. */
static unsigned level(struct slice variant)
{
	uint64_t v;
	return variant.n > 1 && variant.p[0] == 'v' && slice_to_u64(slice_from(variant, 1), &v) && v < 100 ? (unsigned)v : 0;
}

unsigned oci_platform_match(struct oci_platform want, struct oci_platform have)
{
	have = oci_platform_normalise(have);
	if (!slice_eq(want.os, have.os) || !slice_eq(want.arch, have.arch))
		return 0;
	if (slice_eq(want.variant, have.variant))
		return 200;
	/* A processor runs what was built for a lower level of its architecture. */
	if (slice_eqs(want.arch, "arm") || slice_eqs(want.arch, "arm64") || slice_eqs(want.arch, "amd64")) {
		unsigned w = level(want.variant), h = level(have.variant);
		return h <= w ? 1 + h : 0;
	}
	return want.variant.n ? 0 : 1;
}

struct slice oci_platform_text(struct oci_platform p, struct arena *a)
{
	char os[64], arch[64], variant[64];
	p = oci_platform_normalise(p);
	return arena_printf(a, "%s/%s%s%s", text_escape_to(os, sizeof(os), p.os), text_escape_to(arch, sizeof(arch), p.arch),
			    p.variant.n ? "/" : "", text_escape_to(variant, sizeof(variant), p.variant));
}
