/*
 * Gray messages: the one that hits in a check, and the list of a user's
 * messages for GET messages. Records have newer messages first.
 */

#include "evaluate/mds_user_messages.h"

#include "base/mds_kind.h"
#include "base/mds_time.h"
#include "idset/mds_idset.h"

static const mds_message_record_t *
mds_message_at(const mds_record_t *record, uint32_t i)
{
    return mds_record_item(record, MDS_TABLE_MESSAGES, i);
}

static uint32_t
mds_message_count(const mds_record_t *record)
{
    return record->tables[MDS_TABLE_MESSAGES].count;
}

/*
 * Returns the official version of a platform: the highest among the running
 * releases that are for everybody, without exception and rule, and that reports
 * have not halted; or NULL.
 */
static const mds_release_record_t *
mds_find_official(mds_eval_t *eval, mds_str_t platform)
{
    const mds_record_t         *record = eval->record;
    const mds_release_record_t *best = NULL;

    for (uint32_t i = 0; i < record->tables[MDS_TABLE_RELEASES].count; i++) {
        const mds_release_record_t *release
            = mds_record_item(record, MDS_TABLE_RELEASES, i);

        if ((release->flags & MDS_AUDIENCE_ALL) == 0
            || release->except.count + release->rules.count > 0
            || !mds_eval_state_fits(release, MDS_EVAL_OFFER)
            || !mds_eval_time_fits(eval, release, MDS_EVAL_OFFER)
            || !mds_eval_texts_allow(eval, release->platforms, platform)
            || !mds_eval_texts_allow(eval, release->channels,
                                     eval->channel.value)
            || (release->halt != MDS_RECORD_NONE
                && eval->snapshot->state != NULL
                && mds_eval_is_halted(eval, release)))
        {
            continue;
        }

        if (best == NULL
            || mds_str_cmp(mds_record_bytes(record, release->version_key),
                           mds_record_bytes(record, best->version_key))
                   > 0)
        {
            best = release;
        }
    }

    return best;
}

/* Begins the state, and reads the user's read marks. */
static mds_status_t
mds_message_marks(mds_eval_t *eval, mds_read_marks_t *marks)
{
    char         bytes[MDS_APP_MAX + 1 + MDS_VALUE_MAX];
    mds_str_t    app = mds_request_attr(eval->request, MDS_ATTR_APP);
    mds_str_t    user = eval->ids[MDS_BY_USER];
    mds_str_t    key = { app.len + 1 + user.len, bytes };
    mds_error_t  why = { .text = "it cannot be opened" };
    mds_state_t *state = eval->snapshot->state;

    if (app.len > MDS_APP_MAX || user.len > MDS_VALUE_MAX) {
        return mds_fail(eval->err, MDS_INVALID,
                        "the names of app and user must be shorter");
    }

    if (app.len > 0) {
        memcpy(bytes, app.data, app.len);
    }

    bytes[app.len] = '\0';
    memcpy(bytes + app.len + 1, user.data, user.len);

    /* Not MDS_DAMAGED: the catalog is not at fault. */
    return state != NULL && mds_state_begin(state, &why) == MDS_OK
                   && mds_state_get_read_marks(state, key, &why, marks)
                          == MDS_OK
               ? MDS_OK
               : mds_fail(eval->err, MDS_DENIED,
                          "failed to read the user's read marks from the"
                          " state: %s",
                          why.text);
}

/* Returns whether the message names the user, and is still kept. */
static bool
mds_message_is_listed(mds_eval_t *eval, const mds_message_record_t *message)
{
    mds_str_t user = eval->ids[MDS_BY_USER];
    bool      in = false;

    if (message->expires_ms <= eval->now_ms - MDS_MESSAGE_KEPT_MS) {
        return false;
    }

    eval->status
        = mds_catalog_list_has(eval->snapshot->catalog,
                               mds_record_bytes(eval->record, message->list),
                               user, mds_eval_id_hash(eval, MDS_BY_USER), false,
                               eval->err, &in);

    return eval->status == MDS_OK && in;
}

/* Returns the newest message of the device's platform in the user's list. */
static const mds_message_record_t *
mds_message_newest(mds_eval_t *eval)
{
    const mds_record_t *record = eval->record;

    for (uint32_t i = 0;
         eval->status == MDS_OK && i < mds_message_count(record); i++)
    {
        const mds_message_record_t *message = mds_message_at(record, i);

        if (mds_str_eq(mds_record_bytes(record, message->platform),
                       eval->platform.value)
            && mds_message_is_listed(eval, message))
        {
            return message;
        }
    }

    return NULL;
}

static bool
mds_message_is_unexpired(mds_eval_t *eval, const mds_message_record_t *message)
{
    char expires[MDS_TIME_BYTES];

    return mds_eval_trace(eval, "expires", mds_null_str, mds_null_str,
                          eval->now_ms < message->expires_ms, "%s",
                          mds_time_format(message->expires_ms, expires));
}

static bool
mds_message_is_above_official(mds_eval_t                 *eval,
                              const mds_message_record_t *message)
{
    const mds_release_record_t *official
        = mds_find_official(eval, eval->platform.value);
    mds_str_t version = mds_record_bytes(eval->record, message->version_key);

    if (official == NULL) {
        return mds_eval_trace(eval, "official", mds_null_str, mds_null_str,
                              true, "there is no official version");
    }

    return mds_eval_trace(eval, "official", mds_null_str,
                          mds_record_bytes(eval->record, official->version),
                          mds_str_cmp(version,
                                      mds_record_bytes(eval->record,
                                                       official->version_key))
                              > 0,
                          "below the message's version");
}

static bool
mds_message_is_above_installed(mds_eval_t                 *eval,
                               const mds_message_record_t *message)
{
    return mds_eval_trace(eval, "installed", mds_null_str,
                          mds_request_attr(eval->request, MDS_ATTR_VERSION),
                          eval->installed.len == 0
                              || mds_eval_version_cmp(eval,
                                                      message->version_key)
                                     > 0,
                          "below the message's version");
}

/* Returns whether the device accepts the version: it refuses one that has
 * crashed on it. */
static bool
mds_message_is_accepted(mds_eval_t *eval, const mds_message_record_t *message)
{
    return mds_eval_accepts_version(eval, message->version_key);
}

static bool
mds_message_is_unread(mds_eval_t *eval, const mds_message_record_t *message)
{
    mds_read_marks_t marks = { 0 };

    /* Without the state the message does not hit, so that it is not shown
     * twice; the catalog's choice stands. */
    if (mds_message_marks(eval, &marks) != MDS_OK) {
        return mds_eval_trace(eval, "unread", mds_null_str, mds_null_str, false,
                              "unknown, since the state cannot be read");
    }

    return mds_eval_trace(eval, "unread", mds_null_str, mds_null_str,
                          message->id > marks.delete_through
                              && !mds_read_marks_has_read(&marks, message->id),
                          "neither read nor deleted");
}

typedef bool (*mds_message_test_t)(mds_eval_t                 *eval,
                                   const mds_message_record_t *message);

/* The test that needs the state is last: few messages get that far. */
static const mds_message_test_t mds_message_tests[] = {
    mds_message_is_unexpired,       mds_message_is_above_official,
    mds_message_is_above_installed, mds_message_is_accepted,
    mds_message_is_unread,
};

const mds_message_record_t *
mds_message_hit(mds_eval_t *eval)
{
    const mds_message_record_t *message;
    bool                        hits = true;

    /* Most requests end here. */
    if (mds_message_count(eval->record) == 0 || eval->ids[MDS_BY_USER].len == 0)
    {
        return NULL;
    }

    message = mds_message_newest(eval);

    if (message == NULL) {
        return NULL;
    }

    mds_eval_trace_candidate(eval, MDS_TRACE_RELEASE, "message",
                             message->release, message->version, false);

    for (size_t i = 0;
         i < mds_nelems(mds_message_tests) && (hits || eval->trace != NULL);
         i++)
    {
        hits = mds_message_tests[i](eval, message) && hits;
    }

    mds_eval_trace_candidate(eval, MDS_TRACE_RESULT, "message",
                             message->release, message->version, hits);

    return hits ? message : NULL;
}

/* The list */

static mds_listed_message_t
mds_message_list_item(const mds_eval_t           *eval,
                      const mds_message_record_t *message,
                      const mds_read_marks_t     *marks)
{
    const mds_record_t *record = eval->record;

    return (mds_listed_message_t){
        .id = message->id,
        .platform = mds_record_bytes(record, message->platform),
        .version = mds_record_bytes(record, message->version),
        .url = mds_record_bytes(record, message->url),
        .expires_ms = message->expires_ms,
        .read = mds_read_marks_has_read(marks, message->id),
    };
}

/* Fills the array from its end, since newer messages come first. */
static mds_status_t
mds_message_list_fill(mds_eval_t *eval, size_t max, const mds_alloc_t *alloc,
                      mds_message_list_t *list)
{
    uint32_t              count = mds_message_count(eval->record);
    mds_read_marks_t      marks = { 0 };
    mds_listed_message_t *items;
    mds_status_t          status = mds_message_marks(eval, &marks);

    max = max < count ? max : count;
    items = alloc->alloc(alloc->data, (max + 1) * sizeof(*items));
    if (items == NULL) {
        return mds_fail_memory(eval->err);
    }

    for (uint32_t i = 0; status == MDS_OK && i < count && !list->more; i++) {
        const mds_message_record_t *message = mds_message_at(eval->record, i);

        if (message->id <= marks.delete_through) {
            break;
        }

        if (!mds_message_is_listed(eval, message)) {
            status = eval->status;

        } else if (list->count == max) {
            list->more = true;

        } else {
            items[max - ++list->count]
                = mds_message_list_item(eval, message, &marks);
        }
    }

    list->messages = items + (max - list->count);
    list->newest = eval->record->newest_message;
    list->oldest = count > 0 ? mds_message_at(eval->record, count - 1)->id : 0;

    return status;
}

/* Adds the platform's official version, unless the list has it. latest has room
 * for max. */
static void
mds_message_list_official(mds_eval_t *eval, mds_str_t platform, size_t max,
                          mds_message_list_t *list)
{
    const mds_release_record_t *official;

    for (size_t i = 0; i < list->latest_count; i++) {
        if (mds_str_eq(list->latest[i].platform, platform)) {
            return;
        }
    }

    official = mds_find_official(eval, platform);

    if (official != NULL && list->latest_count < max) {
        list->latest[list->latest_count++]
            = (mds_official_t){ platform, mds_record_bytes(eval->record,
                                                           official->version) };
    }
}

/* Adds the official versions of all platforms that packages are for. */
static mds_status_t
mds_message_list_latest(mds_eval_t *eval, const mds_alloc_t *alloc,
                        mds_message_list_t *list)
{
    const mds_record_t *record = eval->record;
    uint32_t            builds = record->tables[MDS_TABLE_BUILDS].count;
    size_t              names = 0;

    for (uint32_t i = 0; i < builds; i++) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);

        names += build->platforms.count;
    }

    list->latest
        = alloc->alloc(alloc->data, (names + 1) * sizeof(*list->latest));
    if (list->latest == NULL) {
        return mds_fail_memory(eval->err);
    }

    for (uint32_t i = 0; i < builds; i++) {
        const mds_build_t *build = mds_record_item(record, MDS_TABLE_BUILDS, i);

        for (uint32_t k = 0; k < build->platforms.count; k++) {
            mds_message_list_official(
                eval, mds_record_text(record, build->platforms.first + k),
                names, list);
        }
    }

    return MDS_OK;
}

mds_status_t
mds_user_messages(const mds_snapshot_t *snapshot, const mds_request_t *request,
                  size_t max, int64_t now_ms, const mds_alloc_t *alloc,
                  mds_error_t *err, mds_message_list_t *list)
{
    mds_message_list_t  found = { 0 };
    const mds_record_t *record;
    mds_eval_t          eval;
    mds_status_t        status;

    if (mds_request_attr(request, MDS_ATTR_USER).len == 0) {
        return mds_fail(err, MDS_INVALID, "parameter \"user\" is missing");
    }

    status = mds_catalog_resource(snapshot->catalog,
                                  mds_request_attr(request, MDS_ATTR_APP),
                                  MDS_KIND_APP, mds_str(""), err, &record);

    if (status == MDS_OK) {
        mds_eval_init(&eval, snapshot, record, request, now_ms, NULL, err);
        status = mds_message_list_fill(&eval, max, alloc, &found);
    }

    if (status == MDS_OK) {
        status = mds_message_list_latest(&eval, alloc, &found);
    }

    if (status == MDS_OK || status == MDS_NOT_FOUND) {
        *list = found;
        return MDS_OK;
    }

    return status;
}
