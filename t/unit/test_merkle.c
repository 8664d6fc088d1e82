/*
 * The tree against a second implementation, which follows the definitions of
 * RFC 9162 literally; proofs, which hold for one manifest, one index and one
 * tree; and trees that are made from others.
 */

#include "merkle/mds_tree.h"
#include "prng.h"
#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENTRY_BYTES 12

/* --- RFC 9162, 2.1.1 and 2.1.3.1, as they are written there */

static uint64_t
split(uint64_t n)
{
    uint64_t k = 1;

    while (2 * k < n) {
        k *= 2;
    }

    return k;
}

static mds_sha256_t
mth(const mds_str_t *d, uint64_t n)
{
    mds_sha256_t       hash, left, right;
    mds_sha256_state_t state;

    mds_sha256_begin(&state);

    if (n == 1) {
        mds_sha256_add(&state, "\x00", 1);
        mds_sha256_add(&state, d[0].data, d[0].len);

    } else if (n > 1) {
        left = mth(d, split(n));
        right = mth(d + split(n), n - split(n));
        mds_sha256_add(&state, "\x01", 1);
        mds_sha256_add(&state, left.bytes, 32);
        mds_sha256_add(&state, right.bytes, 32);
    }

    mds_sha256_end(&state, &hash);
    return hash;
}

static unsigned
path_of(uint64_t m, const mds_str_t *d, uint64_t n, mds_sha256_t *out)
{
    uint64_t k;
    unsigned len;

    if (n <= 1) {
        return 0;
    }

    k = split(n);

    if (m < k) {
        len = path_of(m, d, k, out);
        out[len] = mth(d + k, n - k);
    } else {
        len = path_of(m - k, d + k, n - k, out);
        out[len] = mth(d, k);
    }

    return len + 1;
}

/* --- entries: numbers as text, in the order of their digests */

static mds_str_t *
entries_new(uint64_t n, uint64_t seed)
{
    mds_str_t *d = calloc(n + 1, sizeof(*d));

    for (uint64_t i = 0; i < n; i++) {
        char *text = malloc(ENTRY_BYTES + 20);

        d[i].len = (size_t) sprintf(text, "entry %llu %llu",
                                    (unsigned long long) seed,
                                    (unsigned long long) i);
        d[i].data = text;
    }

    return d;
}

static int
entry_cmp(const void *a, const void *b)
{
    const mds_str_t *x = a, *y = b;
    mds_sha256_t     hx, hy;

    mds_sha256(x->data, x->len, &hx);
    mds_sha256(y->data, y->len, &hy);
    return memcmp(&hx, &hy, sizeof(hx));
}

static void
entries_free(mds_str_t *d, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        free((char *) d[i].data);
    }

    free(d);
}

static void
add_leaves(mds_buffer_t *buffer, const mds_str_t *d, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        mds_leaf_t leaf;

        mds_leaf_make(d[i], &leaf);
        mds_buffer_add(buffer, &leaf, sizeof(leaf));
    }
}

/* Makes a tree of the entries on top of another, and opens it. */
static mds_tree_t *
make(const char *dir, const mds_tree_t *old, const mds_str_t *removed,
     uint64_t removed_count, const mds_str_t *added, uint64_t added_count)
{
    mds_buffer_t out = { 0 }, in = { 0 };
    mds_sha256_t root;
    mds_tree_t  *tree = NULL;
    mds_error_t  err;
    uint64_t     count;
    bool         created;

    add_leaves(&out, removed, removed_count);
    add_leaves(&in, added, added_count);
    assert_int_equal(mds_tree_make(dir, old, &out, &in, &err, &root, &count,
                                   &created),
                     MDS_OK);
    assert_int_equal(mds_tree_open(dir, &root, &err, &tree), MDS_OK);
    assert_int_equal(mds_tree_count(tree), count);
    assert_int_equal(mds_tree_check(tree, &err), MDS_OK);
    mds_buffer_free(&out);
    mds_buffer_free(&in);

    return tree;
}

static void
check_size(const char *name, uint64_t n)
{
    char         dir[4096];
    mds_str_t   *d = entries_new(n, n);
    mds_tree_t  *tree;
    mds_sha256_t want;
    mds_proof_t  none;
    uint64_t     step = n < 70 ? 1 : n / 13;

    snprintf(dir, sizeof(dir), "%s", name);
    tree = make(dir, NULL, NULL, 0, d, n);

    qsort(d, n, sizeof(*d), entry_cmp);
    want = mth(d, n);
    assert_memory_equal(mds_tree_root(tree), &want, sizeof(want));

    for (uint64_t i = 0; i < n; i += step) {
        mds_sha256_t path[MDS_MERKLE_PATH_MAX];
        mds_sha256_t digest;
        mds_proof_t  proof, read;
        char         text[MDS_PROOF_BYTES_MAX + 1];
        size_t       len;

        mds_sha256(d[i].data, d[i].len, &digest);
        assert_true(mds_tree_prove(tree, &digest, &proof));
        assert_int_equal(proof.index, i);
        assert_int_equal(proof.path_len, path_of(i, d, n, path));
        assert_memory_equal(proof.path, path, proof.path_len * sizeof(path[0]));

        len = mds_proof_format(&proof, text);
        assert_int_equal(strlen(text), len);
        assert_int_equal(mds_proof_parse(mds_str_of(text), NULL, &read),
                         MDS_OK);
        assert_true(mds_proof_verify(&read, d[i], n, &want));

        /* Another index, another size, another manifest, a shorter and a longer
         * path: each is refused. */
        read.index = i == 0 ? 1 : i - 1;
        assert_false(mds_proof_verify(&read, d[i], n, &want));
        read = proof;
        read.size = n + 1;
        assert_false(mds_proof_verify(&read, d[i], n, &want));
        assert_false(mds_proof_verify(&proof, d[i], n + 1, &want));
        assert_false(mds_proof_verify(&proof, mds_str("another"), n, &want));
        assert_false(mds_proof_verify(&proof, d[i], n, &digest));
        read = proof;
        read.path_len++;
        read.path[proof.path_len] = want;
        assert_false(mds_proof_verify(&read, d[i], n, &want));

        if (proof.path_len > 0) {
            read.path_len = proof.path_len - 1;
            assert_false(mds_proof_verify(&read, d[i], n, &want));
            read = proof;
            read.path[proof.path_len / 2].bytes[7] ^= 1;
            assert_false(mds_proof_verify(&read, d[i], n, &want));
        }
    }

    assert_false(mds_tree_prove(tree, &want, &none));
    mds_tree_close(tree);
    entries_free(d, n);
}

static void
test_sizes(void **state)
{
    const char *dir = workdir(".");
    prng_t      prng;

    (void) state;
    prng_seed(&prng);

    for (uint64_t n = 0; n <= 40; n++) {
        check_size(dir, n);
    }

    for (uint64_t k = 64; k <= 1024; k *= 2) {
        check_size(dir, k - 1);
        check_size(dir, k);
        check_size(dir, k + 1);
    }

    for (int i = 0; i < 10; i++) {
        check_size(dir, prng_below(&prng, 3000));
    }
}

/* A tree that is made from another is the one that is made of all. */
static void
test_changes(void **state)
{
    const char *dir = workdir(".");
    prng_t      prng;

    (void) state;
    prng_seed(&prng);

    for (int round = 0; round < 60; round++) {
        uint64_t   n = prng_below(&prng, 300), m = prng_below(&prng, 8);
        uint64_t   k = n == 0 ? 0 : prng_below(&prng, n < 8 ? (unsigned) n : 8);
        mds_str_t *d = entries_new(n, 1000 + (uint64_t) round);
        mds_str_t *more = entries_new(m, 2000 + (uint64_t) round);
        mds_str_t *all = calloc(n + m + 1, sizeof(*all));
        mds_tree_t *old = make(dir, NULL, NULL, 0, d, n);
        mds_tree_t *made = make(dir, old, d, k, more, m), *whole;
        mds_tree_t *back;

        memcpy(all, d + k, (n - k) * sizeof(*d));
        memcpy(all + n - k, more, m * sizeof(*d));
        whole = make(dir, NULL, NULL, 0, all, n - k + m);
        assert_memory_equal(mds_tree_root(made), mds_tree_root(whole),
                            sizeof(mds_sha256_t));

        /* What is removed and added again, and what was never there. */
        back = make(dir, made, more, m, d, k);
        assert_memory_equal(mds_tree_root(back), mds_tree_root(old),
                            sizeof(mds_sha256_t));
        mds_tree_close(back);
        back = make(dir, old, all, n - k + m, all, n - k + m);
        assert_int_equal(mds_tree_count(back), n + m);

        mds_tree_close(back);
        mds_tree_close(old);
        mds_tree_close(made);
        mds_tree_close(whole);
        free(all);
        entries_free(d, n);
        entries_free(more, m);
    }
}

static void
test_proof_text(void **state)
{
    static const char *const wrong[]
        = { "",
            "index=0",
            "index=0, size=1",
            "size=1, path=::",
            "index=0, size=1, path=:",
            "index=0, size=1, path=",
            "index=0, size=1, path=:AAAA:",
            "index=-1, size=1, path=::",
            "index=0, size=, path=::",
            "index=0, size=1, size=1, path=::",
            "index=0, size=1, path=::, more=1",
            "index=0, size=1234567890123456, path=::",
            "index=0 size=1 path=::" };
    mds_proof_t proof = { .index = 77 };
    mds_error_t err;

    (void) state;

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        assert_int_equal(mds_proof_parse(mds_str_of(wrong[i]), &err, &proof),
                         MDS_INVALID);
        assert_int_equal(proof.index, 77);
    }

    assert_int_equal(mds_proof_parse(mds_str("path=::,size=1,  index=0"), &err,
                                     &proof),
                     MDS_OK);
    assert_int_equal(proof.index, 0);
    assert_int_equal(proof.size, 1);
    assert_int_equal(proof.path_len, 0);
}

static void
test_files(void **state)
{
    const char  *dir = workdir(".");
    mds_str_t   *d = entries_new(5, 5);
    mds_tree_t  *tree = make(dir, NULL, NULL, 0, d, 5);
    mds_sha256_t root = *mds_tree_root(tree), none = { { 0 } };
    mds_path_t   path, other;
    mds_error_t  err;

    (void) state;
    mds_tree_close(tree);
    assert_int_equal(mds_tree_open(dir, &none, &err, &tree), MDS_NOT_FOUND);

    assert_int_equal(mds_tree_path(dir, &root, &err, &path), MDS_OK);
    assert_int_equal(mds_tree_path(dir, &none, &err, &other), MDS_OK);
    assert_int_equal(rename(path.text, other.text), 0);
    assert_int_equal(mds_tree_open(dir, &none, &err, &tree), MDS_DAMAGED);
    assert_int_equal(truncate(other.text, 100), 0);
    assert_int_equal(mds_tree_open(dir, &none, &err, &tree), MDS_DAMAGED);
    assert_int_equal(truncate(other.text, 0), 0);
    assert_int_equal(mds_tree_open(dir, &none, &err, &tree), MDS_DAMAGED);
    entries_free(d, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_proof_text),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
