/*
 * mds_token: what a client holds of an app's configuration, as the "state" of
 * a config answer; the server keeps nothing of it.
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
 * secret, nor signed: the check is there for those that were cut or mixed up
 * on their way, which without it might say something else.
 */

#ifndef MDS_TOKEN_H
#define MDS_TOKEN_H

#include "base/mds_base.h"

/* Bytes of the text for up to count numbers (each below 2^32). */
#define mds_token_bytes(count) (((count) *11 / 2 + 8) * 4 / 3 + 8)

/* Writes the token of ascending numbers, from 1. Returns its length; 0: size is
 * too small. No zero byte ends the text. */
size_t mds_token_write(uint32_t epoch, const uint32_t *numbers, size_t count,
                       char *text, size_t size);

/* Reads at most max numbers. False: it is not such a token, or is of another
 * epoch; *count is not changed then. */
bool mds_token_read(mds_str_t text, uint32_t epoch, uint32_t *numbers,
                    size_t max, size_t *count) MDS_MUST_CHECK;

#endif
