#include "facts.h"

const char *file_class_name(enum file_class c)
{
	static const char *const names[FILE_CLASS_COUNT] = {
		"empty", "data", "text", "elf", "elf-library", "elf-object", "script", "bytecode", "archive", "pe", "config", "document",
		"package-index",
	};
	return (unsigned)c < FILE_CLASS_COUNT ? names[c] : "unknown";
}

const char *script_lang_name(enum script_lang l)
{
	static const char *const names[LANG_COUNT] = {
		"none", "shell", "python", "perl", "javascript", "ruby", "php", "lua", "tcl", "awk", "powershell", "other",
	};
	return (unsigned)l < LANG_COUNT ? names[l] : "unknown";
}

bool fact_list_put(struct buf *out, struct slice item)
{
	buf_put_varint(out, item.n);
	return buf_put_slice(out, item);
}

bool fact_list_next(struct slice *rest, struct slice *ret_item)
{
	struct rd r = rd_of(*rest);
	if (!rest->n)
		return false;
	struct slice item = rd_bytes(&r, rd_varint(&r));
	if (r.bad)
		return false;
	*ret_item = item;
	*rest = slice_from(*rest, rd_offset(&r));
	return true;
}

int fact_path_cmp(struct slice a, struct slice b)
{
	size_t n = MIN(a.n, b.n), i = 0;
	/* Eight bytes at a time up to the first difference. */
	for (; i + 8 <= n; i += 8) {
		uint64_t x, y;
		memcpy(&x, a.p + i, 8);
		memcpy(&y, b.p + i, 8);
		if (x != y)
			break;
	}
	for (; i < n; i++) {
		if (a.p[i] != b.p[i]) {
			int x = a.p[i] == '/' ? 0 : a.p[i] + 1, y = b.p[i] == '/' ? 0 : b.p[i] + 1;
			return x - y;
		}
	}
	return (a.n > b.n) - (a.n < b.n);
}
