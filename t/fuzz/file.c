/* Inputs as files, and a folder for what comes out; see fuzz.h. */

#define _GNU_SOURCE /* memfd_create, nftw */

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define SLOTS 4

void *
fuzz_room(size_t bytes)
{
    void *room = malloc(bytes > 0 ? bytes : 1);

    fuzz_must(room != NULL);
    return room;
}

void
fuzz_read(mds_str_t bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        (void) *(volatile const char *) (bytes.data + i);
    }
}

bool
fuzz_inside(mds_str_t view, const void *bytes, size_t len)
{
    uintptr_t first = (uintptr_t) bytes, at = (uintptr_t) view.data;

    return view.len == 0
           || (at >= first && at <= first + len
               && view.len <= first + len - at);
}

void
fuzz_parts(const uint8_t *data, size_t size, char separator, size_t count,
           mds_str_t *parts)
{
    mds_str_t rest = { size, (const char *) data };

    for (size_t i = 0; i + 1 < count; i++) {
        parts[i] = mds_str_cut(&rest, separator);
    }

    parts[count - 1] = rest;
}

const char *
fuzz_file(unsigned slot, const void *data, size_t len)
{
    static char paths[SLOTS][32];
    static int  fds[SLOTS] = { -1, -1, -1, -1 };

    if (fds[slot] < 0) {
        fds[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        fuzz_must(fds[slot] >= 0);
        snprintf(paths[slot], sizeof(paths[slot]), "/proc/self/fd/%d",
                 fds[slot]);
    }

    fuzz_must(ftruncate(fds[slot], 0) == 0
              && pwrite(fds[slot], data, len, 0) == (ssize_t) len);

    return paths[slot];
}

static char folder[64];

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void) st, (void) type;

    if (walk->level > 0) {
        (void) remove(path);
    }

    return 0;
}

void
fuzz_folder_clear(void)
{
    (void) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
folder_end(void)
{
    fuzz_folder_clear();
    (void) rmdir(folder);
}

const char *
fuzz_folder(void)
{
    if (folder[0] == '\0') {
        snprintf(folder, sizeof(folder), "%s/mds-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fuzz_must(mkdtemp(folder) != NULL);
        atexit(folder_end);
    }

    return folder;
}
