/* agent: runs beside an edge's nginx and keeps its depot in step with an
 * origin. */

#include "agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mds_time.h"

#define WAIT_S 30          /* of a long poll */
#define POLL_DEADLINE_S 90 /* of its answer */
#define BACKOFF_MAX_MS 60000
#define COLLECT_MS 60000

static volatile sig_atomic_t stop;

/* A descriptor that is readable once a signal has come, whichever thread has
 * received it. */
static int stop_event = -1;

static void
on_signal(int signo)
{
    const uint64_t one = 1;
    int            error = errno;

    stop = signo;
    (void) !write(stop_event, &one, sizeof(one));
    errno = error;
}

static mds_status_t
catch_signals(mds_error_t *err)
{
    /* A second signal ends a process that does not end. */
    struct sigaction action
        = { .sa_handler = on_signal, .sa_flags = (int) SA_RESETHAND };

    stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (stop_event < 0) {
        return mds_fail_errno(err, "make an event");
    }

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);

    return MDS_OK;
}

typedef struct {
    const char      *origin;
    mdsctl_values_t  pubs;
    const char      *root;
    const char      *prefetch;
    const char      *disk_max;
    const char      *database;
    bool             once;
    mdsctl_service_t service;
} options_t;

static const mdsctl_option_t options[] = {
    { "origin", "URL", "the origin's base, such as https://HOST/mds/v1/",
      MDSCTL_STORE(options_t, origin), .need = MDSCTL_REQUIRED },
    { "pub", "NAME.pub", "a key that signs the feed; may be repeated",
      MDSCTL_STORE(options_t, pubs), .need = MDSCTL_ONE_OF },
    { "root", "ROOT.json", "the root that says which keys sign the feed",
      MDSCTL_STORE(options_t, root), .need = MDSCTL_ONE_OF },
    { "prefetch", "WHICH", "fetched ahead: running (default), all, none",
      MDSCTL_STORE(options_t, prefetch) },
    { "max-disk", "SIZE", "limit of files/, as 50G or 20Gi; default none",
      MDSCTL_STORE(options_t, disk_max) },
    { "database", "URI", "share windows by it; default $MDS_DATABASE",
      MDSCTL_STORE(options_t, database) },
    { "once", NULL, "bring the edge up to date and end",
      MDSCTL_STORE(options_t, once) },
    MDSCTL_SERVICE_OPTIONS(options_t, service),
    { 0 },
};

static int
parse_prefetch(const char *word, mdsctl_prefetch_t *prefetch)
{
    if (word == NULL || strcmp(word, "running") == 0) {
        *prefetch = MDSCTL_PREFETCH_RUNNING;
    } else if (strcmp(word, "all") == 0) {
        *prefetch = MDSCTL_PREFETCH_ALL;
    } else if (strcmp(word, "none") == 0) {
        *prefetch = MDSCTL_PREFETCH_NONE;
    } else {
        return mdsctl_fail_usage("--prefetch: must be running, all or none, not"
                                 " \"%s\"",
                                 word);
    }

    return MDSCTL_DONE;
}

/* Gives the base URL with a slash at its end; the caller frees it. */
static char *
make_origin(const char *url)
{
    size_t len = strlen(url);
    char  *origin = malloc(len + 2);

    if (origin != NULL) {
        memcpy(origin, url, len + 1);

        if (len > 0 && url[len - 1] != '/') {
            memcpy(origin + len, "/", 2);
        }
    }

    return origin;
}

static int
parse(mdsctl_agent_t *agent, options_t *o, char **origin)
{
    int64_t disk_max = 0;

    if ((o->pubs.count > 0) == (o->root != NULL)) {
        return mdsctl_fail_usage("one of --pub and --root is needed: which key"
                                 " signs the feed?");
    }

    if (o->disk_max != NULL
        && !mdsctl_parse_count(o->disk_max, INT64_MAX, &disk_max))
    {
        return mdsctl_fail_usage("--max-disk: must be a size such as 50G, not"
                                 " \"%s\"",
                                 o->disk_max);
    }

    if (parse_prefetch(o->prefetch, &agent->prefetch) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    *origin = make_origin(o->origin);

    if (*origin == NULL
        || mdsctl_service(&o->service, *origin, &agent->http) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    agent->origin = *origin;
    agent->disk_max = (uint64_t) disk_max;
    agent->once = o->once;
    agent->http.stop = &stop;
    agent->stop = &stop;

    return MDSCTL_DONE;
}

/* Sleeps for so long, or until a signal comes. */
static void
sleep_ms(int64_t ms)
{
    struct pollfd event = { .fd = stop_event, .events = POLLIN };

    (void) poll(&event, 1, (int) ms);
}

/* Returns the next time to wait after a fault, and adds jitter, so that edges
 * do not come back at the same moment. */
static int64_t
back_off(int64_t *backoff_ms)
{
    uint32_t random;

    *backoff_ms = *backoff_ms == 0 ? 500 : 2 * *backoff_ms;
    *backoff_ms = *backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : *backoff_ms;
    mds_random(&random, sizeof(random));

    return *backoff_ms / 2 + random % *backoff_ms;
}

/* Follows the origin until a signal comes, or once. */
static void
follow(mdsctl_agent_t *agent, mdsctl_http_t *http)
{
    int64_t backoff_ms = 0, collected_ms = 0;

    while (stop == 0) {
        /* The first answer comes at once: files may be missing. */
        (void) mdsctl_follow_once(agent, http,
                                  agent->once || agent->trouble >= 0
                                          || !agent->is_complete
                                      ? 0
                                      : WAIT_S);

        if (agent->once || mdsctl_clock_ms() - collected_ms >= COLLECT_MS) {
            mdsctl_collect(agent);
            collected_ms = mdsctl_clock_ms();
        }

        if (agent->once) {
            break;
        }

        if (agent->trouble >= 0) {
            sleep_ms(back_off(&backoff_ms));
        } else {
            backoff_ms = 0;
        }
    }

    mdsctl_figures_write(agent, "ended");
}

static void
log_share(void *data, const char *line)
{
    (void) data;
    mdsctl_agent_log("%s", line);
}

/* Starts the thread of the state that edges share, if a database is named. */
static mds_status_t
start_share(mdsctl_agent_t *agent, mds_error_t *err, mdsctl_share_t **share)
{
    mdsctl_share_options_t options = { .depot = agent->depot,
                                       .uri = agent->database,
                                       .log = log_share,
                                       .show = mdsctl_figures_show_share,
                                       .data = agent };

    return agent->database == NULL || agent->once
               ? MDS_OK
               : mdsctl_share_start(&options, err, share);
}

/* Runs the follower, and beside it the threads that serve the workers. */
static int
run(mdsctl_agent_t *agent)
{
    mdsctl_http_options_t poll = agent->http;
    mdsctl_http_t        *http = NULL;
    mdsctl_demand_t      *demand = NULL;
    mdsctl_share_t       *share = NULL;
    mds_error_t           err;
    mds_status_t          status;

    /* A long poll is silent until there is something. */
    poll.deadline_s = POLL_DEADLINE_S;
    poll.rate_bytes = 0;
    poll.rate_window_s = 0;

    if ((status = mdsctl_agent_take_place(agent, &err)) != MDS_OK
        || (status = mdsctl_follow_begin(agent, &err)) != MDS_OK
        || (status = mdsctl_http_open(&poll, &err, &http)) != MDS_OK
        || (!agent->once
            && (status = mdsctl_demand_start(agent, &err, &demand)) != MDS_OK)
        || (status = start_share(agent, &err, &share)) != MDS_OK)
    {
        mdsctl_demand_stop(demand);
        mdsctl_http_close(http);
        return mdsctl_fail(&err);
    }

    follow(agent, http);
    mdsctl_share_stop(share);
    mdsctl_demand_stop(demand);
    mdsctl_http_close(http);

    return agent->once && agent->trouble >= 0 ? MDSCTL_FAILED : MDSCTL_DONE;
}

static int
run_agent(mdsctl_t *ctl, int argc, char **argv)
{
    static mdsctl_agent_t agent; /* large */
    options_t             o = { 0 };
    char                 *origin = NULL;
    mds_error_t           err;
    int                   code;

    agent = (mdsctl_agent_t){ .trouble = -1 };
    pthread_mutex_init(&agent.lock, NULL);
    pthread_mutex_init(&agent.status_lock, NULL);
    pthread_mutex_init(&agent.figures_lock, NULL);

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (o.once && o.database != NULL) {
        return mdsctl_fail_usage("--database and --once exclude each other: an"
                                 " edge that shares runs an agent all the"
                                 " time");
    }

    agent.depot = ctl->depot;
    agent.database = o.database != NULL ? o.database : getenv("MDS_DATABASE");

    if (agent.database != NULL && *agent.database == '\0') {
        agent.database = NULL;
    }

    code = parse(&agent, &o, &origin);

    if (code == MDSCTL_DONE) {
        code = catch_signals(&err) == MDS_OK
                       && mdsctl_agent_keys(&agent, &o.pubs, o.root, &err)
                              == MDS_OK
                   ? run(&agent)
                   : mdsctl_fail(&err);
    }

    mdsctl_needs_free(&agent.needs);
    mds_catalog_close(agent.catalog);
    mds_current_close(agent.current);
    mds_client_trust_free(&agent.trust);
    free(origin);

    return code;
}

const mdsctl_command_t mdsctl_command_agent = {
    .name = "agent",
    .group = MDSCTL_KEEP,
    .summary = "keep an edge in step with an origin",
    .text
    = "Runs beside the nginx of an edge, and follows the feed of an origin "
      "(`mds_feed`): verifies the signed head, fetches what is missing, "
      "several "
      "files at once, and puts the generation in force when all of it is "
      "there. "
      "It needs no key and no root privileges: it owns the depot, but for "
      "state/, which is the workers'; `mdsctl init --agent` makes such a "
      "depot. "
      "What is in force stays in force while the origin is away. It runs in "
      "the "
      "foreground until SIGINT or SIGTERM; with --once it brings the edge up "
      "to "
      "date and ends, for cron.",
    .options = options,
    .examples = "mdsctl --depot /srv/edge init\n"
                "mdsctl --depot /srv/edge agent --once --pub ops.pub \\\n"
                "    --origin http://127.0.0.1:8080/mds/v1/\n"
                "mdsctl --depot /srv/edge agent --once --pub ops.pub \\\n"
                "    --origin http://127.0.0.1:8080/mds/v1/ \\\n"
                "    --prefetch none --max-disk 50G\n",
    .synonyms = "edge follow sync replicate mirror",
    .run = run_agent,
};
