/* database: the state that edges share, in PostgreSQL. */

#include "database/database.h"

#include <inttypes.h>

#include "command/database_import.h"
#include "command/database_status.h"
#include "database/schema.h"
#include "mdsctl.h"
#include "state/mds_fleet.h"

static int
print_init(const mdsctl_t *ctl, const char *name, int64_t before)
{
    bool        is_ours = before == MDSCTL_SCHEMA_VERSION;
    const char *result = before == 0 ? "created"
                         : is_ours   ? "unchanged"
                                     : "upgraded";

    if (ctl->json) {
        return mdsctl_print(
            mds_json_pack("{s:o, s:o, s:I, s:b}", "database",
                          mds_json_string_new(mds_str_of(name)), "result",
                          mds_json_string_new(mds_str_of(result)), "version",
                          (int64_t) MDSCTL_SCHEMA_VERSION, "dry_run",
                          (int) ctl->dry_run));
    }

    if (is_ours) {
        printf("%s: the tables have version %d already\n", name,
               MDSCTL_SCHEMA_VERSION);
    } else if (before == 0) {
        printf("%s: %s the tables of version %d\n", name,
               ctl->dry_run ? "would make" : "made", MDSCTL_SCHEMA_VERSION);
    } else {
        printf("%s: %s the tables from version %" PRId64 " to %d\n", name,
               ctl->dry_run ? "would upgrade" : "upgraded", before,
               MDSCTL_SCHEMA_VERSION);
    }

    return MDSCTL_DONE;
}

/* Makes or upgrades the tables, unless it is a dry run, and gives the version
 * that they had before. */
static mds_status_t
upgrade(const mdsctl_t *ctl, mdsctl_database_t *db, mds_error_t *err,
        int64_t *before)
{
    mds_status_t status;

    if (!ctl->dry_run) {
        return mdsctl_schema_upgrade(db, err, before);
    }

    status = mdsctl_schema_version(db, err, before);

    return status == MDS_OK && *before > MDSCTL_SCHEMA_VERSION
               ? mdsctl_schema_check_version(*before, err)
               : status;
}

static int
database_init(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_database_t *db = NULL;
    char               name[MDSCTL_DATABASE_NAME_BYTES];
    int64_t            before = 0;
    mds_error_t        err;
    int                code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    code = mdsctl_database_describe(argv[1], &err, name) == MDS_OK
                   && mdsctl_database_open(argv[1], &err, &db) == MDS_OK
                   && upgrade(ctl, db, &err, &before) == MDS_OK
               ? print_init(ctl, name, before)
               : mdsctl_fail(&err);

    mdsctl_database_close(db);
    return code;
}

static int
database_status(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_database_t *db = NULL;
    char               name[MDSCTL_DATABASE_NAME_BYTES];
    mds_json_t        *facts;
    mds_error_t        err;
    int                code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mdsctl_database_describe(argv[1], &err, name) != MDS_OK
        || mdsctl_database_open(argv[1], &err, &db) != MDS_OK
        || mdsctl_schema_check(db, &err) != MDS_OK
        || mdsctl_database_facts(db, name, &err, &facts) != MDS_OK)
    {
        code = mdsctl_fail(&err);

    } else if (ctl->json) {
        code = mdsctl_print(facts);

    } else {
        mdsctl_database_facts_print(facts);
        mds_json_release(facts);
        code = MDSCTL_DONE;
    }

    mdsctl_database_close(db);
    return code;
}

static int
print_import(const mdsctl_t *ctl, const char *name,
             const mdsctl_import_t *import)
{
    if (ctl->json) {
        return mdsctl_print(mds_json_pack(
            "{s:o, s:I, s:I, s:I, s:I, s:b}", "database",
            mds_json_string_new(mds_str_of(name)), "admissions",
            (int64_t) import->admissions, "added", (int64_t) import->added,
            "marks", (int64_t) import->marks, "reports",
            (int64_t) import->reports, "dry_run", (int) ctl->dry_run));
    }

    if (ctl->dry_run) {
        printf("%s: would store %" PRIu64 " admissions, the marks of %" PRIu64
               " users, and the reports of %" PRIu64 " devices\n",
               name, import->admissions, import->marks, import->reports);
        return MDSCTL_DONE;
    }

    printf("%s: %" PRIu64 " admissions, of which %" PRIu64
           " were new, the marks of %" PRIu64
           " users, and the reports of %" PRIu64 " devices\n"
           "the edge shares its windows from now on: run its agent with"
           " --database\n",
           name, import->admissions, import->added, import->marks,
           import->reports);

    return MDSCTL_DONE;
}

static int
database_import(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_database_t *db = NULL;
    mds_state_t       *state = NULL;
    mdsctl_import_t    import;
    char               name[MDSCTL_DATABASE_NAME_BYTES];
    mds_error_t        err;
    int                code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    code = mdsctl_database_describe(argv[1], &err, name) == MDS_OK
                   && mdsctl_database_open(argv[1], &err, &db) == MDS_OK
                   && mdsctl_schema_check(db, &err) == MDS_OK
                   && mds_state_open(ctl->depot, &err, &state) == MDS_OK
                   && mdsctl_database_import(db, state, ctl->dry_run, &err,
                                             &import)
                          == MDS_OK
               ? print_import(ctl, name, &import)
               : mdsctl_fail(&err);

    mds_state_close(state);
    mdsctl_database_close(db);

    return code;
}

typedef struct {
    bool force;
} leave_options_t;

static const mdsctl_option_t leave_options[] = {
    { "force", NULL, "leave even if entries are missing or not yet sent",
      MDSCTL_STORE(leave_options_t, force) },
    { 0 },
};

/* Fails if the edge lacks entries of the fleet, or the fleet those of the edge.
 */
static mds_status_t
check_leave(mds_state_t *state, mds_error_t *err)
{
    mds_fleet_t  fleet = { 0 };
    mds_status_t status = mds_state_begin(state, err);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_state_get_fleet(state, err, &fleet);
    mds_state_end(state);

    if (status != MDS_OK) {
        return status;
    }

    return !mds_fleet_is_shared(&fleet)
                   || (fleet.position >= fleet.last && fleet.outbox_count == 0)
               ? MDS_OK
               : mds_fail(err, MDS_CONFLICT,
                          "the edge lacks %" PRIu64
                          " entries of the feed, and %" PRIu64
                          " of its own are not stored yet: let its agent run,"
                          " or give --force",
                          fleet.last - fleet.position, fleet.outbox_count);
}

static int
database_leave(mdsctl_t *ctl, int argc, char **argv)
{
    leave_options_t o = { 0 };
    mds_state_t    *state = NULL;
    uint64_t        left = 0;
    mds_error_t     err;
    int             code = MDSCTL_DONE;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_state_open(ctl->depot, &err, &state) != MDS_OK
        || (!o.force && check_leave(state, &err) != MDS_OK)
        || (!ctl->dry_run
            && mds_state_leave_fleet(state, &err, &left) != MDS_OK))
    {
        code = mdsctl_fail(&err);

    } else if (ctl->json) {
        code = mdsctl_print(mds_json_pack("{s:I, s:b}", "dropped",
                                          (int64_t) left, "dry_run",
                                          (int) ctl->dry_run));

    } else {
        printf("the edge %s no database any more; it keeps the admissions"
               " and marks that it has\n",
               ctl->dry_run ? "would share" : "shares");
    }

    mds_state_close(state);
    return code;
}

static const mdsctl_command_t command_init = {
    .name = "init",
    .arguments = "URI",
    .summary = "make or upgrade the tables in PostgreSQL",
    .text
    = "Makes the tables and functions of the shared state in the schema "
      "\"mds\" of a database, or upgrades them, in one transaction. Tables "
      "of a newer mdsctl are left alone: that is an error. PostgreSQL 15 "
      "or newer is needed. A password is best kept in ~/.pgpass or in a "
      "service file, which libpq reads.",
    .examples = "mdsctl database init postgresql://mds@db.example.com/mds\n"
                "mdsctl database init "
                "postgresql://mds@db1,db2/mds\n",
    .dry_runs = true,
    .run = database_init,
};

static const mdsctl_command_t command_status = {
    .name = "status",
    .arguments = "URI",
    .summary = "show what edges share, and the edges",
    .text = "Prints the version of the tables, how many admissions, marks, "
            "reports and devices there are, each window and each halted "
            "release, and of each edge its place in the feed and its last "
            "contact.",
    .examples
    = "mdsctl database status postgresql://mds@db.example.com/mds\n"
      "mdsctl --json database status postgresql://mds@db.example.com/mds\n",
    .run = database_status,
};

static const mdsctl_command_t command_import = {
    .name = "import",
    .arguments = "URI",
    .summary = "let this edge share, with its windows",
    .text = "Makes the edge of this depot share the database from now on, and "
            "stores its admissions, read marks, reports and halts there: "
            "whoever is in a window stays in. Until the agent runs with "
            "--database, the edge "
            "admits nobody. May be repeated.",
    .examples
    = "mdsctl database import postgresql://mds@db.example.com/mds\n"
      "mdsctl --json database import postgresql://mds@db.example.com/mds\n",
    .synonyms = "join",
    .dry_runs = true,
    .run = database_import,
};

static const mdsctl_command_t command_leave = {
    .name = "leave",
    .summary = "let this edge count alone again",
    .text = "Makes the edge of this depot share nothing any more: it keeps the "
            "admissions and marks that it has, and counts its windows by "
            "itself. Stop its agent first. An edge that lacks entries of the "
            "others, or whose own are not stored yet, is an error.",
    .options = leave_options,
    .examples = "mdsctl database leave\n"
                "mdsctl --json database leave --force\n",
    .synonyms = "alone unshare",
    .dry_runs = true,
    .run = database_leave,
};

static const mdsctl_command_t *const commands[]
    = { &command_init, &command_status, &command_import, &command_leave, NULL };

const mdsctl_command_t mdsctl_command_database = {
    .name = "database",
    .group = MDSCTL_KEEP,
    .summary = "the state that edges share, in PostgreSQL",
    .text
    = "Edges count windows together, and know of each other's read marks, "
      "devices and reports, by way of a PostgreSQL database that their "
      "agents use (`mdsctl agent --database`). An edge alone needs none.",
    .synonyms = "postgres postgresql sql fleet cluster",
    .commands = commands,
};
