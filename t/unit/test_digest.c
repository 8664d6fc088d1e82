/* Digests against the vectors of their standards; text against RFC 4648. */

#include "workdir.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"

static mds_error_t err;

static void
test_sha256(void **state)
{
    char               hex[MDS_SHA256_HEX + 1];
    char               piece[977];
    size_t             left = 1000000, n;
    mds_sha256_t       digest;
    mds_sha256_state_t sha;

    (void) state;
    mds_sha256("abc", 3, &digest);
    assert_string_equal(mds_sha256_hex(&digest, hex),
                        "ba7816bf8f01cfea414140de5dae2223"
                        "b00361a396177a9cb410ff61f20015ad");

    memset(piece, 'a', sizeof(piece));
    mds_sha256_begin(&sha);
    for (; left > 0; left -= n) {
        n = left < sizeof(piece) ? left : sizeof(piece);
        mds_sha256_add(&sha, piece, n);
    }
    mds_sha256_end(&sha, &digest);
    assert_string_equal(mds_sha256_hex(&digest, hex),
                        "cdc76e5c9914fb9281a1c7e284d73e67"
                        "f1809a48a497200e046d39ccc7112cd0");
}

static void
test_blake2b(void **state)
{
    char          hex[2 * MDS_BLAKE2B_MAX + 1];
    uint8_t       digest[MDS_BLAKE2B_MAX];
    mds_blake2b_t blake;

    (void) state;
    mds_blake2b_begin(&blake, 64);
    mds_blake2b_add(&blake, "a", 1);
    mds_blake2b_add(&blake, "bc", 2);
    mds_blake2b_end(&blake, digest, 64);
    assert_string_equal(mds_hex(digest, 64, hex),
                        "ba80a53f981c4d0d6a2797b69f12f6e9"
                        "4c212f14685ac4b74b12bb6fdbffa2d1"
                        "7d87c5392aab792dc252d5de4533cc95"
                        "18d38aa8dbf1925ab92386edd4009923");

    workdir_write("abc", "abc", 3);
    assert_int_equal(mds_blake2b_file(workdir("abc"), 32, &err, digest),
                     MDS_OK);
    assert_string_equal(mds_hex(digest, 32, hex),
                        "bddd813c634239723171ef3fee98579b"
                        "94964e3bb1cb3e427262c8c068d52319");
}

static void
test_siphash(void **state)
{
    char    message[15];
    uint8_t key[MDS_SIPHASH_KEY];

    (void) state;
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t) i;
    }
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (char) i;
    }

    /* The SipHash paper, appendix A. */
    assert_true(mds_siphash(key, (mds_str_t){ sizeof(message), message })
                == UINT64_C(0xa129ca6149be45e5));
    assert_true(mds_siphash(key, mds_str("")) == UINT64_C(0x726fdb47dd0e0e31));
}

typedef struct {
    mds_progress_t progress;
    uint64_t       done;
    unsigned       calls;
} watch_t;

static void
watch(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    watch_t *seen = (watch_t *) progress;

    assert_true(done > seen->done && done <= total);
    assert_int_equal(total, 200000);
    seen->done = done;
    seen->calls++;
}

static void
test_sha256_file(void **state)
{
    char         bytes[200000];
    watch_t      seen = { { watch }, 0, 0 };
    uint64_t     size = 7;
    mds_sha256_t digest, expected;

    (void) state;
    workdir_noise(bytes, sizeof(bytes), 1);
    workdir_write("noise", bytes, sizeof(bytes));
    mds_sha256(bytes, sizeof(bytes), &expected);

    assert_int_equal(mds_sha256_file(workdir("none"), NULL, &err, &digest,
                                     &size),
                     MDS_NOT_FOUND);
    assert_int_equal(mds_sha256_file(workdir("."), NULL, &err, &digest, &size),
                     MDS_INVALID);
    assert_int_equal(size, 7);

    assert_int_equal(mds_sha256_file(workdir("noise"), &seen.progress, &err,
                                     &digest, &size),
                     MDS_OK);
    assert_int_equal(size, sizeof(bytes));
    assert_true(mds_sha256_eq(&digest, &expected));
    assert_int_equal(seen.done, sizeof(bytes));
    assert_true(seen.calls > 1);
}

static void
test_hex(void **state)
{
    char        hex[9];
    uint8_t     bytes[4] = { 0 };
    const char *bad[] = { "0g000000",  "0G000000", "0A000000", "0000000",
                          "000000000", "",         " 0000000", "0x000000" };

    (void) state;
    assert_string_equal(mds_hex("\x00\x9f\xa0\xff", 4, hex), "009fa0ff");
    assert_true(mds_hex_parse(mds_str("009fa0ff"), bytes, 4));
    assert_memory_equal(bytes, "\x00\x9f\xa0\xff", 4);

    for (size_t i = 0; i < mds_nelems(bad); i++) {
        assert_false(mds_hex_parse(mds_str_of(bad[i]), bytes, 4));
    }
    assert_memory_equal(bytes, "\x00\x9f\xa0\xff", 4);
}

/* Of all characters, just the sixteen digits are taken, in each place. */
static void
test_sha256_parse(void **state)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_sha256_t digest, parsed, before;

    (void) state;
    for (size_t i = 0; i < sizeof(digest.bytes); i++) {
        digest.bytes[i] = (uint8_t) (i * 37 + 1);
    }
    (void) mds_sha256_hex(&digest, hex);
    assert_true(mds_sha256_parse(mds_str_of(hex), &parsed));
    assert_memory_equal(&parsed, &digest, sizeof(digest));
    memset(&before, 0x5a, sizeof(before));

    for (size_t i = 0; i < MDS_SHA256_HEX; i++) {
        char right = hex[i];

        for (unsigned c = 0; c < 256; c++) {
            bool is_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

            hex[i] = (char) c;
            parsed = before;
            assert_int_equal(
                mds_sha256_parse((mds_str_t){ MDS_SHA256_HEX, hex }, &parsed),
                is_digit);

            if (!is_digit) {
                assert_memory_equal(&parsed, &before, sizeof(before));
            }
        }
        hex[i] = right;
    }

    assert_false(mds_sha256_parse((mds_str_t){ MDS_SHA256_HEX - 1, hex }, &parsed));
}

static void
test_base64(void **state)
{
    char        text[mds_base64_len(6) + 1];
    size_t      len = 7;
    uint8_t     bytes[6];
    const char *good[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    const char *bad[]
        = { "Zg",    "Zg=",    "Zg===", "Zh==",     "Zm9",  "Z",           "=",
            "Zg= =", "Zm9v\n", " Zm9v", "Zm9v====", "Zm-_", "Zm9vYmFyZm9v",
            "\xff\xff\xff\xff" };

    (void) state;
    for (size_t i = 0; i < mds_nelems(good); i++) {
        size_t n = strlen(good[i][0]);

        assert_string_equal(mds_base64(good[i][0], n, text), good[i][1]);
        assert_int_equal(strlen(text), mds_base64_len(n));
        assert_true(mds_base64_parse(mds_str_of(text), bytes, 6, &len));
        assert_int_equal(len, n);
        assert_memory_equal(bytes, good[i][0], n);
    }

    len = 7;
    for (size_t i = 0; i < mds_nelems(bad); i++) {
        assert_false(mds_base64_parse(mds_str_of(bad[i]), bytes, 6, &len));
    }
    assert_int_equal(len, 7);
}

static void *
draw(void *bytes)
{
    mds_random(bytes, 32);
    return NULL;
}

static void
test_random(void **state)
{
    uint8_t   drawn[8][32];
    pthread_t threads[8];

    (void) state;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw, drawn[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 1; i < 8; i++) {
        assert_memory_not_equal(drawn[0], drawn[i], 32);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random), /* first: nothing is set up yet */
        cmocka_unit_test(test_sha256),  cmocka_unit_test(test_blake2b),
        cmocka_unit_test(test_siphash), cmocka_unit_test(test_sha256_file),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_sha256_parse),     cmocka_unit_test(test_base64),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
