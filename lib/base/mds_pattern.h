/*
 * mds_pattern: regular expressions of lists, PCRE2 in UTF mode, searched for
 * in an id (not anchored). The border to PCRE2: no other file knows it.
 *
 * A pattern comes from operators, so it may be careless, and is matched
 * against what devices send, so it may be provoked. Its work is bounded: by
 * PCRE2's match limit, which also bounds its depth of recursion, and its
 * memory by the limits below. A match that exceeds them is given up and counts
 * as *no match*, with MDS_OK: it never makes a request fail. Where a match
 * would have kept somebody out ("except"), the caller has to look at
 * mds_pattern_overruns(), or a device could slip in by a long id.
 * The patterns that are known to backtrack without end (t/unit/test_pattern.c)
 * then take 0.15 ms at most for a subject of 256 bytes, ordinary ones less than
 * a microsecond. One made to be slow, of look-aheads over everything in counted
 * loops, can take 30 ms: only operators write patterns.
 *
 * \C, which looks into the middle of a character, is refused. Callouts, (?C),
 * call nothing. A pattern can lower the limits, (*LIMIT_MATCH=1), never raise
 * them.
 *
 * A compiled pattern holds all that a match needs: it allocates nothing
 * where PCRE2 can compile to machine code; where it cannot, its backtracking
 * frames grow to at most MDS_PATTERN_HEAP_KIB, once, and are kept. It belongs
 * to one thread at a time.
 */

#ifndef MDS_PATTERN_H
#define MDS_PATTERN_H

#include "base/mds_base.h"

#define MDS_PATTERN_MAX 1024     /* bytes of a pattern */
#define MDS_PATTERN_HEAP_KIB 128 /* of backtracking frames, without JIT */

typedef struct mds_pattern_s mds_pattern_t;

/*
 * Whether it compiles. MDS_INVALID says what PCRE2 dislikes, and at which byte;
 * an empty pattern and one over MDS_PATTERN_MAX are refused too.
 */
mds_status_t
mds_pattern_check(mds_str_t pattern, mds_error_t *err) MDS_MUST_CHECK;

/* The same, and the caller owns *compiled. */
mds_status_t mds_pattern_compile(mds_str_t pattern, mds_error_t *err,
                                 mds_pattern_t **compiled) MDS_MUST_CHECK;

/* NULL is fine. */
void mds_pattern_free(mds_pattern_t *pattern);

/* MDS_INVALID: the subject is no UTF-8. */
mds_status_t mds_pattern_match(mds_pattern_t *pattern, mds_str_t subject,
                               mds_error_t *err, bool *match) MDS_MUST_CHECK;

/* How many matches were given up at a limit. */
uint64_t mds_pattern_overruns(const mds_pattern_t *pattern);

#endif
