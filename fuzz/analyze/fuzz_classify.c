/* The first byte says how much of the input is the name. */
#include "analyze.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum script_lang lang;
	if (!size)
		return 0;
	struct slice all = slice_of(data + 1, size - 1);
	enum file_class cls = analyze_classify(slice_upto(all, data[0]), slice_from(all, data[0]), size & 1, &lang);
	if (cls >= FILE_CLASS_COUNT || lang >= LANG_COUNT || (cls == FILE_SCRIPT) != (lang != LANG_NONE))
		__builtin_trap();
	return 0;
}
