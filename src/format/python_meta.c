#include "python_meta.h"

enum { LICENSE_MAX_BYTES = 200 };

static void set_once(struct slice *field, struct slice value)
{
	if (!field->n)
		*field = value;
}

enum err_code python_meta_parse(struct slice content, struct python_meta *ret, struct err *e)
{
	struct slice rest = content, line, license = SLICE_NULL, expression = SLICE_NULL, classifier = SLICE_NULL;
	struct python_meta m = {};
	if (slice_has_prefix(rest, SL("\xef\xbb\xbf")))
		rest = slice_from(rest, 3);
	while (slice_next_line(&rest, &line) && line.n) {
		ptrdiff_t colon = slice_find_byte(line, ':');
		if (line.p[0] == ' ' || line.p[0] == '\t' || colon <= 0)
			continue;
		struct slice name = slice_upto(line, (size_t)colon), value = slice_trim(slice_from(line, (size_t)colon + 1));
		if (slice_eq_nocase(name, SL("Name")))
			set_once(&m.name, value);
		else if (slice_eq_nocase(name, SL("Version")))
			set_once(&m.version, value);
		else if (slice_eq_nocase(name, SL("License")) && !slice_eq(value, SL("UNKNOWN")))
			set_once(&license, value);
		else if (slice_eq_nocase(name, SL("License-Expression")))
			set_once(&expression, value);
		else if (slice_eq_nocase(name, SL("Classifier")) && slice_has_prefix(value, SL("License :: ")))
			set_once(&classifier, slice_trim(slice_from(value, (size_t)slice_rfind_byte(value, ':') + 1)));
	}
	m.license = slice_upto(expression.n ? expression : license.n ? license : classifier, LICENSE_MAX_BYTES);
	if (!m.name.n || !m.version.n)
		return err_set(e, ERR_FORMAT, 0, "the Python metadata has no name or no version");
	*ret = m;
	return OK;
}
