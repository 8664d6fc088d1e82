/*
 * mds_extent: the part of an app that a change may touch.
 *
 * A step costs what it changes: the change loads the resources and lists of its
 * extent alone, as a document that has only these, and checks, compiles and
 * writes that. A resource (kind and name) comes with all of its packages and
 * releases, and with the lists that their audiences name. The resource of the
 * app itself comes with the messages, and all of the configuration is one
 * resource, with the numbers of its settings.
 */

#ifndef MDS_EXTENT_H
#define MDS_EXTENT_H

#include "json/mds_json.h"

typedef struct {
    bool        is_all;    /* all of the app: the other members do not matter */
    mds_json_t *resources; /* [{"kind", "name"}, …]; NULL: none */
    mds_json_t *lists;     /* [name, …]; NULL: none */
} mds_extent_t;            /* all zero: nothing but the head of the state */

/* Add to an extent what it does not have yet. */
mds_status_t
mds_extent_add_resource(mds_extent_t *extent, mds_str_t kind, mds_str_t name,
                        mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_extent_add_list(mds_extent_t *extent, mds_str_t name,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Adds the lists that the audience of a release names. */
mds_status_t
mds_extent_add_audience(mds_extent_t *extent, const mds_json_t *audience,
                        mds_error_t *err) MDS_MUST_CHECK;

/* Makes it the extent of the whole app. */
void mds_extent_widen(mds_extent_t *extent);

/* Return whether the messages, or the configuration, are in the extent. */
bool mds_extent_has_messages(const mds_extent_t *extent);
bool mds_extent_has_config(const mds_extent_t *extent);

void mds_extent_free(mds_extent_t *extent);

#endif
