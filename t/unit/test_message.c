/*
 * Gray messages: how the loader keeps them; and what a device gets of them,
 * against a second reading of the hit rule, plain and slow, in documents, lists
 * and marks that nobody thought of. MDS_SEED=N makes a run again.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/mds_time.h"
#include "prng.h"
#include "document/mds_document.h"
#include "evaluate/mds_user_messages.h"
#include "idset/mds_idset.h"
#include "loader/mds_message.h"
#include "catalog_fixture.h"
#include "workdir.h"

#define GENERATIONS 13
#define APPS 40
#define DEVICES 4000 /* of each generation */
#define MESSAGES 8
#define RELEASES 5
#define USERS 4
#define DAY INT64_C(86400000)

static const char *const platforms[] = { "android", "ios", "pc" };

typedef struct {
    unsigned platform;
    unsigned version;
    unsigned users; /* a bit for each */
    int64_t  expires_ms;
} gray_t;

typedef struct {
    unsigned platform;
    unsigned version;
    bool     staff; /* for user 0 alone */
    bool     except;
    bool     rules;
    bool     running;
    int      start; /* days from now; 0: not said */
    int      end;
} public_t;

/* One app, and what its users have marked. */
typedef struct {
    char     name[16];
    unsigned gray_count;
    gray_t   grays[MESSAGES]; /* id - 1 */
    unsigned public_count;
    public_t publics[RELEASES];
    unsigned deleted[USERS];
    bool     read[USERS][MESSAGES + 1];
} play_t;

static play_t       plays[APPS];
static mds_sha256_t lists[1 << USERS];
static mds_state_t *state;
static mds_error_t  err;
static unsigned     hits, misses, beaten;

static int
make(void **unused)
{
    if (fixture_setup(unused) != 0 || !shell("mkdir state")
        || mds_state_create(workdir("."), -1, -1, &err) != MDS_OK
        || mds_state_open(workdir("."), &err, &state) != MDS_OK)
    {
        return -1;
    }

    for (unsigned set = 0; set < 1 << USERS; set++) {
        char     text[64] = "";
        uint64_t count;

        for (unsigned u = 0; u < USERS; u++) {
            if (set & 1u << u) {
                snprintf(text + strlen(text), 8, "u%u\n", u);
            }
        }

        workdir_write("users", text, strlen(text));
        if (mds_idset_import(workdir("."), workdir("users"), NULL, &err,
                              &lists[set], &count)
            != MDS_OK)
        {
            return -1;
        }
    }

    return 0;
}

static int
unmake(void **unused)
{
    mds_state_close(state);
    return fixture_teardown(unused);
}

/* As the loader keeps them */

static mds_json_t *
parsed(const char *text)
{
    mds_json_t *json;

    assert_int_equal(mds_json_parse(mds_str_of(text), "test", &err, &json),
                     MDS_OK);
    return json;
}

static uint64_t
pushed(mds_json_t *app, const char *platform, const char *version)
{
    uint64_t id = 0;

    assert_int_equal(mds_message_push(app, mds_str_of(platform),
                                      mds_str_of(version), fixture_now_ms,
                                      &lists[1], &err, &id),
                     MDS_OK);
    return id;
}

static mds_status_t
refused(mds_json_t *app, const char *platform, const char *version)
{
    uint64_t     id = 77;
    mds_status_t status
        = mds_message_push(app, mds_str_of(platform), mds_str_of(version),
                           fixture_now_ms, &lists[1], &err, &id);

    assert_int_equal(id, 77);
    return status;
}

static const char packages[]
    = "{\"document\":{\"packages\":["
      "{\"kind\":\"upgrade\",\"platform\":\"android\",\"version\":\"1.0\"},"
      "{\"kind\":\"upgrade\",\"platform\":[\"ios\",\"pc\"],\"version\":\"2\"},"
      "{\"kind\":\"upgrade\",\"version\":\"3\"},"
      "{\"kind\":\"upgrade\",\"version\":\"4\",\"delivery\":\"embedded\"},"
      "{\"kind\":\"bundle\",\"name\":\"b\",\"version\":\"5\"}]}}";

static void
test_ids(void **unused)
{
    mds_json_t *app = parsed(packages);

    (void) unused;
    assert_int_equal(pushed(app, "android", "1.0"), 1);
    assert_int_equal(pushed(app, "ios", "2.0"), 2);
    assert_int_equal(pushed(app, "pc", "v2"), 3);
    assert_int_equal(pushed(app, "tv", "3"), 4);

    assert_int_equal(refused(app, "android", "2"), MDS_NOT_FOUND);
    assert_int_equal(refused(app, "ios", "1.0"), MDS_NOT_FOUND);
    assert_int_equal(refused(app, "ios", "5"), MDS_NOT_FOUND);
    assert_int_equal(refused(app, "ios", "new"), MDS_INVALID);

    /* An embedded version is known, and never offered. */
    assert_int_equal(refused(app, "ios", "4"), MDS_NOT_FOUND);

    assert_int_equal(mds_message_withdraw(app, 4, &err), MDS_OK);
    assert_int_equal(mds_message_withdraw(app, 4, &err), MDS_NOT_FOUND);
    assert_int_equal(mds_message_withdraw(app, 0, &err), MDS_NOT_FOUND);
    assert_int_equal(pushed(app, "android", "1.0"), 5);
    assert_int_equal(mds_message_withdraw(app, 1, &err), MDS_OK);
    assert_int_equal(pushed(app, "android", "1.0"), 6);

    mds_json_release(app);
}

static void
test_kept(void **unused)
{
    mds_json_t  *app = parsed(packages);
    mds_json_t  *json = parsed("{\"app\":\"a\"}");
    mds_model_t *model;

    (void) unused;
    (void) pushed(app, "android", "1.0");

    assert_int_equal(mds_document_check(json, "test", &err, &model), MDS_OK);
    assert_int_equal(mds_message_fill_model(app, fixture_now_ms + 30 * DAY - 1, model,
                                       &err),
                     MDS_OK);
    assert_int_equal(model->message_count, 1);
    assert_int_equal(model->newest_message, 1);
    assert_int_equal(model->messages[0].id, 1);
    assert_int_equal(model->messages[0].expires_ms, fixture_now_ms);
    assert_int_equal(mds_message_fill_model(app, fixture_now_ms + 30 * DAY, model,
                                       &err),
                     MDS_OK);
    assert_int_equal(model->message_count, 0);
    assert_int_equal(model->newest_message, 1);
    mds_model_free(model);

    assert_int_equal(pushed(app, "android", "1.0"), 2);
    mds_json_release(json);
    mds_json_release(app);
}

/* As a device gets them */

static void
roll_play(prng_t *prng, play_t *play)
{
    play->gray_count = prng_below(prng, MESSAGES + 1);
    play->public_count = prng_below(prng, RELEASES + 1);

    for (unsigned i = 0; i < play->gray_count; i++) {
        play->grays[i] = (gray_t){
            .platform = prng_below(prng, 3),
            .version = 1 + prng_below(prng, 6),
            .users = prng_below(prng, 1 << USERS),
            .expires_ms
            = fixture_now_ms + 3 * DAY
              + (prng_one_in(prng, 3) ? (int64_t) prng_below(prng, 8) * -5 * DAY
                                       : 9 * DAY),
        };
    }

    for (unsigned i = 0; i < play->public_count; i++) {
        play->publics[i] = (public_t){
            .platform = prng_below(prng, 3),
            .version = 1 + prng_below(prng, 6),
            .staff = prng_one_in(prng, 4),
            .except = prng_one_in(prng, 6),
            .rules = prng_one_in(prng, 6),
            .running = !prng_one_in(prng, 6),
            .start
            = prng_one_in(prng, 6) ? (int) prng_below(prng, 2) * 2 - 1 : 0,
            .end = prng_one_in(prng, 6) ? (int) prng_below(prng, 2) * 6 - 3 : 0,
        };
    }

    for (unsigned u = 0; u < USERS; u++) {
        play->deleted[u]
            = prng_one_in(prng, 2) ? prng_below(prng, play->gray_count + 1) : 0;
        for (unsigned id = 1; id <= play->gray_count; id++) {
            play->read[u][id] = prng_one_in(prng, 3);
        }
    }
}

static void
print_time(FILE *out, const char *key, int days)
{
    char time[MDS_TIME_BYTES];

    if (days != 0) {
        fprintf(out, ",\"%s\":\"%s\"", key,
                mds_time_format(fixture_now_ms + (days + 3) * DAY, time));
    }
}

/* Every version is there for every platform, under the name "P-V". */
static char *
document(const play_t *play)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    fprintf(out,
            "{\"app\":\"%s\",\"lists\":{\"staff\":{\"ids\":[\"u0\"]}},"
            "\"packages\":[",
            play->name);

    for (unsigned i = 0; i < 18; i++) {
        fprintf(out,
                "%s{\"kind\":\"upgrade\",\"platform\":\"%s\",\"deltas\":9,"
                "\"version\":\"%u\",\"file\":\"%s-%u\"}",
                i > 0 ? "," : "", platforms[i / 6], i % 6 + 1, platforms[i / 6],
                i % 6 + 1);
    }

    fprintf(out, "],\"releases\":[");

    for (unsigned i = 0; i < play->public_count; i++) {
        const public_t *p = &play->publics[i];

        fprintf(out,
                "%s{\"id\":\"r%u\",\"kind\":\"upgrade\",\"platform\":\"%s\","
                "\"version\":\"%u\",\"state\":\"%s\",\"audience\":{%s%s}%s",
                i > 0 ? "," : "", i, platforms[p->platform], p->version,
                p->running ? "running" : "paused",
                p->staff ? "\"lists\":[\"staff\"]" : "\"all\":true",
                p->except ? ",\"except\":[\"staff\"]" : "",
                p->rules ? ",\"rules\":[{\"attribute\":\"brand\",\"op\":\"in\","
                           "\"values\":[\"x\"]}]"
                         : "");
        print_time(out, "start", p->start);
        print_time(out, "end", p->end);
        fprintf(out, "}");
    }

    fprintf(out, "]}");
    fclose(out);

    return text;
}

static void
add_play(const play_t *play)
{
    mds_json_t *messages;
    char       *text = document(play);

    fixture_state = parsed("{\"messages\":{\"next\":1,\"items\":[]}}");
    messages = mds_json_get(fixture_state, "messages");

    for (unsigned i = 0; i < play->gray_count; i++) {
        const gray_t *g = &play->grays[i];
        char          item[512], time[MDS_TIME_BYTES], hex[MDS_SHA256_HEX + 1];

        snprintf(item, sizeof(item),
                 "{\"id\":%u,\"platform\":\"%s\",\"version\":\"%u\","
                 "\"expires\":\"%s\",\"users\":\"%s\"}",
                 i + 1, platforms[g->platform], g->version,
                 mds_time_format(g->expires_ms, time),
                 mds_sha256_hex(&lists[g->users], hex));
        assert_int_equal(mds_json_append(mds_json_get(messages, "items"),
                                         parsed(item)),
                         MDS_OK);
    }

    assert_int_equal(mds_json_set_integer(messages, "next",
                                          play->gray_count + 1),
                     MDS_OK);

    if (!fixture_add(text, &err)) {
        fail_msg("%s\n%s", err.text, text);
    }

    mds_json_release(fixture_state);
    fixture_state = NULL;
    free(text);
}

static void
write_marks(const play_t *play)
{
    static mds_run_t runs[USERS][MESSAGES];
    char             keys[USERS][32];
    mds_write_t      writes[USERS];

    for (unsigned u = 0; u < USERS; u++) {
        int    len = snprintf(keys[u], 32, "%s%cu%u", play->name, 0, u);
        size_t count = 0;

        for (unsigned id = 1; id <= play->gray_count; id++) {
            if (play->read[u][id]) {
                runs[u][count++] = (mds_run_t){ id, id };
            }
        }

        writes[u] = (mds_write_t){
            .type = MDS_WRITE_READ_MARK,
            .read_mark = { .user = { (size_t) len, keys[u] },
                      .delete_through = play->deleted[u],
                      .read = runs[u],
                      .read_count = count,
                      .oldest = 1 },
        };
    }

    assert_int_equal(mds_state_write(state, writes, USERS, 1, &err), MDS_OK);
}

typedef struct {
    unsigned platform;
    unsigned
        version;   /* 0: nothing; 9: one that nobody knows, between 2 and 3 */
    unsigned user; /* USERS: none */
} asker_t;

/* Tenths, for the one between. */
static unsigned
height(unsigned version)
{
    return version == 9 ? 25 : 10 * version;
}

static bool
running(const public_t *p)
{
    return p->running && p->start <= 0 && p->end >= 0;
}

static unsigned
official(const play_t *play, unsigned platform)
{
    unsigned highest = 0;

    for (unsigned i = 0; i < play->public_count; i++) {
        const public_t *p = &play->publics[i];

        if (p->platform == platform && running(p) && !p->staff && !p->except
            && !p->rules && p->version > highest)
        {
            highest = p->version;
        }
    }

    return highest;
}

/* "the newest message of this platform in the list … unread, not expired, its
 * version greater than the official version and greater than the client's" */
static unsigned
hit(const play_t *play, const asker_t *asker)
{
    for (unsigned id = play->gray_count; id > 0; id--) {
        const gray_t *g = &play->grays[id - 1];

        if (asker->user == USERS || (g->users & 1u << asker->user) == 0
            || g->platform != asker->platform
            || fixture_now_ms - g->expires_ms >= 30 * DAY)
        {
            continue;
        }

        return !play->read[asker->user][id] && id > play->deleted[asker->user]
                       && g->expires_ms > fixture_now_ms
                       && g->version > official(play, asker->platform)
                       && height(g->version) > height(asker->version)
                   ? id
                   : 0;
    }

    return 0;
}

/* The release that holds: the higher version, or the later one. */
static int
choice(const play_t *play, const asker_t *asker)
{
    int best = -1;

    for (unsigned i = 0; i < play->public_count; i++) {
        const public_t *p = &play->publics[i];

        if (p->platform == asker->platform && running(p) && !p->rules
            && !(p->staff && asker->user != 0)
            && !(p->except && asker->user == 0)
            && (best < 0 || p->version >= play->publics[best].version))
        {
            best = (int) i;
        }
    }

    return best;
}

static void
install(const asker_t *asker, unsigned version, const char *by, char line[512])
{
    const char *platform = platforms[asker->platform];
    int len = snprintf(line, 512, "install %u by %s full=%s-%u", version, by,
                       platform, version);

    if (asker->version != 0 && asker->version != 9) {
        snprintf(line + len, 512 - (size_t) len, " delta=%s-%u>%s-%u from=%u",
                 platform, asker->version, platform, version, asker->version);
    }
}

static void
second(const play_t *play, const asker_t *asker, char line[512])
{
    unsigned message = hit(play, asker);
    unsigned version = message > 0 ? play->grays[message - 1].version : 0;
    int      chosen = choice(play, asker);
    char     by[32];
    bool     installs
        = chosen >= 0
          && height(play->publics[chosen].version) > height(asker->version);

    if (message > 0 && !(installs && play->publics[chosen].version >= version))
    {
        snprintf(by, sizeof(by), "message-%u", message);
        install(asker, version, by, line);
        hits++;
        return;
    }

    beaten += message > 0;
    misses += message == 0;

    if (installs) {
        snprintf(by, sizeof(by), "r%d", chosen);
        install(asker, play->publics[chosen].version, by, line);

    } else if (chosen >= 0) {
        snprintf(line, 512, "current %u by r%d", play->publics[chosen].version,
                 chosen);
    } else {
        /* What nobody knows anything of has no record. */
        strcpy(line, play->public_count + play->gray_count > 0 ? "outside"
                                                               : "unknown");
    }
}

static const char *
ask(const char *query)
{
    mds_snapshot_t snapshot = fixture_snapshot();
    mds_request_t  request;
    mds_decision_t decision;
    mds_status_t   status;
    const char    *line;

    snapshot.state = state;
    fixture_request(query, &request);
    status
        = mds_decide(&snapshot, &request, fixture_now_ms, NULL, &err, &decision);
    line = fixture_describe(status, &err, &decision);
    mds_state_end(state);

    return line;
}

static void
compare(prng_t *prng, const play_t *play)
{
    static const char *const versions[]
        = { "", "1", "2.0", "v3", "4", "5", "6", "7", "8", "2.5" };
    asker_t     asker = { prng_below(prng, 3), prng_below(prng, 10),
                          prng_below(prng, USERS + 1) };
    char        query[256], should[512];
    const char *is;

    asker.version
        = asker.version == 7 || asker.version == 8 ? 0 : asker.version;
    snprintf(query, sizeof(query),
             "app=%s&kind=upgrade&platform=%s&version=%s&user=%.*su%u",
             play->name, platforms[asker.platform], versions[asker.version], 0,
             "", asker.user);

    if (asker.user == USERS) {
        *strstr(query, "&user=") = '\0';
    }

    second(play, &asker, should);
    is = ask(query);

    if (strncmp(is, should, strcspn(should, ">")) != 0
        || strlen(is) != strlen(should))
    {
        fail_msg("%s\n%s\n  lib says  %s\n  should be %s\n", document(play),
                 query, is, should);
    }
}

static void
test_second_reading(void **unused)
{
    prng_t prng;

    (void) unused;
    prng_seed(&prng);

    for (unsigned generation = 0; generation < GENERATIONS; generation++) {
        /* Made days ago: some have expired for good since. */
        fixture_now_ms -= 3 * DAY;
        fixture_begin();

        for (unsigned i = 0; i < APPS; i++) {
            snprintf(plays[i].name, sizeof(plays[i].name), "g%02ua%02u",
                     generation, i);
            roll_play(&prng, &plays[i]);
            add_play(&plays[i]);
            write_marks(&plays[i]);
        }

        fixture_end();
        fixture_now_ms += 3 * DAY;

        for (unsigned i = 0; i < DEVICES; i++) {
            compare(&prng, &plays[i % APPS]);
        }
    }

    printf("hits %u, beaten %u, none %u\n", hits, beaten, misses);
    assert_true(hits > 1000 && beaten > 50 && misses > 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_second_reading),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
