/* Advisories and intelligence on several nodes: what one node proposes to judge by, the others fetch from the blob store (GATE.md 2). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gate_inside.h"
#include "os.h"

/* An object's name: the kind and the digest, without what is no plain character. */
static void object_name(const char *kind, const char *id, char dst[128])
{
	size_t n = (size_t)snprintf(dst, 128, "%s-", kind);
	for (; *id && n + 1 < 128; id++)
		if ((*id >= 'a' && *id <= 'z') || (*id >= '0' && *id <= '9'))
			dst[n++] = *id;
	dst[n] = '\0';
}

static void file_path(struct gateway *g, const char *file, char dst[4200])
{
	snprintf(dst, 4200, "%s/%s", g->run->db_dir, file);
}

static enum err_code publish(struct gateway *g, const char *kind, const char *id, const char *file, struct err *e)
{
	char path[4200], name[128];
	if (!id[0])
		return OK;
	file_path(g, file, path);
	object_name(kind, id, name);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? OK : err_set(e, ERR_IO, errno, "open %s", path);
	return blob_object_put(g->store.blobs, name, fd, e);
}

static enum err_code fetch(struct gateway *g, const char *kind, const char *have, struct slice want, const char *file, struct err *e)
{
	char path[4200], name[128], id[160];
	AUTO_ATOMIC f = { 0 };
	snprintf(id, sizeof(id), "%.*s", SLICE_ARG(want));
	if (!id[0] || !strcmp(id, have))
		return OK;
	file_path(g, file, path);
	object_name(kind, id, name);
	mkdir(g->run->db_dir, 0755);
	TRY(os_atomic_open(path, 0644, &f, e));
	TRY(blob_object_get(g->store.blobs, name, f.fd, e));
	return os_atomic_commit(&f, e);
}

enum err_code data_publish(struct gateway *g, const struct rejudge_generation *data, struct err *e)
{
	if (!blob_is_shared(g->store.blobs))
		return OK;
	TRY(publish(g, "advisories", data->advisories, "advisories.db", e));
	return publish(g, "intel", data->intelligence, "intel.table", e);
}

enum err_code data_fetch(struct gateway *g, const struct store_generation *now, const struct rejudge_generation *have, struct err *e)
{
	if (!blob_is_shared(g->store.blobs))
		return OK;
	TRY(fetch(g, "advisories", have->advisories, now->advisories, "advisories.db", e));
	/* The compiled-in indicators alone are no file; what cannot be found is then said by the comparison that follows. */
	struct err why;
	if (fetch(g, "intel", have->intelligence, now->intel, "intel.table", &why) != OK && why.code != ERR_NOT_FOUND) {
		*e = why;
		return e->code;
	}
	return OK;
}
