/*
 * The validated lists of a layer: a sorted array, searched by digest.
 */

#include "catalog/mds_validated.h"

#include <stdlib.h>
#include <string.h>

static int
mds_validated_cmp(const void *a, const void *b)
{
    const mds_validated_list_t *x = a, *y = b;

    return memcmp(x->sha256.bytes, y->sha256.bytes, sizeof(x->sha256.bytes));
}

const mds_file_id_t *
mds_validated_find_list(const mds_validated_t *validated,
                        const mds_sha256_t    *sha256)
{
    mds_validated_list_t  key = { .sha256 = *sha256 };
    mds_validated_list_t *list
        = validated == NULL ? NULL
                            : bsearch(&key, validated->lists, validated->count,
                                      sizeof(key), mds_validated_cmp);

    return list == NULL ? NULL : &list->file_id;
}

size_t
mds_validated_bytes(size_t count)
{
    return sizeof(mds_validated_t) + count * sizeof(mds_validated_list_t);
}

void
mds_validated_sort(mds_validated_t *validated)
{
    qsort(validated->lists, validated->count, sizeof(*validated->lists),
          mds_validated_cmp);
}
