/* The ground floor: slices, bounded buffers, arenas, errors, cursors, checked arithmetic, text. No file, clock or network. */
#pragma once
#include "arena.h"
#include "buf.h"
#include "err.h"
#include "rd.h"
#include "slice.h"
#include "text.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ({ typeof(a) min_a_ = (a); typeof(b) min_b_ = (b); min_a_ < min_b_ ? min_a_ : min_b_; })
#define MAX(a, b) ({ typeof(a) max_a_ = (a); typeof(b) max_b_ = (b); max_a_ > max_b_ ? max_a_ : max_b_; })
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* true when the sum or product does not overflow. */
#define add_ok(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define mul_ok(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))
