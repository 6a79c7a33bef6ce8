/* Reading shell code without running it: words are expanded as far as their parts are known, pipelines of harmless filters are
 * computed, and what would be handed to an interpreter is judged in turn. */
#pragma once
#include "filter.h"
#include "refs.h"
#include "view.h"

enum { SHELL_WORDS_MAX = 256, SHELL_NAMES_MAX = 128, SHELL_NEST_MAX = 8, SHELL_VALUE_MAX = 1 << 20, SHELL_STEPS_MAX = 32 << 20 };

struct shell_value { struct slice text; bool known, decoded /* went through a decoder */; };
struct shell_name { struct slice name; struct shell_value value; };
struct shell_names { struct shell_name items[SHELL_NAMES_MAX]; size_t n; };

/* What all (sub)shells of one text share. */
struct shell_world {
	struct file_judge *j;
	struct refs *refs;
	struct shell_names vars, files;
	uint64_t offset;	/* of the text in the file */
	unsigned depth;		/* of decoding */
	size_t steps;
	bool changed;		/* expansion made another text than the one written */
	struct err *e;
	enum err_code code;
};

struct shell {
	struct shell_world *w;
	struct slice text;
	size_t at;
	unsigned nest;
	struct buf *out;		/* the normalised text */
	struct shell_value words[SHELL_WORDS_MAX];
	size_t n_words;
	struct shell_value in;		/* standard input of the current command: pipe, here-document, here-string */
	struct shell_value result;	/* standard output of the whole text, for $(...) */
	struct slice redirect;		/* > file */
	bool append;
	size_t skip_from, skip_to;	/* a here-document's body: jumped over when its line ends */
};

/* Reads text as a whole; the normalised form goes to out. */
struct shell_value shell_run(struct shell_world *w, struct slice text, unsigned nest, struct buf *out);
/* Reads one word at sh->at and appends what it expands to to sh->words (more than one after splitting). */
void shell_word(struct shell *sh);
void shell_add_word(struct shell *sh, struct slice text, bool known, bool decoded);
/* The command in sh->words: what it writes, as far as that is known. */
struct shell_value shell_command(struct shell *sh);
void shell_set(struct shell_names *names, struct slice name, struct shell_value value);
struct shell_value shell_get(const struct shell_names *names, struct slice name);
/* A text that an interpreter of language lang would be given. */
void shell_nested(struct shell_world *w, struct slice text, enum script_lang lang, bool decoded);
struct slice shell_join(struct shell_world *w, struct slice a, struct slice b);
bool shell_over(struct shell_world *w, size_t steps);
