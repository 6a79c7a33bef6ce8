#include <sys/mman.h>
#include <unistd.h>
#include "os.h"
#include "feed_zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed_zip *z;
	struct feed_zip_member m;
	struct err e;
	struct slice content;
	bool more = true;
	AUTO_FD fd = memfd_create("zip", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || feed_zip_open(fd, size, &z, &e) != OK)
		return 0;
	for (unsigned i = 0; i < 64 && feed_zip_next(z, &m, &more, &e) == OK && more; i++)
		(void)!feed_zip_content(z, &content, &e);
	feed_zip_close(z);
	return 0;
}
