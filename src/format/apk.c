#include "apk.h"

/* "Q1" and the base64 of a SHA-1: always 28 characters. Decoded here, without a buffer: there is one for every file of the system. */
static bool decode_q1(struct slice v, uint8_t out[20])
{
	if (v.n != 30 || v.p[0] != 'Q' || v.p[1] != '1' || v.p[29] != '=')
		return false;
	uint32_t bits = 0;
	unsigned n = 0, have = 0;
	for (size_t i = 2; i < 29; i++) {
		uint8_t c = v.p[i], d;
		if (c >= 'A' && c <= 'Z')
			d = c - 'A';
		else if (c >= 'a' && c <= 'z')
			d = c - 'a' + 26;
		else if (c >= '0' && c <= '9')
			d = c - '0' + 52;
		else if (c == '+' || c == '/')
			d = c == '+' ? 62 : 63;
		else
			return false;
		bits = bits << 6 | d;
		have += 6;
		if (have >= 8 && n < 20) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return n == 20;
}

struct state {
	const struct apk_handler *h;
	struct apk_package p;
	struct apk_file f;
	bool announced, have_file;
	uint64_t malformed;
};

static enum err_code announce(struct state *s, struct err *e)
{
	if (s->announced || !s->p.name.n || !s->p.version.n)
		return OK;
	s->announced = true;
	if (!s->p.origin.n)
		s->p.origin = s->p.name;
	return s->h->package ? s->h->package(s->h->arg, &s->p, e) : OK;
}

static enum err_code flush_file(struct state *s, struct err *e)
{
	if (!s->have_file)
		return OK;
	s->have_file = false;
	return s->announced && s->h->file ? s->h->file(s->h->arg, &s->p, &s->f, e) : OK;
}

static enum err_code take_line(struct state *s, uint8_t key, struct slice value, struct err *e)
{
	switch (key) {
	case 'P': s->p.name = value; break;
	case 'V': s->p.version = value; break;
	case 'A': s->p.arch = value; break;
	case 'o': s->p.origin = value; break;
	case 'L': s->p.license = value; break;
	case 'F':
		TRY(flush_file(s, e));
		TRY(announce(s, e));
		s->f.dir = value;
		break;
	case 'R':
		TRY(flush_file(s, e));
		s->f.name = value;
		s->f.has_sha1 = false;
		s->have_file = value.n > 0;
		s->malformed += !value.n;
		break;
	case 'Z':
		/* Other algorithms than Q1 leave the file without a digest. */
		if (s->have_file)
			s->f.has_sha1 = decode_q1(value, s->f.sha1);
		break;
	}
	return OK;
}

static enum err_code end_record(struct state *s, struct err *e)
{
	TRY(announce(s, e));
	TRY(flush_file(s, e));
	if (s->p.arch.p && !s->announced)
		s->malformed++;
	s->p = (struct apk_package){};
	s->f = (struct apk_file){};
	s->announced = false;
	return OK;
}

enum err_code apk_installed_parse(struct slice content, const struct apk_handler *h, uint64_t *ret_malformed, struct err *e)
{
	struct state s = { .h = h };
	struct slice rest = content, line;
	while (slice_next_line(&rest, &line)) {
		if (!line.n) {
			TRY(end_record(&s, e));
			s.p.offset = (uint64_t)(rest.p ? rest.p - content.p : 0);
			continue;
		}
		if (line.n < 2 || line.p[1] != ':') {
			s.malformed++;
			continue;
		}
		TRY(take_line(&s, line.p[0], slice_from(line, 2), e));
	}
	TRY(end_record(&s, e));
	*ret_malformed = s.malformed;
	return OK;
}
