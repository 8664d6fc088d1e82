/*
 * mds_proxy: opens an environment that belongs to another user in a process of
 * that user, which answers the calls of mds_lmdb.h over a socket.
 *
 * LMDB believes what it maps: pointers within pages, and the mutexes of
 * lock.mdb, can be set by anybody who may write to the files. Root must not map
 * them, for it would follow those pointers, nor open them by a path that their
 * owner can replace. So root's mdsctl starts a second process of its own
 * program, which enters the directory, becomes the directory's owner, and only
 * then opens the files. Whatever that process is made to do, the owner could do
 * before; its answers are checked here.
 */

#ifndef MDS_PROXY_H
#define MDS_PROXY_H

#include "base/mds_base.h"

/* argv[0] of the second process, in which main() calls mds_proxy_serve(). */
#define MDS_PROXY_NAME "mdsctl-state"

/* Opens SHARED environments (mds_lmdb.h) of other users by a process of theirs
 * from now on, if this process is root's. For programs whose main() looks for
 * the name above. */
void mds_proxy_enable(void);

/* Returns whether environments are opened that way. */
bool mds_proxy_is_enabled(void);

/* Serves descriptor 3 until it is closed. Returns the exit code. */
int mds_proxy_serve(void);

#endif
