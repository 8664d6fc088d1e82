/*
 * The decision against a second reading of interface.md, in documents and
 * requests that nobody thought of. MDS_SEED=N makes a run again.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_siphash.h"
#include "prng.h"
#include "catalog_fixture.h"
#include "workdir.h"
#include "random_model.h"

#define GENERATIONS 15
#define APPS 100
#define DEVICES 220

static random_model_t  worlds[APPS];
static unsigned seen[7]; /* answers of each sort */
static unsigned compared;
static unsigned foreign; /* devices with a hotfix for another app_version */

/* The same for the same files, and of all fates. */
static fixture_delta_t
fate(const char *from, const char *to)
{
    char     text[64];
    uint64_t hash;
    int      len = snprintf(text, sizeof(text), "%s>%s", from, to);

    hash = mds_siphash((const uint8_t *) "0123456789abcdef",
                       (mds_str_t){ (size_t) len, text });

    return hash % 4 == 0   ? FIXTURE_NONE
           : hash % 4 == 1 ? FIXTURE_UNWORTHY
                           : FIXTURE_WORTH;
}

/* A failure of each release that is to be halted. */
static void
halt(const random_model_t *model)
{
    static char keys[RANDOM_MANY][64];
    mds_write_t writes[RANDOM_MANY];
    size_t      count = 0;
    mds_error_t err;

    for (unsigned i = 0; i < model->release_count; i++) {
        const random_release_t *release = &model->releases[i];
        int len = snprintf(keys[i], sizeof(keys[i]), "%s%c%s", model->app, 0,
                           release->id);

        if (release->halted) {
            writes[count++]
                = (mds_write_t){ .type = MDS_WRITE_REPORT,
                                 .report = { .release = { (size_t) len, keys[i] },
                                             .device = 1,
                                             .event = MDS_EVENT_CRASHED,
                                             .instructed = true,
                                             .limit = { 1, 5000, 0 } } };
        }
    }

    assert_int_equal(mds_state_write(fixture_live, writes, count, 1, &err), MDS_OK);
}

static void
halt_all(void)
{
    mds_error_t err;

    mds_state_close(fixture_live);
    assert_true(shell("rm -rf state; mkdir state"));
    assert_int_equal(mds_state_create(workdir("."), -1, -1, &err), MDS_OK);
    assert_int_equal(mds_state_open(workdir("."), &err, &fixture_live), MDS_OK);

    for (unsigned i = 0; i < APPS; i++) {
        halt(&worlds[i]);
    }
}

static void
fill(prng_t *prng)
{
    fixture_begin();

    for (unsigned i = 0; i < APPS; i++) {
        mds_error_t err;
        char       *document;

        random_model_generate(prng, &worlds[i]);
        snprintf(worlds[i].app, sizeof(worlds[i].app), "app%03u", i);
        document = random_document(&worlds[i], fixture_now_ms);

        if (!fixture_add(document, &err)) {
            fail_msg("%s\n%s", err.text, document);
        }
        free(document);
    }

    fixture_end();
    halt_all();
}

static void
count(const char *line)
{
    static const char first[] = "uocnirh";

    seen[strchr(first, line[0]) - first]++;
}

static void
listen(mds_trace_t *trace, const mds_trace_event_t *event)
{
    (void) trace;
    assert_non_null(event->detail);
}

/* Whoever listens does not change what is said. */
static void
compare_traced(const char *query, const char *should)
{
    mds_trace_t    trace = { listen };
    mds_snapshot_t snapshot = fixture_snapshot();
    mds_request_t  request;
    mds_decision_t decision;
    mds_error_t    err;
    mds_status_t   status;

    fixture_request(query, &request);
    status = mds_decide(&snapshot, &request, fixture_now_ms, &trace, &err,
                        &decision);
    assert_string_equal(fixture_describe(status, &err, &decision), should);
}

static void
compare(const random_model_t *model, const random_device_t *device)
{
    char        query[1024], should[512];
    const char *is;

    random_query(model, device, query);
    reference_decide(model, device, should);
    foreign += reference_foreign(model, device);
    is = fixture_decide(query);
    count(is);

    if (strcmp(is, should) != 0) {
        printf("%s%s\n  lib says  %s\n  should be %s\n",
               random_document(model, fixture_now_ms), query, is, should);
        fail();
    }

    if (++compared % 8 == 0) {
        compare_traced(query, should);
    }
}

static void
test_second_reading(void **state)
{
    prng_t         prng;
    random_device_t device;

    (void) state;
    prng_seed(&prng);
    fixture_delta = fate;

    for (unsigned generation = 0; generation < GENERATIONS; generation++) {
        fill(&prng);

        for (unsigned i = 0; i < APPS * DEVICES; i++) {
            const random_model_t *model = &worlds[i % APPS];

            random_device(&prng, model, &device);
            compare(model, &device);
        }
    }

    /* No sort of answer is so rare that it was not compared. */
    printf("unknown %u, outside %u, current %u, no_delta %u, install %u,"
           " rollback %u, halted %u\n",
           seen[0], seen[1], seen[2], seen[3], seen[4], seen[5], seen[6]);

    for (unsigned i = 0; i < mds_nelems(seen); i++) {
        assert_true(seen[i] > 500);
    }

    printf("hotfix of another app_version %u\n", foreign);
    assert_true(foreign > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_reading),
    };

    return cmocka_run_group_tests_name("decide, second reading", tests,
                                       fixture_setup, fixture_teardown);
}
