/*
 * mds_fault_guard: survives the damage of mapped files.
 *
 * A mapped file that is cut short under a reader raises SIGBUS, and one that
 * is written over may lead a reader behind its end, which is SIGSEGV: the end
 * of the process and of all else that it has under way. Within a guarded call
 * such a fault ends the call instead.
 *
 * Only faults at addresses of files that this process has mapped as shared
 * count as damage, and what LMDB's border raises where LMDB would abort().
 * All other faults are mistakes of the program and end it as usual.
 */

#ifndef MDS_FAULT_GUARD_H
#define MDS_FAULT_GUARD_H

#include "base/mds_base.h"

/* Installs the signal handlers; once in a process. False: errno says why. */
bool mds_fault_guard_install(void);

/*
 * Calls call(data). Returns false if a fault ended it, wherever it was: it must
 * own nothing while it reads a mapped file. Calls may be nested, and any thread
 * may make them.
 */
bool mds_fault_guard_call(void (*call)(void *data), void *data);

/* Whether the address lies in a file that is mapped as shared; true as well
 * where that cannot be found out. Safe in a signal handler. */
bool mds_address_is_in_mapped_file(const void *address);

#endif
