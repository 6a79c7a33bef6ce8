/* The image's config: what its fields say by themselves. Commands and texts in it come as pseudo files with signs. */
#include "judge_private.h"
#include <stdio.h>

static const struct judge_text root_user = { "config.root-user", KIND_MISCONFIGURATION, SEV_INFO, "The image runs as root",
	"No other user is set, so what breaks out of the program starts as root.", "Set USER to a user without rights in the Dockerfile." };
static const struct judge_text secret = { "config.secret", KIND_MISCONFIGURATION, SEV_MEDIUM, "A secret in the image's configuration",
	"A variable that by its name holds a password or key has a value in the image. Everybody who can pull the image can read it.",
	"Change the secret, take it out of the Dockerfile and give it to the container when it starts." };
static const struct judge_text key_material = { "config.secret-key", KIND_MISCONFIGURATION, SEV_HIGH, "A key in the image's configuration",
	"A value has the form of an access key or a private key. Everybody who can pull the image can use it.",
	"Revoke the key, take it out of the Dockerfile and give it to the container when it starts." };
static const struct judge_text port = { "config.remote-port", KIND_MISCONFIGURATION, SEV_LOW, "The image offers remote administration",
	"A port of SSH, telnet, remote desktops or the Docker API is exposed.", "Administer containers through the runtime; remove the port." };
static const struct judge_text docker_port = { "config.docker-port", KIND_MISCONFIGURATION, SEV_MEDIUM, "The image offers the Docker API without TLS",
	"Port 2375 is the Docker API without authentication: whoever reaches it owns the machine.", "Use a socket or TLS on port 2376." };
static const struct judge_text socket_volume = { "config.host-volume", KIND_MISCONFIGURATION, SEV_MEDIUM, "The image asks for a place that controls the host",
	"A volume of the image is the container runtime's socket or a directory of the host's root.", "Mount it only where you mean to, not from the image." };
static const struct judge_text sudo_start = { "config.sudo", KIND_MISCONFIGURATION, SEV_LOW, "The image starts through sudo",
	"sudo in the command that starts the container means that its user may become root.", "Set USER instead of switching users." };
static const struct judge_text search_path = { "config.path", KIND_MISCONFIGURATION, SEV_LOW, "Programs are searched in a place that everybody can write to",
	"PATH names a relative directory or /tmp before the system's directories.", "Put such directories last, or leave them out." };
static const struct judge_text preload = { "config.preload", KIND_MISCONFIGURATION, SEV_LOW, "A library is loaded into every program",
	"LD_PRELOAD is set for all processes of the container: the library runs inside each of them.", "Check that the library is the one you expect." };

static enum err_code note(struct threat_judge *j, const struct judge_text *t, const char *path, struct slice excerpt, struct slice key,
			  struct err *e)
{
	struct judge_file place = { .layer = -1, .path = slice_str(path), .reachable = true };
	struct spot spot = { .excerpt = excerpt };
	j->files++;
	return draft_add(j, t, key, &place, &spot, NULL, e);
}

static bool has_word(struct slice s, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= s.n; i++)
		if (slice_eq_nocase(slice_sub(s, i, n), slice_str(word)))
			return true;
	return false;
}

static bool secret_name(struct slice name)
{
	static const char *const words[] = { "password", "passwd", "secret", "api_key", "apikey", "access_key", "private_key", "auth_token",
		"access_token", "github_token", "npm_token", "api_token", "credentials" };
	static const char *const harmless[] = { "_file", "_path", "_dir", "_url", "_uri", "_name", "_length", "_policy", "_ttl", "_min", "_max",
		"_prefix", "_enabled", "_required", "_id", "allow_empty", "random" };
	bool hit = false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		hit |= has_word(name, words[i]);
	for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
		hit &= !has_word(name, harmless[i]);
	return hit;
}

static bool real_value(struct slice v)
{
	static const char *const empty[] = { "", "\"\"", "''", "true", "false", "yes", "no", "0", "1", "none", "null", "changeme", "change_me",
		"change-me", "example", "dummy", "placeholder", "unset", "***" };
	v = slice_trim(v);
	for (size_t i = 0; i < ARRAY_LEN(empty); i++)
		if (slice_eq_nocase(v, slice_str(empty[i])))
			return false;
	return v.p && v.n && v.p[0] != '$' && v.p[0] != '<' && v.p[0] != '/';
}

static bool all_of(struct slice s, size_t n, const char *extra)
{
	if (s.n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = s.p[i];
		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && (!c || !strchr(extra, c)))
			return false;
	}
	return true;
}

/* Forms that say of themselves what they are. */
static bool key_value(struct slice v)
{
	static const struct { const char *prefix; size_t rest; } forms[] = {
		{ "AKIA", 16 }, { "ASIA", 16 }, { "ghp_", 36 }, { "gho_", 36 }, { "ghs_", 36 }, { "github_pat_", 40 }, { "glpat-", 20 },
		{ "xoxb-", 20 }, { "xoxp-", 20 }, { "npm_", 36 }, { "pypi-", 40 }, { "sk_live_", 20 }, { "AIza", 35 }, { "dckr_pat_", 20 },
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		ptrdiff_t at = slice_find(v, slice_str(forms[i].prefix));
		if (at >= 0 && all_of(slice_from(v, (size_t)at + strlen(forms[i].prefix)), forms[i].rest, "_-"))
			return true;
	}
	return has_word(v, "-----BEGIN ") && has_word(v, "PRIVATE KEY");
}

/* NAME=value as it may be shown: the value is what must not be repeated in reports. */
static struct slice masked(struct threat_judge *j, struct slice name)
{
	return arena_printf(j->r->arena, "%.*s=(not shown)", SLICE_ARG(slice_upto(name, 120)));
}

static enum err_code judge_env(struct threat_judge *j, struct slice env, struct err *e)
{
	ptrdiff_t eq = slice_find_byte(env, '=');
	struct slice name = slice_upto(env, eq < 0 ? env.n : (size_t)eq), value = eq < 0 ? SLICE_NULL : slice_from(env, (size_t)eq + 1);
	if (key_value(value))
		TRY(note(j, &key_material, "config:Env", masked(j, name), name, e));
	else if (secret_name(name) && real_value(value))
		TRY(note(j, &secret, "config:Env", masked(j, name), name, e));
	if (slice_eqs(name, "LD_PRELOAD") && slice_trim(value).n)
		TRY(note(j, &preload, "config:Env", env, SLICE_NULL, e));
	if (!slice_eqs(name, "PATH"))
		return OK;
	struct slice rest = value, dir;
	while (slice_next_piece(&rest, ':', &dir) && !slice_eqs(dir, "/usr/bin") && !slice_eqs(dir, "/bin"))
		if (!dir.n || dir.p[0] != '/' || slice_eqs(dir, "/tmp") || slice_has_prefix(dir, SL("/tmp/")) || slice_eqs(dir, "/var/tmp") ||
		    slice_has_prefix(dir, SL("/dev/shm")))
			return note(j, &search_path, "config:Env", env, SLICE_NULL, e);
	return OK;
}

/* "RUN", "ARG X=y", "|1 TOKEN=abc /bin/sh -c ...": build arguments stay readable in the history. */
static enum err_code judge_history(struct threat_judge *j, size_t at, struct err *e)
{
	struct slice rest = slice_upto(j->r->config.history_created_by.items[at], 64 * KIB), word;
	char path[32];
	snprintf(path, sizeof(path), "history:%zu", at);
	if (!slice_has_prefix(rest, SL("|")) && !has_word(slice_upto(rest, 40), "ARG ") && !has_word(slice_upto(rest, 40), "ENV "))
		return OK;
	while (slice_next_piece(&rest, ' ', &word)) {
		ptrdiff_t eq = slice_find_byte(word, '=');
		struct slice name = eq > 0 ? slice_upto(word, (size_t)eq) : SLICE_NULL, value = eq > 0 ? slice_from(word, (size_t)eq + 1) : SLICE_NULL;
		if (slice_has_prefix(word, SL("/bin/sh")))
			break;
		if (!name.n || !all_of(name, name.n, "_"))
			continue;
		if (key_value(value))
			TRY(note(j, &key_material, path, masked(j, name), name, e));
		else if (secret_name(name) && real_value(value))
			TRY(note(j, &secret, path, masked(j, name), name, e));
	}
	return OK;
}

static enum err_code judge_port(struct threat_judge *j, struct slice p, struct err *e)
{
	static const char *const remote[] = { "22", "23", "513", "514", "2376", "3389", "5900" };
	ptrdiff_t slash = slice_find_byte(p, '/');
	struct slice number = slash < 0 ? p : slice_upto(p, (size_t)slash);
	if (slice_eqs(number, "2375"))
		return note(j, &docker_port, "config:ExposedPorts", p, SLICE_NULL, e);
	for (size_t i = 0; i < ARRAY_LEN(remote); i++)
		if (slice_eqs(number, remote[i]))
			return note(j, &port, "config:ExposedPorts", p, SLICE_NULL, e);
	return OK;
}

static enum err_code judge_start(struct threat_judge *j, const struct slice_list *words, const char *path, struct err *e)
{
	for (size_t i = 0; i < words->n && i < 4; i++)
		if (slice_eqs(words->items[i], "sudo") || slice_has_suffix(words->items[i], SL("/sudo")) ||
		    slice_has_prefix(words->items[i], SL("sudo ")))
			return note(j, &sudo_start, path, words->items[i], SLICE_NULL, e);
	return OK;
}

enum err_code threat_judge_config(struct threat_judge *j, struct err *e)
{
	const struct image_config *c = &j->r->config;
	struct slice user = c->user;
	ptrdiff_t colon = slice_find_byte(user, ':');
	user = slice_trim(colon < 0 ? user : slice_upto(user, (size_t)colon));
	/* A directory taken as a root file system has no config: nothing is said about its user. */
	bool config = c->env.n || c->entrypoint.n || c->cmd.n || c->diff_ids.n || c->history_n;
	if (config && (!user.n || slice_eqs(user, "root") || slice_eqs(user, "0")))
		TRY(note(j, &root_user, "config:User", user.n ? user : SL("(not set)"), SLICE_NULL, e));
	for (size_t i = 0; i < c->env.n; i++)
		TRY(judge_env(j, c->env.items[i], e));
	for (size_t i = 0; i < c->history_n; i++)
		TRY(judge_history(j, i, e));
	for (size_t i = 0; i < c->exposed_ports.n; i++)
		TRY(judge_port(j, c->exposed_ports.items[i], e));
	static const char *const places[] = { "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/", "/host", "/proc",
		"/sys/fs/cgroup" };
	for (size_t i = 0; i < c->volumes.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(places); k++)
			if (slice_eqs(c->volumes.items[i], places[k]))
				TRY(note(j, &socket_volume, "config:Volumes", c->volumes.items[i], SLICE_NULL, e));
	TRY(judge_start(j, &c->entrypoint, "config:Entrypoint", e));
	return judge_start(j, &c->cmd, "config:Cmd", e);
}
