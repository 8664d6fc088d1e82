/*
 * mds_dictionary: the fields of a request that asks for a difference from a
 * file that the client has (RFC 9842): Available-Dictionary, and "dcz" among
 * the codings of Accept-Encoding.
 */

#ifndef MDS_DICTIONARY_H
#define MDS_DICTIONARY_H

#include "base/mds_digest.h"

/* Reads the digest of the client's file, a byte sequence (RFC 9651, 3.3.5).
 * False: it is something else. */
bool mds_dictionary_parse(mds_str_t field, mds_sha256_t *sha256) MDS_MUST_CHECK;

/* Returns whether the codings include dcz, with a weight above zero. */
bool mds_dictionary_is_accepted(mds_str_t accept_encoding);

#endif
