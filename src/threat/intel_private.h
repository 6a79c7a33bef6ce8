/* What the parts of intel share: normalised values, the table's layout, building and reading one. */
#pragma once
#include "intel.h"
#include "os.h"

/* --- Values (intel_value.c, intel_ip.c, intel_generic.c) ------------------------------------------------------------- */

enum { INTEL_KEY_BYTES = 16, INTEL_TEXT_MAX = INTEL_MAX_VALUE };
enum value_code { VALUE_OK, VALUE_UNKNOWN /* not of that shape */, VALUE_REFUSED /* generic, private, too wide: must never match */ };

struct intel_addr { uint8_t b[16]; bool v6; unsigned prefix /* 32, 128 for one address */; uint16_t port /* 0: any */; };

struct intel_norm {
	enum intel_kind kind;
	uint8_t key[INTEL_KEY_BYTES];
	struct intel_addr addr;		/* INTEL_IP */
	size_t n;
	char text[INTEL_TEXT_MAX + 1];	/* normal form */
};

/* The normal form and key of one value as a list has it. INTEL_URL without a path becomes its host, INTEL_DOMAIN with an address INTEL_IP. */
enum value_code intel_norm(enum intel_kind kind, struct slice raw, struct intel_norm *ret);
/* By the value's shape: digests by length, URLs, addresses, wallets, domains. Images and packages only with "image:"/"pypi:"-like prefixes. */
enum intel_kind intel_shape(struct slice raw);
void intel_key(enum intel_kind kind, struct slice text, uint8_t key[INTEL_KEY_BYTES]);
void intel_key_digest(enum intel_kind kind, const uint8_t *raw, uint8_t key[INTEL_KEY_BYTES]);
void intel_key_addr(const struct intel_addr *a, uint8_t key[INTEL_KEY_BYTES]);	/* host bits are cleared first */

bool intel_addr_parse(struct slice s, struct intel_addr *ret);	/* 1.2.3.4, 1.2.3.4:80, 1.2.3.0/24, ::1, [::1]:80, 2001:db8::/32 */
bool intel_addr_private(const struct intel_addr *a);		/* loopback, private, link-local, multicast, documentation, 0/8 ... */
/* A public suffix, a provider's shared domain, or a host that everybody uses (or anything below such a host). */
bool intel_host_generic(struct slice host);
bool intel_host_shape(struct slice host);			/* two labels at least, letters last */

/* --- The table (intel_table.c) ------------------------------------------------------------------------------------------ */

enum { TABLE_PAGE = 4096, TABLE_FANOUT = 4096, TABLE_RECORD = 20, TABLE_HEADER = 512 };
#define TABLE_MAGIC "pabeanI1"

struct table_header {			/* host form; on disk little-endian in this order */
	uint64_t built_s, records, meta_bytes;
	uint64_t records_at, meta_at, sums_at, file_bytes;
	uint64_t per_kind[16];
	uint64_t v4_prefixes, v6_prefixes[3];	/* bit n: a network of n bits is listed */
	uint8_t sums_digest[32], digest[32];
};
struct intel_table {
	struct slice bytes;
	struct table_header h;
	_Atomic uint8_t *checked;	/* a page: 1 when its sum was right */
	bool seed;
	struct os_map map;		/* when mapped */
	struct buf own;			/* when built in memory */
	char name[160];			/* escaped, for errors */
};
bool table_is(struct slice bytes);	/* by magic */
/* Checks header and page list; borrows bytes. */
[[nodiscard]] enum err_code table_open(struct slice bytes, const char *name, struct intel_table *ret, struct err *e);
void table_close(struct intel_table *t);
/* *ret_meta is where the record's text stands. */
[[nodiscard]] enum err_code table_find(struct intel_table *t, const uint8_t key[INTEL_KEY_BYTES], bool *ret_found, uint32_t *ret_meta,
				       struct err *e);
struct table_meta { uint8_t kind, threat; char grade; char what[160], source[128], feed[96]; };
[[nodiscard]] enum err_code table_meta(struct intel_table *t, uint32_t at, struct table_meta *ret, struct err *e);
/* Record number i, for merging. */
[[nodiscard]] enum err_code table_record(struct intel_table *t, uint64_t i, uint8_t key[INTEL_KEY_BYTES], uint32_t *ret_meta, struct err *e);

/* --- Building (intel_build.c) --------------------------------------------------------------------------------------------- */

struct build_record { uint8_t key[INTEL_KEY_BYTES]; uint32_t meta; };
struct intel_build {
	struct build_record *records;
	size_t n, cap;
	struct buf meta;		/* as on disk, inverted */
	uint32_t *slots;		/* hash table over meta: offset + 1 */
	size_t n_slots, n_metas;
	uint64_t v4_prefixes, v6_prefixes[3];
	struct intel_import_stats stats;
};
[[nodiscard]] enum err_code build_open(struct intel_build *b, struct err *e);
void build_close(struct intel_build *b);
[[nodiscard]] enum err_code build_add_key(struct intel_build *b, const uint8_t key[INTEL_KEY_BYTES], const struct table_meta *m, struct err *e);
/* Sorts, drops duplicates and writes the whole table to out; fills stats.total and per_kind. */
[[nodiscard]] enum err_code build_finish(struct intel_build *b, uint64_t built_s, struct buf *out, struct err *e);

/* --- Reading sources (intel_import.c, intel_json.c, intel_stix.c, intel_csv.c) ---------------------------------------------- */

struct intel_row { struct slice type, value, what, source, grade, threat, versions; };	/* only value is needed */
struct intel_reader { struct intel_build *build; char feed[96]; uint64_t now_s; };
/* One row: decides the kind (type, else shape), normalises, counts, adds. */
[[nodiscard]] enum err_code reader_row(struct intel_reader *r, const struct intel_row *row, struct err *e);
[[nodiscard]] enum err_code reader_norm(struct intel_reader *r, const struct intel_norm *v, const struct intel_row *row, struct err *e);
void reader_unknown(struct intel_reader *r, struct slice value);
[[nodiscard]] enum err_code reader_json(struct intel_reader *r, struct slice bytes, struct err *e);
[[nodiscard]] enum err_code reader_stix_pattern(struct intel_reader *r, struct slice pattern, const struct intel_row *about, struct err *e);
[[nodiscard]] enum err_code reader_lines(struct intel_reader *r, struct slice bytes, struct err *e);	/* CSV or plain */
[[nodiscard]] enum err_code reader_bytes(struct intel_reader *r, struct slice bytes, const char *name, struct err *e);	/* by content */
/* A word of a feed for a type: "domain-name", "ip-dst|port", "docker image"; INTEL_NONE when not used. */
enum intel_kind intel_type_kind(struct slice type, bool *ret_namespace);

const char *intel_base_name(const char *path);
[[nodiscard]] enum err_code intel_map_path(const char *path, struct os_map *ret, struct err *e);

/* The compiled-in table. */
struct slice intel_seed_bytes(void);
