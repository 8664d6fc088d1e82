/*
 * mds_device_record: the encoding of a device in logs and runs. Numbers are
 * big-endian.
 *
 *   flags    1 byte: MDS_DEVICE_FORGOTTEN, MDS_DEVICE_HAS_USER
 *   profile  1 to 3 bytes: 0, and texts of app, platform and version follow;
 *            or the number of a profile of the run, counted from 1
 *   seen     6 bytes: milliseconds since 1970
 *   device   text
 *   user     text, if it has one
 *
 * Ids are mostly hexadecimal, and then take half their length:
 *
 *   text     3 bits: its packing; 5 bits: how many bytes follow, or 31, and a
 *            byte of how many above 31; the bytes
 */

#ifndef MDS_DEVICE_RECORD_H
#define MDS_DEVICE_RECORD_H

#include "registry/mds_device.h"

/* Limits the bytes of a record: five texts with their lengths, and the head. */
#define MDS_DEVICE_RECORD_MAX (16 + 5 * (2 + MDS_VALUE_MAX))

/* Limits the profiles of one run; further ones are written out. */
#define MDS_DEVICE_PROFILES_MAX 65535

/* Holds the texts that many devices share. */
typedef struct {
    mds_str_t app;
    mds_str_t platform;
    mds_str_t version;
} mds_device_profile_t;

/* Holds a device that was decoded. Its views point into text, the bytes that it
 * was decoded from, or a profile. */
typedef struct {
    mds_device_t device;
    char         text[5 * MDS_VALUE_MAX];
} mds_device_copy_t;

/* Encodes a valid device to record, of MDS_DEVICE_RECORD_MAX bytes, and returns
 * the bytes used. profile is counted from 1; with 0 it is written out. */
size_t mds_device_encode(const mds_device_t *device, uint32_t profile,
                         uint8_t *record);

/* Decodes a device from up to len bytes, which may be anything, and returns the
 * bytes used, or 0 if they are not a device. */
size_t mds_device_decode(const uint8_t *bytes, size_t len,
                         const mds_device_profile_t *profiles, size_t count,
                         mds_device_copy_t *copy) MDS_MUST_CHECK;

#endif
