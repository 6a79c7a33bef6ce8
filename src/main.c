#include "cli.h"
#include "worker.h"
#include <string.h>

int main(int argc, char **argv)
{
	/* The confined role is this program again; it shares nothing with the command line. */
	if (argc > 1 && !strcmp(argv[1], "parse"))
		return analyze_worker_main(argc, argv);
	return cli_main(argc, argv);
}
