/* The counters that workers share: slots, series, sums and the history. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mds_arena.h"
#include "metrics/mds_counters.h"

#define ZONE_BYTES ((size_t) MDS_COUNTERS_BYTES_MIN)
#define MINUTE 60000

static int64_t alive[8]; /* pids of processes that exist; 0: none */

static bool
is_alive(int64_t pid)
{
    for (size_t i = 0; i < mds_nelems(alive); i++) {
        if (alive[i] == pid) {
            return true;
        }
    }

    return false;
}

/* The memory of the sums of one test. */
static mds_arena_t *arena;
static mds_alloc_t  heap;

static int
set_up(void **state)
{
    void *memory = aligned_alloc(64, ZONE_BYTES);

    arena = mds_arena_new();
    assert_non_null(arena);
    heap = mds_arena_allocator(arena);

    memset(memory, 0, ZONE_BYTES);
    memset(alive, 0, sizeof(alive));
    *state = mds_counters_init(memory, ZONE_BYTES, 3, 1000);
    return 0;
}

static int
tear_down(void **state)
{
    mds_arena_free(arena);
    free(*state);
    return 0;
}

static mds_series_t *
decision(mds_counter_slot_t *slot, const char *release, const char *action)
{
    mds_str_t fields[]
        = { mds_str("0"),  mds_str("app"),      mds_str("upgrade"),
            mds_str(""),   mds_str_of(release), mds_str_of(action),
            mds_str("all") };

    return mds_counters_series(slot, MDS_SERIES_DECISION, fields,
                               mds_nelems(fields));
}

/* Returns the sum of a decision; 0: there is none. */
static uint64_t
sum_of(mds_counter_zone_t *zone, const char *release, const char *action)
{
    mds_totals_t totals;
    uint64_t     sum = 0;
    int          found = 0;

    assert_int_equal(mds_counters_sum(zone, &heap, NULL, &totals), MDS_OK);

    for (size_t i = 0; i < totals.count; i++) {
        const mds_total_t *total = &totals.series[i];

        if (total->type == MDS_SERIES_DECISION
            && mds_str_eq(total->fields[4], mds_str_of(release))
            && mds_str_eq(total->fields[5], mds_str_of(action)))
        {
            assert_int_equal(total->field_count, 7);
            sum += total->values[0];
            found++;
        }
    }

    assert_true(found <= 1);
    return sum;
}

static void
test_slots(void **state)
{
    mds_counter_zone_t *zone = *state;
    mds_counter_slot_t *a, *b, *c;

    alive[0] = 11;
    alive[1] = 12;
    alive[2] = 13;
    a = mds_counters_claim(zone, 11, is_alive);
    b = mds_counters_claim(zone, 12, is_alive);
    c = mds_counters_claim(zone, 13, is_alive);
    assert_true(a != NULL && b != NULL && c != NULL && a != b && b != c);
    assert_ptr_equal(mds_counters_claim(zone, 12, is_alive), b);
    assert_null(mds_counters_claim(zone, 14, is_alive));

    /* One is killed, one ends: their slots go to the next, with the numbers. */
    mds_series_add(decision(b, "r", "install"), 0, 5);
    alive[1] = 0;
    assert_ptr_equal(mds_counters_claim(zone, 14, is_alive), b);
    mds_series_add(decision(b, "r", "install"), 0, 2);
    mds_series_add(decision(c, "r", "install"), 0, 1);
    mds_counters_release(zone, a);
    assert_ptr_equal(mds_counters_claim(zone, 15, is_alive), a);
    mds_series_add(decision(a, "r", "none"), 0, 9);
    assert_int_equal(sum_of(zone, "r", "install"), 8);
    assert_int_equal(sum_of(zone, "r", "none"), 9);
    assert_int_equal(sum_of(zone, "", "none"), 0);
}

static void
test_series(void **state)
{
    mds_counter_zone_t *zone = *state;
    mds_counter_slot_t *slot = mds_counters_claim(zone, 1, is_alive);
    mds_series_t       *series = decision(slot, "r", "install");
    mds_totals_t        totals;
    char                name[32];
    unsigned            n = 0;

    assert_ptr_equal(decision(slot, "r", "install"), series);
    assert_ptr_not_equal(decision(slot, "r", "none"), series);

    /* One that is longer than its room, and those that come too late. */
    {
        static char long_name[MDS_SERIES_TEXT_MAX];

        memset(long_name, 'x', sizeof(long_name) - 1);
        mds_series_add(decision(slot, long_name, "install"), 0, 1);
    }

    for (; n < 100000; n++) {
        snprintf(name, sizeof(name), "release-%u", n);
        mds_series_add(decision(slot, name, "install"), 0, 1);
    }

    assert_int_equal(mds_counters_sum(zone, &heap, NULL, &totals), MDS_OK);
    assert_true(totals.series_used <= totals.series_max);
    assert_true(totals.series_max > 1000 && totals.series_max < 100000);
    assert_int_equal(sum_of(zone, "other", "other"),
                     100000 + 1 - (totals.series_used - 3 - 2));
    assert_int_equal(totals.other[MDS_OTHER_DECISIONS],
                     100000 + 1 - (totals.series_used - 3 - 2));
    assert_int_equal(totals.other[MDS_OTHER_DOWNLOADS], 0);

    /* A file, of which only the end may have been sent; and an app of this
     * name, which has room. */
    {
        mds_str_t     file[] = { mds_str("0"), mds_str("f"), mds_str("full") };
        mds_series_t *other
            = mds_counters_series(slot, MDS_SERIES_FILE, file, 3);

        mds_series_add(other, 0, 10);
        mds_series_add(other, 1, 1);
    }
    assert_int_equal(mds_counters_sum(zone, &heap, NULL, &totals), MDS_OK);
    assert_int_equal(totals.other[MDS_OTHER_BYTES], 10);
    assert_int_equal(totals.other[MDS_OTHER_DOWNLOADS], 1);
    assert_string_equal(mds_other_name(MDS_OTHER_BYTES), "sent_bytes");

    /* What has no room is not counted as a depot's. */
    for (size_t i = 0; i < totals.count; i++) {
        if (mds_str_eq(
                totals.series[i].fields[totals.series[i].field_count - 1],
                mds_str("other")))
        {
            assert_true(mds_str_eq(totals.series[i].fields[0], mds_str("15")));
        }
    }
    assert_ptr_equal(decision(slot, "r", "install"), series);

    /* The neighbour is as it was. */
    assert_int_equal(sum_of(zone, "release-7", "install"), 1);
}

static void
test_fixed(void **state)
{
    mds_counter_zone_t   *zone = *state;
    mds_fixed_counters_t *fixed
        = mds_counters_fixed(mds_counters_claim(zone, 1, is_alive));
    mds_totals_t totals;

    mds_counter_add(
        &fixed->responses[MDS_ENDPOINT_CHECK][mds_http_status_index(204)], 3);
    assert_int_equal(mds_http_status_index(418), MDS_HTTP_STATUS_COUNT - 1);
    assert_int_equal(mds_http_status_index(0), MDS_HTTP_STATUS_COUNT - 1);

    mds_histogram_add(&fixed->checks, 10000);
    mds_histogram_add(&fixed->checks, 10001);
    mds_histogram_add(&fixed->checks, -5);
    mds_histogram_add(&fixed->checks, INT64_C(99000000000));

    assert_int_equal(mds_counters_sum(zone, &heap, NULL, &totals), MDS_OK);
    assert_int_equal(totals.fixed.responses[MDS_ENDPOINT_CHECK][1], 3);
    assert_int_equal(totals.fixed.checks.buckets[0], 2);
    assert_int_equal(totals.fixed.checks.buckets[1], 1);
    assert_int_equal(totals.fixed.checks.buckets[MDS_HISTOGRAM_BUCKETS - 1], 1);
    assert_int_equal(totals.fixed.checks.sum_ns, UINT64_C(99000020001));
    assert_int_equal(totals.slots_used, 1);
}

static void
test_depots(void **state)
{
    mds_counter_zone_t *zone = *state;
    char                path[32];

    assert_int_equal(mds_counters_add_depot(zone, mds_str("/a")), 0);
    assert_int_equal(mds_counters_add_depot(zone, mds_str("/b")), 1);
    assert_int_equal(mds_counters_add_depot(zone, mds_str("/a")), 0);
    assert_string_equal(mds_counters_depot(zone, 1), "/b");

    for (unsigned i = 2; i < 30; i++) {
        snprintf(path, sizeof(path), "/depot%u", i);
        assert_int_equal(mds_counters_add_depot(zone, mds_str_of(path)),
                         i < MDS_COUNTERS_DEPOTS_MAX
                             ? i
                             : MDS_COUNTERS_DEPOT_OTHER);
    }

    assert_string_equal(mds_counters_depot(zone, 14), "/depot14");
    assert_string_equal(mds_counters_depot(zone, MDS_COUNTERS_DEPOT_OTHER),
                        "other");
    assert_int_equal(mds_counters_add_depot(zone, mds_str("/b")), 1);
}

static void
test_cache(void **state)
{
    mds_series_cache_t       *cache = calloc(1, sizeof(*cache));
    mds_series_cache_entry_t *entry;
    mds_counter_slot_t       *slot = mds_counters_claim(*state, 1, is_alive);
    char                      record[8], release[8];

    entry = mds_series_cache_find(cache, 7, record, release, 1);
    assert_null(entry->series);
    entry->series = decision(slot, "r", "install");
    entry = mds_series_cache_find(cache, 7, record, release, 1);
    assert_non_null(entry->series);
    assert_null(mds_series_cache_find(cache, 7, record, release, 2)->series);
    assert_null(mds_series_cache_find(cache, 8, record, release, 1)->series);

    /* No entry of zeros counts as one of an unknown resource. */
    assert_null(mds_series_cache_find(cache, 8, NULL, NULL, 1)->series);
    free(cache);
}

#define CACHE_KEYS 400

/* Counts the keys that are not in the cache, and adds them: a hundred records
 * with four releases each, as in a catalog. */
static size_t
add_to_cache(mds_series_cache_t *cache)
{
    mds_series_t *series = (mds_series_t *) cache;
    size_t        misses = 0;

    for (uintptr_t i = 0; i < CACHE_KEYS; i++) {
        mds_series_cache_entry_t *entry = mds_series_cache_find(
            cache, 1, (void *) (i / 4 * 2048),
            (void *) (i / 4 * 2048 + 64 + i % 4 * 24), i << 1 | 1);

        misses += entry->series == NULL;
        entry->series = series;
    }

    return misses;
}

static void
test_cache_keeps(void **state)
{
    mds_series_cache_t *cache = calloc(1, sizeof(*cache));

    (void) state;
    assert_non_null(cache);
    assert_int_equal(add_to_cache(cache), CACHE_KEYS);
    assert_in_range(add_to_cache(cache), 0, CACHE_KEYS / 50);

    /* More keys than it has entries: each is found just after it was added. */
    for (uintptr_t i = 0; i < 4 * (uintptr_t) MDS_SERIES_CACHE_SIZE; i++) {
        mds_series_cache_find(cache, 2, NULL, NULL, i << 1 | 1)->series
            = (mds_series_t *) cache;
        assert_non_null(
            mds_series_cache_find(cache, 2, NULL, NULL, i << 1 | 1)->series);
    }

    free(cache);
}

static void
test_history(void **state)
{
    mds_counter_zone_t *zone = *state;
    mds_counter_slot_t *slot = mds_counters_claim(zone, 1, is_alive);
    mds_counter_slot_t *second = mds_counters_claim(zone, 2, is_alive);
    int64_t             now = INT64_C(1800000000) * 1000 / MINUTE * MINUTE;
    uint64_t            minutes[MDS_HISTORY_MINUTES];
    uint32_t            points[MDS_HISTORY_POINTS];
    mds_str_t fields[] = { mds_str("0"), mds_str("app"), mds_str("upgrade"),
                           mds_str(""), mds_str("r") };
    uint64_t  total = 0;

    alive[0] = 1;
    alive[1] = 2;
    mds_history_update(zone, 1, is_alive, now);
    assert_int_equal(mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes), 0);

    mds_series_add(decision(slot, "r", "install"), 0, 4);
    mds_series_add(decision(second, "r", "install"), 0, 3);
    mds_series_add(decision(second, "r", "none"), 0, 100);
    mds_history_update(zone, 2, is_alive, now + MINUTE); /* not in charge */
    assert_int_equal(mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes), 0);
    mds_history_update(zone, 1, is_alive, now + MINUTE);
    assert_int_equal(mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes), now);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 1], 7);
    mds_history_get(zone, MDS_HISTORY_DECISIONS, minutes);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 1], 107);

    /* The process in charge ends; nobody looks for two minutes. */
    alive[0] = 0;
    mds_series_add(decision(second, "r", "install"), 0, 2);
    mds_history_update(zone, 2, is_alive, now + 4 * MINUTE + 59999);
    mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 1], 2);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 2], 0);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 4], 7);

    assert_true(mds_history_get_release(zone, fields, points));
    for (int i = 0; i < MDS_HISTORY_POINTS; i++) {
        total += points[i];
    }
    assert_int_equal(total, 9);
    fields[4] = mds_str("never");
    assert_false(mds_history_get_release(zone, fields, points));

    /* After more than a day, everything is zero. */
    mds_history_update(zone, 2, is_alive, now + (int64_t) 1500 * MINUTE);
    mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes);
    fields[4] = mds_str("r");
    assert_true(mds_history_get_release(zone, fields, points));
    for (int i = 0; i < MDS_HISTORY_MINUTES; i++) {
        assert_int_equal(minutes[i], 0);
        assert_int_equal(points[i % MDS_HISTORY_POINTS], 0);
    }
}

/* A process that ends is not in charge any more, even if another one has its
 * number. */
static void
test_charge(void **state)
{
    mds_counter_zone_t *zone = *state;
    mds_counter_slot_t *slot = mds_counters_claim(zone, 1, is_alive);
    uint64_t            minutes[MDS_HISTORY_MINUTES];

    alive[0] = 1;
    alive[1] = 2;
    mds_history_update(zone, 1, is_alive, MINUTE);
    mds_counters_release(zone, slot);
    slot = mds_counters_claim(zone, 2, is_alive);
    mds_series_add(decision(slot, "r", "install"), 0, 4);
    mds_history_update(zone, 2, is_alive, 2 * MINUTE);
    mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes);
    assert_int_equal(minutes[MDS_HISTORY_MINUTES - 1], 4);

    /* It is another one that ends. */
    mds_counters_release(zone, mds_counters_claim(zone, 3, is_alive));
    mds_history_update(zone, 4, is_alive, 3 * MINUTE);
    assert_int_equal(mds_history_get(zone, MDS_HISTORY_INSTALLS, minutes),
                     MINUTE);
}

/* More releases than there are histories: what is in none is counted. */
static void
test_histories(void **state)
{
    mds_counter_zone_t *zone = *state;
    mds_counter_slot_t *slot = mds_counters_claim(zone, 1, is_alive);
    mds_str_t    fields[] = { mds_str("0"), mds_str("app"), mds_str("upgrade"),
                              mds_str(""), mds_null_str };
    uint32_t     points[MDS_HISTORY_POINTS];
    mds_totals_t totals;
    char         name[32];
    uint64_t     with = 0;

    mds_history_update(zone, 1, is_alive, MINUTE);

    for (unsigned n = 0; n < 500; n++) {
        snprintf(name, sizeof(name), "release-%u", n);
        mds_series_add(decision(slot, name, "install"), 0, 1);
    }

    mds_history_update(zone, 1, is_alive, 2 * MINUTE);

    for (unsigned n = 0; n < 500; n++) {
        snprintf(name, sizeof(name), "release-%u", n);
        fields[4] = mds_str_of(name);
        with += mds_history_get_release(zone, fields, points) ? 1 : 0;
    }

    assert_int_equal(mds_counters_sum(zone, &heap, NULL, &totals), MDS_OK);
    assert_true(with > 10 && with < 500);
    assert_int_equal(totals.other[MDS_OTHER_HISTORIES], 500 - with);
    assert_int_equal(totals.other[MDS_OTHER_DECISIONS], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[]
        = { TEST(test_slots),  TEST(test_series),   TEST(test_fixed),
            TEST(test_depots), TEST(test_cache),    TEST(test_cache_keeps), TEST(test_history),
            TEST(test_charge), TEST(test_histories) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
