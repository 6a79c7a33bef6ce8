/* our own sample for the unpacker: prints a sentence; its table makes it large enough to pack */
static const char text[] = "pabean's own sample for the unpacker: stratum+tcp://pool.example.invalid:3333 is not a pool\n";
#include "table.h"
static long sys3(long n, long a, long b, long c) { long r;
#ifdef __x86_64__
 __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#else
 __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
#endif
 return r; }
#ifdef __x86_64__
enum { W = 1, X = 60 };
#else
enum { W = 4, X = 1 };
#endif
__attribute__((noinline)) static unsigned mix(unsigned a) { return a * 2654435761u ^ a >> 15; }
__attribute__((noinline)) static unsigned fold(unsigned a) { unsigned r = 0; for (unsigned i = 0; i < sizeof(table); i++) r += mix(a + table[i]); return r; }
__attribute__((noinline)) static unsigned more(unsigned a) { return fold(a) + fold(a + 1) + mix(a); }
void _start(void) { unsigned v = more(3) + more(4) + fold(9); volatile unsigned keep = v; (void)keep; sys3(W, 1, (long)text, sizeof(text) - 1); sys3(X, 0, 0, 0); }
