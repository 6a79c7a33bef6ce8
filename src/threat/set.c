/* The pattern set: one vectorscan database for everything that is looked for in all bytes, and small expressions for what must stand
 * around a hit. */
#include "set.h"
#include <stdlib.h>

const char *threat_pattern_digest(void)
{
	return threat_pattern_digest_text;
}

struct expressions { char **text; unsigned *flags, *ids; unsigned n; };

static void expressions_free(struct expressions *x)
{
	for (unsigned i = 0; x->text && i < x->n; i++)
		free(x->text[i]);
	free(x->text);
	free(x->flags);
	free(x->ids);
}

static char *pattern_text(const struct threat_pattern *p)
{
	char *text = malloc((size_t)p->n + 1);
	for (size_t i = 0; text && i < p->n; i++)
		text[i] = (char)threat_unmask(p->at + i);
	if (text)
		text[p->n] = 0;
	return text;
}

static enum err_code expressions_of(struct expressions *ret, struct err *e)
{
	struct expressions x = { calloc(threat_pattern_count, sizeof(char *)), calloc(threat_pattern_count, sizeof(unsigned)),
				 calloc(threat_pattern_count, sizeof(unsigned)), 0 };
	bool ok = x.text && x.flags && x.ids;
	for (size_t i = 0; ok && i < threat_pattern_count; i++) {
		const struct threat_pattern *p = &threat_patterns[i];
		if (p->flags & PATTERN_F_CONFIRM)
			continue;
		x.text[x.n] = pattern_text(p);
		ok = x.text[x.n] != NULL;
		x.flags[x.n] = p->flags & PATTERN_F_NOCASE ? HS_FLAG_CASELESS : 0;
		x.ids[x.n++] = (unsigned)i;
	}
	if (!ok) {
		expressions_free(&x);
		return err_set(e, ERR_NOMEM, 0, "compile patterns: out of memory");
	}
	*ret = x;
	return OK;
}

static enum err_code compile_stream(hs_database_t **ret, struct err *e)
{
	struct expressions x = { 0 };
	hs_compile_error_t *why = NULL;
	TRY(expressions_of(&x, e));
	hs_error_t rc = hs_compile_multi((const char *const *)x.text, x.flags, x.ids, x.n, HS_MODE_STREAM, NULL, ret, &why);
	enum err_code code = OK;
	if (rc != HS_SUCCESS) {
		unsigned bad = why && why->expression >= 0 && (unsigned)why->expression < x.n ? x.ids[why->expression] : 0;
		code = err_set(e, ERR_INTERNAL, 0, "compile patterns: %s: %s", threat_signs[threat_patterns[bad].sign].id,
			       why ? why->message : "out of memory");
		*ret = NULL;
	}
	hs_free_compile_error(why);
	expressions_free(&x);
	return code;
}

/* The confirming expressions are never serialized: making them takes about a millisecond. */
static enum err_code compile_confirms(struct threat_set *set, struct err *e)
{
	set->confirms = arena_calloc(&set->arena, threat_pattern_count, sizeof(*set->confirms));
	set->first_confirm = arena_calloc(&set->arena, threat_sign_count, sizeof(*set->first_confirm));
	TRY(arena_ok(&set->arena, "patterns", e));
	for (size_t i = threat_pattern_count; i-- > 0;) {
		const struct threat_pattern *p = &threat_patterns[i];
		if (!(p->flags & PATTERN_F_CONFIRM))
			continue;
		char *text = pattern_text(p);
		if (!text)
			return err_set(e, ERR_NOMEM, 0, "compile patterns: out of memory");
		enum err_code code = regex_compile(&set->arena, slice_of(text, p->n), p->flags & PATTERN_F_NOCASE, &set->confirms[i], e);
		free(text);
		if (code != OK)
			return err_prefix(e, "compile patterns: %s", threat_signs[p->sign].id);
		set->first_confirm[p->sign] = (uint16_t)i;	/* a sign's confirms stand side by side */
	}
	return OK;
}

static enum err_code set_new(struct threat_set **ret, struct err *e)
{
	struct threat_set *set = calloc(1, sizeof(*set));
	if (!set)
		return err_set(e, ERR_NOMEM, 0, "compile patterns: out of memory");
	static const char *const hints[HINT_COUNT] = { "hint.url", "hint.run", "hint.decode" };
	for (size_t i = 0; i < HINT_COUNT; i++)
		set->hints[i] = threat_sign_index(slice_str(hints[i]));
	set->arena = ARENA(16 * MIB);
	enum err_code code = compile_confirms(set, e);
	if (code != OK) {
		threat_set_free(set);
		return code;
	}
	*ret = set;
	return OK;
}

enum err_code threat_set_compile(struct threat_set **ret, struct err *e)
{
	struct threat_set *set;
	TRY(threat_library_load(e));
	TRY(set_new(&set, e));
	enum err_code code = compile_stream(&set->stream, e);
	if (code != OK) {
		threat_set_free(set);
		return code;
	}
	*ret = set;
	return OK;
}

void threat_set_free(struct threat_set *set)
{
	if (!set)
		return;
	hs_free_database(set->stream);
	arena_free(&set->arena);
	free(set);
}

/* 64 digits of the table's digest, then the database behind its length. */
enum err_code threat_set_serialize(const struct threat_set *set, struct buf *out, struct err *e)
{
	char *bytes = NULL;
	size_t n = 0;
	hs_error_t rc = hs_serialize_database(set->stream, &bytes, &n);
	if (rc != HS_SUCCESS)
		return err_set(e, rc == HS_NOMEM ? ERR_NOMEM : ERR_INTERNAL, 0, "serialize patterns: vectorscan error %d", rc);
	buf_puts(out, threat_pattern_digest_text);
	buf_put_le64(out, n);
	buf_put(out, bytes, n);
	free(bytes);
	return buf_ok(out, "serialized patterns", e);
}

enum err_code threat_set_load(struct slice bytes, struct threat_set **ret, struct err *e)
{
	struct rd r = rd_of(bytes);
	struct threat_set *set;
	TRY(threat_library_load(e));
	if (!slice_eqs(rd_bytes(&r, 64), threat_pattern_digest_text))
		return err_set(e, ERR_FORMAT, 0, "load patterns: damaged or made by another version; remove the patterns-* files of the cache directory");
	struct slice db = rd_bytes(&r, rd_le64(&r));
	if (r.bad)
		return err_set(e, ERR_FORMAT, 0, "load patterns: cut short; remove the patterns-* files of the cache directory");
	TRY(set_new(&set, e));
	hs_error_t rc = hs_deserialize_database((const char *)db.p, db.n, &set->stream);
	if (rc != HS_SUCCESS) {
		threat_set_free(set);
		return err_set(e, ERR_FORMAT, 0, "load patterns: damaged or made for another processor (vectorscan error %d); remove the "
			       "patterns-* files of the cache directory", rc);
	}
	*ret = set;
	return OK;
}
