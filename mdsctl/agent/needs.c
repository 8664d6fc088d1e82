/* needs: the files that the manifests of a generation name. */

#include "agent/agent.h"

#include <stdlib.h>

#include "files/mds_store.h"
#include "loader/mds_catalog_visit.h"
#include "json/mds_json_view.h"

#define ROOM 256

typedef struct {
    mdsctl_needs_t *needs;
    int64_t         now_ms;
    bool            is_running; /* the answers that are visited now */
} search_t;

static mds_status_t
add(mdsctl_needs_t *needs, const mdsctl_need_file_t *file, mds_error_t *err)
{
    if (needs->count == needs->room) {
        size_t              room = needs->room == 0 ? ROOM : 2 * needs->room;
        mdsctl_need_file_t *grown
            = realloc(needs->items, room * sizeof(*grown));

        if (grown == NULL) {
            return mds_fail_memory(err);
        }

        needs->items = grown;
        needs->room = room;
    }

    needs->items[needs->count++] = *file;
    return MDS_OK;
}

/* Returns the text of a string member. */
static mds_str_t
member(mds_str_t object, const char *key)
{
    mds_str_t inside = mds_null_str;

    (void) mds_json_view_is_string(mds_json_view_member(object,
                                                        mds_str_of(key)),
                                   &inside);

    return inside;
}

static uint64_t
number(mds_str_t text)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len && text.data[i] >= '0'
                       && text.data[i] <= '9' && value < UINT64_MAX / 16;
         i++)
    {
        value = 10 * value + (uint64_t) (text.data[i] - '0');
    }

    return value;
}

/* Reads "full" or "delta" of a manifest. */
static mds_status_t
add_member(const search_t *search, mds_str_t manifest, const char *key,
           mds_error_t *err)
{
    const mds_str_t    files = mds_str("files/");
    mds_str_t          object = mds_json_view_member(manifest, mds_str_of(key));
    mds_str_t          signature = member(object, "minisig");
    mdsctl_need_file_t file = { .is_running = search->is_running };
    mds_sha256_t       named;

    if (!mds_sha256_parse(member(object, "sha256"), &file.sha256)) {
        return MDS_OK;
    }

    file.bytes = number(mds_json_view_member(object, mds_str("size")));

    if (mds_str_starts(signature, files)) {
        signature.data += files.len;
        signature.len -= files.len;
        file.is_signed = mds_store_name(signature, &named, file.keyid)
                             == MDS_STORE_KEY_SIGNATURE
                         && mds_sha256_eq(&named, &file.sha256);
    }

    return add(search->needs, &file, err);
}

static mds_status_t
visit_answer(void *data, const mds_record_t *record, const mds_answer_t *answer,
             mds_error_t *err)
{
    mds_str_t    manifest = mds_record_bytes(record, answer->manifest);
    mds_status_t status;

    if (manifest.len == 0) {
        return MDS_OK;
    }

    status = add_member(data, manifest, "full", err);

    return status == MDS_OK ? add_member(data, manifest, "delta", err) : status;
}

static mds_status_t
visit_record(void *data, const mds_record_t *record, mds_error_t *err)
{
    search_t    *search = data;
    mds_status_t status;

    search->is_running = true;
    status = mds_record_visit_given(record, search->now_ms, visit_answer,
                                    search, err);
    search->is_running = false;

    if (status == MDS_OK) {
        status = mds_record_visit_offers(record, visit_answer, search, err);
    }

    return status == MDS_OK
               ? mds_record_visit_deltas(record, visit_answer, search, err)
               : status;
}

static int
compare(const void *a, const void *b)
{
    return memcmp(&((const mdsctl_need_file_t *) a)->sha256,
                  &((const mdsctl_need_file_t *) b)->sha256,
                  sizeof(mds_sha256_t));
}

/* Joins the entries of a file: it is running if one of them is. */
static void
join(mdsctl_needs_t *needs)
{
    size_t kept = 0;

    if (needs->count == 0) {
        return;
    }

    qsort(needs->items, needs->count, sizeof(*needs->items), compare);

    for (size_t i = 1; i < needs->count; i++) {
        const mdsctl_need_file_t *file = &needs->items[i];
        mdsctl_need_file_t       *last = &needs->items[kept];

        if (compare(file, last) != 0) {
            needs->items[++kept] = *file;
            continue;
        }

        last->is_running = last->is_running || file->is_running;

        if (file->is_signed && !last->is_signed) {
            last->is_signed = true;
            memcpy(last->keyid, file->keyid, sizeof(last->keyid));
        }
    }

    needs->count = kept + 1;
}

mds_status_t
mdsctl_needs_find(mds_catalog_t *catalog, int64_t now_ms, mds_error_t *err,
                  mdsctl_needs_t *needs)
{
    mdsctl_needs_t found = { 0 };
    search_t       search = { .needs = &found, .now_ms = now_ms };
    mds_status_t   status = mds_catalog_visit_records(catalog, mds_null_str,
                                                      visit_record, &search, err);

    if (status != MDS_OK) {
        mdsctl_needs_free(&found);
        return status;
    }

    join(&found);
    *needs = found;

    return MDS_OK;
}

const mdsctl_need_file_t *
mdsctl_needs_get(const mdsctl_needs_t *needs, const mds_sha256_t *sha256)
{
    mdsctl_need_file_t key = { .sha256 = *sha256 };

    return needs->count == 0 ? NULL
                             : bsearch(&key, needs->items, needs->count,
                                       sizeof(*needs->items), compare);
}

void
mdsctl_needs_free(mdsctl_needs_t *needs)
{
    free(needs->items);
    *needs = (mdsctl_needs_t){ 0 };
}
