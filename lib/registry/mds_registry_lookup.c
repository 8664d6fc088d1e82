/*
 * mds_registry_lookup: finds a device, or those of a user. Runs list the blocks
 * of a user's devices; the merge of all files has the current record of each.
 */

#include <stdlib.h>

#include "base/mds_buffer.h"
#include "registry/mds_registry_internal.h"

/* Holds the hashes of devices that may be the user's. */
typedef struct {
    mds_str_t            app;
    mds_str_t            user;
    mds_device_cursor_t *cursor;
    mds_buffer_t         hashes; /* a uint64_t each */
} mds_user_search_t;

static mds_status_t
mds_search_add(mds_user_search_t *search, uint64_t hash, mds_error_t *err)
{
    mds_buffer_add(&search->hashes, &hash, sizeof(hash));

    return mds_buffer_failed(&search->hashes) ? mds_fail_memory(err) : MDS_OK;
}

static bool
mds_search_matches(const mds_user_search_t *search, const mds_device_t *device)
{
    return mds_str_eq(device->user, search->user)
           && mds_str_eq(device->app, search->app);
}

static mds_status_t
mds_search_block(void *data, mds_device_run_t *run, uint64_t block,
                 mds_error_t *err)
{
    mds_user_search_t   *search = data;
    mds_device_cursor_t *cursor = search->cursor;
    mds_status_t         status;

    mds_device_cursor_begin_block(cursor, run, block);

    do {
        status = mds_device_cursor_next(cursor, err);

        if (status == MDS_OK
            && mds_search_matches(search, &cursor->copy.device)) {
            status = mds_search_add(search, cursor->hash, err);
        }
    } while (status == MDS_OK && cursor->left > 0);

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
mds_search_logs(mds_user_search_t *search, const mds_device_logs_t *logs,
                mds_error_t *err)
{
    mds_device_copy_t copy;
    mds_status_t      status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < logs->count; i++) {
        mds_device_logs_get(logs, &logs->entries[i], &copy);

        if (mds_search_matches(search, &copy.device)) {
            status = mds_search_add(search, logs->entries[i].hash, err);
        }
    }

    return status;
}

static int
mds_hash_order(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Finds all devices that are, or were, the user's. */
static mds_status_t
mds_search_all(mds_registry_t *registry, mds_user_search_t *search,
               mds_error_t *err)
{
    uint32_t     user_hash = mds_device_user_hash(search->app, search->user);
    mds_status_t status = mds_search_logs(search, &registry->logs, err);

    for (size_t i = 0; status == MDS_OK && i < registry->part_count; i++) {
        status = mds_device_run_find_user(registry->parts[i].run, user_hash,
                                          mds_search_block, search, err);
    }

    if (status == MDS_OK && search->hashes.len > 0) {
        qsort(search->hashes.data, search->hashes.len / sizeof(uint64_t),
              sizeof(uint64_t), mds_hash_order);
    }

    return status;
}

/* Holds the arguments of mds_lookup_hash(), which visits the devices of a hash
 * that are the user's, or the given one. */
typedef struct {
    mds_registry_t     *registry;
    mds_device_merge_t *merge;
    mds_user_search_t  *search; /* for a user; or, if NULL, */
    const mds_device_t *device; /* for this device */
    mds_device_visit_t  visit;
    void               *data;
} mds_lookup_t;

static mds_status_t
mds_lookup_hash(const mds_lookup_t *lookup, uint64_t hash, mds_error_t *err)
{
    mds_device_item_t item;
    mds_status_t      status = mds_device_merge_seek(lookup->merge, hash, err);

    while (status == MDS_OK) {
        bool wanted;

        status = mds_device_merge_next(lookup->merge, err, &item);

        if (status != MDS_OK || item.hash != hash) {
            break;
        }

        wanted = lookup->search != NULL
                     ? mds_search_matches(lookup->search, item.device)
                     : mds_device_cmp(lookup->device, item.device) == 0;

        if (wanted && mds_registry_has(lookup->registry, item.device)) {
            status = lookup->visit(lookup->data, item.device, err);
            status = status == MDS_NOT_FOUND ? MDS_IO : status;
        }
    }

    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
mds_lookup_user(const mds_lookup_t *lookup, mds_error_t *err)
{
    const mds_buffer_t *buffer = &lookup->search->hashes;
    const uint64_t     *hashes = (const void *) buffer->data;
    size_t              count = buffer->len / sizeof(*hashes);
    mds_status_t        status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        if (i == 0 || hashes[i] != hashes[i - 1]) {
            status = mds_lookup_hash(lookup, hashes[i], err);
        }
    }

    return status;
}

mds_status_t
mds_registry_find_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                       mds_device_visit_t visit, void *data, mds_error_t *err)
{
    mds_user_search_t search = { .app = app, .user = user };
    mds_lookup_t      lookup = {
             .registry = registry, .search = &search, .visit = visit, .data = data
    };
    mds_status_t status = MDS_OK;

    search.cursor = malloc(sizeof(*search.cursor));

    if (search.cursor == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_search_all(registry, &search, err);

    if (status == MDS_OK) {
        status = mds_registry_merge(registry, err, &lookup.merge);
    }

    if (status == MDS_OK) {
        status = mds_lookup_user(&lookup, err);
    }

    mds_device_merge_free(lookup.merge);
    free(search.cursor);
    mds_buffer_free(&search.hashes);
    return status;
}

mds_status_t
mds_registry_find_device(mds_registry_t *registry, mds_str_t app,
                         mds_str_t name, mds_device_visit_t visit, void *data,
                         mds_error_t *err)
{
    mds_device_t device = { .app = app, .device = name };
    mds_lookup_t lookup = {
        .registry = registry, .device = &device, .visit = visit, .data = data
    };
    mds_status_t status = mds_registry_merge(registry, err, &lookup.merge);

    if (status == MDS_OK) {
        status = mds_lookup_hash(&lookup, mds_device_hash(app, name), err);
    }

    mds_device_merge_free(lookup.merge);
    return status;
}
