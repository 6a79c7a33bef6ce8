/* Single paths of the effective file system. */
#include "effective.h"
#include <stdlib.h>

enum { MOST_LINKS = 40, MOST_DEPTH = 4096 };

struct probe {			/* one layer's entries, one fact ahead of the last question */
	struct facts_cursor cursor;
	struct fact fact;
	struct buf asked;	/* the last question */
	bool has, started;
};

struct effective_fs {
	struct probe *layers;
	int n, top;		/* only layers below top count: n, but for what a hard link of layer top - 1 means */
	struct at_layer *at;
	size_t n_at;
	struct buf dir;		/* the directory whose floor is known */
	int dir_floor;
	bool dir_known;
};

enum err_code effective_fs_open(struct facts_file *const *files, int n_layers, struct effective_fs **ret, struct err *e)
{
	struct effective_fs *fs = calloc(1, sizeof(*fs));
	*ret = fs;
	if (fs) {
		fs->n = fs->top = n_layers;
		fs->dir = BUF(4 * MIB);
		fs->layers = calloc((size_t)n_layers + 1, sizeof(*fs->layers));
		fs->at = calloc((size_t)n_layers + 1, sizeof(*fs->at));
	}
	if (!fs || !fs->layers || !fs->at)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	for (int i = 0; i < n_layers; i++) {
		fs->layers[i].asked = BUF(4 * MIB);
		if (files[i])
			facts_cursor_init(&fs->layers[i].cursor, files[i], SECTION_ENTRIES);
	}
	return OK;
}

void effective_fs_close(struct effective_fs *fs)
{
	if (!fs)
		return;
	for (int i = 0; fs->layers && i < fs->n; i++) {
		facts_cursor_free(&fs->layers[i].cursor);
		buf_free(&fs->layers[i].asked);
	}
	free(fs->layers);
	free(fs->at);
	buf_free(&fs->dir);
	free(fs);
}

static enum err_code advance(struct probe *p, struct err *e)
{
	enum err_code code = facts_cursor_next(&p->cursor, &p->fact, e);
	p->has = code == OK;
	return code == ERR_NOT_FOUND ? OK : code;
}

/* Positions the probe on the first fact with a path >= `path`. */
static enum err_code position(struct probe *p, struct slice path, struct err *e)
{
	/* What is ahead came up when the last question was passed: between the two there is nothing. */
	bool forward = p->started && fact_path_cmp(buf_slice(&p->asked), path) < 0;
	if (!forward || (p->has && fact_path_cmp(p->fact.path, path) < 0)) {
		TRY(facts_cursor_seek(&p->cursor, path, e));
		TRY(advance(p, e));
		while (p->has && fact_path_cmp(p->fact.path, path) < 0)
			TRY(advance(p, e));
	}
	p->started = true;
	buf_clear(&p->asked);
	buf_put_slice(&p->asked, path);
	return buf_ok(&p->asked, "a path", e);
}

static enum err_code gather(struct effective_fs *fs, struct slice path, struct err *e)
{
	fs->n_at = 0;
	for (int l = 0; l < fs->top; l++) {
		struct probe *p = &fs->layers[l];
		struct at_layer at = { .layer = l };
		if (!p->cursor.file)
			continue;
		TRY(position(p, path, e));
		for (; p->has && slice_eq(p->fact.path, path); ) {
			if (p->fact.entry.kind == ENTRY_WHITEOUT) {
				at.whiteout = true;
			} else if (p->fact.entry.kind == ENTRY_OPAQUE) {
				at.opaque = true;
			} else {
				at.present = true;
				at.entry = p->fact.entry;
			}
			TRY(advance(p, e));
		}
		if (at.present || at.whiteout || at.opaque)
			fs->at[fs->n_at++] = at;
	}
	return OK;
}

static enum err_code floor_of(struct effective_fs *fs, struct slice dir, int *ret, struct err *e)
{
	int floor = 0;
	if (fs->dir_known && slice_eq(dir, buf_slice(&fs->dir))) {
		*ret = fs->dir_floor;
		return OK;
	}
	for (size_t at = 0; at <= dir.n && dir.n; at++) {
		if (at < dir.n && dir.p[at] != '/')
			continue;
		TRY(gather(fs, slice_upto(dir, at), e));
		floor = effective_resolve(fs->at, fs->n_at, floor).child_floor;
	}
	buf_clear(&fs->dir);
	buf_put_slice(&fs->dir, dir);
	TRY(buf_ok(&fs->dir, "a path", e));
	fs->dir_known = true;
	fs->dir_floor = *ret = floor;
	return OK;
}

enum err_code effective_lookup(struct effective_fs *fs, struct slice path, struct seen *ret_seen, struct fact_entry *ret_entry, struct err *e)
{
	ptrdiff_t slash = slice_rfind_byte(path, '/');
	int floor = 0;
	if (slash > 0)
		TRY(floor_of(fs, slice_upto(path, (size_t)slash), &floor, e));
	TRY(gather(fs, path, e));
	*ret_seen = effective_resolve(fs->at, fs->n_at, floor);
	for (size_t i = 0; i < fs->n_at; i++)
		if (fs->at[i].layer == ret_seen->layer)
			*ret_entry = fs->at[i].entry;
	return OK;
}

static void set_top(struct effective_fs *fs, int top)
{
	fs->dir_known = fs->dir_known && fs->top == top;
	fs->top = top;
}

static enum err_code follow(struct effective_fs *fs, struct slice path, struct arena *a, struct slice *ret_path, int *ret_layer,
			    struct fact_entry *ret_entry, struct err *e)
{
	AUTO_BUF done = BUF(MIB);
	struct slice rest = path, piece;
	struct seen seen = { .layer = -1 };
	unsigned links = 0, depth = 0;
	while (slice_next_piece(&rest, '/', &piece)) {
		size_t before = done.n;
		if (!piece.n || slice_eqs(piece, "."))
			continue;
		if (slice_eqs(piece, "..")) {
			ptrdiff_t at = slice_rfind_byte(buf_slice(&done), '/');
			done.n = at < 0 ? 0 : (size_t)at;
			continue;
		}
		if (++depth > MOST_DEPTH)
			return err_set(e, ERR_LIMIT, 0, "a path of more than %d components", MOST_DEPTH);
		if (done.n)
			buf_putc(&done, '/');
		buf_put_slice(&done, piece);
		TRY(buf_ok(&done, "a path", e));
		TRY(effective_lookup(fs, buf_slice(&done), &seen, ret_entry, e));
		if (seen.layer < 0 && rest.n)
			continue;	/* a directory without an entry of its own */
		if (seen.layer < 0)
			return err_set(e, ERR_NOT_FOUND, 0, "no such file in the image");
		if (ret_entry->kind != ENTRY_SYMLINK && ret_entry->kind != ENTRY_HARDLINK)
			continue;
		if (++links > MOST_LINKS)
			return err_set(e, ERR_NOT_FOUND, 0, "too many links");
		/* A hard link means the file that stood at its target when its layer was made; what upper layers do there is no matter. */
		if (ret_entry->kind == ENTRY_HARDLINK)
			set_top(fs, seen.layer + 1);
		bool absolute = ret_entry->kind == ENTRY_HARDLINK || (ret_entry->link.n && ret_entry->link.p[0] == '/');
		done.n = absolute ? 0 : before;
		struct slice joined = rest.n ? arena_printf(a, "%.*s/%.*s", SLICE_ARG(ret_entry->link), SLICE_ARG(rest)) : ret_entry->link;
		if (!joined.p)
			return arena_ok(a, "a link's target", e);
		rest = joined;
	}
	if (seen.layer < 0)
		return err_set(e, ERR_NOT_FOUND, 0, "no such file in the image");
	*ret_path = arena_dup(a, buf_slice(&done));
	*ret_layer = seen.layer;
	return arena_ok(a, "a path", e);
}

enum err_code effective_follow(struct effective_fs *fs, struct slice path, struct arena *a, struct slice *ret_path, int *ret_layer,
			       struct fact_entry *ret_entry, struct err *e)
{
	enum err_code code = follow(fs, path, a, ret_path, ret_layer, ret_entry, e);
	set_top(fs, fs->n);
	return code;
}
