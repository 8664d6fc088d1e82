#include "mds_proved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mds_digest.h"

#define MDS_PROVED_TAG "mdsprv1"
#define MDS_PROVED_BOOT 36 /* characters of a UUID */

typedef struct {
    char             tag[8];
    _Atomic uint64_t word;
} mds_proved_file_t;

_Static_assert(sizeof(mds_proved_file_t) == 16, "as drawn");

struct mds_proved_s {
    mds_proved_file_t *file;
    char               boot[MDS_PROVED_BOOT];
};

/* What it says of an earlier life of the machine is not known any more: who
 * knows what became of the disk. */
static mds_status_t
mds_proved_read_boot(char boot[MDS_PROVED_BOOT], mds_error_t *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char             *text;
    size_t            len;
    mds_status_t      status = mds_file_read(path, 4096, err, &text, &len);

    if (status != MDS_OK) {
        return status;
    }

    if (len < MDS_PROVED_BOOT) {
        status = mds_fail(err, MDS_FOREIGN, "\"%s\" is too short", path);
    } else {
        memcpy(boot, text, MDS_PROVED_BOOT);
    }

    free(text);
    return status;
}

/* Empty, and of those to whom the state belongs. */
static mds_status_t
mds_proved_make(const char *depot, const char *path, mds_error_t *err)
{
    mds_proved_file_t empty = { .tag = MDS_PROVED_TAG };
    mds_path_t        state;
    struct stat       st;
    mds_status_t status = mds_path(&state, err, "%s/state/data.mdb", depot);

    if (status == MDS_OK) {
        status = mds_file_create(path, 0660, &empty, sizeof(empty), err);
    }

    if (status == MDS_OK && stat(state.text, &st) == 0
        && chown(path, st.st_uid, st.st_gid) != 0 && errno != EPERM)
    {
        status = mds_fail_errno(err, "give \"%s\" to the workers", path);
    }

    return status == MDS_EXISTS ? MDS_OK : status;
}

static mds_status_t
mds_proved_map(const char *path, mds_error_t *err, mds_proved_file_t **file)
{
    struct stat        st;
    mds_proved_file_t *map = MAP_FAILED;
    mds_status_t       status = MDS_OK;
    int                fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
        && st.st_size == sizeof(*map)) {
        map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                   0);
    }

    if (map == MAP_FAILED
        || memcmp(map->tag, MDS_PROVED_TAG, sizeof(map->tag)) != 0)
    {
        status = mds_fail(err, MDS_FOREIGN, "\"%s\" is not a depot's PROVED",
                          path);
    }

    close(fd);

    if (status == MDS_OK) {
        *file = map;
    } else if (map != MAP_FAILED) {
        munmap(map, sizeof(*map));
    }

    return status;
}

mds_status_t
mds_proved_open(const char *depot, bool make, mds_error_t *err,
                mds_proved_t **proved)
{
    mds_path_t    path;
    mds_proved_t *opened;
    mds_status_t  status = mds_path(&path, err, "%s/state/PROVED", depot);

    if (status == MDS_OK && make && access(path.text, F_OK) != 0) {
        status = mds_proved_make(depot, path.text, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    opened = calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    status = mds_proved_read_boot(opened->boot, err);

    if (status == MDS_OK) {
        status = mds_proved_map(path.text, err, &opened->file);
    }

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    *proved = opened;
    return MDS_OK;
}

void
mds_proved_close(mds_proved_t *proved)
{
    if (proved != NULL) {
        munmap(proved->file, sizeof(*proved->file));
        free(proved);
    }
}

static uint64_t
mds_proved_word(const mds_proved_t *proved, uint64_t serial,
                const mds_file_mark_t *mark)
{
    static const uint8_t key[MDS_SIPHASH_KEY] = "mds proved mark";
    struct {
        uint64_t        serial;
        mds_file_mark_t mark;
        char            boot[40];
    } all = { .serial = serial, .mark = *mark };

    memcpy(all.boot, proved->boot, sizeof(proved->boot));

    return serial << 32
           | mds_siphash(key, (mds_str_t){ sizeof(all), (const char *) &all })
                 >> 32;
}

void
mds_proved_tell(mds_proved_t *proved, uint64_t serial, uint64_t current,
                const mds_file_mark_t *mark)
{
    uint64_t word, told;

    if (proved == NULL) {
        return;
    }

    word = mds_proved_word(proved, serial, mark);
    told = atomic_load(&proved->file->word);

    /* What is beyond the one in force is of another depot's life. */
    while ((told >> 32 <= (uint32_t) serial || told >> 32 > (uint32_t) current)
           && !atomic_compare_exchange_weak(&proved->file->word, &told, word))
    {
        /* somebody else was faster; told is what is there */
    }
}

uint32_t
mds_proved_serial(const mds_proved_t *proved)
{
    return proved == NULL ? 0
                          : (uint32_t) (atomic_load(&proved->file->word) >> 32);
}

bool
mds_proved_is(const mds_proved_t *proved, uint64_t serial,
              const mds_file_mark_t *mark)
{
    return proved != NULL
           && atomic_load(&proved->file->word)
                  == mds_proved_word(proved, serial, mark);
}
