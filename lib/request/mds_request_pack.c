/*
 * Packs the attributes of a request, and makes the request of them again.
 */

#include "request/mds_request_pack.h"

#define MDS_PACK_HEAD_BYTES 4

size_t
mds_request_pack_bytes(const mds_request_t *request)
{
    size_t bytes = 0;

    for (size_t i = 0; i < request->count; i++) {
        const mds_attribute_t *attribute = &request->attributes[i];

        if (attribute->value.len > 0) {
            bytes += MDS_PACK_HEAD_BYTES + attribute->name.len
                     + attribute->value.len;
        }
    }

    return bytes;
}

/* A name has at most MDS_ATTRIBUTE_NAME_MAX bytes and a value MDS_TOKEN_MAX,
 * since the request was checked. */
static char *
mds_request_pack_one(const mds_attribute_t *attribute, char *p)
{
    uint16_t value_len = (uint16_t) attribute->value.len;

    p[0] = (char) attribute->name.len;
    p[1] = attribute->trusted ? 1 : 0;
    memcpy(p + 2, &value_len, sizeof(value_len));
    p += MDS_PACK_HEAD_BYTES;
    memcpy(p, attribute->name.data, attribute->name.len);
    p += attribute->name.len;
    memcpy(p, attribute->value.data, attribute->value.len);

    return p + attribute->value.len;
}

void
mds_request_pack(const mds_request_t *request, char *buffer)
{
    for (size_t i = 0; i < request->count; i++) {
        if (request->attributes[i].value.len > 0) {
            buffer = mds_request_pack_one(&request->attributes[i], buffer);
        }
    }
}

void
mds_request_unpack(mds_request_t *request, mds_str_t packed)
{
    const char *p = packed.data, *end = packed.data + packed.len;

    mds_request_init(request);

    while (p < end && request->count < MDS_ATTRIBUTES_MAX) {
        mds_attribute_t *attribute = &request->attributes[request->count++];
        mds_attr_id_t    known;
        uint16_t         value_len;

        memcpy(&value_len, p + 2, sizeof(value_len));
        attribute->trusted = p[1] != 0;
        attribute->claimed = !attribute->trusted;
        attribute->name
            = (mds_str_t){ (uint8_t) p[0], p + MDS_PACK_HEAD_BYTES };
        attribute->value = (mds_str_t){ value_len, attribute->name.data
                                                       + attribute->name.len };
        p = attribute->value.data + value_len;

        known = mds_attr_id(attribute->name);
        if (known != MDS_ATTR_OTHER && request->known[known] == 0) {
            request->known[known] = (uint8_t) request->count;
        }
    }
}
