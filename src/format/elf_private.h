/* Between elf_describe.c and its tables. */
#pragma once
#include "elf.h"

/* A symbol whose import says something about what a program does: its constant name, else NULL. */
const char *elf_symbol_telling(struct slice name);
/* A function of the C library or PAM that a preloaded library replaces to hide or to steal: "+name", else NULL. */
const char *elf_symbol_hooked(struct slice name);
/* Shannon entropy in thousandths of a bit per byte over samples of the executable segments (of all loaded ones when none is
 * executable): `windows` pieces of 4 KiB, evenly spread. Integers only, so that it is the same everywhere. */
uint64_t elf_code_entropy(const struct elf *f, unsigned windows);
