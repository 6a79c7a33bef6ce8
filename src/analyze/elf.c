/* Programs and libraries: what they say about themselves, what is packed in them, what hangs behind them. */
#include "elf.h"
#include "registry.h"

enum { UNPACK_MAX = 64 << 20, OVERLAY_MIN = 4 << 10, LIST_MAX = 16 << 10 };

static enum err_code unpack(struct analyze_ctx *ctx, const struct file_view *f, const struct elf *elf, struct fact_elf *fact, struct buf *out,
			    struct err *e)
{
	enum upx_result r;
	uint64_t bytes;
	enum err_code code = elf_upx_unpack(elf, out, &r, &bytes, e);
	if (code == ERR_LIMIT || code == ERR_NOMEM) {
		fact->flags |= ELF_F_UPX;
		buf_clear(out);
		return analyze_skip(ctx, f, SKIP_BUDGET, bytes, "budget: upx", "the packed program is larger than may be unpacked", e);
	}
	TRY(code);
	if (r == UPX_NONE)
		return OK;
	fact->flags |= ELF_F_UPX | (r == UPX_UNPACKED ? ELF_F_UPX_UNPACKED : ELF_F_UPX_BROKEN);
	return OK;
}

static enum err_code member(struct analyze_ctx *ctx, const struct file_view *f, struct slice name, struct slice content, struct err *e)
{
	enum err_code code = analyze_member(ctx, f, name, f->mode, content, e);
	return code == ERR_LIMIT ? OK : code;	/* reported there */
}

static enum err_code run(struct analyze_ctx *ctx, const struct file_view *f, struct err *e)
{
	struct elf elf;
	struct fact fact = { .type = FACT_ELF };
	AUTO_BUF needed = BUF(LIST_MAX);
	AUTO_BUF imports = BUF(LIST_MAX);
	AUTO_BUF unpacked = BUF(MIN((uint64_t)UNPACK_MAX, analyze_budget(ctx, f).bytes));
	TRY(elf_open(f->content, &elf, e));
	elf_describe(&elf, &fact.elf, &needed, &imports);
	/* Packers leave no sections to speak of; where there are some, UPX has not been here. */
	if (elf.shnum < 4)
		TRY(unpack(ctx, f, &elf, &fact.elf, &unpacked, e));
	TRY(analyze_emit(ctx, f, &fact, e));
	if (unpacked.n)
		TRY(member(ctx, f, SL("upx!unpacked"), buf_slice(&unpacked), e));
	buf_free(&unpacked);
	unpacked = BUF(0);
	if (fact.elf.flags & ELF_F_OVERLAY)
		TRY(member(ctx, f, SL("overlay"), slice_from(f->content, f->content.n - (size_t)fact.elf.overlay_bytes), e));
	return OK;
}

const struct analyzer analyzer_elf = {
	.name = "elf", .version = 1, .classes = 1u << FILE_ELF | 1u << FILE_ELF_LIB | 1u << FILE_ELF_OBJ, .nested = true, .deep = true, .run = run,
};
