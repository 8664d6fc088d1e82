/*
 * The filter of installations: a file of buckets that processes share.
 */

#include "state/mds_install_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "base/mds_siphash.h"
#include "base/mds_terms.h"

#define MDS_INSTALL_LINE 64
#define MDS_INSTALL_WORDS 16
#define MDS_INSTALL_BUCKETS_MIN 1024 /* a power of two */

#define MDS_INSTALL_MAGIC "mdsinst1"

typedef struct {
    char     magic[8];
    uint8_t  secret[MDS_SIPHASH_KEY];
    uint64_t buckets; /* a power of two */
    uint8_t  unused[32];
} mds_install_header_t;

_Static_assert(sizeof(mds_install_header_t) == MDS_INSTALL_LINE,
               "the buckets begin at a line");

typedef _Atomic uint32_t mds_install_word_t;

struct mds_install_filter_s {
    mds_install_header_t header;
    mds_install_word_t  *words;
    void                *map;
    size_t               bytes;
};

/* The key is public: the secret is added by mds_install_filter_place(). */
static const uint8_t mds_install_key[MDS_SIPHASH_KEY] = "mds-install-hash";

uint64_t
mds_install_hash(mds_str_t release, mds_str_t device)
{
    char     bytes[MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX + 1 + MDS_VALUE_MAX];
    uint64_t hash;

    /* Longer ones are in no catalog and in no request. */
    if (release.len > MDS_APP_MAX + 1 + MDS_RELEASE_ID_MAX
        || device.len > MDS_VALUE_MAX)
    {
        return 1;
    }

    memcpy(bytes, release.data, release.len);
    bytes[release.len] = '\0';
    memcpy(bytes + release.len + 1, device.data, device.len);
    hash = mds_siphash(mds_install_key,
                       (mds_str_t){ release.len + 1 + device.len, bytes });

    return hash != 0 ? hash : 1;
}

/* Returns the bucket of the hash; its word, which is not 0, is set. */
static mds_install_word_t *
mds_install_filter_place(const mds_install_filter_t *filter, uint64_t hash,
                         uint32_t *word)
{
    uint64_t mixed
        = mds_siphash(filter->header.secret,
                      (mds_str_t){ sizeof(hash), (const char *) &hash });

    *word = (uint32_t) (mixed >> 32);
    *word = *word != 0 ? *word : 1;

    return filter->words
           + (mixed & (filter->header.buckets - 1)) * MDS_INSTALL_WORDS;
}

bool
mds_install_filter_has(const mds_install_filter_t *filter, uint64_t hash)
{
    uint32_t            word;
    mds_install_word_t *bucket = mds_install_filter_place(filter, hash, &word);

    for (int i = 0; i < MDS_INSTALL_WORDS; i++) {
        if (atomic_load_explicit(&bucket[i], memory_order_relaxed) == word) {
            return true;
        }
    }

    return false;
}

void
mds_install_filter_add(mds_install_filter_t *filter, uint64_t hash)
{
    uint32_t            word;
    mds_install_word_t *bucket = mds_install_filter_place(filter, hash, &word);
    mds_install_word_t *place = &bucket[word & (MDS_INSTALL_WORDS - 1)];

    for (int i = 0; i < MDS_INSTALL_WORDS; i++) {
        uint32_t old = atomic_load_explicit(&bucket[i], memory_order_relaxed);

        if (old == word) {
            return;
        }

        if (old == 0) {
            place = &bucket[i];
            break;
        }
    }

    /* Of two workers that take one place, one device is forgotten. */
    atomic_store_explicit(place, word, memory_order_relaxed);
}

uint64_t
mds_install_filter_bytes(const mds_install_filter_t *filter)
{
    return filter->bytes;
}

/* Creates the file, unless another process is faster. All of it is allocated: a
 * full disk must not be a fault later. */
static mds_status_t
mds_install_filter_create(const char *depot, const char *path,
                          uint64_t max_bytes, mds_error_t *err)
{
    mds_install_header_t header
        = { .magic = MDS_INSTALL_MAGIC, .buckets = MDS_INSTALL_BUCKETS_MIN };
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_path_t      dir;
    struct stat     st;
    int             code;
    mds_status_t    status = mds_path(&dir, err, "%s/state", depot);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, dir.text, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    while (header.buckets * 2 * MDS_INSTALL_LINE <= max_bytes) {
        header.buckets *= 2;
    }

    mds_random(header.secret, sizeof(header.secret));
    code = posix_fallocate(temp.fd, 0,
                           (off_t) (sizeof(header)
                                    + header.buckets * MDS_INSTALL_LINE));

    if (code != 0) {
        errno = code;
        status = mds_fail_errno(err, "allocate \"%s\"", path);

    } else if (pwrite(temp.fd, &header, sizeof(header), 0)
                   != (ssize_t) sizeof(header)
               || stat(dir.text, &st) != 0
               || fchmod(temp.fd, 0600 | (st.st_mode & 0060)) != 0
               || (link(temp.path.text, path) != 0 && errno != EEXIST))
    {
        status = mds_fail_errno(err, "create \"%s\"", path);
    }

    mds_temp_file_discard(&temp);
    return status;
}

/* Maps the file. MDS_DAMAGED: it is not a filter. */
static mds_status_t
mds_install_filter_map(int fd, const char *path, uint64_t bytes,
                       mds_error_t *err, mds_install_filter_t *filter)
{
    mds_install_header_t *header = &filter->header;
    mds_status_t          status = MDS_DAMAGED;

    if (bytes >= sizeof(*header)) {
        status = mds_file_read_at(fd, path, 0, header, sizeof(*header), err);
    }

    if (status != MDS_OK
        || memcmp(header->magic, MDS_INSTALL_MAGIC, sizeof(header->magic)) != 0
        || header->buckets == 0
        || (header->buckets & (header->buckets - 1)) != 0
        || header->buckets != (bytes - sizeof(*header)) / MDS_INSTALL_LINE
        || bytes % MDS_INSTALL_LINE != 0)
    {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" is not a filter", path);
    }

    filter->bytes = (size_t) bytes;
    filter->map
        = mmap(NULL, filter->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (filter->map == MAP_FAILED) {
        return mds_fail_errno(err, "mmap \"%s\"", path);
    }

    filter->words
        = (mds_install_word_t *) ((char *) filter->map + sizeof(*header));

    return MDS_OK;
}

static mds_status_t
mds_install_filter_open_file(const char *path, mds_error_t *err,
                             mds_install_filter_t *filter)
{
    struct stat  st;
    int          fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    mds_status_t status;

    if (fd < 0 || fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "open \"%s\"", path);

    } else if (!S_ISREG(st.st_mode)) {
        status
            = mds_fail(err, MDS_DENIED, "\"%s\" is not a regular file", path);
    } else {
        status = mds_install_filter_map(fd, path, (uint64_t) st.st_size, err,
                                        filter);
    }

    if (fd >= 0) {
        close(fd);
    }

    return status;
}

mds_status_t
mds_install_filter_open(const char *depot, uint64_t max_bytes, mds_error_t *err,
                        mds_install_filter_t **filter)
{
    mds_install_filter_t *opened = calloc(1, sizeof(*opened));
    mds_path_t            path;
    mds_status_t          status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    status = mds_path(&path, err, "%s/state/installs", depot);

    if (status == MDS_OK) {
        status = mds_install_filter_open_file(path.text, err, opened);
    }

    if (status == MDS_DAMAGED) {
        (void) unlink(path.text);
    }

    if (status == MDS_DAMAGED || status == MDS_NOT_FOUND) {
        status = mds_install_filter_create(depot, path.text, max_bytes, err);

        if (status == MDS_OK) {
            status = mds_install_filter_open_file(path.text, err, opened);
        }
    }

    if (status != MDS_OK) {
        free(opened);
        return status;
    }

    *filter = opened;
    return MDS_OK;
}

void
mds_install_filter_close(mds_install_filter_t *filter)
{
    if (filter != NULL) {
        munmap(filter->map, filter->bytes);
        free(filter);
    }
}
