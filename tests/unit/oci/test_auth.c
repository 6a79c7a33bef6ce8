#include "auth.h"
#include "make.h"

static void challenges(void **state)
{
	(void)state;
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_challenge c = { 0 };
	oci_challenge_parse(SL("Bearer realm=\"https://auth.example/to\\\"ken\" , service=reg ,scope=\"a,b\", Basic realm=\"x\""), &a,
			&c);
	assert_true(c.bearer && c.basic);
	assert_true(slice_eqs(c.realm, "https://auth.example/to\"ken"));
	assert_true(slice_eqs(c.service, "reg"));
	static const char *const odd[] = { "", ",,,", "Bearer", "Bearer realm", "Bearer realm=\"", "Bearer realm=\"\\", "=x",
			"Bearer =", "\"", "Basic,Basic" };
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct oci_challenge d = { 0 };
		oci_challenge_parse(slice_str(odd[i]), &a, &d);
		assert_true(!d.realm.n || i == 5);
	}
}

static void owners(void **state)
{
	(void)state;
	static const struct { const char *registry, *host; bool want; } t[] = {
		{ "registry-1.docker.io", "auth.docker.io", true }, { "registry.gitlab.com", "gitlab.com", true }, { "quay.io", "quay.io",
				true },
		{ "registry.example.co.uk", "auth.example.co.uk", true }, { "registry.example.co.uk", "auth.evil.co.uk", false },
		{ "docker.io", "docker.io.evil.com", false }, { "a.github.io", "b.github.io", false }, { "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false }, { "127.0.0.1", "localhost", false }, { "[::1]", "[::2]", false }, { "localhost",
				"localhost", true },
		{ "registry", "auth", false }, { "a.io", "b.io", false }, { "x.amazonaws.com", "y.amazonaws.com", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (oci_same_owner(slice_str(t[i].registry), slice_str(t[i].host)) != t[i].want)
			fail_msg("%s %s", t[i].registry, t[i].host);
}

static void find(const char *json, const char *ref, const char *user, const char *password)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_reference r;
	struct oci_credentials c = { 0 };
	struct err e = { 0 };
	assert_int_equal(oci_reference_parse(slice_str(ref), &a, &r, &e), OK);
	if (oci_credentials_parse(slice_str(json), "auth.json", &r, &a, &c, &e))
		fail_msg("%s", e.msg);
	if (c.found != (user != NULL) || (user && (!slice_eqs(c.user, user) || !slice_eqs(c.password, password))))
		fail_msg("%s: %.*s %.*s", ref, SLICE_ARG(c.user), SLICE_ARG(c.password));
}

static void files(void **state)
{
	(void)state;
	/* a:1, b:2, c:3 */
	static const char json[] = "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTox\"},\"quay.io\":{\"auth\":\"Yjoy\"},"
		"\"quay.io/org\":{\"auth\":\"Yzoz\"},\"https://reg.example:5000/v2/\":{\"auth\":\"YTox\"},\"empty.example\":{}}}";
	find(json, "nginx", "a", "1");
	find(json, "quay.io/x/y", "b", "2");
	find(json, "quay.io/org/y", "c", "3");
	find(json, "quay.io/organ/y", "b", "2");
	find(json, "reg.example:5000/y", "a", "1");
	find(json, "reg.example/y", NULL, NULL);
	find(json, "evil-quay.io/y", NULL, NULL);
	find(json, "quay.io.evil.com/y", NULL, NULL);
	find(json, "empty.example/y", NULL, NULL);
	find("{}", "nginx", NULL, NULL);
}

static int helper(void **state, const char *body)
{
	static char dir[] = "/tmp/pabean-helper-XXXXXX", path[4200];
	static bool made;	/* not told by the name: a made one may hold an X, too */
	(void)state;
	if (!made && !mkdtemp(dir))
		return -1;
	made = true;
	write_file(dir, "docker-credential-test", slice_str(body));
	snprintf(path, sizeof(path), "%s/docker-credential-test", dir);
	chmod(path, 0755);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	return setenv("PATH", path, 1);
}

static void helpers(void **state)
{
	AUTO_ARENA a = ARENA(1 << 20);
	struct oci_credentials c = { 0 };
	struct err e = { 0 };
	char old[4096], dir[4200];
	snprintf(old, sizeof(old), "%s", getenv("PATH"));
	assert_int_equal(helper(state,
			"#!/bin/sh\n[ \"$1\" = get ] || exit 9\nread s\nprintf '{\"ServerURL\":\"%s\",\"Username\":\"u-%s\","
				"\"Secret\":\"s\"}' \"$s\" \"$s\"\n"), 0);
	find("{\"credHelpers\":{\"quay.io\":\"test\"}}", "quay.io/x", "u-quay.io", "s");
	find("{\"credsStore\":\"test\",\"auths\":{\"https://index.docker.io/v1/\":{}}}", "nginx", "u-https://index.docker.io/v1/", "s");
	assert_int_equal(helper(state, "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n"), 0);
	find("{\"credsStore\":\"test\"}", "nginx", NULL, NULL);
	helper(state, "#!/bin/sh\nprintf '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}'\n");
	assert_int_equal(oci_credentials_helper(SL("test"), SL("x"), &a, &c, &e), OK);
	assert_true(slice_eqs(c.identity_token, "refresh"));
	helper(state, "#!/bin/sh\nexec yes\n");
	assert_int_equal(oci_credentials_helper(SL("test"), SL("x"), &a, &c, &e), ERR_LIMIT);
	helper(state, "#!/bin/sh\nexit 3\n");
	assert_int_equal(oci_credentials_helper(SL("test"), SL("x"), &a, &c, &e), ERR_AUTH);
	assert_int_equal(oci_credentials_helper(SL("../test"), SL("x"), &a, &c, &e), ERR_USAGE);
	assert_int_equal(oci_credentials_helper(SL("no-such"), SL("x"), &a, &c, &e), ERR_AUTH);
	snprintf(dir, sizeof(dir), "%.*s", (int)(strchr(getenv("PATH"), ':') - getenv("PATH")), getenv("PATH"));
	assert_int_equal(os_remove_tree(dir, &e), OK);
	setenv("PATH", old, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(challenges), cmocka_unit_test(owners), cmocka_unit_test(files),
			cmocka_unit_test(helpers) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
