/*
 * Parses versions, and writes their keys.
 */

#include "base/mds_version.h"

enum {
    MDS_KEY_END = 0x00,
    MDS_KEY_PRERELEASE = 0x01,
    MDS_KEY_RELEASE = 0x02,
    MDS_KEY_NUMBER = 0x10, /* plus the count of digits: at most 0x90 */
    MDS_KEY_WORD = 0xf0
};

/* Three bytes of a key stand for at least two of the text, whose length is
 * checked, and four for its end. */
_Static_assert(MDS_VERSION_KEY_BYTES
                   >= MDS_VERSION_MAX + MDS_VERSION_MAX / 2 + 4,
               "a key has room for the longest text");

static bool
mds_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
mds_is_identifier(char c)
{
    return mds_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || c == '-';
}

/* Takes the characters of one class from the front of *text. */
static mds_str_t
mds_take(mds_str_t *text, bool (*fits)(char))
{
    mds_str_t taken = { 0, text->data };

    while (taken.len < text->len && fits(text->data[taken.len])) {
        taken.len++;
    }

    text->data += taken.len;
    text->len -= taken.len;

    return taken;
}

static bool
mds_take_char(mds_str_t *text, char c)
{
    if (text->len == 0 || text->data[0] != c) {
        return false;
    }

    text->data++;
    text->len--;

    return true;
}

static void
mds_key_byte(mds_version_t *version, uint8_t byte)
{
    version->key[version->len++] = byte;
}

static void
mds_key_bytes(mds_version_t *version, mds_str_t bytes)
{
    memcpy(version->key + version->len, bytes.data, bytes.len);
    version->len += bytes.len;
}

/* Takes digits off the front of *text, and adds them to the key without leading
 * zeros. Returns whether there was a digit. */
static inline bool
mds_take_number(mds_str_t *text, mds_version_t *version)
{
    const char *first = text->data;
    const char *end = first + text->len;
    const char *p = first;
    uint8_t    *number = version->key + version->len;
    uint8_t    *key = number + 1;

    while (p < end && *p == '0') {
        p++;
    }

    while (p < end && mds_is_digit(*p)) {
        *key++ = (uint8_t) *p++;
    }

    *number = (uint8_t) (MDS_KEY_NUMBER + (key - number - 1));
    version->len = (size_t) (key - version->key);
    *text = (mds_str_t){ (size_t) (end - p), p };

    return p > first;
}

/* Reads 1(.2)*. The key leaves out trailing zero segments. */
static bool
mds_version_segments(mds_str_t *text, mds_version_t *version)
{
    size_t significant = 0;

    do {
        if (!mds_take_number(text, version)) {
            return false;
        }

        if (version->key[version->len - 1] != MDS_KEY_NUMBER) {
            significant = version->len;
        }
    } while (mds_take_char(text, '.'));

    version->len = significant;
    return true;
}

static bool
mds_is_number(mds_str_t identifier)
{
    mds_str_t rest = identifier;

    (void) mds_take(&rest, mds_is_digit);
    return rest.len == 0;
}

/* Reads pre(.1)*. version is NULL for "+build", which has no part in the key.
 */
static bool
mds_version_identifiers(mds_str_t *text, mds_version_t *version)
{
    do {
        mds_str_t identifier = mds_take(text, mds_is_identifier);

        if (identifier.len == 0) {
            return false;
        }

        if (version == NULL) {
            continue;
        }

        if (mds_is_number(identifier)) {
            (void) mds_take_number(&identifier, version);
        } else {
            mds_key_byte(version, MDS_KEY_WORD);
            mds_key_bytes(version, identifier);
            mds_key_byte(version, MDS_KEY_END);
        }
    } while (mds_take_char(text, '.'));

    return true;
}

bool
mds_version_parse(mds_str_t text, mds_version_t *version)
{
    version->len = 0;

    if (text.len == 0 || text.len > MDS_VERSION_MAX) {
        return false;
    }

    (void) mds_take_char(&text, 'v');

    if (!mds_version_segments(&text, version)) {
        return false;
    }

    if (mds_take_char(&text, '-')) {
        mds_key_byte(version, MDS_KEY_PRERELEASE);

        if (!mds_version_identifiers(&text, version)) {
            return false;
        }

        mds_key_byte(version, MDS_KEY_END);
    } else {
        mds_key_byte(version, MDS_KEY_RELEASE);
    }

    if (mds_take_char(&text, '+') && !mds_version_identifiers(&text, NULL)) {
        return false;
    }

    return text.len == 0;
}

int
mds_version_cmp(const mds_version_t *a, const mds_version_t *b)
{
    return mds_str_cmp(mds_version_key(a), mds_version_key(b));
}

mds_str_t
mds_version_build(mds_str_t text)
{
    const char *plus = text.len == 0 ? NULL : memchr(text.data, '+', text.len);

    return plus == NULL
               ? mds_null_str
               : (mds_str_t){ text.len - (size_t) (plus + 1 - text.data),
                              plus + 1 };
}
