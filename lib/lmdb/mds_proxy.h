/*
 * mds_proxy: an environment that belongs to another user is opened by a process
 * of that user, which answers what mds_lmdb.h asks over a socket.
 *
 * What LMDB maps is believed: pointers within pages, and the mutexes of
 * lock.mdb, can be set by whoever writes to the files. Root must not map them:
 * this process would run whatever they lead to. Nor may it open them by a path
 * that their owner can replace. So root's mdsctl begins a second process of its
 * own program, which enters the directory, becomes its owner, and only then
 * opens what is in it. Whatever happens to that process, it can do no more than
 * the owner could do before; what it says is checked here.
 */

#ifndef MDS_PROXY_H
#define MDS_PROXY_H

#include "base/mds_file.h"

/* argv[0] of the second process: main() is to call mds_proxy_serve() then. */
#define MDS_PROXY_NAME "mdsctl-state"

/* From now on, where this process is root's, shared environments (mds_lmdb.h)
 * of other users are opened by a process of theirs. For programs whose main()
 * knows the name above. */
void mds_proxy_enable(void);

/* Whether that is so. */
bool mds_proxy_enabled(void);

/* The second process: serves descriptor 3 until that is closed. Returns the
 * exit code. */
int mds_proxy_serve(void);

#endif
