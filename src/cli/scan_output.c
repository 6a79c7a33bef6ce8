#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "scan_inside.h"

static enum err_code add_pair(struct cli *c, struct scan_outputs *o, const char *format, struct err *e)
{
	struct scan_output *one = ARENA_PUSH(&c->arena, o);
	if (!one)
		return arena_ok(&c->arena, "the outputs", e);
	*one = (struct scan_output){ .format = REPORT_TABLE, .file = { .fd = -1 } };
	if (format && !report_format_parse(slice_str(format), &one->format))
		return err_set(e, ERR_USAGE, 0, "'%s' is not a format", format);
	return OK;
}

/* An output belongs to the format before it; one that comes first, to the format that follows. */
enum err_code scan_outputs_pair(struct cli *c, struct scan_outputs *o, struct err *e)
{
	const struct cli_value *formats = cli_value(c, "format"), *outputs = cli_value(c, "output");
	const char *early = NULL;
	for (size_t f = 0, p = 0; f < formats->n || p < outputs->n;) {
		bool format_next = p >= outputs->n || (f < formats->n && formats->positions[f] <= outputs->positions[p]);
		struct scan_output *last = o->n ? &o->items[o->n - 1] : NULL;
		if (format_next) {
			TRY(add_pair(c, o, formats->items[f++], e));
			o->items[o->n - 1].path = early;
			early = NULL;
		} else if (last && !last->path) {
			last->path = outputs->items[p++];
		} else if (!early) {
			early = outputs->items[p++];
		} else {
			return err_set(e, ERR_USAGE, 0, "--output %s has no --format of its own; write --format X --output Y pairs", outputs->items[p]);
		}
	}
	if (!o->n || early) {
		TRY(add_pair(c, o, NULL, e));
		o->items[o->n - 1].path = early;
	}
	size_t to_stdout = 0;
	for (size_t i = 0; i < o->n; i++) {
		if (o->items[i].path && !strcmp(o->items[i].path, "-"))
			o->items[i].path = NULL;
		to_stdout += !o->items[i].path;
		for (size_t k = 0; k < i; k++)
			if (o->items[i].path && o->items[k].path && !strcmp(o->items[i].path, o->items[k].path))
				return err_set(e, ERR_USAGE, 0, "two formats for the same file '%s'", o->items[i].path);
	}
	if (to_stdout > 1)
		return err_set(e, ERR_USAGE, 0, "two formats for standard output; give all but one a file: --format X --output FILE");
	return OK;
}

static bool plain_ascii(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);
		if (v && *v)
			return !strstr(v, "UTF-8") && !strstr(v, "utf8") && !strstr(v, "UTF8") && !strstr(v, "utf-8");
	}
	return true;
}

enum err_code scan_outputs_open(struct cli *c, struct scan_outputs *o, bool several_images, struct err *e)
{
	for (size_t i = 0; i < o->n; i++) {
		struct scan_output *one = &o->items[i];
		int fd = STDOUT_FILENO;
		if (one->path) {
			TRY(os_atomic_open(one->path, 0666, &one->file, e));
			fd = one->file.fd;
		}
		struct report_options options = { .version = cli_version, .width = cli_width(fd), .color = cli_color(c, fd), .ascii = plain_ascii(),
						  .verbose = cli_flag(c, "verbose", false), .stats = cli_flag(c, "stats", false),
						  .always_array = several_images };
		TRY(report_open(fd, one->format, &options, &one->writer, e));
	}
	return OK;
}

enum err_code scan_outputs_add(struct scan_outputs *o, const struct report *r, struct err *e)
{
	for (size_t i = 0; i < o->n; i++)
		if (report_add(o->items[i].writer, r, e) != OK)
			return err_prefix(e, "write %s", o->items[i].path ? o->items[i].path : "to standard output");
	return OK;
}

enum err_code scan_outputs_commit(struct scan_outputs *o, struct err *e)
{
	for (size_t i = 0; i < o->n; i++) {
		struct scan_output *one = &o->items[i];
		enum err_code code = report_finish(one->writer, e);
		if (code == OK && one->path)
			code = os_atomic_commit(&one->file, e);
		if (code != OK)
			return err_prefix(e, "write %s", one->path ? one->path : "to standard output");
	}
	return OK;
}

void scan_outputs_close(struct scan_outputs *o)
{
	for (size_t i = 0; i < o->n; i++) {
		report_close(o->items[i].writer);
		if (o->items[i].path)
			os_atomic_abort(&o->items[i].file);
		o->items[i].writer = NULL;
	}
}
