/* Judging one file: state shared by the parts of threat_file. */
#pragma once
#include "set.h"

enum {
	VIEW_DEPTH_MAX = 4,			/* encodings within encodings */
	VIEW_NEST_MAX = 7,			/* interpreters within interpreters */
	VIEW_COUNT_MAX = 96,			/* derived texts per file */
	VIEW_BYTES_MAX = 8 * 1024 * 1024,	/* derived bytes per file */
	CODE_BYTES_MAX = 256 * 1024,		/* text and configuration larger than this is not read as code */
	SCRIPT_BYTES_MAX = 4 * 1024 * 1024,	/* a script larger than this is not normalised (its raw text is always matched) */
	SIGN_FACTS_MAX = 3,			/* facts per sign and file */
	HIT_NEAR = 96,				/* hits of one sign as near as this share one window */
	CONFIRM_BYTES_MAX = 12 * 1024 * 1024,	/* read by confirming expressions, per file */
	TOKENS_MAX = 2000,			/* tokens per file */
};

/* A text to be judged: the file itself, or what came out of normalising or decoding. */
struct view {
	struct slice text;
	uint64_t offset;	/* in the file: of text[0], or of what it was derived from */
	unsigned depth;		/* of decoding */
	bool derived;
};

struct token_table { uint64_t *slots; size_t n; bool full; };

struct file_judge {
	struct threat_stream *s;
	const struct threat_file *f;
	struct fact_sink *sink;
	struct arena *a;
	struct sign_set seen;		/* emitted */
	struct sign_set hints;		/* hint rows hit */
	uint8_t *facts_of_sign;		/* SIGN_SET_MAX counters */
	struct token_table tokens;
	uint32_t classes;		/* 1u << class: what rows are compared with */
	size_t views, view_bytes, confirm_bytes;
	bool skipped_hits, skipped_views;	/* a limit was passed and told */
	bool library;			/* below node_modules, site-packages, ...: no refs, fewer tokens */
	unsigned nest;			/* texts within texts being judged */
	struct refs *refs;
	bool decoded;			/* something was decoded and judged */
	bool opaque;			/* something opaque is run */
};

static inline bool judge_hint(const struct file_judge *j, enum threat_hint hint)
{
	return sign_set_has(&j->hints, j->s->set->hints[hint]);
}

/* file.c: signs */
[[nodiscard]] enum err_code judge_hits(struct file_judge *j, const struct view *v, const struct threat_hit *hits, size_t n, struct err *e);
[[nodiscard]] enum err_code judge_sign(struct file_judge *j, const struct view *v, int sign, size_t at, struct slice excerpt,
				       struct slice subject, struct err *e);
[[nodiscard]] enum err_code judge_skip(struct file_judge *j, enum skip_class cls, const char *reason, const char *detail, struct err *e);

/* check.c: what must hold around a hit. end: offset just behind the hit in window. */
bool check_hit(enum threat_check check, struct slice window, size_t end, struct slice *ret_subject);
bool is_public_ipv4(struct slice s);
/* The dotted quad at the start of s; 0 when there is none, else its length. */
size_t ipv4_length(struct slice s);
/* Length of a host name ("a.bc", letters, digits, dots, hyphens; a label that starts with a letter behind the last dot) at the start. */
size_t host_length(struct slice s);

/* token.c: hosts, addresses, URLs and wallets of a text. */
[[nodiscard]] enum err_code judge_tokens(struct file_judge *j, const struct view *v, struct err *e);
[[nodiscard]] enum err_code judge_url(struct file_judge *j, const struct view *v, size_t at, struct err *e);

/* code.c: texts that come out of a file's text. */
[[nodiscard]] enum err_code judge_code(struct file_judge *j, const struct view *raw, struct err *e);
/* Matches a derived text and reads it as code of that language; depth counts decoders on the way. Too many: told once. */
[[nodiscard]] enum err_code judge_derived(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang,
					  struct err *e);
/* decode.c: everything in text that looks encoded is decoded and judged. */
[[nodiscard]] enum err_code judge_encoded(struct file_judge *j, struct slice text, uint64_t offset, unsigned depth, enum script_lang lang,
					  struct err *e);
[[nodiscard]] enum err_code judge_decoded(struct file_judge *j, struct slice bytes, uint64_t offset, unsigned depth, enum script_lang lang,
					  bool *ret_useful, struct err *e);
/* lang.c: string literals of languages other than the shell joined and unescaped, lists of character codes as text. */
bool lang_normalise(struct file_judge *j, struct slice text, enum script_lang lang, struct buf *out);
