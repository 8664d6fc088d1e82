/* Connects and asks without waiting, for a loop that polls sockets. */

#include "database/database_internal.h"

mdsctl_database_step_t
mdsctl_database_continue(mdsctl_database_t *db, mds_error_t *err)
{
    switch (PQconnectPoll(db->conn)) {
    case PGRES_POLLING_READING:
        return MDSCTL_DATABASE_READS;
    case PGRES_POLLING_WRITING:
        return MDSCTL_DATABASE_WRITES;
    case PGRES_POLLING_OK:
        if (mdsctl_database_check_server(db, err) != MDS_OK) {
            return MDSCTL_DATABASE_FAILED;
        }

        if (PQsetnonblocking(db->conn, 1) == 0) {
            return MDSCTL_DATABASE_READY;
        }

        break;
    case PGRES_POLLING_FAILED:
    default:
        break;
    }

    (void) mdsctl_database_fail(PQerrorMessage(db->conn), err);
    return MDSCTL_DATABASE_FAILED;
}

int
mdsctl_database_fd(const mdsctl_database_t *db)
{
    return PQsocket(db->conn);
}

mds_status_t
mdsctl_database_send(mdsctl_database_t *db, const char *sql,
                     const char *const *values, size_t count, mds_error_t *err)
{
    return PQsendQueryParams(db->conn, sql, (int) count, NULL, values, NULL,
                             NULL, 0)
                   == 1
               ? MDS_OK
               : mdsctl_database_fail(PQerrorMessage(db->conn), err);
}

mds_status_t
mdsctl_database_flush(mdsctl_database_t *db, mds_error_t *err, bool *more)
{
    int left = PQflush(db->conn);

    if (left < 0) {
        return mdsctl_database_fail(PQerrorMessage(db->conn), err);
    }

    *more = left > 0;
    return MDS_OK;
}

/* Returns whether the values were what the statement failed by: data that is
 * not valid (class 22), or that breaks a constraint (23). */
static bool
is_rejected(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && state[0] == '2'
           && (state[1] == '2' || state[1] == '3');
}

/* Keeps the first result of the statement. Returns whether it has ended. */
static bool
take_results(mdsctl_database_t *db)
{
    PGresult *result;

    while (PQisBusy(db->conn) == 0) {
        result = PQgetResult(db->conn);

        if (result == NULL) {
            return true;
        }

        if (db->answer == NULL) {
            db->answer = result;
        } else {
            PQclear(result);
        }
    }

    return false;
}

mdsctl_answer_t
mdsctl_database_receive(mdsctl_database_t *db, mds_error_t *err,
                        mdsctl_rows_t **rows)
{
    PGresult       *result;
    mdsctl_answer_t answer;

    if (PQconsumeInput(db->conn) == 0) {
        (void) mdsctl_database_fail(PQerrorMessage(db->conn), err);
        return MDSCTL_ANSWER_END;
    }

    if (!take_results(db) || db->answer == NULL) {
        return MDSCTL_ANSWER_NONE;
    }

    result = db->answer;
    db->answer = NULL;

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        *rows = result;
        return MDSCTL_ANSWER_ROWS;
    }

    answer = is_rejected(result)                   ? MDSCTL_ANSWER_REJECTED
             : PQstatus(db->conn) == CONNECTION_OK ? MDSCTL_ANSWER_ERROR
                                                   : MDSCTL_ANSWER_END;
    (void) mdsctl_database_fail_rows(db, result, err);
    PQclear(result);

    return answer;
}

bool
mdsctl_database_take_notices(mdsctl_database_t *db)
{
    PGnotify *notice;
    bool      any = false;

    while ((notice = PQnotifies(db->conn)) != NULL) {
        PQfreemem(notice);
        any = true;
    }

    return any;
}
