/*
 * To be preloaded: ends the process by SIGKILL at the n-th call that changes a
 * file or makes it durable.
 *
 *   KILLER_AT=n      the n-th call, from 1
 *   KILLER_HALF=1    a write is done in half before that
 *   KILLER_ERRNO=e   no end, but this error, from there on (a full disk: 28);
 *                    files are not made, either
 *   KILLER_ONCE=1    this error at that call alone
 *   KILLER_SYNCED=1  this error for what is opened with O_DSYNC alone: of
 *                    LMDB's files, the page that says which tree is the newest
 *   KILLER_WHILE=F   this error as long as there is a file F
 *   KILLER_HANG=1    no error: the call waits until there is no file F
 *
 *   KILLER_UNLOCK=ms sleeps so long when the lock is let go of for the first
 *                    time after something was written
 *
 *   KILLER_STOP=1    no end: stops the process, by SIGSTOP, when it has made the
 *                    first temporary file in a temporary directory
 *
 * Without KILLER_AT, KILLER_UNLOCK and KILLER_STOP, nothing happens.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long
setting(const char *name)
{
    const char *value = getenv(name);

    return value != NULL ? atol(value) : 0;
}

static int has_written;

static int
is_due(void)
{
    static long calls;

    calls++;

    if (setting("KILLER_ERRNO") == 0 || setting("KILLER_ONCE") != 0) {
        return setting("KILLER_AT") != 0 && calls == setting("KILLER_AT");
    }

    if (getenv("KILLER_WHILE") != NULL) {
        return access(getenv("KILLER_WHILE"), F_OK) == 0;
    }

    return setting("KILLER_AT") != 0 && calls >= setting("KILLER_AT");
}

/* True: the call fails. */
static int
strike(void)
{
    if (!is_due()) {
        return 0;
    }

    if (setting("KILLER_ERRNO") == 0) {
        kill(getpid(), SIGKILL);
        pause();
    }

    if (setting("KILLER_HANG") != 0) {
        while (is_due()) {
            usleep(1000);
        }
        return 0;
    }

    errno = (int) setting("KILLER_ERRNO");
    return 1;
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

/* What is written to a terminal, a pipe or a log is no change of a file. */
static int
is_file(int fd)
{
    struct stat st;

    return fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
           && (fcntl(fd, F_GETFL) & O_APPEND) == 0;
}

static int
is_struck(int fd)
{
    return is_file(fd)
           && (setting("KILLER_SYNCED") == 0
               || (fcntl(fd, F_GETFL) & O_DSYNC) != 0);
}

#define STRIKE_WRITE(half)                                                     \
    do {                                                                       \
        if (is_struck(fd)) {                                                   \
            has_written = 1;                                                   \
            if (setting("KILLER_HALF") != 0 && is_due()) {                     \
                (void) !(half);                                                \
                kill(getpid(), SIGKILL);                                       \
                pause();                                                       \
            }                                                                  \
            if (setting("KILLER_HALF") == 0 && strike()) {                     \
                return -1;                                                     \
            }                                                                  \
        }                                                                      \
    } while (0)

ssize_t
write(int fd, const void *data, size_t len)
{
    STRIKE_WRITE(REAL(write)(fd, data, len / 2));
    return REAL(write)(fd, data, len);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
    STRIKE_WRITE(REAL(pwrite)(fd, data, len / 2, offset));
    return REAL(pwrite)(fd, data, len, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    STRIKE_WRITE(REAL(pwrite64)(fd, data, len / 2, offset));
    return REAL(pwrite64)(fd, data, len, offset);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
    STRIKE_WRITE(REAL(writev)(fd, v, count / 2));
    return REAL(writev)(fd, v, count);
}

ssize_t
pwritev(int fd, const struct iovec *v, int count, off_t offset)
{
    STRIKE_WRITE(REAL(pwritev)(fd, v, count / 2, offset));
    return REAL(pwritev)(fd, v, count, offset);
}

static int
strike_name(void)
{
    return setting("KILLER_SYNCED") == 0 && strike();
}

/* Making a file: of no interest to who is killed, the next call is near. */
static int
strike_make(int flags)
{
    return (flags & O_CREAT) != 0 && setting("KILLER_ERRNO") != 0
           && strike_name();
}

int
open(const char *path, int flags, ...)
{
    va_list args;
    mode_t  mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);

    return strike_make(flags) ? -1 : REAL(open)(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t  mode;

    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);

    return strike_make(flags) ? -1 : REAL(open64)(path, flags, mode);
}

static void
stop_at(const char *path)
{
    const char *directory = strstr(path, "/.tmp-");

    if (setting("KILLER_STOP") != 0 && directory != NULL
        && strstr(directory + 1, "/.tmp-") != NULL)
    {
        unsetenv("KILLER_STOP");
        kill(getpid(), SIGSTOP);
    }
}

int
mkstemp(char *template)
{
    int fd = strike_make(O_CREAT) ? -1 : REAL(mkstemp)(template);

    stop_at(template);
    return fd;
}

char *
mkdtemp(char *template)
{
    return strike_make(O_CREAT) ? NULL : REAL(mkdtemp)(template);
}

int
link(const char *from, const char *to)
{
    return strike_make(O_CREAT) ? -1 : REAL(link)(from, to);
}

int
fsync(int fd)
{
    return strike_name() ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
    return strike_name() ? -1 : REAL(fdatasync)(fd);
}

int
msync(void *address, size_t len, int flags)
{
    return strike_name() ? -1 : REAL(msync)(address, len, flags);
}

int
ftruncate(int fd, off_t len)
{
    return strike_name() ? -1 : REAL(ftruncate)(fd, len);
}

int
rename(const char *from, const char *to)
{
    return strike_name() ? -1 : REAL(rename)(from, to);
}

int
mkdir(const char *path, mode_t mode)
{
    return strike_name() ? -1 : REAL(mkdir)(path, mode);
}

int
chmod(const char *path, mode_t mode)
{
    return strike_name() ? -1 : REAL(chmod)(path, mode);
}

int
fchmod(int fd, mode_t mode)
{
    return strike_name() ? -1 : REAL(fchmod)(fd, mode);
}

/* A full disk lets go of files: no error here. */
int
unlink(const char *path)
{
    if (setting("KILLER_ERRNO") == 0) {
        (void) strike();
    }
    return REAL(unlink)(path);
}

int
unlinkat(int fd, const char *path, int flags)
{
    if (setting("KILLER_ERRNO") == 0) {
        (void) strike();
    }
    return REAL(unlinkat)(fd, path, flags);
}

int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int result = REAL(pthread_mutex_unlock)(mutex);

    if (has_written && setting("KILLER_UNLOCK") != 0) {
        has_written = 0;
        usleep((useconds_t) setting("KILLER_UNLOCK") * 1000);
    }

    return result;
}
