/*
 * Roots, heads and envelopes against vectors that another program made, in
 * another language (t/data/trust); what they must not take; and what a root
 * may become.
 */

#include "prng.h"
#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mds_file.h"
#include "base/mds_time.h"
#include "client/mds_client_trust.h"

#define VECTORS "docs/vectors/trust.json"
#define VECTORS_BYTES_MAX (1024 * 1024)

/* --- vectors */

static mds_json_t *vectors;

static int
setup(void **state)
{
    mds_error_t err;
    char       *text;
    size_t      len;

    if (workdir_make(state) != 0
        || mds_file_read(VECTORS, VECTORS_BYTES_MAX, &err, &text, &len)
               != MDS_OK
        || mds_json_parse((mds_str_t){ len, text }, VECTORS, &err, &vectors)
               != MDS_OK)
    {
        return -1;
    }

    free(text);
    return 0;
}

static int
teardown(void **state)
{
    mds_json_release(vectors);
    return workdir_remove(state);
}

static const mds_json_t *
find_case(const char *name)
{
    const mds_json_t *cases = mds_json_get(vectors, "cases");

    for (size_t i = 0; i < mds_json_size(cases); i++) {
        const mds_json_t *c = mds_json_at(cases, i);

        if (mds_str_eq(mds_json_get_string(c, "name"), mds_str_of(name))) {
            return c;
        }
    }

    fail_msg("there is no case \"%s\"", name);
    return NULL;
}

/* Opens the root of a case as a device that has seen what the case says. */
static mds_client_trust_t
device_of(const mds_json_t *c)
{
    static char        path[256];
    mds_client_trust_t trust;
    mds_error_t        err;
    mds_str_t          root = mds_json_get_string(c, "root");
    char               seen[256];

    snprintf(path, sizeof(path), "%s", workdir("ROOT"));
    workdir_write("ROOT", root.data, root.len);
    snprintf(seen, sizeof(seen), "{\"heads\":{\"%.*s\":%lld}}",
             MDS_STR(mds_json_get_string(c, "app")),
             (long long) mds_json_get_integer(c, "seen"));
    workdir_write("ROOT.seen", seen, strlen(seen));

    if (mds_client_trust_open(path, &err, &trust) != MDS_OK) {
        fail_msg("%s", err.text);
    }

    return trust;
}

/* Goes through a case, up to the proof; the signature of the manifest and the
 * comparison with the request are not in lib/trust. */
static mds_status_t
play(const mds_json_t *c, mds_error_t *err)
{
    mds_client_trust_t trust = device_of(c);
    const mds_json_t  *roots = mds_json_get(c, "roots");
    mds_head_t         head;
    mds_status_t       status = MDS_OK;
    int64_t            now_ms;

    assert_true(mds_time_parse(mds_json_get_string(c, "now"), &now_ms));

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(roots); i++) {
        status = mds_client_trust_follow(&trust,
                                         mds_json_string(mds_json_at(roots, i)),
                                         err);
    }

    if (status == MDS_OK) {
        status = mds_client_trust_check_root(&trust, now_ms, err);
    }

    if (status == MDS_OK) {
        status
            = mds_client_trust_take_head(&trust, mds_json_get_string(c, "app"),
                                         mds_json_get_string(c, "head"), now_ms,
                                         err, &head);
    }

    if (status == MDS_OK) {
        status
            = mds_client_trust_check_proof(&head,
                                           mds_json_get_string(c, "manifest"),
                                           mds_json_get_string(c, "proof"),
                                           err);
        mds_head_free(&head);
    }

    mds_client_trust_free(&trust);
    return status;
}

/* Returns whether the case is refused by what comes after. */
static bool
is_refused_later(mds_str_t name)
{
    static const char *const later[] = {
        "a manifest of another ",
        "a manifest that a ",
        "a signature of another manifest",
        "a stolen key of apps, which a root has dropped",
    };

    for (size_t i = 0; i < mds_nelems(later); i++) {
        if (strncmp(name.data, later[i], strlen(later[i])) == 0) {
            return true;
        }
    }

    return false;
}

static void
test_vectors(void **state)
{
    const mds_json_t *cases = mds_json_get(vectors, "cases");

    (void) state;
    assert_true(mds_json_size(cases) >= 60);

    for (size_t i = 0; i < mds_json_size(cases); i++) {
        const mds_json_t *c = mds_json_at(cases, i);
        mds_str_t         name = mds_json_get_string(c, "name");
        mds_error_t       err = { .text = "accepted" };
        bool              accept = mds_json_get_bool(c, "accept");
        mds_status_t      status = play(c, &err);

        if ((status == MDS_OK) != (accept || is_refused_later(name))) {
            fail_msg("%.*s: %s", MDS_STR(name), err.text);
        }
    }
}

/* --- what was changed */

/* Changes one byte of the payload, or one of a signature. */
static char *
change(const char *type, mds_str_t text, prng_t *prng, bool signature,
       size_t *len)
{
    mds_envelope_t envelope;
    mds_error_t    err;
    char          *changed;

    assert_int_equal(mds_envelope_parse(text, type, "it", &err, &envelope),
                     MDS_OK);

    if (signature) {
        envelope.signatures[0].bytes[prng_below(prng, MDS_RAW_SIGNATURE_BYTES)]
            ^= (uint8_t) (1 << prng_below(prng, 8));
    } else {
        envelope.payload[prng_below(prng, (unsigned) envelope.payload_len)]
            ^= (char) (1 << prng_below(prng, 7));
    }

    assert_int_equal(mds_envelope_dump(&envelope, &err, &changed, len), MDS_OK);
    mds_envelope_free(&envelope);

    return changed;
}

static void
test_changed_bytes(void **state)
{
    const mds_json_t  *c = find_case("the next root");
    mds_client_trust_t trust = device_of(c);
    mds_str_t next = mds_json_string(mds_json_at(mds_json_get(c, "roots"), 0));
    mds_str_t app = mds_json_get_string(c, "app");
    prng_t    prng;
    int64_t   now_ms;

    (void) state;
    prng_seed(&prng);
    assert_true(mds_time_parse(mds_json_get_string(c, "now"), &now_ms));

    for (int i = 0; i < 200; i++) {
        mds_error_t err;
        mds_head_t  head = { .serial = 77 };
        size_t      len;
        char       *text = change(MDS_ROOT_TYPE, next, &prng, i % 2 == 0, &len);

        assert_int_not_equal(mds_client_trust_follow(&trust,
                                                     (mds_str_t){ len, text },
                                                     &err),
                             MDS_OK);
        assert_int_equal(trust.root.version, 1);
        free(text);

        text = change(MDS_HEAD_TYPE, mds_json_get_string(c, "head"), &prng,
                      i % 2 == 0, &len);
        assert_int_equal(mds_client_trust_take_head(&trust, app,
                                                    (mds_str_t){ len, text },
                                                    now_ms, &err, &head),
                         MDS_DENIED);
        assert_int_equal(head.serial, 77);
        free(text);
    }

    mds_client_trust_free(&trust);
}

/* --- what is signed, and malformed all the same */

static void
test_heads(void **state)
{
#define HASH "\"sha256\":\"%064d\""
#define TIMES                                                                  \
    "\"issued\":\"2026-12-01T00:00:00Z\",\"expires\":\"2026-12-07T00:00:00Z\""
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"app\":\"a\",\"serial\":1,\"root\":1," TIMES "}",
        "{\"app\":\"\",\"serial\":1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":7,\"serial\":1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":\"a\",\"serial\":-1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":\"a\",\"serial\":1.5,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":\"a\",\"serial\":\"1\",\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":\"a\",\"serial\":1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":-1," HASH "}}",
        "{\"app\":\"a\",\"serial\":1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1,\"sha256\":\"00\"}}",
        "{\"app\":\"a\",\"serial\":1,\"root\":1,\"issued\":\"now\","
        "\"expires\":\"2026-12-07T00:00:00Z\""
        ",\"manifests\":{\"count\":1," HASH "}}",
        "{\"app\":\"a\",\"app\":\"b\",\"serial\":1,\"root\":1," TIMES
        ",\"manifests\":{\"count\":1," HASH "}}",
    };
    static const char right[] = "{\"app\":\"a\",\"serial\":1,\"root\":1," TIMES
                                ",\"manifests\":{\"count\":1," HASH "},"
                                "\"more\":1}";
    mds_head_t  head = { .serial = 77 };
    mds_error_t err;
    char        text[512];

    (void) state;

    for (size_t i = 0; i < mds_nelems(wrong); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), wrong[i], 0);
#pragma GCC diagnostic pop

        if (mds_head_parse(mds_str_of(text), "it", &err, &head) == MDS_OK) {
            fail_msg("taken: %s", text);
        }

        assert_int_equal(head.serial, 77);
    }

    snprintf(text, sizeof(text), right, 0);
    assert_int_equal(mds_head_parse(mds_str_of(text), "it", &err, &head),
                     MDS_OK);
    assert_int_equal(head.serial, 1);
    mds_head_free(&head);
}

/* --- what a root becomes */

static mds_public_t
public_of(uint8_t id, uint8_t key)
{
    mds_public_t made = { .keyid = { id }, .key = { key } };

    return made;
}

static void
test_roles(void **state)
{
    mds_root_t   root = { .version = 1 }, read = { 0 };
    mds_public_t a = public_of(1, 1), b = public_of(2, 2), c = public_of(3, 3);
    mds_public_t same_id = public_of(1, 9), same_key = public_of(9, 1);
    mds_error_t  err;
    char        *text;
    size_t       len;

    (void) state;
    assert_int_equal(mds_root_add(&root, MDS_ROLE_ROOT, &a, &err), MDS_OK);
    assert_int_equal(mds_root_add(&root, MDS_ROLE_ROOT, &b, &err), MDS_OK);
    assert_int_equal(mds_root_add(&root, MDS_ROLE_ROOT, &a, &err), MDS_EXISTS);
    assert_int_equal(mds_root_add(&root, MDS_ROLE_SIGN, &a, &err), MDS_OK);
    assert_int_equal(mds_root_add(&root, MDS_ROLE_SIGN, &same_id, &err),
                     MDS_INVALID);
    assert_int_equal(mds_root_add(&root, MDS_ROLE_SIGN, &same_key, &err),
                     MDS_INVALID);
    assert_int_equal(root.key_count, 2);

    for (unsigned threshold = 0; threshold <= 3; threshold++) {
        root.roles[MDS_ROLE_ROOT].threshold = threshold;
        root.roles[MDS_ROLE_SIGN].threshold = 1;
        root.roles[MDS_ROLE_HEAD].threshold = 1;
        assert_int_equal(mds_root_check(&root, "it", &err), MDS_INVALID);
    }

    assert_int_equal(mds_root_add(&root, MDS_ROLE_HEAD, &c, &err), MDS_OK);

    for (unsigned threshold = 0; threshold <= 3; threshold++) {
        root.roles[MDS_ROLE_ROOT].threshold = threshold;
        assert_int_equal(mds_root_check(&root, "it", &err),
                         threshold == 1 || threshold == 2 ? MDS_OK
                                                          : MDS_INVALID);
    }

    root.roles[MDS_ROLE_ROOT].threshold = 2;
    assert_int_equal(mds_root_dump(&root, &err, &text, &len), MDS_OK);
    assert_int_equal(mds_root_parse((mds_str_t){ len, text }, "it", &err,
                                    &read),
                     MDS_OK);
    free(text);

    for (mds_role_t role = 0; role < MDS_ROLES; role++) {
        assert_true(mds_root_is_same_role(&root, &read, role));
    }

    assert_non_null(mds_root_find(&root, MDS_ROLE_SIGN, a.keyid));
    assert_null(mds_root_find(&root, MDS_ROLE_HEAD, a.keyid));
    assert_int_equal(mds_root_drop(&root, a.keyid, &err), MDS_OK);
    assert_int_equal(mds_root_drop(&root, a.keyid, &err), MDS_NOT_FOUND);
    assert_null(mds_root_find(&root, MDS_ROLE_SIGN, a.keyid));
    assert_non_null(mds_root_find(&root, MDS_ROLE_ROOT, b.keyid));
    assert_non_null(mds_root_find(&root, MDS_ROLE_HEAD, c.keyid));
    assert_false(mds_root_is_same_role(&root, &read, MDS_ROLE_ROOT));
    assert_true(mds_root_is_same_role(&root, &read, MDS_ROLE_HEAD));
}

static void
test_most_keys(void **state)
{
    mds_root_t  root = { .version = 1 };
    mds_error_t err;

    (void) state;

    for (unsigned i = 0; i <= MDS_ROOT_KEYS_MAX; i++) {
        mds_public_t key = public_of((uint8_t) i, (uint8_t) i);

        assert_int_equal(mds_root_add(&root, MDS_ROLE_ROOT, &key, &err),
                         i < MDS_ROOT_KEYS_MAX ? MDS_OK : MDS_INVALID);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),   cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_heads),     cmocka_unit_test(test_roles),
        cmocka_unit_test(test_most_keys),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
