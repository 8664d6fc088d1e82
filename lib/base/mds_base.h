/*
 * mds_base: strings, statuses and errors, which all other files use.
 *
 * A mds_str_t is a view: it owns nothing, and no zero byte ends it. A function
 * that returns one says who owns the bytes, and until when.
 *
 * A function that can fail returns mds_status_t. It takes a mds_error_t, NULL
 * if the caller wants no message, before its out-parameters, which it writes
 * only on success.
 */

#ifndef MDS_BASE_H
#define MDS_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mds_word.h"

#define MDS_MUST_CHECK __attribute__((warn_unused_result))
#define MDS_COLD __attribute__((cold, noinline)) /* is called rarely */
#define MDS_NOINLINE __attribute__((noinline))   /* is large */
#define MDS_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* A variable of each thread, allocated when the thread starts. Those of a
 * module that is loaded later are otherwise allocated at first use, and the
 * process ends if memory is short then. There is little room: use it for
 * pointers. */
#define MDS_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

#define mds_nelems(a) (sizeof(a) / sizeof((a)[0]))

typedef enum {
    MDS_OK = 0,
    MDS_NOT_FOUND, /* there is no such file, record or name */
    MDS_INVALID,   /* the input breaks the rules of its format */
    MDS_EXISTS,    /* it exists already */
    MDS_CONFLICT,  /* it was changed by another process meanwhile */
    MDS_DENIED,    /* the system's permissions forbid it */
    MDS_NO_SPACE,  /* the disk, or a table of fixed size, is full */
    MDS_NO_MEMORY,
    MDS_AGAIN,        /* it would take too long here: use a thread */
    MDS_DAMAGED,      /* stored bytes fail their check */
    MDS_INCOMPATIBLE, /* it is whole, but of another format or machine */
    MDS_IO            /* the system failed in another way */
} mds_status_t;

#define MDS_ERROR_BYTES 1024

typedef struct {
    mds_status_t status;
    char         text[MDS_ERROR_BYTES]; /* one line of UTF-8 without control
                                         * characters, zero-terminated */
} mds_error_t;

typedef struct {
    size_t      len;
    const char *data;
} mds_str_t;

#define mds_str(literal) ((mds_str_t){ sizeof(literal) - 1, literal })
#define mds_null_str ((mds_str_t){ 0, NULL })

typedef struct {
    mds_str_t *items;
    size_t     count;
} mds_strs_t;

/* An allocator of the caller's. alloc() returns NULL if it is out of memory;
 * nothing is freed. */
typedef struct {
    void *(*alloc)(void *data, size_t bytes);
    void *data;
} mds_alloc_t;

/* For printf's "%.*s". */
#define MDS_STR(s) (int) (s).len, (s).data

static inline mds_str_t
mds_str_of(const char *zero_terminated)
{
    return (mds_str_t){ strlen(zero_terminated), zero_terminated };
}

/* Compares without a call if the strings are short, as most are: in two pieces
 * that may overlap. */
static inline bool
mds_bytes_eq(const char *a, const char *b, size_t len)
{
    if (len > 16) {
        return memcmp(a, b, len) == 0;
    }

    if (len >= 8) {
        return mds_word_load(a) == mds_word_load(b)
               && mds_word_load(a + len - 8) == mds_word_load(b + len - 8);
    }

    if (len >= 4) {
        return mds_word_load_4(a) == mds_word_load_4(b)
               && mds_word_load_4(a + len - 4) == mds_word_load_4(b + len - 4);
    }

    return len == 0
           || (a[0] == b[0] && a[len / 2] == b[len / 2]
               && a[len - 1] == b[len - 1]);
}

/* Returns the value of a digit in upper or lower case, or -1. */
static inline int
mds_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static inline bool
mds_str_eq(mds_str_t a, mds_str_t b)
{
    return a.len == b.len && mds_bytes_eq(a.data, b.data, a.len);
}

static inline bool
mds_str_starts(mds_str_t s, mds_str_t prefix)
{
    return s.len >= prefix.len
           && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

/* A long operation calls report() from time to time; total is 0 if it is not
 * known. */
typedef struct mds_progress_s mds_progress_t;

struct mds_progress_s {
    void (*report)(mds_progress_t *progress, uint64_t done, uint64_t total);
};

/* Compares bytewise; a string is below those that begin with it. */
int mds_str_cmp(mds_str_t a, mds_str_t b);

/* Cuts *text behind the first c, and returns what was before that c; all of it
 * if there is none. */
mds_str_t mds_str_cut(mds_str_t *text, char c);

/* Returns whether the bytes are well-formed UTF-8 (RFC 3629) without U+0000. */
bool mds_str_is_utf8(mds_str_t s);

/* Sets *err, which may be NULL, to a status and one line of text. */
void mds_error_set(mds_error_t *err, mds_status_t status, const char *format,
                   ...) MDS_PRINTF(3, 4);

/* Sets *err to "failed to WORDS: TEXT", where the words begin with a verb and
 * the text is that of errno. Returns the status for errno. */
mds_status_t
mds_error_set_errno(mds_error_t *err, const char *format, ...) MDS_PRINTF(2, 3);

/* Returns its argument, so that the caller may drop it without a warning. */
static inline mds_status_t
mds_status_failed(mds_status_t status)
{
    return status;
}

static inline mds_status_t
mds_status_or_io(mds_status_t status)
{
    return status == MDS_OK ? MDS_IO : status;
}

/*
 * Fail a function: they set *err and return the status. They are macros so that
 * compilers and analyzers, which do not see mds_base.c, know the status.
 */
#define mds_fail(err, status, ...)                                             \
    (mds_error_set((err), (status), __VA_ARGS__), mds_status_failed(status))

#define mds_fail_errno(err, ...)                                               \
    mds_status_or_io(mds_error_set_errno((err), __VA_ARGS__))

#define mds_fail_memory(err) mds_fail((err), MDS_NO_MEMORY, "out of memory")

#endif
