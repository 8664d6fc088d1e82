/*
 * The functions of libpq that mdsctl calls; the library is loaded with the
 * first call (lazy.h).
 */

#include <libpq-fe.h>

#include "lazy.h"

static mdsctl_lazy_library_t libpq = { "libpq.so.5", "libpq5", NULL };

MDSCTL_LAZY_0(libpq, int, PQlibVersion)
MDSCTL_LAZY_2(libpq, PQconninfoOption *, PQconninfoParse, const char *, char **)
MDSCTL_LAZY_1(libpq, void, PQconninfoFree, PQconninfoOption *)
MDSCTL_LAZY_3(libpq, PGconn *, PQconnectdbParams, const char *const *,
              const char *const *, int)
MDSCTL_LAZY_3(libpq, PGconn *, PQconnectStartParams, const char *const *,
              const char *const *, int)
MDSCTL_LAZY_1(libpq, PostgresPollingStatusType, PQconnectPoll, PGconn *)
MDSCTL_LAZY_1(libpq, ConnStatusType, PQstatus, const PGconn *)
MDSCTL_LAZY_1(libpq, char *, PQerrorMessage, const PGconn *)
MDSCTL_LAZY_1(libpq, int, PQsocket, const PGconn *)
MDSCTL_LAZY_1(libpq, int, PQserverVersion, const PGconn *)
MDSCTL_LAZY_1(libpq, void, PQfinish, PGconn *)
MDSCTL_LAZY_2(libpq, PGresult *, PQexec, PGconn *, const char *)
MDSCTL_LAZY_2(libpq, int, PQsetnonblocking, PGconn *, int)
MDSCTL_LAZY_1(libpq, int, PQflush, PGconn *)
MDSCTL_LAZY_1(libpq, int, PQconsumeInput, PGconn *)
MDSCTL_LAZY_1(libpq, int, PQisBusy, PGconn *)
MDSCTL_LAZY_1(libpq, PGresult *, PQgetResult, PGconn *)
MDSCTL_LAZY_1(libpq, PGnotify *, PQnotifies, PGconn *)
MDSCTL_LAZY_1(libpq, void, PQfreemem, void *)
MDSCTL_LAZY_1(libpq, ExecStatusType, PQresultStatus, const PGresult *)
MDSCTL_LAZY_2(libpq, char *, PQresultErrorField, const PGresult *, int)
MDSCTL_LAZY_1(libpq, int, PQntuples, const PGresult *)
MDSCTL_LAZY_3(libpq, char *, PQgetvalue, const PGresult *, int, int)
MDSCTL_LAZY_3(libpq, int, PQgetlength, const PGresult *, int, int)
MDSCTL_LAZY_3(libpq, int, PQgetisnull, const PGresult *, int, int)
MDSCTL_LAZY_1(libpq, void, PQclear, PGresult *)

/* Both take more arguments than the macros have. */
PGresult *
PQexecParams(PGconn *conn, const char *command, int count, const Oid *types,
             const char *const *values, const int *lengths, const int *formats,
             int result_format)
{
    MDSCTL_LAZY_CALL(libpq, PQexecParams)
    return function(conn, command, count, types, values, lengths, formats,
                    result_format);
}

int
PQsendQueryParams(PGconn *conn, const char *command, int count,
                  const Oid *types, const char *const *values,
                  const int *lengths, const int *formats, int result_format)
{
    MDSCTL_LAZY_CALL(libpq, PQsendQueryParams)
    return function(conn, command, count, types, values, lengths, formats,
                    result_format);
}
