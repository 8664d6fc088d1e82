/* mds_device_record: encodes and decodes devices. */

#include "registry/mds_device_record.h"

#define MDS_DEVICE_FORGOTTEN 1
#define MDS_DEVICE_HAS_USER 2
#define MDS_DEVICE_FLAGS 3

#define MDS_DEVICE_TEXT_SHORT 31 /* bytes; a longer text has a second byte */
#define MDS_DEVICE_UUID_LEN 36
#define MDS_DEVICE_UUID_BYTES 16

typedef enum {
    MDS_PACKING_RAW,
    MDS_PACKING_HEX_LOWER,
    MDS_PACKING_HEX_UPPER,
    MDS_PACKING_UUID_LOWER,
    MDS_PACKING_UUID_UPPER,
    MDS_PACKINGS
} mds_packing_t;

static const char *const mds_packing_digits[MDS_PACKINGS]
    = { NULL, "0123456789abcdef", "0123456789ABCDEF", "0123456789abcdef",
        "0123456789ABCDEF" };

static bool
mds_packing_is_uuid(mds_packing_t packing)
{
    return packing == MDS_PACKING_UUID_LOWER
           || packing == MDS_PACKING_UUID_UPPER;
}

/* Returns whether a UUID has a hyphen at that index of its text. */
static bool
mds_uuid_has_hyphen(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

/* Returns the digit, or -1 if it does not belong to that packing. */
static int
mds_packing_digit(mds_packing_t packing, char c)
{
    int digit = mds_hex_digit(c);

    return digit >= 0 && mds_packing_digits[packing][digit] == c ? digit : -1;
}

/* Packs a text, which has an even number of digits and, in a UUID, its hyphens.
 * Returns the number of bytes, or 0 if the packing does not suit the text. */
static size_t
mds_packing_try(mds_packing_t packing, mds_str_t text, uint8_t *bytes)
{
    size_t digits = 0;
    bool   uuid = mds_packing_is_uuid(packing);

    for (size_t i = 0; i < text.len; i++) {
        int digit;

        if (uuid && mds_uuid_has_hyphen(i)) {
            if (text.data[i] != '-') {
                return 0;
            }
            continue;
        }

        digit = mds_packing_digit(packing, text.data[i]);

        if (digit < 0) {
            return 0;
        }

        if (digits % 2 == 0) {
            bytes[digits / 2] = (uint8_t) (digit << 4);
        } else {
            bytes[digits / 2] |= (uint8_t) digit;
        }

        digits++;
    }

    return digits / 2;
}

static uint8_t *
mds_text_encode(mds_str_t text, uint8_t *p)
{
    uint8_t       bytes[MDS_VALUE_MAX];
    size_t        len = 0;
    mds_packing_t packing = MDS_PACKING_RAW;

    if (text.len == MDS_DEVICE_UUID_LEN || (text.len > 0 && text.len % 2 == 0))
    {
        packing = text.len == MDS_DEVICE_UUID_LEN && text.data[8] == '-'
                      ? MDS_PACKING_UUID_LOWER
                      : MDS_PACKING_HEX_LOWER;
        len = mds_packing_try(packing, text, bytes);

        if (len == 0) {
            packing++;
            len = mds_packing_try(packing, text, bytes);
        }
    }

    if (len == 0) {
        packing = MDS_PACKING_RAW;
        len = text.len;

        if (len > 0) {
            memcpy(bytes, text.data, len);
        }
    }

    *p++ = (uint8_t) (packing << 5
                      | (len < MDS_DEVICE_TEXT_SHORT ? len
                                                     : MDS_DEVICE_TEXT_SHORT));

    if (len >= MDS_DEVICE_TEXT_SHORT) {
        *p++ = (uint8_t) (len - MDS_DEVICE_TEXT_SHORT);
    }

    memcpy(p, bytes, len);
    return p + len;
}

size_t
mds_device_encode(const mds_device_t *device, uint32_t profile, uint8_t *record)
{
    uint8_t *p = record;
    uint64_t seen = (uint64_t) device->seen_ms;

    *p++ = (uint8_t) ((device->forgotten ? MDS_DEVICE_FORGOTTEN : 0)
                      | (device->user.len > 0 ? MDS_DEVICE_HAS_USER : 0));

    for (; profile >= 0x80; profile >>= 7) {
        *p++ = (uint8_t) (profile | 0x80);
    }

    *p++ = (uint8_t) profile;

    for (int shift = 40; shift >= 0; shift -= 8) {
        *p++ = (uint8_t) (seen >> shift);
    }

    if (record[1] == 0) {
        p = mds_text_encode(device->app, p);
        p = mds_text_encode(device->platform, p);
        p = mds_text_encode(device->version, p);
    }

    p = mds_text_encode(device->device, p);

    if (device->user.len > 0) {
        p = mds_text_encode(device->user, p);
    }

    return (size_t) (p - record);
}

/* Holds the bytes that are left, and the room for texts. */
typedef struct {
    const uint8_t *next;
    const uint8_t *end;
    char          *text;
    bool           failed;
} mds_decoder_t;

static uint8_t
mds_decode_byte(mds_decoder_t *decoder)
{
    if (decoder->next == decoder->end) {
        decoder->failed = true;
        return 0;
    }

    return *decoder->next++;
}

/* Decodes a profile's number, of at most three bytes. */
static uint32_t
mds_decode_profile(mds_decoder_t *decoder)
{
    uint32_t profile = 0;
    uint8_t  byte = 0x80;

    for (int shift = 0; shift < 21 && byte >= 0x80; shift += 7) {
        byte = mds_decode_byte(decoder);
        profile |= (uint32_t) (byte & 0x7f) << shift;
    }

    decoder->failed = decoder->failed || byte >= 0x80;
    return profile;
}

/* Unpacks len bytes, which take at most twice as much and a UUID's hyphens. */
static mds_str_t
mds_text_unpack(mds_decoder_t *decoder, mds_packing_t packing, size_t len)
{
    const char *digits = mds_packing_digits[packing];
    char       *text = decoder->text, *p = text;

    for (size_t i = 0; i < len; i++) {
        if (mds_packing_is_uuid(packing)
            && mds_uuid_has_hyphen((size_t) (p - text))) {
            *p++ = '-';
        }

        *p++ = digits[decoder->next[i] >> 4];
        *p++ = digits[decoder->next[i] & 15];
    }

    decoder->text = p;
    return (mds_str_t){ (size_t) (p - text), text };
}

/* Decodes a text of at most max bytes. */
static mds_str_t
mds_decode_text(mds_decoder_t *decoder, size_t max)
{
    uint8_t       head = mds_decode_byte(decoder);
    mds_packing_t packing = (mds_packing_t) (head >> 5);
    size_t        len = head & 31;
    mds_str_t     text;

    if (len == MDS_DEVICE_TEXT_SHORT) {
        len += mds_decode_byte(decoder);
    }

    if (decoder->failed || packing >= MDS_PACKINGS
        || len > (size_t) (decoder->end - decoder->next)
        || (mds_packing_is_uuid(packing) && len != MDS_DEVICE_UUID_BYTES)
        || (packing == MDS_PACKING_RAW ? len : 2 * len) > max)
    {
        decoder->failed = true;
        return mds_null_str;
    }

    text = packing == MDS_PACKING_RAW
               ? (mds_str_t){ len, (const char *) decoder->next }
               : mds_text_unpack(decoder, packing, len);
    decoder->next += len;

    return text;
}

size_t
mds_device_decode(const uint8_t *bytes, size_t len,
                  const mds_device_profile_t *profiles, size_t count,
                  mds_device_copy_t *copy)
{
    mds_decoder_t decoder = { bytes, bytes + len, copy->text, false };
    mds_device_t *device = &copy->device;
    uint8_t       flags = mds_decode_byte(&decoder);
    uint32_t      profile = mds_decode_profile(&decoder);
    uint64_t      seen = 0;

    for (int i = 0; i < 6; i++) {
        seen = seen << 8 | mds_decode_byte(&decoder);
    }

    if (decoder.failed || flags > MDS_DEVICE_FLAGS || profile > count) {
        return 0;
    }

    if (profile > 0) {
        device->app = profiles[profile - 1].app;
        device->platform = profiles[profile - 1].platform;
        device->version = profiles[profile - 1].version;
    } else {
        device->app = mds_decode_text(&decoder, MDS_APP_MAX);
        device->platform = mds_decode_text(&decoder, MDS_VALUE_MAX);
        device->version = mds_decode_text(&decoder, MDS_VALUE_MAX);
    }

    device->device = mds_decode_text(&decoder, MDS_VALUE_MAX);
    device->user = (flags & MDS_DEVICE_HAS_USER) != 0
                       ? mds_decode_text(&decoder, MDS_VALUE_MAX)
                       : mds_null_str;
    device->seen_ms = (int64_t) seen;
    device->forgotten = (flags & MDS_DEVICE_FORGOTTEN) != 0;

    return decoder.failed || !mds_device_is_valid(device)
               ? 0
               : (size_t) (decoder.next - bytes);
}
