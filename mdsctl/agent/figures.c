/* figures: the agent's figures, and its log. */

#include "agent/agent.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

void
mdsctl_figure_set(mdsctl_agent_t *agent, mds_agent_figure_t figure,
                  int64_t value)
{
    pthread_mutex_lock(&agent->figures_lock);
    agent->figures.values[figure] = value;
    pthread_mutex_unlock(&agent->figures_lock);
}

void
mdsctl_figure_add(mdsctl_agent_t *agent, mds_agent_figure_t figure,
                  int64_t value)
{
    pthread_mutex_lock(&agent->figures_lock);
    agent->figures.values[figure] += value;
    pthread_mutex_unlock(&agent->figures_lock);
}

int64_t
mdsctl_figure_get(mdsctl_agent_t *agent, mds_agent_figure_t figure)
{
    int64_t value;

    pthread_mutex_lock(&agent->figures_lock);
    value = agent->figures.values[figure];
    pthread_mutex_unlock(&agent->figures_lock);

    return value;
}

void
mdsctl_figures_write(mdsctl_agent_t *agent, const char *state)
{
    mds_agent_status_t copy;
    mds_error_t        err;
    mds_status_t       written;

    pthread_mutex_lock(&agent->status_lock);
    pthread_mutex_lock(&agent->figures_lock);

    if (state != NULL) {
        (void) snprintf(agent->figures.state, sizeof(agent->figures.state),
                        "%s", state);
    }

    copy = agent->figures;
    copy.pid = getpid();
    pthread_mutex_unlock(&agent->figures_lock);

    /* On a full disk the old figures stay, which the log explains. */
    written = mds_agent_status_write(agent->depot, &copy, &err);
    (void) written;
    pthread_mutex_unlock(&agent->status_lock);
}

void
mdsctl_figures_show_share(void *data, const mdsctl_share_figures_t *figures)
{
    mdsctl_agent_t *agent = data;
    int64_t        *values = agent->figures.values;

    pthread_mutex_lock(&agent->figures_lock);
    values[MDS_AGENT_REACHABLE] = figures->reachable ? 1 : 0;
    values[MDS_AGENT_DATABASE_CONTACT] = figures->contact_ms / 1000;
    values[MDS_AGENT_ROUND_TRIP] = figures->round_trip_us;
    values[MDS_AGENT_CLOCK_ERROR] = figures->clock_error_ms / 1000;
    values[MDS_AGENT_ADMITTED] = (int64_t) figures->admitted;
    values[MDS_AGENT_REFUSED] = (int64_t) figures->refused;
    values[MDS_AGENT_UNKNOWN] = (int64_t) figures->unknown;
    values[MDS_AGENT_STORED] = (int64_t) figures->outbox;
    values[MDS_AGENT_REJECTED] = (int64_t) figures->dropped;
    values[MDS_AGENT_DATABASE_FAULTS] = (int64_t) figures->faults;
    (void) snprintf(agent->figures.database, sizeof(agent->figures.database),
                    "%s", figures->error);
    pthread_mutex_unlock(&agent->figures_lock);
    mdsctl_figures_write(agent, NULL);
}

void
mdsctl_agent_log(const char *format, ...)
{
    char    line[1024];
    va_list args;

    va_start(args, format);
    (void) vsnprintf(line, sizeof(line), format, args);
    va_end(args);

    /* One write, so that lines of two threads do not mix. */
    (void) fprintf(stderr, "mdsctl agent: %s\n", line);
}

void
mdsctl_agent_fault(mdsctl_agent_t *agent, mds_agent_figure_t fault,
                   const char *why)
{
    bool is_new = agent->trouble != (int) fault;

    agent->trouble = (int) fault;

    if (!is_new) {
        return;
    }

    mdsctl_figure_add(agent, fault, 1);
    pthread_mutex_lock(&agent->figures_lock);
    (void) snprintf(agent->figures.trouble, sizeof(agent->figures.trouble),
                    "%s", why);
    pthread_mutex_unlock(&agent->figures_lock);
    mdsctl_agent_log("%s; serial %" PRId64 " stays in force", why,
                     mdsctl_figure_get(agent, MDS_AGENT_SERIAL));
    mdsctl_figures_write(agent, "waiting");
}

void
mdsctl_agent_recover(mdsctl_agent_t *agent)
{
    if (agent->trouble < 0) {
        return;
    }

    agent->trouble = -1;
    pthread_mutex_lock(&agent->figures_lock);
    agent->figures.trouble[0] = '\0';
    pthread_mutex_unlock(&agent->figures_lock);
    mdsctl_agent_log("the origin is followed again");
}
