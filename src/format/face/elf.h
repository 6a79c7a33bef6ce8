/* ELF, as the kernel and the dynamic linker read it (System V gABI; LSB for notes), over a contiguous slice. Everything is checked
 * against the slice; nothing is copied but into the caller's buffers. Touches headers, tables and a few samples only. */
#pragma once
#include "facts.h"

enum { ELF_MAX_SEGMENTS = 128, ELF_MAX_SECTIONS = 4096 };

struct elf {
	struct slice content;
	bool wide, big;			/* 64 bits; big-endian */
	unsigned type, machine;		/* ET_..., EM_... */
	uint64_t entry, phoff, shoff;
	unsigned phnum, phentsize, shnum, shentsize, shstrndx;	/* clamped to the limits above; 0 when outside the slice */
};

struct elf_segment { uint32_t type, flags; uint64_t offset, vaddr, filesz, memsz; };
struct elf_section { struct slice name; uint32_t type, link; uint64_t flags, addr, offset, size, entsize; };

/* ERR_FORMAT when the header is not an ELF header. Damaged tables are not an error: they are empty. */
[[nodiscard]] enum err_code elf_open(struct slice content, struct elf *ret, struct err *e);
bool elf_segment_at(const struct elf *f, unsigned i, struct elf_segment *ret);
bool elf_section_at(const struct elf *f, unsigned i, struct elf_section *ret);
bool elf_section_find(const struct elf *f, const char *name, struct elf_section *ret);
/* File bytes of a section or segment, cut at the file's end; empty for SHT_NOBITS. */
struct slice elf_section_bytes(const struct elf *f, const struct elf_section *s);
struct slice elf_segment_bytes(const struct elf *f, const struct elf_segment *s);
/* File bytes from a virtual address to the end of its segment; empty when nothing is loaded there. */
struct slice elf_at_vaddr(const struct elf *f, uint64_t vaddr);

/* Where what headers, segments and sections describe ends; content behind it is an overlay. */
uint64_t elf_described_end(const struct elf *f);

/* Fills all of fact_elf except the UPX flags. Strings borrow from content, lists from needed and imports (whose max is the limit;
 * a list that would pass it is cut). */
void elf_describe(const struct elf *f, struct fact_elf *ret, struct buf *needed, struct buf *imports);

/* --- UPX (elf_upx.c) ---------------------------------------------------------------------------------------------- */

enum upx_result { UPX_NONE, UPX_UNPACKED, UPX_BROKEN };
/* Recognises a program packed with UPX (also with its magic overwritten, when the block headers still hold) and unpacks NRV2B, NRV2D,
 * NRV2E and LZMA blocks into out: the original file's layout where its headers came out well, else the blocks one behind the other.
 * *ret_bytes: the original's size by the headers. ERR_LIMIT when out's max is passed, ERR_NOMEM; anything damaged is UPX_BROKEN. */
[[nodiscard]] enum err_code elf_upx_unpack(const struct elf *f, struct buf *out, enum upx_result *ret, uint64_t *ret_bytes, struct err *e);
