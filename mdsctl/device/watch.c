/* watch: the stream, the checks that it causes, and the pauses between two
 * streams. */

#include "device/watch_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/mds_digest.h"
#include "base/mds_kind.h"
#include "client/mds_client_events.h"

/* The pause before a new stream: what the edge says ("retry"), or RETRY_MS;
 * doubled with each failure, up to PAUSE_MAX_MS; ± 50 %. */
#define RETRY_MS 3000
#define RETRY_MIN_MS 100
#define PAUSE_MAX_MS 300000
#define DOUBLINGS_MAX 12

/* A longer Retry-After counts as this one. */
#define RETRY_AFTER_MAX_S 3600

/* Two checks have this distance, however many events come. */
#define CHECK_DISTANCE_MS 1000

#define NAP_MS 100

typedef struct {
    mdsctl_stream_t     stream; /* must be first */
    mdsctl_check_t     *check;
    mdsctl_check_once_t once;
    mdsctl_http_t      *http; /* of the stream; checks have their own */
    mds_client_events_t events;
    bool                was_open;       /* an open stream was reported */
    bool                accepted;       /* there was a stream */
    uint64_t            changes;        /* that were reported, of this stream */
    bool                is_due;         /* a check is */
    int64_t             due_ms;         /* not before this time */
    unsigned            check_failures; /* in a row */
    unsigned            failures;       /* of streams, in a row */
    int64_t             paused_ms;      /* before this stream */
    bool                reopen;         /* the device has another version */
    char                version[MDS_VALUE_MAX]; /* that is installed now */
} watch_t;

static volatile sig_atomic_t stopped;

static void
on_signal(int signo)
{
    (void) signo;
    stopped = 1;
}

static void
catch_signals(void)
{
    /* A second signal ends a process that does not end. */
    struct sigaction action
        = { .sa_handler = on_signal, .sa_flags = (int) SA_RESETHAND };

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Returns a random number from 0 to max. */
static int64_t
random_up_to(int64_t max)
{
    uint32_t random;

    mds_random(&random, sizeof(random));
    return (int64_t) random % (max + 1);
}

static int64_t
choose_pause(const watch_t *w, unsigned failures, int64_t retry_after_s)
{
    int64_t ms = w->events.retry_ms > 0 ? w->events.retry_ms : RETRY_MS;

    ms = ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms;
    ms <<= failures < DOUBLINGS_MAX ? failures : DOUBLINGS_MAX;
    ms = ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;

    if (retry_after_s > RETRY_AFTER_MAX_S) {
        retry_after_s = RETRY_AFTER_MAX_S;
    }

    /* Nobody comes back before the time; not all come at once. */
    if (retry_after_s * 1000 > ms / 2) {
        return retry_after_s * 1000 + random_up_to(ms);
    }

    return ms / 2 + random_up_to(ms);
}

static void
set_attribute(mdsctl_check_t *c, mds_attr_id_t id, mds_str_t value)
{
    mds_error_t err;
    uint8_t     number = c->request.known[id];

    if (number != 0) {
        c->request.attributes[number - 1].value = value;

    } else if (value.len > 0) {
        /* There is room, or the request had been refused. */
        (void) !mds_request_set_claimed_by_id(&c->request, id,
                                              mds_attribute_name(id), value,
                                              &err);
    }
}

/* Lets the device have what the check has installed: the next one, and the
 * stream, are for that version. */
static void
install(watch_t *w)
{
    mdsctl_check_t *c = w->check;
    mds_str_t       version = { 0, w->version };

    if (c->order.json == NULL || c->order.version.len > sizeof(w->version)) {
        return;
    }

    memcpy(w->version, c->order.version.data, c->order.version.len);
    version.len = c->order.version.len;
    set_attribute(c, MDS_ATTR_VERSION, version);

    if (mds_kind_has(mds_request_attr(&c->request, MDS_ATTR_KIND),
                     MDS_KIND_IS_APP)
        && mds_request_attr(&c->request, MDS_ATTR_APP_VERSION).len > 0)
    {
        set_attribute(c, MDS_ATTR_APP_VERSION, version);
    }

    c->have = c->order.has_full ? c->out : NULL;
    w->reopen = true;
}

/* Checks, and reports what came of it. */
static void
run_check(watch_t *w)
{
    mdsctl_check_t *c = w->check;
    mds_json_t     *members;
    bool            upgraded;
    mds_status_t    status;

    w->is_due = false;
    mds_json_release(c->report.object);
    c->report.object = mds_json_object_new();
    c->retry_after_s = 0;

    status = w->once(c, &upgraded);

    if (upgraded) {
        members = c->report.object;
        c->report.object = NULL;

        if (c->report.json) {
            mdsctl_watch_print("check", members);
        } else {
            mds_json_release(members);
        }

        install(w);
    }

    w->due_ms = mdsctl_clock_ms() + CHECK_DISTANCE_MS;
    w->check_failures = status == MDS_OK ? 0 : w->check_failures + 1;

    if (status != MDS_OK && !stopped) {
        int64_t pause_ms
            = choose_pause(w, w->check_failures - 1, c->retry_after_s);

        w->is_due = true;
        w->due_ms = mdsctl_clock_ms() + pause_ms;
        mdsctl_watch_failure(w->check, "error", &c->err, pause_ms);
    }
}

static bool
watch_read(mdsctl_stream_t *stream, mds_str_t piece)
{
    watch_t *w = (watch_t *) stream;

    return mds_client_events_read(&w->events, piece, &stream->err) == MDS_OK;
}

static bool
watch_run(mdsctl_stream_t *stream)
{
    watch_t *w = (watch_t *) stream;

    if (!w->was_open) {
        w->was_open = true;
        w->accepted = true;
        w->is_due = true;
        mdsctl_watch_event(w->check, "open", NULL, 0);
    }

    if (w->changes != w->events.changes) {
        w->changes = w->events.changes;
        w->is_due = true;
        mdsctl_watch_event(w->check, "change", NULL, 0);
    }

    if (w->is_due && mdsctl_clock_ms() >= w->due_ms) {
        run_check(w);
    }

    return !w->reopen;
}

/* Makes the URL of the stream, with the serial that the device has seen. */
static mds_status_t
make_url(watch_t *w, mds_error_t *err, mds_buffer_t *url)
{
    mdsctl_check_t *c = w->check;
    mds_buffer_t    path = { 0 };
    mds_status_t    status;

    mds_buffer_add(&path, "watch", 5);

    for (size_t i = 0; i < c->request.count; i++) {
        mdsctl_http_add_parameter(&path, c->request.attributes[i].name,
                                  c->request.attributes[i].value);
    }

    if (c->serial[0] != '\0') {
        mdsctl_http_add_parameter(&path, mds_str("serial"),
                                  mds_str_of(c->serial));
    }

    mds_buffer_add(&path, "", 1);
    status = mds_buffer_failed(&path)
                 ? mds_fail_memory(err)
                 : mdsctl_check_url(c, (const char *) path.data, "", url);

    mds_buffer_free(&path);
    return status;
}

/* Receives one stream to its end. Returns why it has ended. */
static mds_status_t
receive_stream(watch_t *w, mds_error_t *err, mdsctl_answer_t *answer)
{
    char         header[sizeof("Last-Event-ID: ") + MDS_CLIENT_ID_MAX];
    mds_buffer_t url = { 0 };
    mds_status_t status = make_url(w, err, &url);

    if (status != MDS_OK) {
        mds_buffer_free(&url);
        return status;
    }

    mdsctl_report_line(&w->check->report, "stream", "%s",
                       (const char *) url.data);

    (void) snprintf(header, sizeof(header), "Last-Event-ID: %.*s",
                    (int) w->events.id_len, w->events.id);
    w->stream.header = w->events.id_len > 0 ? header : NULL;

    mds_client_events_restart(&w->events);
    w->was_open = false;
    w->changes = 0;
    w->reopen = false;

    status = mdsctl_http_stream(w->http, (const char *) url.data, &w->stream,
                                err, answer);

    mds_buffer_free(&url);
    return status;
}

static void
take_pause(int64_t ms)
{
    int64_t         until_ms = mdsctl_clock_ms() + ms;
    struct timespec nap = { 0, NAP_MS * 1000000L };

    while (!stopped && mdsctl_clock_ms() < until_ms) {
        nanosleep(&nap, NULL);
    }
}

/* Returns whether an answer says that another try is of no use. */
static bool
is_refusal(long status)
{
    return status >= 400 && status < 500 && status != 408 && status != 429;
}

/* Receives a stream, and takes the pause after it. Returns false if the device
 * cannot watch. */
static bool
watch_once(watch_t *w)
{
    mdsctl_answer_t answer = { 0 };
    mds_error_t     err = { 0 };
    mds_status_t    status = receive_stream(w, &err, &answer);
    bool            goes_on = true;
    int64_t         retry_after_s = answer.retry_after_s;

    if (status == MDS_OK && !w->stream.is_open) {
        (void) mdsctl_check_fail(w->check, &answer, &err);
        goes_on = w->accepted || !is_refusal(answer.status);
    }

    mdsctl_answer_free(&answer);

    if (stopped || w->reopen) {
        return true;
    }

    if (!goes_on) {
        (void) mdsctl_fail(&err);
        return false;
    }

    /* A stream that lasted longer than the pause before it was a success. */
    w->failures
        = w->stream.is_open
                  && mdsctl_clock_ms() - w->stream.opened_ms > w->paused_ms
              ? 0
              : w->failures + 1;
    w->paused_ms
        = choose_pause(w, w->failures > 0 ? w->failures - 1 : 0, retry_after_s);

    if (err.status != MDS_OK) {
        mdsctl_watch_failure(w->check, "close", &err, w->paused_ms);
    } else {
        mdsctl_watch_event(w->check, "close", NULL, w->paused_ms);
    }

    take_pause(w->paused_ms);
    return true;
}

int
mdsctl_watch(mdsctl_check_t *check, mdsctl_check_once_t once)
{
    watch_t w = { .stream = { .read = watch_read,
                              .run = watch_run,
                              .silence_ms = 1000 * check->silence_s },
                  .check = check,
                  .once = once };
    bool    goes_on = true;

    catch_signals();
    check->how.stop = &stopped;

    if (mdsctl_http_open(&check->how, &check->err, &w.http) != MDS_OK) {
        return mdsctl_fail(&check->err);
    }

    while (goes_on && !stopped) {
        goes_on = watch_once(&w);
    }

    if (goes_on) {
        mdsctl_watch_event(check, "end", NULL, 0);
    }

    mdsctl_http_close(w.http);
    return goes_on ? MDSCTL_DONE : MDSCTL_FAILED;
}
