/* publish --store: repacks a package, so that its deltas come out small. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/repack.h"
#include "base/mds_file.h"
#include "command/publish.h"

static int
parse_limit(const char *option, const char *text, uint64_t *limit)
{
    char              *end;
    unsigned long long value;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    errno = 0;
    value = strtoull(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return mdsctl_fail_usage("--%s: \"%s\" is not a number", option, text);
    }

    *limit = value;
    return MDSCTL_DONE;
}

int
mdsctl_unpack_limits(const char *bytes, const char *entries,
                     mdsctl_unpack_limits_t *limits)
{
    /* With a limit in bytes, the ratio of compression needs no limit. */
    if (bytes != NULL) {
        limits->ratio = 0;
    }

    if (parse_limit("unpack-bytes", bytes, &limits->bytes) != MDSCTL_DONE
        || parse_limit("unpack-entries", entries, &limits->entries)
               != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    return MDSCTL_DONE;
}

/* Names the repacked file like the given one, in a folder of its own. */
static mds_status_t
name_files(const char *file, mds_error_t *err, mdsctl_stored_t *stored)
{
    const char  *slash = strrchr(file, '/');
    mds_status_t status = mds_temp_dir_create(NULL, err, &stored->dir);

    return status == MDS_OK
               ? mds_path(&stored->path, err, "%s/%s", stored->dir.text,
                          slash == NULL ? file : slash + 1)
               : status;
}

static mds_status_t
repack(const char *file, uint64_t max_bytes, mds_error_t *err,
       mdsctl_stored_t *stored, bool *repacked)
{
    mds_progress_t *progress;
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;
    mds_status_t status = mds_temp_file_create(&draft, stored->dir.text, err);

    if (status != MDS_OK) {
        return status;
    }

    progress = mdsctl_progress_begin("repacking");
    status = mdsctl_repack(file, max_bytes, progress, err, &draft, repacked);
    mdsctl_progress_end(progress);

    if (status == MDS_OK && *repacked) {
        status = mds_temp_file_commit(&draft, stored->path.text, 0600, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

int
mdsctl_store_begin(const char *file, uint64_t max_bytes,
                   mdsctl_stored_t *stored)
{
    bool         repacked = false;
    mds_error_t  err;
    mds_status_t status = name_files(file, &err, stored);

    if (status == MDS_OK) {
        status = repack(file, max_bytes, &err, stored, &repacked);
    }

    if (status != MDS_OK) {
        return mdsctl_fail(&err);
    }

    stored->file = repacked ? stored->path.text : file;

    return MDSCTL_DONE;
}

void
mdsctl_store_report(const char *file, const mdsctl_stored_t *stored)
{
    const char *words = NULL;

    if (stored->file == stored->path.text) {
        words = "was repacked; what is published and signed is the repacked"
                " file";

    } else if (stored->file != NULL) {
        words = "is not compressed inside; it is published unchanged";

    } else if (mdsctl_repack_pays(file)) {
        words = "is compressed inside, so deltas of it are large;"
                " --store repacks it (not for what is signed inside, such as an"
                " APK)";
    }

    if (words != NULL) {
        fprintf(stderr, "mdsctl: note: \"%s\" %s\n", file, words);
    }
}

void
mdsctl_store_end(const mdsctl_stored_t *stored)
{
    if (stored->dir.text[0] != '\0') {
        unlink(stored->path.text);
        rmdir(stored->dir.text);
    }
}
