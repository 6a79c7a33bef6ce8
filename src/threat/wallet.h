/* Wallet addresses, verified by checksum. Formats: Monero (base58 in 8-byte blocks, Keccak-256), Bitcoin base58check (BIP 13), bech32
 * (BIP 173) and bech32m (BIP 350), Ethereum with mixed-case checksum (EIP-55). */
#pragma once
#include "facts.h"

/* The kind of token (TOKEN_WALLET_...) when s is exactly one valid address, else 0. Ethereum: only in mixed case. */
enum token_kind wallet_kind(struct slice s);
void keccak256(struct slice s, uint8_t out[32]);

/* Calls fn for each valid address of at least `shortest` (26..95) characters in text. Cheap on text without any. */
typedef enum err_code wallet_fn(void *arg, enum token_kind kind, size_t at, struct slice address, struct err *e);
[[nodiscard]] enum err_code wallet_find(struct slice text, size_t shortest, wallet_fn *fn, void *arg, struct err *e);
