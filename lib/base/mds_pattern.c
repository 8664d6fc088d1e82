/*
 * Patterns by PCRE2: compiled, with limits, and matched.
 */

#include "base/mds_pattern.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* PCRE2 counts the steps of a match anew from each byte at which it may start:
 * a subject of 256 bytes takes at most 256 times as many. */
#define MDS_PATTERN_STEPS 500

struct mds_pattern_s {
    pcre2_code          *code;
    pcre2_match_data    *data;
    pcre2_match_context *limits;
    uint64_t             overruns;
};

static mds_status_t
mds_pattern_fail(mds_error_t *err, int code, const char *what)
{
    PCRE2_UCHAR words[128] = "unknown error";

    (void) pcre2_get_error_message(code, words, sizeof(words));

    return mds_fail(err,
                    code == PCRE2_ERROR_NOMEMORY ? MDS_NO_MEMORY : MDS_INVALID,
                    "%s: %s", what, (const char *) words);
}

static mds_status_t
mds_pattern_parse(mds_str_t pattern, mds_error_t *err, pcre2_code **code)
{
    PCRE2_UCHAR words[128] = "unknown error";
    PCRE2_UCHAR text[MDS_PATTERN_MAX + 1] = { 0 };
    PCRE2_SIZE  offset;
    pcre2_code *parsed;
    int         number;

    if (pattern.len == 0 || pattern.len > MDS_PATTERN_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "pattern has %zu bytes, 1 to %d are allowed",
                        pattern.len, MDS_PATTERN_MAX);
    }

    /* Behind "(*LIMIT_MATCH=", PCRE2 10.42 looks for digits whatever the length
     * is: they end at a zero byte. */
    memcpy(text, pattern.data, pattern.len);

    parsed = pcre2_compile(text, pattern.len,
                           PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C
                               | PCRE2_DOLLAR_ENDONLY,
                           &number, &offset, NULL);
    if (parsed == NULL && number == PCRE2_ERROR_HEAP_FAILED) {
        return mds_fail_memory(err);
    }

    if (parsed == NULL) {
        (void) pcre2_get_error_message(number, words, sizeof(words));

        return mds_fail(err, MDS_INVALID, "pattern is wrong at byte %zu: %s",
                        (size_t) offset, (const char *) words);
    }

    *code = parsed;
    return MDS_OK;
}

mds_status_t
mds_pattern_check(mds_str_t pattern, mds_error_t *err)
{
    pcre2_code  *code = NULL;
    mds_status_t status = mds_pattern_parse(pattern, err, &code);

    if (status == MDS_OK) {
        pcre2_code_free(code);
    }

    return status;
}

mds_status_t
mds_pattern_compile(mds_str_t pattern, mds_error_t *err,
                    mds_pattern_t **compiled)
{
    mds_status_t   status;
    mds_pattern_t *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_pattern_parse(pattern, err, &p->code);
    if (status != MDS_OK) {
        goto failed;
    }

    /* A pattern that cannot become machine code is interpreted, which is only
     * slower. */
    (void) pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);

    /* One pair of offsets: where a match lies does not matter. */
    p->data = pcre2_match_data_create(1, NULL);
    p->limits = pcre2_match_context_create(NULL);

    if (p->data == NULL || p->limits == NULL) {
        status = mds_fail_memory(err);
        goto failed;
    }

    (void) pcre2_set_match_limit(p->limits, MDS_PATTERN_STEPS);
    (void) pcre2_set_depth_limit(p->limits, MDS_PATTERN_STEPS);
    (void) pcre2_set_heap_limit(p->limits, MDS_PATTERN_HEAP_KIB);

    *compiled = p;
    return MDS_OK;

failed:

    mds_pattern_free(p);
    return status;
}

void
mds_pattern_free(mds_pattern_t *pattern)
{
    if (pattern == NULL) {
        return;
    }

    pcre2_match_context_free(pattern->limits);
    pcre2_match_data_free(pattern->data);
    pcre2_code_free(pattern->code);
    free(pattern);
}

mds_status_t
mds_pattern_match(mds_pattern_t *pattern, mds_str_t subject, mds_error_t *err,
                  bool *match)
{
    int code = pcre2_match(pattern->code,
                           subject.len == 0 ? (PCRE2_SPTR) ""
                                            : (PCRE2_SPTR) subject.data,
                           subject.len, 0, 0, pattern->data, pattern->limits);

    switch (code) {
    case PCRE2_ERROR_NOMATCH:
        *match = false;
        return MDS_OK;

    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_JIT_STACKLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
        pattern->overruns++;
        *match = false;
        return MDS_OK;

    default:
        if (code < 0) {
            return mds_pattern_fail(err, code, "match a pattern");
        }

        *match = true; /* 0: more pairs than there is room for */
        return MDS_OK;
    }
}

uint64_t
mds_pattern_overruns(const mds_pattern_t *pattern)
{
    return pattern->overruns;
}
