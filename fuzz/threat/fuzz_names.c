/* References, labels and protected names from outside. */
#include "names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool some(void *arg, struct slice s)
{
	(void)arg;
	return s.n % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = ARENA(8 * MIB);
	struct slice rest = slice_of(data, size), part[5] = { 0 };
	struct err e;
	if (size > 1 << 14)
		return 0;
	for (size_t i = 0; i < 5; i++)
		slice_next_piece(&rest, '\n', &part[i]);
	struct report r = { .arena = &a, .reference = part[0], .digest = SL("sha256:00") };
	struct slice key = SL("org.opencontainers.image.source");
	r.config.label_keys = (struct slice_list){ &key, 1, 1 };
	r.config.label_values = (struct slice_list){ &part[1], 1, 1 };
	r.config.entrypoint = (struct slice_list){ &part[2], 1, 1 };
	r.os.id = part[3];
	struct names_options opt = { .protected_names = &part[4], .n_protected = 1 };
	struct image_view v = { .report = &r, .has_program = some, .has_path = some };
	if (names_judge(&r, &opt, &v, &e) != OK && e.code != ERR_NOMEM)
		__builtin_trap();
	return 0;
}
