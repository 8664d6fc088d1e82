/* Visits the ids of a list, and adds those of a file. */

#include "loader/mds_list_ids.h"

#include <stdlib.h>

#include "base/mds_choices.h"
#include "idset/mds_id_reader.h"
#include "idset/mds_idset.h"
#include "idset/mds_idset_writer.h"
#include "loader/mds_app_state.h"

mds_status_t
mds_list_check(const mds_json_t *state, const char *name, mds_error_t *err)
{
    const mds_json_t  *lists = mds_app_state_get(state, "lists");
    mds_json_member_t *m;
    mds_choices_t      choices;
    char               text[MDS_CHOICES_BYTES];

    if (mds_json_get(lists, name) != NULL) {
        return MDS_OK;
    }

    mds_choices_begin(&choices, mds_str_of(name));

    for (m = mds_json_first(lists); m != NULL; m = mds_json_next(lists, m)) {
        mds_choices_add(&choices, mds_json_key(m));
    }

    mds_choices_words(&choices, "lists", text);

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no list \"%s\" of app \"%.*s\"%s%s", name,
                    MDS_STR(mds_json_string(mds_app_state_get(state, "app"))),
                    text[0] != '\0' ? "; " : "", text);
}

mds_status_t
mds_list_view_ids(const mds_json_t *ids, mds_error_t *err, mds_str_t **views)
{
    size_t     count = mds_json_size(ids);
    mds_str_t *out = calloc(count + 1, sizeof(*out));

    if (out == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < count; i++) {
        out[i] = mds_json_string(mds_json_at(ids, i));
    }

    *views = out;
    return MDS_OK;
}

/* Ids to be found fast: views, sorted. */
typedef struct {
    mds_str_t *items;
    size_t     count;
} mds_sorted_ids_t;

/* The parts of a list: its base, the ids beside it, and those taken out of it.
 */
typedef struct {
    const char       *depot;
    const mds_json_t *content;
    bool              has_base;
    mds_sha256_t      base;
    mds_sorted_ids_t  beside;
    mds_sorted_ids_t  without;
} mds_listing_t;

static int
mds_sorted_ids_cmp(const void *a, const void *b)
{
    return mds_str_cmp(*(const mds_str_t *) a, *(const mds_str_t *) b);
}

static mds_status_t
mds_sorted_ids_init(const mds_json_t *array, mds_error_t *err,
                    mds_sorted_ids_t *ids)
{
    mds_status_t status = mds_list_view_ids(array, err, &ids->items);

    if (status != MDS_OK) {
        return status;
    }

    ids->count = mds_json_size(array);
    qsort(ids->items, ids->count, sizeof(*ids->items), mds_sorted_ids_cmp);
    return MDS_OK;
}

static bool
mds_sorted_ids_contain(const mds_sorted_ids_t *ids, mds_str_t id)
{
    return bsearch(&id, ids->items, ids->count, sizeof(id), mds_sorted_ids_cmp)
           != NULL;
}

static void
mds_listing_free(mds_listing_t *listing)
{
    free(listing->beside.items);
    free(listing->without.items);
}

/* Reads the parts of a list. *listing has to be closed on failure, too. */
static mds_status_t
mds_listing_init(const char *depot, const mds_json_t *content, mds_error_t *err,
                 mds_listing_t *listing)
{
    mds_str_t    hex = mds_json_get_string(content, "sha256");
    mds_status_t status;

    *listing = (mds_listing_t){ .depot = depot, .content = content };
    listing->has_base = mds_sha256_parse(hex, &listing->base);
    status = mds_sorted_ids_init(mds_json_get(content, "ids"), err,
                                 &listing->beside);

    return status == MDS_OK
               ? mds_sorted_ids_init(mds_json_get(content, "without"), err,
                                     &listing->without)
               : status;
}

static mds_status_t
mds_listing_visit_base(const mds_listing_t *listing, mds_list_visit_t visit,
                       void *data, mds_error_t *err)
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
        if (!mds_sorted_ids_contain(&listing->beside, id)
            && !mds_sorted_ids_contain(&listing->without, id))
        {
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
mds_listing_visit(const mds_listing_t *listing, mds_list_visit_t visit,
                  void *data, mds_error_t *err)
{
    const mds_json_t *ids = mds_json_get(listing->content, "ids");
    mds_status_t      status = MDS_OK;

    if (listing->has_base) {
        status = mds_listing_visit_base(listing, visit, data, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(ids); i++) {
        status = visit(data, mds_json_string(mds_json_at(ids, i)), err);
    }

    return status;
}

mds_status_t
mds_list_visit_ids(const char *depot, const mds_json_t *content,
                   mds_list_visit_t visit, void *data, mds_error_t *err)
{
    mds_listing_t listing;
    mds_status_t  status = mds_listing_init(depot, content, err, &listing);

    if (status == MDS_OK) {
        status = mds_listing_visit(&listing, visit, data, err);
    }

    mds_listing_free(&listing);
    return status;
}

static mds_status_t
mds_listing_write_id(void *data, mds_str_t id, mds_error_t *err)
{
    return mds_idset_writer_line(data, id, err);
}

/* Gives whether mds_listing_visit() visits the id. set is that of the base;
 * NULL: there is none. */
static mds_status_t
mds_listing_contains(const mds_listing_t *listing, mds_idset_t *set,
                     mds_str_t id, mds_error_t *err, bool *listed)
{
    if (mds_sorted_ids_contain(&listing->beside, id)) {
        *listed = true;
        return MDS_OK;
    }

    if (set == NULL || mds_sorted_ids_contain(&listing->without, id)) {
        *listed = false;
        return MDS_OK;
    }

    return mds_idset_contains(set, mds_id_hash(id), err, listed);
}

/* Writes those ids of the file that the list does not have. */
static mds_status_t
mds_listing_write_new(const mds_listing_t *listing, const char *path,
                      mds_idset_writer_t *make, mds_error_t *err)
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
        status = mds_listing_contains(listing, set, id, err, &listed);

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
mds_list_add_file(const char *depot, const mds_json_t *content,
                  const char *path, mds_progress_t *progress, mds_error_t *err,
                  mds_sha256_t *sha256, uint64_t *count)
{
    mds_listing_t      listing;
    mds_idset_writer_t make
        = { .depot_dir = depot, .name = path, .progress = progress };
    mds_status_t status = mds_listing_init(depot, content, err, &listing);

    if (status != MDS_OK) {
        mds_listing_free(&listing);
        return status;
    }

    status = mds_idset_writer_begin(&make, err);

    if (status == MDS_OK) {
        status = mds_listing_visit(&listing, mds_listing_write_id, &make, err);
    }

    if (status == MDS_OK) {
        status = mds_listing_write_new(&listing, path, &make, err);
    }

    if (status == MDS_OK) {
        status = mds_idset_writer_finish(&make, err, sha256, count);
    }

    mds_idset_writer_end(&make);
    mds_listing_free(&listing);

    return status;
}
