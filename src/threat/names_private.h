/* What the parts of names share. */
#pragma once
#include "names.h"
#include "judge_private.h"

struct name_list { const char *const *items; size_t n; };
struct name_list names_official(void);
struct name_list names_publishers(void);
struct name_list names_registries(void);
bool names_is_common_word(struct slice s);
bool names_is_publisher(struct slice space);
bool names_is_official_space(struct slice space);
bool names_is_public_registry(struct slice r);

/* How one name resembles another, worst first. */
enum likeness { LIKE_NOT, LIKE_ADDED /* words, hyphens, an ending */, LIKE_NEAR /* another letter */, LIKE_SLIP /* a slip of the finger */,
		LIKE_LOOKS /* the eye sees no difference */ };
/* `name` differs from `trusted`; names of fewer than five letters resemble each other only to the eye. */
enum likeness names_likeness(struct slice name, struct slice trusted);
/* What the eye sees: 0 as o, rn as m, Cyrillic and Greek twins as Latin letters. dst takes at most cap bytes. */
struct slice names_skeleton(struct slice s, char *dst, size_t cap);
/* Host names in Punycode (RFC 3492) as they look, in Latin letters ("?" for what resembles none); others as they are. */
struct slice names_from_punycode(struct slice host, char *dst, size_t cap);

/* What must be in an image of that name. */
enum fit { FIT_UNKNOWN, FIT_YES, FIT_NO };
enum fit names_content(struct slice base, const struct image_view *v);
/* Does the command that starts the container fit the name? FIT_UNKNOWN without a command. */
enum fit names_start(struct slice base, const struct image_view *v);
/* For people: "nginx", "java, javac or jshell"; empty when there is no row. */
const char *names_promise(struct slice base);
