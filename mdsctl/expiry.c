/* expiry: parses --expires. */

#include "expiry.h"

#include <stdlib.h>

#include "base/mds_time.h"

#define DURATION_MAX_S INT64_C(3155760000) /* a hundred years */

/* Parses a duration such as "7d". */
static bool
parse_duration(const char *text, int64_t *seconds)
{
    static const struct {
        char    unit;
        int64_t seconds;
    } units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

    char   *end;
    int64_t number = strtoll(text, &end, 10);

    if (end == text || *text < '0' || *text > '9' || end[0] == '\0'
        || end[1] != '\0')
    {
        return false;
    }

    for (size_t i = 0; i < mds_nelems(units); i++) {
        if (units[i].unit == *end
            && number <= DURATION_MAX_S / units[i].seconds) {
            *seconds = number * units[i].seconds;
            return true;
        }
    }

    return false;
}

int
mdsctl_expiry(const char *text, const char *otherwise, int64_t now_ms,
              int64_t *expires_ms)
{
    const char *words = text == NULL ? otherwise : text;
    int64_t     until_ms, seconds;

    if (parse_duration(words, &seconds)) {
        until_ms = now_ms + 1000 * seconds;

    } else if (!mds_time_parse(mds_str_of(words), &until_ms)) {
        return mdsctl_fail_usage("--expires must be a time such as"
                                 " 2027-12-01T00:00:00Z, or a duration such as"
                                 " 7d, not \"%s\"",
                                 words);
    }

    if (until_ms <= now_ms) {
        return mdsctl_fail_usage("--expires %s is over", words);
    }

    *expires_ms = until_ms;
    return MDSCTL_DONE;
}
