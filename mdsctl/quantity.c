/* quantity: numbers and times as people write them. */

#include "mdsctl.h"

#include <inttypes.h>

#include "base/mds_time.h"

#define DURATION_MAX_S INT64_C(3155760000) /* a hundred years */

const char *
mdsctl_format_count(uint64_t number, char text[MDSCTL_COUNT_BYTES])
{
    char   digits[21];
    size_t len = (size_t) snprintf(digits, sizeof(digits), "%" PRIu64, number);
    char  *out = text;

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }

    *out = '\0';
    return text;
}

/* A suffix, and by how much it multiplies. */
typedef struct {
    const char *suffix;
    int64_t     factor;
} unit_t;

/* Parses digits and one of the units, which end with one of "". */
static bool
parse_with_unit(const char *text, const unit_t *units, size_t count,
                int64_t max, int64_t *number)
{
    int64_t     value = 0;
    const char *c;

    for (c = text; *c >= '0' && *c <= '9'; c++) {
        if (value > (max - (*c - '0')) / 10) {
            return false;
        }
        value = 10 * value + (*c - '0');
    }

    for (size_t i = 0; c > text && i < count; i++) {
        if (strcmp(c, units[i].suffix) == 0 && value <= max / units[i].factor) {
            *number = value * units[i].factor;
            return true;
        }
    }

    return false;
}

bool
mdsctl_parse_count(const char *text, int64_t max, int64_t *count)
{
    static const unit_t units[] = {
        { "", 1 },           { "k", 1000 },     { "M", 1000000 },
        { "G", 1000000000 }, { "Ki", 1 << 10 }, { "Mi", 1 << 20 },
        { "Gi", 1 << 30 },
    };

    return parse_with_unit(text, units, mds_nelems(units), max, count);
}

bool
mdsctl_parse_duration(const char *text, int64_t *seconds)
{
    static const unit_t units[]
        = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };

    return parse_with_unit(text, units, mds_nelems(units), DURATION_MAX_S,
                           seconds);
}

int
mdsctl_parse_time(const char *option, const char *text, int64_t now_ms,
                  int64_t *ms)
{
    int64_t seconds;

    if (mdsctl_parse_duration(text, &seconds)) {
        *ms = now_ms + 1000 * seconds;
        return MDSCTL_DONE;
    }

    return mds_time_parse(mds_str_of(text), ms)
               ? MDSCTL_DONE
               : mdsctl_fail_usage("%s \"%s\": must be a time such as"
                                   " 2026-12-01T00:00:00Z, or from now on, such"
                                   " as 90m, 36h or 7d",
                                   option, text);
}
