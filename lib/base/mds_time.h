/*
 * mds_time: reads and writes times of RFC 3339 in UTC, and the clock. In the
 * code, a time is milliseconds since 1970: an int64_t with a name that ends in
 * _ms.
 */

#ifndef MDS_TIME_H
#define MDS_TIME_H

#include "base/mds_base.h"

#define MDS_TIME_BYTES 32 /* holds any formatted time and a zero */

/*
 * Reads "2026-12-01T00:00:00Z"; it may have a fraction (cut to milliseconds)
 * and
 * "+00:00" for "Z". False: the text is something else.
 */
bool mds_time_parse(mds_str_t text, int64_t *ms) MDS_MUST_CHECK;

/* Writes a time in whole seconds and a zero byte; returns text. Times before
 * the year 0 or after 9999 are written as the first or last second of those. */
const char *mds_time_format(int64_t ms, char text[MDS_TIME_BYTES]);

/*
 * Returns the time by which all decisions are made. Tests can shift it: the
 * environment variable MDS_CLOCK (which nginx passes on by `env MDS_CLOCK;`)
 * names a file with a number of milliseconds to add.
 */
int64_t mds_time_now_ms(void);

#endif
