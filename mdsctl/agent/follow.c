/*
 * follow: one head of the origin, from the request to CURRENT.
 *
 *   verify the signature, the version, the serial and the time of the head
 *   fetch what is missing, verify it, validate the generation
 *   switch CURRENT, then store the head, for edges that follow this one
 *
 * Whatever fails, what is in force stays so, and the next try goes on with what
 * was fetched.
 */

#define _GNU_SOURCE /* asprintf() */

#include "agent/agent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_time.h"
#include "catalog/mds_validate.h"

static bool
has_head(const mdsctl_agent_t *agent)
{
    return agent->head.layer_count > 0;
}

/* Returns the serial that is in force by a head, or by CURRENT alone. */
static uint64_t
serial_in_force(const mdsctl_agent_t *agent)
{
    return has_head(agent) ? agent->head.serial
                           : mds_current_serial(agent->current);
}

/* Replaces what devices may ask for. */
static void
take_needs(mdsctl_agent_t *agent, mdsctl_needs_t *needs)
{
    mdsctl_needs_t old;

    pthread_mutex_lock(&agent->lock);
    old = agent->needs;
    agent->needs = *needs;
    pthread_mutex_unlock(&agent->lock);
    mdsctl_needs_free(&old);
}

mds_status_t
mdsctl_follow_begin(mdsctl_agent_t *agent, mds_error_t *err)
{
    mdsctl_needs_t needs = { 0 };
    mds_error_t    why;
    mds_status_t   status
        = mds_current_open(agent->depot, true, err, &agent->current);

    if (status == MDS_NOT_FOUND) {
        status = mds_fail(err, status,
                          "\"%s\" is not a depot; `mdsctl init` makes one",
                          agent->depot);
    }

    if (status == MDS_OK) {
        status = mds_feed_make_folders(agent->depot, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mds_feed_load_head(agent->depot, &why, &agent->head) != MDS_OK) {
        agent->head = (mds_feed_head_t){ 0 };
    }

    /* A generation that cannot be opened is fetched again. */
    if (mds_validate_generation(agent->depot,
                                mds_current_serial(agent->current), NULL,
                                INT64_MIN, MDS_VALIDATE_NO_BUDGET, &why,
                                &agent->catalog)
        != MDS_OK)
    {
        agent->catalog = NULL;
        agent->head = (mds_feed_head_t){ 0 };

    } else if (mdsctl_needs_find(agent->catalog, mds_time_now_ms(), &why,
                                 &needs)
               == MDS_OK)
    {
        take_needs(agent, &needs);
    }

    mdsctl_figure_set(agent, MDS_AGENT_SERIAL,
                      (int64_t) mds_current_serial(agent->current));
    return MDS_OK;
}

/* --- a head */

/* Compares the head with what is in force. *is_new: there is something to do.
 * Returns the fault; -1: none. */
static int
compare_head(const mdsctl_agent_t *agent, const mds_feed_head_t *head,
             mds_error_t *err, bool *is_new)
{
    uint64_t serial = serial_in_force(agent);
    char     time[MDS_TIME_BYTES];

    *is_new = head->serial > serial || !has_head(agent);

    if (head->serial < serial) {
        (void) mds_fail(err, MDS_CONFLICT,
                        "the origin gives an older head, of serial %" PRIu64,
                        head->serial);
        return MDS_AGENT_OLDER;
    }

    if (has_head(agent) && head->serial == serial) {
        if (!mds_feed_head_is_same(head, &agent->head)) {
            (void) mds_fail(err, MDS_CONFLICT,
                            "the origin has another generation %" PRIu64
                            " than the one in force here: it was restored, or"
                            " is another origin",
                            head->serial);
            return MDS_AGENT_FORK;
        }

        if (head->issued_ms < agent->head.issued_ms) {
            (void) mds_fail(err, MDS_CONFLICT,
                            "the origin gives a head of serial %" PRIu64
                            " that was replaced by a later one: a replay",
                            head->serial);
            return MDS_AGENT_REPLAY;
        }

        *is_new = head->issued_ms > agent->head.issued_ms;
    }

    if (head->expires_ms <= mds_time_now_ms()) {
        (void) mds_fail(
            err, MDS_INVALID,
            "the head of the origin expired on %s: newer changes may be"
            " held back, or the clock here is wrong",
            mds_time_format(head->expires_ms, time));
        return MDS_AGENT_EXPIRED;
    }

    return -1;
}

/* Returns the fault that belongs to a failure. */
static mds_agent_figure_t
fault_of(mds_status_t status)
{
    switch (status) {
    case MDS_DENIED:
        return MDS_AGENT_SIGNATURE;
    case MDS_INCOMPATIBLE:
        return MDS_AGENT_PROTOCOL;
    case MDS_NO_SPACE:
        return MDS_AGENT_SPACE;
    case MDS_CONFLICT:
        return MDS_AGENT_FORK;
    case MDS_IO:
    case MDS_NOT_FOUND:
        return MDS_AGENT_AWAY;
    default:
        return MDS_AGENT_DAMAGED;
    }
}

/* Puts the validated generation in force, and stores the head as it came. */
static mds_status_t
switch_to(mdsctl_agent_t *agent, const mds_feed_head_t *head, mds_str_t text,
          mds_error_t *err)
{
    mds_status_t status;

    status = mds_current_advance(agent->current, head->serial, err);

    if (status == MDS_OK) {
        status = mds_feed_store_head(agent->depot, text, err);
    }

    return status;
}

static void
count_change(mdsctl_agent_t *agent, uint64_t before,
             const mds_feed_head_t *head, int64_t begun_ms)
{
    uint64_t gap = before > 0 && head->serial > before + 1
                       ? head->serial - before - 1
                       : 0;

    mdsctl_figure_set(agent, MDS_AGENT_SERIAL, (int64_t) head->serial);
    mdsctl_figure_set(agent, MDS_AGENT_CHANGED, mds_time_now_ms() / 1000);
    mdsctl_figure_add(agent, MDS_AGENT_CHANGES, 1);
    mdsctl_figure_add(agent, MDS_AGENT_GAPS, (int64_t) gap);

    if (gap > 0) {
        mdsctl_agent_log("serial %" PRIu64 " is in force after %" PRIu64
                         ": a gap of %" PRIu64 ", whose changes it includes;"
                         " %" PRId64 " ms",
                         head->serial, before, gap,
                         mds_time_now_ms() - begun_ms);
    } else {
        mdsctl_agent_log("serial %" PRIu64 " is in force; %" PRId64 " ms",
                         head->serial, mds_time_now_ms() - begun_ms);
    }
}

/* Fetches and puts in force what the head names. */
static mds_status_t
apply_head(mdsctl_agent_t *agent, const mds_feed_head_t *head, mds_str_t text,
           mds_error_t *err)
{
    int64_t        begun_ms = mds_time_now_ms();
    uint64_t       before = serial_in_force(agent);
    bool           changes = head->serial > before || !has_head(agent);
    mds_catalog_t *catalog = NULL;
    mdsctl_needs_t needs = { 0 };
    mds_status_t   status;

    mdsctl_figures_write(agent, "fetching");

    if ((status = mdsctl_install_generation(agent, head, err, &catalog))
            != MDS_OK
        || (status = mdsctl_needs_find(catalog, begun_ms, err, &needs))
               != MDS_OK
        || (status = mdsctl_install_files(agent, &needs, err)) != MDS_OK
        || (status = switch_to(agent, head, text, err)) != MDS_OK)
    {
        mdsctl_needs_free(&needs);
        mds_catalog_close(catalog);
        return status;
    }

    take_needs(agent, &needs);
    mds_catalog_close(agent->catalog);
    agent->catalog = catalog;
    agent->head = *head;
    agent->is_complete = true;

    if (changes) {
        count_change(agent, before, head, begun_ms);
    }

    return MDS_OK;
}

/* Fetches what --prefetch wants of the generation in force and is not there:
 * the option may be another one than in the run before, and a file may have
 * been removed. */
static mds_status_t
complete_files(mdsctl_agent_t *agent, mds_error_t *err)
{
    mds_status_t status = agent->is_complete
                              ? MDS_OK
                              : mdsctl_install_files(agent, &agent->needs, err);

    agent->is_complete = status == MDS_OK;
    return status;
}

/* Opens the head; with a root, a key that it does not have may be in a newer
 * one. */
static mds_status_t
open_head(mdsctl_agent_t *agent, mdsctl_http_t *http, mds_str_t text,
          mds_error_t *err, mds_feed_head_t *head)
{
    mds_status_t status = mdsctl_agent_open_head(agent, text, err, head);

    if (!agent->has_root
        || (status != MDS_DENIED
            && (status != MDS_OK || head->root <= agent->trust.root.version)))
    {
        return status;
    }

    status = mdsctl_agent_follow_roots(agent, http, err);

    return status == MDS_OK ? mdsctl_agent_open_head(agent, text, err, head)
                            : status;
}

static void
take_head(mdsctl_agent_t *agent, mdsctl_http_t *http, mds_str_t text)
{
    mds_feed_head_t head;
    mds_error_t     err;
    bool            is_new;
    int             fault;
    mds_status_t    status = open_head(agent, http, text, &err, &head);

    if (status != MDS_OK) {
        mdsctl_agent_fault(agent, fault_of(status), err.text);
        return;
    }

    mdsctl_figure_set(agent, MDS_AGENT_ORIGIN_SERIAL, (int64_t) head.serial);
    mdsctl_figure_set(agent, MDS_AGENT_EXPIRES, head.expires_ms / 1000);
    fault = compare_head(agent, &head, &err, &is_new);

    if (fault >= 0) {
        mdsctl_agent_fault(agent, (mds_agent_figure_t) fault, err.text);
        return;
    }

    status = is_new ? apply_head(agent, &head, text, &err)
                    : complete_files(agent, &err);

    if (status == MDS_AGAIN) {
        return; /* a signal */
    }

    if (status != MDS_OK) {
        mdsctl_agent_fault(agent, fault_of(status), err.text);
    } else {
        mdsctl_agent_recover(agent);
    }
}

/* Notes that there is nothing later than what is in force. */
static void
take_silence(mdsctl_agent_t *agent)
{
    char    words[128], time[MDS_TIME_BYTES];
    int64_t expires_ms = agent->head.expires_ms;

    if (has_head(agent) && expires_ms <= mds_time_now_ms()) {
        snprintf(words, sizeof(words),
                 "the head of the origin expired on %s, and there is no later"
                 " one",
                 mds_time_format(expires_ms, time));
        mdsctl_agent_fault(agent, MDS_AGENT_EXPIRED, words);
        return;
    }

    mdsctl_agent_recover(agent);
}

bool
mdsctl_follow_once(mdsctl_agent_t *agent, mdsctl_http_t *http, int wait_s)
{
    char           *url = NULL;
    mdsctl_answer_t answer;
    mds_error_t     err;
    mds_status_t    status;
    int             len = wait_s > 0 && has_head(agent)
                              ? asprintf(&url, "%sfeed/head?serial=%" PRIu64 "&wait=%d",
                                         agent->origin, serial_in_force(agent), wait_s)
                              : asprintf(&url, "%sfeed/head", agent->origin);

    status = len < 0 ? mds_fail_memory(&err)
                     : mdsctl_http_get(http, url, MDS_ENVELOPE_BYTES_MAX, &err,
                                       &answer);

    if (status == MDS_OK && answer.status != 200 && answer.status != 204) {
        status = mds_fail(&err, MDS_IO, "%s: the server answers %ld", url,
                          answer.status);
        mdsctl_answer_free(&answer);
    }

    free(url);

    if (status != MDS_OK) {
        if (*agent->stop == 0) {
            mdsctl_agent_fault(agent, MDS_AGENT_AWAY, err.text);
        }

        return false;
    }

    mdsctl_figure_set(agent, MDS_AGENT_CONTACT, mds_time_now_ms() / 1000);

    if (answer.status == 204) {
        take_silence(agent);
    } else {
        take_head(agent, http, mds_buffer_str(&answer.body));
    }

    mdsctl_answer_free(&answer);
    mdsctl_figures_write(agent, agent->trouble < 0 ? "in step" : "waiting");

    return true;
}
