/* messages: fetches a user's messages, shows them, and marks them as read. */

#include "device/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mds_kind.h"
#include "base/mds_time.h"
#include "base/mds_version.h"

static mds_str_t
attribute(const mdsctl_check_t *c, const char *name)
{
    return mds_request_get(&c->request, mds_str_of(name));
}

static mds_status_t
request_list(mdsctl_check_t *c, mdsctl_answer_t *answer, mds_error_t *err)
{
    static const char *const names[] = { "app", "user", "channel" };
    char                     max[16]; /* has room for any int */
    mds_buffer_t             path = { 0 };
    mds_status_t             status;

    mds_buffer_add(&path, "messages", 8);

    for (size_t i = 0; i < mds_nelems(names); i++) {
        if (attribute(c, names[i]).len > 0) {
            mdsctl_http_add_parameter(&path, mds_str_of(names[i]),
                                      attribute(c, names[i]));
        }
    }

    (void) snprintf(max, sizeof(max), "%d", MDS_CLIENT_MESSAGES_MAX);
    mdsctl_http_add_parameter(&path, mds_str("n"), mds_str_of(max));

    status = mdsctl_check_get(c, &path, err, answer);

    mds_buffer_free(&path);
    return status;
}

/* Allocates room for each message, and one more. */
static mds_status_t
allocate(mdsctl_messages_t *m)
{
    size_t room = m->inbox.count + 1;

    m->items = calloc(room, sizeof(*m->items));
    m->runs = calloc(room, sizeof(*m->runs));

    return m->items != NULL && m->runs != NULL ? MDS_OK
                                               : mds_fail_memory(&m->err);
}

static mds_status_t
process_list(mdsctl_check_t *c, const mdsctl_answer_t *answer,
             mdsctl_messages_t *m)
{
    mds_str_t    body = { answer->body.len, (const char *) answer->body.data };
    size_t       count = 0;
    mds_status_t status;
    mds_client_triage_device_t device = { .platform = attribute(c, "platform"),
                                          .version = attribute(c, "version"),
                                          .now_ms = mds_time_now_ms() };

    status = mds_client_messages_parse(body, &m->err, &m->inbox);
    if (status == MDS_OK) {
        status = allocate(m);
    }
    if (status != MDS_OK) {
        return status;
    }

    /* Older messages that are not in the list may be unread, so none may be
     * deleted: this one stands for them. */
    if (m->inbox.more) {
        m->items[count++]
            = (mds_client_triage_message_t){ .expires_ms = INT64_MAX };
    }
    for (size_t i = 0; i < m->inbox.count; i++) {
        m->items[count++] = m->inbox.messages[i];
    }

    device.official = mds_client_messages_latest(&m->inbox, device.platform);
    m->passes = mds_client_triage(m->items, count, &device, m->runs);

    return MDS_OK;
}

static const mds_client_triage_message_t *
find_hit(const mdsctl_messages_t *m)
{
    return m->passes.hit == MDS_TRIAGE_NO_HIT ? NULL : &m->items[m->passes.hit];
}

static void
report_list(mdsctl_check_t *c, const mdsctl_messages_t *m)
{
    const mds_client_triage_message_t *h = find_hit(m);

    mdsctl_report_set_bytes(&c->report, "messages", m->inbox.count);
    mdsctl_report_set(&c->report, "hit",
                      h != NULL ? mds_json_integer_new((int64_t) h->id)
                                : mds_json_null_new());

    mdsctl_report_line(&c->report, "messages", "%zu in the list%s",
                       m->inbox.count,
                       m->inbox.more
                           ? ", and more than can be requested: none is deleted"
                           : "");
    if (h != NULL) {
        mdsctl_report_line(&c->report, "hit",
                           "message %" PRIu64 ", version %.*s", h->id,
                           MDS_STR(h->version));
    }
}

void
mdsctl_messages_get(mdsctl_check_t *c, mdsctl_messages_t *m)
{
    mdsctl_answer_t answer = { 0 };
    mds_status_t    status;

    m->passes.hit = MDS_TRIAGE_NO_HIT;
    if (!mds_kind_has(attribute(c, "kind"), MDS_KIND_IS_APP)
        || attribute(c, "user").len == 0)
    {
        return;
    }

    status = request_list(c, &answer, &m->err);
    if (status == MDS_OK && answer.status == 404) {
        mdsctl_report_line(&c->report, "messages", "the service has none");
    } else if (status == MDS_OK) {
        status = answer.status != 200 ? mdsctl_check_fail(c, &answer, &m->err)
                                      : process_list(c, &answer, m);
        if (status == MDS_OK) {
            report_list(c, m);
        }
    }

    mdsctl_answer_free(&answer);
}

void
mdsctl_messages_free(mdsctl_messages_t *m)
{
    mds_client_messages_free(&m->inbox);
    free(m->items);
    free(m->runs);
    *m = (mdsctl_messages_t){ 0 };
}

bool
mdsctl_messages_ahead(const mdsctl_check_t *c, const mdsctl_messages_t *m)
{
    mds_version_t                      version, order;
    const mds_client_triage_message_t *h = find_hit(m);

    return h != NULL && mds_version_parse(h->version, &version)
           && (c->order.json == NULL
               || (mds_version_parse(c->order.version, &order)
                   && mds_version_cmp(&version, &order) > 0));
}

/* Returns an array of ids, and of runs as [FIRST,LAST]. */
static mds_json_t *
runs_json(const mdsctl_messages_t *m)
{
    mds_json_t *list = mds_json_array_new();

    for (size_t i = 0; i < m->passes.runs; i++) {
        int64_t first = (int64_t) m->runs[i].first;
        int64_t last = (int64_t) m->runs[i].last;

        if (mds_json_append(list, first == last
                                      ? mds_json_integer_new(first)
                                      : mds_json_pack("[I,I]", first, last))
            != MDS_OK)
        {
            mds_json_release(list);
            return NULL;
        }
    }

    return list;
}

static mds_status_t
marks_json(mdsctl_check_t *c, const mdsctl_messages_t *m, char **body)
{
    size_t       len;
    mds_status_t status = MDS_OK;
    mds_json_t  *json
        = mds_json_pack("{s:o,s:o}", "app",
                        mds_json_string_new(attribute(c, "app")), "user",
                        mds_json_string_new(attribute(c, "user")));

    if (m->passes.delete_through != 0) {
        status = mds_json_set_integer(json, "delete_through",
                                      (int64_t) m->passes.delete_through);
    }
    if (status == MDS_OK && m->passes.runs > 0) {
        status = mds_json_set(json, "read", runs_json(m));
    }

    status = status == MDS_OK
                 ? mds_json_dump(json, MDS_JSON_COMPACT, &c->err, body, &len)
                 : mds_fail_memory(&c->err);

    mds_json_release(json);
    return status;
}

static mds_status_t
send_marks(mdsctl_check_t *c, const char *body)
{
    mds_buffer_t    url = { 0 };
    mds_status_t    status;
    mdsctl_answer_t answer = { 0 };

    status = mdsctl_check_url(c, "messages", "", &url);
    if (status == MDS_OK) {
        status = mdsctl_http_post(c->http, (const char *) url.data, body,
                                  MDSCTL_HTTP_BODY_MAX, &c->err, &answer);
    }
    if (status == MDS_OK && answer.status != 204) {
        status = mdsctl_check_fail(c, &answer, &c->err);
    }

    mdsctl_answer_free(&answer);
    mds_buffer_free(&url);
    return status;
}

mds_status_t
mdsctl_messages_mark(mdsctl_check_t *c, const mdsctl_messages_t *m)
{
    char        *body = NULL;
    mds_status_t status;

    if (m->err.status != MDS_OK) {
        return mds_fail(&c->err, m->err.status, "%s", m->err.text);
    }

    if (m->passes.delete_through == 0 && m->passes.runs == 0) {
        return MDS_OK;
    }

    status = marks_json(c, m, &body);
    if (status == MDS_OK) {
        status = send_marks(c, body);
    }
    if (status == MDS_OK) {
        mdsctl_report_line(&c->report, "marks", "%s", body);
        mdsctl_report_set_str(&c->report, "marks", mds_str_of(body));
    }

    free(body);
    return status;
}
