/*
 * Locks the first byte of a file by fcntl(), which knows the holder's pid.
 */

#include "loader/mds_pid_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

/* A loader that waits tries the lock so many times, with pauses between, before
 * it reports the holder. */
#define MDS_PID_LOCK_LOOKS 20
#define MDS_PID_LOCK_PAUSE_NS 50000000

static bool
mds_pid_lock_set(int fd, int how, short type)
{
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
    int          rc;

    do {
        rc = fcntl(fd, how, &lock);
    } while (rc != 0 && errno == EINTR);

    return rc == 0;
}

/* Returns the pid of the holder; 0: the lock is free, or the holder cannot be
 * seen. */
static int64_t
mds_pid_lock_holder(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK
                   && lock.l_pid > 0
               ? lock.l_pid
               : 0;
}

bool
mds_pid_lock_take(int fd, void (*waits)(int64_t pid))
{
    const struct timespec pause = { .tv_nsec = MDS_PID_LOCK_PAUSE_NS };

    for (int i = 0; i < MDS_PID_LOCK_LOOKS; i++) {
        if (mds_pid_lock_set(fd, F_SETLK, F_WRLCK)) {
            return true;
        }

        if (errno != EAGAIN && errno != EACCES) {
            return false;
        }

        (void) nanosleep(&pause, NULL);
    }

    waits(mds_pid_lock_holder(fd));

    return mds_pid_lock_set(fd, F_SETLKW, F_WRLCK);
}

void
mds_pid_lock_release(int fd)
{
    (void) mds_pid_lock_set(fd, F_SETLK, F_UNLCK);
}
