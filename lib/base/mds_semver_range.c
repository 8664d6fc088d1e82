/*
 * Reads ranges of npm's semver. Each comparator is an interval, and the range
 * is what all of them have in common.
 */

#include "base/mds_semver_range.h"

#include <stdio.h>

/* Numbers above this one are not read, so that the next one has no overflow. */
#define MDS_SEMVER_NUMBER_MAX 999999999999ULL

/* A version of which parts may be left out, or be "x". */
typedef struct {
    unsigned           parts; /* that are numbers: 0 to 3 */
    unsigned long long numbers[3];
    mds_str_t          pre; /* without its '-'; empty: none */
} mds_partial_t;

static void
mds_semver_skip(mds_str_t *text)
{
    while (text->len > 0 && *text->data == ' ') {
        text->data++;
        text->len--;
    }
}

/* Cuts so many bytes off the text. */
static void
mds_semver_drop(mds_str_t *text, size_t len)
{
    text->data += len;
    text->len -= len;
}

static bool
mds_semver_is_digit(mds_str_t text)
{
    return text.len > 0 && *text.data >= '0' && *text.data <= '9';
}

static bool
mds_semver_is_identifier(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '-';
}

/* Returns whether the character is one of them; a zero byte never is. */
static bool
mds_semver_is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

/* Reads a number, or "x", "X" or "*"; *wild is set then. */
static bool
mds_semver_read_part(mds_str_t *text, unsigned long long *number, bool *wild)
{
    *number = 0;

    if (text->len > 0 && mds_semver_is_one_of(*text->data, "xX*")) {
        mds_semver_drop(text, 1);
        *wild = true;
        return true;
    }

    if (!mds_semver_is_digit(*text)) {
        return false;
    }

    while (mds_semver_is_digit(*text) && *number <= MDS_SEMVER_NUMBER_MAX) {
        *number = *number * 10 + (unsigned) (*text->data - '0');
        mds_semver_drop(text, 1);
    }

    return *number <= MDS_SEMVER_NUMBER_MAX;
}

/* Reads the identifiers behind '-' or '+', between which there are dots; false:
 * one of them is empty. */
static bool
mds_semver_read_identifiers(mds_str_t *text, mds_str_t *identifiers)
{
    size_t len = 0;

    do {
        size_t start = ++len;

        while (len < text->len && mds_semver_is_identifier(text->data[len])) {
            len++;
        }

        if (len == start) {
            return false;
        }
    } while (len < text->len && text->data[len] == '.');

    *identifiers = (mds_str_t){ len - 1, text->data + 1 };
    mds_semver_drop(text, len);

    return true;
}

static bool
mds_semver_read_partial(mds_str_t *text, mds_partial_t *partial)
{
    bool      wild = false;
    unsigned  read = 0;
    mds_str_t build;

    *partial = (mds_partial_t){ .parts = 0 };

    if (text->len > 0 && (*text->data == 'v' || *text->data == 'V')) {
        mds_semver_drop(text, 1);
    }

    do {
        if (read > 0) {
            mds_semver_drop(text, 1);
        }

        if (!mds_semver_read_part(text, &partial->numbers[read], &wild)) {
            return false;
        }

        read++;
        partial->parts = wild ? partial->parts : read;
    } while (read < 3 && text->len > 0 && *text->data == '.');

    if (text->len > 0 && *text->data == '-'
        && !mds_semver_read_identifiers(text, &partial->pre))
    {
        return false;
    }

    return text->len == 0 || *text->data != '+'
           || mds_semver_read_identifiers(text, &build);
}

/* Writes the lowest version that the partial one stands for. */
static bool
mds_semver_write_first(const mds_partial_t *partial, char *text)
{
    const unsigned long long *n = partial->numbers;
    int                       len
        = snprintf(text, MDS_VERSION_MAX + 1, "%llu.%llu.%llu%s%.*s",
                   partial->parts > 0 ? n[0] : 0, partial->parts > 1 ? n[1] : 0,
                   partial->parts > 2 ? n[2] : 0,
                   partial->pre.len > 0 ? "-" : "", MDS_STR(partial->pre));

    return len >= 0 && len <= MDS_VERSION_MAX;
}

/* Writes the lowest version above all that have the first so many parts; its
 * pre-releases are above them, too. */
static void
mds_semver_write_next(const mds_partial_t *partial, unsigned parts, char *text)
{
    unsigned long long next[3] = { 0 };

    for (unsigned i = 0; i < parts; i++) {
        next[i] = partial->numbers[i];
    }

    next[parts - 1]++;
    (void) snprintf(text, MDS_VERSION_MAX + 1, "%llu.%llu.%llu-0", next[0],
                    next[1], next[2]);
}

/* Returns how many parts a caret keeps: up to the first that is not zero. */
static unsigned
mds_semver_caret_parts(const mds_partial_t *partial)
{
    unsigned kept = 1;

    while (kept < partial->parts && partial->numbers[kept - 1] == 0) {
        kept++;
    }

    return kept;
}

/* Makes the interval of a version without an operator: itself, or all that have
 * its parts. */
static bool
mds_semver_interval_equal(const mds_partial_t *partial,
                          mds_semver_range_t  *interval)
{
    if (!mds_semver_write_first(partial, interval->min)) {
        return false;
    }

    if (partial->parts == 3) {
        memcpy(interval->max, interval->min, sizeof(interval->max));
    } else {
        mds_semver_write_next(partial, partial->parts, interval->max);
        interval->below = true;
    }

    return true;
}

/* Makes the interval of "<" or "<=". */
static bool
mds_semver_interval_upper(const mds_partial_t *partial, bool equal,
                          mds_semver_range_t *interval)
{
    interval->below = !equal || partial->parts < 3;

    if (equal && partial->parts < 3) {
        mds_semver_write_next(partial, partial->parts, interval->max);
        return true;
    }

    return mds_semver_write_first(partial, interval->max);
}

/* Makes the interval of ">" or ">=". */
static bool
mds_semver_interval_lower(const mds_partial_t *partial, bool equal,
                          mds_semver_range_t *interval)
{
    if (equal) {
        return mds_semver_write_first(partial, interval->min);
    }

    /* What follows a pre-release has no spelling of its own: "-a" is followed
     * by "-a.0". */
    if (partial->pre.len > 0) {
        return mds_semver_write_first(partial, interval->min)
               && strlen(interval->min) + 2 <= MDS_VERSION_MAX
               && strcat(interval->min, ".0") != NULL;
    }

    mds_semver_write_next(partial, partial->parts, interval->min);
    return true;
}

/* Makes the interval of "^" or "~", which keeps so many parts. */
static bool
mds_semver_interval_kept(const mds_partial_t *partial, unsigned kept,
                         mds_semver_range_t *interval)
{
    mds_semver_write_next(partial, kept, interval->max);
    interval->below = true;

    return mds_semver_write_first(partial, interval->min);
}

static bool
mds_semver_interval(mds_str_t op, const mds_partial_t *partial,
                    mds_semver_range_t *interval)
{
    bool equal = op.len == 2;

    *interval = (mds_semver_range_t){ .below = false };

    /* "*" is every version; "<*" and ">*" are none, and no one means them. */
    if (partial->parts == 0) {
        return op.len == 0 || equal || (*op.data != '<' && *op.data != '>');
    }

    switch (op.len == 0 ? '=' : *op.data) {
    case '^':
        return mds_semver_interval_kept(partial,
                                        mds_semver_caret_parts(partial),
                                        interval);
    case '~':
        return mds_semver_interval_kept(partial, partial->parts > 1 ? 2 : 1,
                                        interval);
    case '<':
        return mds_semver_interval_upper(partial, equal, interval);
    case '>':
        return mds_semver_interval_lower(partial, equal, interval);
    default:
        return mds_semver_interval_equal(partial, interval);
    }
}

/* Compares two versions; both were written here, or are valid. */
static int
mds_semver_cmp_text(const char *a, const char *b)
{
    mds_version_t x, y;

    return mds_version_parse(mds_str_of(a), &x)
                   && mds_version_parse(mds_str_of(b), &y)
               ? mds_version_cmp(&x, &y)
               : 0;
}

/* Leaves in *range what both have. */
static void
mds_semver_intersect(mds_semver_range_t       *range,
                     const mds_semver_range_t *interval)
{
    int cmp;

    if (interval->min[0] != '\0'
        && (range->min[0] == '\0'
            || mds_semver_cmp_text(interval->min, range->min) > 0))
    {
        memcpy(range->min, interval->min, sizeof(range->min));
    }

    if (interval->max[0] == '\0') {
        return;
    }

    cmp = range->max[0] == '\0'
              ? -1
              : mds_semver_cmp_text(interval->max, range->max);

    if (cmp < 0 || (cmp == 0 && interval->below)) {
        memcpy(range->max, interval->max, sizeof(range->max));
        range->below = interval->below;
    }
}

/* Cuts off an operator, which may be empty. */
static mds_str_t
mds_semver_cut_op(mds_str_t *text)
{
    size_t    len = text->len > 0 && mds_semver_is_one_of(*text->data, "<>^~=");
    mds_str_t op;

    if (len == 1 && text->len > 1
        && ((text->data[1] == '=' && mds_semver_is_one_of(*text->data, "<>"))
            || (text->data[1] == '>' && *text->data == '~')))
    {
        len = *text->data == '~' ? 1 : 2;
        op = (mds_str_t){ len, text->data };
        mds_semver_drop(text, 2);
    } else {
        op = (mds_str_t){ len, text->data };
        mds_semver_drop(text, len);
    }

    mds_semver_skip(text);
    return op;
}

/* Reads one comparator, or two versions with " - " between them. */
static bool
mds_semver_read_comparator(mds_str_t *text, mds_semver_range_t *range)
{
    mds_str_t          op = mds_semver_cut_op(text);
    mds_partial_t      partial;
    mds_semver_range_t interval;
    bool               hyphen;

    if (!mds_semver_read_partial(text, &partial)) {
        return false;
    }

    hyphen = op.len == 0 && mds_str_starts(*text, mds_str(" - "));
    op = hyphen ? mds_str(">=") : op;

    if (!mds_semver_interval(op, &partial, &interval)) {
        return false;
    }

    mds_semver_intersect(range, &interval);

    if (hyphen) {
        mds_semver_drop(text, 3);
        mds_semver_skip(text);

        if (!mds_semver_read_partial(text, &partial)
            || !mds_semver_interval(mds_str("<="), &partial, &interval))
        {
            return false;
        }

        mds_semver_intersect(range, &interval);
    }

    return text->len == 0 || *text->data == ' ';
}

bool
mds_semver_range_parse(mds_str_t text, mds_semver_range_t *range)
{
    mds_semver_range_t read = { .below = false };

    mds_semver_skip(&text);

    if (text.len == 0 || text.len > MDS_VERSION_MAX) {
        return false;
    }

    while (text.len > 0) {
        if (!mds_semver_read_comparator(&text, &read)) {
            return false;
        }

        mds_semver_skip(&text);
    }

    *range = read;
    return true;
}

int
mds_semver_range_cmp(const mds_semver_range_t *range,
                     const mds_version_t      *version)
{
    mds_version_t bound;
    int           cmp;

    if (range->min[0] != '\0'
        && mds_version_parse(mds_str_of(range->min), &bound)
        && mds_version_cmp(version, &bound) < 0)
    {
        return -1;
    }

    if (range->max[0] == '\0'
        || !mds_version_parse(mds_str_of(range->max), &bound)) {
        return 0;
    }

    cmp = mds_version_cmp(version, &bound);

    return cmp > 0 || (cmp == 0 && range->below) ? 1 : 0;
}
