/* The two halves of analyze_classify: what the bytes say, and what a name says about text and data. */
#pragma once
#include "analyze.h"

/* The language of a "#!" line; LANG_NONE when the content does not start with one. */
enum script_lang classify_shebang(struct slice content);

/* Class by name alone; `text`: the content looks like text. Returns FILE_TEXT or FILE_DATA when the name says nothing. */
enum file_class classify_name(struct slice path, bool text, bool executable, enum script_lang *ret_lang);
