/*
 * mds_json_pool: the short strings that came last. Keys and many values of a
 * document come again and again: those that are in the pool are shared.
 */

#ifndef MDS_JSON_POOL_H
#define MDS_JSON_POOL_H

#include "json/mds_json_internal.h"

/* Returns a new reference of a string of these bytes, which are valid. NULL: no
 * memory. The pool may be NULL. */
mds_json_text_t *mds_json_pool_text(mds_json_pool_t *pool, mds_str_t bytes);

#endif
