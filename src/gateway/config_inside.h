/* Between the files that read the configuration. */
#pragma once
#include "config_field.h"

struct config_reader {
	struct gateway_config *c;
	struct arena *a;		/* the configuration's */
	const struct yml_doc *doc;
};
/* config_lists.c: each takes the value of its key; NULL: the key is not there. */
[[nodiscard]] enum err_code config_read_upstreams(struct config_reader *r, const struct yml_node *n, struct err *e);
[[nodiscard]] enum err_code config_read_policies(struct config_reader *r, const struct yml_node *n, struct err *e);
[[nodiscard]] enum err_code config_read_repositories(struct config_reader *r, const struct yml_node *n, struct err *e);
[[nodiscard]] enum err_code config_read_webhooks(struct config_reader *r, const struct yml_node *n, struct err *e);
/* config_listen.c */
[[nodiscard]] enum err_code config_read_listens(struct config_reader *r, const struct yml_node *listen, const struct yml_node *tls, struct err *e);
[[nodiscard]] enum err_code config_read_mirrors(struct config_reader *r, const struct yml_node *n, const struct yml_node *tls, struct err *e);
/* From the command line: those of the file go, the mirrors stay. */
[[nodiscard]] enum err_code config_set_listens(struct gateway_config *c, struct slice addresses, struct err *e);
