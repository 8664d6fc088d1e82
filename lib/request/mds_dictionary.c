/*
 * Reads the fields of RFC 9842 in a request.
 */

#include "request/mds_dictionary.h"

/* Drops spaces and tabs at both ends. */
static mds_str_t
mds_dictionary_trim(mds_str_t text)
{
    while (text.len > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.len--;
    }

    while (
        text.len > 0
        && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
    {
        text.len--;
    }

    return text;
}

bool
mds_dictionary_parse(mds_str_t field, mds_sha256_t *sha256)
{
    mds_sha256_t parsed = { .bytes = { 0 } };
    size_t       len = 0;

    field = mds_dictionary_trim(field);

    if (field.len != mds_base64_len(sizeof(parsed.bytes)) + 2
        || field.data[0] != ':' || field.data[field.len - 1] != ':'
        || !mds_base64_parse((mds_str_t){ field.len - 2, field.data + 1 },
                             parsed.bytes, sizeof(parsed.bytes), &len)
        || len != sizeof(parsed.bytes))
    {
        return false;
    }

    *sha256 = parsed;
    return true;
}

/* Returns whether the parameters of a coding have a weight of zero. */
static bool
mds_dictionary_is_refused(mds_str_t parameters)
{
    mds_str_t weight = mds_dictionary_trim(parameters);

    if (weight.len < 3 || (weight.data[0] | 0x20) != 'q'
        || weight.data[1] != '=') {
        return false;
    }

    for (size_t i = 2; i < weight.len; i++) {
        if (weight.data[i] != '0' && weight.data[i] != '.') {
            return false;
        }
    }

    return true;
}

bool
mds_dictionary_is_accepted(mds_str_t accept_encoding)
{
    while (accept_encoding.len > 0) {
        mds_str_t item = mds_str_cut(&accept_encoding, ',');
        mds_str_t coding = mds_dictionary_trim(mds_str_cut(&item, ';'));

        if (coding.len == 3 && (coding.data[0] | 0x20) == 'd'
            && (coding.data[1] | 0x20) == 'c' && (coding.data[2] | 0x20) == 'z')
        {
            return !mds_dictionary_is_refused(item);
        }
    }

    return false;
}
