/* Candidate indicators. What is kept must be worth joining: hosts, addresses and URLs of code, configuration and programs, wallets
 * whose checksum holds. Each value once per file. */
#include "view.h"
#include "wallet.h"

static bool token_new(struct file_judge *j, enum token_kind kind, struct slice value)
{
	enum { SLOTS = 4096 };
	struct token_table *t = &j->tokens;
	if (!t->slots)
		t->slots = arena_calloc(j->a, SLOTS, sizeof(*t->slots));
	if (!t->slots)
		return false;
	uint64_t h = slice_hash(value) * 31 + (uint64_t)kind;
	h += !h;
	for (size_t i = h % SLOTS;; i = (i + 1) % SLOTS) {
		if (t->slots[i] == h)
			return false;
		if (!t->slots[i]) {
			if (t->n < TOKENS_MAX)
				t->slots[i] = h;
			return true;
		}
	}
}

static enum err_code put_token(struct file_judge *j, const struct view *v, enum token_kind kind, struct slice value, size_t at, struct err *e)
{
	if (!value.n || !token_new(j, kind, value))
		return OK;
	if (j->tokens.n++ < TOKENS_MAX)
		return FACT_EMIT(j->sink, e, .type = FACT_TOKEN, .path = j->f->path, .inner = j->f->inner,
			.token = { .kind = kind, .value = value, .offset = v->derived ? v->offset : v->offset + at });
	if (j->tokens.full)
		return OK;
	j->tokens.full = true;
	return judge_skip(j, SKIP_DATA, "limit: tokens", "more candidate indicators than are kept for one file", e);
}

static struct slice lower(struct arena *a, struct slice s)
{
	uint8_t *p = arena_alloc(a, s.n);
	for (size_t i = 0; p && i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i];
	return p ? slice_of(p, s.n) : SLICE_NULL;
}

/* Hosts that stand in comments and headers everywhere and that no indicator names. */
static bool is_boring(struct slice host)
{
	static const char *const no[] = { "w3.org", "example.com", "example.org", "example.net", "mozilla.org", "ietf.org", "wikipedia.org",
		"unicode.org", "opensource.org", "ecma-international.org", "nodejs.org", "npmjs.com", "npmjs.org", "schema.org", "json-schema.org",
		"apache.org", "gnu.org", "python.org", "stackoverflow.com", "debian.org", "whatwg.org", "kernel.org", "microsoft.com",
		"chromium.org", "webkit.org", "tc39.es", "tc39.github.io", "creativecommons.org", "perl.org", "cpan.org", "readthedocs.io",
		"ubuntu.com", "launchpad.net", "freedesktop.org", "xmlsoap.org", "oasis-open.org", "xml.org", "golang.org", "localhost" };
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		struct slice n = slice_str(no[i]);
		if (slice_has_suffix(host, n) && (host.n == n.n || host.p[host.n - n.n - 1] == '.'))
			return true;
	}
	return false;
}

/* In libraries a link to a project's page is no news. */
static bool is_project(struct slice host)
{
	return slice_eqs(host, "github.com") || slice_has_suffix(host, SL(".github.io")) || slice_eqs(host, "www.github.com");
}

static size_t url_length(struct slice s)
{
	size_t n = 0;
	while (n < s.n && n < 512 && s.p[n] > ' ' && s.p[n] < 0x7f && !strchr("\"'<>|;\\`^{}#", s.p[n]))
		n++;
	while (n && strchr(".,:)]*!?", s.p[n - 1]))
		n--;
	return n;
}

/* ":3333" behind an address: lists often name both, and the address alone says less. */
static size_t port_length(struct slice s)
{
	size_t n = 1;
	while (n < s.n && n < 7 && (uint8_t)(s.p[n] - '0') < 10)
		n++;
	return s.n && s.p[0] == ':' && n > 1 && n < 7 ? n : 0;
}

/* at: just behind "://". */
enum err_code judge_url(struct file_judge *j, const struct view *v, size_t at, struct err *e)
{
	static const uint32_t wanted = 1u << FILE_ELF | 1u << FILE_ELF_LIB | 1u << FILE_SCRIPT | 1u << FILE_BYTECODE | 1u << FILE_PE |
		1u << FILE_CONFIG | 1u << FILE_TEXT;
	if (!(j->classes & wanted) || (j->library && j->f->cls == FILE_TEXT) || at < 4 || at >= v->text.n)
		return OK;
	struct slice rest = slice_sub(v->text, at, 600);
	ptrdiff_t user = slice_find_byte(slice_upto(rest, url_length(rest)), '@');
	ptrdiff_t slash = slice_find_byte(rest, '/');
	struct slice host = user > 0 && (slash < 0 || user < slash) ? slice_from(rest, (size_t)user + 1) : rest;
	size_t ip = ipv4_length(host), n = ip ? ip : host_length(host);
	if (!n)
		return OK;
	size_t port = ip ? port_length(slice_from(host, n)) : 0;
	struct slice with_port = slice_upto(host, n + port);
	host = lower(j->a, slice_upto(host, n));
	if (!ip && (is_boring(host) || (j->library && is_project(host))))
		return OK;
	if (ip && !is_public_ipv4(host))
		return OK;
	TRY(put_token(j, v, ip ? TOKEN_IP : TOKEN_HOST, ip ? with_port : host, at, e));
	size_t from = at - 3;
	while (from && at - from < 20 && ((uint8_t)((v->text.p[from - 1] | 0x20) - 'a') < 26 || v->text.p[from - 1] == '+'))
		from--;
	size_t whole = url_length(rest), end = (size_t)((user > 0 && (slash < 0 || user < slash) ? user + 1 : 0)) + n;
	if (whole <= end + 1)
		return OK;	/* no path: the host says it all */
	struct slice head = lower(j->a, slice_sub(v->text, from, at - from + end));
	return put_token(j, v, TOKEN_URL, arena_printf(j->a, "%.*s%.*s", SLICE_ARG(head), SLICE_ARG(slice_sub(rest, end, whole - end))), from, e);
}

/* Endings that make a dotted word a host rather than a file or a method, lower case, as eight bytes. */
#define END(s) { s }
static const char host_ends[][8] = { END("com"), END("net"), END("org"), END("info"), END("biz"), END("xyz"), END("top"), END("club"), END("site"),
	END("online"), END("ru"), END("cn"), END("su"), END("cc"), END("pw"), END("tk"), END("ml"), END("ga"), END("cf"), END("gq"), END("io"),
	END("me"), END("to"), END("onion"), END("stream"), END("pro"), END("work"), END("space"), END("fun"), END("live"), END("eu"), END("de"),
	END("fr"), END("uk"), END("nl"), END("ua"), END("kr"), END("jp"), END("in"), END("br"), END("ir"), END("us"), END("tw"), END("hk"),
	END("vip"), END("icu"), END("tech"), END("website"), END("host"), END("link"), END("win"), END("bid"), END("buzz"), END("gdn") };

/* Behind a dot: the last label of a host, ended by something that is no part of a name. */
static bool is_last_label(const uint8_t *p, const uint8_t *end)
{
	uint64_t key = 0, known;
	unsigned n = 0;
	while (p + n < end && n < 8 && (uint8_t)((p[n] | 0x20) - 'a') < 26) {
		key |= (uint64_t)(p[n] | 0x20) << (8 * n);
		n++;
	}
	if (n < 2 || n > 7 || (p + n < end && ((uint8_t)(p[n] - '0') < 10 || (p[n] && strchr("-_([=<", p[n])))))
		return false;
	if (p + n < end && p[n] == '.' && p + n + 1 < end && (uint8_t)((p[n + 1] | 0x20) - 'a') < 26)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(host_ends); i++) {
		memcpy(&known, host_ends[i], 8);
		if (known == key)
			return true;
	}
	return false;
}

static bool is_word(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '-' || c == '_' || c == '.';
}

/* Bare hosts and addresses: every dot is looked at, so only in code of one's own and in programs. */
static enum err_code find_bare(struct file_judge *j, const struct view *v, struct err *e)
{
	if (!v->text.n)
		return OK;
	const uint8_t *text = v->text.p, *end = text + v->text.n;
	for (const uint8_t *p = text; p < end && (p = memchr(p, '.', (size_t)(end - p))); p++) {
		bool digit = p > text && (uint8_t)(p[-1] - '0') < 10 && p + 1 < end && (uint8_t)(p[1] - '0') < 10;
		if (p == text || (!digit && (!is_word(p[-1]) || !is_last_label(p + 1, end))))
			continue;
		const uint8_t *from = p;
		while (from > text && p - from < 200 && is_word(from[-1]))
			from--;
		struct slice word = slice_sub(v->text, (size_t)(from - text), 260);
		size_t n = digit ? ipv4_length(word) : host_length(word);
		if (digit && n)
			p = from + n - 1;	/* once, not at each of its dots */
		if (!n || from + n <= p || (digit && !is_public_ipv4(word)) || *from == '.' || (from > text && strchr("$%&", from[-1]) && from[-1]))
			continue;
		struct slice value = lower(j->a, slice_upto(word, n + (digit ? port_length(slice_from(word, n)) : 0)));
		if (!is_boring(value))
			TRY(put_token(j, v, digit ? TOKEN_IP : TOKEN_HOST, value, (size_t)(from - text), e));
	}
	return OK;
}

struct wallet_arg { struct file_judge *j; const struct view *v; };
static enum err_code on_wallet(void *arg, enum token_kind kind, size_t at, struct slice address, struct err *e)
{
	static const char *const signs[] = { [TOKEN_WALLET_XMR] = "wallet.monero", [TOKEN_WALLET_BTC] = "wallet.bitcoin",
		[TOKEN_WALLET_ETH] = "wallet.ethereum" };
	struct wallet_arg *w = arg;
	TRY(put_token(w->j, w->v, kind, address, at, e));
	return judge_sign(w->j, w->v, threat_sign_index(slice_str(signs[kind])), at,
			  slice_sub(w->v->text, at - MIN(at, (size_t)40), 200), address, e);
}

static bool any_sign(const struct file_judge *j)
{
	for (size_t i = 0; i < SIGN_SET_WORDS; i++)
		if (j->seen.word[i])
			return true;
	return false;
}

/* In programs without any other sign only Monero's long addresses are looked for: nothing else is as cheap. */
enum err_code judge_tokens(struct file_judge *j, const struct view *v, struct err *e)
{
	static const uint32_t programs = 1u << FILE_ELF | 1u << FILE_ELF_LIB;
	bool own = !j->library && j->f->size <= CODE_BYTES_MAX;
	struct wallet_arg w = { j, v };
	if (j->classes & (programs | 1u << FILE_SCRIPT) || own)
		TRY(wallet_find(v->text, j->classes & programs && !any_sign(j) ? 95 : 26, on_wallet, &w, e));
	if (j->classes & 1u << FILE_ELF || (own && j->classes & (1u << FILE_SCRIPT | 1u << FILE_CONFIG | 1u << FILE_TEXT)))
		return find_bare(j, v, e);
	return OK;
}
