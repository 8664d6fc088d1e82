/* database: the state that edges share, in PostgreSQL. */

#include "database/database.h"

#include <inttypes.h>

#include "command/database_status.h"
#include "database/schema.h"
#include "mdsctl.h"

static int
print_init(const mdsctl_t *ctl, const char *name, int64_t before)
{
    const char *result = before == 0                       ? "created"
                         : before == MDSCTL_SCHEMA_VERSION ? "unchanged"
                                                           : "upgraded";

    if (ctl->json) {
        return mdsctl_print(
            mds_json_pack("{s:o, s:o, s:I}", "database",
                          mds_json_string_new(mds_str_of(name)), "result",
                          mds_json_string_new(mds_str_of(result)), "version",
                          (int64_t) MDSCTL_SCHEMA_VERSION));
    }

    if (before == 0) {
        printf("%s: made the tables of version %d\n", name,
               MDSCTL_SCHEMA_VERSION);
    } else if (before == MDSCTL_SCHEMA_VERSION) {
        printf("%s: the tables have version %d already\n", name,
               MDSCTL_SCHEMA_VERSION);
    } else {
        printf("%s: upgraded the tables from version %" PRId64 " to %d\n", name,
               before, MDSCTL_SCHEMA_VERSION);
    }

    return MDSCTL_DONE;
}

static int
database_init(mdsctl_t *ctl, int argc, char **argv)
{
    mdsctl_database_t *db = NULL;
    char               name[MDSCTL_DATABASE_NAME_BYTES];
    int64_t            before;
    mds_error_t        err;
    int                code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    code = mdsctl_database_describe(argv[1], &err, name) == MDS_OK
                   && mdsctl_database_open(argv[1], &err, &db) == MDS_OK
                   && mdsctl_schema_upgrade(db, &err, &before) == MDS_OK
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

static const mdsctl_command_t *const commands[]
    = { &command_init, &command_status, NULL };

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
