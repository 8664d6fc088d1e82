/*
 * mds_request_pack: a request as bytes, for a device that stays connected: its
 * attributes take a tenth of the memory of a mds_request_t.
 *
 * An attribute is stored as: the length of its name, a byte that is 1 if the
 * operator has set it, the length of its value (2 bytes, the machine's order),
 * the name, the value. Absent ones are left out.
 */

#ifndef MDS_REQUEST_PACK_H
#define MDS_REQUEST_PACK_H

#include "request/mds_request.h"

/* Returns the bytes that mds_request_pack() writes. */
size_t mds_request_pack_bytes(const mds_request_t *request);

/* Writes the attributes that are not empty to a buffer of that many bytes. */
void mds_request_pack(const mds_request_t *request, char *buffer);

/* Makes the request again; its attributes are views of the bytes. */
void mds_request_unpack(mds_request_t *request, mds_str_t packed);

#endif
