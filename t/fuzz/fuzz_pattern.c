/* A pattern, and on the next line what it is looked for in: refused in one line
 * of words, or bounded, and the same each time. */

#include "base/mds_pattern.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t      parts[2];
    mds_pattern_t *pattern;
    mds_error_t    err;
    uint64_t       overruns;
    bool           match, again, utf8;

    fuzz_parts(data, size, '\n', 2, parts);

    if (mds_pattern_compile(parts[0], &err, &pattern) != MDS_OK) {
        fuzz_must(mds_pattern_check(parts[0], NULL) != MDS_OK);
        fuzz_must(mds_str_is_utf8(mds_str_of(err.text))
                  && strchr(err.text, '\n') == NULL);
        return 0;
    }

    fuzz_must(mds_pattern_check(parts[0], NULL) == MDS_OK);

    /* As ids are: no request brings more. */
    if (parts[1].len > 256) {
        parts[1].len = 256;
    }

    utf8 = mds_str_is_utf8(parts[1]);

    if (!utf8 && memchr(parts[1].data, 0, parts[1].len) != NULL) {
        mds_pattern_free(pattern);
        return 0;
    }

    fuzz_must((mds_pattern_match(pattern, parts[1], &err, &match) == MDS_OK)
              == utf8);

    if (utf8) {
        overruns = mds_pattern_overruns(pattern);
        fuzz_must(!match || overruns == 0);
        fuzz_must(mds_pattern_match(pattern, parts[1], &err, &again) == MDS_OK
                  && again == match
                  && mds_pattern_overruns(pattern) == 2 * overruns);
    }

    mds_pattern_free(pattern);
    return 0;
}
