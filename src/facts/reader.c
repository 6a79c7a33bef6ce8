#include "facts_file.h"
#include "footer.h"
#include "os.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { READER_ARENA = 256 << 20 };

struct facts_file {
	struct os_map map;
	struct arena arena;
	struct footer footer;
	struct fact end, hello;
};

enum err_code facts_file_open_fd(int fd, const char *name, struct facts_file **ret, struct err *e)
{
	struct facts_file *f = calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ERR_NOMEM, 0, "out of memory");
	f->arena = ARENA(READER_ARENA);
	enum err_code code = os_map_file(fd, name, &f->map, e);
	if (code == OK)
		code = footer_decode(f->map.bytes, &f->arena, &f->footer, e);
	if (code == OK)
		code = fact_decode(f->footer.end, &f->end, e);
	if (code == OK && f->footer.hello.n)
		code = fact_decode(f->footer.hello, &f->hello, e);
	if (code == OK && (f->end.type != FACT_END || (f->footer.hello.n && f->hello.type != FACT_HELLO)))
		code = err_set(e, ERR_FORMAT, 0, "the facts file has no end record");
	if (code != OK) {
		facts_file_close(f);
		return code;
	}
	*ret = f;
	return OK;
}

enum err_code facts_file_open(const char *path, struct facts_file **ret, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open facts file '%s'", path);
	return facts_file_open_fd(fd, path, ret, e);
}

void facts_file_close(struct facts_file *f)
{
	if (!f)
		return;
	os_unmap(&f->map);
	arena_free(&f->arena);
	free(f);
}

const struct fact_end *facts_file_end(const struct facts_file *f) { return &f->end.end; }
const struct fact_hello *facts_file_hello(const struct facts_file *f) { return &f->hello.hello; }
uint64_t facts_file_count(const struct facts_file *f, enum fact_type t) { return t < FACT_TYPE_COUNT ? f->footer.counts[t] : 0; }

void facts_file_sources(const struct facts_file *f, const struct slice **ret, size_t *ret_n)
{
	*ret = f->footer.sources.items;
	*ret_n = f->footer.sources.n;
}

void facts_cursor_init(struct facts_cursor *c, const struct facts_file *f, enum facts_section s)
{
	*c = (struct facts_cursor){ .file = f, .section = s, .path = BUF(4 * MIB) };
}

void facts_cursor_free(struct facts_cursor *c) { buf_free(&c->path); }

static const struct block_index *index_of(const struct facts_cursor *c) { return &c->file->footer.index[c->section]; }

static enum err_code enter_block(struct facts_cursor *c, size_t block, struct err *e)
{
	const struct block_ref *b = &index_of(c)->items[block];
	struct slice bytes = slice_sub(c->file->map.bytes, b->offset, b->size);
	if (block_crc(bytes) != b->crc)
		return err_set(e, ERR_FORMAT, 0, "a block of the facts file is damaged");
	c->rd = rd_of(bytes);
	c->path.n = 0;
	c->block = block + 1;
	return OK;
}

enum err_code facts_cursor_next(struct facts_cursor *c, struct fact *ret, struct err *e)
{
	while (!rd_left(&c->rd)) {
		if (c->block >= index_of(c)->n)
			return err_set(e, ERR_NOT_FOUND, 0, "no more facts");
		TRY(enter_block(c, c->block, e));
	}
	if (!block_next(&c->rd, &c->path, ret))
		return err_set(e, ERR_FORMAT, 0, "a block of the facts file is malformed");
	return OK;
}

enum err_code facts_cursor_seek(struct facts_cursor *c, struct slice path, struct err *e)
{
	const struct block_index *index = index_of(c);
	/* The last block whose first path is smaller; equal first paths may begin in the block before. */
	size_t lo = 0, hi = index->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (fact_path_cmp(index->items[mid].first, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	size_t block = lo ? lo - 1 : 0;
	if (block >= index->n)
		return OK;
	/* Going forward inside the current block costs less than entering it again. */
	if (c->block == block + 1 && !c->rd.bad && c->path.n && fact_path_cmp(buf_slice(&c->path), path) < 0)
		return OK;
	return enter_block(c, block, e);
}
