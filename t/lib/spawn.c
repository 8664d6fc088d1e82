/*
 * Starts processes for a test. A fork of a Perl with its modules copies some
 * ten thousand page table entries, and both sides then copy the pages that they
 * touch: that costs more than most commands. This process is small, and
 * posix_spawn() copies nothing.
 *
 * Standard input is a socket. A request is its length (uint32_t) and strings
 * that end with a zero byte: the files for the standard input, output and error
 * output, the folder, the umask (octal), the number of arguments, the
 * arguments, and the environment. The answer is an outcome_t.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    int64_t status; /* as waitpid() gives it */
    int64_t cpu_us; /* of the process, and of its children that it waited for */
    int64_t peak_kib; /* what it, or a child, had in memory at most */
} outcome_t;

#define NOT_FOUND (127 << 8) /* the status of a shell's child */

/* Reads exactly so many bytes; returns -1 at the end of the input. */
static int
read_all(void *buffer, size_t bytes)
{
    char *p = buffer;

    while (bytes != 0) {
        ssize_t n = read(STDIN_FILENO, p, bytes);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return -1;
        }

        p += n;
        bytes -= (size_t) n;
    }

    return 0;
}

/* Returns the string at *p, and moves *p behind it. */
static char *
next_string(char **p)
{
    char *s = *p;

    *p += strlen(s) + 1;

    return s;
}

static int64_t
microseconds(struct timeval time)
{
    return INT64_C(1000000) * time.tv_sec + time.tv_usec;
}

static outcome_t
spawn(char *p, char *end)
{
    outcome_t                  outcome = { .status = NOT_FOUND };
    struct rusage              usage;
    posix_spawn_file_actions_t actions;
    char                     **argv, **envp;
    int                        argc, status, envc = 0;
    pid_t                      pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, next_string(&p),
                                     O_RDONLY, 0);

    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        posix_spawn_file_actions_addopen(&actions, fd, next_string(&p),
                                         O_WRONLY | O_CREAT | O_TRUNC, 0666);
    }

    posix_spawn_file_actions_addchdir_np(&actions, next_string(&p));
    (void) umask((mode_t) strtol(next_string(&p), NULL, 8));

    argc = atoi(next_string(&p));
    argv = calloc((size_t) argc + 1, sizeof(*argv));
    envp = calloc((size_t) (end - p) + 1, sizeof(*envp));
    if (argv == NULL || envp == NULL) {
        abort();
    }

    for (int i = 0; i < argc; i++) {
        argv[i] = next_string(&p);
    }

    while (p < end) {
        envp[envc++] = next_string(&p);
    }

    if (posix_spawn(&pid, argv[0], &actions, NULL, argv, envp) == 0) {
        while (wait4(pid, &status, 0, &usage) == -1 && errno == EINTR) {
        }

        outcome.status = status;
        outcome.cpu_us
            = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        outcome.peak_kib = usage.ru_maxrss;
    }

    posix_spawn_file_actions_destroy(&actions);
    free(argv);
    free(envp);

    return outcome;
}

int
main(void)
{
    uint32_t bytes;

    while (read_all(&bytes, sizeof(bytes)) == 0) {
        char     *request = malloc((size_t) bytes + 1);
        outcome_t outcome;

        if (request == NULL || read_all(request, bytes) != 0) {
            break;
        }

        request[bytes] = '\0';
        outcome = spawn(request, request + bytes);
        free(request);

        if (write(STDIN_FILENO, &outcome, sizeof(outcome)) != sizeof(outcome)) {
            break;
        }
    }

    return EXIT_SUCCESS;
}
