/*
 * status_edge: what an edge's agent and outbox do; a part of status.
 *
 *   "agent"   the agent's last figures, from DEPOT/agent/status
 *   "fleet"   the outbox and the feed, from the state
 */

#include "command/status_edge.h"

#include <inttypes.h>

#include "base/mds_time.h"
#include "escape.h"
#include "fleet/mds_agent_status.h"
#include "state/mds_fleet.h"

static mds_json_t *
agent_facts(const mds_agent_status_t *agent)
{
    mds_json_t *facts
        = mds_json_pack("{s:o, s:o, s:o}", "state",
                        mds_json_string_new(mds_str_of(agent->state)),
                        "trouble",
                        mds_json_string_new(mds_str_of(agent->trouble)),
                        "database_error",
                        mds_json_string_new(mds_str_of(agent->database)));

    for (int i = 0; facts != NULL && i < MDS_AGENT_FIGURE_COUNT; i++) {
        if (mds_json_set_integer(facts, mds_agent_figures[i].member,
                                 agent->values[i])
            != MDS_OK)
        {
            mds_json_release(facts);
            return NULL;
        }
    }

    return facts;
}

static mds_json_t *
fleet_facts(const mds_fleet_t *fleet, int64_t since_ms)
{
    int64_t now_ms = mds_time_now_ms();
    int64_t age_s
        = since_ms > 0 && since_ms < now_ms ? (now_ms - since_ms) / 1000 : 0;
    uint64_t lag
        = fleet->last > fleet->position ? fleet->last - fleet->position : 0;

    return mds_json_pack("{s:I, s:I, s:o}", "position",
                         (int64_t) fleet->position, "lag", (int64_t) lag,
                         "outbox",
                         mds_json_pack("{s:I, s:I, s:I, s:I}", "entries",
                                       (int64_t) fleet->outbox_count, "bytes",
                                       (int64_t) fleet->outbox_bytes,
                                       "oldest_seconds", age_s, "dropped",
                                       (int64_t) fleet->dropped));
}

mds_status_t
mdsctl_status_edge(const char *depot, mds_state_t *state, mds_error_t *err,
                   mds_json_t **edge)
{
    mds_json_t        *facts = mds_json_object_new();
    mds_agent_status_t agent;
    mds_fleet_t        fleet = { 0 };
    int64_t            since_ms = 0;
    mds_status_t       status = mds_state_get_fleet(state, err, &fleet);

    if (status == MDS_OK) {
        status = mds_state_get_outbox_oldest(state, err, &since_ms);
    }

    if (status == MDS_OK && mds_agent_status_read(depot, &agent)) {
        status
            = mds_json_done(mds_json_set(facts, "agent", agent_facts(&agent)),
                            err);
    }

    if (status == MDS_OK && mds_fleet_is_shared(&fleet)) {
        status = mds_json_done(mds_json_set(facts, "fleet",
                                            fleet_facts(&fleet, since_ms)),
                               err);
    }

    if (status != MDS_OK) {
        mds_json_release(facts);
        return status;
    }

    *edge = facts;
    return MDS_OK;
}

/* Prints a text, such as of an error, behind words, if there is one. */
static void
print_text(const char *words, mds_str_t text)
{
    char escaped[MDSCTL_ESCAPED_VALUE_BYTES];

    if (text.len > 0) {
        printf("%s%s", words, mdsctl_escape(text, escaped, sizeof(escaped)));
    }
}

void
mdsctl_status_edge_print(const mds_json_t *edge)
{
    const mds_json_t *agent = mds_json_get(edge, "agent");
    const mds_json_t *fleet = mds_json_get(edge, "fleet");
    const mds_json_t *outbox = mds_json_get(fleet, "outbox");

    if (agent != NULL) {
        print_text("agent: ", mds_json_get_string(agent, "state"));
        printf(", serial %" PRId64 " of %" PRId64,
               mds_json_get_integer(agent, "serial"),
               mds_json_get_integer(agent, "origin_serial"));
        print_text("; ", mds_json_get_string(agent, "trouble"));
        printf("\n");
    }

    if (fleet == NULL) {
        return;
    }

    printf("fleet: %" PRId64 " entries behind; outbox %" PRId64
           " entries, the oldest %" PRId64 " s old, %" PRId64 " dropped\n",
           mds_json_get_integer(fleet, "lag"),
           mds_json_get_integer(outbox, "entries"),
           mds_json_get_integer(outbox, "oldest_seconds"),
           mds_json_get_integer(outbox, "dropped"));

    if (agent != NULL) {
        printf("database: %s, round trip %.1f ms; %" PRId64
               " admitted, %" PRId64 " refused, %" PRId64 " unknown",
               mds_json_get_integer(agent, "database_reachable") == 1
                   ? "reachable"
                   : "not reachable",
               (double) mds_json_get_integer(agent,
                                             "database_round_trip_microseconds")
                   / 1000,
               mds_json_get_integer(agent, "database_admitted"),
               mds_json_get_integer(agent, "database_refused"),
               mds_json_get_integer(agent, "database_unknown"));
        print_text("; last error: ",
                   mds_json_get_string(agent, "database_error"));
        printf("\n");
    }
}
