/*
 * Times of RFC 3339, and the clock.
 */

#define _GNU_SOURCE /* timegm */

#include "base/mds_time.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Only years with four digits can be written. */
#define MDS_TIME_FIRST_S (-INT64_C(62167219200))
#define MDS_TIME_LAST_S INT64_C(253402300799)

/* Reads a number of exactly count digits. */
static bool
mds_time_number(const char **p, const char *end, int count, int *number)
{
    *number = 0;

    for (; count > 0; count--, (*p)++) {
        if (*p == end || **p < '0' || **p > '9') {
            return false;
        }
        *number = *number * 10 + (**p - '0');
    }

    return true;
}

static bool
mds_time_char(const char **p, const char *end, const char *either)
{
    if (*p == end || strchr(either, **p) == NULL || **p == '\0') {
        return false;
    }

    (*p)++;
    return true;
}

/* Reads ".123456", if it is there: at least one digit; only milliseconds
 * count. */
static bool
mds_time_fraction(const char **p, const char *end, int *ms)
{
    int scale = 100;

    *ms = 0;

    if (!mds_time_char(p, end, ".")) {
        return true;
    }

    if (*p == end || **p < '0' || **p > '9') {
        return false;
    }

    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++, scale /= 10) {
        *ms += (**p - '0') * scale;
    }

    return true;
}

bool
mds_time_parse(mds_str_t text, int64_t *ms)
{
    const char *p = text.len > 0 ? text.data : "";
    const char *end = p + text.len;
    struct tm   tm = { 0 }, back;
    int         fraction;
    time_t      seconds;

    if (!mds_time_number(&p, end, 4, &tm.tm_year)
        || !mds_time_char(&p, end, "-")
        || !mds_time_number(&p, end, 2, &tm.tm_mon)
        || !mds_time_char(&p, end, "-")
        || !mds_time_number(&p, end, 2, &tm.tm_mday)
        || !mds_time_char(&p, end, "Tt")
        || !mds_time_number(&p, end, 2, &tm.tm_hour)
        || !mds_time_char(&p, end, ":")
        || !mds_time_number(&p, end, 2, &tm.tm_min)
        || !mds_time_char(&p, end, ":")
        || !mds_time_number(&p, end, 2, &tm.tm_sec)
        || !mds_time_fraction(&p, end, &fraction))
    {
        return false;
    }

    text = (mds_str_t){ (size_t) (end - p), p };

    if (!mds_str_eq(text, mds_str("Z")) && !mds_str_eq(text, mds_str("z"))
        && !mds_str_eq(text, mds_str("+00:00")))
    {
        return false;
    }

    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    back = tm;
    seconds = timegm(&tm);

    /* timegm() makes March of February 30. */
    if (tm.tm_mon != back.tm_mon || tm.tm_mday != back.tm_mday
        || tm.tm_hour != back.tm_hour || tm.tm_min != back.tm_min
        || tm.tm_sec != back.tm_sec)
    {
        return false;
    }

    *ms = (int64_t) seconds * 1000 + fraction;
    return true;
}

const char *
mds_time_format(int64_t ms, char text[MDS_TIME_BYTES])
{
    time_t    seconds = (time_t) (ms / 1000 - (ms % 1000 < 0));
    struct tm tm;

    if (seconds < MDS_TIME_FIRST_S) {
        seconds = MDS_TIME_FIRST_S;
    } else if (seconds > MDS_TIME_LAST_S) {
        seconds = MDS_TIME_LAST_S;
    }

    gmtime_r(&seconds, &tm);

    /* glibc's %Y writes fewer than four digits for early years. */
    (void) snprintf(text, 5, "%04u", (unsigned) (tm.tm_year + 1900) % 10000);
    (void) strftime(text + 4, MDS_TIME_BYTES - 4, "-%m-%dT%H:%M:%SZ", &tm);

    return text;
}

/* MDS_CLOCK names a file that holds milliseconds to add; see the header. */
static int64_t
mds_time_offset_ms(void)
{
    static const char *path;
    static bool        asked;
    char               text[32] = "";
    int                fd;

    if (!asked) {
        path = getenv("MDS_CLOCK");
        asked = true;
    }

    if (path == NULL || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        return 0;
    }

    if (read(fd, text, sizeof(text) - 1) < 0) {
        text[0] = '\0';
    }

    close(fd);
    return strtoll(text, NULL, 10);
}

int64_t
mds_time_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000
           + mds_time_offset_ms();
}
