/*
 * Parses the body of a POST of read marks. Its size is bounded by
 * MDS_MARK_BYTES_MAX, and so is the number of its runs.
 */

#include "request/mds_read_marks_body.h"

#include <stdio.h>
#include <stdlib.h>

#include "json/mds_json.h"

/* Of a value that is wrong, so many bytes are shown. */
#define MDS_MARK_SHOWN_MAX 40

/* A pointer to an id: "/read/32767/1". */
typedef char mds_mark_place_t[32];

static mds_status_t
mds_mark_fail_id(const mds_json_t *json, const char *where, mds_error_t *err)
{
    char        *found = NULL;
    const char  *more = "";
    size_t       len = 0;
    mds_status_t status
        = mds_json_dump(json, MDS_JSON_COMPACT, err, &found, &len);

    if (status != MDS_OK) {
        return status;
    }

    if (len > MDS_MARK_SHOWN_MAX) {
        len = MDS_MARK_SHOWN_MAX;
        more = "…";

        /* It is not cut in the middle of a character. */
        while (len > 0 && ((uint8_t) found[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    status = mds_fail(err, MDS_INVALID,
                      "%s: %.*s%s is not a message id, which must be a whole"
                      " number from 1",
                      where, (int) len, found, more);
    free(found);

    return status;
}

static mds_status_t
mds_mark_id(const mds_json_t *json, const char *where, mds_error_t *err,
            uint64_t *id)
{
    if (!mds_json_is_integer(json) || mds_json_integer(json) < 1) {
        return mds_mark_fail_id(json, where, err);
    }

    *id = (uint64_t) mds_json_integer(json);
    return MDS_OK;
}

/* Reads one of the two ids of the i-th run. */
static mds_status_t
mds_mark_end(const mds_json_t *run, size_t i, size_t end, mds_error_t *err,
             uint64_t *id)
{
    mds_mark_place_t where;

    snprintf(where, sizeof(where), "/read/%zu/%zu", i, end);

    return mds_mark_id(mds_json_at(run, end), where, err, id);
}

/* Reads the i-th item, an id, or a run of ids: 9, or [11, 14]. */
static mds_status_t
mds_mark_run(const mds_json_t *json, size_t i, mds_error_t *err, mds_run_t *run)
{
    mds_mark_place_t where;
    mds_status_t     status;

    snprintf(where, sizeof(where), "/read/%zu", i);

    if (!mds_json_is_array(json)) {
        status = mds_mark_id(json, where, err, &run->first);
        run->last = run->first;
        return status;
    }

    if (mds_json_size(json) != 2) {
        return mds_fail(err, MDS_INVALID,
                        "%s: a run has its first and its last id", where);
    }

    status = mds_mark_end(json, i, 0, err, &run->first);

    if (status == MDS_OK) {
        status = mds_mark_end(json, i, 1, err, &run->last);
    }

    return status == MDS_OK && run->first > run->last
               ? mds_fail(err, MDS_INVALID,
                          "%s: the run is reversed, %llu is above %llu", where,
                          (unsigned long long) run->first,
                          (unsigned long long) run->last)
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
        status = mds_mark_run(mds_json_at(json, i), i, err, &body->read[i]);

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
