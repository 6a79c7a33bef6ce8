/* libarchive, opened when it is first used. */
#include <archive.h>	/* libarchive's */
#include <archive_entry.h>
#include "archives.h"
#include "os.h"

#define FUNCTIONS(X) \
	X(int, archive_read_support_filter_bzip2, (struct archive *a), (a)) \
	X(int, archive_read_support_filter_gzip, (struct archive *a), (a)) \
	X(int, archive_read_support_filter_lzma, (struct archive *a), (a)) \
	X(int, archive_read_support_filter_rpm, (struct archive *a), (a)) \
	X(int, archive_read_support_filter_xz, (struct archive *a), (a)) \
	X(int, archive_read_support_filter_zstd, (struct archive *a), (a)) \
	X(int, archive_read_support_format_7zip, (struct archive *a), (a)) \
	X(int, archive_read_support_format_cab, (struct archive *a), (a)) \
	X(int, archive_read_support_format_cpio, (struct archive *a), (a)) \
	X(int, archive_read_support_format_iso9660, (struct archive *a), (a)) \
	X(int, archive_read_support_format_rar, (struct archive *a), (a)) \
	X(int, archive_read_support_format_rar5, (struct archive *a), (a)) \
	X(int, archive_read_support_format_tar, (struct archive *a), (a)) \
	X(struct archive *, archive_read_new, (void), ()) \
	X(int, archive_read_free, (struct archive *a), (a)) \
	X(int, archive_read_data_block, (struct archive *a, const void **p, size_t *n, la_int64_t *at), (a, p, n, at)) \
	X(int, archive_read_next_header, (struct archive *a, struct archive_entry **en), (a, en)) \
	X(int, archive_read_open_memory, (struct archive *a, const void *p, size_t n), (a, p, n)) \
	X(__LA_MODE_T, archive_entry_filetype, (struct archive_entry *en), (en)) \
	X(const char *, archive_entry_hardlink, (struct archive_entry *en), (en)) \
	X(int, archive_entry_is_encrypted, (struct archive_entry *en), (en)) \
	X(const char *, archive_entry_pathname, (struct archive_entry *en), (en)) \
	X(__LA_MODE_T, archive_entry_perm, (struct archive_entry *en), (en)) \
	X(la_int64_t, archive_entry_size, (struct archive_entry *en), (en)) \
	X(int, archive_entry_size_is_set, (struct archive_entry *en), (en))

FUNCTIONS(OS_LAZY_POINTER)
FUNCTIONS(OS_LAZY_FUNCTION)

enum err_code archive_library_load(struct err *e)
{
	static const struct os_symbol symbols[] = { FUNCTIONS(OS_LAZY_SYMBOL) };
	static bool loaded;	/* with the pointers above the second exception from "no globals": a library is loaded once a process */
	if (!loaded)
		TRY(os_library_load("libarchive.so.13", "libarchive13", symbols, ARRAY_LEN(symbols), e));
	loaded = true;
	return OK;
}
