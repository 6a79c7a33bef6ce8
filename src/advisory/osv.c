/* OSV JSON -> struct osv_record. */
#include "record.h"
#include <math.h>

static void push_name(struct json *j, struct slice_list *l, struct slice s, size_t max)
{
	if (!s.n || s.n > OSV_MAX_NAME || slice_find_byte(s, 0) >= 0)
		return;
	if (l->n == max) {
		j->bad = "a list is longer than its limit";
		return;
	}
	struct slice *slot = ARENA_PUSH(j->arena, l);
	if (slot)
		*slot = s;
	else
		j->bad = "too large for its memory budget";
}

static void parse_names(struct json *j, struct slice_list *l, size_t max)
{
	if (json_enter_array(j))
		while (json_next_item(j))
			push_name(j, l, json_take_string(j), max);
}

/* An advisory's page first, at most a few. */
static void parse_references(struct json *j, struct slice_list *l)
{
	if (!json_enter_array(j))
		return;
	while (json_next_item(j)) {
		struct slice key, url = SLICE_NULL, type = SLICE_NULL;
		if (!json_enter_object(j))
			continue;
		while (json_next_key(j, &key))
			if (slice_eqs(key, "url"))
				url = json_take_string(j);
			else if (slice_eqs(key, "type"))
				type = json_take_string(j);
			else
				json_skip(j);
		if (!slice_has_prefix(url, SL("https://")) && !slice_has_prefix(url, SL("http://")))
			continue;
		if (l->n < OSV_KEPT_REFERENCES)
			push_name(j, l, url, OSV_KEPT_REFERENCES);
		else if (slice_eqs(type, "ADVISORY") && url.n <= OSV_MAX_NAME)
			l->items[OSV_KEPT_REFERENCES - 1] = url;
	}
}

/* CVSS 3 is what nearly everybody gives, so that scores of different sources compare; then 4, then 2. */
static unsigned vector_rank(struct slice v)
{
	if (slice_has_prefix(v, SL("CVSS:3")))
		return 3;
	if (slice_has_prefix(v, SL("CVSS:4")))
		return 2;
	return slice_find(v, SL("AV:")) >= 0 || slice_find(v, SL("(AV:")) >= 0 ? 1 : 0;
}

void osv_parse_severity(struct json *j, struct grade *g)
{
	if (!json_enter_array(j))
		return;
	while (json_next_item(j)) {
		struct slice key, type = SLICE_NULL, score = SLICE_NULL;
		if (!json_enter_object(j))
			continue;
		while (json_next_key(j, &key))
			if (slice_eqs(key, "type"))
				type = json_take_string(j);
			else if (slice_eqs(key, "score"))
				score = json_take_string(j);
			else
				json_skip(j);
		if (score.n > OSV_MAX_NAME)
			continue;
		if (slice_has_prefix(type, SL("CVSS")) && vector_rank(score) > vector_rank(g->vector))
			g->vector = score;
		else if (!slice_has_prefix(type, SL("CVSS")) && !g->word.n)
			g->word = score;
	}
}

/* database_specific and ecosystem_specific, as far as sources are known to say how grave it is. */
static void parse_specific(struct json *j, struct grade *g)
{
	struct slice key;
	if (!json_enter_object(j))
		return;
	while (json_next_key(j, &key)) {
		double score;
		if (slice_eqs(key, "severity") || slice_eqs(key, "urgency") || slice_eqs(key, "ubuntu_priority")) {
			if (json_peek(j) == JSON_ARRAY) {
				osv_parse_severity(j, g);
				continue;
			}
			struct slice word = json_take_string(j);
			if (word.n && word.n <= 32)
				g->word = word;
		} else if (slice_eqs(key, "cvss_v3") || slice_eqs(key, "cvss_v2")) {
			if (json_number(j, &score) && score > 0 && score <= 10 && (slice_eqs(key, "cvss_v3") || !g->score_tenths))
				g->score_tenths = (unsigned)lround(score * 10);
		} else {
			json_skip(j);
		}
	}
}

static void push_event(struct json *j, struct event_list *l, enum event_kind kind, struct slice version)
{
	if (version.n > VERSION_MAX_BYTES || l->n == OSV_MAX_EVENTS) {
		j->bad = "a range is longer than its limit";
		return;
	}
	struct event *ev = version.n ? ARENA_PUSH(j->arena, l) : NULL;
	if (ev)
		*ev = (struct event){ kind, version };
}

static void parse_events(struct json *j, struct event_list *l)
{
	static const char *const names[] = { [EVENT_FIXED] = "fixed", [EVENT_INTRODUCED] = "introduced", [EVENT_LAST_AFFECTED] = "last_affected",
					     [EVENT_LIMIT] = "limit" };
	if (!json_enter_array(j))
		return;
	while (json_next_item(j)) {
		struct slice key;
		if (!json_enter_object(j))
			continue;
		while (json_next_key(j, &key)) {
			size_t i = 0;
			while (i < ARRAY_LEN(names) && !slice_eqs(key, names[i]))
				i++;
			if (i < ARRAY_LEN(names))
				push_event(j, l, (enum event_kind)i, json_take_string(j));
			else
				json_skip(j);
		}
	}
}

static void parse_ranges(struct json *j, struct event_lists *ranges)
{
	if (!json_enter_array(j))
		return;
	while (json_next_item(j)) {
		struct slice key, type = SLICE_NULL;
		struct event_list events = { 0 };
		if (!json_enter_object(j))
			continue;
		while (json_next_key(j, &key))
			if (slice_eqs(key, "type"))
				type = json_take_string(j);
			else if (slice_eqs(key, "events"))
				parse_events(j, &events);
			else
				json_skip(j);
		if (!events.n || slice_eqs(type, "GIT"))
			continue;	/* commits cannot be compared with an installed version */
		if (ranges->n == OSV_MAX_EVENTS) {
			j->bad = "more ranges than the limit";
			return;
		}
		struct event_list *slot = ARENA_PUSH(j->arena, ranges);
		if (slot)
			*slot = events;
	}
}

static void parse_package(struct json *j, struct osv_affected *a)
{
	struct slice key;
	if (!json_enter_object(j))
		return;
	while (json_next_key(j, &key))
		if (slice_eqs(key, "ecosystem"))
			a->ecosystem = json_take_string(j);
		else if (slice_eqs(key, "name"))
			a->name = json_take_string(j);
		else
			json_skip(j);
}

static void parse_affected_one(struct json *j, struct osv_affected *a)
{
	struct slice key;
	while (json_next_key(j, &key))
		if (slice_eqs(key, "package"))
			parse_package(j, a);
		else if (slice_eqs(key, "ranges"))
			parse_ranges(j, &a->ranges);
		else if (slice_eqs(key, "versions"))
			parse_names(j, &a->versions, OSV_MAX_VERSIONS);
		else if (slice_eqs(key, "severity"))
			osv_parse_severity(j, &a->grade);
		else if (slice_eqs(key, "ecosystem_specific") || slice_eqs(key, "database_specific"))
			parse_specific(j, &a->grade);
		else
			json_skip(j);
}

static void parse_affected(struct json *j, struct osv_affected_list *l)
{
	if (!json_enter_array(j))
		return;
	while (json_next_item(j)) {
		struct osv_affected a = { 0 };
		if (!json_enter_object(j))
			continue;
		parse_affected_one(j, &a);
		if (!a.ecosystem.n || !a.name.n || a.ecosystem.n > 128 || a.name.n > OSV_MAX_NAME || slice_find_byte(a.ecosystem, 0) >= 0 ||
		    slice_find_byte(a.name, 0) >= 0)
			continue;
		if (l->n == OSV_MAX_AFFECTED) {
			j->bad = "more affected packages than the limit";
			return;
		}
		struct osv_affected *slot = ARENA_PUSH(j->arena, l);
		if (slot)
			*slot = a;
	}
}

static uint64_t parse_time(struct json *j)
{
	struct slice s = json_take_string(j);
	uint64_t t;
	return os_parse_time(s, &t) || os_parse_time(slice_upto(s, 10), &t) ? t : 0;
}

/* The known keys; each may stand once. */
enum { K_ID, K_SUMMARY, K_DETAILS, K_PUBLISHED, K_MODIFIED, K_WITHDRAWN, K_ALIASES, K_UPSTREAM, K_RELATED, K_REFERENCES, K_AFFECTED, K_SEVERITY,
       K_SPECIFIC, K_COUNT };
static const char *const keys[K_COUNT] = { "id", "summary", "details", "published", "modified", "withdrawn", "aliases", "upstream", "related",
					   "references", "affected", "severity", "database_specific" };

static void parse_key(struct json *j, int k, struct osv_record *r)
{
	switch (k) {
	case K_ID: r->id = json_take_string(j); break;
	case K_SUMMARY: r->summary = json_take_string(j); break;
	case K_DETAILS: r->details = json_take_string(j); break;
	case K_PUBLISHED: r->published_s = parse_time(j); break;
	case K_MODIFIED: r->modified_s = parse_time(j); break;
	case K_WITHDRAWN: r->withdrawn = json_take_string(j).n > 0; break;
	case K_ALIASES: parse_names(j, &r->aliases, OSV_MAX_NAMES); break;
	case K_UPSTREAM: parse_names(j, &r->upstream, OSV_MAX_NAMES); break;
	case K_RELATED: parse_names(j, &r->related, OSV_MAX_NAMES); break;
	case K_REFERENCES: parse_references(j, &r->references); break;
	case K_AFFECTED: parse_affected(j, &r->affected); break;
	case K_SEVERITY: osv_parse_severity(j, &r->grade); break;
	case K_SPECIFIC: parse_specific(j, &r->grade); break;
	default: json_skip(j);
	}
}

bool osv_parse(struct json *j, struct osv_record *ret, const char **ret_why)
{
	struct osv_record r = { 0 };
	struct slice key;
	uint32_t seen = 0;
	*ret_why = "it is not a JSON object";
	if (!json_enter_object(j))
		return false;
	while (json_next_key(j, &key)) {
		int k = 0;
		while (k < K_COUNT && !slice_eqs(key, keys[k]))
			k++;
		if (k < K_COUNT && seen >> k & 1)
			j->bad = "a key stands twice";
		seen |= 1u << k;
		parse_key(j, k, &r);
	}
	*ret_why = j->bad;
	if (j->bad)
		return false;
	*ret_why = "too large for its memory budget";
	if (j->arena->failed)
		return false;
	*ret_why = "it has no id";
	if (!r.id.n || r.id.n > OSV_MAX_NAME || slice_find_byte(r.id, 0) >= 0)
		return false;
	*ret = r;
	return true;
}
