/* Until serve.c and work.c are here; goes with their arrival. */
#include "gateway.h"

enum err_code gateway_serve(const struct gateway_run *r, struct err *e)
{
	(void)r;
	return err_set(e, ERR_UNSUPPORTED, 0, "this build does not hold the server");
}

enum err_code gateway_work(const struct gateway_run *r, int parent_fd, struct err *e)
{
	(void)r;
	(void)parent_fd;
	return err_set(e, ERR_UNSUPPORTED, 0, "this build does not hold the worker");
}
