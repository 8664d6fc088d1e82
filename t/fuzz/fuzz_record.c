/*
 * Records with a checksum that fits: what mds_record_check() lets through is
 * decided upon without a look outside, and what is answered lies in it. The
 * catalog around it is not there.
 */

#include "evaluate/mds_decide.h"
#include "evaluate/mds_settings.h"
#include "evaluate/mds_user_messages.h"
#include "fuzz.h"
#include "state/mds_state_internal.h"

#define NOW_MS INT64_C(1790000000000)

static const mds_record_t *record;
static struct mds_state_s  state; /* in which nobody has marked anything */

mds_status_t
mds_catalog_resource(mds_catalog_t *catalog, mds_str_t app, mds_str_t kind,
                     mds_str_t name, mds_error_t *err,
                     const mds_record_t **found)
{
    (void) catalog, (void) app, (void) kind, (void) name, (void) err;
    *found = record;
    return MDS_OK;
}

mds_status_t
mds_catalog_app(mds_catalog_t *catalog, mds_str_t app, mds_error_t *err,
                mds_app_record_t *found)
{
    (void) catalog, (void) app, (void) err, (void) found;
    return MDS_NOT_FOUND;
}

/* In every other list. */
mds_status_t
mds_catalog_list_has(mds_catalog_t *catalog, mds_str_t key, mds_str_t id,
                     uint64_t hash, bool on_match_limit, mds_error_t *err, bool *in)
{
    (void) catalog, (void) id, (void) hash, (void) on_match_limit, (void) err;
    *in = key.len > 0 && key.data[key.len - 1] % 2 == 0;
    return MDS_OK;
}

static void
tell(mds_trace_t *trace, const mds_trace_event_t *event)
{
    (void) trace;
    fuzz_read(mds_str_of(event->detail));
    fuzz_read(event->subject);
    fuzz_read(event->seen);
}

static void *
take(void *data, size_t bytes)
{
    void **taken = data;

    /* One after the other; a list of all of them goes with the question. */
    void **made = malloc(sizeof(void *) + bytes);

    fuzz_must(made != NULL);
    *made = *taken;
    *taken = made;

    return made + 1;
}

static void
give_back(void *taken)
{
    while (taken != NULL) {
        void *next = *(void **) taken;

        free(taken);
        taken = next;
    }
}

static void
inside(mds_str_t view)
{
    fuzz_read(view);
    fuzz_must(fuzz_inside(view, record, record->bytes));
}

static void
decide(const mds_request_t *request, mds_trace_t *trace)
{
    mds_snapshot_t snapshot = { 0 };
    mds_decision_t decision = { 0 };

    if (mds_decide(&snapshot, request, NOW_MS, trace, NULL, &decision)
        == MDS_OK) {
        inside(decision.manifest);
        inside(decision.signature);
        inside(decision.release);
        inside(decision.version);
    }
}

static void
settle(const mds_request_t *request, mds_trace_t *trace)
{
    mds_snapshot_t snapshot = { 0 };
    mds_settings_t settings = { 0 };
    void          *taken = NULL;
    mds_alloc_t    alloc = { take, &taken };

    if (mds_settings_evaluate(&snapshot, request, mds_null_str, NOW_MS, trace, &alloc,
                     NULL, &settings)
        == MDS_OK)
    {
        for (size_t i = 0; i < settings.value_count; i++) {
            inside(settings.values[i]);
        }
        for (size_t i = 0; i < settings.removed_count; i++) {
            inside(settings.removed[i]);
        }
        fuzz_read(settings.token);
    }

    give_back(taken);
}

static void
list(const mds_request_t *request)
{
    mds_snapshot_t     snapshot = { .state = &state };
    mds_message_list_t found = { 0 };
    void              *taken = NULL;
    mds_alloc_t        alloc = { take, &taken };

    if (mds_user_messages(&snapshot, request, 20, NOW_MS, &alloc, NULL, &found)
        == MDS_OK)
    {
        fuzz_must(found.count <= 20);

        for (size_t i = 0; i < found.count; i++) {
            inside(found.messages[i].platform);
            inside(found.messages[i].version);
            inside(found.messages[i].url);
        }
        for (size_t i = 0; i < found.latest_count; i++) {
            inside(found.latest[i].platform);
            inside(found.latest[i].version);
        }
    }

    give_back(taken);
}

static void
ask(const char *query, mds_trace_t *trace)
{
    mds_request_t request = { 0 };
    char          buffer[512];

    fuzz_must(mds_request_parse(&request, mds_str_of(query), buffer, NULL)
              == MDS_OK);
    decide(&request, trace);
    settle(&request, trace);
    list(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_trace_t   trace = { tell };
    mds_record_t *copy;

    if (size < sizeof(*copy) || (copy = malloc(size)) == NULL) {
        return 0;
    }

    memcpy(copy, data, size);
    copy->tag = MDS_RECORD_TAG;
    copy->bytes = (uint32_t) size;
    copy->check = mds_record_sum(copy);
    fuzz_table_clear();
    state = (struct mds_state_s){ .env = { .reader = fuzz_table() } };

    if (mds_record_check((mds_str_t){ size, (const char *) copy }, NULL)
        == MDS_OK) {
        record = copy;
        ask("app=a&kind=hotfix", NULL);
        ask("app=a&kind=hotfix&platform=ios&user=alice&os_version=12&cpu=arm64"
            "&version=1.0&device=d2&channel=mi&refuse=2",
            &trace);
        ask("app=a&kind=hotfix&platform=mac&version=2.0&device=d1&cpu=x86-64",
            NULL);
        ask("app=a&kind=upgrade&version=1.1&user=bob&os_version=x", NULL);
        ask("app=a&kind=upgrade&platform=android&user=alice", &trace);
    }

    free(copy);
    return 0;
}
