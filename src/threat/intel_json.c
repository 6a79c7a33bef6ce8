/* STIX bundles, MISP exports and other JSON: one walk that needs no tree. Whatever the nesting, an object with a STIX pattern or with
 * a type and a value is an indicator; texts of the objects around it describe it. Bounded: depth 64, strings as long as a value. */
#include "intel_private.h"

enum { JSON_DEPTH = 64, PATTERN_MAX = 64 << 10 };

struct object {			/* raw string contents, escapes not undone */
	struct slice type, pattern, value, name, what, source, grade, threat, id, valid_until, versions;
	bool misp, revoked, not_for_detection;
};
struct walk { struct intel_reader *reader; struct slice all; const uint8_t *p, *end; };

static enum err_code broken(const struct walk *w, const char *what, struct err *e)
{
	return err_at(e, ERR_FORMAT, (uint64_t)(w->p - w->all.p), "this is no valid JSON: %s", what);
}

static void skip_space(struct walk *w)
{
	while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
		w->p++;
}

static enum err_code take_string(struct walk *w, struct slice *ret, struct err *e)
{
	const uint8_t *start = ++w->p;
	while (w->p < w->end && *w->p != '"') {
		if (*w->p < 0x20)
			return broken(w, "a control character in a string", e);
		w->p += *w->p == '\\' ? 2 : 1;
	}
	if (w->p >= w->end) {
		w->p = w->end;
		return broken(w, "a string does not end", e);
	}
	*ret = slice_of(start, (size_t)(w->p++ - start));
	return OK;
}

static bool hex4(struct slice s, uint32_t *ret)
{
	uint8_t b[2];
	if (s.n < 4 || !hex_decode(slice_upto(s, 4), b, 2, true))
		return false;
	*ret = (uint32_t)b[0] << 8 | b[1];
	return true;
}

static void put_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_putc(out, (uint8_t)cp);
	} else if (cp < 0x800) {
		buf_putc(out, (uint8_t)(0xc0 | cp >> 6));
		buf_putc(out, (uint8_t)(0x80 | (cp & 63)));
	} else {
		if (cp >= 0x10000) {
			buf_putc(out, (uint8_t)(0xf0 | cp >> 18));
			buf_putc(out, (uint8_t)(0x80 | (cp >> 12 & 63)));
		} else {
			buf_putc(out, (uint8_t)(0xe0 | cp >> 12));
		}
		buf_putc(out, (uint8_t)(0x80 | (cp >> 6 & 63)));
		buf_putc(out, (uint8_t)(0x80 | (cp & 63)));
	}
}

/* Undoes the escapes; a string without any is taken as it stands. */
static struct slice unescape(struct buf *out, struct slice raw)
{
	size_t start = out->n;
	if (slice_find_byte(raw, '\\') < 0)
		return raw;
	for (size_t i = 0; i < raw.n; i++) {
		static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
		uint32_t cp = 0, low = 0;
		uint8_t c = raw.p[i];
		if (c != '\\' || i + 1 >= raw.n) {
			buf_putc(out, c);
			continue;
		}
		c = raw.p[++i];
		const char *at = strchr(from, c);
		if (c == 'u' && hex4(slice_from(raw, i + 1), &cp)) {
			i += 4;
			if (cp >= 0xd800 && cp < 0xdc00 && slice_has_prefix(slice_from(raw, i + 1), SL("\\u")) &&
			    hex4(slice_from(raw, i + 3), &low) && low >= 0xdc00 && low < 0xe000) {
				cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
				i += 6;
			}
			put_utf8(out, cp);
		} else {
			buf_putc(out, at && c ? (uint8_t)to[at - from] : c);
		}
	}
	return out->failed ? SLICE_NULL : slice_from(buf_slice(out), start);
}

static void set_field(struct object *o, struct slice key, struct slice value)
{
	static const struct { const char *key; size_t at; } t[] = {
		{ "type", offsetof(struct object, type) }, { "pattern", offsetof(struct object, pattern) },
		{ "value", offsetof(struct object, value) }, { "indicator", offsetof(struct object, value) },
		{ "name", offsetof(struct object, name) }, { "what", offsetof(struct object, what) }, { "comment", offsetof(struct object, what) },
		{ "info", offsetof(struct object, name) }, { "description", offsetof(struct object, what) },
		{ "source", offsetof(struct object, source) }, { "grade", offsetof(struct object, grade) },
		{ "threat", offsetof(struct object, threat) }, { "id", offsetof(struct object, id) },
		{ "valid_until", offsetof(struct object, valid_until) }, { "versions", offsetof(struct object, versions) },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (slice_eqs(key, t[i].key))
			memcpy((uint8_t *)o + t[i].at, &value, sizeof(value));
	o->misp |= slice_eqs(key, "category") || slice_eqs(key, "event_id");
}

/* MISP descriptions stand in the event around; an own one comes first. */
static struct slice described(const struct object *o, const struct object *around)
{
	return o->what.n ? o->what : o->name.n ? o->name : around->name;
}

static enum err_code close_object(struct walk *w, const struct object *o, const struct object *around, struct err *e)
{
	bool stix = slice_find(o->id, SL("--")) > 0 && !o->misp;
	uint64_t until;
	if (o->revoked || o->not_for_detection || (!o->pattern.n && (!o->value.n || !o->type.n || stix)))
		return OK;
	if (o->valid_until.n && os_parse_time(o->valid_until, &until) && until < w->reader->now_s)
		return OK;
	AUTO_BUF text = BUF(PATTERN_MAX * 4);
	/* Reserved at once: the slices below stay where they are. */
	if (!buf_reserve(&text, PATTERN_MAX * 4))
		return err_set(e, ERR_NOMEM, 0, "read an indicator");
	struct intel_row row = { .source = unescape(&text, slice_upto(o->source.n ? o->source : around->source, 512)),
				 .grade = o->grade, .threat = o->threat };
	row.what = unescape(&text, slice_upto(stix && o->name.n ? o->name : described(o, around), 1024));
	if (o->pattern.n)
		return o->pattern.n > PATTERN_MAX ? OK : reader_stix_pattern(w->reader, unescape(&text, o->pattern), &row, e);
	row.type = unescape(&text, slice_upto(o->type, 64));
	row.value = unescape(&text, slice_upto(o->value, INTEL_MAX_VALUE + 1));
	row.versions = unescape(&text, slice_upto(o->versions, 4096));
	return reader_row(w->reader, &row, e);
}

static enum err_code walk_value(struct walk *w, unsigned depth, struct slice key, struct object *around, struct err *e);

static enum err_code walk_object(struct walk *w, unsigned depth, const struct object *around, struct err *e)
{
	struct object o = { 0 };
	struct slice key;
	if (around->name.n)
		o.name = SLICE_NULL;
	w->p++;
	for (skip_space(w); w->p < w->end && *w->p != '}'; skip_space(w)) {
		if (*w->p != '"')
			return broken(w, "a key was expected", e);
		TRY(take_string(w, &key, e));
		skip_space(w);
		if (w->p >= w->end || *w->p != ':')
			return broken(w, "':' was expected", e);
		w->p++;
		/* What stands around the inner objects: this one, or, where it says nothing, the one around it. */
		struct object outer = o;
		if (!outer.name.n)
			outer.name = around->name;
		if (!outer.source.n)
			outer.source = around->source;
		skip_space(w);
		bool nested = w->p < w->end && (*w->p == '{' || *w->p == '[');
		TRY(walk_value(w, depth + 1, key, nested ? &outer : &o, e));
		skip_space(w);
		if (w->p < w->end && *w->p == ',')
			w->p++;
		else if (w->p >= w->end || *w->p != '}')
			return broken(w, "',' or '}' was expected", e);
	}
	if (w->p >= w->end)
		return broken(w, "an object does not end", e);
	w->p++;
	return close_object(w, &o, around, e);
}

static enum err_code walk_array(struct walk *w, unsigned depth, struct object *around, struct err *e)
{
	w->p++;
	for (skip_space(w); w->p < w->end && *w->p != ']'; skip_space(w)) {
		/* A list of strings at the top is a plain list. */
		struct slice text;
		if (*w->p == '"' && depth == 1) {
			TRY(take_string(w, &text, e));
			TRY(reader_row(w->reader, &(struct intel_row){ .value = text }, e));
		} else {
			struct object item = { .name = around->name, .source = around->source };
			TRY(walk_value(w, depth + 1, SLICE_NULL, &item, e));
		}
		skip_space(w);
		if (w->p < w->end && *w->p == ',')
			w->p++;
		else if (w->p >= w->end || *w->p != ']')
			return broken(w, "',' or ']' was expected", e);
	}
	if (w->p >= w->end)
		return broken(w, "a list does not end", e);
	w->p++;
	return OK;
}

static enum err_code walk_value(struct walk *w, unsigned depth, struct slice key, struct object *around, struct err *e)
{
	skip_space(w);
	if (depth > JSON_DEPTH)
		return err_set(e, ERR_LIMIT, 0, "the JSON is nested deeper than %d", JSON_DEPTH);
	if (w->p >= w->end)
		return broken(w, "it ends too early", e);
	if (*w->p == '{')
		return walk_object(w, depth, around, e);
	if (*w->p == '[')
		return walk_array(w, depth, around, e);
	if (*w->p == '"') {
		struct slice text;
		TRY(take_string(w, &text, e));
		if (key.p)
			set_field(around, key, text);
		return OK;
	}
	const uint8_t *start = w->p;
	while (w->p < w->end && ((*w->p >= '0' && *w->p <= '9') || (*w->p >= 'a' && *w->p <= 'z') || (*w->p && strchr("+-.E", *w->p))))
		w->p++;
	struct slice word = slice_of(start, (size_t)(w->p - start));
	if (!word.n)
		return broken(w, "a value was expected", e);
	around->revoked |= slice_eqs(key, "revoked") && slice_eqs(word, "true");
	around->not_for_detection |= slice_eqs(key, "to_ids") && slice_eqs(word, "false");
	return OK;
}

enum err_code reader_json(struct intel_reader *r, struct slice bytes, struct err *e)
{
	if (slice_has_prefix(bytes, SL("\xef\xbb\xbf")))
		bytes = slice_from(bytes, 3);
	struct walk w = { .reader = r, .all = bytes, .p = bytes.p, .end = bytes.p + bytes.n };
	struct object top = { 0 };
	/* Some exports are one object a line. */
	for (skip_space(&w); w.p < w.end; skip_space(&w))
		TRY(walk_value(&w, 1, SLICE_NULL, &top, e));
	return OK;
}
