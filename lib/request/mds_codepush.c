/*
 * Reads what CodePush clients send. A check is read without JSON and without
 * memory of its own, as that of mds is.
 */

#include "request/mds_codepush.h"

#include "base/mds_form.h"
#include "base/mds_version.h"
#include "json/mds_json.h"

/* The parameters that are read, by both of their spellings. */
static const struct {
    const char *name;
    const char *camel;
    size_t      offset;
} mds_codepush_parameters[] = {
    { "deployment_key", "deploymentKey", offsetof(mds_codepush_query_t, key) },
    { "app_version", "appVersion",
      offsetof(mds_codepush_query_t, app_version) },
    { "client_unique_id", "clientUniqueId",
      offsetof(mds_codepush_query_t, device) },
    { "label", "label", offsetof(mds_codepush_query_t, label) },
    { "package_hash", "packageHash", offsetof(mds_codepush_query_t, hash) },
    { "is_companion", "isCompanion",
      offsetof(mds_codepush_query_t, companion) },
};

/* Returns the value that has the name; NULL: it is not read. */
static mds_str_t *
mds_codepush_parameter(mds_codepush_query_t *query, mds_str_t name)
{
    for (size_t i = 0; i < mds_nelems(mds_codepush_parameters); i++) {
        if (mds_str_eq(name, mds_str_of(mds_codepush_parameters[i].name))
            || mds_str_eq(name, mds_str_of(mds_codepush_parameters[i].camel)))
        {
            return (mds_str_t *) ((char *) query
                                  + mds_codepush_parameters[i].offset);
        }
    }

    return NULL;
}

/* Drops white space at both ends, as the server does for keys. */
static mds_str_t
mds_codepush_trim(mds_str_t text)
{
    while (text.len > 0 && (unsigned char) *text.data <= ' ') {
        text.data++;
        text.len--;
    }

    while (text.len > 0 && (unsigned char) text.data[text.len - 1] <= ' ') {
        text.len--;
    }

    return text;
}

mds_status_t
mds_codepush_query_parse(mds_str_t query, char *buffer, mds_error_t *err,
                         mds_codepush_query_t *parsed)
{
    mds_bounded_output_t room = { .p = buffer, .end = buffer + query.len };
    mds_codepush_query_t read = { .key = mds_null_str };

    while (query.len > 0) {
        mds_str_t  value = mds_str_cut(&query, '&');
        mds_str_t  name = mds_str_cut(&value, '=');
        mds_str_t *place = mds_codepush_parameter(&read, name);

        if (place == NULL || value.len == 0) {
            continue;
        }

        if (place->len > 0 || !mds_form_decode(value, &room, place)) {
            return mds_fail(err, MDS_INVALID, "parameter \"%.*s\" %s",
                            MDS_STR(name),
                            place->len > 0
                                ? "comes twice"
                                : "has a % without two hexadecimal digits");
        }
    }

    read.key = mds_codepush_trim(read.key);
    *parsed = read;

    return MDS_OK;
}

bool
mds_codepush_key_is_valid(mds_str_t key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'))
        {
            return false;
        }
    }

    return key.len > 0 && key.len <= MDS_CODEPUSH_KEY_MAX;
}

mds_status_t
mds_codepush_query_check(const mds_codepush_query_t *query, mds_error_t *err)
{
    mds_version_t version;

    if (!mds_codepush_key_is_valid(query->key)) {
        return mds_fail(err, MDS_INVALID,
                        "an update check must include a valid deployment key");
    }

    if (!mds_version_parse(query->app_version, &version)) {
        return mds_fail(err, MDS_INVALID,
                        "an update check must include the version of the app,"
                        " such as 1.0.0");
    }

    return MDS_OK;
}

static mds_status_t
mds_codepush_claim(mds_request_t *request, mds_attr_id_t known, mds_str_t value,
                   mds_error_t *err)
{
    return value.len == 0
               ? MDS_OK
               : mds_request_set_claimed(request, mds_attribute_name(known),
                                         value, err);
}

mds_status_t
mds_codepush_query_claim(const mds_codepush_query_t *query,
                         mds_request_t *request, mds_error_t *err)
{
    mds_str_t     label = query->label;
    mds_version_t version;
    mds_status_t  status;

    if (!mds_version_parse(label, &version)) {
        label = mds_null_str;
    }

    status = mds_codepush_claim(request, MDS_ATTR_APP_VERSION,
                                query->app_version, err);

    if (status == MDS_OK) {
        status
            = mds_codepush_claim(request, MDS_ATTR_DEVICE, query->device, err);
    }

    return status == MDS_OK
               ? mds_codepush_claim(request, MDS_ATTR_VERSION, label, err)
               : status;
}

/* Copies the text of a member, by either spelling; empty: there is none. */
static mds_str_t
mds_codepush_member(mds_arena_t *arena, const mds_json_t *json,
                    const char *name, const char *camel)
{
    const mds_json_t *value = mds_json_get(json, camel);

    if (value == NULL) {
        value = mds_json_get(json, name);
    }

    return mds_json_is_string(value) && mds_json_string(value).len > 0
               ? mds_arena_str(arena, mds_json_string(value))
               : mds_null_str;
}

/* Sets the event of a deployment. Its first report has no label: the binary
 * itself runs. */
static mds_status_t
mds_codepush_set_event(mds_str_t status, mds_codepush_report_t *report,
                       mds_error_t *err)
{
    static const struct {
        mds_str_t          status;
        mds_report_event_t event;
    } events[] = {
        { mds_str("DeploymentSucceeded"), MDS_EVENT_INSTALLED },
        { mds_str("DeploymentFailed"), MDS_EVENT_FAILED },
        { mds_str("Downloaded"), MDS_EVENT_DOWNLOADED },
    };

    report->event = MDS_EVENT_INSTALLED;

    if (report->label.len == 0) {
        return MDS_OK;
    }

    for (size_t i = 0; i < mds_nelems(events); i++) {
        if (mds_str_eq(status, events[i].status)) {
            report->event = events[i].event;
            return MDS_OK;
        }
    }

    return mds_fail(err, MDS_INVALID,
                    "the status of a deployment must be"
                    " \"DeploymentSucceeded\" or \"DeploymentFailed\"");
}

static mds_status_t
mds_codepush_read_report(const mds_json_t *json, bool deploy, mds_error_t *err,
                         mds_codepush_report_t *report)
{
    mds_arena_t *arena = report->arena;
    mds_str_t    status;

    report->key = mds_codepush_trim(
        mds_codepush_member(arena, json, "deployment_key", "deploymentKey"));
    report->app_version
        = mds_codepush_member(arena, json, "app_version", "appVersion");
    report->device = mds_codepush_member(arena, json, "client_unique_id",
                                         "clientUniqueId");
    report->label = mds_codepush_member(arena, json, "label", "label");
    status = mds_codepush_member(arena, json, "status", "status");

    if (mds_arena_failed(arena)) {
        return mds_fail_memory(err);
    }

    if (!mds_codepush_key_is_valid(report->key)
        || (deploy ? report->app_version : report->label).len == 0)
    {
        return mds_fail(err, MDS_INVALID,
                        "a report must include a valid deployment key and %s",
                        deploy ? "the version of the app"
                               : "the label of the package");
    }

    if (!deploy) {
        report->event = MDS_EVENT_DOWNLOADED;
        return MDS_OK;
    }

    return mds_codepush_set_event(status, report, err);
}

mds_status_t
mds_codepush_report_parse(mds_str_t bytes, bool deploy, mds_error_t *err,
                          mds_codepush_report_t *report)
{
    mds_codepush_report_t read = { .arena = mds_arena_new() };
    mds_json_t           *json = NULL;
    mds_status_t          status;

    if (read.arena == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_json_parse(bytes, "body", err, &json);

    if (status == MDS_OK) {
        status = mds_codepush_read_report(json, deploy, err, &read);
    }

    mds_json_release(json);

    if (status != MDS_OK) {
        mds_codepush_report_free(&read);
        return status;
    }

    *report = read;
    return MDS_OK;
}

void
mds_codepush_report_free(mds_codepush_report_t *report)
{
    mds_arena_free(report->arena);
    report->arena = NULL;
}
