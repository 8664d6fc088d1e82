/*
 * A range and a version, one behind the other's newline. What is read has
 * bounds that are versions, and is read the same way from its own bounds.
 */

#include "base/mds_semver_range.h"
#include "fuzz.h"

/* Checks a bound, which is empty or a version. */
static void
check_bound(const char *bound, size_t room, mds_version_t *version)
{
    fuzz_must(memchr(bound, '\0', room) != NULL);
    fuzz_must(bound[0] == '\0'
              || mds_version_parse(mds_str_of(bound), version));
}

/* Checks where the bounds are, and that the version is on one side only. */
static void
check(const mds_semver_range_t *range, const mds_version_t *version)
{
    mds_version_t min, max;
    int           cmp = mds_semver_range_cmp(range, version);
    bool          is_below, is_above;

    check_bound(range->min, sizeof(range->min), &min);
    check_bound(range->max, sizeof(range->max), &max);
    fuzz_must(!range->below || range->max[0] != '\0');

    is_below = range->min[0] != '\0' && mds_version_cmp(version, &min) < 0;
    is_above = range->max[0] != '\0'
               && (range->below ? mds_version_cmp(version, &max) >= 0
                                : mds_version_cmp(version, &max) > 0);

    fuzz_must((cmp < 0) == is_below);
    fuzz_must((cmp > 0) == (is_above && !is_below));
}

/* Writes the range by its bounds; the same versions are in it. */
static void
check_again(const mds_semver_range_t *range, const mds_version_t *version)
{
    char               text[2 * MDS_VERSION_MAX + 8];
    int                len = snprintf(text, sizeof(text), "%s%s %s%s",
                       range->min[0] == '\0' ? "" : ">=", range->min,
                       range->max[0] == '\0' ? ""
                                      : range->below        ? "<"
                                                            : "<=",
                                      range->max);
    mds_semver_range_t again;

    fuzz_must(len > 0 && (size_t) len < sizeof(text));

    if (len > 1 && len <= MDS_VERSION_MAX
        && mds_semver_range_parse(mds_str_of(text), &again))
    {
        fuzz_must(mds_semver_range_cmp(range, version)
                  == mds_semver_range_cmp(&again, version));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t          second = { size, (const char *) data };
    mds_str_t          first = mds_str_cut(&second, '\n');
    mds_semver_range_t range;
    mds_version_t      version;

    if (mds_semver_range_parse(first, &range)) {
        fuzz_must(memchr(first.data, '\0', first.len) == NULL);

        if (!mds_version_parse(second, &version)) {
            fuzz_must(mds_version_parse(mds_str("1"), &version));
        }

        check(&range, &version);
        check_again(&range, &version);
    }

    return 0;
}
