/* An OSV record: parsed, written as rows, read back and judged. */
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(16 * MIB);
	struct json j = json_of(slice_of(data, size), &a);
	struct osv_record r;
	const char *why;
	struct err e;
	struct sorter *s;
	size_t rows;
	if (!osv_parse(&j, &r, &why) || !json_end(&j) || sorter_open(-1, &s, &e) != OK)
		return 0;
	(void)!record_emit(s, &r, &a, &rows, &e);
	sorter_close(s);
	/* the same bytes as a row */
	struct affected aff;
	struct record rec;
	struct slice name, rest;
	if (affected_decode(slice_of(data, size), &aff))
		(void)affected_judge(&aff, VERSION_DPKG, SL("1.0-1"));
	if (record_decode(slice_of(data, size), &rec))
		for (rest = rec.names; name_next(&rest, &name);)
			;
	return 0;
}
