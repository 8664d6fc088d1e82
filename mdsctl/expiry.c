/* expiry: parses --expires. */

#include "expiry.h"

int
mdsctl_expiry(const char *text, const char *otherwise, int64_t now_ms,
              int64_t *expires_ms)
{
    const char *words = text == NULL ? otherwise : text;
    int64_t     until_ms;

    if (mdsctl_parse_time("--expires", words, now_ms, &until_ms) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (until_ms <= now_ms) {
        return mdsctl_fail_usage("--expires %s is over", words);
    }

    *expires_ms = until_ms;
    return MDSCTL_DONE;
}
