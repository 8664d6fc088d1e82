/*
 * mds_chain: the files of a generation.
 *
 * A generation is a chain of at most MDS_LAYERS_MAX sealed files: the top,
 * DEPOT/catalog/SERIAL.mdb, has the records that changed, and stands on the
 * file of an earlier generation, which its seal names by serial and digest
 * (mds_seal.h). That one may stand on another. The lowest file, the base, has
 * all other records. A record is looked up from the top; an empty value is a
 * tombstone, and hides the records below it.
 *
 * A file that several generations have is opened and validated once: a layer is
 * an opened file, which catalogs share.
 */

#ifndef MDS_CHAIN_H
#define MDS_CHAIN_H

#include <stdatomic.h>

#include "base/mds_buffer.h"
#include "base/mds_digest.h"
#include "catalog/mds_validated.h"
#include "lmdb/mds_lmdb.h"
#include "lmdb/mds_seal.h"

#define MDS_LAYERS_MAX 3

#define MDS_CATALOG_TAG 0x4373646d /* "mdsC" */
#define MDS_CATALOG_FORMAT 7

typedef struct MDS_PACKED {
    uint32_t tag;
    uint32_t format;
    uint64_t serial;
    uint32_t list_count; /* with those below it, as is resource_count */
    uint32_t resource_count;
    int64_t  created_ms;
} mds_catalog_meta_t;

/* The files of a chain by their seals; the first is the top. */
typedef struct {
    unsigned   count;
    uint64_t   serials[MDS_LAYERS_MAX];
    mds_seal_t seals[MDS_LAYERS_MAX];
} mds_chain_files_t;

/* An opened file. It does not change once other catalogs have it. */
typedef struct {
    atomic_uint        users;
    mds_lmdb_t        *lmdb; /* each catalog has a handle of its own */
    mds_seal_t         seal;
    mds_catalog_meta_t meta;
    bool               hashed;  /* its bytes are those that were sealed */
    bool               checked; /* its records are valid, in this chain */
    mds_validated_t   *lists;   /* that it names; NULL: not validated */
} mds_layer_t;

typedef struct {
    unsigned     count;
    mds_layer_t *layers[MDS_LAYERS_MAX];
} mds_chain_t;

/* Writes the path DEPOT/catalog/SERIAL.mdb. */
mds_status_t
mds_catalog_path(const char *depot, uint64_t serial, mds_error_t *err,
                 mds_path_t *path) MDS_MUST_CHECK;

/* Returns whether the file name is "SERIAL.mdb", and which serial it has. */
bool mds_catalog_parse_name(const char *name, uint64_t *serial) MDS_MUST_CHECK;

/* Writes the identity that the seal of a generation has. */
void mds_catalog_identity(uint64_t serial, uint8_t identity[32]);

/*
 * Reads the seals of a chain, and checks that each file is the one on which the
 * file above it stands. path is that of the top, if it does not have its name
 * yet; else NULL. MDS_NOT_FOUND, MDS_DAMAGED, MDS_INCOMPATIBLE.
 */
mds_status_t
mds_chain_read_files(const char *depot, const char *path, uint64_t serial,
                     mds_error_t *err, mds_chain_files_t *files) MDS_MUST_CHECK;

/* Adds the serials of a chain's lower files to a set, which begins empty. */
void mds_chain_add_below(const mds_chain_files_t *files, mds_buffer_t *below);

/* Returns whether the serial was added to the set. */
bool mds_chain_is_below(const mds_buffer_t *below, uint64_t serial);

/*
 * Opens the files; the caller releases *chain. Layers of `known` (may be NULL)
 * are shared where the file is the same. full: the bytes of all others are
 * compared with their seals before, and counted against *budget_bytes;
 * MDS_AGAIN: that is too little.
 */
mds_status_t
mds_chain_open(const char *depot, const char *path,
               const mds_chain_files_t *files, const mds_chain_t *known,
               bool full, uint64_t *budget_bytes, mds_error_t *err,
               mds_chain_t *chain) MDS_MUST_CHECK;

/* Returns another reference to all layers. */
mds_chain_t mds_chain_retain(const mds_chain_t *chain);

void mds_chain_release(mds_chain_t *chain);

/* Returns a list's file as it was when it was validated; NULL if it was not.
 * chain may be NULL. */
const mds_file_id_t *
mds_chain_find_list(const mds_chain_t *chain, const mds_sha256_t *sha256);

/* Returns whether one of the layers is this very one. */
bool mds_chain_has(const mds_chain_t *chain, const mds_layer_t *layer);

#endif
