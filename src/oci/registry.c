#include "source.h"

static enum err_code registry_open(struct oci_source *s, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, 0, "the transport of '%s' is not built in", ESC(s->text));
}

const struct oci_transport oci_transport_registry = { .name = "docker", .open = registry_open };
const struct oci_transport oci_transport_daemon = { .name = "docker-daemon", .open = registry_open };
