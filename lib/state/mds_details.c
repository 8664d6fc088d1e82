/*
 * The summary of the most frequent texts.
 */

#include "state/mds_details.h"

#include <stdlib.h>

#include "base/mds_endian.h"

#define MDS_DETAIL_HEAD 18 /* bytes before the text */

bool
mds_details_read(mds_str_t bytes, mds_details_t *details)
{
    const uint8_t *p = (const uint8_t *) bytes.data;
    size_t         left = bytes.len;

    details->count = 0;

    while (left > 0) {
        mds_detail_t *item = &details->items[details->count];
        size_t        len;

        if (left < MDS_DETAIL_HEAD || details->count == MDS_DETAILS_KEPT) {
            return false;
        }

        len = (size_t) p[16] << 8 | p[17];

        if (len > MDS_REPORT_DETAIL_MAX || len > left - MDS_DETAIL_HEAD) {
            return false;
        }

        item->count = mds_load_be64(p);
        item->error = mds_load_be64(p + 8);
        item->text = (mds_str_t){ len, (const char *) p + MDS_DETAIL_HEAD };
        details->count++;
        p += MDS_DETAIL_HEAD + len;
        left -= MDS_DETAIL_HEAD + len;
    }

    return true;
}

void
mds_details_add(mds_details_t *details, mds_str_t text)
{
    mds_detail_t *rarest = details->items;

    text.len
        = text.len < MDS_REPORT_DETAIL_MAX ? text.len : MDS_REPORT_DETAIL_MAX;

    for (size_t i = 0; i < details->count; i++) {
        mds_detail_t *item = &details->items[i];

        if (mds_str_eq(item->text, text)) {
            item->count++;
            return;
        }

        if (item->count < rarest->count) {
            rarest = item;
        }
    }

    if (details->count < MDS_DETAILS_KEPT) {
        details->items[details->count++] = (mds_detail_t){ text, 1, 0 };
    } else {
        *rarest = (mds_detail_t){ text, rarest->count + 1, rarest->count };
    }
}

size_t
mds_details_write(const mds_details_t *details, uint8_t *bytes)
{
    uint8_t *p = bytes;

    for (size_t i = 0; i < details->count; i++) {
        const mds_detail_t *item = &details->items[i];

        mds_store_be64(p, item->count);
        mds_store_be64(p + 8, item->error);
        p[16] = (uint8_t) (item->text.len >> 8);
        p[17] = (uint8_t) item->text.len;
        memcpy(p + MDS_DETAIL_HEAD, item->text.data, item->text.len);
        p += MDS_DETAIL_HEAD + item->text.len;
    }

    return (size_t) (p - bytes);
}

static int
mds_detail_cmp(const void *a, const void *b)
{
    const mds_detail_t *da = a;
    const mds_detail_t *db = b;

    return da->count != db->count ? (da->count < db->count ? 1 : -1)
                                  : mds_str_cmp(da->text, db->text);
}

void
mds_details_rank(mds_details_t *details)
{
    qsort(details->items, details->count, sizeof(*details->items),
          mds_detail_cmp);

    if (details->count > MDS_DETAILS_SHOWN) {
        details->count = MDS_DETAILS_SHOWN;
    }
}
