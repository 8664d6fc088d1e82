/*
 * Makes and upgrades the schema. The SQL files are embedded by the assembler,
 * so that they can be read, and run by psql, as they are.
 */

#include "database/schema.h"

#include <inttypes.h>

#define EMBED(name, file)                                                      \
    __asm__(".section .rodata\n"                                               \
            ".global " #name "\n" #name ":\n"                                  \
            ".incbin \"" file "\"\n"                                           \
            ".byte 0\n"                                                        \
            ".previous\n");                                                    \
    extern const char name[];

EMBED(mdsctl_schema_1, "mdsctl/database/schema_1.sql")
EMBED(mdsctl_schema_2, "mdsctl/database/schema_2.sql")

static const char *const steps[] = { mdsctl_schema_1, mdsctl_schema_2 };

_Static_assert(mds_nelems(steps) == MDSCTL_SCHEMA_VERSION,
               "each version has a step");

/* Any number that no other program's lock is likely to have. */
#define LOCK "select pg_advisory_xact_lock(7236834)"

mds_status_t
mdsctl_schema_version(mdsctl_database_t *db, mds_error_t *err, int64_t *version)
{
    mdsctl_rows_t *rows;
    mds_status_t   status;

    status
        = mdsctl_database_query(db,
                                "select to_regclass('mds.about') is not null",
                                NULL, 0, err, &rows);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_str_eq(mdsctl_rows_text(rows, 0, 0), mds_str("t"))) {
        mdsctl_rows_free(rows);
        *version = 0;
        return MDS_OK;
    }

    mdsctl_rows_free(rows);
    status = mdsctl_database_query(db, "select version from mds.about", NULL, 0,
                                   err, &rows);

    if (status == MDS_OK) {
        *version = mdsctl_rows_count(rows) == 0
                       ? 0
                       : mdsctl_rows_integer(rows, 0, 0);
        mdsctl_rows_free(rows);
    }

    return status;
}

mds_status_t
mdsctl_schema_check_version(int64_t version, mds_error_t *err)
{
    if (version == MDSCTL_SCHEMA_VERSION) {
        return MDS_OK;
    }

    if (version == 0) {
        return mds_fail(err, MDS_NOT_FOUND,
                        "database: its tables do not exist: run \"mdsctl"
                        " database init\"");
    }

    return version > MDSCTL_SCHEMA_VERSION
               ? mds_fail(err, MDS_INCOMPATIBLE,
                          "database: its tables have version %" PRId64
                          ", newer than %d, which this mdsctl knows: upgrade"
                          " mdsctl",
                          version, MDSCTL_SCHEMA_VERSION)
               : mds_fail(err, MDS_INCOMPATIBLE,
                          "database: its tables have version %" PRId64
                          ", and %d is needed: run \"mdsctl database init\"",
                          version, MDSCTL_SCHEMA_VERSION);
}

mds_status_t
mdsctl_schema_check(mdsctl_database_t *db, mds_error_t *err)
{
    int64_t      version = 0;
    mds_status_t status = mdsctl_schema_version(db, err, &version);

    return status == MDS_OK ? mdsctl_schema_check_version(version, err)
                            : status;
}

static mds_status_t
run_steps(mdsctl_database_t *db, int64_t version, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (; status == MDS_OK && version < MDSCTL_SCHEMA_VERSION; version++) {
        status = mdsctl_database_run(db, steps[version], err);
    }

    return status;
}

/* Upgrades within a transaction, which other loaders wait for. */
static mds_status_t
upgrade(mdsctl_database_t *db, mds_error_t *err, int64_t *before)
{
    int64_t      version = 0;
    mds_status_t status = mdsctl_database_run(db, LOCK, err);

    if (status == MDS_OK) {
        status = mdsctl_schema_version(db, err, &version);
    }

    if (status == MDS_OK) {
        status = version > MDSCTL_SCHEMA_VERSION
                     ? mdsctl_schema_check_version(version, err)
                     : run_steps(db, version, err);
    }

    if (status == MDS_OK) {
        *before = version;
    }

    return status;
}

mds_status_t
mdsctl_schema_upgrade(mdsctl_database_t *db, mds_error_t *err, int64_t *before)
{
    int64_t      version;
    mds_status_t status = mdsctl_database_run(db, "begin", err);

    if (status != MDS_OK) {
        return status;
    }

    status = upgrade(db, err, &version);

    if (status != MDS_OK) {
        return status; /* the end of the connection rolls back */
    }

    status = mdsctl_database_run(db, "commit", err);

    if (status == MDS_OK) {
        *before = version;
    }

    return status;
}
