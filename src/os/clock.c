#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "os.h"

/* --now: set once while the command line is read. */
static _Atomic uint64_t override_s;
static atomic_bool overridden;

void os_set_now(uint64_t seconds)
{
	atomic_store(&override_s, seconds);
	atomic_store(&overridden, true);
}

uint64_t os_now_s(void)
{
	const char *epoch;
	uint64_t s;
	struct timespec ts;
	if (atomic_load(&overridden))
		return atomic_load(&override_s);
	epoch = getenv("SOURCE_DATE_EPOCH");
	if (epoch && slice_to_u64(slice_str(epoch), &s))
		return s;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec < 0 ? 0 : (uint64_t)ts.tv_sec;
}

uint64_t os_monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

unsigned os_cpu_count(void)
{
	cpu_set_t set;
	long n;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)MAX(CPU_COUNT(&set), 1);
	n = sysconf(_SC_NPROCESSORS_ONLN);	/* more CPUs than a cpu_set_t holds */
	return n > 0 ? (unsigned)n : 1;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back; the year begins in March so that leap days end it. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	int64_t era, yoe, doy;
	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (int64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void os_format_time(uint64_t s, char dst[21])
{
	static const uint64_t max_s = 253402300799u;	/* 9999-12-31T23:59:59Z */
	uint64_t z, era, doe, yoe, doy, mp, day, rest;
	unsigned y, m;
	char text[64];
	s = MIN(s, max_s);
	rest = s % 86400;
	z = s / 86400 + 719468;
	era = z / 146097;
	doe = z % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	day = doy - (153 * mp + 2) / 5 + 1;
	m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	y = (unsigned)(yoe + era * 400) + (m <= 2);
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", y, m, (unsigned)day, (unsigned)(rest / 3600),
		 (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
	memcpy(dst, text, 20);
	dst[20] = '\0';
}

/* n digits at *text, which moves on, and then the byte sep (0: none). */
static bool take(struct slice *text, size_t n, char sep, unsigned *ret)
{
	uint64_t v;
	if (text->n < n + (sep != 0) || !slice_to_u64(slice_upto(*text, n), &v) || (sep && text->p[n] != (uint8_t)sep))
		return false;
	*text = slice_from(*text, n + (sep != 0));
	*ret = (unsigned)v;
	return true;
}

/* "Z", "+hh:mm" or "-hh:mm" behind an optional fraction; *ret_s is what is to be added to get UTC. */
static bool take_zone(struct slice text, int64_t *ret_s)
{
	unsigned h, m;
	bool west;
	if (text.n && text.p[0] == '.') {
		size_t i = 1;
		while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
			i++;
		if (i == 1)
			return false;
		text = slice_from(text, i);
	}
	*ret_s = 0;
	if (text.n == 1 && (text.p[0] == 'Z' || text.p[0] == 'z'))
		return true;
	if (text.n != 6 || (text.p[0] != '+' && text.p[0] != '-'))
		return false;
	west = text.p[0] == '-';
	text = slice_from(text, 1);
	if (!take(&text, 2, ':', &h) || !take(&text, 2, 0, &m) || h > 23 || m > 59)
		return false;
	*ret_s = (west ? 1 : -1) * (int64_t)(h * 3600 + m * 60);
	return true;
}

bool os_parse_time(struct slice text, uint64_t *ret_s)
{
	static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned y, mo, d, h = 0, mi = 0, s = 0, last;
	int64_t zone = 0, at;
	if (!take(&text, 4, '-', &y) || !take(&text, 2, '-', &mo) || !take(&text, 2, 0, &d) || mo < 1 || mo > 12)
		return false;
	last = month_days[mo - 1] + (mo == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
	if (d < 1 || d > last)
		return false;
	if (text.n) {
		if (text.p[0] != 'T' && text.p[0] != 't' && text.p[0] != ' ')
			return false;
		text = slice_from(text, 1);
		if (!take(&text, 2, ':', &h) || !take(&text, 2, ':', &mi) || !take(&text, 2, 0, &s) || h > 23 || mi > 59 || s > 60 ||
		    !take_zone(text, &zone))
			return false;
	}
	at = days_of(y, mo, d) * 86400 + (int64_t)(h * 3600 + mi * 60 + s) + zone;
	if (at < 0)
		return false;
	*ret_s = (uint64_t)at;
	return true;
}
