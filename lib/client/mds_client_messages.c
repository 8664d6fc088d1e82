/*
 * Parses the answer to GET messages, and checks every member that is used.
 */

#include "client/mds_client_messages.h"

#include <stdlib.h>

#include "base/mds_time.h"
#include "base/mds_version.h"
#include "request/mds_request.h"

/* Fails for a member of the i-th message. */
static mds_status_t
mds_client_messages_wrong(size_t i, const char *key, const char *want,
                          mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID, "messages: /messages/%zu/%s is not %s", i,
                    key, want);
}

static mds_status_t
mds_client_messages_read_message(const mds_json_t *json, size_t i,
                                 int64_t last_id, mds_error_t *err,
                                 mds_client_triage_message_t *message)
{
    int64_t                     id = mds_json_get_integer(json, "id");
    const mds_json_t           *expires = mds_json_get(json, "expires");
    const mds_json_t           *read = mds_json_get(json, "read");
    mds_version_t               version;
    mds_client_triage_message_t m;

    m.platform = mds_json_get_string(json, "platform");
    m.version = mds_json_get_string(json, "version");
    m.read = mds_json_bool(read);

    if (id <= last_id) {
        return mds_client_messages_wrong(i, "id",
                                         "a number above the one before", err);
    }
    m.id = (uint64_t) id;

    if (m.platform.len == 0 || m.platform.len > MDS_VALUE_MAX) {
        return mds_client_messages_wrong(i, "platform", "a platform", err);
    }

    if (!mds_version_parse(m.version, &version)) {
        return mds_client_messages_wrong(i, "version", "a version", err);
    }

    if (!mds_json_is_string(expires)
        || !mds_time_parse(mds_json_string(expires), &m.expires_ms))
    {
        return mds_client_messages_wrong(i, "expires", "a time", err);
    }

    if (!mds_json_is_bool(read)) {
        return mds_client_messages_wrong(i, "read", "true or false", err);
    }

    *message = m;
    return MDS_OK;
}

static mds_status_t
mds_client_messages_read_messages(mds_client_messages_t *messages,
                                  mds_error_t           *err)
{
    const mds_json_t *list = mds_json_get(messages->json, "messages");
    int64_t           last_id = 0;
    mds_status_t      status;

    if (!mds_json_is_array(list)
        || mds_json_size(list) > MDS_CLIENT_MESSAGES_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "messages: /messages is not a list of at most %d",
                        MDS_CLIENT_MESSAGES_MAX);
    }

    messages->messages
        = calloc(mds_json_size(list) + 1, sizeof(*messages->messages));
    if (messages->messages == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < mds_json_size(list); i++) {
        status
            = mds_client_messages_read_message(mds_json_at(list, i), i, last_id,
                                               err, &messages->messages[i]);
        if (status != MDS_OK) {
            return status;
        }
        last_id = (int64_t) messages->messages[i].id;
        messages->count = i + 1;
    }

    return MDS_OK;
}

static mds_status_t
mds_client_messages_read(mds_client_messages_t *messages, mds_error_t *err)
{
    const mds_json_t  *more = mds_json_get(messages->json, "more");
    const mds_json_t  *latest = mds_json_get(messages->json, "latest");
    mds_json_member_t *m;
    mds_version_t      version;

    if (!mds_json_is_bool(more)) {
        return mds_fail(err, MDS_INVALID,
                        "messages: /more is not true or false");
    }
    messages->more = mds_json_bool(more);

    if (!mds_json_is_object(latest)) {
        return mds_fail(err, MDS_INVALID, "messages: /latest is not an object");
    }

    for (m = mds_json_first(latest); m != NULL; m = mds_json_next(latest, m)) {
        if (!mds_version_parse(mds_json_string(mds_json_value(m)), &version)) {
            return mds_fail(
                err, MDS_INVALID,
                "messages: /latest has a value that is not a version");
        }
    }

    return mds_client_messages_read_messages(messages, err);
}

mds_status_t
mds_client_messages_parse(mds_str_t text, mds_error_t *err,
                          mds_client_messages_t *messages)
{
    mds_client_messages_t read = { 0 };
    mds_status_t          status;

    status = mds_json_parse(text, "messages", err, &read.json);
    if (status == MDS_OK) {
        status = mds_client_messages_read(&read, err);
    }

    if (status != MDS_OK) {
        mds_client_messages_free(&read);
        return status;
    }

    *messages = read;
    return MDS_OK;
}

void
mds_client_messages_free(mds_client_messages_t *messages)
{
    mds_json_release(messages->json);
    free(messages->messages);
    *messages = (mds_client_messages_t){ 0 };
}

mds_str_t
mds_client_messages_latest(const mds_client_messages_t *messages,
                           mds_str_t                    platform)
{
    return mds_json_string(
        mds_json_find(mds_json_get(messages->json, "latest"), platform));
}
