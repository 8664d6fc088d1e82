/*
 * mds_time: times as RFC 3339 writes them in UTC, and as milliseconds since
 * 1970 (int64_t, *_ms) everywhere inside.
 */

#ifndef MDS_TIME_H
#define MDS_TIME_H

#include "base/mds_base.h"

#define MDS_TIME_BYTES 32 /* holds any formatted time and a zero */

/*
 * "2026-12-01T00:00:00Z", with optional fraction (cut to milliseconds) or
 * "+00:00" for "Z". False: not such a time; *ms is untouched.
 */
bool mds_time_parse(mds_str_t text, int64_t *ms) MDS_MUST_CHECK;

/* To whole seconds, zero-terminated; returns text. What lies before the year 0
 * or behind 9999 is written as the first or last second of those. */
const char *mds_time_format(int64_t ms, char text[MDS_TIME_BYTES]);

/*
 * The one clock of everything that decides. For tests it can be set: the
 * environment variable MDS_CLOCK (in nginx passed on by `env MDS_CLOCK;`)
 * names a file that holds how many milliseconds to add.
 */
int64_t mds_time_now_ms(void);

#endif
