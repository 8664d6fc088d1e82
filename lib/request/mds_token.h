/*
 * mds_token: a string that describes the configuration that a client has of an
 * app, as the "state" of a config answer. The server keeps no copy of it.
 *
 * base64url (RFC 4648, 5., no padding) of
 *
 *   version  1 byte, 01
 *   epoch    4 bytes, big-endian, of the app's settings
 *   gaps     the numbers held, ascending, each as the difference from the one
 *            before (the first from 0), in groups of 4 bits, the lower ones
 *            first: 3 bits of the number, then one that says "more"; zero
 *            bits fill up the last digit
 *   check    the last 4 digits: 24 bits of SipHash-2-4 of the digits before
 *
 * A setting and its value take half a byte to two bytes. Tokens are not
 * secret, nor signed: the check detects those that were cut or mixed up on
 * their way, which could otherwise describe another configuration.
 */

#ifndef MDS_TOKEN_H
#define MDS_TOKEN_H

#include "base/mds_base.h"

/* Computes the bytes of the text for up to count numbers, each below 2^32. */
#define mds_token_bytes(count) (((count) *11 / 2 + 8) * 4 / 3 + 8)

/* Writes the token of the numbers, which ascend from 1. Returns its length, or
 * 0 if size is too small. Adds no zero byte. */
size_t mds_token_write(uint32_t epoch, const uint32_t *numbers, size_t count,
                       char *text, size_t size);

/*
 * Reads at most max numbers. Returns false if the text is not a valid token of
 * that epoch, and then leaves *count alone.
 */
bool mds_token_read(mds_str_t text, uint32_t epoch, uint32_t *numbers,
                    size_t max, size_t *count) MDS_MUST_CHECK;

#endif
