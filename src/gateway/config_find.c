/* Which part of the configuration counts for a repository. */
#include "config.h"

const struct config_repository *config_repository_for(const struct gateway_config *c, struct slice name)
{
	for (size_t i = 0; i < c->n_repositories; i++)
		if (slice_glob(c->repositories[i].match, name))
			return &c->repositories[i];
	return &c->repositories[c->n_repositories - 1];
}

const struct config_upstream *config_upstream_named(const struct gateway_config *c, struct slice name)
{
	for (size_t i = 0; i < c->n_upstreams; i++)
		if (slice_eq(c->upstreams[i].name, name))
			return &c->upstreams[i];
	return NULL;
}

const struct config_upstream *config_upstream_of(const struct gateway_config *c, struct slice repository, struct slice *ret_rest, bool *ret_reserved)
{
	ptrdiff_t slash = slice_find_byte(repository, '/');
	struct slice first = slash < 0 ? repository : slice_upto(repository, (size_t)slash);
	const struct config_upstream *u = slash < 0 ? NULL : config_upstream_named(c, first);
	*ret_rest = slash < 0 ? SLICE_NULL : slice_from(repository, (size_t)slash + 1);
	*ret_reserved = !u && (slice_find_byte(first, '.') >= 0 || slice_find_byte(first, ':') >= 0 || slice_eqs(first, "localhost"));
	return u;
}

static bool matches(const struct slice_items *list, struct slice text)
{
	for (size_t i = 0; i < list->n; i++)
		if (slice_glob(list->items[i], text))
			return true;
	return false;
}

bool config_upstream_allows(const struct config_upstream *u, struct slice rest)
{
	return (!u->allow.n || matches(&u->allow, rest)) && !matches(&u->refuse, rest);
}
