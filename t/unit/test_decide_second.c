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

#include "dice.h"
#include "mds_digest.h"
#include "shelf.h"
#include "world.h"

#define GENERATIONS 15
#define APPS 100
#define DEVICES 220

static world_t  worlds[APPS];
static unsigned seen[6]; /* answers of each sort */
static unsigned compared;
static unsigned foreign; /* devices with a hotfix for another app_version */

/* The same for the same files, and of all fates. */
static shelf_delta_t
fate(const char *from, const char *to)
{
    char     text[64];
    uint64_t hash;
    int      len = snprintf(text, sizeof(text), "%s>%s", from, to);

    hash = mds_siphash((const uint8_t *) "0123456789abcdef",
                       (mds_str_t){ (size_t) len, text });

    return hash % 4 == 0   ? SHELF_NONE
           : hash % 4 == 1 ? SHELF_UNWORTHY
                           : SHELF_WORTH;
}

static void
fill(dice_t *dice)
{
    shelf_begin();

    for (unsigned i = 0; i < APPS; i++) {
        mds_error_t err;
        char       *document;

        world_roll(dice, &worlds[i]);
        snprintf(worlds[i].app, sizeof(worlds[i].app), "app%03u", i);
        document = world_document(&worlds[i], shelf_now_ms);

        if (!shelf_add(document, &err)) {
            fail_msg("%s\n%s", err.text, document);
        }
        free(document);
    }

    shelf_end();
}

static void
count(const char *line)
{
    static const char first[] = "uocnir";

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
    mds_snapshot_t snapshot = shelf_snapshot();
    mds_request_t  request;
    mds_decision_t decision;
    mds_error_t    err;
    mds_status_t   status;

    shelf_request(query, &request);
    status = mds_decide(&snapshot, &request, shelf_now_ms, &trace, &err,
                        &decision);
    assert_string_equal(shelf_say(status, &err, &decision), should);
}

static void
compare(const world_t *world, const world_device_t *device)
{
    char        query[1024], should[512];
    const char *is;

    world_query(world, device, query);
    second_decide(world, device, should);
    foreign += second_foreign(world, device);
    is = shelf_ask(query);
    count(is);

    if (strcmp(is, should) != 0) {
        printf("%s%s\n  lib says  %s\n  should be %s\n",
               world_document(world, shelf_now_ms), query, is, should);
        fail();
    }

    if (++compared % 8 == 0) {
        compare_traced(query, should);
    }
}

static void
test_second_reading(void **state)
{
    dice_t         dice;
    world_device_t device;

    (void) state;
    dice_begin(&dice);
    shelf_delta = fate;

    for (unsigned generation = 0; generation < GENERATIONS; generation++) {
        fill(&dice);

        for (unsigned i = 0; i < APPS * DEVICES; i++) {
            const world_t *world = &worlds[i % APPS];

            world_roll_device(&dice, world, &device);
            compare(world, &device);
        }
    }

    /* No sort of answer is so rare that it was not compared. */
    printf("unknown %u, outside %u, current %u, no_delta %u, install %u,"
           " rollback %u\n",
           seen[0], seen[1], seen[2], seen[3], seen[4], seen[5]);

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
                                       shelf_make, shelf_remove);
}
