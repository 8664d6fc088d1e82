/* restore_names: accepts the names that a snapshot may have, and no others. */

#include "catalog/mds_catalog.h"
#include "command/restore.h"
#include "feed/mds_feed_folder.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "merkle/mds_tree.h"
#include "registry/mds_device_folder.h"

/* Returns whether the name is that of a list's file. */
static bool
is_list_name(const char *name, mds_idset_file_t file)
{
    mds_sha256_t sha256;

    return strncmp(name, "lists/", 6) == 0
           && mds_idset_parse_name(name + 6, &sha256) == file;
}

/* Returns whether the name is that of a stored file or of its signature. */
static bool
is_stored_name(const char *name)
{
    uint8_t      keyid[MDS_KEYID_BYTES];
    mds_sha256_t sha256;

    return strncmp(name, "files/", 6) == 0
           && mds_store_name(mds_str_of(name + 6), &sha256, keyid)
                  != MDS_STORE_OTHER;
}

/* Returns whether the name is that of a tree. */
static bool
is_tree_name(const char *name)
{
    mds_sha256_t root;

    return strncmp(name, MDS_TREES "/", sizeof(MDS_TREES)) == 0
           && mds_sha256_parse(mds_str_of(name + sizeof(MDS_TREES)), &root);
}

/* Returns whether the name is that of a file of the registry, which a snapshot
 * includes. */
static bool
is_registry_name(const char *name, const char *folder)
{
    mds_device_file_t file;
    size_t            len = strlen(folder);

    return strncmp(name, folder, len) == 0
           && mds_device_file_parse(name + len, &file) < MDS_DEVICE_FILE_TEMP;
}

/* Accepts "catalog/SERIAL.mdb" for each file of a generation, whose serial is
 * the highest. */
static bool
accept_generation(mdsctl_restore_t *r, const char *name)
{
    uint64_t serial;

    if (r->generations == MDS_LAYERS_MAX || strncmp(name, "catalog/", 8) != 0
        || !mds_catalog_parse_name(name + 8, &serial))
    {
        return false;
    }

    r->serial = r->generations == 0 || serial > r->serial ? serial : r->serial;
    r->generations++;

    return true;
}

mode_t
mdsctl_restore_mode(mdsctl_restore_t *r, const char *name)
{
    if (strcmp(name, "journal/data.mdb") == 0) {
        r->journal = true;
        return 0640;
    }

    if (strcmp(name, "state/data.mdb") == 0) {
        r->state = true;
        return 0660;
    }

    /* The first is of an older snapshot, and is left out in the end. */
    if (strcmp(name, "state/devices/data.mdb") == 0
        || is_registry_name(name, "state/devices/"))
    {
        return 0660;
    }

    if (is_stored_name(name) || is_tree_name(name)
        || is_list_name(name, MDS_IDSET_HASHES) || accept_generation(r, name))
    {
        return 0444;
    }

    if (strcmp(name, MDS_FEED "/head") == 0) {
        return 0644;
    }

    return is_list_name(name, MDS_IDSET_TEXT) ? 0600 : 0;
}
