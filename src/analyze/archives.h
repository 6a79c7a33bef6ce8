/* Between the openers of the archive formats. Each takes the whole archive and hands its members to expand_*. An error of code
 * ERR_LIMIT means that the budget is used up and told: stop. Damage is reported by the openers themselves (archive_corrupt). */
#pragma once
#include "analyze.h"
#include "codec.h"

/* One member from a stream: held in memory up to 16 MiB, in the scratch file beyond. Damage in the stream: what came out is inspected,
 * then *ret_damage is set to the error's text (static per call chain: valid until e changes) and OK returned. */
struct expand { struct slice name; uint64_t mode; uint64_t size_hint; bool check_crc; uint32_t crc; };
[[nodiscard]] enum err_code expand_stream(struct analyze_ctx *ctx, const struct file_view *f, const struct expand *m, struct stream *s,
					  const char **ret_damage, struct err *e);
/* One member that lies in the archive as it is. */
[[nodiscard]] enum err_code expand_slice(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, uint64_t mode,
					 struct slice content, struct err *e);

[[nodiscard]] enum err_code archive_corrupt(struct analyze_ctx *ctx, const struct file_view *f, const char *format, const char *detail,
					    struct err *e);
[[nodiscard]] enum err_code archive_unsupported(struct analyze_ctx *ctx, const struct file_view *f, const char *format, struct err *e);
[[nodiscard]] enum err_code archive_encrypted(struct analyze_ctx *ctx, const struct file_view *f, uint64_t members, struct slice first,
					      struct err *e);
[[nodiscard]] enum err_code archive_integrity(struct analyze_ctx *ctx, const struct file_view *f, const char *what, uint64_t offset,
					      struct slice detail, struct err *e);

struct zip;
[[nodiscard]] enum err_code archive_zip(struct analyze_ctx *ctx, const struct file_view *f, const struct zip *z, struct err *e);
/* A zip that has lost its directory: local headers only. */
[[nodiscard]] enum err_code archive_zip_headless(struct analyze_ctx *ctx, const struct file_view *f, struct err *e);
/* tar, cpio, 7z, rar, cab, rpm, iso9660 through libarchive, from memory. */
[[nodiscard]] enum err_code archive_lib(struct analyze_ctx *ctx, const struct file_view *f, const char *format, struct err *e);
[[nodiscard]] enum err_code archive_ar(struct analyze_ctx *ctx, const struct file_view *f, struct err *e);
[[nodiscard]] enum err_code archive_compressed(struct analyze_ctx *ctx, const struct file_view *f, enum compression kind, struct err *e);
[[nodiscard]] enum err_code archive_asar(struct analyze_ctx *ctx, const struct file_view *f, struct err *e);
/* Bundles behind programs and scripts: *ret_done when one was found and opened. */
[[nodiscard]] enum err_code archive_pyinstaller(struct analyze_ctx *ctx, const struct file_view *f, bool *ret_done, struct err *e);
[[nodiscard]] enum err_code archive_self_extracting(struct analyze_ctx *ctx, const struct file_view *f, bool *ret_done, struct err *e);

/* Opens libarchive: the worker does before it is sealed. */
[[nodiscard]] enum err_code archive_library_load(struct err *e);
