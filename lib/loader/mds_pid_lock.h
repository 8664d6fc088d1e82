/*
 * mds_pid_lock: an advisory lock on a file, whose holder can be named.
 *
 * LMDB's own lock, which is the one that counts, does not know its holder. A
 * loader takes this one before, only to tell its user which process it waits
 * for.
 */

#ifndef MDS_PID_LOCK_H
#define MDS_PID_LOCK_H

#include "base/mds_base.h"

/*
 * Waits for the lock, and calls waits() once it has waited for a second; pid is
 * 0 if the holder cannot be seen (another container). Returns whether the lock
 * is held: it is not if the file system refuses locks.
 */
bool mds_pid_lock_take(int fd, void (*waits)(int64_t pid));

void mds_pid_lock_release(int fd);

#endif
