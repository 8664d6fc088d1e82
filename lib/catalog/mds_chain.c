/*
 * Reads the seals of a generation's files, and opens and shares the files.
 */

#include "catalog/mds_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog/mds_catalog.h"

mds_status_t
mds_catalog_path(const char *depot, uint64_t serial, mds_error_t *err,
                 mds_path_t *path)
{
    return mds_path(path, err, "%s/catalog/%" PRIu64 ".mdb", depot, serial);
}

bool
mds_catalog_parse_name(const char *name, uint64_t *serial)
{
    char     canonical[64];
    uint64_t number = strtoull(name, NULL, 10);

    snprintf(canonical, sizeof(canonical), "%" PRIu64 ".mdb", number);

    if (strcmp(name, canonical) != 0) {
        return false;
    }

    *serial = number;
    return true;
}

void
mds_catalog_identity(uint64_t serial, uint8_t identity[32])
{
    memset(identity, 0, 32);
    memcpy(identity, "generation", 10);

    for (int i = 0; i < 8; i++) {
        identity[24 + i] = (uint8_t) (serial >> (8 * (7 - i)));
    }
}

/* Gives the path of a file: the top may have another one than its final. */
static mds_status_t
mds_chain_path(const char *depot, const char *top, unsigned i, uint64_t serial,
               mds_error_t *err, mds_path_t *path)
{
    return i == 0 && top != NULL ? mds_path(path, err, "%s", top)
                                 : mds_catalog_path(depot, serial, err, path);
}

/* Reads the seal of the next file, and checks that it is the one wanted. */
static mds_status_t
mds_chain_add_file(const char *depot, const char *top, uint64_t serial,
                   mds_error_t *err, mds_chain_files_t *files)
{
    unsigned     i = files->count;
    uint8_t      identity[MDS_SEAL_IDENTITY];
    mds_seal_t  *seal = &files->seals[i];
    mds_path_t   path;
    mds_status_t status = mds_chain_path(depot, top, i, serial, err, &path);

    mds_catalog_identity(serial, identity);

    if (status == MDS_OK) {
        status = mds_seal_read(path.text, identity, false, err, seal);
    }

    if (status == MDS_OK && i > 0
        && memcmp(seal->digest, files->seals[i - 1].below.digest,
                  sizeof(seal->digest))
               != 0)
    {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" is not the file that generation %" PRIu64
                        " stands on",
                        path.text, files->serials[i - 1]);
    }

    if (status == MDS_OK && seal->is_layer && seal->below.number >= serial) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" stands on generation %" PRIu64
                        ", which is not older",
                        path.text, seal->below.number);
    }

    if (status == MDS_OK) {
        files->serials[files->count++] = serial;
    }

    return status;
}

mds_status_t
mds_chain_read_files(const char *depot, const char *path, uint64_t serial,
                     mds_error_t *err, mds_chain_files_t *files)
{
    mds_chain_files_t read = { 0 };
    mds_status_t status = mds_chain_add_file(depot, path, serial, err, &read);

    while (status == MDS_OK && read.seals[read.count - 1].is_layer) {
        if (read.count == MDS_LAYERS_MAX) {
            return mds_fail(err, MDS_DAMAGED,
                            "generation %" PRIu64 " has more than %d layers",
                            serial, MDS_LAYERS_MAX);
        }

        status = mds_chain_add_file(depot, path,
                                    read.seals[read.count - 1].below.number,
                                    err, &read);
    }

    if (status == MDS_OK) {
        *files = read;
    }

    return status;
}

void
mds_chain_add_below(const mds_chain_files_t *files, mds_buffer_t *below)
{
    mds_buffer_add(below, files->serials + 1,
                   (files->count - 1) * sizeof(files->serials[0]));
}

bool
mds_chain_is_below(const mds_buffer_t *below, uint64_t serial)
{
    const uint64_t *serials = (const void *) below->data;

    for (size_t i = 0; i < below->len / sizeof(*serials); i++) {
        if (serials[i] == serial) {
            return true;
        }
    }

    return false;
}

static void
mds_layer_release(mds_layer_t *layer)
{
    if (atomic_fetch_sub(&layer->users, 1) == 1) {
        mds_lmdb_close(layer->lmdb);
        free(layer->lists);
        free(layer);
    }
}

static mds_status_t
mds_layer_fail_format(const char *path, mds_error_t *err)
{
    return mds_fail(err, MDS_INCOMPATIBLE,
                    "\"%s\" is of another format: the next change by mdsctl"
                    " makes it anew",
                    path);
}

static mds_status_t
mds_layer_read_meta(mds_layer_t *layer, uint64_t serial, const char *path,
                    mds_error_t *err)
{
    mds_catalog_meta_t *meta = &layer->meta;
    mds_str_t           value;
    mds_status_t        status = mds_lmdb_read(layer->lmdb, err);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_lmdb_get(layer->lmdb, MDS_CATALOG_META, mds_str("catalog"), &value)
        || value.len != sizeof(*meta))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "\"%s\" is not a generation of the catalog", path);
    } else {
        memcpy(meta, value.data, sizeof(*meta));
    }

    mds_lmdb_abort(layer->lmdb);

    if (status != MDS_OK) {
        return status;
    }

    if (meta->tag != MDS_CATALOG_TAG || meta->format != MDS_CATALOG_FORMAT) {
        return mds_layer_fail_format(path, err);
    }

    return meta->serial == serial
               ? MDS_OK
               : mds_fail(err, MDS_DAMAGED, "\"%s\" holds generation %" PRIu64,
                          path, meta->serial);
}

/* Compares all bytes with the seal; the file is to be the one that was seen. */
static mds_status_t
mds_layer_hash(mds_layer_t *layer, uint64_t serial, const char *path,
               uint64_t *budget_bytes, mds_error_t *err)
{
    uint8_t      identity[MDS_SEAL_IDENTITY];
    uint64_t     bytes = layer->seal.file_id.bytes;
    mds_seal_t   seal;
    mds_status_t status;

    if (budget_bytes != NULL && bytes > *budget_bytes) {
        return mds_fail(err, MDS_AGAIN, "\"%s\" takes long to be read", path);
    }

    if (budget_bytes != NULL) {
        *budget_bytes -= bytes;
    }

    mds_catalog_identity(serial, identity);
    status = mds_seal_read(path, identity, true, err, &seal);

    if (status == MDS_OK
        && !mds_file_id_eq(&seal.file_id, &layer->seal.file_id)) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" was changed while it was opened", path);
    }

    layer->hashed = status == MDS_OK;
    return status;
}

static mds_status_t
mds_layer_open(const char *path, uint64_t serial, const mds_seal_t *seal,
               bool full, uint64_t *budget_bytes, mds_error_t *err,
               mds_layer_t **layer)
{
    mds_layer_t *opened = calloc(1, sizeof(*opened));
    mds_status_t status = MDS_OK;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    atomic_init(&opened->users, 1);
    opened->seal = *seal;

    if (full) {
        status = mds_layer_hash(opened, serial, path, budget_bytes, err);
    }

    if (status == MDS_OK) {
        status = mds_lmdb_open(path, MDS_LMDB_IMMUTABLE, mds_catalog_names,
                               MDS_CATALOG_TABLES, 0, err, &opened->lmdb);

        /* An older format has fewer tables. */
        if (status == MDS_INCOMPATIBLE) {
            status = mds_layer_fail_format(path, err);
        }
    }

    if (status == MDS_OK
        && !mds_file_id_eq(mds_lmdb_file_id(opened->lmdb), &seal->file_id))
    {
        status = mds_fail(err, MDS_DAMAGED,
                          "\"%s\" was changed while it was opened", path);
    }

    if (status == MDS_OK) {
        status = mds_layer_read_meta(opened, serial, path, err);
    }

    if (status != MDS_OK) {
        mds_layer_release(opened);
        return status;
    }

    *layer = opened;
    return MDS_OK;
}

/* Returns the layer that has this very file open; NULL: none has. */
static mds_layer_t *
mds_chain_find(const mds_chain_t *known, const mds_seal_t *seal, bool full)
{
    for (unsigned i = 0; known != NULL && i < known->count; i++) {
        mds_layer_t *layer = known->layers[i];

        if (mds_file_id_eq(&layer->seal.file_id, &seal->file_id)
            && memcmp(layer->seal.digest, seal->digest, sizeof(seal->digest))
                   == 0
            && (layer->hashed || !full))
        {
            atomic_fetch_add(&layer->users, 1);
            return layer;
        }
    }

    return NULL;
}

mds_status_t
mds_chain_open(const char *depot, const char *path,
               const mds_chain_files_t *files, const mds_chain_t *known,
               bool full, uint64_t *budget_bytes, mds_error_t *err,
               mds_chain_t *chain)
{
    mds_chain_t  opened = { 0 };
    mds_path_t   at;
    mds_layer_t *layer;
    mds_status_t status = MDS_OK;

    for (unsigned i = 0; status == MDS_OK && i < files->count; i++) {
        layer = mds_chain_find(known, &files->seals[i], full);

        if (layer == NULL) {
            status
                = mds_chain_path(depot, path, i, files->serials[i], err, &at);
        }

        if (layer == NULL && status == MDS_OK) {
            status
                = mds_layer_open(at.text, files->serials[i], &files->seals[i],
                                 full, budget_bytes, err, &layer);
        }

        if (status == MDS_OK) {
            opened.layers[opened.count++] = layer;
        }
    }

    if (status != MDS_OK) {
        mds_chain_release(&opened);
        return status;
    }

    *chain = opened;
    return MDS_OK;
}

mds_chain_t
mds_chain_retain(const mds_chain_t *chain)
{
    for (unsigned i = 0; i < chain->count; i++) {
        atomic_fetch_add(&chain->layers[i]->users, 1);
    }

    return *chain;
}

void
mds_chain_release(mds_chain_t *chain)
{
    while (chain->count > 0) {
        mds_layer_release(chain->layers[--chain->count]);
    }
}

const mds_file_id_t *
mds_chain_find_list(const mds_chain_t *chain, const mds_sha256_t *sha256)
{
    const mds_file_id_t *file_id = NULL;

    for (unsigned i = 0; chain != NULL && file_id == NULL && i < chain->count;
         i++) {
        file_id = mds_validated_find_list(chain->layers[i]->lists, sha256);
    }

    return file_id;
}

bool
mds_chain_has(const mds_chain_t *chain, const mds_layer_t *layer)
{
    for (unsigned i = 0; i < chain->count; i++) {
        if (chain->layers[i] == layer) {
            return true;
        }
    }

    return false;
}
