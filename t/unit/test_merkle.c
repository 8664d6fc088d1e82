/*
 * The tree against a second implementation, which follows the definitions of
 * RFC 9162 literally; proofs, which hold for one manifest, one index and one
 * tree; trees that are made from others, and trees that are changed.
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

/* --- changes, against a list of leaves */

#define POOL 400

typedef struct {
    const char  *dir;
    mds_str_t   *pool; /* entries */
    mds_sha256_t digests[POOL];
    bool         there[POOL]; /* the tree is to have it */
    mds_tree_t  *tree;
    uint64_t     file_count;
    mds_str_t    file[POOL]; /* the entries of its file, sorted */
} changed_t;

static mds_str_t
entry_of(const changed_t *c, const mds_sha256_t *digest)
{
    static const mds_sha256_t none;

    for (size_t i = 0; i < POOL; i++) {
        if (mds_sha256_eq(&c->digests[i], digest)) {
            return c->pool[i];
        }
    }

    assert_memory_equal(digest, &none, sizeof(none));
    return mds_str("");
}

/* The leaves are those of the file, with the changes; a vacant one is that of
 * an empty entry. */
static void
check_leaves(const changed_t *c, mds_str_t changes)
{
    const mds_tree_change_t *change = (const mds_tree_change_t *) changes.data;
    uint64_t                 count = c->file_count, proved = 0;
    mds_str_t                leaves[2 * POOL];
    mds_sha256_t             want;

    memcpy(leaves, c->file, count * sizeof(leaves[0]));

    for (size_t i = 0; i < changes.len / sizeof(*change); i++) {
        mds_sha256_t digest = change[i].leaf.digest;

        assert_true(change[i].index <= count);
        count += change[i].index == count ? 1 : 0;
        leaves[change[i].index] = entry_of(c, &digest);
    }

    assert_int_equal(mds_tree_count(c->tree), count);
    want = mth(leaves, count);
    assert_memory_equal(mds_tree_root(c->tree), &want, sizeof(want));

    for (size_t i = 0; i < POOL; i++) {
        mds_sha256_t path[MDS_MERKLE_PATH_MAX];
        mds_proof_t  proof;

        assert_int_equal(mds_tree_prove(c->tree, &c->digests[i], &proof),
                         c->there[i]);

        if (c->there[i]) {
            assert_true(leaves[proof.index].data == c->pool[i].data);
            assert_true(mds_proof_verify(&proof, c->pool[i], count, &want));
            assert_int_equal(proof.path_len,
                             path_of(proof.index, leaves, count, path));
            proved++;
        }
    }

    for (uint64_t i = 0; i < count; i++) {
        proved -= leaves[i].len > 0 ? 1 : 0;
    }

    assert_int_equal(proved, 0);
}

/* Removes and adds some, and now and then some that are not there, or are. */
static void
draw(changed_t *c, prng_t *prng, mds_buffer_t *removed, mds_buffer_t *added)
{
    for (unsigned n = prng_below(prng, 6); n > 0; n--) {
        unsigned i = prng_below(prng, POOL);

        add_leaves(removed, &c->pool[i], 1);
        c->there[i] = false;
    }

    for (unsigned n = prng_below(prng, 6); n > 0; n--) {
        unsigned i = prng_below(prng, POOL);

        add_leaves(added, &c->pool[i], 1);
        c->there[i] = true;
    }
}

static void
change(changed_t *c, mds_buffer_t *removed, mds_buffer_t *added,
       mds_buffer_t *changes)
{
    mds_error_t err;

    assert_true(mds_tree_plan_changes(c->tree, removed, added,
                                      MDS_TREE_CHANGES_MAX, changes));
    assert_int_equal(mds_tree_set_changes(c->tree, mds_buffer_str(changes),
                                          &err),
                     MDS_OK);
    check_leaves(c, mds_buffer_str(changes));
    removed->len = added->len = 0;
}

/* The file that is made of a changed tree is the one that is made of all. */
static void
check_fold(const changed_t *c)
{
    mds_buffer_t none = { 0 }, one = { 0 };
    mds_str_t    all[POOL];
    mds_sha256_t root, want;
    mds_error_t  err;
    uint64_t     n = 0, count;
    bool         created;

    for (size_t i = 1; i < POOL; i++) {
        if (c->there[i]) {
            all[n++] = c->pool[i];
        }
    }

    qsort(all, n, sizeof(all[0]), entry_cmp);
    want = mth(all, n);
    add_leaves(&one, c->pool, 1);
    assert_int_equal(mds_tree_make(c->dir, c->tree, &one, &none, &err, &root,
                                   &count, &created),
                     MDS_OK);
    assert_int_equal(count, n);
    assert_memory_equal(&root, &want, sizeof(want));
    mds_buffer_free(&one);
    mds_buffer_free(&none);
}

static void
check_changed(changed_t *c, prng_t *prng)
{
    mds_buffer_t removed = { 0 }, added = { 0 }, changes = { 0 };
    mds_sha256_t root = *mds_tree_root(c->tree);
    bool         before[POOL];

    memcpy(before, c->there, sizeof(before));

    for (int step = 0; step < 12; step++) {
        draw(c, prng, &removed, &added);
        change(c, &removed, &added, &changes);
    }

    check_fold(c);

    /* What is given back is as if nothing had changed. */
    for (size_t i = 0; i < POOL; i++) {
        if (c->there[i] != before[i]) {
            add_leaves(before[i] ? &added : &removed, &c->pool[i], 1);
        }
    }

    memcpy(c->there, before, sizeof(before));
    change(c, &removed, &added, &changes);

    if (changes.len == 0) {
        assert_memory_equal(mds_tree_root(c->tree), &root, sizeof(root));
    }

    mds_buffer_free(&removed);
    mds_buffer_free(&added);
    mds_buffer_free(&changes);
}

static void
test_tree_changes(void **state)
{
    static changed_t c;
    prng_t           prng;

    (void) state;
    prng_seed(&prng);
    c.dir = workdir(".");
    c.pool = entries_new(POOL, 3);

    for (size_t i = 0; i < POOL; i++) {
        mds_sha256(c.pool[i].data, c.pool[i].len, &c.digests[i]);
    }

    for (uint64_t round = 0; round < 60; round++) {
        c.file_count = round < 20 ? round + 1 : 1 + prng_below(&prng, POOL - 1);
        c.tree = make(c.dir, NULL, NULL, 0, c.pool, c.file_count);
        memcpy(c.file, c.pool, c.file_count * sizeof(c.file[0]));
        qsort(c.file, c.file_count, sizeof(c.file[0]), entry_cmp);

        for (size_t i = 0; i < POOL; i++) {
            c.there[i] = i < c.file_count;
        }

        check_changed(&c, &prng);
        mds_tree_close(c.tree);
    }

    entries_free(c.pool, POOL);
}

/* A pause and its resumption give the tree that was there before; one change
 * too many gives none. */
static void
test_change_back(void **state)
{
    mds_str_t   *d = entries_new(8, 9);
    mds_tree_t  *tree = make(workdir("."), NULL, NULL, 0, d, 4);
    mds_sha256_t root = *mds_tree_root(tree);
    mds_buffer_t none = { 0 }, some = { 0 }, more = { 0 }, changes = { 0 };
    mds_error_t  err;

    (void) state;
    add_leaves(&some, d + 1, 2);
    add_leaves(&more, d + 4, 4);
    assert_true(mds_tree_plan_changes(tree, &some, &more, 4, &changes));
    assert_int_equal(changes.len, 4 * sizeof(mds_tree_change_t));
    assert_int_equal(mds_tree_set_changes(tree, mds_buffer_str(&changes), &err),
                     MDS_OK);
    assert_int_equal(mds_tree_count(tree), 6);

    assert_true(mds_tree_plan_changes(tree, &more, &some, 4, &changes));
    assert_int_equal(changes.len, 0);
    assert_int_equal(mds_tree_set_changes(tree, mds_null_str, &err), MDS_OK);
    assert_memory_equal(mds_tree_root(tree), &root, sizeof(root));

    assert_false(mds_tree_plan_changes(tree, &some, &more, 3, &changes));
    assert_true(mds_tree_plan_changes(tree, &none, &none, 0, &changes));

    mds_buffer_free(&some);
    mds_buffer_free(&more);
    mds_buffer_free(&changes);
    mds_tree_close(tree);
    entries_free(d, 8);
}

/* Changes that are damaged leave the tree as it is. */
static void
test_wrong_changes(void **state)
{
    static const uint64_t wrong[][2]
        = { { 1, 1 }, { 2, 1 },          { 6, 7 },
            { 1, 6 }, { UINT64_MAX, 1 }, { 0, UINT64_MAX } };
    mds_str_t        *d = entries_new(5, 5);
    mds_tree_t       *tree = make(workdir("."), NULL, NULL, 0, d, 5), *empty;
    mds_sha256_t      root = *mds_tree_root(tree);
    mds_tree_change_t changes[2] = { 0 };
    mds_str_t         text = { sizeof(changes), (const char *) changes };
    mds_error_t       err;

    (void) state;

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
        changes[0].index = wrong[i][0];
        changes[1].index = wrong[i][1];
        assert_int_equal(mds_tree_set_changes(tree, text, &err), MDS_DAMAGED);
        assert_memory_equal(mds_tree_root(tree), &root, sizeof(root));
        assert_int_equal(mds_tree_count(tree), 5);
    }

    changes[0].index = 5;
    changes[1].index = 6;
    text.len--;
    assert_int_equal(mds_tree_set_changes(tree, text, &err), MDS_DAMAGED);
    text.len++;
    assert_int_equal(mds_tree_set_changes(tree, text, &err), MDS_OK);
    assert_int_equal(mds_tree_count(tree), 7);

    empty = make(workdir("."), NULL, NULL, 0, d, 0);
    changes[0].index = 0;
    changes[1].index = 1;
    assert_int_equal(mds_tree_set_changes(empty, text, &err), MDS_DAMAGED);

    mds_tree_close(empty);
    mds_tree_close(tree);
    entries_free(d, 5);
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
        cmocka_unit_test(test_tree_changes),
        cmocka_unit_test(test_change_back),
        cmocka_unit_test(test_wrong_changes),
        cmocka_unit_test(test_proof_text),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, workdir_make, workdir_remove);
}
