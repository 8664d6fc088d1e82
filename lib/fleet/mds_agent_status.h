/*
 * mds_agent_status: the figures of `mdsctl agent`, in DEPOT/agent/status, which
 * mds_status shows.
 *
 *   { "version": 1, "pid": 4711, "state": "in step", "trouble": "",
 *     "serial": 812, … }
 *
 * The agent replaces the file by a rename when a figure has changed, those of
 * the database at most once a second. A reader allocates nothing. A new figure
 * is a row here; all that shows figures follows the table.
 */

#ifndef MDS_AGENT_STATUS_H
#define MDS_AGENT_STATUS_H

#include "base/mds_file.h"

/* Enumerator, member of the file, type of the metric (its name is
 * mds_agent_MEMBER), and its help. */
#define MDS_AGENT_FIGURES(ROW)                                                 \
    ROW(SERIAL, "serial", "gauge", "Serial that the agent has put in force.")  \
    ROW(ORIGIN_SERIAL, "origin_serial", "gauge",                               \
        "Serial of the newest head of the origin.")                            \
    ROW(CONTACT, "last_contact_seconds", "gauge",                              \
        "Time of the last answer of the origin, in seconds since 1970.")       \
    ROW(CHANGED, "last_change_seconds", "gauge",                               \
        "Time when the serial was put in force, in seconds since 1970.")       \
    ROW(EXPIRES, "head_expires_seconds", "gauge",                              \
        "Time when the head of the origin expires, in seconds since 1970.")    \
    ROW(DISK, "files_bytes", "gauge", "Bytes of packages and deltas.")         \
    ROW(CHANGES, "changes", "counter", "Changes put in force.")                \
    ROW(GAPS, "gaps", "counter", "Serials that were passed over.")             \
    ROW(FETCHES, "fetches", "counter", "Files fetched from the origin.")       \
    ROW(BYTES, "fetched_bytes", "counter", "Bytes fetched from the origin.")   \
    ROW(DEMANDS, "demands", "counter",                                         \
        "Files fetched because a device has asked for them.")                  \
    ROW(COLLECTED, "collected_files", "counter", "Files removed.")             \
    ROW(AWAY, "faults_away", "counter", "Times the origin went away.")         \
    ROW(SIGNATURE, "faults_signature", "counter",                              \
        "Heads with a wrong signature.")                                       \
    ROW(OLDER, "faults_older", "counter", "Heads with a lower serial.")        \
    ROW(REPLAY, "faults_replay", "counter",                                    \
        "Heads of this serial that were issued earlier.")                      \
    ROW(EXPIRED, "faults_expired", "counter", "Heads that had expired.")       \
    ROW(FORK, "faults_fork", "counter",                                        \
        "Heads that contradict what is in force.")                             \
    ROW(PROTOCOL, "faults_protocol", "counter", "Heads of a later version.")   \
    ROW(SPACE, "faults_space", "counter", "Times the disk was full.")          \
    ROW(DAMAGED, "faults_damaged", "counter",                                  \
        "Times the origin gave what its head does not name.")                  \
    ROW(REACHABLE, "database_reachable", "gauge",                              \
        "Whether the agent can ask the database: 1 or 0.")                     \
    ROW(DATABASE_CONTACT, "database_contact_seconds", "gauge",                 \
        "Time of the last answer of the database, in seconds since 1970.")     \
    ROW(ROUND_TRIP, "database_round_trip_microseconds", "gauge",               \
        "Time of a small statement and its commit.")                           \
    ROW(CLOCK_ERROR, "database_clock_error_seconds", "gauge",                  \
        "What the clock here differs from that of the database; 0: less than"  \
        " 5 seconds.")                                                         \
    ROW(ADMITTED, "database_admitted", "counter",                              \
        "Admissions that the database has granted.")                           \
    ROW(REFUSED, "database_refused", "counter",                                \
        "Admissions that the database has refused.")                           \
    ROW(UNKNOWN, "database_unknown", "counter",                                \
        "Admissions that the database has not answered in time.")              \
    ROW(STORED, "database_stored", "counter",                                  \
        "Entries of outboxes that were stored.")                               \
    ROW(REJECTED, "database_rejected", "counter",                              \
        "Entries of outboxes that the database has rejected.")                 \
    ROW(DATABASE_FAULTS, "faults_database", "counter",                         \
        "Connections that failed, to the database and of workers.")

#define MDS_AGENT_FIGURE_ID(id, member, type, help) MDS_AGENT_##id,

typedef enum {
    MDS_AGENT_FIGURES(MDS_AGENT_FIGURE_ID) MDS_AGENT_FIGURE_COUNT
} mds_agent_figure_t;

typedef struct {
    const char *member;
    const char *type;
    const char *help;
} mds_agent_figure_row_t;

extern const mds_agent_figure_row_t mds_agent_figures[MDS_AGENT_FIGURE_COUNT];

#define MDS_AGENT_STATUS_BYTES 4096
#define MDS_AGENT_STATE_BYTES 16
#define MDS_AGENT_TROUBLE_BYTES 512

typedef struct {
    int64_t pid;
    char    state[MDS_AGENT_STATE_BYTES]; /* "in step", "fetching", "waiting",
                                           * "ended" */
    char    trouble[MDS_AGENT_TROUBLE_BYTES];  /* empty: none */
    char    database[MDS_AGENT_TROUBLE_BYTES]; /* the last error; empty: none */
    int64_t values[MDS_AGENT_FIGURE_COUNT];
} mds_agent_status_t;

/* Writes DEPOT/agent/status, by a rename and without a sync. */
mds_status_t
mds_agent_status_write(const char *depot, const mds_agent_status_t *status,
                       mds_error_t *err) MDS_MUST_CHECK;

/* Reads it. False: there is none, or it is not one. */
bool mds_agent_status_read(const char *depot, mds_agent_status_t *status);

#endif
