/*
 * mds_pattern: regular expressions of lists, which are searched for in an id
 * (they are not anchored). It wraps PCRE2 in UTF mode: no other file includes
 * that.
 *
 * Operators write patterns, carelessly at times, and devices send the subjects,
 * some on purpose. PCRE2's match limit bounds the work and the depth of
 * recursion, and the limits below bound the memory. A match that exceeds them
 * is given up and counts as *no match*, with MDS_OK: it never makes a request
 * fail. If a match would have kept a device out ("except"), the caller must
 * compare mds_pattern_overruns(), or a device could get in by a long id.
 *
 * The patterns that are known to backtrack without end (t/unit/test_pattern.c)
 * then take 0.15 ms at most for a subject of 256 bytes, ordinary ones less than
 * a microsecond. One made to be slow, of look-aheads over everything in counted
 * loops, can take 30 ms: only operators write patterns.
 *
 * \C, which matches a part of a character, is refused. Callouts, (?C), call
 * nothing. A pattern can lower the limits by (*LIMIT_MATCH=1), but not raise
 * them.
 *
 * A match allocates nothing where PCRE2 has compiled the pattern to machine
 * code. Elsewhere its backtracking frames grow once, to at most
 * MDS_PATTERN_HEAP_KIB. One thread at a time may use a pattern.
 */

#ifndef MDS_PATTERN_H
#define MDS_PATTERN_H

#include "base/mds_base.h"

#define MDS_PATTERN_MAX 1024     /* bytes of a pattern */
#define MDS_PATTERN_HEAP_KIB 128 /* of backtracking frames, without JIT */

typedef struct mds_pattern_s mds_pattern_t;

/*
 * Checks that a pattern compiles. MDS_INVALID: it does not, and *err says why
 * and at which byte; or it is empty or has more than MDS_PATTERN_MAX bytes.
 */
mds_status_t
mds_pattern_check(mds_str_t pattern, mds_error_t *err) MDS_MUST_CHECK;

/* Compiles a pattern. The caller frees *compiled. */
mds_status_t mds_pattern_compile(mds_str_t pattern, mds_error_t *err,
                                 mds_pattern_t **compiled) MDS_MUST_CHECK;

/* Frees a pattern. NULL is fine. */
void mds_pattern_free(mds_pattern_t *pattern);

/* Searches for the pattern. MDS_INVALID: the subject is not UTF-8. */
mds_status_t mds_pattern_match(mds_pattern_t *pattern, mds_str_t subject,
                               mds_error_t *err, bool *match) MDS_MUST_CHECK;

/* Returns the number of matches that were given up at a limit. */
uint64_t mds_pattern_overruns(const mds_pattern_t *pattern);

#endif
