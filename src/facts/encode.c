/* One fact as bytes. Layout: type u8, path and inner (varint length, bytes), a varint bitmap of the fields that are not zero or
 * empty, then those fields in table order (integers as LEB128, slices with a varint length). Entries dominate: most of their fields
 * are zero, so a typical one costs 15 bytes beside its path. */
#include "encode.h"
#include <stddef.h>

enum field_kind { F_UINT, F_SLICE, F_LIST };
struct field { uint16_t offset; uint8_t kind; const char *name; };
struct fact_desc { const char *name; const struct field *fields; uint8_t n_fields; struct fact_limit limit; };

#define U(st, f) { offsetof(struct st, f), F_UINT, #f }
#define S(st, f) { offsetof(struct st, f), F_SLICE, #f }
#define L(st, f) { offsetof(struct st, f), F_LIST, #f }

static const struct field hello_f[] = { U(fact_hello, seccomp), U(fact_hello, landlock_abi), U(fact_hello, no_new_privs), S(fact_hello, detail) };
static const struct field entry_f[] = {
	U(fact_entry, kind), U(fact_entry, mode), U(fact_entry, size), U(fact_entry, mtime), U(fact_entry, file_class), U(fact_entry, flags),
	U(fact_entry, uid), U(fact_entry, gid), S(fact_entry, link), U(fact_entry, lang), S(fact_entry, sha256), S(fact_entry, md5),
	S(fact_entry, sha1), U(fact_entry, dev_major), U(fact_entry, dev_minor), S(fact_entry, caps),
};
static const struct field owned_f[] = {
	S(fact_owned, package), S(fact_owned, source), U(fact_owned, algo), S(fact_owned, digest), U(fact_owned, conffile),
};
static const struct field package_f[] = {
	S(fact_package, type), S(fact_package, name), S(fact_package, version), S(fact_package, arch), S(fact_package, source_name),
	S(fact_package, source_version), S(fact_package, license), S(fact_package, module), S(fact_package, vendor),
	S(fact_package, location), U(fact_package, flags),
};
static const struct field os_f[] = {
	S(fact_os_release, id), S(fact_os_release, version_id), S(fact_os_release, pretty_name), S(fact_os_release, codename),
	S(fact_os_release, id_like), S(fact_os_release, variant_id), S(fact_os_release, cpe),
};
static const struct field elf_f[] = {
	U(fact_elf, bits), U(fact_elf, big_endian), U(fact_elf, machine), U(fact_elf, type), U(fact_elf, flags), S(fact_elf, interp),
	L(fact_elf, needed), L(fact_elf, imports), S(fact_elf, rpath), S(fact_elf, build_id), U(fact_elf, entropy_milli),
	U(fact_elf, overlay_bytes),
};
static const struct field script_f[] = {
	U(fact_script, lang), S(fact_script, interpreter), L(fact_script, refs), U(fact_script, undecodable),
};
static const struct field sign_f[] = {
	S(fact_sign, rule), U(fact_sign, offset), S(fact_sign, excerpt), S(fact_sign, subject), U(fact_sign, flags),
};
static const struct field token_f[] = { U(fact_token, kind), S(fact_token, value), U(fact_token, offset) };
static const struct field yara_f[] = {
	S(fact_yara, rule), S(fact_yara, space), L(fact_yara, tags), L(fact_yara, meta), S(fact_yara, excerpt), U(fact_yara, offset),
};
static const struct field integrity_f[] = { S(fact_integrity, what), S(fact_integrity, detail), U(fact_integrity, offset) };
static const struct field skipped_f[] = {
	S(fact_skipped, reason), S(fact_skipped, detail), U(fact_skipped, cls), U(fact_skipped, bytes),
};
static const struct field error_f[] = { U(fact_error, code), U(fact_error, offset), S(fact_error, message) };
static const struct field end_f[] = {
	S(fact_end, diff_id), U(fact_end, compressed_bytes), U(fact_end, uncompressed_bytes), U(fact_end, entries), U(fact_end, files),
	U(fact_end, file_bytes), U(fact_end, nested_bytes), U(fact_end, hashed_bytes), S(fact_end, compression), L(fact_end, stats),
	U(fact_end, hard_links),
};

#define D(n, f, bytes, count) { n, f, ARRAY_LEN(f), { bytes, count } }
/* What a worker may say, how large, how often. Counts are per layer; entries are bounded by disk only. */
static const struct fact_desc descs[FACT_TYPE_COUNT] = {
	[FACT_HELLO] = D("hello", hello_f, 4096, 1),
	[FACT_ENTRY] = D("entry", entry_f, 3u << 20, UINT64_MAX),
	[FACT_OWNED] = D("owned", owned_f, 64u << 10, 50000000),
	[FACT_PACKAGE] = D("package", package_f, 64u << 10, 1000000),
	[FACT_OS_RELEASE] = D("os-release", os_f, 16u << 10, 64),
	[FACT_ELF] = D("elf", elf_f, 256u << 10, 5000000),
	[FACT_SCRIPT] = D("script", script_f, 128u << 10, 5000000),
	[FACT_SIGN] = D("sign", sign_f, 64u << 10, 500000),
	[FACT_TOKEN] = D("token", token_f, 64u << 10, 2000000),
	[FACT_YARA] = D("yara", yara_f, 64u << 10, 200000),
	[FACT_INTEGRITY] = D("integrity", integrity_f, 64u << 10, 100000),
	[FACT_SKIPPED] = D("skipped", skipped_f, 64u << 10, 1000000),
	[FACT_ERROR] = D("error", error_f, 8192, 1),
	[FACT_END] = D("end", end_f, 16u << 10, 1),
};

static const struct fact_desc *desc_of(unsigned type)
{
	return type > 0 && type < FACT_TYPE_COUNT ? &descs[type] : NULL;
}

const char *fact_type_name(enum fact_type t)
{
	const struct fact_desc *d = desc_of(t);
	return d ? d->name : "unknown";
}

struct fact_limit fact_limit(enum fact_type t)
{
	const struct fact_desc *d = desc_of(t);
	return d ? d->limit : (struct fact_limit){ 0, 0 };
}

static uint64_t get_uint(const void *u, const struct field *f) { uint64_t v; memcpy(&v, (const uint8_t *)u + f->offset, sizeof(v)); return v; }
static struct slice get_slice(const void *u, const struct field *f)
{
	struct slice s;
	memcpy(&s, (const uint8_t *)u + f->offset, sizeof(s));
	return s;
}

static uint8_t *put_slice(uint8_t *p, struct slice s)
{
	p = put_varint(p, s.n);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

enum err_code fact_encode(struct buf *out, const struct fact *f, struct err *e)
{
	const struct fact_desc *d = desc_of(f->type);
	const void *u = &f->entry;	/* all union members start here */
	size_t most = 1 + 10 + f->path.n + 10 + f->inner.n + 10;
	uint32_t mask = 0;
	if (!d)
		return err_set(e, ERR_INTERNAL, 0, "a fact of unknown type %d", (int)f->type);
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (d->fields[i].kind == F_UINT) {
			if (get_uint(u, &d->fields[i])) {
				mask |= 1u << i;
				most += 10;
			}
		} else {
			size_t n = get_slice(u, &d->fields[i]).n;
			if (n) {
				mask |= 1u << i;
				most += n + 10;
			}
		}
	}
	if (!buf_reserve(out, most))
		return buf_ok(out, "a fact", e);
	uint8_t *p = out->p + out->n, *start = p;
	*p++ = (uint8_t)f->type;
	p = put_slice(p, f->path);
	p = put_slice(p, f->inner);
	p = put_varint(p, mask);
	for (unsigned i = 0; mask >> i; i++) {
		if (mask >> i & 1)
			p = d->fields[i].kind == F_UINT ? put_varint(p, get_uint(u, &d->fields[i])) : put_slice(p, get_slice(u, &d->fields[i]));
	}
	if ((size_t)(p - start) > d->limit.max_bytes)
		return err_set(e, ERR_LIMIT, 0, "a fact of type %s is larger than %u bytes", d->name, d->limit.max_bytes);
	out->n += (size_t)(p - start);
	return OK;
}

static bool list_valid(struct slice list)
{
	struct slice item;
	while (list.n)
		if (!fact_list_next(&list, &item))
			return false;
	return true;
}

static void *(*const volatile clear)(void *, int, size_t) = memset;

bool fact_body_decode(struct rd *r, struct fact *ret)
{
	const struct fact_desc *d = desc_of(ret->type);
	uint8_t *u = (uint8_t *)&ret->entry;
	ret->inner = rd_bytes(r, rd_varint(r));
	uint64_t mask = rd_varint(r);
	if (!d || r->bad || mask >> d->n_fields)
		return false;
	/* Most fields of most facts are absent: clear all, then read what the bitmap names. Called through a pointer because for a known
	 * size the compiler writes "rep stos", whose start-up costs more than all the rest of decoding an entry. */
	clear(u, 0, sizeof(*ret) - offsetof(struct fact, entry));
	for (uint32_t left = (uint32_t)mask; left; left &= left - 1) {
		const struct field *f = &d->fields[__builtin_ctz(left)];
		if (f->kind == F_UINT) {
			uint64_t v = rd_varint(r);
			memcpy(u + f->offset, &v, sizeof(v));
		} else {
			struct slice s = rd_bytes(r, rd_varint(r));
			if (f->kind == F_LIST && !list_valid(s))
				return false;
			memcpy(u + f->offset, &s, sizeof(s));
		}
	}
	return !r->bad;
}

enum err_code fact_decode(struct slice bytes, struct fact *ret, struct err *e)
{
	struct rd r = rd_of(bytes);
	ret->type = rd_u8(&r);
	const struct fact_desc *d = desc_of(ret->type);
	if (!d || bytes.n > d->limit.max_bytes)
		return err_set(e, ERR_FORMAT, 0, "a fact of unknown type or too large (type %d, %zu bytes)", (int)ret->type, bytes.n);
	ret->path = rd_bytes(&r, rd_varint(&r));
	if (!fact_body_decode(&r, ret) || rd_left(&r))
		return err_at(e, ERR_FORMAT, rd_offset(&r), "a fact of type %s is malformed", d->name);
	return OK;
}

static bool is_raw_digest(const char *name)
{
	return !strcmp(name, "sha256") || !strcmp(name, "sha1") || !strcmp(name, "md5") || !strcmp(name, "digest") ||
	       !strcmp(name, "diff_id") || !strcmp(name, "build_id") || !strcmp(name, "caps");
}

static void json_slice(struct buf *out, struct slice s, bool hex)
{
	buf_putc(out, '"');
	if (hex) {
		for (size_t i = 0; i < s.n; i++)
			buf_printf(out, "%02x", s.p[i]);
	} else {
		text_json_escape(out, s);
	}
	buf_putc(out, '"');
}

bool fact_to_json(struct buf *out, const struct fact *f)
{
	const struct fact_desc *d = desc_of(f->type);
	const void *u = &f->entry;
	if (!d)
		return false;
	buf_printf(out, "{\"fact\":\"%s\",\"path\":", d->name);
	json_slice(out, f->path, false);
	if (f->inner.n) {
		buf_puts(out, ",\"inner\":");
		json_slice(out, f->inner, false);
	}
	for (unsigned i = 0; i < d->n_fields; i++) {
		const struct field *fd = &d->fields[i];
		if (fd->kind == F_UINT) {
			if (get_uint(u, fd))
				buf_printf(out, ",\"%s\":%llu", fd->name, (unsigned long long)get_uint(u, fd));
			continue;
		}
		struct slice s = get_slice(u, fd), item;
		if (!s.n)
			continue;
		buf_printf(out, ",\"%s\":", fd->name);
		if (fd->kind == F_SLICE) {
			json_slice(out, s, is_raw_digest(fd->name));
			continue;
		}
		const char *sep = "[";
		while (fact_list_next(&s, &item)) {
			buf_puts(out, sep);
			json_slice(out, item, false);
			sep = ",";
		}
		buf_putc(out, ']');
	}
	return buf_puts(out, "}");
}
