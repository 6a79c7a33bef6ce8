/* Tables of telling symbols, and the entropy of code. */
#include "elf_private.h"

/* Sorted, for bsearch. */
static const char *const telling[] = {
	"SSL_CTX_new", "SSL_connect", "accept", "accept4", "bind", "bpf", "chroot", "clCreateContext", "clGetPlatformIDs", "clone", "connect",
	"crypt", "cuDeviceGet", "cuInit", "curl_easy_perform", "curl_multi_perform", "daemon", "delete_module", "dlmopen", "dlopen", "dlsym",
	"execl", "execle", "execlp", "execv", "execve", "execveat", "execvp", "execvpe", "fanotify_init", "fexecve", "finit_module", "fork",
	"getaddrinfo", "gethostbyname", "getspnam", "hwloc_topology_init", "init_module", "inotify_init", "iopl", "keyctl", "kill", "listen",
	"memfd_create", "mount", "mprotect", "open_by_handle_at", "openpty", "pam_authenticate", "pcap_open_live", "pcap_sendpacket", "personality",
	"pivot_root", "popen", "posix_spawn", "posix_spawnp", "prctl", "process_vm_readv", "process_vm_writev", "ptrace", "randomx_calculate_hash",
	"randomx_create_vm", "randomx_init_cache", "reboot", "recvmmsg", "sched_setaffinity", "seccomp", "sendmmsg", "sendto", "setgid", "setns",
	"setresuid", "setsid", "setuid", "sigaction", "socket", "swapoff", "syscall", "system", "umount2", "unshare", "uv_tcp_connect", "vfork",
};

static const char *const hooked[] = {
	"+accept", "+accept4", "+execve", "+fopen", "+fopen64", "+getpwnam", "+getspnam", "+kill", "+lstat", "+open", "+open64", "+openat",
	"+pam_authenticate", "+pcap_loop", "+readdir", "+readdir64", "+stat", "+unlinkat", "+write",
};

static const char *find(const char *const *table, size_t n, size_t skip, struct slice name)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = slice_cmp(name, slice_str(table[mid] + skip));
		if (!c)
			return table[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const char *elf_symbol_telling(struct slice name) { return name.n < 3 || name.n > 24 ? NULL : find(telling, ARRAY_LEN(telling), 0, name); }
const char *elf_symbol_hooked(struct slice name) { return name.n < 4 || name.n > 16 ? NULL : find(hooked, ARRAY_LEN(hooked), 1, name); }

/* log2(v) in 1/65536, v >= 1: the integer part from the highest bit, then one bit for each squaring. */
static uint64_t log2_fixed(uint32_t v)
{
	unsigned top = 31u - (unsigned)__builtin_clz(v);
	uint64_t x = (uint64_t)v << (31 - top), r = (uint64_t)top << 16;
	for (unsigned bit = 15; bit < 16; bit--) {
		x = x * x >> 31;
		if (x >> 32) {
			x >>= 1;
			r |= 1u << bit;
		}
	}
	return r;
}

static void histogram(struct slice s, uint32_t count[4][256])
{
	size_t i = 0;
	for (; i + 4 <= s.n; i += 4) {
		count[0][s.p[i]]++;
		count[1][s.p[i + 1]]++;
		count[2][s.p[i + 2]]++;
		count[3][s.p[i + 3]]++;
	}
	for (; i < s.n; i++)
		count[0][s.p[i]]++;
}

static uint64_t entropy_of(uint32_t count[4][256])
{
	uint64_t n = 0, sum = 0;
	for (unsigned i = 0; i < 256; i++) {
		uint32_t c = count[0][i] + count[1][i] + count[2][i] + count[3][i];
		n += c;
		if (c)
			sum += c * log2_fixed(c);
	}
	if (!n)
		return 0;
	uint64_t whole = log2_fixed((uint32_t)n), mean = sum / n;
	return whole > mean ? ((whole - mean) * 1000 + 32768) >> 16 : 0;
}

static struct slice largest_segment(const struct elf *f, uint32_t flag)
{
	struct slice best = SLICE_NULL;
	struct elf_segment s;
	for (unsigned i = 0; elf_segment_at(f, i, &s); i++) {
		struct slice bytes = s.type == 1 && (s.flags & flag) == flag ? elf_segment_bytes(f, &s) : SLICE_NULL;
		if (bytes.n > best.n)
			best = bytes;
	}
	return best;
}

uint64_t elf_code_entropy(const struct elf *f, unsigned windows)
{
	struct slice code = largest_segment(f, 1);
	uint32_t count[4][256] = { 0 };
	if (!code.n)
		code = largest_segment(f, 0);
	if (code.n <= windows * 4 * KIB)
		windows = 1;
	size_t piece = windows == 1 ? code.n : 4 * KIB, step = windows > 1 ? (code.n - piece) / (windows - 1) : 0;
	for (unsigned i = 0; i < windows; i++)
		histogram(slice_sub(code, i * step, piece), count);
	return entropy_of(count);
}
