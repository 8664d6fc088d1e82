/*
 * Parses the body of a POST of read marks. Its size is bounded by
 * MDS_MARK_BYTES_MAX, and so is the number of its runs.
 */

#include "request/mds_read_marks_body.h"

#include <stdlib.h>

#include "json/mds_json.h"

static mds_status_t
mds_mark_id(const mds_json_t *json, const char *where, mds_error_t *err,
            uint64_t *id)
{
    if (!mds_json_is_integer(json) || mds_json_integer(json) < 1) {
        return mds_fail(err, MDS_INVALID,
                        "%s: %s is not a message id, which must be a whole"
                        " number from 1",
                        where, mds_json_type_name(mds_json_type(json)));
    }

    *id = (uint64_t) mds_json_integer(json);
    return MDS_OK;
}

/* Reads an id, or a run of ids: 9, or [11, 14]. */
static mds_status_t
mds_mark_run(const mds_json_t *json, mds_error_t *err, mds_run_t *run)
{
    mds_status_t status;

    if (!mds_json_is_array(json)) {
        status = mds_mark_id(json, "/read", err, &run->first);
        run->last = run->first;
        return status;
    }

    if (mds_json_size(json) != 2) {
        return mds_fail(err, MDS_INVALID,
                        "/read: a run has its first and its last id");
    }

    status = mds_mark_id(mds_json_at(json, 0), "/read", err, &run->first);

    if (status == MDS_OK) {
        status = mds_mark_id(mds_json_at(json, 1), "/read", err, &run->last);
    }

    return status == MDS_OK && run->first > run->last
               ? mds_fail(err, MDS_INVALID, "/read: the run is reversed")
               : status;
}

static mds_status_t
mds_mark_read(const mds_json_t *json, mds_error_t *err,
              mds_read_marks_body_t *body)
{
    size_t       count = mds_json_size(json);
    mds_status_t status = MDS_OK;

    if (!mds_json_is_array(json)) {
        return mds_fail(err, MDS_INVALID, "/read is %s; want a list of ids",
                        mds_json_type_name(mds_json_type(json)));
    }

    body->read = calloc(count + 1, sizeof(*body->read));
    if (body->read == NULL) {
        return mds_fail_memory(err);
    }

    /* A second "read" cannot follow: the JSON parser rejects doubled keys. */
    body->read_count = count; /* NOLINT(clang-analyzer-unix.Malloc) */

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        status = mds_mark_run(mds_json_at(json, i), err, &body->read[i]);

        if (status == MDS_OK && body->read[i].last > body->highest) {
            body->highest = body->read[i].last;
        }
    }

    return status;
}

static mds_status_t
mds_mark_member(mds_json_member_t *m, mds_request_t *request, mds_error_t *err,
                mds_read_marks_body_t *body)
{
    mds_str_t         key = mds_json_key(m);
    const mds_json_t *value = mds_json_value(m);
    mds_status_t      status;

    if (mds_str_eq(key, mds_str("delete_through"))) {
        status
            = mds_mark_id(value, "/delete_through", err, &body->delete_through);
        if (status == MDS_OK && body->delete_through > body->highest) {
            body->highest = body->delete_through;
        }
        return status;
    }

    if (mds_str_eq(key, mds_str("read"))) {
        return mds_mark_read(value, err, body);
    }

    return mds_json_is_string(value)
               ? mds_request_set_claimed(request, key, mds_json_string(value),
                                         err)
               : mds_fail(err, MDS_INVALID, "\"%.*s\" is %s; want a string",
                          (int) (key.len < MDS_ATTRIBUTE_NAME_MAX
                                     ? key.len
                                     : MDS_ATTRIBUTE_NAME_MAX),
                          key.data, mds_json_type_name(mds_json_type(value)));
}

static mds_status_t
mds_mark_members(const mds_json_t *json, mds_request_t *request,
                 mds_error_t *err, mds_read_marks_body_t *body)
{
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    if (!mds_json_is_object(json)) {
        return mds_fail(err, MDS_INVALID, "the body is %s; want an object",
                        mds_json_type_name(mds_json_type(json)));
    }

    for (m = mds_json_first(json); status == MDS_OK && m != NULL;
         m = mds_json_next(json, m))
    {
        status = mds_mark_member(m, request, err, body);
    }

    return status == MDS_OK && body->highest == 0
               ? mds_fail(err, MDS_INVALID,
                          "there is nothing to do; want \"delete_through\" or"
                          " \"read\"")
               : status;
}

mds_status_t
mds_read_marks_body_parse(mds_str_t bytes, mds_request_t *request,
                          mds_error_t *err, mds_read_marks_body_t *body,
                          void **text)
{
    mds_read_marks_body_t parsed = { 0 };
    mds_json_t           *json = NULL;
    mds_status_t          status = mds_json_parse(bytes, "body", err, &json);

    if (status == MDS_OK) {
        status = mds_mark_members(json, request, err, &parsed);
    }

    if (status != MDS_OK) {
        mds_read_marks_body_free(&parsed, json);
        return status;
    }

    *body = parsed;
    *text = json;

    return MDS_OK;
}

void
mds_read_marks_body_free(mds_read_marks_body_t *body, void *text)
{
    free(body->read);
    body->read = NULL;
    mds_json_release(text);
}
