/* The image config: OCI image-spec config.md and Docker's image specification v1.2, which agree in what is read here. */
#include "manifest.h"

/* Docker takes a bare text where a list is expected (strslice). */
static enum err_code list(const json_t *obj, const char *key, const char *what, struct arena *a, struct slice_list *ret,
					 struct err *e)
{
	json_t *v = json_object_get(obj, key), *item;
	size_t i;
	if (!v || json_is_null(v))
		return OK;
	if (!json_is_array(v) && !json_is_string(v))
		return err_set(e, ERR_FORMAT, 0, "field '%s' of %s is not a list", key, what);
	for (i = 0; i < (json_is_array(v) ? json_array_size(v) : 1); i++) {
		item = json_is_array(v) ? json_array_get(v, i) : v;
		if (!json_is_string(item))
			return err_set(e, ERR_FORMAT, 0, "field '%s' of %s is not a list of texts", key, what);
		struct slice *s = ARENA_PUSH(a, ret);
		if (s)
			*s = arena_dup(a, slice_of(json_string_value(item), json_string_length(item)));
	}
	return arena_ok(a, what, e);
}

/* Keys, and values when wanted, in the document's order. */
static enum err_code map(const json_t *obj, const char *key, const char *what, struct arena *a, struct slice_list *keys,
			 struct slice_list *values, struct err *e)
{
	json_t *m, *v;
	const char *k;
	TRY(json_object_of(obj, key, JSON_MAY, what, &m, e));
	json_object_foreach(m, k, v) {
		struct slice *s = ARENA_PUSH(a, keys);
		if (s)
			*s = arena_dup(a, slice_str(k));
		if (!values)
			continue;
		if (!json_is_string(v) && !json_is_null(v))
			return err_set(e, ERR_FORMAT, 0, "field '%s' of %s has a value that is no text", key, what);
		s = ARENA_PUSH(a, values);
		if (s)
			*s = arena_dup(a, json_is_null(v) ? SL("") : slice_of(json_string_value(v), json_string_length(v)));
	}
	return arena_ok(a, what, e);
}

static enum err_code container_config(const json_t *j, const char *what, struct arena *a, struct image_config *c, struct err *e)
{
	static const char *const names[] = { "User", "WorkingDir", "StopSignal", "Entrypoint", "Cmd", "Env", "OnBuild", "Shell",
			"ExposedPorts",
		"Volumes", "Labels", "Healthcheck", NULL };
	static const char *const health_names[] = { "Test", NULL };
	json_t *in, *health;
	TRY(json_object_of(j, "config", JSON_MAY, what, &in, e));
	if (!in)
		return OK;
	TRY(json_check_case(in, names, what, e));
	TRY(json_text(in, "User", JSON_MAY, what, a, &c->user, e));
	TRY(json_text(in, "WorkingDir", JSON_MAY, what, a, &c->working_dir, e));
	TRY(json_text(in, "StopSignal", JSON_MAY, what, a, &c->stop_signal, e));
	TRY(list(in, "Entrypoint", what, a, &c->entrypoint, e));
	TRY(list(in, "Cmd", what, a, &c->cmd, e));
	TRY(list(in, "Env", what, a, &c->env, e));
	TRY(list(in, "OnBuild", what, a, &c->on_build, e));
	TRY(list(in, "Shell", what, a, &c->shell, e));
	TRY(map(in, "ExposedPorts", what, a, &c->exposed_ports, NULL, e));
	TRY(map(in, "Volumes", what, a, &c->volumes, NULL, e));
	TRY(map(in, "Labels", what, a, &c->label_keys, &c->label_values, e));
	TRY(json_object_of(in, "Healthcheck", JSON_MAY, what, &health, e));
	if (!health)
		return OK;
	TRY(json_check_case(health, health_names, what, e));
	return list(health, "Test", what, a, &c->healthcheck, e);
}

static enum err_code history(const json_t *j, const char *what, struct arena *a, struct image_config *c, struct err *e)
{
	static const char *const names[] = { "created_by", "empty_layer", NULL };
	json_t *h, *v, *empty;
	size_t i;
	TRY(json_array_of(j, "history", JSON_MAY, what, &h, e));
	if (!json_array_size(h))
		return OK;
	c->history_empty = arena_calloc(a, json_array_size(h), sizeof(bool));
	TRY(arena_ok(a, what, e));
	json_array_foreach(h, i, v) {
		if (!json_is_object(v))
			return err_set(e, ERR_FORMAT, 0, "%s has a history entry that is no object", what);
		TRY(json_check_case(v, names, what, e));
		struct slice *s = ARENA_PUSH(a, &c->history_created_by);
		if (!s)
			return arena_ok(a, what, e);
		TRY(json_text(v, "created_by", JSON_MAY, what, a, s, e));
		empty = json_object_get(v, "empty_layer");
		if (empty && !json_is_boolean(empty) && !json_is_null(empty))
			return err_set(e, ERR_FORMAT, 0, "field 'empty_layer' of %s is neither true nor false", what);
		c->history_empty[i] = json_is_true(empty);
	}
	c->history_n = json_array_size(h);
	return OK;
}

static enum err_code rootfs(const json_t *j, const char *what, struct arena *a, struct image_config *c, struct err *e)
{
	static const char *const names[] = { "type", "diff_ids", NULL };
	json_t *r;
	struct slice type;
	TRY(json_object_of(j, "rootfs", JSON_MUST, what, &r, e));
	TRY(json_check_case(r, names, what, e));
	TRY(json_text(r, "type", JSON_MAY, what, a, &type, e));
	if (type.n && !slice_eqs(type, "layers"))
		return err_set(e, ERR_UNSUPPORTED, 0, "%s has a root file system of type '%s'; only 'layers' is known", what, ESC(type));
	TRY(list(r, "diff_ids", what, a, &c->diff_ids, e));
	for (size_t i = 0; i < c->diff_ids.n; i++)
		if (!oci_digest_valid(c->diff_ids.items[i]))
			return err_set(e, ERR_FORMAT, 0, "%s names the diff_id '%s', which is no digest", what, ESC(c->diff_ids.items[i]));
	return OK;
}

static enum err_code check_counts(const struct image_config *c, size_t n_layers, const char *what, struct err *e)
{
	size_t filled = 0;
	for (size_t i = 0; i < c->history_n; i++)
		filled += !c->history_empty[i];
	if (c->diff_ids.n != n_layers)
		return err_set(e, ERR_FORMAT, 0, "%s names %zu diff_ids, but the image has %zu layers", what, c->diff_ids.n, n_layers);
	if (c->history_n && filled != n_layers)
		return err_set(e, ERR_FORMAT, 0, "%s has %zu history entries that made a layer, but the image has %zu layers", what, filled,
				n_layers);
	return OK;
}

enum err_code oci_config_parse(struct slice bytes, size_t n_layers, const char *what, struct arena *a, struct image_config *ret,
					 struct err *e)
{
	static const char *const names[] = { "architecture", "os", "variant", "created", "author", "config", "rootfs", "history", NULL };
	struct image_config c = { 0 };
	AUTO_JSON j = NULL;
	if (bytes.n > OCI_MAX_CONFIG_BYTES)
		return err_set(e, ERR_LIMIT, 0, "%s is larger than 8 MiB", what);
	TRY(json_strict(bytes, what, &j, e));
	if (!json_is_object(j))
		return err_set(e, ERR_FORMAT, 0, "%s is no JSON object", what);
	TRY(json_check_case(j, names, what, e));
	TRY(json_text(j, "architecture", JSON_MAY, what, a, &c.architecture, e));
	TRY(json_text(j, "os", JSON_MAY, what, a, &c.os, e));
	TRY(json_text(j, "variant", JSON_MAY, what, a, &c.variant, e));
	TRY(json_text(j, "created", JSON_MAY, what, a, &c.created, e));
	TRY(json_text(j, "author", JSON_MAY, what, a, &c.author, e));
	TRY(rootfs(j, what, a, &c, e));
	TRY(container_config(j, what, a, &c, e));
	TRY(history(j, what, a, &c, e));
	TRY(check_counts(&c, n_layers, what, e));
	*ret = c;
	return arena_ok(a, what, e);
}

int *oci_config_layer_history(const struct image_config *c, size_t n_layers, struct arena *a)
{
	int *map_to = arena_calloc(a, n_layers, sizeof(*map_to));
	size_t next = 0;
	for (size_t i = 0; map_to && i < n_layers; i++) {
		while (next < c->history_n && c->history_empty[next])
			next++;
		map_to[i] = next < c->history_n ? (int)next++ : -1;
	}
	return map_to;
}
