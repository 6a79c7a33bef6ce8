#include "wallet.h"

static int base58_value(uint8_t c)
{
	if (c >= '1' && c <= '9')
		return c - '1';
	if (c >= 'A' && c <= 'Z' && c != 'I' && c != 'O')
		return 9 + c - 'A' - (c > 'I') - (c > 'O');
	return c >= 'a' && c <= 'z' && c != 'l' ? 33 + c - 'a' - (c > 'l') : -1;
}

/* Monero encodes every 8 bytes on their own as 11 digits, the last 5 bytes as 7. */
static bool monero_block(struct slice digits, uint8_t *out, size_t bytes)
{
	unsigned __int128 v = 0;
	for (size_t i = 0; i < digits.n; i++) {
		int d = base58_value(digits.p[i]);
		if (d < 0)
			return false;
		v = v * 58 + (unsigned)d;
	}
	if (v >> (8 * bytes))
		return false;
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	return true;
}

/* 95 digits: main (18) and subaddress (42); 106: integrated (19). */
static bool is_monero(struct slice s)
{
	uint8_t raw[80], sum[32];
	size_t n = 0;
	if ((s.n != 95 && s.n != 106) || (s.p[0] != '4' && s.p[0] != '8'))
		return false;
	for (; s.n; s = slice_from(s, MIN(s.n, (size_t)11))) {
		static const uint8_t bytes_of[12] = { [11] = 8, [7] = 5 };
		size_t digits = MIN(s.n, (size_t)11), bytes = bytes_of[digits];
		if (!bytes || !monero_block(slice_upto(s, digits), raw + n, bytes))
			return false;
		n += bytes;
	}
	if (n == 69 ? raw[0] != 18 && raw[0] != 42 : n != 77 || raw[0] != 19)
		return false;
	keccak256(slice_of(raw, n - 4), sum);
	return !memcmp(sum, raw + n - 4, 4);
}

/* 25 bytes: version (0: P2PKH, 5: P2SH), hash, four bytes of double SHA-256. */
static bool is_base58check(struct slice s)
{
	uint8_t raw[25] = { 0 }, sum[32];
	if (s.n < 26 || s.n > 35 || (s.p[0] != '1' && s.p[0] != '3'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int carry = base58_value(s.p[i]);
		if (carry < 0)
			return false;
		for (size_t j = sizeof(raw); j-- > 0;) {
			carry += raw[j] * 58;
			raw[j] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return false;
	}
	size_t ones = 0, zeros = 0;
	while (ones < s.n && s.p[ones] == '1')
		ones++;
	while (zeros < sizeof(raw) && !raw[zeros])
		zeros++;
	return ones == zeros && (raw[0] == 0 || raw[0] == 5) && digest_of(DIGEST_SHA256, slice_of(raw, 21), sum) &&
	       digest_of(DIGEST_SHA256, slice_of(sum, 32), sum) && !memcmp(sum, raw + 21, 4);
}

static int bech32_value(uint8_t c)
{
	static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static uint32_t bech32_step(uint32_t chk, uint32_t v)
{
	static const uint32_t gen[5] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
	uint32_t top = chk >> 25;
	chk = (chk & 0x1ffffff) << 5 ^ v;
	for (unsigned i = 0; i < 5; i++)
		chk ^= top >> i & 1 ? gen[i] : 0;
	return chk;
}

/* "bc1" and 39 or 59 digits; witness version 0 ends in bech32, later ones in bech32m. All upper case is allowed, mixed is not. */
static bool is_bech32(struct slice s)
{
	uint8_t low[90];
	bool upper = false, lower = false;
	if (s.n < 42 || s.n > 74)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		upper |= s.p[i] >= 'A' && s.p[i] <= 'Z';
		lower |= s.p[i] >= 'a' && s.p[i] <= 'z';
		low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i];
	}
	if ((upper && lower) || memcmp(low, "bc1", 3))
		return false;
	uint32_t chk = 1;
	static const uint8_t human[] = { 3, 3, 0, 2, 3 };	/* "bc" expanded */
	for (size_t i = 0; i < sizeof(human); i++)
		chk = bech32_step(chk, human[i]);
	for (size_t i = 3; i < s.n; i++) {
		int v = bech32_value(low[i]);
		if (v < 0)
			return false;
		chk = bech32_step(chk, (uint32_t)v);
	}
	int version = bech32_value(low[3]);
	return version == 0 ? (s.n == 42 || s.n == 62) && chk == 1 : version <= 16 && chk == 0x2bc830a3;
}

/* Only with both cases among the letters does the address carry its checksum. */
static bool is_eip55(struct slice s)
{
	uint8_t low[40], sum[32];
	bool upper = false, lower = false;
	if (s.n != 42 || s.p[0] != '0' || s.p[1] != 'x')
		return false;
	for (size_t i = 0; i < 40; i++) {
		uint8_t c = s.p[2 + i];
		bool digit = c >= '0' && c <= '9', up = c >= 'A' && c <= 'F', lo = c >= 'a' && c <= 'f';
		if (!digit && !up && !lo)
			return false;
		upper |= up;
		lower |= lo;
		low[i] = up ? c | 0x20 : c;
	}
	if (!upper || !lower)
		return false;
	keccak256(slice_of(low, 40), sum);
	for (size_t i = 0; i < 40; i++)
		if (low[i] >= 'a' && (s.p[2 + i] < 'a') != ((sum[i / 2] >> (i % 2 ? 0 : 4) & 8) != 0))
			return false;
	return true;
}

enum token_kind wallet_kind(struct slice s)
{
	if (is_monero(s))
		return TOKEN_WALLET_XMR;
	if (is_base58check(s) || is_bech32(s))
		return TOKEN_WALLET_BTC;
	return is_eip55(s) ? TOKEN_WALLET_ETH : 0;
}

static inline bool is_alnum(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10;
}

/* A run of letters and digits can only be an address when its length and first characters fit; the checksums are dear.
 * "-u4...": an option's letter may stick to a Monero address. */
static enum token_kind run_kind(struct slice *ret_run)
{
	if ((ret_run->n == 96 || ret_run->n == 107) && ret_run->p[0] == 'u')
		*ret_run = slice_from(*ret_run, 1);
	struct slice run = *ret_run;
	if (run.n == 95 || run.n == 106)
		return is_monero(run) ? TOKEN_WALLET_XMR : 0;
	if (run.n == 42 && run.p[0] == '0')
		return is_eip55(run) ? TOKEN_WALLET_ETH : 0;
	if ((run.p[0] | 0x20) == 'b')
		return is_bech32(run) ? TOKEN_WALLET_BTC : 0;
	return run.n <= 35 && is_base58check(run) ? TOKEN_WALLET_BTC : 0;
}

/* As Boyer and Moore search: where a byte cannot be in an address, none of the next `shortest` can end one. */
enum err_code wallet_find(struct slice text, size_t shortest, wallet_fn *fn, void *arg, struct err *e)
{
	for (size_t i = shortest - 1; i < text.n;) {
		size_t from = i + 1, low = i + 1 - shortest;
		while (from > low && is_alnum(text.p[from - 1]))
			from--;
		if (from > low) {
			i = from - 1 + shortest;
			continue;
		}
		size_t to = i + 1;
		while (from && i - from < 200 && is_alnum(text.p[from - 1]))
			from--;
		while (to < text.n && is_alnum(text.p[to]))
			to++;
		struct slice run = slice_sub(text, from, to - from);
		enum token_kind kind = run.n <= 107 ? run_kind(&run) : 0;
		if (kind)
			TRY(fn(arg, kind, (size_t)(run.p - text.p), run, e));
		i = to + shortest;
	}
	return OK;
}
