/*
 * mds_app_parts: visits packages and releases of an app one by one, so that a
 * reader of an app with 100,000 of them needs the memory of one.
 *
 *   mds_app_parts_open(&parts, journal, app, err)
 *   mds_app_parts_visit(&parts, MDS_PART_RELEASE, visit, data, err)
 *   mds_app_parts_close(&parts)
 *
 * All within one of the journal's transactions.
 */

#ifndef MDS_APP_PARTS_H
#define MDS_APP_PARTS_H

#include "loader/mds_journal_parts.h"

typedef struct {
    mds_journal_t *journal;
    mds_str_t      app;
    mds_json_t    *head;     /* of the app's state; owned */
    bool           by_parts; /* false: an older program wrote it, whole */
} mds_app_parts_t;

/* Reads the head of an app's state. MDS_NOT_FOUND: there is no such app. */
mds_status_t mds_app_parts_open(mds_app_parts_t *parts, mds_journal_t *journal,
                                mds_str_t app, mds_error_t *err) MDS_MUST_CHECK;

void mds_app_parts_close(mds_app_parts_t *parts);

/* Returns how many there are of "lists", "packages" or "releases". */
uint64_t mds_app_parts_count(const mds_app_parts_t *parts, const char *key);

/* Takes a list ({"name", "list", "external"}), package or release, which it may
 * edit, and the serial of its last change; 0: that is not known. */
typedef mds_status_t (*mds_app_part_visit_t)(void *data, mds_json_t *item,
                                             uint64_t since, mds_error_t *err);

/* Visits the packages, or the releases, in the order of the document; or, of a
 * state by parts, the lists. */
mds_status_t
mds_app_parts_visit(const mds_app_parts_t *parts, mds_part_type_t type,
                    mds_app_part_visit_t visit, void *data,
                    mds_error_t *err) MDS_MUST_CHECK;

#endif
