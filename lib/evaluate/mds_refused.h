/*
 * mds_refused: the versions that a device refuses, by the request's refuse:
 * "1.0,1.2". Each of an app's releases is compared with them, so they are
 * parsed once.
 */

#ifndef MDS_REFUSED_H
#define MDS_REFUSED_H

#include "base/mds_terms.h"
#include "base/mds_version.h"

/* A version of one digit and its comma take four bytes here, and others take
 * less for each of their bytes. */
#define MDS_REFUSED_BYTES (2 * MDS_VALUE_MAX + 2)

typedef struct {
    mds_str_t text;
    mds_str_t rest;  /* of the text: is not parsed yet, or had no room */
    size_t    bytes; /* of keys */
    uint8_t   keys[MDS_REFUSED_BYTES]; /* of each, a length and the key */
} mds_refused_t;

static inline void
mds_refused_init(mds_refused_t *refused, mds_str_t text)
{
    refused->text = text;
    refused->rest = text;
    refused->bytes = 0;
}

/* Returns whether the key (mds_version.h) is that of one of the versions. The
 * first call parses them. */
bool mds_refused_has(mds_refused_t *refused, mds_str_t key);

#endif
