/*
 * Bodies of batches, read in one pass and read by the JSON library: random
 * ones, with all white space and escapes that JSON has, whole and mutated.
 * Both take the same for a batch, and see the same questions in it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "prng.h"
#include "json/mds_json.h"
#include "request/mds_batch.h"

#define BODY_MAX 4096
#define ROUNDS 20000

static prng_t prng;

/* Makers of bodies */

typedef struct {
    char   text[BODY_MAX];
    size_t len;
} body_t;

static void
add(body_t *body, const char *text)
{
    size_t len = strlen(text);

    if (body->len + len < sizeof(body->text)) {
        memcpy(body->text + body->len, text, len);
        body->len += len;
    }
}

static const char *
one_of(const char *const *texts, unsigned count)
{
    return texts[prng_below(&prng, count)];
}

#define ONE_OF(...)                                                            \
    one_of((const char *const[]){ __VA_ARGS__ },                               \
           mds_nelems(((const char *const[]){ __VA_ARGS__ })))

static void
add_token(body_t *body, const char *token)
{
    if (prng_one_in(&prng, 4)) {
        add(body, ONE_OF(" ", "\n", "\t", "\r\n  "));
    }
    add(body, token);
}

static void
add_name(body_t *body, bool common)
{
    if (common || prng_one_in(&prng, 50)) {
        add_token(body, ONE_OF("\"user\"", "\"device\"", "\"us\\u0065r\""));
        return;
    }

    add_token(body, ONE_OF("\"kind\"", "\"name\"", "\"app\"", "\"version\"",
                           "\"city\"", "\"refuse\"", "\"app_version\"",
                           "\"x1\"", "\"x2\"", "\"x3\"", "\"k\\u0069nd\"",
                           "\"resources\"", "\"Kind\"", "\"\""));
}

static void add_odd(body_t *body, unsigned depth);

static void
add_value(body_t *body)
{
    if (prng_one_in(&prng, 30)) {
        add_odd(body, 3);
    } else {
        add_token(body,
                  ONE_OF("\"k\"", "\"1.2\"", "\"a longer name of it\"", "\"\"",
                         "null", "\"\xe6\x9d\xb1\xe4\xba\xac\"",
                         "\"\\u6771\\u4eac\"", "\"a\\/b\\\\c\\\"d\"",
                         "\"\\ud83d\\ude00 and more of it\"", "\"1.2,3\"",
                         "\"\\b\\f\\n\\r\\t\"", "\"\\u00E9\\u00e9\\u007f\""));
    }
}

/* What is no business of a batch. */
static void
add_odd(body_t *body, unsigned depth)
{
    switch (depth == 0 ? 2 : prng_below(&prng, 4)) {
    case 0:
        add_token(body, "[");
        for (unsigned i = prng_below(&prng, 3); i > 0; i--) {
            add_odd(body, depth - 1);
            add_token(body, i > 1 ? "," : "");
        }
        add_token(body, "]");
        break;
    case 1:
        add_token(body, "{\"]}\":");
        add_odd(body, depth - 1);
        add_token(body, "}");
        break;
    case 2:
        add_token(body, ONE_OF("0", "-1", "1.5e3", "true", "false", "1E400",
                               "99999999999999999999", "01", "tru", "nul", "1.",
                               "-", "nulll"));
        break;
    default:
        add_token(body, ONE_OF("\"]\"", "\"\\\"}\"", "null", "1"));
    }
}

static void
add_members(body_t *body, unsigned count, bool common)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            add_token(body, ",");
        }
        add_name(body, common && prng_one_in(&prng, 4));
        add_token(body, ":");
        add_value(body);
    }
}

static void
add_resources(body_t *body)
{
    unsigned count = prng_below(&prng, 5);

    add_token(body, "\"resources\"");
    add_token(body, ":");
    add_token(body, "[");

    for (unsigned i = 0; i < count; i++) {
        add_token(body, i > 0 ? "," : "");
        if (prng_one_in(&prng, 30)) {
            add_odd(body, 2);
            continue;
        }
        add_token(body, "{");
        add_members(body, prng_below(&prng, 5), false);
        add_token(body, "}");
    }

    add_token(body, "]");
}

static void
make(body_t *body)
{
    body->len = 0;
    add_token(body, "{");
    if (prng_one_in(&prng, 2)) {
        add_members(body, 1 + prng_below(&prng, 3), true);
        add_token(body, ",");
    }
    add_resources(body);
    if (prng_one_in(&prng, 3)) {
        add_token(body, ",");
        add_members(body, 1 + prng_below(&prng, 2), true);
    }
    add_token(body, "}");
    add_token(body, "");
}

static void
mutate(body_t *body)
{
    static const char bytes[] = "\"\\{}[]:,u0 \n\x01\x80\xc3\xff";
    unsigned          at = prng_below(&prng, (unsigned) body->len);

    switch (prng_below(&prng, 4)) {
    case 0:
        body->text[at] = bytes[prng_below(&prng, sizeof(bytes))];
        break;
    case 1:
        body->len = at;
        break;
    case 2:
        memmove(body->text + at, body->text + at + 1, --body->len - at);
        break;
    default:
        body->text[at] ^= (char) (1 << prng_below(&prng, 8));
    }
}

/* The second reading */

static mds_status_t
claim(mds_request_t *request, mds_json_member_t *m)
{
    const mds_json_t *value = mds_json_value(m);

    return mds_json_is_string(value) || mds_json_is_null(value)
               ? mds_request_set_claimed(request, mds_json_key(m),
                                   mds_json_string(value), NULL)
               : MDS_INVALID;
}

static mds_status_t
claim_common(const mds_json_t *body, const mds_json_t *resource,
             mds_request_t *request)
{
    mds_status_t status = MDS_OK;

    for (mds_json_member_t *m = mds_json_first(body);
         status == MDS_OK && m != NULL; m = mds_json_next(body, m))
    {
        if (!mds_str_eq(mds_json_key(m), mds_str("resources"))
            && mds_json_find(resource, mds_json_key(m)) == NULL)
        {
            status = claim(request, m);
        }
    }

    return status;
}

static mds_status_t
ask(const mds_json_t *body, const mds_json_t *resource,
    const mds_request_t *fixed, mds_request_t *request)
{
    mds_status_t status = mds_json_is_object(resource) ? MDS_OK : MDS_INVALID;

    *request = *fixed;

    for (mds_json_member_t *m = mds_json_first(resource);
         status == MDS_OK && m != NULL; m = mds_json_next(resource, m))
    {
        status = claim(request, m);
    }

    if (status == MDS_OK) {
        status = claim_common(body, resource, request);
    }

    return status == MDS_OK ? mds_request_validate(request, NULL) : status;
}

/* One that names a device or a user of its own makes it no batch. */
static bool
speaks_for_another(const mds_json_t *resources)
{
    for (size_t i = 0; i < mds_json_size(resources); i++) {
        const mds_json_t *resource = mds_json_at(resources, i);

        if (mds_json_get(resource, "device") != NULL
            || mds_json_get(resource, "user") != NULL)
        {
            return true;
        }
    }

    return false;
}

static bool
is_batch(const mds_json_t *json, const mds_request_t *fixed)
{
    const mds_json_t *resources = mds_json_get(json, "resources");
    mds_request_t     request = *fixed;

    return mds_json_is_object(json) && mds_json_is_array(resources)
           && !speaks_for_another(resources)
           && claim_common(json, NULL, &request) == MDS_OK;
}

static void
same(const mds_request_t *a, const mds_request_t *b)
{
    for (size_t i = 0; i < a->count; i++) {
        assert_true(mds_str_eq(a->attributes[i].value,
                               mds_request_get(b, a->attributes[i].name)));
    }
}

static void
compare(const mds_batch_t *batch, const mds_json_t *json,
        const mds_request_t *fixed)
{
    const mds_json_t *resources = mds_json_get(json, "resources");

    assert_int_equal(mds_batch_count(batch), mds_json_size(resources));

    for (size_t i = 0; i < mds_batch_count(batch); i++) {
        const mds_json_t *resource = mds_json_at(resources, i);
        mds_request_t     one, other;
        mds_status_t      status = ask(json, resource, fixed, &other);

        assert_int_equal(mds_batch_request(batch, i, &one, NULL), status);
        assert_true(
            mds_str_eq(mds_batch_kind(batch, i),
                       mds_json_string(mds_json_get(resource, "kind"))));
        assert_true(
            mds_str_eq(mds_batch_name(batch, i),
                       mds_json_string(mds_json_get(resource, "name"))));

        if (status == MDS_OK) {
            same(&one, &other);
            same(&other, &one);
        }
    }
}

static bool
read_both(const body_t *body, const mds_request_t *fixed)
{
    mds_str_t text
        = { body->len, memcpy(malloc(body->len + 1), body->text, body->len) };
    void        *memory = malloc(mds_batch_bytes(text.len));
    mds_json_t  *json = NULL;
    mds_batch_t *batch;
    bool         is = mds_json_parse(text, "body", NULL, &json) == MDS_OK
              && is_batch(json, fixed);

    if ((mds_batch_parse(text, fixed, memory, NULL, &batch) == MDS_OK) != is) {
        fail_msg("%s: %.*s", is ? "refused" : "taken", MDS_STR(text));
    }

    if (is) {
        compare(batch, json, fixed);
    }

    mds_json_release(json);
    free(memory);
    free((char *) text.data);
    return is;
}

static void
test_both(void **unused)
{
    mds_request_t fixed[2] = { { 0 }, { 0 } };
    unsigned      whole = 0, mutated = 0;
    body_t        body;

    (void) unused;
    assert_int_equal(mds_request_set_trusted(&fixed[1], mds_str("user"), mds_str("op"),
                                     NULL),
                     MDS_OK);
    prng_seed(&prng);

    for (int i = 0; i < ROUNDS; i++) {
        make(&body);
        whole += read_both(&body, &fixed[i % 2]);

        for (int m = 0; m < 4 && body.len > 0; m++) {
            mutate(&body);
            mutated += body.len > 0 && read_both(&body, &fixed[i % 2]);
        }
    }

    /* It was about something. */
    assert_true(whole > ROUNDS / 10 && whole < ROUNDS);
    assert_true(mutated > ROUNDS / 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_both) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
