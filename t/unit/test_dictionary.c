/*
 * Fields of RFC 9842: digests that are not exactly that, and codings among
 * others with weights.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "request/mds_dictionary.h"

/* The digest of no bytes. */
#define EMPTY "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

/* Calls with memory that ends where the text ends. */
static bool
parse(mds_str_t field, mds_sha256_t *sha256)
{
    char *exact = malloc(field.len + 1);
    bool  read;

    assert_non_null(exact);
    memcpy(exact + 1, field.data, field.len);
    read = mds_dictionary_parse((mds_str_t){ field.len, exact + 1 }, sha256);
    free(exact);

    return read;
}

static bool
is_accepted(mds_str_t field)
{
    char *exact = malloc(field.len + 1);
    bool  accepted;

    assert_non_null(exact);
    memcpy(exact + 1, field.data, field.len);
    accepted = mds_dictionary_is_accepted((mds_str_t){ field.len, exact + 1 });
    free(exact);

    return accepted;
}

static void
reads_digests(void **state)
{
    static const char *const fields[] = {
        ":" EMPTY ":",
        " :" EMPTY ":",
        ":" EMPTY ":\t",
        "\t  :" EMPTY ": \t",
    };
    mds_sha256_t empty;

    (void) state;
    mds_sha256("", 0, &empty);

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        mds_sha256_t sha256 = { .bytes = { 0 } };

        if (!parse(mds_str_of(fields[i]), &sha256)
            || !mds_sha256_eq(&sha256, &empty)) {
            fail_msg("\"%s\" is not read", fields[i]);
        }
    }
}

static void
refuses_digests(void **state)
{
    static const mds_str_t fields[] = {
        mds_str(""),
        mds_str(" "),
        mds_str(":"),
        mds_str("::"),
        mds_str(EMPTY),
        mds_str(":" EMPTY),
        mds_str(EMPTY ":"),
        mds_str("::" EMPTY),
        mds_str(": " EMPTY),
        mds_str(":" EMPTY "::"),
        mds_str(":" EMPTY ":;a=1"),
        mds_str(":" EMPTY ":, :" EMPTY ":"),
        mds_str(":" EMPTY ":\0"),
        mds_str("\n:" EMPTY ":"),
        /* 33 bytes, 31, and bits behind the last byte */
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA:"),
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==:"),
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=:"),
        /* another alphabet, and bytes of none */
        mds_str(":47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZ\0003hSuFU=:"),
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZ\3773hSuFU=:"),
        mds_str(":47DEQpj8HBSa+/TImW+5JCeuQeRk=5NMpJWZG3hSuFU=:"),
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        mds_sha256_t sha256, before;

        memset(&before, 0x5a, sizeof(before));
        sha256 = before;

        if (parse(fields[i], &sha256)) {
            fail_msg("field %zu is read", i);
        }

        assert_true(mds_sha256_eq(&sha256, &before));
    }
}

static void
finds_the_coding(void **state)
{
    static const char *const fields[] = {
        "dcz",         "DCZ",           "gzip, dcz",   "dcz, gzip",
        "gzip,dcz,br", " dcz ",         "\tdcz;q=0.5", "dcz ; q=1",
        "dcz;q=0.001", "gzip;q=0, dcz", ",,dcz",       "dcz;",
        "dcz;q=",      "dcz;q=0.01",    "dcz;level=0", "gzip;q=0,dcz;q=1",
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        if (!is_accepted(mds_str_of(fields[i]))) {
            fail_msg("\"%s\" has no dcz", fields[i]);
        }
    }
}

static void
finds_no_other_coding(void **state)
{
    static const mds_str_t fields[] = {
        mds_str(""),           mds_str(" "),         mds_str(","),
        mds_str(";"),          mds_str("*"),         mds_str("gzip, br, dcb"),
        mds_str("dcz2"),       mds_str("xdcz"),      mds_str("dc"),
        mds_str("d\0z"),       mds_str("dcz\0"),     mds_str("gzip;dcz"),
        mds_str("dcz;q=0"),    mds_str("dcz;q=0.0"), mds_str("dcz; Q=0.000"),
        mds_str("dcz ;q=0\t"), mds_str("d c z"),     mds_str("gzip dcz"),
        mds_str("DC\032"), /* a control character */
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(fields); i++) {
        if (is_accepted(fields[i])) {
            fail_msg("field %zu has dcz", i);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_digests),
        cmocka_unit_test(refuses_digests),
        cmocka_unit_test(finds_the_coding),
        cmocka_unit_test(finds_no_other_coding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
