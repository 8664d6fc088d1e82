/*
 * The decision, table by table: each row is a request and the whole answer.
 * test_decide_reference.c has what nobody thought of.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/mds_digest.h"
#include "base/mds_siphash.h"
#include "base/mds_time.h"
#include "idset/mds_idset.h"
#include "join.h"
#include "catalog_fixture.h"
#include "workdir.h"

typedef struct {
    const char *query;
    const char *answer;
} row_t;

#define ALL "\"audience\":{\"all\":true}"
#define PACKAGE(kind, version, file, more)                                     \
    "{\"kind\":\"" kind "\",\"version\":\"" version "\",\"file\":\"" file      \
    "\"" more "}"
#define RELEASE(id, kind, version, more)                                       \
    "{\"id\":\"" id "\",\"kind\":\"" kind "\",\"version\":\"" version          \
    "\"," more "}"
#define DOC(lists, packages, releases)                                         \
    "{\"app\":\"a\",\"lists\":{" lists "},\"packages\":[" packages             \
    "],\"releases\":[" releases "]}"
#define TWO                                                                    \
    PACKAGE("upgrade", "1.0", "f1", "")                                        \
    "," PACKAGE("upgrade", "2.0", "f2", "")
#define ONE PACKAGE("upgrade", "2.0", "f2", "")
#define GETS "install 2.0 by r full=f2"

/* Each query is behind "app=a&kind=KIND". */
static void
check_rows(const char *kind, const row_t *rows, size_t count)
{
    char query[1024];

    for (size_t i = 0; i < count; i++) {
        const char *answer;

        snprintf(query, sizeof(query), "app=a&kind=%s%s%s", kind,
                 rows[i].query[0] == '\0' ? "" : "&", rows[i].query);
        answer = fixture_decide(query);

        if (strcmp(answer, rows[i].answer) != 0) {
            fail_msg("%s\n  says   %s\n  wants  %s", query, answer,
                     rows[i].answer);
        }
    }
}

#define check_upgrade(rows) check_rows("upgrade", rows, mds_nelems(rows))
#define check_hotfix(rows) check_rows("hotfix", rows, mds_nelems(rows))

/* One release under one rule, asked about os_version or brand. */
static void
check_rule(const char *rule, const row_t *rows, size_t count)
{
    char document[2048];

    snprintf(document, sizeof(document),
             DOC("", ONE,
                 RELEASE("r", "upgrade", "2.0", ALL ",\"rules\":[%s]")),
             rule);
    fixture_load(document);
    check_rows("upgrade", rows, count);
}

static void
test_in(void **state)
{
    static const row_t rows[] = {
        { "brand=Xiaomi", GETS },         { "brand=Redmi+Note", GETS },
        { "brand=Redmi", GETS },          { "brand=xiaomi", "outside" },
        { "brand=Xiaomi+13", "outside" }, { "brand=Redm", "outside" },
        { "brand=Mi*", "outside" },       { "brand=M*", GETS },
        { "brand=", "outside" },          { "", "outside" },
        { "brand=%E6%9B%B4", GETS },
    };

    (void) state;
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"values\":[\"Xiaomi\","
               "\"Redmi*\",\"M*\",\"\xe6\x9b\xb4\"]}",
               rows, 5);
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"values\":[\"Xiaomi\","
               "\"Redmi*\",\"\xe6\x9b\xb4\"]}",
               rows + 5, 2);
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"values\":[\"Xiaomi\","
               "\"M*\",\"\xe6\x9b\xb4\"]}",
               rows + 7, 4);
}

static void
test_not_in(void **state)
{
    static const row_t rows[] = {
        { "brand=Xiaomi", "outside" },
        { "brand=Redmi+Note", "outside" },
        { "brand=Oppo", GETS },
        { "brand=", "outside" },
        { "", "outside" },
    };
    static const row_t any[] = { { "brand=x", GETS }, { "", "outside" } };
    static const row_t none[] = { { "brand=x", "outside" }, { "", "outside" } };

    (void) state;
    check_rule("{\"attribute\":\"brand\",\"op\":\"not_in\",\"values\":["
               "\"Xiaomi\",\"Redmi*\"]}",
               rows, mds_nelems(rows));
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"values\":[\"*\"]}",
               any, mds_nelems(any));
    check_rule("{\"attribute\":\"brand\",\"op\":\"not_in\",\"values\":[\"*\"]}",
               none, mds_nelems(none));
}

static void
test_range(void **state)
{
    static const row_t closed[] = {
        { "os_version=9", GETS },
        { "os_version=9.0.0", GETS },
        { "os_version=14", GETS },
        { "os_version=v10", GETS },
        { "os_version=14.0.1", "outside" },
        { "os_version=8.9", "outside" },
        { "os_version=9-rc", "outside" },
        { "os_version=14-rc", GETS },
        { "os_version=Nougat", "outside" },
        { "os_version=", "outside" },
        { "", "outside" },
    };
    static const row_t below[] = {
        { "os_version=13.9", GETS },    { "os_version=14-rc", GETS },
        { "os_version=14", "outside" }, { "os_version=0", GETS },
        { "os_version=x", "outside" },
    };
    static const row_t outside[] = {
        { "os_version=9", "outside" }, { "os_version=14", "outside" },
        { "os_version=8", GETS },      { "os_version=15", GETS },
        { "os_version=x", "outside" }, { "", "outside" },
    };
    static const row_t open[] = {
        { "os_version=9", GETS },
        { "os_version=99999999999999999999", GETS },
        { "os_version=8", "outside" },
    };

    (void) state;
    check_rule("{\"attribute\":\"os_version\",\"op\":\"range\",\"min\":\"9\","
               "\"max\":\"14\"}",
               closed, mds_nelems(closed));
    check_rule(
        "{\"attribute\":\"os_version\",\"op\":\"range\",\"below\":\"14\"}",
        below, mds_nelems(below));
    check_rule("{\"attribute\":\"os_version\",\"op\":\"not_range\",\"min\":"
               "\"9\",\"max\":\"14\"}",
               outside, mds_nelems(outside));
    check_rule("{\"attribute\":\"os_version\",\"op\":\"range\",\"min\":\"9\"}",
               open, mds_nelems(open));
}

static void
test_absent(void **state)
{
    static const row_t not_in[] = {
        { "", GETS },           { "brand=", GETS },
        { "brand=Oppo", GETS }, { "brand=Xiaomi", "outside" },
    };
    static const row_t range[] = {
        { "", GETS },
        { "os_version=9", GETS },
        { "os_version=8", "outside" },
        { "os_version=Nougat", "outside" },
    };
    /* "Nothing is installed." */
    static const row_t none[] = { { "", GETS }, { "version=1.0", "outside" } };

    (void) state;
    check_rule("{\"attribute\":\"brand\",\"op\":\"not_in\",\"values\":["
               "\"Xiaomi\"],\"absent\":true}",
               not_in, mds_nelems(not_in));
    check_rule("{\"attribute\":\"os_version\",\"op\":\"range\",\"min\":\"9\","
               "\"absent\":true}",
               range, mds_nelems(range));
    check_rule("{\"attribute\":\"version\",\"op\":\"not_in\",\"values\":["
               "\"*\"],\"absent\":true}",
               none, mds_nelems(none));
}

static void
test_fold(void **state)
{
    static const row_t in[] = {
        { "brand=XIAOMI", GETS },
        { "brand=xiaomi", GETS },
        { "brand=rEDMI+Note", GETS },
        { "brand=\u00e9CLAIR", GETS },
        { "brand=\u1e9e", GETS },
        { "brand=ss", "outside" },
        { "brand=\u212ad", GETS },
        { "brand=\U00010428", GETS },
        { "brand=Oppo", "outside" },
        { "", "outside" },
    };
    static const row_t not_in[] = {
        { "brand=XIAOMI", "outside" },
        { "brand=Oppo", GETS },
        { "", "outside" },
    };

    (void) state;
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"fold\":true,\"values\":"
               "[\"Xiaomi\",\"Redmi*\",\"\u00c9clair\",\"\u00df\",\"KD\","
               "\"\U00010400\"]}",
               in, mds_nelems(in));
    check_rule("{\"attribute\":\"brand\",\"op\":\"not_in\",\"fold\":true,"
               "\"values\":[\"xiaomi\"]}",
               not_in, mds_nelems(not_in));
}

#define CPU_OR_NONE(value)                                                     \
    ",\"rules\":[{\"attribute\":\"cpu\",\"op\":\"in\",\"values\":[\"" value    \
    "\"],\"absent\":true}]"

/* A device that does not name its processor may have both builds. */
static void
test_absent_delta(void **state)
{
    (void) state;
    fixture_load(DOC("",
                     PACKAGE("upgrade", "1.0", "f1", CPU_OR_NONE("arm")) ","
                         PACKAGE("upgrade", "2.0", "f2", CPU_OR_NONE("x86")),
                     RELEASE("r", "upgrade", "2.0", ALL)));
    assert_string_equal(fixture_decide("app=a&kind=upgrade&version=1.0"),
                        GETS " delta=f1>f2 from=1.0");
}

/* The longest value, of letters that grow. */
static void
test_fold_longest(void **state)
{
    char query[320] = "brand=", rule[448];

    (void) state;

    for (size_t i = 0; i < MDS_VALUE_MAX / 2; i++) {
        strcat(query, "\u023a");
    }

    snprintf(rule, sizeof(rule),
             "{\"attribute\":\"brand\",\"op\":\"in\",\"fold\":true,"
             "\"values\":[\"%s\"]}",
             query + strlen("brand="));
    check_rule(rule, &(row_t){ query, GETS }, 1);
}

static void
test_numbers(void **state)
{
    static const row_t closed[] = {
        { "score=-1.5", GETS },     { "score=10", GETS },
        { "score=2", GETS },        { "score=0010.000", GETS },
        { "score=-0", GETS },       { "score=%2B9.99999999999999999999", GETS },
        { "score=1.10", GETS },     { "score=10.00000000000000000001", "outside" },
        { "score=-1.51", "outside" }, { "score=-20", "outside" },
        { "score=1e0", "outside" }, { "score=1.", "outside" },
        { "score=.5", "outside" },  { "score=-", "outside" },
        { "score=1.2.3", "outside" }, { "score=0x1", "outside" },
        { "score=", "outside" },    { "", "outside" },
    };
    /* 1.9 is above 1.10, other than among versions. */
    static const row_t below[] = {
        { "score=1.10", GETS }, { "score=1.9", "outside" },
        { "score=-99999999999999999999", GETS },
    };
    static const row_t outside[] = {
        { "score=5", "outside" }, { "score=4.99", GETS }, { "score=x", "outside" },
        { "", GETS },
    };

    (void) state;
    check_rule("{\"attribute\":\"score\",\"op\":\"range\",\"as\":\"number\","
               "\"min\":\"-1.50\",\"max\":10}",
               closed, mds_nelems(closed));
    check_rule("{\"attribute\":\"score\",\"op\":\"range\",\"as\":\"number\","
               "\"below\":1.5}",
               below, mds_nelems(below));
    check_rule("{\"attribute\":\"score\",\"op\":\"not_range\",\"as\":"
               "\"number\",\"min\":5,\"absent\":true}",
               outside, mds_nelems(outside));
}

/* All have to hold; app_version is the version's for kind upgrade alone. */
static void
test_rules(void **state)
{
    static const row_t both[] = {
        { "brand=x&net=wifi", GETS },
        { "brand=x", "outside" },
        { "brand=x&net=5g", "outside" },
        { "net=wifi", "outside" },
    };
    static const row_t app[] = {
        { "version=1.0", GETS },
        { "version=1.0&app_version=0.9", "outside" },
        { "app_version=1.5", GETS },
        { "version=0.5&app_version=1.5", GETS },
        { "", "outside" },
    };
    static const row_t fix[] = {
        { "version=1.0", "outside" },
        { "version=1.0&app_version=1.1", GETS },
    };

    (void) state;
    check_rule("{\"attribute\":\"brand\",\"op\":\"in\",\"values\":[\"x\"]},{"
               "\"attribute\":\"net\",\"op\":\"in\",\"values\":[\"wifi\"]}",
               both, mds_nelems(both));
    check_rule(
        "{\"attribute\":\"app_version\",\"op\":\"range\",\"min\":\"1.0\"}", app,
        mds_nelems(app));

    fixture_load(DOC("",
                  PACKAGE("hotfix", "2.0", "f2",
                          ",\"app_version\":{\"min\":\"1.0\"}"),
                  RELEASE("r", "hotfix", "2.0", ALL)));
    check_hotfix(fix);
}

#define LISTS                                                                  \
    "\"staff\":{\"ids\":[\"alice\",\"bob\",\"d1\"],\"without\":[\"bob\"]},"    \
    "\"lab\":{\"by\":\"device\",\"ids\":[\"d1\",\"alice\"]},"                  \
    "\"qa\":{\"patterns\":[\"^qa-[0-9]+$\"],\"without\":[\"qa-7\"]},"          \
    "\"nobody\":{\"ids\":[]},\"out\":{\"external\":true}"

static void
check_audience(const char *audience, const row_t *rows, size_t count)
{
    char document[2048];

    snprintf(document, sizeof(document),
             DOC(LISTS, ONE,
                 RELEASE("r", "upgrade", "2.0", "\"audience\":{%s}")),
             audience);
    fixture_load(document);
    check_rows("upgrade", rows, count);
}

static void
test_lists(void **state)
{
    static const row_t staff[] = {
        { "user=alice", GETS },
        { "user=Alice", "outside" },
        { "user=bob", "outside" },
        { "user=carol", "outside" },
        { "device=alice", "outside" },
        { "device=d1", "outside" },
        { "user=d1", GETS },
        { "", "outside" },
        { "user=alice&device=x", GETS },
    };
    static const row_t lab[] = {
        { "device=d1", GETS },
        { "user=d1", "outside" },
        { "user=alice", "outside" },
        { "device=alice", GETS },
    };
    static const row_t several[] = {
        { "user=alice", GETS },        { "device=d1", GETS },
        { "user=qa-12", GETS },        { "user=qa-7", GETS },
        { "user=qa-", "outside" },     { "user=xqa-1", "outside" },
        { "device=qa-12", "outside" },
    };
    static const row_t except[] = {
        { "user=alice", "outside" },
        { "user=carol", GETS },
        { "", GETS },
        { "user=carol&device=d1", "outside" },
        { "device=d2", GETS },
    };
    static const row_t mixed[] = {
        { "user=alice", GETS },
        { "user=alice&device=d1", "outside" },
        { "device=d1", "outside" },
    };

    (void) state;
    check_audience("\"lists\":[\"staff\"]", staff, mds_nelems(staff));
    check_audience("\"lists\":[\"lab\"]", lab, mds_nelems(lab));
    check_audience("\"lists\":[\"nobody\",\"staff\",\"lab\",\"qa\",\"out\"]",
                   several, mds_nelems(several));
    check_audience("\"all\":true,\"except\":[\"staff\",\"lab\"]", except,
                   mds_nelems(except));
    check_audience("\"lists\":[\"staff\"],\"except\":[\"lab\"]", mixed,
                   mds_nelems(mixed));
}

/* A list that is too long for the record, with an overlay in it. */
static void
test_stored_list(void **state)
{
    static const row_t rows[] = {
        { "user=zoe", GETS },        { "user=id-77", GETS },
        { "user=id-78", "outside" }, { "user=id-1000", "outside" },
        { "user=new", GETS },
    };
    char         text[16384], document[1024], hex[MDS_SHA256_HEX + 1];
    size_t       len = 0;
    mds_sha256_t sha256;
    uint64_t     count;
    mds_error_t  err;

    (void) state;

    for (unsigned i = 0; i < 1000; i++) {
        len += (size_t) sprintf(text + len, "id-%u\n", i);
    }
    len += (size_t) sprintf(text + len, "zoe\r\n\r\n");
    workdir_write("ids.txt", text, len);

    if (mds_idset_import(workdir("."), workdir("ids.txt"), NULL, &err, &sha256,
                          &count)
        != MDS_OK)
    {
        fail_msg("%s", err.text);
    }

    snprintf(document, sizeof(document),
             DOC("\"big\":{\"sha256\":\"%s\",\"ids\":[\"new\"],\"without\":["
                 "\"id-78\"]}",
                 ONE,
                 RELEASE("r", "upgrade", "2.0",
                         "\"audience\":{\"lists\":[\"big\"]}")),
             mds_sha256_hex(&sha256, hex));
    fixture_load(document);
    check_upgrade(rows);
}

/* How many of 2,000 devices are in. */
static unsigned
count_in(const char *who)
{
    unsigned in = 0;
    char     query[128];

    for (unsigned i = 0; i < 2000; i++) {
        snprintf(query, sizeof(query), "app=a&kind=upgrade&%s=id-%u", who, i);
        in += strcmp(fixture_decide(query), GETS) == 0;
    }

    return in;
}

/* Raising a percentage only ever adds. */
static void
test_percent(void **state)
{
    static const char *const percents[]
        = { "0", "0.05", "1", "5", "33.3", "50", "99.9", "100" };
    static bool        was_in[2000];
    static const row_t unknown[]
        = { { "", "outside" }, { "user=id-1", "outside" } };
    char audience[64], query[64];

    (void) state;
    memset(was_in, 0, sizeof(was_in));

    for (size_t i = 0; i < mds_nelems(percents); i++) {
        double   percent = strtod(percents[i], NULL);
        unsigned in = 0;

        snprintf(audience, sizeof(audience), "\"percent\":%s", percents[i]);
        check_audience(audience, unknown, mds_nelems(unknown));

        for (unsigned d = 0; d < 2000; d++) {
            bool is_in;

            snprintf(query, sizeof(query), "app=a&kind=upgrade&device=id-%u",
                     d);
            is_in = strcmp(fixture_decide(query), GETS) == 0;
            assert_false(was_in[d] && !is_in);
            was_in[d] = is_in;
            in += is_in;
        }

        /* Five standard deviations. */
        assert_true(in >= 20 * percent - 112 && in <= 20 * percent + 112);
        assert_true(percent != 0 || in == 0);
        assert_true(percent != 100 || in == 2000);
    }

    check_audience("\"percent\":30,\"by\":\"user\"", NULL, 0);
    assert_true(count_in("user") > 500 && count_in("user") < 700);
    assert_int_equal(count_in("device"), 0);
}

/* The bytes that docs/catalog.md names, worked out once by other means. */
static void
test_bucket(void **state)
{
    static const char  salted[] = "a\0r";
    mds_sha256_t       digest;
    uint64_t           bucket;
    double             percent;
    char               audience[64];
    static const row_t in[] = { { "device=phone-1", GETS } };
    static const row_t out[] = { { "device=phone-1", "outside" } };

    (void) state;
    mds_sha256(salted, sizeof(salted) - 1, &digest);
    bucket = mds_siphash(digest.bytes, mds_str("phone-1"));
    percent = (double) bucket / 184467440737095516.16;

    snprintf(audience, sizeof(audience), "\"percent\":%.6f", percent + 0.00001);
    check_audience(audience, in, 1);
    snprintf(audience, sizeof(audience), "\"percent\":%.6f", percent - 0.00001);
    check_audience(audience, out, 1);
}

static void
test_ramp(void **state)
{
    int64_t  now = fixture_now_ms;
    unsigned before, at_start, middle, after;

    (void) state;
    check_audience("\"ramp\":{\"from\":20,\"to\":80,\"start\":\"2026-01-01T00:"
                   "00:00Z\",\"end\":\"2026-01-03T00:00:00Z\"}",
                   NULL, 0);

    assert_true(mds_time_parse(mds_str("2025-12-31T23:59:59Z"), &fixture_now_ms));
    before = count_in("device");
    assert_true(mds_time_parse(mds_str("2026-01-01T00:00:00Z"), &fixture_now_ms));
    at_start = count_in("device");
    assert_true(mds_time_parse(mds_str("2026-01-02T00:00:00Z"), &fixture_now_ms));
    middle = count_in("device");
    assert_true(mds_time_parse(mds_str("2027-01-01T00:00:00Z"), &fixture_now_ms));
    after = count_in("device");
    fixture_now_ms = now;

    assert_int_equal(before, 0);
    assert_true(at_start > 310 && at_start < 490);
    assert_true(middle > 890 && middle < 1110);
    assert_true(after > 1510 && after < 1690);
}

/* The linker has calls of mds_version_parse() make these instead. */
bool __real_mds_version_parse(mds_str_t text, mds_version_t *version);
bool __wrap_mds_version_parse(mds_str_t text, mds_version_t *version);

static size_t versions_parsed;

bool
__wrap_mds_version_parse(mds_str_t text, mds_version_t *version)
{
    versions_parsed++;
    return __real_mds_version_parse(text, version);
}

/* Puts releases of version 2.0 for a list that nobody is on, and one of 1.0 for
 * all, into a document. */
static const char *
refuse_document(size_t releases)
{
    static char document[32768];
    size_t      len;

    len = (size_t) snprintf(document, sizeof(document),
                            "{\"app\":\"a\",\"lists\":{\"none\":{\"ids\":[]}},"
                            "\"packages\":[" TWO "],\"releases\":[");

    for (size_t i = 0; i < releases; i++) {
        len += (size_t) snprintf(
            document + len, sizeof(document) - len,
            RELEASE("r%zu", "upgrade", "2.0",
                    "\"audience\":{\"lists\":[\"none\"]}") ",",
            i);
    }

    snprintf(document + len, sizeof(document) - len,
             RELEASE("all", "upgrade", "1.0", ALL) "]}");

    return document;
}

/* What a device refuses is parsed once for all releases, and compared with
 * each, however much of it there is. */
static void
test_refuse_once(void **state)
{
    static const char *const last[]
        = { "3", "1.0", "1", "1-0", "1.0-a.b%2bc", "v1.0.0", "1.0.0.0.1" };
    static const size_t many = 100;
    char                query[512];

    (void) state;
    fixture_load(refuse_document(many));

    for (size_t i = 0; i < mds_nelems(last); i++) {
        bool   refused = i == 1 || i == 2 || i == 5;
        size_t len;

        len = (size_t) snprintf(query, sizeof(query),
                                "app=a&kind=upgrade&refuse=");
        for (size_t n = 0; n < 120; n++) {
            len += (size_t) snprintf(query + len, sizeof(query) - len, "%zu,",
                                     3 + n % 7);
        }
        snprintf(query + len, sizeof(query) - len, "%s", last[i]);

        versions_parsed = 0;
        assert_string_equal(fixture_decide(query),
                            refused ? "outside" : "install 1.0 by all full=f1");
        assert_true(versions_parsed < 3 * 121);
    }
}

static void
test_choice(void **state)
{
    static const row_t rows[] = {
        { "", "install 2.0 by all full=f2" },
        { "user=alice", "install 3.0 by gray full=f3" },
        { "user=bob", "install 1.0 by pinned full=f1" },
        { "user=bob&version=1.0", "current 1.0 by pinned" },
        { "user=bob&version=2.0", "current 1.0 by pinned" },
        { "user=alice&version=3.0.0", "current 3.0 by gray" },
        { "version=9", "current 2.0 by all" },
        { "version=2.0-rc", "install 2.0 by all full=f2" },
        { "user=alice&refuse=3", "install 2.0 by all full=f2" },
        { "refuse=1.0,2.0.0,3", "outside" },
        { "refuse=2", "outside" },
    };
    static const row_t newer[] = { { "", "install 1.0 by second full=f1" } };
    static const row_t zero[] = { { "version=0", "current 0 by r" },
                                  { "version=0.0", "current 0 by r" },
                                  { "version=0-1", "install 0 by r full=f" },
                                  { "", "install 0 by r full=f" } };

    (void) state;
    fixture_load(DOC(
        "\"staff\":{\"ids\":[\"alice\"]},\"old\":{\"ids\":[\"bob\"]}",
        JOIN(TWO, PACKAGE("upgrade", "3.0", "f3", "")),
        JOIN(RELEASE("pinned", "upgrade", "1.0",
                     "\"priority\":1,\"audience\":{\"lists\":[\"old\"]}"),
             RELEASE("gray", "upgrade", "3.0",
                     "\"audience\":{\"lists\":[\"staff\"]}"),
             RELEASE("all", "upgrade", "2.0", ALL),
             RELEASE("last", "upgrade", "1.0",
                     "\"priority\":-1,\"audience\":{\"lists\":[\"staff\"]}"))));
    check_upgrade(rows);

    fixture_load(DOC("", TWO,
                  JOIN(RELEASE("first", "upgrade", "1.0", ALL),
                       RELEASE("second", "upgrade", "1.0", ALL))));
    check_upgrade(newer);

    fixture_load(DOC("", PACKAGE("upgrade", "0", "f", ""),
                  RELEASE("r", "upgrade", "0", ALL)));
    check_upgrade(zero);
}

static void
test_states(void **state)
{
    static const row_t rows[] = {
        { "", "install 1.0 by old full=f1" },
        { "version=1.0", "current 1.0 by old" },
        { "version=2.0", "current 1.0 by old" },
    };
    static const char *const states[]
        = { "\"state\":\"paused\"", "\"state\":\"ended\"",
            "\"start\":\"2099-01-01T00:00:00Z\"",
            "\"end\":\"2001-01-01T00:00:00Z\"" };
    char document[1024];

    (void) state;

    for (size_t i = 0; i < mds_nelems(states); i++) {
        snprintf(document, sizeof(document),
                 DOC("", TWO,
                     JOIN(RELEASE("old", "upgrade", "1.0", ALL),
                          RELEASE("r", "upgrade", "2.0", ALL ",%s"))),
                 states[i]);
        fixture_load(document);
        check_upgrade(rows);
    }
}

/* From the start on, up to before the end. */
static void
test_times(void **state)
{
    static const struct {
        const char *now;
        const char *answer;
    } cases[] = {
        { "2026-01-01T23:59:59.999Z", "outside" },
        { "2026-01-02T00:00:00Z", GETS },
        { "2026-01-02T23:59:59.999Z", GETS },
        { "2026-01-03T00:00:00Z", "outside" },
    };
    int64_t now = fixture_now_ms;

    (void) state;
    fixture_load(DOC("", ONE,
                  RELEASE("r", "upgrade", "2.0",
                          ALL ",\"start\":\"2026-01-02T00:00:00Z\",\"end\":"
                              "\"2026-01-03T00:00:00Z\"")));

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        assert_true(mds_time_parse(mds_str_of(cases[i].now), &fixture_now_ms));
        assert_string_equal(fixture_decide("app=a&kind=upgrade"), cases[i].answer);
    }

    fixture_now_ms = now;
}

static void
test_scopes(void **state)
{
    static const row_t rows[] = {
        { "platform=ios&channel=store", "install 2.0 by ios full=i2" },
        { "platform=ios", "install 2.0 by ios full=i2" },
        { "platform=android&channel=mi", "install 2.0 by mi full=m2" },
        { "platform=android&channel=oppo", "install 2.0 by mi full=m2" },
        { "platform=android&channel=play", "outside" },
        { "platform=android", "outside" },
        { "platform=Android&channel=mi", "outside" },
        { "platform=&channel=mi", "outside" },
        { "channel=mi", "outside" },
        { "", "outside" },
    };

    (void) state;
    fixture_load(DOC(
        "",
        JOIN(PACKAGE("upgrade", "2.0", "i2", ",\"platform\":\"ios\""),
             PACKAGE("upgrade", "2.0", "m2",
                     ",\"platform\":[\"android\",\"harmony\"]")),
        JOIN(RELEASE("ios", "upgrade", "2.0", ALL ",\"platform\":\"ios\""),
             RELEASE(
                 "mi", "upgrade", "2.0",
                 ALL
                 ",\"platform\":\"android\",\"channel\":[\"mi\",\"oppo\"]"))));
    check_upgrade(rows);
}

#define CPU(value)                                                             \
    ",\"rules\":[{\"attribute\":\"cpu\",\"op\":\"in\",\"values\":[\"" value    \
    "\"]}]"

/* Own channel first, then document order, then rules; embedded never. */
static void
test_builds(void **state)
{
    static const row_t rows[] = {
        { "cpu=arm64", "install 2.0 by r full=arm64" },
        { "cpu=arm", "install 2.0 by r full=arm" },
        { "cpu=mips", "install 2.0 by r full=any" },
        { "", "install 2.0 by r full=any" },
        { "channel=mi&cpu=arm64", "install 2.0 by r full=mi" },
        { "channel=mi&cpu=arm", "install 2.0 by r full=arm" },
        { "channel=oppo&cpu=arm", "install 2.0 by r full=arm" },
        { "channel=play&app_version=3.0", "install 2.0 by r full=play" },
        { "channel=play&app_version=4.0", "install 2.0 by r full=any" },
    };
    static const row_t none[] = {
        { "cpu=arm64", "install 2.0 by r full=arm64" },
        { "cpu=mips", "install 1.0 by old full=f1" },
        { "cpu=mips&version=1.0", "current 1.0 by old" },
    };

    (void) state;
    fixture_load(DOC(
        "",
        JOIN(
            PACKAGE("upgrade", "2.0", "emb", ",\"delivery\":\"embedded\""),
            PACKAGE("upgrade", "2.0", "arm64", CPU("arm64")),
            PACKAGE("upgrade", "2.0", "arm", CPU("arm*")),
            PACKAGE("upgrade", "2.0", "any", ""),
            PACKAGE("upgrade", "2.0", "late", ""),
            PACKAGE("upgrade", "2.0", "mi", ",\"channel\":\"mi\"" CPU("arm64")),
            PACKAGE("upgrade", "2.0", "oppo",
                    ",\"channel\":\"oppo\",\"delivery\":\"embedded\""),
            PACKAGE("upgrade", "2.0", "play",
                    ",\"channel\":\"play\",\"app_version\":{\"max\":\"3.0\"}")),
        RELEASE("r", "upgrade", "2.0", ALL)));
    check_upgrade(rows);

    /* No build is no candidate. */
    fixture_load(DOC("",
                  JOIN(PACKAGE("upgrade", "2.0", "arm64", CPU("arm64")),
                       PACKAGE("upgrade", "1.0", "f1", "")),
                  JOIN(RELEASE("r", "upgrade", "2.0", ALL),
                       RELEASE("old", "upgrade", "1.0", ALL))));
    check_upgrade(none);
}

/* In other quotes, for those who read it here. */
static const char ladder[]
    = "{'app':'a','channels':{'mi':{'delta':false},'oppo':{'delta':true}},'"
      "packages':[{'kind':'sdk','name':'core','version':'1.0','file':'f10'},{'"
      "kind':'sdk','name':'core','version':'4.0','file':'f40'},{'kind':'sdk','"
      "name':'core','version':'4.5','file':'lost45'},{'kind':'sdk','name':'"
      "core','version':'4.6','file':'dull46'},{'kind':'sdk','name':'core','"
      "version':'4.7','file':'f47'},{'kind':'sdk','name':'core','version':'4.8'"
      ",'file':'e48','delivery':'embedded'},{'kind':'sdk','name':'core','"
      "version':'4.9','file':'ios49','platform':'ios'},{'kind':'sdk','name':'"
      "core','version':'4.95','file':'play495','channel':'play'},{'kind':'sdk',"
      "'name':'core','version':'5.2','file':'f52','deltas':9}],'releases':[{'"
      "id':'r','kind':'sdk','name':'core','version':'5.2','audience':{'all':"
      "true},'delta':{'stage':'4.0','force_full':['4.7.0']%s}}]}";

static void
put_ladder(const char *missing)
{
    char document[4096];

    snprintf(document, sizeof(document), ladder, missing);

    for (char *c = document; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }

    fixture_load(document);
}

/* C3, rung by rung, in its order. */
static void
test_ladder(void **state)
{
    static const row_t rows[] = {
        { "", "install 5.2 by r full=f52" },
        { "version=5.2", "current 5.2 by r" },
        { "version=6", "current 5.2 by r" },
        /* the channel takes none */
        { "version=4.0&channel=mi", "install 5.2 by r full=f52" },
        { "version=4.5&channel=mi", "install 5.2 by r full=f52" },
        { "version=4.0&channel=oppo",
          "install 5.2 by r full=f52 delta=f40>f52 from=4.0" },
        /* unknown */
        { "version=4.1", "install 5.2 by r full=f52" },
        { "version=4.9", "install 5.2 by r full=f52" },
        { "version=4.9&platform=android", "install 5.2 by r full=f52" },
        { "version=4.9&platform=ios",
          "install 5.2 by r full=f52 delta=ios49>f52 from=4.9" },
        { "version=4.95", "install 5.2 by r full=f52" },
        { "version=4.95&channel=play",
          "install 5.2 by r full=f52 delta=play495>f52 from=4.95" },
        /* force_full, stage */
        { "version=4.7", "install 5.2 by r full=f52" },
        { "version=1.0", "install 5.2 by r full=f52" },
        /* a difference: also from what is embedded */
        { "version=v4.0.0",
          "install 5.2 by r full=f52 delta=f40>f52 from=4.0" },
        { "version=4.8", "install 5.2 by r full=f52 delta=e48>f52 from=4.8" },
        /* not worth it; none */
        { "version=4.6", "install 5.2 by r full=f52" },
        { "version=4.5", "no_delta 5.2 by r" },
    };
    static const row_t full[] = {
        { "version=4.5", "install 5.2 by r full=f52" },
        { "version=4.6", "install 5.2 by r full=f52" },
    };

    (void) state;
    put_ladder("");
    check_rows("sdk&name=core", rows, mds_nelems(rows));
    put_ladder(",'missing':'full'");
    check_rows("sdk&name=core", full, mds_nelems(full));
}

#define FIX(version, file) PACKAGE("hotfix", version, file, "")
#define FIXES FIX("1", "f1") "," FIX("2", "f2") "," FIX("3", "f3")
#define BACK ",\"state\":\"rolled_back\""

static void
check_fixes(const char *releases, const row_t *rows, size_t count)
{
    char document[4096];

    snprintf(document, sizeof(document),
             DOC("\"staff\":{\"ids\":[\"alice\"]}", FIXES, "%s"), releases);
    fixture_load(document);
    check_rows("hotfix", rows, count);
}

static void
test_rollback(void **state)
{
    static const row_t to_one[] = {
        { "version=2", "rollback 1 by r2 full=f1" },
        { "version=1", "current 1 by r1" },
        { "", "install 1 by r1 full=f1" },
        { "version=3", "current 1 by r1" },
        { "version=2&refuse=1", "rollback none by r2" },
    };
    static const row_t to_none[] = {
        { "version=2", "rollback none by r2" },
        { "version=2.0", "rollback none by r2" },
        { "version=1", "outside" },
        { "", "outside" },
    };
    static const row_t ended[] = {
        { "version=2", "rollback 1 by r2 full=f1" },
        { "version=1", "outside" },
    };
    static const row_t higher[] = {
        { "version=2", "install 3 by r3 full=f3" },
        { "version=1", "install 3 by r3 full=f3 delta=f1>f3 from=1" },
    };
    static const row_t staff[] = {
        { "version=2", "rollback 1 by r2 full=f1" },
        { "version=2&user=alice", "current 2 by again" },
        { "user=alice", "install 2 by again full=f2" },
        { "version=2&user=alice&refuse=2", "rollback 1 by r2 full=f1" },
    };

    (void) state;
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL),
                     RELEASE("r2", "hotfix", "2", ALL BACK)),
                to_one, mds_nelems(to_one));
    check_fixes(RELEASE("r2", "hotfix", "2", ALL BACK), to_none,
                mds_nelems(to_none));
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL ",\"state\":\"ended\""),
                     RELEASE("r2", "hotfix", "2", ALL BACK)),
                ended, mds_nelems(ended));
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL ",\"state\":\"paused\""),
                     RELEASE("r2", "hotfix", "2", ALL BACK)),
                to_none, mds_nelems(to_none));
    check_fixes(JOIN(RELEASE("r2", "hotfix", "2", ALL BACK),
                     RELEASE("r3", "hotfix", "3", ALL)),
                higher, mds_nelems(higher));
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL),
                     RELEASE("r2", "hotfix", "2", ALL BACK),
                     RELEASE("again", "hotfix", "2",
                             "\"audience\":{\"lists\":[\"staff\"]}")),
                staff, mds_nelems(staff));
}

/* Whom a rolled back release concerns: what it has, not who was in. */
static void
test_rollback_scope(void **state)
{
    static const row_t rows[] = {
        { "version=3", "outside" },
        { "version=3&platform=ios", "rollback 2 by r3 full=f2" },
        { "version=3&platform=ios&user=alice", "rollback 2 by r3 full=f2" },
        { "version=3&platform=android", "outside" },
        { "version=2&platform=ios", "outside" },
    };
    static const row_t priority[] = {
        { "version=3", "rollback 2 by r3 full=f2" },
        { "version=1", "current 1 by r1" },
    };

    (void) state;
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL ",\"state\":\"ended\""),
                     RELEASE("r2", "hotfix", "2",
                             ALL ",\"end\":\"2001-01-01T00:00:00Z\""),
                     RELEASE("r3", "hotfix", "3",
                             "\"platform\":\"ios\",\"audience\":{\"lists\":["
                             "\"staff\"]}" BACK)),
                rows, mds_nelems(rows));
    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL ",\"priority\":7"),
                     RELEASE("r2", "hotfix", "2", ALL),
                     RELEASE("r3", "hotfix", "3", ALL BACK)),
                priority, mds_nelems(priority));
}

/*
 * Two hotfixes for app 3.1 and one each for 3.2 and, by a rule, 4.0. What is
 * installed for another app_version counts as none: its number, the difference
 * from it and its rollback do not.
 */
#define APP(min, below)                                                        \
    ",\"app_version\":{\"min\":\"" min "\",\"below\":\"" below "\"}"
#define BOUND                                                                  \
    PACKAGE("hotfix", "1", "f1", APP("3.1", "3.2"))                            \
    "," PACKAGE("hotfix", "5", "f5", APP("3.1", "3.2")) "," PACKAGE(           \
        "hotfix", "2", "f2",                                                   \
        APP("3.2", "3.3")) "," PACKAGE("hotfix", "3", "f3",                    \
                                       ",\"rules\":[{\"attribute\":\"app_"     \
                                       "version\",\"op\":\"in\","              \
                                       "\"values\":[\"4.0\"]},{\"attribute\":" \
                                       "\"net\",\"op\":\"in\","                \
                                       "\"values\":[\"wifi\"]}]")

static void
check_bound(const char *releases, const row_t *rows, size_t count)
{
    char document[4096];

    snprintf(document, sizeof(document), DOC("", BOUND, "%s"), releases);
    fixture_load(document);
    check_rows("hotfix", rows, count);
}

static void
test_hotfix_of_another_app(void **state)
{
    static const row_t anew[] = {
        { "version=5&app_version=3.1", "current 5 by r5" },
        { "version=5&app_version=3.2", "install 2 by r2 full=f2" },
        { "version=5.0&app_version=v3.2.0", "install 2 by r2 full=f2" },
        { "version=5&app_version=3.3", "outside" },
        { "version=2&app_version=3.1", "install 5 by r5 full=f5" },
        { "version=2&app_version=3.2", "current 2 by r2" },
        { "version=1&app_version=3.1",
          "install 5 by r5 full=f5 delta=f1>f5 from=1" },
        { "version=1&app_version=3.2", "install 2 by r2 full=f2" },
        /* Of what the catalog does not know it is not known, either. */
        { "version=4&app_version=3.2", "current 2 by r2" },
        { "version=1.5&app_version=3.2", "install 2 by r2 full=f2" },
        { "version=5", "outside" },
    };
    static const row_t back[] = {
        { "version=5&app_version=3.1", "rollback 1 by r5 full=f1" },
        { "version=5&app_version=3.2", "outside" },
        { "version=5&app_version=9", "outside" },
        /* The recall reaches who does not say. */
        { "version=5", "rollback none by r5" },
    };
    static const row_t ruled[] = {
        { "version=3&app_version=4.0&net=wifi", "current 3 by r3" },
        /* Another network does not make it another app's. */
        { "version=3&app_version=4.0&net=5g", "outside" },
        { "version=3&app_version=4.1&net=wifi", "install 9 by r9 full=f9" },
        { "version=5&app_version=4.1", "install 9 by r9 full=f9" },
        { "version=9&app_version=4.1", "current 9 by r9" },
    };

    (void) state;
    check_bound(JOIN(RELEASE("r1", "hotfix", "1", ALL),
                     RELEASE("r5", "hotfix", "5", ALL),
                     RELEASE("r2", "hotfix", "2", ALL)),
                anew, mds_nelems(anew));
    check_bound(JOIN(RELEASE("r1", "hotfix", "1", ALL),
                     RELEASE("r5", "hotfix", "5", ALL BACK)),
                back, mds_nelems(back));

    /* A rule about the installed version sees none, too. */
    fixture_load(DOC(
        "", BOUND "," PACKAGE("hotfix", "9", "f9", APP("4.1", "4.2")),
        JOIN(RELEASE("r3", "hotfix", "3", ALL),
             RELEASE("r9", "hotfix", "9", ALL),
             RELEASE("seen", "hotfix", "9",
                     ALL
                     ",\"priority\":1,\"rules\":[{\"attribute\":\"version\","
                     "\"op\":\"range\",\"below\":\"6\"}]"))));
    check_rows("hotfix", ruled, mds_nelems(ruled));

    /* Another kind's numbers go on. */
    fixture_load(DOC("",
                  PACKAGE("x-own", "5", "f5",
                          APP("3.1", "3.2")) "," PACKAGE("x-own", "2", "f2",
                                                         APP("3.2", "3.3")),
                  RELEASE("r2", "x-own", "2", ALL)));
    assert_string_equal(fixture_decide("app=a&kind=x-own&version=5&app_version=3.2"),
                        "current 2 by r2");
}

static void
test_unknown(void **state)
{
    const mds_decision_t *d = fixture_decision();

    (void) state;
    fixture_load(JOIN(
        "{\"app\":\"a\",\"poll\":{\"after_s\":60,\"jitter_s\":7},\"packages\":"
        "[" ONE,
        PACKAGE("upgrade", "1.0", "x",
                "") ",{\"kind\":\"bundle\",\"name\":\"b\",\"version\":\"1\","
                    "\"file\":\"b\"}],\"releases\":[" RELEASE("r", "upgrade",
                                                              "2.0",
                                                              ALL) "]}"));

    assert_string_equal(fixture_decide("app=a&kind=upgrade"), GETS);
    assert_int_equal(d->poll_after_s, 60);
    assert_int_equal(d->poll_jitter_s, 7);
    assert_string_equal(fixture_decide("app=a&kind=hotfix"), "unknown");
    assert_int_equal(d->poll_after_s, 60);
    assert_int_equal(d->poll_jitter_s, 7);
    assert_string_equal(fixture_decide("app=a&kind=bundle&name=b"), "unknown");
    assert_string_equal(fixture_decide("app=a&kind=upgrade&name=x"), "unknown");
    assert_string_equal(fixture_decide("app=b&kind=upgrade"), "unknown");
    assert_int_equal(d->poll_after_s, 0);
    assert_int_equal(d->poll_jitter_s, 0);
}

/* Names that begin or contain one another are not mixed up. */
static void
test_resources(void **state)
{
    (void) state;
    fixture_begin();
    assert_true(
        fixture_add("{\"app\":\"a\",\"packages\":[" ONE
                  "],\"releases\":[" RELEASE("r", "upgrade", "2.0", ALL) "]}",
                  NULL));
    assert_true(fixture_add(
        JOIN("{\"app\":\"ab\",\"packages\":[" PACKAGE("upgrade", "3.0", "f3",
                                                      ""),
             PACKAGE("sdk", "1.0", "s1",
                     ",\"name\":\"core\"") "],\"releases\":[" RELEASE("r",
                                                                      "upgrade",
                                                                      "3.0",
                                                                      ALL),
             RELEASE("s", "sdk", "1.0", ALL ",\"name\":\"core\"") "]}"),
        NULL));
    fixture_end();
    assert_string_equal(fixture_decide("app=a&kind=upgrade"), GETS);
    assert_string_equal(fixture_decide("app=ab&kind=upgrade"),
                        "install 3.0 by r full=f3");
    assert_string_equal(fixture_decide("app=ab&kind=sdk&name=core"),
                        "install 1.0 by s full=s1");
    assert_string_equal(fixture_decide("app=ab&kind=sdk"), "unknown");
    assert_string_equal(fixture_decide("app=ab&kind=sdk&name=cor"), "unknown");
    assert_string_equal(fixture_decide("app=abc&kind=upgrade"), "unknown");
}

static void
test_reasons(void **state)
{
    static const struct {
        const char  *audience;
        mds_reason_t reason;
    } cases[] = {
        { "\"all\":true", MDS_REASON_ALL },
        { "\"lists\":[\"staff\"]", MDS_REASON_LISTS },
        { "\"percent\":100", MDS_REASON_PERCENT },
        { "\"ramp\":{\"from\":1,\"to\":100,\"start\":\"2001-01-01T00:00:00Z\","
          "\"end\":\"2002-01-01T00:00:00Z\"}",
          MDS_REASON_RAMP },
    };
    const mds_decision_t *d = fixture_decision();

    (void) state;

    for (size_t i = 0; i < mds_nelems(cases); i++) {
        check_audience(cases[i].audience, NULL, 0);
        (void) fixture_decide("app=a&kind=upgrade&user=alice&device=d");
        assert_int_equal(d->action, MDS_ACTION_INSTALL);
        assert_int_equal(d->reason, cases[i].reason);
        assert_true(mds_str_eq(d->release, mds_str("r")));
        assert_true(mds_str_eq(d->version, mds_str("2.0")));
    }

    check_fixes(JOIN(RELEASE("r1", "hotfix", "1", ALL),
                     RELEASE("r2", "hotfix", "2", ALL BACK)),
                NULL, 0);
    (void) fixture_decide("app=a&kind=hotfix&version=2");
    assert_int_equal(d->action, MDS_ACTION_ROLLBACK);
    assert_int_equal(d->reason, MDS_REASON_ROLLED_BACK);
    assert_true(mds_str_eq(d->release, mds_str("r2")));
    assert_true(mds_str_eq(d->version, mds_str("1")));
    assert_string_equal(mds_action_name(d->action), "rollback");
    assert_string_equal(mds_reason_name(d->reason), "rolled_back");
}

/* More rules than verdicts that are remembered. */
static void
test_many_rules(void **state)
{
    char   document[65536], query[64], answer[64];
    size_t len = (size_t) sprintf(document, "{\"app\":\"a\",\"packages\":[" ONE
                                            "],\"releases\":[");

    (void) state;

    for (unsigned i = 0; i < 300; i++) {
        len += (size_t) sprintf(
            document + len,
            "%s{\"id\":\"r%u\",\"kind\":\"upgrade\",\"version\":\"2.0\"," ALL
            ",\"rules\":[{\"attribute\":\"city\",\"op\":\"in\",\"values\":[\"c%"
            "u\"]}]}",
            JOIN(i > 0 ?, : ""), i, i);
    }
    strcpy(document + len, "]}");
    fixture_load(document);

    for (unsigned i = 0; i < 300; i += 23) {
        snprintf(query, sizeof(query), "app=a&kind=upgrade&city=c%u", i);
        snprintf(answer, sizeof(answer), "install 2.0 by r%u full=f2", i);
        assert_string_equal(fixture_decide(query), answer);
    }

    assert_string_equal(fixture_decide("app=a&kind=upgrade&city=c"), "outside");
}

/* What a client gets, to the letter. */
static void
test_manifests(void **state)
{
    (void) state;
    fixture_bodies = true;
    fixture_load(
        "{\"app\":\"a\",\"packages\":[{\"kind\":\"bundle\",\"name\":\"b\","
        "\"version\":\"1.3\",\"file\":\"f13\"},{\"kind\":\"bundle\",\"name\":"
        "\"b\",\"platform\":[\"ios\",\"android\"],\"channel\":\"mi\","
        "\"version\":\"1.4\",\"file\":\"f14\",\"meta\":{\"download\":\"wifi\","
        "\"install\":\"on_use\"}}],\"releases\":[{\"id\":\"r\",\"kind\":"
        "\"bundle\",\"name\":\"b\",\"version\":\"1.4.0\",\"audience\":{\"all\":"
        "true},\"meta\":{\"install\":\"preload\",\"x\":[1]}},{\"id\":\"back\","
        "\"kind\":\"bundle\",\"name\":\"b\",\"version\":\"1.3\",\"state\":"
        "\"rolled_back\",\"audience\":{\"all\":true}}]}");

    assert_non_null(strstr(
        fixture_decide("app=a&kind=bundle&name=b&platform=ios&channel=mi&device=d"),
        "{\"app\":\"a\",\"kind\":\"bundle\",\"name\":\"b\",\"platform\":["
        "\"ios\",\"android\"],\"channel\":\"mi\",\"action\":\"install\","
        "\"version\":\"1.4\",\"release\":\"r\",\"serial\":"));
    assert_non_null(strstr(
        fixture_decide("app=a&kind=bundle&name=b&platform=ios&channel=mi"),
        ",\"full\":{\"path\":\"files/"
        "6631340000000000000000000000000000000000000000000000000000000000\","
        "\"size\":3,\"sha256\":"
        "\"6631340000000000000000000000000000000000000000000000000000000000\"},"
        "\"meta\":{\"download\":\"wifi\",\"install\":\"preload\",\"x\":[1]}}"));
    assert_non_null(
        strstr(fixture_decide("app=a&kind=bundle&name=b&version=1.3"),
               "{\"app\":\"a\",\"kind\":\"bundle\",\"name\":\"b\",\"platform\":"
               "\"*\",\"channel\":\"*\",\"action\":\"rollback\",\"from\":\"1."
               "3\",\"version\":null,\"release\":\"back\",\"serial\":"));
    fixture_bodies = false;
}

/* What explain is told: each release, each of its tests, the verdict. */
static char told[4096];

static void
tell(mds_trace_t *trace, const mds_trace_event_t *e)
{
    size_t len = strlen(told);

    (void) trace;
    snprintf(told + len, sizeof(told) - len, "%s%s%s%.*s|%s|%.*s|%s\n",
             e->type == MDS_TRACE_TEST ? "  " : "",
             e->type == MDS_TRACE_RESULT ? "= " : e->what,
             e->subject.len > 0 && e->type != MDS_TRACE_RESULT ? " " : "",
             MDS_STR(e->subject),
             e->type == MDS_TRACE_TEST || e->type == MDS_TRACE_INSTALLED
                 ? e->detail
                 : "",
             MDS_STR(e->seen),
             e->type == MDS_TRACE_RELEASE ? ""
             : e->holds                   ? "yes"
                                          : "no");
}

static void
explain(const char *query, const char *words)
{
    mds_trace_t    trace = { tell };
    mds_snapshot_t snapshot = fixture_snapshot();
    mds_request_t  request;
    mds_decision_t decision;
    mds_error_t    err;

    told[0] = '\0';
    fixture_request(query, &request);
    assert_int_equal(mds_decide(&snapshot, &request, fixture_now_ms, &trace, &err,
                                &decision),
                     MDS_OK);
    assert_string_equal(told, words);
}

static void
test_trace(void **state)
{
    (void) state;
    fixture_load(DOC(
        "\"staff\":{\"ids\":[\"alice\"]},\"lab\":{\"by\":\"device\",\"ids\":["
        "\"d\"]}",
        TWO,
        JOIN(RELEASE("old", "upgrade", "1.0", ALL),
             RELEASE(
                 "r", "upgrade", "2.0",
                 "\"platform\":[\"ios\",\"mac\"],\"channel\":\"mi\",\"start\":"
                 "\"2026-01-01T00:00:00Z\",\"audience\":{\"lists\":[\"staff\"],"
                 "\"except\":[\"lab\"],\"percent\":0},\"rules\":[{"
                 "\"attribute\":\"brand\",\"op\":\"not_in\",\"values\":[\"x\","
                 "\"z*\",\"y\"]},{\"attribute\":\"os_version\",\"op\":"
                 "\"range\",\"min\":\"9\",\"below\":\"14\"}]"))));
    explain(
        "app=a&kind=upgrade&platform=ios&channel=mi&user=alice&device=d&brand="
        "q&os_version=14&refuse=1.0",
        "release r||2.0|\n  state|running|running|yes\n  time|from "
        "2026-01-01T00:00:00Z to ever|2026-09-21T14:13:20Z|yes\n  "
        "platform|ios, mac|ios|yes\n  channel|mi|mi|yes\n  rule brand|not in "
        "x, y, z*|q|yes\n  rule os_version|in the range from 9 below "
        "14|14|no\n  build|one for the device||yes\n  refuse|not this "
        "version|1.0|yes\n  except lab|list of devices|d|yes\n  percent|bucket "
        "96.0185, must be below 0.0000|d|no\n  list staff|list of users|alice|"
        "yes\n= r||2.0|no\nrelease old||1.0|\n  state|running|running|yes\n  "
        "build|one for the device||yes\n  refuse|not this version|1.0|no\n  "
        "all|everybody||yes\n= old||1.0|no\n");

    fixture_load(DOC("", BOUND, RELEASE("r2", "hotfix", "2", ALL)));
    explain("app=a&kind=hotfix&version=5&app_version=3.2",
            "installed|hotfix 5 is not for app_version 3.2, so the device "
            "counts as having none|5|no\nrelease r2||2|\n  "
            "state|running|running|yes\n  build|one for the device||yes\n  "
            "all|everybody||yes\n= r2||2|yes\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in),
        cmocka_unit_test(test_not_in),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_absent_delta),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_fold_longest),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_stored_list),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_ramp),
        cmocka_unit_test(test_refuse_once),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_builds),
        cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_rollback_scope),
        cmocka_unit_test(test_hotfix_of_another_app),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_many_rules),
        cmocka_unit_test(test_manifests),
        cmocka_unit_test(test_trace),
    };

    return cmocka_run_group_tests_name("decide", tests, fixture_setup,
                                       fixture_teardown);
}
