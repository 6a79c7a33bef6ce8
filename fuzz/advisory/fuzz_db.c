/* A database file whose checksums are made right first, so that what stands behind them is reached. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "match.h"

static uint64_t get(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static void set(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }

static void mend(uint8_t *p, size_t n)
{
	if (n < DB_HEADER)
		return;
	memcpy(p, DB_MAGIC, 8);
	set(p + 24, n);
	uint64_t at = get(p + 32), blocks = get(p + 8) >> 32;
	if (at < DB_HEADER || at > n)
		return;
	set(p + 40, n - at);
	for (uint64_t i = 0; i < blocks && (i + 1) * DB_INDEX_ENTRY <= n - at; i++) {
		uint8_t *entry = p + at + i * DB_INDEX_ENTRY;
		uint64_t from = get(entry), bytes = get(entry + 16) & 0xffffffff;
		if (from <= n && bytes <= n - from)
			set(entry + 8, db_sum(slice_of(p + from, bytes)));
	}
	set(p + 48, db_sum(slice_of(p + at, n - at)));
	set(p + 64, db_sum(slice_of(p, 64)));
}

static void use(struct advisory_db *db)
{
	static const char *const questions[] = { "CVE-2026-1", "D-1", "pkg:deb/debian/a@1?distro=debian-12", "pkg:pypi/b@1" };
	struct err e;
	(void)!advisory_db_verify(db, &e);
	for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
		AUTO_BUF out = BUF(MIB);
		(void)!advisory_db_lookup(db, slice_str(questions[i]), &out, &e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct advisory_db *db;
	struct err e;
	uint8_t *copy = malloc(size + 1);
	AUTO_FD fd = memfd_create("db", MFD_CLOEXEC);
	if (copy && size) {
		memcpy(copy, data, size);
		mend(copy, size);
		if (fd >= 0 && write(fd, copy, size) == (ssize_t)size && db_open_fd(fd, &db, &e) == OK) {
			use(db);
			advisory_db_close(db);
		}
	}
	free(copy);
	return 0;
}
