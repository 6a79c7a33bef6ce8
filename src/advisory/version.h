/* The version orders, one file each; version.c chooses. All take any bytes. */
#pragma once
#include "advisory.h"

static inline bool ch_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline bool ch_alpha(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static inline bool ch_alnum(uint8_t c) { return ch_digit(c) || ch_alpha(c); }
static inline uint8_t ch_lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static inline int sign_of(int c) { return (c > 0) - (c < 0); }

/* Two runs of digits as numbers of any length; an empty run is 0. */
int digits_cmp(struct slice a, struct slice b);
/* Takes the run of digits at the start of *s off it. */
struct slice digits_take(struct slice *s);

bool dpkg_valid(struct slice v);
int dpkg_cmp(struct slice a, struct slice b);
bool rpm_valid(struct slice v);
int rpm_cmp(struct slice a, struct slice b);
bool apk_valid(struct slice v);
int apk_cmp(struct slice a, struct slice b);
bool semver_valid(struct slice v);
bool go_valid(struct slice v);
int semver_cmp(struct slice a, struct slice b);
bool pep440_valid(struct slice v);
int pep440_cmp(struct slice a, struct slice b);
bool gem_valid(struct slice v);
int gem_cmp(struct slice a, struct slice b);
