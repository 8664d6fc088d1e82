/*
 * mds_journal_parts: keeps the parts of an app's state in the journal, each a
 * record of its own, so that a change reads and writes those that it touches.
 *
 *   parts   app 00 'l' order              a list: {"name", "list", "external"}
 *           app 00 'p' order              a package
 *           app 00 'r' order              a release
 *           app 00 'm' id                 a gray message
 *           app 00 'c' 0                  the numbers of settings
 *   index   app 00 'l' name               order
 *           app 00 'i' id                 order of the release
 *           app 00 'p' resource 00 order  (empty) the packages of a resource
 *           app 00 'r' resource 00 order  (empty) its releases
 *
 * An order is a number of 8 bytes, big-endian: parts are in the order of the
 * document. There is room between two orders, so that a part can be inserted. A
 * resource is kind 00 name; all of an app's configuration is one, without a
 * name. A part's value is the serial of the change that made it, 8 bytes
 * big-endian (0: unknown), and its JSON.
 */

#ifndef MDS_JOURNAL_PARTS_H
#define MDS_JOURNAL_PARTS_H

#include "base/mds_buffer.h"
#include "loader/mds_journal.h"

typedef enum {
    MDS_PART_LIST = 'l',
    MDS_PART_PACKAGE = 'p',
    MDS_PART_RELEASE = 'r',
    MDS_PART_MESSAGE = 'm',
    MDS_PART_CONFIG = 'c'
} mds_part_type_t;

typedef struct {
    mds_part_type_t type;
    uint64_t        order; /* of a message its id; 0 of the only one */
    uint64_t        since; /* the serial of its last change */
    mds_str_t       text;  /* JSON */
} mds_part_t;

/* Looks up a part; its text is a view that the next put may end. False: there
 * is none. */
bool
mds_journal_get_part(mds_journal_t *journal, mds_str_t app,
                     mds_part_type_t type, uint64_t order, mds_part_t *part);

mds_status_t
     mds_journal_put_part(mds_journal_t *journal, mds_str_t app,
                          const mds_part_t *part, mds_error_t *err) MDS_MUST_CHECK;
void mds_journal_delete_part(mds_journal_t *journal, mds_str_t app,
                             mds_part_type_t type, uint64_t order);

typedef mds_status_t (*mds_part_visit_t)(void *data, const mds_part_t *part,
                                         mds_error_t *err);

/* Visits all parts of a type in their order (mds_journal.h: visits). */
mds_status_t
mds_journal_visit_parts(mds_journal_t *journal, mds_str_t app,
                        mds_part_type_t type, mds_part_visit_t visit,
                        void *data, mds_error_t *err) MDS_MUST_CHECK;

/* Look up the order of a list by its name, or of a release by its id. False:
 * there is none. */
bool mds_journal_find_list(mds_journal_t *journal, mds_str_t app,
                           mds_str_t name, uint64_t *order);
bool mds_journal_find_release(mds_journal_t *journal, mds_str_t app,
                              mds_str_t id, uint64_t *order);

/* Appends the orders (uint64_t) of a resource's packages, or releases. */
mds_status_t mds_journal_find_resource(mds_journal_t *journal, mds_str_t app,
                                       mds_part_type_t type, mds_str_t kind,
                                       mds_str_t name, mds_error_t *err,
                                       mds_buffer_t *orders) MDS_MUST_CHECK;

/* Put or delete what the index has of a list, package or release. */
void mds_journal_put_index(mds_journal_t *journal, mds_str_t app,
                           mds_part_type_t type, const mds_json_t *json,
                           uint64_t order);
void mds_journal_delete_index(mds_journal_t *journal, mds_str_t app,
                              mds_part_type_t type, const mds_json_t *json,
                              uint64_t order);

/* Checks that the index of an app names each of its parts, and no others.
 * MDS_DAMAGED: it does not. */
mds_status_t mds_journal_check_index(mds_journal_t *journal, mds_str_t app,
                                     mds_error_t *err) MDS_MUST_CHECK;

#endif
