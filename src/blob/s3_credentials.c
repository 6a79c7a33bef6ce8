#include <stdlib.h>
#include "s3.h"

enum { FILE_MAX = 64 << 10 };

static const char *env(const char *name)
{
	const char *v = getenv(name);
	return v && *v ? v : NULL;
}

bool s3_credentials_parse(struct slice file, struct slice profile, struct arena *a, struct s3_credentials *ret)
{
	struct s3_credentials c = { 0 };
	struct slice line;
	bool inside = false;
	while (slice_next_line(&file, &line)) {
		line = slice_trim(line);
		if (!line.n || line.p[0] == '#' || line.p[0] == ';')
			continue;
		if (line.p[0] == '[') {
			struct slice name = slice_trim(slice_sub(line, 1, line.n - (line.p[line.n - 1] == ']' ? 2 : 1)));
			inside = slice_eq(name, profile);
			continue;
		}
		ptrdiff_t eq = slice_find_byte(line, '=');
		if (!inside || eq < 0)
			continue;
		struct slice key = slice_trim(slice_upto(line, (size_t)eq)), value = slice_trim(slice_from(line, (size_t)eq + 1));
		if (slice_eq_nocase(key, SL("aws_access_key_id")))
			c.access_key = arena_slice_cstr(a, value);
		else if (slice_eq_nocase(key, SL("aws_secret_access_key")))
			c.secret_key = arena_slice_cstr(a, value);
		else if (slice_eq_nocase(key, SL("aws_session_token")))
			c.session_token = arena_slice_cstr(a, value);
	}
	if (!c.access_key || !*c.access_key || !c.secret_key || !*c.secret_key)
		return false;
	*ret = c;
	return true;
}

static enum err_code from_file(const struct blob_s3_options *o, struct arena *a, struct s3_credentials *ret, struct err *e)
{
	AUTO_BUF path = BUF(4096), content = BUF(FILE_MAX);
	const char *named = o->credentials_file ? o->credentials_file : env("AWS_SHARED_CREDENTIALS_FILE");
	const char *profile = env("AWS_PROFILE"), *home = env("HOME");
	if (named)
		buf_puts(&path, named);
	else if (home)
		buf_printf(&path, "%s/.aws/credentials", home);
	enum err_code rc = path.n ? os_read_file(buf_cstr(&path), &content, e) : ERR_NOT_FOUND;
	if (rc == ERR_NOT_FOUND && !named)
		return err_set(e, ERR_USAGE, 0, "there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file");
	TRY(rc);
	if (!profile)
		profile = "default";
	if (!s3_credentials_parse(buf_slice(&content), slice_str(profile), a, ret))
		rc = err_set(e, ERR_USAGE, 0, "'%.150s' has no aws_access_key_id and aws_secret_access_key under [%.60s]", buf_cstr(&path), profile);
	explicit_bzero(content.p, content.n);
	return rc;
}

enum err_code s3_credentials_find(const struct blob_s3_options *o, struct arena *a, struct s3_credentials *ret, struct err *e)
{
	struct s3_credentials c = { o->access_key, o->secret_key, o->session_token };
	if (!c.access_key && !c.secret_key && !o->credentials_file)
		c = (struct s3_credentials){ env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN") };
	if (!c.access_key && !c.secret_key)
		return from_file(o, a, ret, e);
	if (!c.access_key || !c.secret_key)
		return err_set(e, ERR_USAGE, 0, "of the credentials for S3, only one half is given");
	*ret = (struct s3_credentials){ arena_strdup(a, c.access_key), arena_strdup(a, c.secret_key),
					c.session_token ? arena_strdup(a, c.session_token) : NULL };
	return arena_ok(a, "credentials", e);
}
