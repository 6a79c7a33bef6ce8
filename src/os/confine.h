/* The parts of confinement. */
#pragma once
#include "os.h"

/* No file system access, no TCP, no signals or abstract sockets to the outside, as far as the kernel's Landlock goes;
 * *ret_abi 0 when it has none. Binds the calling thread and what it starts later. */
[[nodiscard]] enum err_code landlock_nothing(unsigned *ret_abi, struct err *e);

/* Loads the filter on all threads. */
[[nodiscard]] enum err_code seccomp_seal(struct err *e);

#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_ASAN 1
#endif
#endif
#ifndef CONFINE_ASAN
#define CONFINE_ASAN 0
#endif
