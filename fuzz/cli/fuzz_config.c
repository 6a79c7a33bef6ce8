/* A configuration file from anywhere, read for the command `policy check`. */
#include "inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cli c = { .arena = ARENA(64 * MIB), .path = "policy check" };
	struct err e = { 0 };
	const struct cli_command *const *command = cli_commands;
	while (*command && strcmp((*command)->name, "policy"))
		command++;
	if (*command && cli_setup(&c, (*command)->sub[1], &e) == OK &&
	    cli_config_parse(&c, slice_of(data, size), "input", CLI_FROM_USER_FILE, &e) == OK)
		(void)cli_number(&c, "now", 0);
	arena_free(&c.arena);
	return 0;
}
