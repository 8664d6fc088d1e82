/*
 * mds_fault_guard: a signal handler that jumps back to the guarded call, if the
 * address of the fault lies in a mapped file.
 *
 * The kernel's own list of mappings is read at the time of the fault: faults
 * are rare, and a list of our own would have to follow what LMDB maps.
 */

#include "base/mds_fault_guard.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#define MDS_MAPS_PATH "/proc/self/maps"

/* A line is "BEGIN-END rwxs OFFSET MAJOR:MINOR INODE PATH". As many of its
 * bytes are kept as hold all numbers and the start of the path. */
#define MDS_MAPS_LINE_BYTES 160

typedef struct {
    const char *p;
    const char *end;
} mds_maps_line_t;

/* The place to which a fault returns; NULL: this thread is in no guarded call.
 */
static MDS_THREAD_LOCAL sigjmp_buf *mds_fault_guard_return;

static uintptr_t
mds_maps_number(mds_maps_line_t *line, unsigned base)
{
    uintptr_t number = 0;

    for (; line->p < line->end; line->p++) {
        char     c = *line->p;
        unsigned digit = base;

        if (c >= '0' && c <= '9') {
            digit = (unsigned) (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned) (c - 'a') + 10;
        }

        if (digit >= base) {
            break;
        }

        number = number * base + digit;
    }

    line->p += line->p < line->end ? 1 : 0;

    return number;
}

static void
mds_maps_skip_word(mds_maps_line_t *line)
{
    while (line->p < line->end && *line->p++ != ' ') { /* void */
    }
}

/* Returns whether the address lies in the line's mapping, and that is of a file
 * and shared. Shared memory without a file has a name as well: /dev/zero. */
static bool
mds_maps_line_has(mds_maps_line_t line, uintptr_t address)
{
    uintptr_t  begin = mds_maps_number(&line, 16);
    uintptr_t  end = mds_maps_number(&line, 16);
    const char zero[] = "/dev/zero";
    bool       shared;

    if (address < begin || address >= end || line.end - line.p < 5) {
        return false;
    }

    shared = line.p[3] == 's';
    mds_maps_skip_word(&line); /* permissions */
    mds_maps_skip_word(&line); /* offset */
    mds_maps_skip_word(&line); /* device */

    if (!shared || mds_maps_number(&line, 10) == 0) {
        return false;
    }

    while (line.p < line.end && *line.p == ' ') {
        line.p++;
    }

    return (size_t) (line.end - line.p) < sizeof(zero) - 1
           || memcmp(line.p, zero, sizeof(zero) - 1) != 0;
}

bool
mds_address_is_in_mapped_file(const void *address)
{
    char    buffer[1024], line[MDS_MAPS_LINE_BYTES];
    size_t  len = 0;
    ssize_t n;
    bool    found = false;
    int     fd = open(MDS_MAPS_PATH, O_RDONLY | O_CLOEXEC);

    if (fd == -1) {
        return true;
    }

    while (!found && (n = read(fd, buffer, sizeof(buffer))) > 0) {
        for (ssize_t i = 0; !found && i < n; i++) {
            if (buffer[i] != '\n') {
                if (len < sizeof(line)) {
                    line[len++] = buffer[i];
                }
                continue;
            }

            found = mds_maps_line_has((mds_maps_line_t){ line, line + len },
                                      (uintptr_t) address);
            len = 0;
        }
    }

    (void) close(fd);

    return found;
}

/* Returns whether the signal was raised by a damaged file. */
static bool
mds_fault_is_damage(int signo, const siginfo_t *info)
{
    if (info->si_code <= 0) {
        return signo == SIGBUS && info->si_pid == getpid();
    }

    return mds_address_is_in_mapped_file(info->si_addr);
}

static void
mds_fault_guard_handler(int signo, siginfo_t *info, void *context)
{
    (void) context;

    if (mds_fault_guard_return != NULL && mds_fault_is_damage(signo, info)) {
        siglongjmp(*mds_fault_guard_return, 1);
    }

    /* On return the access is made once more, and ends the process. A signal
     * that was sent has no access to repeat. */
    (void) signal(signo, SIG_DFL);

    if (info->si_code <= 0) {
        (void) raise(signo);
    }
}

bool
mds_fault_guard_install(void)
{
    struct sigaction action = { .sa_sigaction = mds_fault_guard_handler,
                                .sa_flags = SA_SIGINFO | SA_NODEFER };

    (void) sigemptyset(&action.sa_mask);

    return sigaction(SIGBUS, &action, NULL) == 0
           && sigaction(SIGSEGV, &action, NULL) == 0;
}

bool
mds_fault_guard_call(void (*call)(void *data), void *data)
{
    sigjmp_buf  here;
    sigjmp_buf *outer = mds_fault_guard_return;

    if (sigsetjmp(here, 0) != 0) {
        mds_fault_guard_return = outer;
        return false;
    }

    mds_fault_guard_return = &here;
    call(data);
    mds_fault_guard_return = outer;

    return true;
}
