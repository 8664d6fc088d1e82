/*
 * database: a connection to PostgreSQL, and the rows that it answers; wraps
 * libpq, which libpq.c loads. Commands wait for an answer (mdsctl_database_
 * query()); the agent never does (mdsctl_database_send()).
 *
 * Texts that are printed have no password: of an address, only the name of the
 * database and its host are shown.
 */

#ifndef MDSCTL_DATABASE_H
#define MDSCTL_DATABASE_H

#include "base/mds_buffer.h"

typedef struct mdsctl_database_s mdsctl_database_t;

/* It is libpq's own type, which no other file need know. */
typedef struct pg_result mdsctl_rows_t;

#define MDSCTL_DATABASE_NAME_BYTES 320

/* Loads libpq and checks the address: a URI, or words such as "host=…
 * dbname=…". Gives what may be shown of it. */
mds_status_t
mdsctl_database_describe(const char *uri, mds_error_t *err,
                         char name[MDSCTL_DATABASE_NAME_BYTES]) MDS_MUST_CHECK;

/* Connects, within ten seconds for each host. A server older than 15 is an
 * error. */
mds_status_t mdsctl_database_open(const char *uri, mds_error_t *err,
                                  mdsctl_database_t **db) MDS_MUST_CHECK;

void mdsctl_database_close(mdsctl_database_t *db);

/* Runs statements without parameters, in one transaction unless they say
 * otherwise. */
mds_status_t mdsctl_database_run(mdsctl_database_t *db, const char *sql,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Runs a statement with parameters $1, …, as texts, and gives its rows. */
mds_status_t
mdsctl_database_query(mdsctl_database_t *db, const char *sql,
                      const char *const *values, size_t count, mds_error_t *err,
                      mdsctl_rows_t **rows) MDS_MUST_CHECK;

/* --- rows */

size_t mdsctl_rows_count(const mdsctl_rows_t *rows);
void   mdsctl_rows_free(mdsctl_rows_t *rows);

/* Returns a value: a view until the rows are freed, which a zero byte ends. One
 * that is null is empty. */
mds_str_t mdsctl_rows_text(const mdsctl_rows_t *rows, size_t row, int column);

/* Returns a number; 0 if it is null. */
int64_t mdsctl_rows_integer(const mdsctl_rows_t *rows, size_t row, int column);

/* --- arrays as parameters */

/* Adds a member to an array, which begins as an empty buffer. */
void mdsctl_array_add_text(mds_buffer_t *array, mds_str_t text);
void mdsctl_array_add_integer(mds_buffer_t *array, int64_t value);
void mdsctl_array_add_bool(mds_buffer_t *array, bool value);

/* Adds a multirange of runs, as the state has them: first (8 bytes), last (8).
 */
void mdsctl_array_add_runs(mds_buffer_t *array, mds_str_t runs);

/* Ends the array. Returns its text, which lives as long as the buffer; NULL if
 * memory was short. */
const char *mdsctl_array_end(mds_buffer_t *array);

/* --- without waiting */

typedef enum {
    MDSCTL_DATABASE_READS,  /* wait until it can be read, */
    MDSCTL_DATABASE_WRITES, /* or written */
    MDSCTL_DATABASE_READY,
    MDSCTL_DATABASE_FAILED
} mdsctl_database_step_t;

/* Begins to connect: of several hosts, each attempt tries the next one. Its
 * name is looked up at once. */
mds_status_t
mdsctl_database_start(const char *uri, unsigned attempt, mds_error_t *err,
                      mdsctl_database_t **db) MDS_MUST_CHECK;

/* Goes on to connect. */
mdsctl_database_step_t
mdsctl_database_continue(mdsctl_database_t *db, mds_error_t *err);

int mdsctl_database_fd(const mdsctl_database_t *db);

/* Sends a statement. There is one at a time. */
mds_status_t mdsctl_database_send(mdsctl_database_t *db, const char *sql,
                                  const char *const *values, size_t count,
                                  mds_error_t *err) MDS_MUST_CHECK;

/* Sends what is left of it. *more: the socket has no room now. */
mds_status_t mdsctl_database_flush(mdsctl_database_t *db, mds_error_t *err,
                                   bool *more) MDS_MUST_CHECK;

typedef enum {
    MDSCTL_ANSWER_NONE,     /* not yet, or there is no statement */
    MDSCTL_ANSWER_ROWS,     /* the statement is done, with *rows */
    MDSCTL_ANSWER_ERROR,    /* it has failed; the connection is good */
    MDSCTL_ANSWER_REJECTED, /* the same, because of the values */
    MDSCTL_ANSWER_END       /* the connection has failed */
} mdsctl_answer_t;

/* Reads what has come, and gives the answer to the statement. */
mdsctl_answer_t mdsctl_database_receive(mdsctl_database_t *db, mds_error_t *err,
                                        mdsctl_rows_t **rows);

/* Takes the notifications that have come. Returns whether there was one. */
bool mdsctl_database_take_notices(mdsctl_database_t *db);

#endif
