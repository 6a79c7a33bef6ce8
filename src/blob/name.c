#include <errno.h>
#include <sys/random.h>
#include "name.h"

bool blob_is_hex(struct slice s, size_t n)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return s.n == n;
}

enum err_code blob_name_parse(struct slice digest, struct blob_name *ret, struct err *e)
{
	static const struct { struct slice prefix; int algo; } known[] = {
		{ SL("sha256:"), DIGEST_SHA256 }, { SL("sha512:"), DIGEST_SHA512 },
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct slice hex = slice_from(digest, known[i].prefix.n);
		if (slice_has_prefix(digest, known[i].prefix) && blob_is_hex(hex, 2 * digest_size(known[i].algo))) {
			*ret = (struct blob_name){ known[i].algo, hex };
			return OK;
		}
	}
	return err_set(e, ERR_USAGE, 0, "'%s' is no digest of a blob", text_escape_to((char[160]){ 0 }, 160, digest));
}

enum err_code blob_id_check(const char *id, struct err *e)
{
	if (id && strnlen(id, BLOB_ID_BYTES) == BLOB_ID_HEX && blob_is_hex(slice_of(id, BLOB_ID_HEX), BLOB_ID_HEX))
		return OK;
	return err_set(e, ERR_USAGE, 0, "that is no upload's id");
}

enum err_code blob_object_check(const char *name, struct err *e)
{
	size_t n = name ? strnlen(name, BLOB_OBJECT_NAME_MAX + 1) : 0;
	bool ok = n > 0 && n <= BLOB_OBJECT_NAME_MAX && name[0] != '.';
	for (size_t i = 0; ok && i < n; i++)
		ok = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || strchr("._-", name[i]);
	return ok ? OK : err_set(e, ERR_USAGE, 0, "that is no object's name");
}

enum err_code blob_id_new(char dst[BLOB_ID_BYTES], struct err *e)
{
	uint8_t r[BLOB_ID_HEX / 2];
	size_t have = 0;
	while (have < sizeof(r)) {
		ssize_t n = getrandom(r + have, sizeof(r) - have, 0);
		if (n < 0 && errno != EINTR)
			return err_set(e, ERR_IO, errno, "random bytes for an upload's id");
		have += n > 0 ? (size_t)n : 0;
	}
	hex_encode(dst, r, sizeof(r));
	return OK;
}
