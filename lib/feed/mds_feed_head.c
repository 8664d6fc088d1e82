/*
 * Reads, writes and signs heads of the feed.
 */

#include "feed/mds_feed_head.h"

#include <stdlib.h>

#include "base/mds_time.h"
#include "trust/mds_envelope.h"

/* Reads an integer that is not negative. */
static mds_status_t
mds_feed_head_integer(const mds_json_t *json, const char *key, const char *what,
                      mds_error_t *err, int64_t *number)
{
    const mds_json_t *member = mds_json_get(json, key);

    if (!mds_json_is_integer(member) || mds_json_integer(member) < 0) {
        return mds_fail(err, MDS_INVALID,
                        "%s: \"%s\" must be an integer of at least 0", what,
                        key);
    }

    *number = mds_json_integer(member);
    return MDS_OK;
}

static mds_status_t
mds_feed_head_time(const mds_json_t *json, const char *key, const char *what,
                   mds_error_t *err, int64_t *ms)
{
    return mds_time_parse(mds_json_get_string(json, key), ms)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID, "%s: \"%s\" must be a time", what,
                          key);
}

static mds_status_t
mds_feed_head_object(const mds_json_t *json, const char *what, mds_error_t *err,
                     mds_feed_object_t *object)
{
    int64_t      bytes = 0;
    mds_status_t status
        = mds_feed_head_integer(json, "size", what, err, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    object->bytes = (uint64_t) bytes;

    return mds_sha256_parse(mds_json_get_string(json, "sha256"),
                            &object->sha256)
               ? MDS_OK
               : mds_fail(err, MDS_INVALID, "%s: \"sha256\" must be a SHA-256",
                          what);
}

/* Reads the files of the generation: each is of an earlier change than the one
 * above it. */
static mds_status_t
mds_feed_head_layers(const mds_json_t *json, const char *what, mds_error_t *err,
                     mds_feed_head_t *head)
{
    const mds_json_t *items = mds_json_get(json, "catalog");
    size_t            count = mds_json_size(items);
    int64_t           serial = 0, above = (int64_t) head->serial;
    mds_status_t      status = MDS_OK;

    if (!mds_json_is_array(items) || count == 0 || count > MDS_LAYERS_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "%s: \"catalog\" must be an array of 1 to %d files",
                        what, MDS_LAYERS_MAX);
    }

    for (size_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_json_t *item = mds_json_at(items, i);

        status = mds_feed_head_object(item, what, err, &head->layers[i]);

        if (status == MDS_OK) {
            status = mds_feed_head_integer(item, "serial", what, err, &serial);
        }

        if (status == MDS_OK && (i == 0 ? serial != above : serial >= above)) {
            status = mds_fail(err, MDS_INVALID,
                              "%s: the serials of \"catalog\" must descend from"
                              " \"serial\"",
                              what);
        }

        head->layer_serials[i] = (uint64_t) serial;
        above = serial;
    }

    head->layer_count = (unsigned) count;
    return status;
}

static mds_status_t
mds_feed_head_members(const mds_json_t *json, const char *what,
                      mds_error_t *err, mds_feed_head_t *head)
{
    const mds_json_t *lists = mds_json_get(json, "lists");
    int64_t           serial = 0, count = 0;
    mds_status_t      status;

    if ((status = mds_feed_head_integer(json, "serial", what, err, &serial))
            != MDS_OK
        || (status
            = mds_feed_head_time(json, "issued", what, err, &head->issued_ms))
               != MDS_OK
        || (status
            = mds_feed_head_time(json, "expires", what, err, &head->expires_ms))
               != MDS_OK
        || (status
            = mds_feed_head_integer(json, "root", what, err, &head->root))
               != MDS_OK
        || (status = mds_feed_head_integer(lists, "count", what, err, &count))
               != MDS_OK
        || (status = mds_feed_head_object(lists, what, err, &head->lists))
               != MDS_OK)
    {
        return status;
    }

    head->serial = (uint64_t) serial;
    head->list_count = (uint64_t) count;

    return mds_feed_head_layers(json, what, err, head);
}

mds_status_t
mds_feed_head_parse(mds_str_t payload, const char *what, mds_error_t *err,
                    mds_feed_head_t *head)
{
    mds_feed_head_t read = { 0 };
    mds_json_t     *json;
    int64_t         version = 0;
    mds_status_t    status = mds_json_parse(payload, what, err, &json);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_feed_head_integer(json, "version", what, err, &version);

    if (status == MDS_OK && version != MDS_FEED_VERSION) {
        status = mds_fail(err, MDS_INCOMPATIBLE,
                          "%s: the origin speaks version %lld of the feed, and"
                          " this program version %d: upgrade it",
                          what, (long long) version, MDS_FEED_VERSION);
    }

    if (status == MDS_OK) {
        status = mds_feed_head_members(json, what, err, &read);
    }

    mds_json_release(json);

    if (status == MDS_OK) {
        *head = read;
    }

    return status;
}

static mds_json_t *
mds_feed_head_layers_json(const mds_feed_head_t *head)
{
    mds_json_t *items = mds_json_array_new();
    char        hex[MDS_SHA256_HEX + 1];

    for (unsigned i = 0; i < head->layer_count; i++) {
        const mds_feed_object_t *layer = &head->layers[i];

        if (mds_json_append(items,
                            mds_json_pack("{s:I, s:s, s:I}", "serial",
                                          (int64_t) head->layer_serials[i],
                                          "sha256",
                                          mds_sha256_hex(&layer->sha256, hex),
                                          "size", (int64_t) layer->bytes))
            != MDS_OK)
        {
            mds_json_release(items);
            return NULL;
        }
    }

    return items;
}

static mds_status_t
mds_feed_head_dump(const mds_feed_head_t *head, mds_error_t *err, char **text,
                   size_t *len)
{
    char issued[MDS_TIME_BYTES], expires[MDS_TIME_BYTES];
    char hex[MDS_SHA256_HEX + 1];

    mds_json_t *json
        = mds_json_pack("{s:i, s:I, s:s, s:s, s:I, s:o, s:{s:I, s:s, s:I}}",
                        "version", MDS_FEED_VERSION, "serial",
                        (int64_t) head->serial, "issued",
                        mds_time_format(head->issued_ms, issued), "expires",
                        mds_time_format(head->expires_ms, expires), "root",
                        head->root, "catalog", mds_feed_head_layers_json(head),
                        "lists", "count", (int64_t) head->list_count, "sha256",
                        mds_sha256_hex(&head->lists.sha256, hex), "size",
                        (int64_t) head->lists.bytes);
    mds_status_t status = mds_json_dump(json, MDS_JSON_COMPACT, err, text, len);

    mds_json_release(json);
    return status;
}

mds_status_t
mds_feed_head_sign(const mds_feed_head_t *head, const mds_key_t *key,
                   mds_error_t *err, char **text, size_t *len)
{
    mds_envelope_t envelope = { 0 };
    char          *payload = NULL;
    size_t         payload_len = 0;
    mds_status_t status = mds_feed_head_dump(head, err, &payload, &payload_len);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_envelope_init(&envelope, MDS_FEED_HEAD_TYPE,
                               (mds_str_t){ payload_len, payload }, err);
    free(payload);

    if (status == MDS_OK) {
        status = mds_envelope_sign(&envelope, key, err);
    }

    if (status == MDS_OK) {
        status = mds_envelope_dump(&envelope, err, text, len);
    }

    mds_envelope_free(&envelope);
    return status;
}

mds_status_t
mds_feed_head_read(mds_str_t text, const char *what, mds_error_t *err,
                   mds_feed_head_t *head)
{
    return mds_feed_head_open(text, NULL, 0, 0, what, err, head);
}

mds_status_t
mds_feed_head_open(mds_str_t text, const mds_public_t *const *keys,
                   size_t count, size_t threshold, const char *what,
                   mds_error_t *err, mds_feed_head_t *head)
{
    mds_envelope_t envelope;
    size_t         signers = 0;
    mds_status_t   status
        = mds_envelope_parse(text, MDS_FEED_HEAD_TYPE, what, err, &envelope);

    if (status != MDS_OK) {
        return status;
    }

    if (threshold > 0) {
        status
            = mds_envelope_count_signers(&envelope, keys, count, err, &signers);
    }

    if (status == MDS_OK && signers < threshold) {
        status
            = mds_fail(err, MDS_DENIED,
                       "%s: it is not signed by a key that may sign it", what);
    }

    if (status == MDS_OK) {
        status = mds_feed_head_parse(mds_envelope_payload(&envelope), what, err,
                                     head);
    }

    mds_envelope_free(&envelope);
    return status;
}

bool
mds_feed_head_is_same(const mds_feed_head_t *a, const mds_feed_head_t *b)
{
    bool same = a->serial == b->serial && a->layer_count == b->layer_count
                && mds_sha256_eq(&a->lists.sha256, &b->lists.sha256);

    for (unsigned i = 0; same && i < a->layer_count; i++) {
        same = mds_sha256_eq(&a->layers[i].sha256, &b->layers[i].sha256);
    }

    return same;
}
