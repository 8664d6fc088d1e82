/*
 * mds_fault_guard: survives the damage of mapped files.
 *
 * To read a mapped file that was truncated raises SIGBUS. One that was written
 * over may lead a reader behind its end, which raises SIGSEGV. Either signal
 * would end the process with all of its requests; in a guarded call it ends
 * only the call.
 *
 * A fault counts as damage if its address lies in a file that this process has
 * mapped as shared, or if lib/lmdb has raised it where LMDB would abort(). Any
 * other fault is a bug of the program, and ends it as usual.
 */

#ifndef MDS_FAULT_GUARD_H
#define MDS_FAULT_GUARD_H

#include "base/mds_base.h"

/* Installs the signal handlers, once in a process. False: errno says why. */
bool mds_fault_guard_install(void);

/*
 * Calls call(data). Returns false if a fault ended it at some point: it must
 * own nothing while it reads a mapped file. Calls may be nested, and any thread
 * may make them.
 */
bool mds_fault_guard_call(void (*call)(void *data), void *data);

/* Returns whether the address lies in a file that is mapped as shared; true,
 * too, if the mappings cannot be read. A signal handler may call it. */
bool mds_address_is_in_mapped_file(const void *address);

#endif
