/*
 * Starts processes for a test. A fork of a Perl with its modules copies some ten
 * thousand page table entries, and both sides then copy the pages that they touch:
 * that costs more than most commands. This process is small, and posix_spawn()
 * copies nothing.
 *
 * Standard input is a socket. A request is its length (uint32_t) and strings that
 * end with a zero byte: the files for the standard input, output and error output,
 * the folder, the umask (octal), the number of arguments, the arguments, and the
 * environment. The answer is the status that waitpid() returned (int32_t).
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

static int32_t
spawn(char *p, char *end)
{
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

    if (posix_spawn(&pid, argv[0], &actions, NULL, argv, envp) != 0) {
        status = NOT_FOUND;

    } else {
        while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        }
    }

    posix_spawn_file_actions_destroy(&actions);
    free(argv);
    free(envp);

    return status;
}

int
main(void)
{
    uint32_t bytes;

    while (read_all(&bytes, sizeof(bytes)) == 0) {
        char   *request = malloc((size_t) bytes + 1);
        int32_t status;

        if (request == NULL || read_all(request, bytes) != 0) {
            break;
        }

        request[bytes] = '\0';
        status = spawn(request, request + bytes);
        free(request);

        if (write(STDIN_FILENO, &status, sizeof(status)) != sizeof(status)) {
            break;
        }
    }

    return EXIT_SUCCESS;
}
