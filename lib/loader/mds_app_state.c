/*
 * Loads an app's state: the head, and the parts that the extent takes in, in
 * the order of the document.
 */

#include "loader/mds_app_state.h"

#include <stdlib.h>

/* A state that is being loaded. */
typedef struct {
    mds_journal_t *journal;
    mds_str_t      app;
    mds_extent_t  *extent;
    mds_json_t    *state;
    mds_places_t  *places;

    mds_json_pool_t *pool; /* of the strings of all parts */
} mds_load_t;

void
mds_places_free(mds_places_t *places)
{
    mds_json_release(places->counts);
    mds_buffer_free(&places->lists);
    mds_buffer_free(&places->packages);
    mds_buffer_free(&places->releases);
    *places = (mds_places_t){ .by_parts = false };
}

/* Returns whether the head has the places that a part goes to. */
static bool
mds_load_has_place(const mds_load_t *load, const mds_part_t *part,
                   const mds_json_t *json)
{
    const mds_json_t *state = load->state;

    switch (part->type) {
    case MDS_PART_LIST:
        return mds_json_is_object(mds_app_state_get(state, "lists"))
               && (mds_json_get(json, "external") == NULL
                   || mds_json_is_object(mds_json_get(state, "external")));

    case MDS_PART_PACKAGE:
        return mds_json_is_array(mds_app_state_get(state, "packages"));

    case MDS_PART_RELEASE:
        return mds_json_is_array(mds_app_state_get(state, "releases"));

    case MDS_PART_MESSAGE:
        return mds_json_is_array(
            mds_json_get(mds_json_get(state, "messages"), "items"));

    case MDS_PART_CONFIG:
        return true;
    }

    return false;
}

/* Puts a list into the document, and its content beside it. */
static mds_status_t
mds_load_add_list(mds_load_t *load, const mds_json_t *part)
{
    mds_str_t    name = mds_json_get_string(part, "name");
    mds_json_t  *list = mds_json_get(part, "list");
    mds_json_t  *external = mds_json_get(part, "external");
    mds_status_t status = MDS_OK;

    if (list != NULL) {
        status = mds_json_put(mds_app_state_get(load->state, "lists"), name,
                              mds_json_retain(list));
    }

    if (status == MDS_OK && external != NULL) {
        status = mds_json_put(mds_json_get(load->state, "external"), name,
                              mds_json_retain(external));
    }

    return status;
}

/* Notes when a release was changed, for `status`. */
static mds_status_t
mds_load_add_since(mds_load_t *load, const mds_json_t *release, uint64_t since)
{
    return since == 0 ? MDS_OK
                      : mds_json_put(mds_json_get(load->state, "since"),
                                     mds_json_get_string(release, "id"),
                                     mds_json_integer_new((int64_t) since));
}

static mds_status_t
mds_load_add(mds_load_t *load, const mds_part_t *part, mds_json_t *json)
{
    mds_json_t  *messages = mds_json_get(load->state, "messages");
    mds_status_t status = MDS_OK;

    switch (part->type) {
    case MDS_PART_LIST:
        mds_buffer_add(&load->places->lists, &part->order, sizeof(uint64_t));
        return mds_load_add_list(load, json);

    case MDS_PART_PACKAGE:
        mds_buffer_add(&load->places->packages, &part->order, sizeof(uint64_t));
        return mds_json_append(mds_app_state_get(load->state, "packages"),
                               mds_json_retain(json));

    case MDS_PART_RELEASE:
        mds_buffer_add(&load->places->releases, &part->order, sizeof(uint64_t));
        status = mds_load_add_since(load, json, part->since);
        return status == MDS_OK
                   ? mds_json_append(mds_app_state_get(load->state, "releases"),
                                     mds_json_retain(json))
                   : status;

    case MDS_PART_MESSAGE:
        return mds_json_append(mds_json_get(messages, "items"),
                               mds_json_retain(json));

    case MDS_PART_CONFIG:
        return mds_json_set(load->state, "config", mds_json_retain(json));
    }

    return status;
}

/* Reads a part into the state. */
static mds_status_t
mds_load_part(void *data, const mds_part_t *part, mds_error_t *err)
{
    mds_load_t  *load = data;
    mds_json_t  *json;
    mds_status_t status
        = mds_json_parse_shared(part->text, "journal", load->pool, err, &json);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_load_has_place(load, part, json)
                 ? mds_json_done(mds_load_add(load, part, json), err)
                 : mds_fail(err, MDS_DAMAGED,
                            "journal: the head of app \"%.*s\" has no place"
                            " for one of its parts",
                            MDS_STR(load->app));

    if (status == MDS_OK && part->type == MDS_PART_RELEASE
        && !load->extent->is_all) {
        status = mds_extent_add_audience(load->extent,
                                         mds_json_get(json, "audience"), err);
    }

    mds_json_release(json);
    return status;
}

static mds_status_t
mds_load_all_of(mds_load_t *load, mds_part_type_t type, mds_error_t *err)
{
    return mds_journal_visit_parts(load->journal, load->app, type,
                                   mds_load_part, load, err);
}

/* Loads all parts, those of each type in the order of the document. */
static mds_status_t
mds_load_all(mds_load_t *load, mds_error_t *err)
{
    static const mds_part_type_t types[]
        = { MDS_PART_LIST, MDS_PART_PACKAGE, MDS_PART_RELEASE, MDS_PART_MESSAGE,
            MDS_PART_CONFIG };
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(types); i++) {
        status = mds_load_all_of(load, types[i], err);
    }

    return status;
}

static int
mds_order_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

/* Loads the parts of these orders, which are sorted first. */
static mds_status_t
mds_load_orders(mds_load_t *load, mds_part_type_t type, mds_buffer_t *orders,
                mds_error_t *err)
{
    uint64_t    *order = (uint64_t *) orders->data;
    size_t       count = orders->len / sizeof(*order);
    mds_part_t   part;
    mds_status_t status = MDS_OK;

    if (mds_buffer_failed(orders)) {
        return mds_fail_memory(err);
    }

    if (count > 0) {
        qsort(order, count, sizeof(*order), mds_order_cmp);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_journal_get_part(load->journal, load->app, type, order[i],
                                      &part)
                     ? mds_load_part(load, &part, err)
                     : mds_fail(err, MDS_DAMAGED,
                                "journal: a part of app \"%.*s\" is missing",
                                MDS_STR(load->app));
    }

    return status;
}

/* Loads the packages, or the releases, of the extent's resources. */
static mds_status_t
mds_load_resources(mds_load_t *load, mds_part_type_t type, mds_error_t *err)
{
    mds_buffer_t orders = { 0 };
    mds_status_t status = MDS_OK;

    for (size_t i = 0;
         status == MDS_OK && i < mds_json_size(load->extent->resources); i++)
    {
        const mds_json_t *resource = mds_json_at(load->extent->resources, i);

        status
            = mds_journal_find_resource(load->journal, load->app, type,
                                        mds_json_get_string(resource, "kind"),
                                        mds_json_get_string(resource, "name"),
                                        err, &orders);
    }

    if (status == MDS_OK) {
        status = mds_load_orders(load, type, &orders, err);
    }

    mds_buffer_free(&orders);
    return status;
}

/* Loads the extent's lists, as far as there are lists of these names. */
static mds_status_t
mds_load_lists(mds_load_t *load, mds_error_t *err)
{
    mds_buffer_t orders = { 0 };
    uint64_t     order;
    mds_status_t status;

    for (size_t i = 0; i < mds_json_size(load->extent->lists); i++) {
        if (mds_journal_find_list(load->journal, load->app,
                                  mds_json_string(
                                      mds_json_at(load->extent->lists, i)),
                                  &order))
        {
            mds_buffer_add(&orders, &order, sizeof(order));
        }
    }

    status = mds_load_orders(load, MDS_PART_LIST, &orders, err);
    mds_buffer_free(&orders);

    return status;
}

/* Loads what the extent takes in; its releases add the lists that they name. */
static mds_status_t
mds_load_extent(mds_load_t *load, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_load_resources(load, MDS_PART_PACKAGE, err)) != MDS_OK
        || (status = mds_load_resources(load, MDS_PART_RELEASE, err)) != MDS_OK
        || (status = mds_load_lists(load, err)) != MDS_OK)
    {
        return status;
    }

    if (mds_extent_has_messages(load->extent)) {
        status = mds_load_all_of(load, MDS_PART_MESSAGE, err);
    }

    return status == MDS_OK && mds_extent_has_config(load->extent)
               ? mds_load_all_of(load, MDS_PART_CONFIG, err)
               : status;
}

/* Loads the parts of the head in load->state. */
static mds_status_t
mds_load_parts(mds_load_t *load, mds_error_t *err)
{
    mds_places_t *places = load->places;
    mds_status_t  status
        = mds_json_set(load->state, "since", mds_json_object_new());

    places->by_parts = true;
    places->counts = mds_json_retain(mds_json_get(load->state, "parts"));
    mds_json_delete(load->state, "parts");

    if (status != MDS_OK) {
        return mds_fail_memory(err);
    }

    load->pool = mds_json_pool_new();
    status = load->extent->is_all ? mds_load_all(load, err)
                                  : mds_load_extent(load, err);
    mds_json_pool_free(load->pool);
    load->pool = NULL;

    return status == MDS_OK
                   && (mds_buffer_failed(&places->lists)
                       || mds_buffer_failed(&places->packages)
                       || mds_buffer_failed(&places->releases))
               ? mds_fail_memory(err)
               : status;
}

/* Loads the app's record, and its parts. */
static mds_status_t
mds_load_app(mds_load_t *load, mds_error_t *err)
{
    bool         by_parts;
    mds_status_t status = mds_journal_get_app(load->journal, load->app, err,
                                              &load->state, &by_parts);

    if (status != MDS_OK) {
        return status;
    }

    /* Without parts, the whole state is there. An app without a key may have
     * to find the one of an older program, among all that it signed. */
    if (!by_parts || mds_json_get(load->state, "key") == NULL) {
        mds_extent_widen(load->extent);
    }

    return by_parts ? mds_load_parts(load, err) : MDS_OK;
}

/* Loads what is left of a removed app, or an empty state. */
static mds_status_t
mds_load_unknown_app(mds_load_t *load, mds_error_t *err)
{
    mds_status_t status = mds_journal_get_removed_app(load->journal, load->app,
                                                      err, &load->state);

    mds_extent_widen(load->extent);

    if (status != MDS_NOT_FOUND) {
        return status;
    }

    load->state = mds_json_pack("{s:{s:o}, s:{}}", "document", "app",
                                mds_json_string_new(load->app), "external");

    return load->state == NULL ? mds_fail_memory(err) : MDS_OK;
}

mds_status_t
mds_app_state_load(mds_journal_t *journal, mds_str_t app, mds_extent_t *extent,
                   mds_error_t *err, mds_json_t **state, mds_places_t *places)
{
    mds_places_t own = { .by_parts = false };
    mds_extent_t all = { .is_all = true };
    mds_load_t   load = { .journal = journal,
                          .app = app,
                          .extent = extent == NULL ? &all : extent,
                          .places = places == NULL ? &own : places };
    mds_status_t status;

    *load.places = own;
    status = mds_load_app(&load, err);

    if (status == MDS_NOT_FOUND) {
        status = mds_load_unknown_app(&load, err);
    }

    if (status == MDS_OK) {
        *state = load.state;
    } else {
        mds_json_release(load.state);
        mds_places_free(load.places);
    }

    mds_places_free(&own);
    return status;
}

mds_status_t
mds_app_state_get_whole(mds_journal_t *journal, mds_str_t app, mds_error_t *err,
                        mds_json_t **state)
{
    mds_places_t places = { .by_parts = false };
    mds_extent_t all = { .is_all = true };
    mds_load_t   load
        = { .journal = journal, .app = app, .extent = &all, .places = &places };
    mds_status_t status = mds_load_app(&load, err);

    if (status == MDS_OK) {
        *state = load.state;
    } else {
        mds_json_release(load.state);
    }

    mds_places_free(&places);
    return status;
}
