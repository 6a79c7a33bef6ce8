/* Within the room: advisories and intelligence. They are files that others replace; what is in work keeps those it began with. */
#pragma once
#include "advisory.h"
#include "intel.h"

struct scan_data {
	struct advisory_db *db;		/* NULL: none, db_error says why */
	struct err db_error;
	struct intel *intel;
	char advisories[33], intelligence[72];	/* what they are, as reports say it; advisories is empty when there are none */
	unsigned users;			/* under the holder's lock */
};

/* intel_file: the installed table, may not exist, or NULL; intel_files come before it. The strings must outlive the holder. */
struct data_paths { const char *db_dir, *intel_file; const char *const *intel_files; size_t n_intel_files; };
struct data_holder;
[[nodiscard]] enum err_code data_open(const struct data_paths *paths, struct data_holder **ret, struct err *e);
void data_close(struct data_holder *h);	/* takes NULL */
/* Opens what was replaced. On an error what is in use stays. Two calls of stat when nothing was. */
[[nodiscard]] enum err_code data_refresh(struct data_holder *h, bool *ret_changed, struct err *e);
struct scan_data *data_take(struct data_holder *h);
void data_give(struct data_holder *h, struct scan_data *d);
