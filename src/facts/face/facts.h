/* Facts: what was seen in one layer. A layer's facts are a pure function of (layer digest, analyzer set).
 *
 * A worker writes them as frames to its pipe; the parent checks each frame against a table (type, size, count), sorts them and
 * writes one facts file per layer, which later scans mmap. All slices in a decoded fact borrow from the frame or the file.
 *
 * Paths: `path` is the outermost file's path in the layer, cleaned, without leading or trailing slash ("usr/bin/env"), raw
 * bytes as they came. `inner` is the path inside archives ("lib/b.jar!/x.class"), empty for the file itself. */
#pragma once
#include "base.h"
#include "codec.h"	/* DIGEST_... */

enum fact_type {
	FACT_HELLO = 1,	/* first: how the worker is confined */
	FACT_ENTRY,	/* one per tar entry, whiteouts included */
	FACT_OWNED,	/* a path that a package database claims */
	FACT_PACKAGE,
	FACT_OS_RELEASE,
	FACT_ELF,
	FACT_SCRIPT,	/* a file read as code: its language and what it runs */
	FACT_SIGN,	/* a pattern that was found and verified by code */
	FACT_TOKEN,	/* a candidate indicator: joined with intelligence later, without a new scan */
	FACT_YARA,
	FACT_INTEGRITY,	/* readers would disagree, or bytes contradict their own description */
	FACT_SKIPPED,	/* what could not be inspected, and why */
	FACT_ERROR,	/* the layer cannot be read at all (exit 2): the last frame */
	FACT_END,	/* the layer was read to its end: the last frame */
	FACT_TYPE_COUNT
};

/* Entry kinds. */
enum { ENTRY_FILE = 'f', ENTRY_DIR = 'd', ENTRY_SYMLINK = 'l', ENTRY_HARDLINK = 'h', ENTRY_CHAR = 'c', ENTRY_BLOCK = 'b',
       ENTRY_FIFO = 'p', ENTRY_WHITEOUT = 'w', ENTRY_OPAQUE = 'o' };

/* What a file is, by its content first, then its name. */
enum file_class {
	FILE_EMPTY, FILE_DATA,		/* nothing below */
	FILE_TEXT,			/* text of no known purpose: may still be code when something runs it */
	FILE_ELF,			/* executable, PIE */
	FILE_ELF_LIB,			/* shared object */
	FILE_ELF_OBJ,			/* relocatable, core, kernel module */
	FILE_SCRIPT,			/* shebang or a script extension; lang says which */
	FILE_BYTECODE,			/* .pyc, .class, wasm */
	FILE_ARCHIVE,			/* zip family, tar, cpio, ar, compressed stream: opened */
	FILE_PE,
	FILE_CONFIG,			/* crontab, systemd unit, json/yaml/ini/toml configuration */
	FILE_DOC,			/* documentation, licences, .d.ts, .map, man pages: no name-only rules */
	FILE_PKG_INDEX,			/* package indexes and databases: no name-only rules */
	FILE_CLASS_COUNT
};
enum script_lang { LANG_NONE, LANG_SHELL, LANG_PYTHON, LANG_PERL, LANG_JS, LANG_RUBY, LANG_PHP, LANG_LUA, LANG_TCL, LANG_AWK,
		   LANG_POWERSHELL, LANG_OTHER, LANG_COUNT };
const char *file_class_name(enum file_class);	/* "elf", "script", ... */
const char *script_lang_name(enum script_lang);

struct fact_hello {
	uint64_t seccomp;	/* 1 when the filter is in force */
	uint64_t landlock_abi;	/* 0 when the kernel has none */
	uint64_t no_new_privs;
	struct slice detail;	/* a sentence for --verbose */
};

enum {	/* fact_entry.flags */
	ENTRY_F_NAME_CLEANED = 1,	/* the raw name had "./", "//" or ".." inside it (a leading "./" and a trailing "/" are normal) */
	ENTRY_F_CODE = 2,		/* digests were computed because the file is code */
	ENTRY_F_DUPLICATE = 4,		/* an earlier entry of this layer has the same path; this one is later in the archive */
};
struct fact_entry {
	uint64_t kind;			/* ENTRY_... */
	uint64_t mode, uid, gid;	/* mode: permission bits with setuid, setgid, sticky (07777) */
	uint64_t size;			/* bytes; 0 for what has no content */
	uint64_t mtime;			/* seconds since 1970; negative times are 0 */
	uint64_t dev_major, dev_minor;
	uint64_t flags;
	uint64_t file_class, lang;	/* enum file_class, enum script_lang */
	struct slice link;		/* target of a symbolic (raw) or hard link (cleaned) */
	struct slice caps;		/* value of security.capability */
	struct slice sha256, sha1, md5;	/* raw bytes; empty when not computed */
};

struct fact_owned {		/* path is the owned path (usrmerge not applied) */
	struct slice package;	/* "deb:curl", "apk:musl", "rpm:bash", "pypi:requests": type and name of the owning package */
	struct slice source;	/* path in this layer of the database file that says so: counts only while that file is the visible one */
	uint64_t algo;		/* DIGEST_... */
	struct slice digest;	/* raw bytes */
	uint64_t conffile;	/* 1: the administrator may change it */
};

enum {	/* fact_package.flags */
	PKG_DECLARED = 1,	/* named by a lock file, not seen installed */
	PKG_GO_STDLIB = 2, PKG_GO_MAIN = 4,
};
struct fact_package {		/* path/inner: the database or metadata file it was read from */
	struct slice type;	/* purl type: deb apk rpm pypi npm golang */
	struct slice name;	/* as its ecosystem writes it; npm scope included "@s/x", Go module path */
	struct slice version;	/* with epoch "1:2.3-4"; Go with its leading v as written */
	struct slice arch;
	struct slice source_name, source_version;	/* as the advisories name it; equal to name, version when the database says nothing */
	struct slice license;
	struct slice module;	/* rpm MODULARITYLABEL "nodejs:18:..." */
	struct slice vendor;	/* rpm Vendor, deb Origin */
	struct slice location;	/* directory or file the package occupies when it is not `path`; may be empty */
	uint64_t flags;
};

struct fact_os_release {
	struct slice id, version_id, pretty_name, codename, id_like, variant_id, cpe;
};

enum {	/* fact_elf.flags */
	ELF_F_STATIC = 1, ELF_F_PIE = 2, ELF_F_STRIPPED = 4, ELF_F_NO_SECTIONS = 8, ELF_F_GO = 16, ELF_F_RUST = 32, ELF_F_UPX = 64,
	ELF_F_UPX_BROKEN = 128,	/* looks packed with UPX, headers damaged: could not be unpacked */
	ELF_F_UPX_UNPACKED = 256, ELF_F_RWX = 512, ELF_F_OVERLAY = 1024, ELF_F_PACKED = 2048 /* high entropy, hardly any imports */
};
struct fact_elf {
	uint64_t bits, big_endian, machine, type, flags;
	struct slice interp;
	struct slice needed;		/* list: DT_NEEDED */
	struct slice imports;		/* list: imported symbols that say something (execve, ptrace, socket, ...) */
	struct slice rpath, build_id;
	uint64_t entropy_milli;		/* of the loaded code, 0..8000 */
	uint64_t overlay_bytes;		/* data after the last segment and section */
};

struct fact_script {
	uint64_t lang;
	struct slice interpreter;	/* from the shebang, may be empty */
	struct slice refs;		/* list of "x:WORD" runs, "s:PATH" sources, "m:MODULE" imports, "w:PATH" writes; capped */
	uint64_t undecodable;		/* something opaque is handed to eval or a shell */
};

enum { SIGN_F_DECODED = 1 /* found after decoding or normalising */, SIGN_F_WEAK = 2 /* counts only together with others */ };
struct fact_sign {
	struct slice rule;	/* id of the sign in the pattern table */
	uint64_t offset;	/* bytes into the file (of what was decoded: where the outermost encoding starts) */
	struct slice excerpt;	/* at most 200 bytes around it */
	struct slice subject;	/* what it is about: a pool, a wallet, a path; may be empty */
	uint64_t flags;
};

enum token_kind { TOKEN_HOST = 1, TOKEN_IP, TOKEN_URL, TOKEN_WALLET_XMR, TOKEN_WALLET_BTC, TOKEN_WALLET_ETH, TOKEN_IMAGE };
struct fact_token {
	uint64_t kind;		/* enum token_kind */
	struct slice value;	/* normalised: hosts lower case, no final dot; addresses with ":port" where one stands;
				 * URLs without fragment */
	uint64_t offset;
};

struct fact_yara {
	struct slice rule, space, tags, meta, excerpt;	/* tags: list; meta: list "key=value" */
	uint64_t offset;
};

struct fact_integrity {
	struct slice what;	/* id: "tar.duplicate", "gzip.trailing", "zip.directory", ... */
	struct slice detail;	/* a sentence */
	uint64_t offset;
};

/* What a gap means (SCAN.md 15): layer and executable hold, data is only told. */
enum skip_class { SKIP_LAYER = 1, SKIP_EXECUTABLE, SKIP_DATA, SKIP_BUDGET /* a budget was passed: always holds */ };
struct fact_skipped {
	struct slice reason;	/* "encrypted", "unsupported: rar", "budget: expanded bytes", "timeout", "parser crashed", ... */
	struct slice detail;
	uint64_t cls;		/* enum skip_class */
	uint64_t bytes;		/* not inspected, as far as known */
};

struct fact_error { uint64_t code; uint64_t offset; struct slice message; };

struct fact_end {
	struct slice diff_id;		/* SHA-256 of the decompressed layer */
	uint64_t compressed_bytes, uncompressed_bytes, entries, files, file_bytes, nested_bytes, hashed_bytes;
	struct slice compression;	/* "none", "gzip", "zstd" */
	uint64_t hard_links;		/* entries of that kind */
	struct slice stats;		/* list "stage=nanoseconds", for --stats; not part of the report */
};

struct fact {
	enum fact_type type;
	struct slice path, inner;
	union {
		struct fact_hello hello; struct fact_entry entry; struct fact_owned owned; struct fact_package package;
		struct fact_os_release os_release; struct fact_elf elf; struct fact_script script; struct fact_sign sign;
		struct fact_token token; struct fact_yara yara; struct fact_integrity integrity; struct fact_skipped skipped;
		struct fact_error error; struct fact_end end;
	};
};

/* Where analyzers put facts. emit copies what it needs before it returns. */
struct fact_sink {
	enum err_code (*emit)(struct fact_sink *sink, const struct fact *fact, struct err *e);
};
#define FACT_EMIT(sink, e, ...) ((sink)->emit((sink), &(struct fact){ __VA_ARGS__ }, (e)))

/* Lists are slices of varint-length-prefixed items. */
bool fact_list_put(struct buf *out, struct slice item);
bool fact_list_next(struct slice *rest, struct slice *ret_item);	/* false at the end or when malformed */

/* One fact as bytes: type, path, inner, fields. Decoding checks everything and borrows from `bytes`. */
[[nodiscard]] enum err_code fact_encode(struct buf *out, const struct fact *f, struct err *e);
[[nodiscard]] enum err_code fact_decode(struct slice bytes, struct fact *ret, struct err *e);
/* One fact as a line of JSON, for tests and `pabean facts`. */
bool fact_to_json(struct buf *out, const struct fact *f);
const char *fact_type_name(enum fact_type);
/* The order of facts files: '/' sorts before every other byte, so that a directory's tree is contiguous. */
int fact_path_cmp(struct slice a, struct slice b);
/* Limits per layer, checked by the worker (which then says so) and by the parent (which then refuses the worker). */
struct fact_limit { uint32_t max_bytes; uint64_t max_count; };
struct fact_limit fact_limit(enum fact_type);
