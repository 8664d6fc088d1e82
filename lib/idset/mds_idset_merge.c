/*
 * Makes a list of another one, by ids that are added and removed.
 */

#include <stdlib.h>

#include "idset/mds_id_reader.h"
#include "idset/mds_idset_writer.h"

/* An id that is added or removed. */
typedef struct {
    uint64_t hash;
    bool     add;
    bool     written; /* to the new text already */
} mds_idchange_t;

typedef struct {
    size_t          count;
    mds_idchange_t *changes; /* by hash, each hash once */
} mds_idchanges_t;

/* Compares by hash; an addition is before a removal. */
static int
mds_idchange_cmp(const void *a, const void *b)
{
    const mds_idchange_t *x = a;
    const mds_idchange_t *y = b;

    if (x->hash != y->hash) {
        return x->hash > y->hash ? 1 : -1;
    }

    return (int) y->add - (int) x->add;
}

static int
mds_idchange_cmp_hash(const void *a, const void *b)
{
    uint64_t x = ((const mds_idchange_t *) a)->hash;
    uint64_t y = ((const mds_idchange_t *) b)->hash;

    return (x > y) - (x < y);
}

/* Returns the change of an id; NULL: it stays. */
static mds_idchange_t *
mds_idchanges_find(const mds_idchanges_t *set, mds_str_t id)
{
    mds_idchange_t key = { .hash = mds_id_hash(id) };

    return set->count == 0 ? NULL
                           : bsearch(&key, set->changes, set->count,
                                     sizeof(key), mds_idchange_cmp_hash);
}

static void
mds_idchanges_put(mds_idchanges_t *set, const mds_str_t *ids, size_t count,
                  bool add)
{
    for (size_t i = 0; i < count; i++) {
        set->changes[set->count++]
            = (mds_idchange_t){ .hash = mds_id_hash(ids[i]), .add = add };
    }
}

/* Keeps the first change of each id: one that is both is added. */
static void
mds_idchanges_unite(mds_idchanges_t *set)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->count; i++) {
        if (kept == 0 || set->changes[kept - 1].hash != set->changes[i].hash) {
            set->changes[kept++] = set->changes[i];
        }
    }

    set->count = kept;
}

static mds_status_t
mds_idchanges_make(mds_idchanges_t *set, const mds_str_t *added,
                   size_t added_count, const mds_str_t *removed,
                   size_t removed_count, mds_error_t *err)
{
    size_t total = added_count + removed_count;

    for (size_t i = 0; i < added_count; i++) {
        mds_status_t status = mds_id_check(added[i], err);

        if (status != MDS_OK) {
            return status;
        }
    }

    set->changes = calloc(total + 1, sizeof(*set->changes));
    if (set->changes == NULL) {
        return mds_fail_memory(err);
    }

    mds_idchanges_put(set, added, added_count, true);
    mds_idchanges_put(set, removed, removed_count, false);
    qsort(set->changes, set->count, sizeof(*set->changes), mds_idchange_cmp);
    mds_idchanges_unite(set);

    return MDS_OK;
}

/* Writes the id, unless it is removed, or added and there already. */
static mds_status_t
mds_idset_merge_line(mds_idset_writer_t *writer, const mds_idchanges_t *set,
                     mds_str_t id, mds_error_t *err)
{
    mds_idchange_t *change = mds_idchanges_find(set, id);

    if (change != NULL) {
        if (!change->add || change->written) {
            return MDS_OK;
        }

        change->written = true;
    }

    return mds_idset_writer_line(writer, id, err);
}

static mds_status_t
mds_idset_merge_base(mds_idset_writer_t *writer, const mds_sha256_t *base,
                     const mds_idchanges_t *set, mds_error_t *err)
{
    mds_str_t        id;
    mds_path_t       path;
    mds_status_t     status;
    mds_id_reader_t *file = NULL;

    status = mds_idset_path(writer->depot_dir, base, ".ids", err, &path);

    if (status == MDS_OK) {
        status = mds_id_reader_open(path.text, path.text, err, &file);
    }

    while (status == MDS_OK) {
        status = mds_id_reader_next(file, err, &id);
        if (status != MDS_OK) {
            break;
        }

        status = mds_idset_merge_line(writer, set, id, err);
    }

    /* The status is of the end of the file, unless that was not opened. */
    if (status == MDS_NOT_FOUND && file != NULL) {
        status = MDS_OK;
    }

    mds_id_reader_close(file);

    return status;
}

mds_status_t
mds_idset_merge(const char *depot_dir, const mds_sha256_t *base,
                const mds_str_t *added, size_t added_count,
                const mds_str_t *removed, size_t removed_count,
                mds_error_t *err, mds_sha256_t *sha256, uint64_t *count)
{
    mds_status_t       status;
    mds_idset_writer_t writer
        = { .depot_dir = depot_dir, .name = "the new list" };
    mds_idchanges_t set = { 0 };

    status = mds_idchanges_make(&set, added, added_count, removed,
                                removed_count, err);
    if (status != MDS_OK) {
        goto done;
    }

    status = mds_idset_writer_begin(&writer, err);

    if (status == MDS_OK && base != NULL) {
        status = mds_idset_merge_base(&writer, base, &set, err);
    }

    for (size_t i = 0; status == MDS_OK && i < added_count; i++) {
        status = mds_idset_merge_line(&writer, &set, added[i], err);
    }

    if (status == MDS_OK) {
        status = mds_idset_writer_finish(&writer, err, sha256, count);
    }

    mds_idset_writer_end(&writer);

done:
    free(set.changes);
    return status;
}
