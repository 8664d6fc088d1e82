/*
 * Configuration: random documents, one after the other, and devices that poll
 * through them. Whoever applies what it is told, change by change, always has
 * what a plain second reading of interface.md says that it should have.
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
#include "prng.h"
#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"
#include "reference_version.h"
#include "catalog_fixture.h"

#define GENERATIONS 120
#define CLIENTS 40
#define POLLS 300        /* of each generation */
#define RELEASES_MAX 160 /* more than buckets are made at a time */
#define TOKEN_ROOM 512
#define count_of(a) ((unsigned) (sizeof(a) / sizeof((a)[0])))

/* Keys as JSON, and values as they are written without spaces. */
static const char *const keys[]
    = { "\"a\"",         "\"a.b\"",        "\"\xd0\xba\xd0\xbb\"",
        "\"q\\\"\\\\\"", "\"theme/dark\"", "\"a b\"",
        "\"z\"" };
static const char *const values[]
    = { "true",
        "false",
        "null",
        "0",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "0.1",
        "1e+300",
        "1.0",
        "1",
        "\"\"",
        "\"1\"",
        "\"\xe6\x9b\xb4\xe5\xbf\xab\"",
        "\"a\\\"b\\\\c\\n\\u0001\"",
        "[]",
        "{}",
        "[1,[2,[3,{\"x\":null}]]]",
        "{\"b\":{\"a\":[true,false]},\"a\":\"\"}" };
static const char *const users[] = { NULL, "u1", "u2", "u3" };
static const char *const platforms[] = { NULL, "ios", "android" };
static const char *const brands[] = { NULL, "mi", "oppo" };
static const char *const devices[]
    = { NULL, "d1", "d2", "d3", "a-device-of-some-length", "12345678" };
static const char *const systems[] = { NULL, "8", "9", "10.5", "12", "x" };
static const char *const bounds[] = { NULL, "8", "9.0", "10", "12" };
static const char *const operators[]
    = { NULL, NULL, "in", "not_in", "range", "not_range" };
static const double      percents[] = { 0, 0.5, 10, 30, 50, 70, 99.9, 100 };
static const char *const states[]
    = { "running", "running", "running", "running", "paused", "ended" };

#define roll_one(prng, a) ((a)[prng_below(prng, count_of(a))])

typedef struct {
    unsigned    key;
    unsigned    value;
    int         priority;
    const char *state;
    const char *platform; /* NULL: every one */
    bool        all;
    const char *list; /* its only user; NULL: none */
    const char *except;
    double      percent; /* below zero: none */
    double      ramp;    /* from 0 to that, in an hour; below zero: none */
    int         ramp_s;  /* it begins so long from now */
    bool        by_user;
    const char *brand; /* of a rule; NULL: none */
    bool        not_brand;
    bool        prefix; /* its first letter alone */
    const char *op;     /* of a rule about os_version; NULL: none */
    const char *min;
    const char *max;
    const char *below;
    int         start_s; /* from now; 0: not said */
    int         end_s;
} setting_t;

typedef struct {
    unsigned  count;
    setting_t items[RELEASES_MAX];
} book_t;

typedef struct {
    const char *user;
    const char *platform;
    const char *brand;
    const char *device;
    const char *system;
} device_t;

/* By key: a value's number, or -1; what a client has, or should have. */
typedef struct {
    int  of[count_of(keys)];
    char token[TOKEN_ROOM]; /* empty: none */
} held_t;

typedef struct {
    device_t device;
    held_t   held;
    held_t   backup; /* that it may fall back to */
} client_t;

static client_t clients[CLIENTS];
static unsigned polls, nothings, fulls, news, removals;

static const held_t nobody = { .of = { -1, -1, -1, -1, -1, -1, -1 } };

static void
roll_setting(prng_t *prng, setting_t *s)
{
    *s = (setting_t){
        .key = prng_below(prng, count_of(keys)),
        .value = prng_below(prng, count_of(values)),
        .priority = prng_one_in(prng, 3) ? (int) prng_below(prng, 3) - 1 : 0,
        .state = roll_one(prng, states),
        .platform = prng_one_in(prng, 4) ? roll_one(prng, platforms) : NULL,
        .all = prng_one_in(prng, 3),
        .list = prng_one_in(prng, 2) ? roll_one(prng, users) : NULL,
        .percent = prng_one_in(prng, 2) ? roll_one(prng, percents) : -1,
        .ramp = prng_one_in(prng, 5) ? roll_one(prng, percents) : -1,
        .ramp_s = (int) prng_below(prng, 5000) - 4300,
        .by_user = prng_one_in(prng, 4),
        .except = prng_one_in(prng, 4) ? roll_one(prng, users) : NULL,
        .brand = prng_one_in(prng, 3) ? roll_one(prng, brands) : NULL,
        .not_brand = prng_one_in(prng, 2),
        .prefix = prng_one_in(prng, 3),
        .op = roll_one(prng, operators),
        .min = roll_one(prng, bounds),
        .max = roll_one(prng, bounds),
        .below = prng_one_in(prng, 3) ? roll_one(prng, bounds) : NULL,
        .start_s = prng_one_in(prng, 6) ? (int) prng_below(prng, 41) - 20 : 0,
        .end_s = prng_one_in(prng, 6) ? (int) prng_below(prng, 41) - 20 : 0,
    };

    if (s->start_s != 0 && s->end_s != 0 && s->start_s >= s->end_s) {
        s->start_s = 0;
    }

    s->all = s->all || (s->list == NULL && s->percent < 0 && s->ramp < 0);

    /* a range that is none is an error; values are there for in and not_in */
    if (s->min == NULL && s->below == NULL && s->max == NULL) {
        s->min = "9.0";
    }
    if (s->min != NULL && s->max != NULL && reference_version_cmp(s->min, s->max) > 0) {
        s->max = NULL;
    }
    if (s->max != NULL
        || (s->min != NULL && s->below != NULL
            && reference_version_cmp(s->min, s->below) >= 0))
    {
        s->below = NULL;
    }
}

/* A change of a few, as people make them; now and then of all: to none, or to
 * many. */
static void
roll_book(prng_t *prng, book_t *book)
{
    if (prng_one_in(prng, 12)) {
        book->count = 0;
        if (prng_one_in(prng, 2)) {
            return;
        }
        while (book->count < RELEASES_MAX && !prng_one_in(prng, 200)) {
            roll_setting(prng, &book->items[book->count++]);
        }
    }

    for (unsigned changes = 1 + prng_below(prng, 4); changes > 0; changes--) {
        if (book->count == 0
            || (book->count < RELEASES_MAX && prng_one_in(prng, 2))) {
            roll_setting(prng, &book->items[book->count++]);
        } else if (prng_one_in(prng, 2)) {
            roll_setting(prng, &book->items[prng_below(prng, book->count)]);
        } else {
            unsigned gone = prng_below(prng, book->count);

            book->items[gone] = book->items[--book->count];
        }
    }
}

static void
print_audience(FILE *out, const setting_t *s)
{
    char start[MDS_TIME_BYTES], end[MDS_TIME_BYTES];

    fprintf(out, ",\"audience\":{\"by\":\"%s\"",
            s->by_user ? "user" : "device");
    if (s->all) {
        fprintf(out, ",\"all\":true");
    }
    if (s->list != NULL) {
        fprintf(out, ",\"lists\":[\"%s\"]", s->list);
    }
    if (s->except != NULL) {
        fprintf(out, ",\"except\":[\"%s\"]", s->except);
    }
    if (s->percent >= 0) {
        fprintf(out, ",\"percent\":%g", s->percent);
    }
    if (s->ramp >= 0) {
        fprintf(out,
                ",\"ramp\":{\"from\":0,\"to\":%g,\"start\":\"%s\","
                "\"end\":\"%s\"}",
                s->ramp,
                mds_time_format(fixture_now_ms + s->ramp_s * 1000, start),
                mds_time_format(fixture_now_ms + (s->ramp_s + 3600) * 1000, end));
    }
    fprintf(out, "}");
}

static void
print_bound(FILE *out, const char *name, const char *value)
{
    if (value != NULL) {
        fprintf(out, ",\"%s\":\"%s\"", name, value);
    }
}

static void
print_rules(FILE *out, const setting_t *s)
{
    fprintf(out, ",\"rules\":[");
    if (s->brand != NULL) {
        fprintf(out,
                "{\"attribute\":\"brand\",\"op\":\"%s\",\"values\":[\"%.*s%s\","
                "\"none\"]}%s",
                s->not_brand ? "not_in" : "in", s->prefix ? 1 : 9, s->brand,
                s->prefix ? "*" : "", s->op != NULL ? "," : "");
    }
    if (s->op != NULL) {
        fprintf(out, "{\"attribute\":\"os_version\",\"op\":\"%s\"", s->op);
        if (strstr(s->op, "in") != NULL) {
            fprintf(out, ",\"values\":[\"12\",\"10*\"]");
        } else {
            print_bound(out, "min", s->min);
            print_bound(out, "max", s->max);
            print_bound(out, "below", s->below);
        }
        fprintf(out, "}");
    }
    fprintf(out, "]");
}

static void
print_setting(FILE *out, unsigned number, const setting_t *s)
{
    char text[MDS_TIME_BYTES];

    fprintf(out,
            "%s\n{\"id\":\"r%u\",\"kind\":\"config\",\"name\":%s,\"value\":%s,"
            "\"priority\":%d,\"state\":\"%s\"",
            number > 0 ? "," : "", number, keys[s->key], values[s->value],
            s->priority, s->state);
    if (s->platform != NULL) {
        fprintf(out, ",\"platform\":\"%s\"", s->platform);
    }
    print_audience(out, s);
    print_rules(out, s);
    if (s->start_s != 0) {
        fprintf(out, ",\"start\":\"%s\"",
                mds_time_format(fixture_now_ms + s->start_s * 1000, text));
    }
    if (s->end_s != 0) {
        fprintf(out, ",\"end\":\"%s\"",
                mds_time_format(fixture_now_ms + s->end_s * 1000, text));
    }
    fprintf(out, "}");
}

static char *
print_book(const char *app, const book_t *book)
{
    char  *text = NULL;
    size_t len;
    FILE  *out = open_memstream(&text, &len);

    assert_non_null(out);
    fprintf(out, "{\"app\":\"%s\",\"lists\":{", app);
    for (unsigned i = 1; i < count_of(users); i++) {
        fprintf(out, "%s\"%s\":{\"ids\":[\"%s\"]}", i > 1 ? "," : "", users[i],
                users[i]);
    }
    fprintf(out, "},\"releases\":[");
    for (unsigned i = 0; i < book->count; i++) {
        print_setting(out, i, &book->items[i]);
    }
    fprintf(out, "]}\n");
    fclose(out);

    return text;
}

/* The second reading: one release, then all of a key. */
static bool
same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* "sticky by device or user": docs/catalog.md says how. The id is that of the
 * place in the document. */
static bool
under(const setting_t *s, unsigned number, const device_t *d, double percent)
{
    const char  *id = s->by_user ? d->user : d->device;
    char         text[32];
    int          len = snprintf(text, sizeof(text), "app%cr%u", 0, number);
    mds_sha256_t digest;

    mds_sha256(text, (size_t) len, &digest);

    return id != NULL
           && (long double) mds_siphash(digest.bytes, mds_str_of(id))
                      / 18446744073709551616.0L * 100
                  < (long double) percent;
}

static bool
audience_holds(const setting_t *s, unsigned number, const device_t *d)
{
    int risen_s = s->ramp_s > 0 ? 0 : s->ramp_s < -3600 ? 3600 : -s->ramp_s;

    return !same(s->except, d->user)
           && (s->all || same(s->list, d->user)
               || (s->percent >= 0 && under(s, number, d, s->percent))
               || (s->ramp >= 0
                   && under(s, number, d, s->ramp * risen_s / 3600)));
}

static bool
brand_holds(const setting_t *s, const device_t *d)
{
    bool in = d->brand != NULL && s->brand != NULL
              && (s->prefix ? d->brand[0] == s->brand[0]
                            : same(s->brand, d->brand));

    return s->brand == NULL || (d->brand != NULL && in == !s->not_brand);
}

static bool
system_holds(const setting_t *s, const device_t *d)
{
    bool in;

    if (s->op == NULL || d->system == NULL) {
        return s->op == NULL;
    }
    if (strstr(s->op, "in") != NULL) {
        in = strncmp(d->system, "10", 2) == 0 || same(d->system, "12");
        return in == same(s->op, "in");
    }
    if (!reference_version_valid(d->system)) {
        return false;
    }
    in = (s->min == NULL || reference_version_cmp(d->system, s->min) >= 0)
         && (s->max == NULL || reference_version_cmp(d->system, s->max) <= 0)
         && (s->below == NULL || reference_version_cmp(d->system, s->below) < 0);
    return in == same(s->op, "range");
}

static bool
holds(const setting_t *s, unsigned number, const device_t *d)
{
    return strcmp(s->state, "running") == 0
           && (s->platform == NULL || same(s->platform, d->platform))
           && brand_holds(s, d) && system_holds(s, d)
           && (s->start_s == 0 || s->start_s <= 0)
           && (s->end_s == 0 || s->end_s > 0) && audience_holds(s, number, d);
}

static void
read_book(const book_t *book, const device_t *device, held_t *should)
{
    *should = nobody;

    for (unsigned key = 0; key < count_of(keys); key++) {
        const setting_t *best = NULL;

        for (unsigned i = 0; i < book->count; i++) {
            const setting_t *s = &book->items[i];

            if (s->key == key && holds(s, i, device)
                && (best == NULL || s->priority >= best->priority))
            {
                best = s;
            }
        }

        should->of[key] = best == NULL ? -1 : (int) best->value;
    }
}

/* Memory of an answer, each piece its own. */
static void    *pieces[64];
static unsigned piece_count;

static void *
take(void *data, size_t bytes)
{
    (void) data;
    assert_true(piece_count < count_of(pieces));
    return pieces[piece_count++] = malloc(bytes);
}

static void
give_back(void)
{
    while (piece_count > 0) {
        free(pieces[--piece_count]);
    }
}

static char *
add(char *query, const char *name, const char *value)
{
    return query + sprintf(query, "&%s=%s", name, value == NULL ? "" : value);
}

static void
listen(mds_trace_t *trace, const mds_trace_event_t *event)
{
    (void) trace;
    assert_non_null(event->detail);
}

/* heard: somebody listens, which changes nothing. */
static void
ask_as(bool heard, const char *app, const device_t *device, const char *token,
       mds_settings_t *answer)
{
    mds_trace_t              trace = { listen };
    static const mds_alloc_t alloc = { take, NULL };
    mds_snapshot_t           snapshot = fixture_snapshot();
    mds_request_t            request;
    mds_error_t              err;
    char                     query[2 * TOKEN_ROOM];
    char                    *end = query + sprintf(query, "kind=config");

    end = add(end, "app", app);
    end = add(end, "user", device->user);
    end = add(end, "platform", device->platform);
    end = add(end, "brand", device->brand);
    end = add(end, "device", device->device);
    end = add(end, "os_version", device->system);
    (void) add(end, "state", token);

    fixture_request(query, &request);
    give_back();

    if (mds_settings_evaluate(&snapshot, &request, mds_null_str, fixture_now_ms,
                     heard ? &trace : NULL, &alloc, &err, answer)
        != MDS_OK)
    {
        fail_msg("%s: %s", query, err.text);
    }
}

static void
ask(const char *app, const device_t *device, const char *token,
    mds_settings_t *answer)
{
    ask_as(false, app, device, token, answer);
}

static unsigned
find(const char *const *items, unsigned count, mds_str_t text)
{
    for (unsigned i = 0; i < count; i++) {
        if (mds_str_eq(mds_str_of(items[i]), text)) {
            return i;
        }
    }

    fail_msg("what is %.*s?", MDS_STR(text));
    return 0;
}

/* "key":value, which it did not have. */
static void
apply_value(mds_str_t member, held_t *held)
{
    for (unsigned key = 0; key < count_of(keys); key++) {
        size_t len = strlen(keys[key]);

        if (mds_str_starts(member, mds_str_of(keys[key]))
            && member.data[len] == ':') {
            mds_str_t text = { member.len - len - 1, member.data + len + 1 };
            int       value = (int) find(values, count_of(values), text);

            assert_int_not_equal(held->of[key], value);
            held->of[key] = value;
            return;
        }
    }

    fail_msg("what is %.*s?", MDS_STR(member));
}

/* What a client does with an answer; nothing is said in vain. */
static void
apply(const mds_settings_t *answer, held_t *held)
{
    size_t bytes = 0;

    if (answer->full) {
        assert_int_equal(answer->removed_count, 0);
        *held = nobody;
    }

    for (size_t i = 0; i < answer->value_count; i++) {
        bytes += answer->values[i].len + 1;
        apply_value(answer->values[i], held);
    }

    for (size_t i = 0; i < answer->removed_count; i++) {
        unsigned key = find(keys, count_of(keys), answer->removed[i]);

        bytes += answer->removed[i].len + 1;
        assert_int_not_equal(held->of[key], -1);
        held->of[key] = -1;
    }

    assert_int_equal(answer->bytes, bytes);
    assert_true(answer->token.len < sizeof(held->token));
    memcpy(held->token, answer->token.data, answer->token.len);
    held->token[answer->token.len] = '\0';
}

static bool
is_nothing(const mds_settings_t *answer)
{
    return !answer->full && answer->value_count == 0
           && answer->removed_count == 0;
}

static void
poll_once(prng_t *prng, const book_t *book, client_t *client)
{
    mds_settings_t answer;
    held_t         should, whole = nobody;
    bool           same_as_before;

    if (prng_one_in(prng, 5)) {
        client->device
            = (device_t){ roll_one(prng, users), roll_one(prng, platforms),
                          roll_one(prng, brands), roll_one(prng, devices),
                          roll_one(prng, systems) };
    }
    if (prng_one_in(prng, 60)) {
        client->held = nobody;
    } else if (prng_one_in(prng, 20)) {
        client->held = client->backup;
    } else if (prng_one_in(prng, 20)) {
        client->backup = client->held;
    }

    read_book(book, &client->device, &should);
    same_as_before
        = client->held.token[0] != '\0'
          && memcmp(client->held.of, should.of, sizeof(should.of)) == 0;

    ask("app", &client->device, client->held.token, &answer);
    assert_int_equal(answer.full, client->held.token[0] == '\0');
    assert_int_equal(is_nothing(&answer), same_as_before);
    nothings += is_nothing(&answer);
    fulls += answer.full;
    news += !answer.full && answer.value_count > 0;
    removals += answer.removed_count > 0;
    polls++;

    apply(&answer, &client->held);
    assert_memory_equal(client->held.of, should.of, sizeof(should.of));

    /* all at once says the same, token and all, whoever listens */
    ask_as(prng_one_in(prng, 3), "app", &client->device, NULL, &answer);
    assert_true(answer.full);
    apply(&answer, &whole);
    assert_memory_equal(whole.of, should.of, sizeof(should.of));
    assert_string_equal(whole.token, client->held.token);
}

/* A token that was not made for this gets all. */
static void
poll_with_wrong(prng_t *prng, const client_t *client, const char *other)
{
    mds_settings_t answer;
    char           token[TOKEN_ROOM];
    size_t         len = strlen(client->held.token);

    ask("other", &client->device, client->held.token, &answer);
    assert_true(answer.full);

    strcpy(token, client->held.token);
    token[prng_below(prng, (unsigned) len)] = '\0';
    ask("app", &client->device, token, &answer);
    assert_true(answer.full);

    strcpy(token, client->held.token);
    token[prng_below(prng, (unsigned) len)] ^= 1;
    ask("app", &client->device, token, &answer);
    assert_true(answer.full);

    ask("app", &client->device, other, &answer);
    assert_true(answer.full);
}

static void
put_books(const book_t *book, const book_t *other, mds_json_t *state,
          mds_json_t *other_state)
{
    char       *document = print_book("app", book);
    char       *another = print_book("other", other);
    mds_error_t err;

    fixture_begin();
    fixture_state = state;
    if (!fixture_add(document, &err)) {
        fail_msg("%s\n%s", err.text, document);
    }
    fixture_state = other_state;
    if (!fixture_add(another, &err)) {
        fail_msg("%s\n%s", err.text, another);
    }
    fixture_end();

    free(document);
    free(another);
}

static void
test_polls(void **state)
{
    mds_json_t *memory = mds_json_object_new();
    mds_json_t *other_memory = mds_json_object_new();
    book_t      book = { 0 }, other = { 0 };
    held_t      first = nobody;
    prng_t      prng;

    (void) state;
    prng_seed(&prng);
    roll_setting(&prng, &other.items[other.count++]);

    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (client_t){ .held = nobody, .backup = nobody };
    }

    for (unsigned generation = 0; generation < GENERATIONS; generation++) {
        mds_settings_t answer;

        /* so that there is one to lose, from the first on */
        do {
            roll_book(&prng, &book);
        } while (generation == 0 && book.count == 0);

        put_books(&book, &other, memory, other_memory);
        ask("other", &clients[0].device, NULL, &answer);
        first = nobody;
        memcpy(first.token, answer.token.data, answer.token.len);

        for (unsigned i = 0; i < POLLS; i++) {
            client_t *client = &clients[prng_below(&prng, CLIENTS)];

            poll_once(&prng, &book, client);
            if (prng_one_in(&prng, 10)) {
                poll_with_wrong(&prng, client, first.token);
            }
        }
    }

    printf("%u polls: nothing %u, all %u, news %u, removed %u\n", polls,
           nothings, fulls, news, removals);
    assert_true(nothings > 2000 && fulls > 200 && news > 2000);
    assert_true(removals > 500);

    give_back();
    fixture_state = NULL;
    mds_json_release(memory);
    mds_json_release(other_memory);
}

/* An app without configuration has a token for that, too; so has an unknown
 * one. Once there is some, the token is not understood. */
static void
test_none(void **state)
{
    mds_json_t    *memory = mds_json_object_new();
    device_t       device = { NULL, NULL, NULL, NULL, NULL };
    held_t         held = nobody;
    mds_settings_t answer;

    (void) state;
    fixture_state = memory;
    fixture_load("{\"app\":\"app\",\"poll\":{\"after_s\":60,\"jitter_s\":5}}");

    ask("app", &device, NULL, &answer);
    assert_true(answer.full && answer.value_count == 0);
    assert_int_equal(answer.poll_after_s, 60);
    assert_int_equal(answer.poll_jitter_s, 5);
    apply(&answer, &held);
    ask("app", &device, held.token, &answer);
    assert_true(is_nothing(&answer));
    ask("nonesuch", &device, held.token, &answer);
    assert_true(is_nothing(&answer));
    assert_int_equal(answer.poll_after_s, 0);

    fixture_load("{\"app\":\"app\",\"releases\":[{\"id\":\"r\",\"kind\":\"config\""
              ",\"name\":\"z\",\"value\":1,\"audience\":{\"all\":true}}]}");
    ask("app", &device, held.token, &answer);
    assert_true(answer.full && answer.value_count == 1);
    apply(&answer, &held);

    /* the last one is taken out: that is news, and the token holds */
    fixture_load("{\"app\":\"app\"}");
    ask("app", &device, held.token, &answer);
    assert_false(answer.full);
    assert_int_equal(answer.removed_count, 1);

    give_back();
    fixture_state = NULL;
    mds_json_release(memory);
}

/* So much that a request could not carry it: then all, each time. */
static void
test_token_too_long(void **state)
{
    enum { MANY = 8000 };
    mds_json_t    *memory = mds_json_object_new();
    device_t       device = { NULL, NULL, NULL, NULL, NULL };
    mds_settings_t answer;
    char          *text = malloc(MANY * 100), *end = text;

    (void) state;
    assert_non_null(text);
    end += sprintf(end, "{\"app\":\"app\",\"releases\":[");
    for (int i = 0; i < MANY; i++) {
        end += sprintf(end,
                       "%s{\"id\":\"r%d\",\"kind\":\"config\",\"name\":\"k%d\","
                       "\"value\":%d,\"audience\":{\"all\":true}}",
                       i > 0 ? "," : "", i, i, i);
    }
    sprintf(end, "]}");

    fixture_state = memory;
    fixture_load(text);
    ask("app", &device, NULL, &answer);
    assert_true(answer.full);
    assert_int_equal(answer.value_count, MANY);
    assert_int_equal(answer.token.len, 0);

    give_back();
    free(text);
    fixture_state = NULL;
    mds_json_release(memory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_polls),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_token_too_long),
    };

    return cmocka_run_group_tests_name("settings", tests, fixture_setup,
                                       fixture_teardown);
}
