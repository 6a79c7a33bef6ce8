/* What commands ask for by an option's name. */
#include <stdlib.h>
#include "inside.h"
#include "os.h"

const struct cli_value *cli_value(const struct cli *c, const char *name)
{
	static const struct cli_value unset;
	ptrdiff_t i = cli_option_find(c, slice_str(name));
	return i >= 0 ? &c->values[i] : &unset;
}

bool cli_given(const struct cli *c, const char *name) { return cli_value(c, name)->n > 0; }

const char *cli_text(const struct cli *c, const char *name, const char *standard)
{
	const struct cli_value *v = cli_value(c, name);
	return v->n ? v->items[v->n - 1] : standard;
}

bool cli_flag(const struct cli *c, const char *name, bool standard)
{
	const char *t = cli_text(c, name, NULL);
	/* Checked when it was added: true, yes, on, 1 or their opposites. */
	return t ? *t == '1' || *t == 't' || *t == 'T' || *t == 'y' || *t == 'Y' || !strcmp(t, "on") || !strcmp(t, "ON") || !strcmp(t, "On") :
		   standard;
}

uint64_t cli_number(const struct cli *c, const char *name, uint64_t standard)
{
	uint64_t n = standard;
	ptrdiff_t i = cli_option_find(c, slice_str(name));
	const char *t = cli_text(c, name, NULL);
	if (i < 0 || !t)
		return standard;
	bool good = true;
	switch (c->options[i]->type) {
	case CLI_SIZE: good = text_parse_size(slice_str(t), &n); break;
	case CLI_DURATION: good = text_parse_duration(slice_str(t), &n); break;
	case CLI_TIME: good = os_parse_time(slice_str(t), &n); break;
	default: good = slice_to_u64(slice_str(t), &n);
	}
	return good ? n : standard;
}

const char *const *cli_list(const struct cli *c, const char *name, size_t *ret_n)
{
	const struct cli_value *v = cli_value(c, name);
	*ret_n = v->n;
	return v->items;
}

uint64_t cli_now_s(const struct cli *c) { return cli_number(c, "now", os_now_s()); }
