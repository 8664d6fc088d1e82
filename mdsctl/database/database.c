/*
 * Connects, runs statements, and reads rows.
 */

#include "database/database.h"

#include <stdlib.h>

#include "database/database_internal.h"

#define SERVER_VERSION_MIN 150000

/* A session's settings: statements are short, and compiling them pays never. */
#define SETTINGS "-c jit=off -c client_min_messages=warning -c timezone=UTC"

/* Copies the text of libpq as one line; it may end with a newline. */
mds_status_t
mdsctl_database_fail(const char *text, mds_error_t *err)
{
    size_t len = strcspn(text, "\n");

    if (len == 0) {
        return mds_fail(err, MDS_IO, "database: the connection has ended");
    }

    return mds_fail(err, MDS_IO, "database: %.*s", (int) len, text);
}

/* Copies the value of a word of the address. */
static void
copy_word(const PQconninfoOption *options, const char *keyword,
          const char *otherwise, char *to, size_t size)
{
    const char *value = NULL;

    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0) {
            value = options->val;
        }
    }

    (void) snprintf(to, size, "%s",
                    value == NULL || *value == '\0' ? otherwise : value);
}

mds_status_t
mdsctl_database_describe(const char *uri, mds_error_t *err,
                         char name[MDSCTL_DATABASE_NAME_BYTES])
{
    PQconninfoOption *options;
    char             *why = NULL;
    char              host[128], dbname[128];

    (void) PQlibVersion();
    options = PQconninfoParse(uri, &why);
    PQfreemem(why); /* it may quote a password */

    if (options == NULL) {
        return mds_fail(err, MDS_INVALID,
                        "the database's address is not a valid URI:"
                        " postgresql://HOST/NAME");
    }

    copy_word(options, "host", "the local host", host, sizeof(host));
    copy_word(options, "dbname", "", dbname, sizeof(dbname));
    PQconninfoFree(options);

    (void) snprintf(name, MDSCTL_DATABASE_NAME_BYTES, "%s%s%s", dbname,
                    dbname[0] == '\0' ? "" : " on ", host);

    return MDS_OK;
}

/* The words of an attempt: ours, then those of the address, which may differ,
 * then the host that is tried. */
static const char *const keywords[] = { "application_name",
                                        "options",
                                        "connect_timeout",
                                        "keepalives_idle",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "client_encoding",
                                        "host",
                                        "port",
                                        NULL };

#define VALUES(uri, host, port)                                                \
    {                                                                          \
        "mdsctl", SETTINGS, "10", "10", "10000", (uri), "UTF8", (host),        \
            (port), NULL                                                       \
    }

/* Gives a connection that libpq has begun or made. */
static mds_status_t
wrap(PGconn *conn, mds_error_t *err, mdsctl_database_t **db)
{
    mdsctl_database_t *made = conn == NULL ? NULL : calloc(1, sizeof(*made));
    mds_status_t       status = MDS_OK;

    if (made == NULL) {
        status = mds_fail_memory(err);

    } else if (PQstatus(conn) == CONNECTION_BAD) {
        status = mdsctl_database_fail(PQerrorMessage(conn), err);
    }

    if (status != MDS_OK) {
        PQfinish(conn);
        free(made);
        return status;
    }

    made->conn = conn;
    *db = made;

    return MDS_OK;
}

/* Copies a part of a list with commas: the one at the place, round and round.
 */
static void
copy_part(const char *list, unsigned place, char *to, size_t size)
{
    mds_str_t rest = mds_str_of(list), part;
    unsigned  count = 1;

    for (const char *p = list; *p != '\0'; p++) {
        count += *p == ',' ? 1 : 0;
    }

    for (unsigned i = 0; i <= place % count; i++) {
        part = mds_str_cut(&rest, ',');
    }

    (void) snprintf(to, size, "%.*s", MDS_STR(part));
}

/* Gives the host of an attempt, and its port; both are empty if the address has
 * only one. libpq would try all of them in one attempt, but without a bound of
 * time for each where nothing waits. */
static mds_status_t
choose_host(const char *uri, unsigned attempt, mds_error_t *err, char host[256],
            char port[64])
{
    char              hosts[2048], ports[512];
    PQconninfoOption *options = PQconninfoParse(uri, NULL);

    host[0] = port[0] = '\0';

    if (options == NULL) {
        return mds_fail_memory(err);
    }

    copy_word(options, "host", "", hosts, sizeof(hosts));
    copy_word(options, "port", "", ports, sizeof(ports));
    PQconninfoFree(options);

    if (strchr(hosts, ',') != NULL) {
        copy_part(hosts, attempt, host, 256);
        copy_part(ports, attempt, port, 64);
    }

    return MDS_OK;
}

mds_status_t
mdsctl_database_start(const char *uri, unsigned attempt, mds_error_t *err,
                      mdsctl_database_t **db)
{
    char         host[256], port[64];
    const char  *values[] = VALUES(uri, host, port);
    mds_status_t status = choose_host(uri, attempt, err, host, port);

    return status == MDS_OK
               ? wrap(PQconnectStartParams(keywords, values, 1), err, db)
               : status;
}

mds_status_t
mdsctl_database_check_server(const mdsctl_database_t *db, mds_error_t *err)
{
    int version = PQserverVersion(db->conn);

    return version >= SERVER_VERSION_MIN
               ? MDS_OK
               : mds_fail(err, MDS_INCOMPATIBLE,
                          "database: PostgreSQL %d is too old: 15 or newer is"
                          " needed",
                          version / 10000);
}

mds_status_t
mdsctl_database_open(const char *uri, mds_error_t *err, mdsctl_database_t **db)
{
    const char        *values[] = VALUES(uri, NULL, NULL);
    char               name[MDSCTL_DATABASE_NAME_BYTES];
    mdsctl_database_t *opened;
    mds_status_t       status = mdsctl_database_describe(uri, err, name);

    if (status != MDS_OK) {
        return status;
    }

    status = wrap(PQconnectdbParams(keywords, values, 1), err, &opened);

    if (status != MDS_OK) {
        return status;
    }

    status = mdsctl_database_check_server(opened, err);

    if (status != MDS_OK) {
        mdsctl_database_close(opened);
        return status;
    }

    *db = opened;
    return MDS_OK;
}

void
mdsctl_database_close(mdsctl_database_t *db)
{
    if (db != NULL) {
        PQclear(db->answer);
        PQfinish(db->conn);
        free(db);
    }
}

/* Fails with the words of the server, or of the connection if there are none.
 */
mds_status_t
mdsctl_database_fail_rows(const mdsctl_database_t *db,
                          const mdsctl_rows_t *rows, mds_error_t *err)
{
    const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);
    const char *words = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);

    /* There is no such schema, table or function. */
    if (state != NULL
        && (strcmp(state, "3F000") == 0 || strcmp(state, "42P01") == 0
            || strcmp(state, "42883") == 0))
    {
        return mds_fail(err, MDS_NOT_FOUND,
                        "database: its tables do not exist or are of another"
                        " version: run \"mdsctl database init\"");
    }

    return mdsctl_database_fail(words != NULL ? words
                                              : PQerrorMessage(db->conn),
                                err);
}

mds_status_t
mdsctl_database_run(mdsctl_database_t *db, const char *sql, mds_error_t *err)
{
    PGresult      *result = PQexec(db->conn, sql);
    ExecStatusType got = PQresultStatus(result);
    mds_status_t   status = MDS_OK;

    if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK) {
        status = mdsctl_database_fail_rows(db, result, err);
    }

    PQclear(result);
    return status;
}

mds_status_t
mdsctl_database_query(mdsctl_database_t *db, const char *sql,
                      const char *const *values, size_t count, mds_error_t *err,
                      mdsctl_rows_t **rows)
{
    PGresult *result
        = PQexecParams(db->conn, sql, (int) count, NULL, values, NULL, NULL, 0);
    mds_status_t status;

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        *rows = result;
        return MDS_OK;
    }

    status = mdsctl_database_fail_rows(db, result, err);
    PQclear(result);

    return status;
}

size_t
mdsctl_rows_count(const mdsctl_rows_t *rows)
{
    return (size_t) PQntuples(rows);
}

void
mdsctl_rows_free(mdsctl_rows_t *rows)
{
    if (rows != NULL) {
        PQclear(rows);
    }
}

mds_str_t
mdsctl_rows_text(const mdsctl_rows_t *rows, size_t row, int column)
{
    return (mds_str_t){ (size_t) PQgetlength(rows, (int) row, column),
                        PQgetvalue(rows, (int) row, column) };
}

int64_t
mdsctl_rows_integer(const mdsctl_rows_t *rows, size_t row, int column)
{
    return strtoll(PQgetvalue(rows, (int) row, column), NULL, 10);
}
