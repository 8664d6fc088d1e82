#include "mds_batch.h"

#include <stdlib.h>

#include "mds_json.h"

struct mds_batch_s {
    mds_json_t       *json;
    const mds_json_t *resources;
};

static mds_status_t
mds_batch_check(mds_batch_t *batch, mds_error_t *err)
{
    if (!mds_json_is_object(batch->json)) {
        return mds_fail(err, MDS_INVALID, "the body is %s; want an object",
                        mds_json_type_name(mds_json_type(batch->json)));
    }

    batch->resources = mds_json_get(batch->json, "resources");

    if (!mds_json_is_array(batch->resources)) {
        return mds_fail(err, MDS_INVALID,
                        "/resources is %s; want a list of resources",
                        mds_json_type_name(mds_json_type(batch->resources)));
    }

    if (mds_json_size(batch->resources) > MDS_BATCH_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "/resources has %zu of them; at most %d are allowed",
                        mds_json_size(batch->resources), MDS_BATCH_MAX);
    }

    return MDS_OK;
}

/* One member of an object as the device's word. */
static mds_status_t
mds_batch_claim(mds_request_t *request, mds_str_t name, const mds_json_t *value,
                mds_error_t *err)
{
    if (mds_json_is_null(value)) {
        return MDS_OK;
    }

    if (!mds_json_is_string(value)) {
        return mds_fail(err, MDS_INVALID, "\"%.*s\" is %s; want a string",
                        (int) (name.len < MDS_ATTRIBUTE_NAME_MAX
                                   ? name.len
                                   : MDS_ATTRIBUTE_NAME_MAX),
                        name.data, mds_json_type_name(mds_json_type(value)));
    }

    return mds_request_claim(request, name, mds_json_string(value), err);
}

/* What the body says, but for what the resource (may be NULL) says itself. */
static mds_status_t
mds_batch_common(const mds_batch_t *batch, const mds_json_t *resource,
                 mds_request_t *request, mds_error_t *err)
{
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(batch->json); status == MDS_OK && m != NULL;
         m = mds_json_next(batch->json, m))
    {
        mds_str_t name = mds_json_key(m);

        if (!mds_str_eq(name, mds_str("resources"))
            && mds_json_find(resource, name) == NULL)
        {
            status = mds_batch_claim(request, name, mds_json_value(m), err);
        }
    }

    return status;
}

mds_status_t
mds_batch_parse(mds_str_t body, mds_error_t *err, mds_batch_t **batch)
{
    mds_request_t common = { 0 };
    mds_batch_t  *parsed = calloc(1, sizeof(*parsed));
    mds_status_t  status;

    if (parsed == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    status = mds_json_parse(body, "body", err, &parsed->json);

    if (status == MDS_OK) {
        status = mds_batch_check(parsed, err);
    }

    /* A mistake in what all have in common is one of the body. */
    if (status == MDS_OK) {
        status = mds_batch_common(parsed, NULL, &common, err);
    }

    if (status != MDS_OK) {
        mds_batch_free(parsed);
        return status;
    }

    *batch = parsed;
    return MDS_OK;
}

void
mds_batch_free(mds_batch_t *batch)
{
    if (batch != NULL) {
        mds_json_release(batch->json);
        free(batch);
    }
}

size_t
mds_batch_count(const mds_batch_t *batch)
{
    return mds_json_size(batch->resources);
}

mds_str_t
mds_batch_kind(const mds_batch_t *batch, size_t i)
{
    return mds_json_string(
        mds_json_get(mds_json_at(batch->resources, i), "kind"));
}

mds_str_t
mds_batch_name(const mds_batch_t *batch, size_t i)
{
    return mds_json_string(
        mds_json_get(mds_json_at(batch->resources, i), "name"));
}

mds_status_t
mds_batch_request(const mds_batch_t *batch, size_t i, mds_request_t *request,
                  mds_error_t *err)
{
    const mds_json_t  *resource = mds_json_at(batch->resources, i);
    mds_json_member_t *m;
    mds_status_t       status = MDS_OK;

    if (!mds_json_is_object(resource)) {
        return mds_fail(err, MDS_INVALID, "it is %s; want an object",
                        mds_json_type_name(mds_json_type(resource)));
    }

    for (m = mds_json_first(resource); status == MDS_OK && m != NULL;
         m = mds_json_next(resource, m))
    {
        status
            = mds_batch_claim(request, mds_json_key(m), mds_json_value(m), err);
    }

    if (status == MDS_OK) {
        status = mds_batch_common(batch, resource, request, err);
    }

    return status == MDS_OK ? mds_request_validate(request, err) : status;
}
