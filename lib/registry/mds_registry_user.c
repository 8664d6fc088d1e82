/*
 * mds_registry_user: finds and forgets the devices of a user. Runs list the
 * blocks of a user's devices; the merge of all files has the current record of
 * each.
 */

#include <stdlib.h>
#include <unistd.h>

#include "base/mds_arena.h"
#include "base/mds_time.h"
#include "registry/mds_registry_internal.h"

/* Limits the devices of a user that are visited in the order of their names;
 * more are visited in the order of hashes. */
#define MDS_USER_SORTED_MAX 65536

/* Define how long a command waits for workers to read what it has forgotten. */
#define MDS_FORGET_WAIT_US 20000
#define MDS_FORGET_WAITS 250

/* Holds the hashes of devices that may be the user's. */
typedef struct {
    mds_str_t            app;
    mds_str_t            user;
    mds_device_cursor_t *cursor;
    uint64_t            *hashes;
    size_t               count;
    size_t               room;
} mds_user_search_t;

static mds_status_t
mds_search_add(mds_user_search_t *search, uint64_t hash, mds_error_t *err)
{
    if (search->count == search->room) {
        size_t    room = search->room == 0 ? 64 : search->room * 2;
        uint64_t *grown = realloc(search->hashes, room * sizeof(*grown));

        if (grown == NULL) {
            return mds_fail_memory(err);
        }

        search->hashes = grown;
        search->room = room;
    }

    search->hashes[search->count++] = hash;
    return MDS_OK;
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

    if (status == MDS_OK && search->count > 0) {
        qsort(search->hashes, search->count, sizeof(*search->hashes),
              mds_hash_order);
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
    const mds_user_search_t *search = lookup->search;
    mds_status_t             status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < search->count; i++) {
        if (i == 0 || search->hashes[i] != search->hashes[i - 1]) {
            status = mds_lookup_hash(lookup, search->hashes[i], err);
        }
    }

    return status;
}

/* Calls visit for each of the user's devices, in the order of hashes. */
static mds_status_t
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
    free(search.hashes);
    return status;
}

/* Holds copies of devices, to be sorted. */
typedef struct {
    mds_arena_t       *arena;
    mds_device_t      *devices;
    size_t             count;
    size_t             room;
    mds_device_visit_t visit; /* if there are too many to sort */
    void              *data;
} mds_sorter_t;

static mds_status_t
mds_sorter_add(void *data, const mds_device_t *device, mds_error_t *err)
{
    mds_sorter_t *sorter = data;
    mds_device_t *copy;

    if (sorter->count == MDS_USER_SORTED_MAX && sorter->visit != NULL) {
        return sorter->visit(sorter->data, device, err);
    }

    if (sorter->count == sorter->room) {
        size_t        room = sorter->room == 0 ? 64 : sorter->room * 2;
        mds_device_t *grown = realloc(sorter->devices, room * sizeof(*grown));

        if (grown == NULL) {
            return mds_fail_memory(err);
        }

        sorter->devices = grown;
        sorter->room = room;
    }

    copy = &sorter->devices[sorter->count++];
    *copy = (mds_device_t){
        .app = mds_arena_str(sorter->arena, device->app),
        .device = mds_arena_str(sorter->arena, device->device),
        .user = mds_arena_str(sorter->arena, device->user),
        .platform = mds_arena_str(sorter->arena, device->platform),
        .version = mds_arena_str(sorter->arena, device->version),
        .seen_ms = device->seen_ms,
    };

    return mds_arena_failed(sorter->arena) ? mds_fail_memory(err) : MDS_OK;
}

static int
mds_device_name_order(const void *a, const void *b)
{
    return mds_device_cmp(a, b);
}

mds_status_t
mds_registry_visit_user(mds_registry_t *registry, mds_str_t app, mds_str_t user,
                        mds_device_visit_t visit, void *data, mds_error_t *err)
{
    mds_sorter_t sorter
        = { .arena = mds_arena_new(), .visit = visit, .data = data };
    mds_status_t status = MDS_OK;

    if (sorter.arena == NULL) {
        status = mds_fail_memory(err);
    } else if (user.len > 0) {
        status = mds_registry_find_user(registry, app, user, mds_sorter_add,
                                        &sorter, err);
    }

    if (status == MDS_OK && sorter.count > 0) {
        qsort(sorter.devices, sorter.count, sizeof(*sorter.devices),
              mds_device_name_order);
    }

    for (size_t i = 0; status == MDS_OK && i < sorter.count; i++) {
        status = visit(data, &sorter.devices[i], err);
    }

    free(sorter.devices);
    mds_arena_free(sorter.arena);
    return status;
}

/* Forgetting */

/* Finds the device of that name. */
static mds_status_t
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

/* Turns a device into a record without user, platform and version, which only
 * says that older records of it do not count. */
static void
mds_device_set_forgotten(mds_device_t *device, int64_t now_ms)
{
    device->user = mds_null_str;
    device->platform = mds_null_str;
    device->version = mds_null_str;
    device->seen_ms = now_ms;
    device->forgotten = true;
}

/* Writes the devices to forget to a file, which workers read. */
static mds_status_t
mds_registry_write_forgotten(mds_registry_t *registry, mds_device_t *devices,
                             size_t count, mds_error_t *err)
{
    mds_device_log_t log = { .dir = registry->dir, .fd = -1 };
    int64_t          now_ms = mds_time_now_ms();
    mds_status_t     status;

    for (size_t i = 0; i < count; i++) {
        mds_device_set_forgotten(&devices[i], now_ms);
    }

    status = mds_device_log_append(&log, MDS_TEMP_PREFIX "forget", devices,
                                   count, now_ms, err);

    if (status == MDS_OK) {
        const char *name = log.name + sizeof(MDS_TEMP_PREFIX) - 1;

        status = mds_device_file_commit(registry->dir, dup(log.fd), log.name,
                                        name, err);

        for (int i = 0;
             status == MDS_OK && i < MDS_FORGET_WAITS
             && faccessat(registry->dir, name, F_OK, 0) == 0
             && mds_device_is_locked(registry->dir, MDS_REGISTRY_WORKERS_LOCK);
             i++)
        {
            (void) usleep(MDS_FORGET_WAIT_US);
        }
    } else if (log.fd >= 0) {
        (void) unlinkat(registry->dir, log.name, 0);
    }

    mds_device_log_close(&log);
    return status;
}

mds_status_t
mds_registry_forget(mds_registry_t *registry, mds_str_t app, mds_str_t name,
                    mds_error_t *err, uint64_t *count)
{
    mds_sorter_t sorter = { .arena = mds_arena_new() };
    size_t       left = 0;
    mds_status_t status = MDS_OK;

    if (sorter.arena == NULL) {
        status = mds_fail_memory(err);
    } else if (registry->dir >= 0 && name.len > 0 && name.len <= MDS_VALUE_MAX
               && app.len > 0 && app.len <= MDS_APP_MAX)
    {
        status = mds_registry_find_device(registry, app, name, mds_sorter_add,
                                          &sorter, err);

        if (status == MDS_OK) {
            status = mds_registry_find_user(registry, app, name, mds_sorter_add,
                                            &sorter, err);
        }
    }

    /* A device whose user has the same name was found twice. */
    if (status == MDS_OK && sorter.count > 0) {
        qsort(sorter.devices, sorter.count, sizeof(*sorter.devices),
              mds_device_name_order);

        for (size_t i = 1; i < sorter.count; i++) {
            if (mds_device_cmp(&sorter.devices[i], &sorter.devices[left]) != 0)
            {
                sorter.devices[++left] = sorter.devices[i];
            }
        }

        sorter.count = left + 1;
        status = mds_registry_write_forgotten(registry, sorter.devices,
                                              sorter.count, err);
    }

    if (status == MDS_OK) {
        *count = sorter.count;
    }

    free(sorter.devices);
    mds_arena_free(sorter.arena);
    return status;
}
