/*
 * To be preloaded: records what becomes of the files below a directory, and in
 * which order, so that a power cut can be played at any point of it
 * (t/nginx/lib/Power.pm).
 *
 *   RECORDER_ROOT=DIR  without symbolic links; no trailing slash
 *   RECORDER_LOG=FILE  outside of it; several processes may share it
 *
 * A record is one line of fields between tabs and, for "write", so many raw
 * bytes and a line's end behind it; paths are relative to DIR:
 *
 *   write PATH INODE OFFSET LENGTH SYNCED   SYNCED 1: O_DSYNC
 *   size PATH INODE LENGTH
 *   sync PATH INODE
 *   make PATH INODE, folder PATH INODE, link PATH INODE (another name),
 *   move PATH INODE TO, swap PATH INODE TO, drop PATH INODE
 *
 * A call is made and recorded under one lock, so that the log's order is the
 * real one. What is written through a mapping is recorded when it is synced,
 * or unmapped.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))
#define MAPS 16

static char            root[PATH_MAX], log_path[PATH_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int             log_fd = -1;
static pid_t           log_owner;

static struct {
    void  *address;
    size_t length;
    char   path[PATH_MAX];
    ino_t  inode;
} maps[MAPS];

/* nginx takes the environment away. */
__attribute__((constructor)) static void
begin(void)
{
    const char *r = getenv("RECORDER_ROOT"), *l = getenv("RECORDER_LOG");

    if (r != NULL && l != NULL) {
        snprintf(root, sizeof(root), "%s", r);
        snprintf(log_path, sizeof(log_path), "%s", l);
    }
}

/* A child's is its own: locks go with what was opened. */
static void
lock(void)
{
    pthread_mutex_lock(&mutex);

    if (log_owner != getpid()) {
        log_fd = REAL(open)(log_path, O_WRONLY | O_APPEND | O_CLOEXEC);
        log_owner = getpid();
    }

    flock(log_fd, LOCK_EX);
}

static void
unlock(void)
{
    int number = errno;

    flock(log_fd, LOCK_UN);
    pthread_mutex_unlock(&mutex);
    errno = number;
}

static void
record(const void *data, size_t len, const char *format, ...)
{
    char         line[3 * PATH_MAX];
    struct iovec v[3] = { { line, 0 }, { (void *) data, len }, { "\n", 1 } };
    int          number = errno;
    va_list      args;

    va_start(args, format);
    v[0].iov_len = (size_t) vsnprintf(line, sizeof(line), format, args);
    va_end(args);

    if (REAL(writev)(log_fd, v, data != NULL ? 3 : 1) < 0) {
        abort();
    }
    errno = number;
}

/* The path below the root; NULL: it is elsewhere. */
static const char *
below(const char *path)
{
    size_t len = strlen(root);

    if (len == 0 || strncmp(path, root, len) != 0) {
        return NULL;
    }

    return path[len] == '/' ? path + len + 1 : path[len] == '\0' ? "." : NULL;
}

static const char *
path_at(int at, const char *path, char full[PATH_MAX])
{
    char    link[64], folder[PATH_MAX];
    ssize_t n;

    if (path[0] == '/') {
        return below(path);
    }

    snprintf(link, sizeof(link),
             at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
    n = readlink(link, folder, sizeof(folder) - 1);
    if (n < 0) {
        return NULL;
    }

    folder[n] = '\0';
    if (snprintf(full, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX) {
        return NULL;
    }
    return below(full);
}

/* Of what is open. */
static const char *
path_of(int fd, char full[PATH_MAX], ino_t *inode)
{
    char        link[64];
    struct stat st;
    ssize_t     n;

    if (root[0] == '\0' || fd < 0 || fstat(fd, &st) != 0
        || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
    {
        return NULL;
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, full, PATH_MAX - 1);
    if (n < 0) {
        return NULL;
    }

    full[n] = '\0';
    *inode = st.st_ino;
    return below(full);
}

static unsigned long
inode_at(int at, const char *path)
{
    struct stat st;

    return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0
               ? (unsigned long) st.st_ino
               : 0;
}

/* --- writes */

static void
wrote(int fd, const char *path, ino_t inode, off_t at, const void *data,
      ssize_t len)
{
    int synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;

    record(data, (size_t) len, "write\t%s\t%lu\t%lld\t%zd\t%d\n", path,
           (unsigned long) inode, (long long) at, len, synced);
}

/* The call, which sets n. */
#define WRITE(call, at, data)                                                  \
    do {                                                                       \
        char        full[PATH_MAX];                                            \
        ino_t       inode;                                                     \
        const char *path = path_of(fd, full, &inode);                          \
        ssize_t     n;                                                         \
                                                                               \
        if (path == NULL) {                                                    \
            return call;                                                       \
        }                                                                      \
                                                                               \
        lock();                                                                \
        n = call;                                                              \
        if (n > 0) {                                                           \
            wrote(fd, path, inode, at, data, n);                               \
        }                                                                      \
        unlock();                                                              \
        return n;                                                              \
    } while (0)

ssize_t
write(int fd, const void *data, size_t len)
{
    WRITE(REAL(write)(fd, data, len), lseek(fd, 0, SEEK_CUR) - n, data);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
    WRITE(REAL(pwrite)(fd, data, len, offset), offset, data);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    WRITE(REAL(pwrite64)(fd, data, len, offset), offset, data);
}

/* All in one piece, to be freed. */
static char *
gather(const struct iovec *v, int count)
{
    size_t len = 1;
    char  *data, *p;

    for (int i = 0; i < count; i++) {
        len += v[i].iov_len;
    }

    data = p = malloc(len);
    if (data == NULL) {
        abort();
    }

    for (int i = 0; i < count; i++) {
        p = mempcpy(p, v[i].iov_base, v[i].iov_len);
    }
    return data;
}

static ssize_t
write_vector(int fd, const struct iovec *v, int count, off_t offset)
{
    char        full[PATH_MAX], *data;
    ino_t       inode;
    const char *path = path_of(fd, full, &inode);
    ssize_t     n;

    if (path == NULL) {
        return offset < 0 ? REAL(writev)(fd, v, count)
                          : REAL(pwritev)(fd, v, count, offset);
    }

    lock();
    data = gather(v, count);
    n = offset < 0 ? REAL(writev)(fd, v, count)
                   : REAL(pwritev)(fd, v, count, offset);
    if (n > 0) {
        wrote(fd, path, inode, offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset,
              data, n);
    }
    free(data);
    unlock();
    return n;
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
    return write_vector(fd, v, count, -1);
}

ssize_t
pwritev(int fd, const struct iovec *v, int count, off_t offset)
{
    return write_vector(fd, v, count, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *v, int count, off64_t offset)
{
    return write_vector(fd, v, count, offset);
}

#define ON_FD(call, ...)                                                       \
    do {                                                                       \
        char        full[PATH_MAX];                                            \
        ino_t       inode;                                                     \
        const char *path = path_of(fd, full, &inode);                          \
        int         result;                                                    \
                                                                               \
        if (path == NULL) {                                                    \
            return call;                                                       \
        }                                                                      \
                                                                               \
        lock();                                                                \
        result = call;                                                         \
        if (result == 0) {                                                     \
            record(NULL, 0, __VA_ARGS__);                                      \
        }                                                                      \
        unlock();                                                              \
        return result;                                                         \
    } while (0)

int
ftruncate(int fd, off_t len)
{
    ON_FD(REAL(ftruncate)(fd, len), "size\t%s\t%lu\t%lld\n", path,
          (unsigned long) inode, (long long) len);
}

int
ftruncate64(int fd, off64_t len)
{
    ON_FD(REAL(ftruncate64)(fd, len), "size\t%s\t%lu\t%lld\n", path,
          (unsigned long) inode, (long long) len);
}

int
fsync(int fd)
{
    ON_FD(REAL(fsync)(fd), "sync\t%s\t%lu\n", path, (unsigned long) inode);
}

int
fdatasync(int fd)
{
    ON_FD(REAL(fdatasync)(fd), "sync\t%s\t%lu\n", path, (unsigned long) inode);
}

/* --- mappings */

static void
note_map(void *address, size_t length, int prot, int flags, int fd)
{
    char        full[PATH_MAX];
    ino_t       inode;
    const char *path;

    if (address == MAP_FAILED || (prot & PROT_WRITE) == 0
        || (flags & MAP_SHARED) == 0
        || (path = path_of(fd, full, &inode)) == NULL
        || strstr(path, "lock.mdb") != NULL)
    {
        return;
    }

    for (int i = 0; i < MAPS; i++) {
        if (maps[i].address == NULL) {
            maps[i].address = address;
            maps[i].length = length;
            maps[i].inode = inode;
            snprintf(maps[i].path, PATH_MAX, "%s", path);
            return;
        }
    }
    abort();
}

void *
mmap(void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
    void *map = REAL(mmap)(address, length, prot, flags, fd, offset);

    note_map(map, length, prot, flags, fd);
    return map;
}

void *
mmap64(void *address, size_t length, int prot, int flags, int fd,
       off64_t offset)
{
    void *map = REAL(mmap64)(address, length, prot, flags, fd, offset);

    note_map(map, length, prot, flags, fd);
    return map;
}

/* Its bytes as they are now. */
static void
wrote_map(int i)
{
    record(maps[i].address, maps[i].length, "write\t%s\t%lu\t0\t%zu\t0\n",
           maps[i].path, (unsigned long) maps[i].inode, maps[i].length);
}

static int
find_map(const void *address)
{
    for (int i = 0; i < MAPS; i++) {
        if (maps[i].address == address && address != NULL) {
            return i;
        }
    }
    return -1;
}

int
msync(void *address, size_t len, int flags)
{
    int i = find_map(address), result;

    if (i < 0) {
        return REAL(msync)(address, len, flags);
    }

    lock();
    wrote_map(i);
    result = REAL(msync)(address, len, flags);
    if (result == 0 && (flags & MS_SYNC) != 0) {
        record(NULL, 0, "sync\t%s\t%lu\n", maps[i].path,
               (unsigned long) maps[i].inode);
    }
    unlock();
    return result;
}

int
munmap(void *address, size_t len)
{
    int i = find_map(address);

    if (i >= 0) {
        lock();
        wrote_map(i);
        maps[i].address = NULL;
        unlock();
    }
    return REAL(munmap)(address, len);
}

/* --- names */

static int
opened(int at, const char *path, int flags, mode_t mode)
{
    char        full[PATH_MAX];
    const char *name = (flags & (O_CREAT | O_TRUNC)) != 0 && root[0] != '\0'
                           ? path_at(at, path, full)
                           : NULL;
    struct stat st;
    int         fd, was;

    if (name == NULL) {
        return REAL(openat)(at, path, flags, mode);
    }

    lock();
    was = fstatat(at, path, &st, 0) == 0;
    fd = REAL(openat)(at, path, flags, mode);

    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (!was) {
            record(NULL, 0, "make\t%s\t%lu\n", name, (unsigned long) st.st_ino);
        } else if ((flags & O_TRUNC) != 0) {
            record(NULL, 0, "size\t%s\t%lu\t0\n", name,
                   (unsigned long) st.st_ino);
        }
    }
    unlock();
    return fd;
}

static mode_t
mode_in(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define OPEN(name, at, ...)                                                    \
    int name(__VA_ARGS__, ...)                                                 \
    {                                                                          \
        va_list args;                                                          \
        mode_t  mode;                                                          \
                                                                               \
        va_start(args, flags);                                                 \
        mode = mode_in(flags, args);                                           \
        va_end(args);                                                          \
        return opened(at, path, flags, mode);                                  \
    }

OPEN(open, AT_FDCWD, const char *path, int flags)
OPEN(open64, AT_FDCWD, const char *path, int flags)
OPEN(openat, at, int at, const char *path, int flags)
OPEN(openat64, at, int at, const char *path, int flags)

int
mkstemp(char *template)
{
    char        full[PATH_MAX];
    const char *name;
    int         fd;

    if (root[0] == '\0') {
        return REAL(mkstemp)(template);
    }

    lock();
    fd = REAL(mkstemp)(template);
    name = fd < 0 ? NULL : path_at(AT_FDCWD, template, full);
    if (name != NULL) {
        record(NULL, 0, "make\t%s\t%lu\n", name, inode_at(AT_FDCWD, template));
    }
    unlock();
    return fd;
}

#define ON_NAME(call, at, path, how)                                           \
    do {                                                                       \
        char          full[PATH_MAX];                                          \
        const char   *name = root[0] == '\0' ? NULL : path_at(at, path, full); \
        unsigned long inode;                                                   \
        int           result;                                                  \
                                                                               \
        if (name == NULL) {                                                    \
            return call;                                                       \
        }                                                                      \
                                                                               \
        lock();                                                                \
        inode = inode_at(at, path);                                            \
        result = call;                                                         \
        if (result == 0) {                                                     \
            record(NULL, 0, how "\t%s\t%lu\n", name,                           \
                   inode != 0 ? inode : inode_at(at, path));                   \
        }                                                                      \
        unlock();                                                              \
        return result;                                                         \
    } while (0)

int
mkdir(const char *path, mode_t mode)
{
    ON_NAME(REAL(mkdir)(path, mode), AT_FDCWD, path, "folder");
}

int
unlink(const char *path)
{
    ON_NAME(REAL(unlink)(path), AT_FDCWD, path, "drop");
}

int
rmdir(const char *path)
{
    ON_NAME(REAL(rmdir)(path), AT_FDCWD, path, "drop");
}

int
unlinkat(int at, const char *path, int flags)
{
    ON_NAME(REAL(unlinkat)(at, path, flags), at, path, "drop");
}

int
link(const char *from, const char *to)
{
    ON_NAME(REAL(link)(from, to), AT_FDCWD, to, "link");
}

char *
mkdtemp(char *template)
{
    char        full[PATH_MAX];
    const char *name;
    char       *made;

    if (root[0] == '\0') {
        return REAL(mkdtemp)(template);
    }

    lock();
    made = REAL(mkdtemp)(template);
    name = made == NULL ? NULL : path_at(AT_FDCWD, template, full);
    if (name != NULL) {
        record(NULL, 0, "folder\t%s\t%lu\n", name,
               inode_at(AT_FDCWD, template));
    }
    unlock();
    return made;
}

static int
moved(int result, const char *how, const char *from, unsigned long inode,
      const char *to)
{
    if (result == 0 && from != NULL && to != NULL) {
        record(NULL, 0, "%s\t%s\t%lu\t%s\n", how, from, inode, to);
    }
    unlock();
    return result;
}

int
rename(const char *from, const char *to)
{
    char          full[PATH_MAX], other[PATH_MAX];
    unsigned long inode;

    if (root[0] == '\0') {
        return REAL(rename)(from, to);
    }

    lock();
    inode = inode_at(AT_FDCWD, from);
    return moved(REAL(rename)(from, to), "move", path_at(AT_FDCWD, from, full),
                 inode, path_at(AT_FDCWD, to, other));
}

int
renameat2(int at, const char *from, int to_at, const char *to,
          unsigned int flags)
{
    char          full[PATH_MAX], other[PATH_MAX];
    unsigned long inode;

    if (root[0] == '\0') {
        return REAL(renameat2)(at, from, to_at, to, flags);
    }

    lock();
    inode = inode_at(at, from);
    return moved(REAL(renameat2)(at, from, to_at, to, flags),
                 (flags & RENAME_EXCHANGE) != 0 ? "swap" : "move",
                 path_at(at, from, full), inode, path_at(to_at, to, other));
}
