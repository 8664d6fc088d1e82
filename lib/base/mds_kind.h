/*
 * mds_kind: the built-in kinds of resources, in one table of flags. An app may
 * use any other kind: one that is not in the table has no flags.
 */

#ifndef MDS_KIND_H
#define MDS_KIND_H

#include "base/mds_base.h"

typedef enum {
    MDS_KIND_NAMELESS = 1,    /* its resources have no name */
    MDS_KIND_NAMED = 2,       /* its resources must have a name */
    MDS_KIND_IS_APP = 4,      /* its versions are the app's: gray messages name
                               * them, and a rollback of one is refused */
    MDS_KIND_IS_CONFIG = 8,   /* releases have a value, and no packages */
    MDS_KIND_IS_HOTFIX = 16,  /* an installed one counts only for the version of
                               * the app that it was made for */
    MDS_KIND_DELTA_ONLY = 32, /* unless a release says otherwise, a device gets
                               * nothing if there is no delta for it */
} mds_kind_flag_t;

/* Kinds that the code looks up by name. */
#define MDS_KIND_APP mds_str("upgrade")
#define MDS_KIND_CONFIG mds_str("config")

typedef struct {
    mds_str_t name;
    unsigned  flags;
} mds_kind_t;

/* An empty name ends the table. */
extern const mds_kind_t mds_kinds[];

/* Lists the names for a message: "upgrade, hotfix, …". */
extern const char mds_kind_names[];

/* Returns whether the kind is built-in and has the flag. */
bool mds_kind_has(mds_str_t kind, mds_kind_flag_t flag);

#endif
