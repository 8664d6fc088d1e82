/* mds_simulation_internal: the counts of a simulation. */

#ifndef MDS_SIMULATION_INTERNAL_H
#define MDS_SIMULATION_INTERNAL_H

#include "base/mds_arena.h"
#include "base/mds_intern.h"
#include "simulate/mds_decision_change.h"
#include "simulate/mds_distinct.h"
#include "simulate/mds_simulation.h"

/* The groups of mds_distinct.h; those of rows and windows follow. */
enum { MDS_GROUP_ALL, MDS_GROUP_CHANGED, MDS_GROUP_FIRST };

#define MDS_ROWS_MAX 4000
#define MDS_WINDOWS_MAX                                                        \
    (MDS_DISTINCT_GROUPS_MAX - MDS_GROUP_FIRST - MDS_ROWS_MAX)

/* One kind of change: from what to what, and why. The first row has what is
 * beyond MDS_ROWS_MAX, and no more than its counts. */
typedef struct {
    mds_str_t    kind; /* these two are copies; the others are views of the */
    mds_str_t    name; /* generations */
    mds_action_t from_action;
    mds_str_t    from_version;
    mds_action_t to_action;
    mds_str_t    to_version;
    mds_reason_t reason; /* of the decision after */
    mds_cause_t  cause;
    uint64_t     requests;
    size_t       example_count;
    mds_json_t  *examples[MDS_SIMULATION_EXAMPLES];
} mds_row_t;

/* A window that would take devices in, if it has room. */
typedef struct {
    mds_str_t release;
    uint64_t  requests;
    uint64_t  places; /* that it has left */
} mds_window_row_t;

/* The first line of a kind that cannot be used, and their number. */
typedef struct {
    uint64_t count;
    uint64_t line;
    char     text[MDS_ERROR_BYTES];
} mds_bad_lines_t;

struct mds_simulation_s {
    mds_simulation_options_t options;

    uint64_t        lines;
    mds_bad_lines_t wrong;    /* lines that do not fit the format */
    mds_bad_lines_t refused;  /* checks that an edge answers with 400 */
    uint64_t        others;   /* requests other than checks */
    uint64_t        foreign;  /* checks of other apps */
    uint64_t        bodiless; /* batches whose body is not in the log */
    uint64_t        requests; /* checks of the app */
    uint64_t        changed;
    uint64_t        nameless; /* checks without device and user */

    bool                  failed; /* memory ran out */
    mds_arena_t          *arena;
    mds_distinct_t       *devices;
    mds_manifest_diffs_t *diffs;
    mds_intern_t         *row_keys;
    size_t                row_count;
    mds_row_t            *rows;
    size_t                window_count;
    mds_window_row_t      windows[MDS_WINDOWS_MAX];

    /* For a line: what is unescaped, decoded, and parsed of it. */
    char *unescaped;
    char *decoded;
    void *batch;
};

/* Decides a check by both generations, and counts it. */
mds_status_t
mds_simulation_check(mds_simulation_t *simulation, mds_request_t *request,
                     mds_error_t *err) MDS_MUST_CHECK;

#endif
