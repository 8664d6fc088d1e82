/*
 * Records with a checksum that fits: what mds_record_check() lets through is
 * decided upon without a look outside. The catalog around it is not there.
 */

#include <stdlib.h>

#include "mds_decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const mds_record_t *record;

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
                     uint64_t hash, bool in_doubt, mds_error_t *err, bool *in)
{
    (void) catalog, (void) id, (void) hash, (void) in_doubt, (void) err;
    *in = key.len > 0 && key.data[key.len - 1] % 2 == 0;
    return MDS_OK;
}

static void
tell(mds_trace_t *trace, const mds_trace_event_t *event)
{
    (void) trace;
    if (strlen(event->detail) == SIZE_MAX) {
        abort();
    }
}

static void
read_all(mds_str_t bytes)
{
    char *copy = malloc(bytes.len + 1);

    if (copy != NULL && bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    free(copy);
}

static void
ask(const char *query, mds_trace_t *trace)
{
    mds_snapshot_t snapshot = { 0 };
    mds_request_t  request = { 0 };
    mds_decision_t decision = { 0 };
    mds_error_t    err;
    char           buffer[512];

    if (mds_request_parse(&request, mds_str_of(query), buffer, &err) != MDS_OK
        || mds_decide(&snapshot, &request, 1790000000000, trace, &err,
                      &decision)
               != MDS_OK)
    {
        return;
    }

    read_all(decision.manifest);
    read_all(decision.signature);
    read_all(decision.release);
    read_all(decision.version);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_trace_t   trace = { tell };
    mds_record_t *copy;
    mds_error_t   err;

    if (size < sizeof(*copy) || (copy = malloc(size)) == NULL) {
        return 0;
    }

    memcpy(copy, data, size);
    copy->tag = MDS_RECORD_TAG;
    copy->bytes = (uint32_t) size;
    copy->check = mds_record_sum(copy);

    if (mds_record_check((mds_str_t){ size, (const char *) copy }, &err)
        == MDS_OK) {
        record = copy;
        ask("kind=hotfix", NULL);
        ask("kind=hotfix&platform=ios&user=alice&os_version=12&cpu=arm64"
            "&version=1.0&device=d2&channel=mi&refuse=2",
            &trace);
        ask("kind=hotfix&platform=mac&version=2.0&device=d1&cpu=x86-64", NULL);
        ask("kind=upgrade&version=1.1&user=bob&os_version=x", NULL);
    }

    free(copy);
    return 0;
}
