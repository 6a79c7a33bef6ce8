/* First byte: which decoder; then its input. Also the search for wallets. */
#include "filter.h"
#include "wallet.h"

static enum err_code on_wallet(void *arg, enum token_kind kind, size_t at, struct slice address, struct err *e)
{
	(void)arg;
	(void)at;
	(void)e;
	if (wallet_kind(address) != kind)
		__builtin_trap();
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	typedef bool filter_fn(struct buf *, struct slice);
	static filter_fn *const filters[] = { filter_base64, filter_base32, filter_base85, filter_hex, filter_reverse, filter_rot13, filter_percent,
		filter_inflate, filter_escapes, filter_plain_text };
	struct err e;
	if (!size)
		return 0;
	struct slice text = slice_of(data + 1, size - 1);
	AUTO_BUF out = BUF(64 * KIB), more = BUF(64 * KIB);
	(void)filters[data[0] % ARRAY_LEN(filters)](&out, text);
	(void)looks_like_text(buf_slice(&out));
	if (size > 8)
		(void)filter_tr(&more, slice_from(text, 8), slice_upto(text, 4), slice_sub(text, 4, 4), data[0] & 128);
	return wallet_find(text, 26, on_wallet, NULL, &e) == OK && wallet_find(text, 95, on_wallet, NULL, &e) == OK ? 0 : -1;
}
