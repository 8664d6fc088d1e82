/*
 * Indexes of assets: what is found in a valid one, and bytes that are not one,
 * in memory that ends where they end.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_asset_index.h"
#include "base/mds_endian.h"

#define HEAD_BYTES 48
#define ASSETS 3
#define DELTAS 4

static const char *const paths[ASSETS] = { "a.js", "b/c.css", "index.html" };

/* Returns a digest that is named by a text. */
static mds_sha256_t
digest(const char *text)
{
    mds_sha256_t sha256;

    mds_sha256(text, strlen(text), &sha256);
    return sha256;
}

static int
record_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

/* The bytes of an index of three assets. The i-th path has deltas from
 * i to i + 1: "old 0" and "old 1" for the first, and so on. */
typedef struct {
    char               head[HEAD_BYTES];
    mds_asset_record_t assets[ASSETS];
    mds_sha256_t       deltas[DELTAS];
} example_t;

_Static_assert(sizeof(example_t)
                   == HEAD_BYTES + ASSETS * sizeof(mds_asset_record_t)
                          + DELTAS * sizeof(mds_sha256_t),
               "an index has no padding");

static example_t
make_example(void)
{
    static const char *const old[DELTAS]
        = { "old 0", "old 1", "old 2", "old 3" };
    example_t example;

    memset(&example, 0, sizeof(example));
    memcpy(example.head, MDS_ASSET_MAGIC, 8);
    mds_store_be32((uint8_t *) example.head + 8, ASSETS);
    mds_store_be32((uint8_t *) example.head + 12, DELTAS);

    for (uint32_t i = 0; i < ASSETS; i++) {
        example.assets[i].path = digest(paths[i]);
        example.assets[i].sha256 = digest("bytes");
        mds_store_be32(example.assets[i].first, i);
        mds_store_be32(example.assets[i].count, 2);
    }

    for (size_t i = 0; i < DELTAS; i++) {
        example.deltas[i] = digest(old[i]);
    }

    qsort(example.assets, ASSETS, sizeof(example.assets[0]), record_cmp);
    return example;
}

/* Reads the first so many bytes; more of them are zero. The copy, in which the
 * index points, lives until the next call. */
static bool
reads(const example_t *example, size_t bytes, mds_asset_index_t *index)
{
    static char *exact;
    size_t       len = bytes < sizeof(*example) ? bytes : sizeof(*example);

    free(exact);
    exact = calloc(1, bytes + 1);
    assert_non_null(exact);
    memcpy(exact + 1, example, len);

    return mds_asset_index_read((mds_str_t){ bytes, exact + 1 }, index);
}

static bool
is_read(const example_t *example)
{
    mds_asset_index_t index;

    return reads(example, sizeof(*example), &index);
}

static void
finds_assets(void **state)
{
    example_t         example = make_example();
    mds_asset_index_t index;

    (void) state;
    assert_true(reads(&example, sizeof(example), &index));
    assert_int_equal(index.count, ASSETS);
    assert_null(index.key);

    for (size_t i = 0; i < ASSETS; i++) {
        const mds_asset_record_t *asset
            = mds_asset_index_find(&index, mds_str_of(paths[i]));
        mds_sha256_t path = digest(paths[i]);

        assert_non_null(asset);
        assert_true(mds_sha256_eq(&asset->path, &path));
    }

    assert_null(mds_asset_index_find(&index, mds_str("")));
    assert_null(mds_asset_index_find(&index, mds_str("a.js ")));
    assert_null(mds_asset_index_find(&index, mds_str("A.js")));
}

/* A delta from another file, even one to another asset, is none. */
static void
finds_deltas(void **state)
{
    example_t         example = make_example();
    mds_asset_index_t index;

    (void) state;
    assert_true(reads(&example, sizeof(example), &index));

    for (unsigned i = 0; i < ASSETS; i++) {
        const mds_asset_record_t *asset
            = mds_asset_index_find(&index, mds_str_of(paths[i]));

        for (unsigned old = 0; old < DELTAS; old++) {
            assert_int_equal(mds_asset_has_delta(&index, asset,
                                                 &index.deltas[old]),
                             old == i || old == i + 1);
        }

        assert_false(mds_asset_has_delta(&index, asset, &asset->sha256));
        assert_false(mds_asset_has_delta(&index, asset, &asset->path));
    }
}

static void
finds_no_delta_without_any(void **state)
{
    example_t         example = make_example();
    mds_asset_index_t index;

    (void) state;

    /* The range is empty, and begins at the end. */
    mds_store_be32(example.assets[0].first, DELTAS);
    mds_store_be32(example.assets[0].count, 0);
    assert_true(reads(&example, sizeof(example), &index));
    assert_false(mds_asset_has_delta(&index, index.assets, &index.deltas[0]));
}

static void
reads_an_empty_index(void **state)
{
    example_t         example;
    mds_asset_index_t index;

    (void) state;
    memset(&example, 0, sizeof(example));
    memcpy(example.head, MDS_ASSET_MAGIC, 8);
    assert_true(reads(&example, HEAD_BYTES, &index));
    assert_int_equal(index.count, 0);
    assert_null(mds_asset_index_find(&index, mds_str("a.js")));
}

static void
finds_the_key(void **state)
{
    example_t         example = make_example();
    mds_asset_index_t index;

    (void) state;
    example.head[HEAD_BYTES - 1] = 1;
    assert_true(reads(&example, sizeof(example), &index));
    assert_non_null(index.key);
    assert_int_equal(index.key[MDS_ASSET_KEY_BYTES - 1], 1);
}

/* A failure writes nothing. */
static void
refuses_other_lengths(void **state)
{
    example_t         example = make_example();
    mds_asset_index_t index = { .count = 7 };

    (void) state;

    for (size_t bytes = 0; bytes < sizeof(example) + 200; bytes++) {
        if (bytes != sizeof(example) && reads(&example, bytes, &index)) {
            fail_msg("%zu bytes are read", bytes);
        }
    }

    assert_int_equal(index.count, 7);
}

/* An index that is too long is refused before any of it is read. */
static void
refuses_too_many_bytes(void **state)
{
    mds_asset_index_t index;

    (void) state;
    assert_false(mds_asset_index_read((mds_str_t){ MDS_ASSET_INDEX_MAX + 1,
                                                   MDS_ASSET_MAGIC },
                                      &index));
}

static void
refuses_wrong_counts(void **state)
{
    static const uint32_t counts[] = { 0, 2, 4, 0x7fffffff, 0xffffffff };

    (void) state;

    for (size_t i = 0; i < mds_nelems(counts); i++) {
        example_t example = make_example();

        mds_store_be32((uint8_t *) example.head + 8, counts[i]);
        assert_false(is_read(&example));

        example = make_example();
        mds_store_be32((uint8_t *) example.head + 12,
                       counts[i] == DELTAS ? DELTAS + 1 : counts[i]);
        assert_false(is_read(&example));
    }
}

static void
refuses_ranges_outside(void **state)
{
    static const uint32_t ranges[][2] = {
        { 0, DELTAS + 1 },          { DELTAS, 1 },
        { DELTAS + 1, 0 },          { 1, DELTAS },
        { UINT32_MAX, 1 },          { 1, UINT32_MAX },
        { UINT32_MAX, UINT32_MAX },
    };

    (void) state;

    for (size_t i = 0; i < mds_nelems(ranges); i++) {
        for (size_t asset = 0; asset < ASSETS; asset++) {
            example_t example = make_example();

            mds_store_be32(example.assets[asset].first, ranges[i][0]);
            mds_store_be32(example.assets[asset].count, ranges[i][1]);

            if (is_read(&example)) {
                fail_msg("range %zu of asset %zu is read", i, asset);
            }
        }
    }
}

static void
refuses_another_order(void **state)
{
    example_t          example = make_example();
    mds_asset_record_t first = example.assets[0];

    (void) state;
    example.assets[0] = example.assets[1];
    assert_false(is_read(&example)); /* the same path twice */
    example.assets[1] = first;
    assert_false(is_read(&example));
}

static void
refuses_another_magic(void **state)
{
    (void) state;

    for (size_t i = 0; i < 8; i++) {
        example_t example = make_example();

        example.head[i] ^= 1;
        assert_false(is_read(&example));
    }
}

/* --- hashes in names */

static void
assert_hash(const char *path, const char *expected)
{
    size_t           len = strlen(path);
    char            *exact = malloc(len + 1);
    mds_asset_hash_t hash;

    assert_non_null(exact);
    memcpy(exact + 1, path, len);
    hash = mds_asset_find_hash((mds_str_t){ len, exact + 1 });
    free(exact);

    assert_true(hash.at + hash.len <= len);

    if (!mds_str_eq((mds_str_t){ hash.len, path + hash.at },
                    mds_str_of(expected))) {
        fail_msg("\"%s\" has \"%.*s\"", path, (int) hash.len, path + hash.at);
    }
}

static void
finds_hashes(void **state)
{
    (void) state;
    assert_hash("index-B3xk9_aQ.js", "B3xk9_aQ");
    assert_hash("main.3f2a1b4c.chunk.js", "3f2a1b4c");
    assert_hash("assets/index-B3xk9_aQ.js", "B3xk9_aQ");
    assert_hash("a-11111111-22222222.js", "22222222");
    assert_hash("a-11111111.b.js.map", "11111111");
    assert_hash("a-aBcDeFgH.js", "aBcDeFgH");
}

static void
finds_no_other_hash(void **state)
{
    (void) state;
    assert_hash("", "");
    assert_hash("/", "");
    assert_hash(".", "");
    assert_hash("-", "");
    assert_hash("...", "");
    assert_hash("index.html", "");
    assert_hash("a-1234567.js", "");          /* one character less */
    assert_hash("a-12345678", "");            /* nothing behind it */
    assert_hash("12345678.js", "");           /* nothing before it */
    assert_hash("12345678/a.js", "");         /* of a directory */
    assert_hash("a-12345678.js/", "");        /* so is this */
    assert_hash("polyfill-internal.js", "");  /* a word */
    assert_hash("a-UPPERCASE.js", "");        /* another one */
    assert_hash("a-1234 678.js", "");         /* a space */
    assert_hash("a-1234\303\2445678.js", ""); /* a letter of no hash */
    assert_hash("a-________.js", "");         /* neither digit nor letter */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_assets),
        cmocka_unit_test(finds_deltas),
        cmocka_unit_test(finds_no_delta_without_any),
        cmocka_unit_test(reads_an_empty_index),
        cmocka_unit_test(finds_the_key),
        cmocka_unit_test(refuses_other_lengths),
        cmocka_unit_test(refuses_too_many_bytes),
        cmocka_unit_test(refuses_wrong_counts),
        cmocka_unit_test(refuses_ranges_outside),
        cmocka_unit_test(refuses_another_order),
        cmocka_unit_test(refuses_another_magic),
        cmocka_unit_test(finds_hashes),
        cmocka_unit_test(finds_no_other_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
