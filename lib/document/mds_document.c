/*
 * Reads a whole document; has the readers that several of its parts use.
 */

#include "document/mds_document.h"

#include <stdlib.h>

#include "base/mds_kind.h"
#include "base/mds_name.h"
#include "document/mds_document_internal.h"
#include "document/mds_model_check.h"

#define MDS_POLL_MAX_S (30 * 24 * 3600)
#define MDS_PUSH_SPREAD_MAX_S 3600

void
mds_read_text(mds_reader_t *r, const mds_json_t *json, size_t max, void *dest)
{
    if (!mds_text_valid(mds_json_string(json), max)) {
        mds_reader_fail_expected(r, json,
                                 "a string of 1 to %zu bytes without control"
                                 " characters",
                                 max);
        return;
    }

    mds_read_str(r, json, dest);
}

void
mds_read_key(mds_reader_t *r, mds_str_t name, size_t max)
{
    size_t mark;

    if (!mds_text_valid(name, max)) {
        mark = mds_reader_push(r, name);
        mds_reader_fail(r,
                        "found a name of %zu bytes; want 1 to %zu without"
                        " control characters",
                        name.len, max);
        mds_reader_pop(r, mark);
    }
}

void
mds_read_array(mds_reader_t *r, const mds_json_t *json, const char *want,
               mds_read_t read, size_t size, void *items, size_t *count)
{
    void *array = NULL;

    if (!mds_json_is_array(json)) {
        mds_reader_fail_expected(r, json, "%s", want);
        return;
    }

    mds_read_items(r, json, read, size, &array, count);
    memcpy(items, &array, sizeof(array));
}

/* Reads a name, which may be empty. */
void
mds_read_resource_name(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_json_is_string(json) || mds_json_string(json).len > 0) {
        mds_read_text(r, json, MDS_NAME_MAX, dest);
    }
}

void
mds_read_kind(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_kind_valid(mds_json_string(json))) {
        mds_reader_fail_expected(
            r, json,
            "%s, or a kind of your own: a lower-case letter, then"
            " up to %d letters, digits, _ and -",
            mds_kind_names, MDS_KIND_MAX - 1);
        return;
    }

    mds_read_str(r, json, dest);
}

void
mds_check_json_bytes(mds_reader_t *r, const mds_json_t *json, size_t max)
{
    char  *text;
    size_t bytes;

    if (mds_json_dump(json, MDS_JSON_COMPACT, NULL, &text, &bytes) != MDS_OK) {
        mds_reader_no_memory(r);
        return;
    }

    free(text);

    if (bytes > max) {
        mds_reader_fail(r, "found %zu bytes of JSON; must be at most %zu",
                        bytes, max);
    }
}

void
mds_read_by(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "device", "user" };

    *(mds_by_t *) dest = mds_read_name(r, json, names, mds_nelems(names));
}

static void
mds_read_app(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_text(r, json, MDS_APP_MAX, dest);
}

static void
mds_read_seconds(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(uint32_t *) dest
        = (uint32_t) mds_read_integer(r, json, 0, MDS_POLL_MAX_S);
}

static void
mds_read_spread(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(uint32_t *) dest
        = (uint32_t) mds_read_integer(r, json, 0, MDS_PUSH_SPREAD_MAX_S);
}

static const mds_field_t mds_poll_fields[] = {
    { "after_s", mds_read_seconds, offsetof(mds_model_t, poll_after_s),
      "the seconds between two polls" },
    { "jitter_s", mds_read_seconds, offsetof(mds_model_t, poll_jitter_s),
      NULL },
    { "push_spread_s", mds_read_spread, offsetof(mds_model_t, push_spread_s),
      NULL },
};

static void
mds_read_poll(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_object(r, json, mds_poll_fields, mds_nelems(mds_poll_fields),
                    dest);
}

static const mds_field_t mds_channel_fields[] = {
    { "delta", mds_read_bool, 0, NULL },
};

static void
mds_read_channel(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    *(bool *) dest = true;
    mds_read_object(r, json, mds_channel_fields, mds_nelems(mds_channel_fields),
                    dest);
}

/* Keeps the names of channels that take no deltas. */
static void
mds_read_channels(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_strs_t        *full = &((mds_model_t *) dest)->full_channels;
    mds_json_member_t *member = mds_json_first(json);
    void              *items = NULL;
    size_t             count = 0;

    if (!mds_json_is_object(json)) {
        mds_reader_fail_expected(r, json, "an object of channels by name");
        return;
    }

    mds_read_items(r, json, mds_read_channel, sizeof(bool), &items, &count);
    full->items = mds_arena_calloc(r->arena, count, sizeof(mds_str_t));

    if (r->status != MDS_OK || full->items == NULL) {
        mds_reader_no_memory(r);
        return;
    }

    for (size_t i = 0; i < count; i++) {
        mds_str_t name = mds_json_key(member);

        mds_read_key(r, name, MDS_VALUE_MAX);

        if (!((bool *) items)[i]) {
            full->items[full->count++] = mds_arena_str(r->arena, name);
        }
        member = mds_json_next(json, member);
    }
}

/* Checks the type alone: the journal gives the serial its meaning. */
static void
mds_read_serial(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    (void) dest;
    (void) mds_read_integer(r, json, 0, INT64_MAX);
}

static const mds_field_t mds_document_fields[] = {
    { "app", mds_read_app, offsetof(mds_model_t, app), "the app's id" },
    { "serial", mds_read_serial, 0, NULL },
    { "poll", mds_read_poll, 0, NULL },
    { "channels", mds_read_channels, 0, NULL },
    { "lists", mds_read_lists, 0, NULL },
    { "packages", mds_read_packages, 0, NULL },
    { "releases", mds_read_releases, 0, NULL },
};

mds_status_t
mds_document_check(const mds_json_t *json, const char *what, mds_error_t *err,
                   mds_model_t **model)
{
    mds_arena_t *arena = mds_arena_new();
    mds_model_t *read
        = arena == NULL ? NULL : mds_arena_calloc(arena, 1, sizeof(*read));
    mds_reader_t r = { .arena = arena, .what = what, .err = err };

    if (read == NULL) {
        mds_arena_free(arena);
        return mds_fail_memory(err);
    }

    read->arena = arena;
    mds_read_object(&r, json, mds_document_fields,
                    mds_nelems(mds_document_fields), read);

    if (r.status == MDS_OK) {
        mds_model_check(read, &r);
    }

    if (r.status == MDS_OK && mds_arena_failed(arena)) {
        mds_reader_no_memory(&r);
    }

    if (r.status != MDS_OK) {
        mds_model_free(read);
        return r.status;
    }

    *model = read;
    return MDS_OK;
}

void
mds_model_free(mds_model_t *model)
{
    if (model != NULL) {
        mds_arena_free(model->arena);
    }
}
