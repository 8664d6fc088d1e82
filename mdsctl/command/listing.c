/* listing: visits the ids of a list, and adds those of a file. */

#include "command/listing.h"

#include <stdlib.h>

#include "idset/mds_id_reader.h"
#include "idset/mds_idset.h"
#include "idset/mds_idset_writer.h"

/* Ids to be found fast: views, sorted. */
typedef struct {
    mds_str_t *items;
    size_t     count;
} ids_t;

/* What a list is made of. */
typedef struct {
    const char       *depot;
    const mds_json_t *content;
    bool              has_base;
    mds_sha256_t      base;
    ids_t             beside;
    ids_t             without;
} listing_t;

static int
compare(const void *a, const void *b)
{
    return mds_str_cmp(*(const mds_str_t *) a, *(const mds_str_t *) b);
}

static mds_status_t
sort_ids(const mds_json_t *array, mds_error_t *err, ids_t *ids)
{
    ids->count = mds_json_size(array);
    ids->items = calloc(ids->count + 1, sizeof(*ids->items));

    if (ids->items == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < ids->count; i++) {
        ids->items[i] = mds_json_string(mds_json_at(array, i));
    }

    qsort(ids->items, ids->count, sizeof(*ids->items), compare);
    return MDS_OK;
}

static bool
has_id(const ids_t *ids, mds_str_t id)
{
    return bsearch(&id, ids->items, ids->count, sizeof(id), compare) != NULL;
}

static void
close_listing(listing_t *listing)
{
    free(listing->beside.items);
    free(listing->without.items);
}

/* To be closed on failure, too. */
static mds_status_t
open_listing(const char *depot, const mds_json_t *content, mds_error_t *err,
             listing_t *listing)
{
    mds_str_t    hex = mds_json_string(mds_json_get(content, "sha256"));
    mds_status_t status;

    *listing = (listing_t){ .depot = depot, .content = content };
    listing->has_base = mds_sha256_parse(hex, &listing->base);
    status = sort_ids(mds_json_get(content, "ids"), err, &listing->beside);

    return status == MDS_OK ? sort_ids(mds_json_get(content, "without"), err,
                                       &listing->without)
                            : status;
}

static mds_status_t
walk_base(const listing_t *listing, mdsctl_listing_visit_t visit, void *data,
          mds_error_t *err)
{
    mds_id_reader_t *file;
    mds_path_t       path;
    mds_str_t        id;
    mds_status_t     status
        = mds_idset_path(listing->depot, &listing->base, ".ids", err, &path);

    if (status == MDS_OK) {
        status = mds_id_reader_open(path.text, path.text, err, &file);
    }

    if (status != MDS_OK) {
        return status;
    }

    while ((status = mds_id_reader_next(file, err, &id)) == MDS_OK) {
        if (!has_id(&listing->beside, id) && !has_id(&listing->without, id)) {
            status = visit(data, id, err);
        }

        if (status != MDS_OK) {
            break;
        }
    }

    mds_id_reader_close(file);
    return status == MDS_NOT_FOUND ? MDS_OK : status;
}

static mds_status_t
walk(const listing_t *listing, mdsctl_listing_visit_t visit, void *data,
     mds_error_t *err)
{
    const mds_json_t *ids = mds_json_get(listing->content, "ids");
    mds_status_t      status = MDS_OK;

    if (listing->has_base) {
        status = walk_base(listing, visit, data, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(ids); i++) {
        status = visit(data, mds_json_string(mds_json_at(ids, i)), err);
    }

    return status;
}

mds_status_t
mdsctl_listing(const char *depot, const mds_json_t *content,
               mdsctl_listing_visit_t visit, void *data, mds_error_t *err)
{
    listing_t    listing;
    mds_status_t status = open_listing(depot, content, err, &listing);

    if (status == MDS_OK) {
        status = walk(&listing, visit, data, err);
    }

    close_listing(&listing);
    return status;
}

static mds_status_t
write_line(void *data, mds_str_t id, mds_error_t *err)
{
    return mds_idset_writer_line(data, id, err);
}

/* Whether walk() tells the id; set is the base's, NULL: there is none. */
static mds_status_t
is_listed(const listing_t *listing, mds_idset_t *set, mds_str_t id,
          mds_error_t *err, bool *listed)
{
    if (has_id(&listing->beside, id)) {
        *listed = true;
        return MDS_OK;
    }

    if (set == NULL || has_id(&listing->without, id)) {
        *listed = false;
        return MDS_OK;
    }

    return mds_idset_contains(set, mds_id_hash(id), err, listed);
}

/* The ids of the file that the list has not. */
static mds_status_t
write_new(const listing_t *listing, const char *path, mds_idset_writer_t *make,
          mds_error_t *err)
{
    mds_id_reader_t *file = NULL;
    mds_idset_t     *set = NULL;
    mds_str_t        id;
    bool             listed = false;
    mds_status_t     status = MDS_OK;

    if (listing->has_base) {
        status = mds_idset_open(listing->depot, &listing->base, err, &set);
    }

    if (status == MDS_OK) {
        status = mds_id_reader_open(path, path, err, &file);
    }

    if (status != MDS_OK) {
        goto done;
    }

    while ((status = mds_id_reader_next(file, err, &id)) == MDS_OK) {
        status = is_listed(listing, set, id, err, &listed);

        if (status == MDS_OK && !listed) {
            status = mds_idset_writer_line(make, id, err);
        }

        if (status != MDS_OK) {
            goto done;
        }
    }

    /* The end of the file. */
    status = status == MDS_NOT_FOUND ? MDS_OK : status;

done:
    mds_id_reader_close(file);
    mds_idset_close(set);
    return status;
}

mds_status_t
mdsctl_listing_add(const char *depot, const mds_json_t *content,
                   const char *path, mds_progress_t *progress, mds_error_t *err,
                   mds_sha256_t *sha256, uint64_t *count)
{
    listing_t          listing;
    mds_idset_writer_t make
        = { .depot_dir = depot, .name = path, .progress = progress };
    mds_status_t status = open_listing(depot, content, err, &listing);

    if (status != MDS_OK) {
        close_listing(&listing);
        return status;
    }

    status = mds_idset_writer_begin(&make, err);

    if (status == MDS_OK) {
        status = walk(&listing, write_line, &make, err);
    }

    if (status == MDS_OK) {
        status = write_new(&listing, path, &make, err);
    }

    if (status == MDS_OK) {
        status = mds_idset_writer_finish(&make, err, sha256, count);
    }

    mds_idset_writer_end(&make);
    close_listing(&listing);

    return status;
}
