/*
 * Archives from anywhere, unpacked: all that appears lies in DIR/VERSION, as
 * plain files and folders within the limits; after a failure there is nothing,
 * and the same archive unpacks to the same once more.
 */

#define _GNU_SOURCE /* nftw */

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../mdsctl/archive/unpack.h"
#include "fuzz.h"

static const mdsctl_unpack_limits_t limits
    = { .bytes = 65536, .entries = 40, .ratio = 100 };

static uint64_t bytes, entries;

static int
look(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void) path;
    fuzz_must(type == FTW_F || type == FTW_DP);
    fuzz_must((st->st_mode & 07777) == (type == FTW_F ? 0644 : 0755));
    fuzz_must(walk->level <= 66);

    entries += walk->level > 0;
    bytes += type == FTW_F ? (uint64_t) st->st_size : 0;
    return 0;
}

static unsigned
names(const char *path)
{
    DIR           *dir = opendir(path);
    struct dirent *entry;
    unsigned       count = 0;

    fuzz_must(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        count += strcmp(entry->d_name, ".") != 0
                 && strcmp(entry->d_name, "..") != 0;
    }

    closedir(dir);
    return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char       *path = fuzz_file(0, data, size);
    char              dir[128];
    mds_error_t       err;
    mdsctl_unpacked_t first, second;

    snprintf(dir, sizeof(dir), "%s/site", fuzz_folder());

    if (mdsctl_unpack(path, dir, "1.0", &limits, NULL, &err, &first) != MDS_OK)
    {
        fuzz_must(names(fuzz_folder()) == 0);
        return 0;
    }

    fuzz_must(first.made && first.made_dir);
    fuzz_must(names(fuzz_folder()) == 1 && names(dir) == 1);
    fuzz_must(strncmp(first.place.text, dir, strlen(dir)) == 0);

    bytes = entries = 0;
    fuzz_must(nftw(first.place.text, look, 16, FTW_DEPTH | FTW_PHYS) == 0);
    fuzz_must(bytes <= limits.bytes && entries <= limits.entries);

    fuzz_must(mdsctl_unpack(path, dir, "1.0", &limits, NULL, &err, &second)
                  == MDS_OK
              && !second.made && !second.made_dir);

    mdsctl_unpack_undo(&second);
    fuzz_must(names(dir) == 1);
    mdsctl_unpack_undo(&first);
    fuzz_must(names(fuzz_folder()) == 0);

    return 0;
}
