#include "rules.h"

int threat_sign_index(struct slice id)
{
	for (size_t i = 0; i < threat_sign_count; i++)
		if (slice_eqs(id, threat_signs[i].id))
			return (int)i;
	return -1;
}

/* One alternative ("group*3", "group", "sign"): adds the signs that count to *used. */
static bool alternative_holds(struct slice word, const struct sign_set *seen, struct sign_set *used)
{
	uint64_t want = 1, have = 0;
	ptrdiff_t star = slice_rfind_byte(word, '*');
	if (star > 0 && slice_to_u64(slice_from(word, (size_t)star + 1), &want))
		word = slice_upto(word, (size_t)star);
	for (size_t i = 0; i < threat_sign_count; i++) {
		if (!sign_set_has(seen, (int)i) || (!slice_eqs(word, threat_signs[i].group) && !slice_eqs(word, threat_signs[i].id)))
			continue;
		sign_set_add(used, (int)i);
		have++;
	}
	return have >= want;
}

bool threat_rule_holds(const struct threat_rule *r, const struct sign_set *seen, struct sign_set *ret_used)
{
	struct sign_set used = { 0 }, ignored = { 0 };
	if (r->excepts && alternative_holds(slice_str(r->excepts), seen, &ignored))
		return false;
	for (const char *const *need = r->needs; *need; need++) {
		struct slice rest = slice_str(*need), word;
		bool met = false;
		while (slice_next_piece(&rest, '|', &word)) {
			struct sign_set more = { 0 };
			if (alternative_holds(word, seen, &more)) {
				met = true;
				sign_set_merge(&used, &more);
			}
		}
		if (!met)
			return false;
	}
	if (ret_used)
		*ret_used = used;
	return true;
}
