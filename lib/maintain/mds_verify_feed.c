/*
 * Verifies the feed: that its head can be read, that it is signed by one of the
 * keys that are given, and that what it names is there.
 */

#include <stdio.h>
#include <stdlib.h>

#include "feed/mds_feed_folder.h"
#include "feed/mds_feed_lists.h"
#include "maintain/mds_verify_internal.h"
#include "trust/mds_envelope.h"

#define MDS_VERIFY_HEAD MDS_FEED "/head"

/* Compares an object with what the head, or the index, says of it. */
static void
mds_verify_object(mds_verify_t *v, const char *folder,
                  const mds_feed_object_t *object)
{
    char         where[128], hex[MDS_SHA256_HEX + 1];
    mds_path_t   path;
    mds_sha256_t found;
    uint64_t     bytes;
    mds_error_t  err;
    mds_status_t status
        = mds_feed_path(v->depot, folder, &object->sha256, &err, &path);

    snprintf(where, sizeof(where), MDS_FEED "/%s/%s", folder,
             mds_sha256_hex(&object->sha256, hex));

    if (status == MDS_OK) {
        status = mds_sha256_file(path.text, NULL, &err, &found, &bytes);
    }

    if (status != MDS_OK) {
        mds_verify_report_error(v, where, &err);

    } else if (!mds_sha256_eq(&found, &object->sha256)
               || bytes != object->bytes) {
        mds_verify_report(v, where, "damaged: it is not what the head names");
    }
}

/* Verifies the lists that the index names. */
static void
mds_verify_index(mds_verify_t *v, const mds_feed_head_t *head)
{
    mds_path_t      path;
    mds_feed_list_t list;
    mds_str_t       lines;
    char           *text;
    size_t          len;
    uint64_t        count = 0;
    mds_error_t     err;
    mds_status_t    status;

    mds_verify_object(v, MDS_FEED_LISTS, &head->lists);
    status = mds_feed_path(v->depot, MDS_FEED_LISTS, &head->lists.sha256, &err,
                           &path);

    if (status != MDS_OK
        || mds_file_read_regular(path.text, MDS_FEED_LISTS_BYTES_MAX, &err,
                                 &text, &len)
               != MDS_OK)
    {
        return; /* it was reported */
    }

    lines = (mds_str_t){ len, text };

    while ((status = mds_feed_list_next(&lines, &err, &list)) == MDS_OK) {
        mds_verify_object(v, MDS_FEED_LISTS, &list.file);
        count++;
    }

    if (status == MDS_INVALID) {
        mds_verify_report_error(v, MDS_VERIFY_HEAD, &err);

    } else if (count != head->list_count) {
        mds_verify_report(v, MDS_VERIFY_HEAD,
                          "the index has %llu lists, and the head %llu",
                          (unsigned long long) count,
                          (unsigned long long) head->list_count);
    }

    free(text);
}

/* Verifies the signature by the key that it names, if that is given. */
static void
mds_verify_feed_signature(mds_verify_t *v, mds_str_t text)
{
    mds_envelope_t      envelope;
    const mds_public_t *key;
    size_t              signers = 0;
    mds_error_t         err;

    if (mds_envelope_parse(text, MDS_FEED_HEAD_TYPE, MDS_VERIFY_HEAD, &err,
                           &envelope)
        != MDS_OK)
    {
        return; /* it was reported */
    }

    key = envelope.count == 0 ? NULL
                              : mds_verify_signer(v, MDS_VERIFY_HEAD, "is of",
                                                  envelope.signatures[0].keyid);

    if (key != NULL
        && mds_envelope_count_signers(&envelope, &key, 1, &err, &signers)
               == MDS_OK
        && signers == 0)
    {
        mds_verify_report(v, MDS_VERIFY_HEAD, "the signature is not valid");
    }

    mds_envelope_free(&envelope);
}

mds_status_t
mds_verify_feed(mds_verify_t *v, mds_error_t *err)
{
    mds_path_t      path;
    mds_feed_head_t head;
    char           *text;
    size_t          len;
    mds_error_t     why;
    mds_status_t    status = mds_feed_head_path(v->depot, err, &path);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_file_read_regular(path.text, MDS_ENVELOPE_BYTES_MAX, &why,
                                   &text, &len);

    if (status != MDS_OK) {
        if (status != MDS_NOT_FOUND) {
            mds_verify_report_error(v, MDS_VERIFY_HEAD, &why);
        }

        return MDS_OK;
    }

    if (mds_feed_head_read((mds_str_t){ len, text }, MDS_VERIFY_HEAD, &why,
                           &head)
        != MDS_OK)
    {
        mds_verify_report_error(v, MDS_VERIFY_HEAD, &why);

    } else {
        mds_verify_feed_signature(v, (mds_str_t){ len, text });

        for (unsigned i = 0; i < head.layer_count; i++) {
            mds_verify_object(v, MDS_FEED_CATALOG, &head.layers[i]);
        }

        mds_verify_index(v, &head);
    }

    free(text);
    return MDS_OK;
}
