/*
 * The two passes: a case for each clause of the method's text, and random
 * lists held against a second reading that walks as the text does.
 *
 * A list is written as "ID:PLATFORM:VERSION:MARKS ...", marks being r (read)
 * and x (expired); what is wanted as "hit ID, delete ID, read RUNS".
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/mds_client_triage.h"
#include "prng.h"
#include "reference_version.h"

#define LISTS 300000
#define LENGTH_MAX 12
#define NOW_MS 1800000000000

typedef struct {
    size_t               count;
    mds_client_triage_message_t messages[LENGTH_MAX];
    char                 platforms[LENGTH_MAX][16];
    char                 versions[LENGTH_MAX][16];
} list_t;

static void
parse(const char *text, list_t *list)
{
    unsigned long id;
    char          marks[4];
    int           used;

    for (list->count = 0; *text != '\0'; list->count++) {
        mds_client_triage_message_t *m = &list->messages[list->count];
        char                 *platform = list->platforms[list->count];
        char                 *version = list->versions[list->count];

        if (sscanf(text, "%lu:%15[^:]:%15[^: ]%n", &id, platform, version,
                   &used)
            < 3) {
            fail_msg("no message: %s", text);
        }
        text += used;

        *marks = '\0';
        if (sscanf(text, ":%3[rx]%n", marks, &used) == 1) {
            text += used;
        }
        text += strspn(text, " ");

        *m = (mds_client_triage_message_t){
            .id = id,
            .platform = mds_str_of(platform),
            .version = mds_str_of(version),
            .expires_ms = strchr(marks, 'x') != NULL ? NOW_MS : NOW_MS + 1,
            .read = strchr(marks, 'r') != NULL,
        };
    }
}

static void
print(const list_t *list, mds_client_triage_t p, const mds_client_triage_run_t *runs,
      char text[256])
{
    int n = 0;

    *text = '\0';
    if (p.hit != MDS_TRIAGE_NO_HIT) {
        n += sprintf(text + n, "hit %lu, ",
                     (unsigned long) list->messages[p.hit].id);
    }
    if (p.delete_through != 0) {
        n += sprintf(text + n, "delete %lu, ",
                     (unsigned long) p.delete_through);
    }
    if (p.runs > 0) {
        n += sprintf(text + n, "read ");
        for (size_t i = 0; i < p.runs; i++) {
            n += sprintf(text + n, "%lu-%lu ", (unsigned long) runs[i].first,
                         (unsigned long) runs[i].last);
        }
    }
    if (n > 0) {
        text[n - (p.runs > 0 ? 1 : 2)] = '\0';
    }
}

/* The device is on android, has 3.1, and the official version is 3.0. */
static void
test_clauses(void **state)
{
    static const struct {
        const char *what;
        const char *list;
        const char *wanted;
    } cases[] = {
        { "no message", "", "" },

        /* the first pass */
        { "it hits", "1:android:3.2", "hit 1" },
        { "another platform's", "1:ios:3.2", "" },
        { "read", "1:android:3.2:r", "delete 1" },
        { "expired", "1:android:3.2:x", "delete 1" },
        { "expired and read", "1:android:3.2:rx", "delete 1" },
        { "the device's version", "1:android:3.1", "" },
        { "that version, written otherwise", "1:android:v3.1.0", "" },
        { "below the device's version", "1:android:3.0.9", "" },
        { "versions are no texts", "1:android:3.10", "hit 1" },
        { "before its release", "1:android:3.1-rc.1", "" },
        { "no version", "1:android:new", "" },

        { "only the newest of the platform hits", "1:android:3.9 2:android:3.2",
          "hit 2, delete 1" },
        { "though a newer one is another platform's", "1:android:3.2 2:ios:9.0",
          "hit 1" },
        { "an older one does not step in for a read one",
          "1:android:3.2 2:android:3.3:r", "" },
        { "nor for an expired one", "1:android:3.2 2:android:3.3:x",
          "read 2-2" },
        { "nor for one that is too low", "1:android:3.2 2:android:3.1", "" },
        { "another platform's expired one shadows nothing",
          "1:android:3.2 2:ios:3.3:x", "hit 1, read 2-2" },

        /* what is noted */
        { "expired ones, of any platform",
          "1:ios:1 2:ios:2:x 3:mac:3 4:android:3.0:x", "read 2-2 4-4" },
        { "on a hit, the others of the platform",
          "1:ios:1 2:android:3.3 3:ios:2 4:android:3.2", "hit 4, read 2-2" },
        { "without a hit, they stay", "1:ios:1 2:android:3.3 3:android:3.0",
          "" },
        { "what is read is not noted again",
          "1:ios:1 2:android:3.1:r 3:android:3.2:rx 4:android:3.3", "hit 4" },
        { "the hit is not noted", "1:android:3.2 2:android:3.3",
          "hit 2, delete 1" },
        { "neighbouring ids are one run",
          "3:ios:1 5:ios:1:x 6:mac:1:x 7:ios:1:x 9:ios:1:x 10:ios:1 11:ios:1:x",
          "read 5-7 9-9 11-11" },
        { "a run ends where the list has a gap", "1:ios:1 5:ios:1:x 7:ios:1:x",
          "read 5-5 7-7" },

        /* the second pass */
        { "the first is unread: nothing is deleted",
          "1:ios:1 2:ios:1:r 3:ios:1:r", "" },
        { "the one before the first unread one", "1:ios:1:r 4:ios:1:r 9:ios:1",
          "delete 4" },
        { "the last one", "1:ios:1:r 4:ios:1:r", "delete 4" },
        { "a noted one counts as read", "1:ios:1:x 2:ios:1:r 3:mac:1:x 7:ios:1",
          "delete 3" },
        { "noted by the hit, too",
          "1:android:3.2 2:android:3.2:r 3:android:3.3 4:ios:1",
          "hit 3, delete 2" },
        { "marks above the boundary alone",
          "1:ios:1:x 2:ios:1 3:ios:1:x 4:ios:1:r", "delete 1, read 3-3" },
        { "marks without a boundary", "1:ios:1 2:ios:1:x", "read 2-2" },
        { "what is read behind an unread one stays",
          "1:ios:1:r 2:ios:1 3:ios:1:r", "delete 1" },
        { "all expired: all goes", "1:ios:1:x 2:android:9:x 8:mac:1:x",
          "delete 8" },
    };
    static const mds_client_triage_device_t device
        = { mds_str("android"), mds_str("3.0"), mds_str("3.1"), NOW_MS };
    list_t           list;
    mds_client_triage_run_t runs[LENGTH_MAX];
    char             found[256];

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        parse(cases[i].list, &list);
        print(&list, mds_client_triage(list.messages, list.count, &device, runs), runs,
              found);
        if (strcmp(found, cases[i].wanted) != 0) {
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].what, found,
                     cases[i].wanted);
        }
    }
}

/* One message of 3.2 against what there is already. */
static void
test_versions(void **state)
{
    static const struct {
        mds_str_t official, version;
        bool      hits;
    } cases[] = {
        { mds_str("3.0"), mds_str("3.1"), true },
        { mds_str("3.1"), mds_str("3.0"), true },
        { mds_str("3.2"), mds_str("3.1"), false },
        { mds_str("3.3"), mds_str("3.1"), false },
        { mds_str("3.1"), mds_str("3.2"), false },
        { mds_str("3.1"), mds_str("3.3"), false },
        { mds_str(""), mds_str("3.1"), true },
        { mds_str("3.1"), mds_str(""), true },
        { mds_str(""), mds_str(""), true },
        { mds_str(""), mds_str("3.2"), false },
        { mds_str("3.2"), mds_str(""), false },
        { mds_str("latest"), mds_str("3.1"), false },
        { mds_str("3.1"), mds_str("old"), false },
    };
    list_t           list;
    mds_client_triage_run_t runs[LENGTH_MAX];

    (void) state;
    parse("4:android:3.2", &list);

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        mds_client_triage_device_t device = { mds_str("android"), cases[i].official,
                                       cases[i].version, NOW_MS };
        mds_client_triage_t p = mds_client_triage(list.messages, list.count, &device, runs);

        if ((p.hit == 0) != cases[i].hits) {
            fail_msg("official \"%.*s\", installed \"%.*s\": %d",
                     MDS_STR(cases[i].official), MDS_STR(cases[i].version),
                     p.hit == 0);
        }
    }
}

/* The last moment that a message is good in is the one before `expires`. */
static void
test_expiry(void **state)
{
    list_t              list;
    mds_client_triage_run_t    runs[LENGTH_MAX];
    mds_client_triage_device_t device = { .platform = mds_str("android") };

    (void) state;
    parse("1:android:1", &list);

    for (int ms = -1; ms <= 1; ms++) {
        device.now_ms = list.messages[0].expires_ms + ms;
        assert_int_equal(mds_client_triage(list.messages, 1, &device, runs).hit,
                         ms < 0 ? 0 : MDS_TRIAGE_NO_HIT);
    }
}

/* --- the second reading: sets of ids, filled as the text goes along */

typedef struct {
    unsigned hit;      /* id; 0: none */
    unsigned boundary; /* id; 0: none */
    bool     mark[64]; /* by id */
} wanted_t;

static bool
is_newest(const list_t *list, const mds_client_triage_message_t *m)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->messages[i].platform.data, m->platform.data) == 0
            && list->messages[i].id > m->id)
        {
            return false;
        }
    }

    return true;
}

static bool
greater(mds_str_t version, mds_str_t than)
{
    return than.len == 0 || reference_version_cmp(version.data, than.data) > 0;
}

static void
read_first(const list_t *list, const mds_client_triage_device_t *d, wanted_t *w)
{
    for (unsigned id = 63; id > 0; id--) {
        for (size_t i = 0; i < list->count; i++) {
            const mds_client_triage_message_t *m = &list->messages[i];
            bool                        ours, expired;

            if (m->id != id) {
                continue;
            }
            ours = strcmp(m->platform.data, d->platform.data) == 0;
            expired = d->now_ms >= m->expires_ms;

            if (expired && !m->read) {
                w->mark[id] = true;
            } else if (ours && is_newest(list, m)) {
                if (!m->read && !expired && greater(m->version, d->official)
                    && greater(m->version, d->version))
                {
                    w->hit = id;
                }
            }
        }
    }

    for (size_t i = 0; w->hit != 0 && i < list->count; i++) {
        const mds_client_triage_message_t *m = &list->messages[i];

        if (strcmp(m->platform.data, d->platform.data) == 0 && m->id != w->hit
            && !m->read)
        {
            w->mark[m->id] = true;
        }
    }
}

static void
read_second(const list_t *list, wanted_t *w)
{
    unsigned before = 0, first_unread = 0;

    for (unsigned id = 1; id < 64 && first_unread == 0; id++) {
        for (size_t i = 0; i < list->count; i++) {
            if (list->messages[i].id != id) {
                continue;
            }
            if (!list->messages[i].read && !w->mark[id]) {
                first_unread = id;
            } else {
                before = id;
            }
        }
    }

    w->boundary = before;
    for (unsigned id = 1; id <= before; id++) {
        w->mark[id] = false;
    }
}

static void
roll(prng_t *prng, list_t *list, mds_client_triage_device_t *d)
{
    static const char *const platforms[] = { "android", "ios", "mac" };
    static const char *const versions[]
        = { "1", "1.0", "1.9", "1.10", "2-rc.1", "2", "3", "" };
    unsigned  id = 0, chance = 1 + prng_below(prng, 3);
    mds_str_t v[2];

    list->count = prng_below(prng, LENGTH_MAX + 1);
    for (size_t i = 0; i < list->count; i++) {
        id += 1 + (prng_one_in(prng, 3) ? prng_below(prng, 4) : 0);
        list->messages[i] = (mds_client_triage_message_t){
            .id = id,
            .platform = mds_str_of(platforms[prng_below(prng, 3)]),
            .version = mds_str_of(versions[prng_below(prng, 7)]),
            .expires_ms = NOW_MS - 1 + prng_below(prng, 2 + 2 * chance),
            .read = prng_one_in(prng, 1 + chance),
        };
    }

    for (size_t i = 0; i < 2; i++) {
        v[i] = mds_str_of(
            versions[prng_one_in(prng, 2) ? 7 : prng_below(prng, 8)]);
    }
    *d = (mds_client_triage_device_t){ mds_str_of(platforms[prng_below(prng, 3)]), v[0],
                                v[1], NOW_MS };
}

static void
compare(const list_t *list, mds_client_triage_t p, const mds_client_triage_run_t *runs,
        const wanted_t *w)
{
    bool     mark[64] = { false };
    uint64_t last = p.delete_through;

    assert_int_equal(p.hit == MDS_TRIAGE_NO_HIT ? 0 : list->messages[p.hit].id,
                     w->hit);
    assert_int_equal(p.delete_through, w->boundary);
    assert_true(p.runs <= list->count);

    for (size_t i = 0; i < p.runs; i++) {
        assert_true(runs[i].first <= runs[i].last);
        assert_true(runs[i].first > last);
        /* as few runs as there can be */
        assert_true(i == 0 || runs[i].first > last + 1);
        for (last = runs[i].first; last <= runs[i].last; last++) {
            mark[last] = true;
        }
        last = runs[i].last;
    }
    assert_memory_equal(mark, w->mark, sizeof(mark));
}

static void
test_second_reading(void **state)
{
    unsigned            hits = 0, deleted = 0, marked = 0;
    list_t              list;
    prng_t              prng;
    mds_client_triage_run_t    runs[LENGTH_MAX];
    mds_client_triage_device_t device;

    (void) state;
    prng_seed(&prng);

    for (unsigned n = 0; n < LISTS; n++) {
        wanted_t     w = { 0 };
        mds_client_triage_t p;

        roll(&prng, &list, &device);
        read_first(&list, &device, &w);
        read_second(&list, &w);
        p = mds_client_triage(list.messages, list.count, &device, runs);
        compare(&list, p, runs, &w);

        hits += p.hit != MDS_TRIAGE_NO_HIT;
        deleted += p.delete_through != 0;
        marked += p.runs > 0;
    }

    printf("%u lists: %u hits, %u deletions, %u with marks\n", LISTS, hits,
           deleted, marked);
    assert_true(hits > LISTS / 20 && deleted > LISTS / 20
                && marked > LISTS / 20);
}

/* Once the request has been carried out, there is nothing more to say. */
static void
test_settled(void **state)
{
    list_t              list;
    prng_t              prng;
    mds_client_triage_t        p;
    mds_client_triage_run_t    runs[LENGTH_MAX];
    mds_client_triage_device_t device;

    (void) state;
    prng_seed(&prng);

    for (unsigned n = 0; n < 20000; n++) {
        size_t hit, kept = 0;

        roll(&prng, &list, &device);
        p = mds_client_triage(list.messages, list.count, &device, runs);
        hit = p.hit;

        for (size_t i = 0; i < list.count; i++) {
            mds_client_triage_message_t m = list.messages[i];

            for (size_t r = 0; r < p.runs; r++) {
                m.read |= runs[r].first <= m.id && m.id <= runs[r].last;
            }
            if (m.id > p.delete_through) {
                list.messages[kept++] = m;
            }
        }
        hit -= hit == MDS_TRIAGE_NO_HIT ? 0 : list.count - kept;
        p = mds_client_triage(list.messages, kept, &device, runs);

        assert_int_equal(p.hit, hit);
        assert_int_equal(p.delete_through, 0);
        assert_int_equal(p.runs, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clauses), cmocka_unit_test(test_versions),
        cmocka_unit_test(test_expiry),  cmocka_unit_test(test_second_reading),
        cmocka_unit_test(test_settled),
    };

    return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}
