/*
 * mds_device_record: the bytes of a device in logs and runs. Numbers are
 * big-endian.
 *
 *   flags    1 byte: MDS_DEVICE_FORGOTTEN, MDS_DEVICE_HAS_USER
 *   profile  1 to 3 bytes: 0, and texts of app, platform and version follow;
 *            or which of a run's profiles it has, counted from 1
 *   seen     6 bytes: milliseconds since 1970
 *   device   text
 *   user     text, if it has one
 *
 * Ids are hexadecimal as a rule, and take half their length then:
 *
 *   text     3 bits: its packing; 5 bits: how many bytes follow, or 31, and a
 *            byte of how many above 31; the bytes
 */

#ifndef MDS_DEVICE_RECORD_H
#define MDS_DEVICE_RECORD_H

#include "registry/mds_device.h"

/* Five texts with their lengths, and what comes before. */
#define MDS_DEVICE_RECORD_MAX (16 + 5 * (2 + MDS_VALUE_MAX))

/* Profiles in one run, at most; others are written out. */
#define MDS_DEVICE_PROFILES_MAX 65535

/* What many devices have in common. */
typedef struct {
    mds_str_t app;
    mds_str_t platform;
    mds_str_t version;
} mds_device_profile_t;

/* A device that was read. Its views are of text, of the bytes that it was read
 * from, or of a profile. */
typedef struct {
    mds_device_t device;
    char         text[5 * MDS_VALUE_MAX];
} mds_device_copy_t;

/* Writes a valid device to record, of MDS_DEVICE_RECORD_MAX bytes, and returns
 * how many it takes. profile: counted from 1; 0: it is written out. */
size_t mds_device_encode(const mds_device_t *device, uint32_t profile,
                         uint8_t *record);

/* Reads a device from up to len bytes, which may be anything, and returns how
 * many it takes; 0: they are not a device. */
size_t mds_device_decode(const uint8_t *bytes, size_t len,
                         const mds_device_profile_t *profiles, size_t count,
                         mds_device_copy_t *copy) MDS_MUST_CHECK;

#endif
