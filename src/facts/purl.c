/* Package URLs: https://github.com/package-url/purl-spec (types deb, apk, rpm, pypi, npm, golang; percent-encoding; qualifiers sorted). */
#include "finding.h"

static bool is_plain(uint8_t c, bool slash)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '~' ||
	       c == ':' || (slash && c == '/');
}

static void put_encoded(struct buf *out, struct slice s, bool slash)
{
	for (size_t i = 0, from = 0; i <= s.n; i++) {
		if (i < s.n && is_plain(s.p[i], slash))
			continue;
		if (i > from)
			buf_put(out, s.p + from, i - from);	/* a run of plain ones at once: purls are made by the hundred */
		if (i < s.n)
			buf_printf(out, "%%%02X", s.p[i]);
		from = i + 1;
	}
}

static void put_lower(struct buf *out, struct slice s, bool pypi)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		c = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : pypi && c == '_' ? '-' : c;
		if (is_plain(c, true))
			buf_putc(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void put_qualifier(struct buf *out, char *sep, const char *key, struct slice value)
{
	if (!value.n)
		return;
	buf_putc(out, (uint8_t)*sep);
	buf_puts(out, key);
	buf_putc(out, '=');
	put_encoded(out, value, false);
	*sep = '&';
}

struct slice package_purl(struct arena *a, const struct package *p, const struct os_info *os)
{
	AUTO_BUF b = BUF(16 * KIB);
	bool distro = slice_eqs(p->type, "deb") || slice_eqs(p->type, "apk") || slice_eqs(p->type, "rpm");
	bool rpm = slice_eqs(p->type, "rpm");
	struct slice version = p->version, epoch = SLICE_NULL;
	char sep = '?';
	buf_puts(&b, "pkg:");
	buf_put_slice(&b, p->type);
	buf_putc(&b, '/');
	if (distro && os->id.n) {
		put_lower(&b, os->id, false);
		buf_putc(&b, '/');
	}
	if (slice_eqs(p->type, "pypi"))
		put_lower(&b, p->name, true);
	else if (slice_eqs(p->type, "golang"))
		put_lower(&b, p->name, false);
	else
		put_encoded(&b, p->name, !distro);
	if (rpm && slice_find_byte(version, ':') > 0) {
		size_t at = (size_t)slice_find_byte(version, ':');
		epoch = slice_upto(version, at);
		version = slice_from(version, at + 1);
	}
	if (version.n) {
		buf_putc(&b, '@');
		put_encoded(&b, version, false);
	}
	if (distro) {
		AUTO_BUF d = BUF(KIB);
		put_qualifier(&b, &sep, "arch", p->arch);
		if (os->id.n && os->version_id.n) {
			buf_put_slice(&d, os->id);
			buf_putc(&d, '-');
			buf_put_slice(&d, os->version_id);
			put_qualifier(&b, &sep, "distro", buf_slice(&d));
		}
		put_qualifier(&b, &sep, "epoch", epoch);
	}
	return b.failed ? SLICE_NULL : arena_dup(a, buf_slice(&b));
}
