/* terminal: fits rows to the terminal's width, and runs the pager. */

#define _GNU_SOURCE /* memfd_create(), vasprintf() */

#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COLUMNS_LEAST 20 /* of a terminal, and */
#define CELL_LEAST 8     /* of a cell that is shortened */
#define CHUNK 65536

static int kept = -1;     /* what is printed while the pager waits for it */
static int terminal = -1; /* stdout, meanwhile */

bool
mdsctl_is_terminal(void)
{
    static int is_terminal = -1; /* asked once: some print a line for each
                                    release */

    if (kept >= 0) {
        return true;
    }

    if (is_terminal < 0) {
        is_terminal = isatty(STDOUT_FILENO);
    }

    return is_terminal != 0;
}

/* Returns a number of columns or lines: that of the environment, as a shell
 * sets it, or the terminal's; 0 if neither says one. */
static size_t
get_size(const char *name, bool of_lines)
{
    struct winsize size;
    const char    *text = getenv(name);
    long           number = text == NULL ? 0 : strtol(text, NULL, 10);

    if (number > 0 && number < 10000) {
        return (size_t) number;
    }

    if (ioctl(kept >= 0 ? terminal : STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }

    return of_lines ? size.ws_row : size.ws_col;
}

/* Returns how many bytes the code point at p has, which are UTF-8, and sets its
 * columns: an escape sequence of a colour has none. */
static size_t
measure_char(const char *p, size_t len, size_t *columns)
{
    unsigned char first = (unsigned char) *p;
    size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    *columns = 1;

    if (first == '\033') {
        const char *end = memchr(p, 'm', len);

        *columns = 0;
        bytes = end == NULL ? len : (size_t) (end - p) + 1;

    } else if (first == 0xf0 || (first >= 0xe3 && first < 0xee)) {
        *columns = 2; /* East Asian characters and emoji, nearly all of them */
    }

    return bytes < len ? bytes : len;
}

/* Returns the bytes of the text that fit into so many columns; *columns is set
 * to those that they take. */
static size_t
fit(mds_str_t text, size_t most, size_t *columns)
{
    size_t used = 0, i = 0;

    while (i < text.len) {
        size_t width;
        size_t bytes = measure_char(text.data + i, text.len - i, &width);

        if (used + width > most) {
            break;
        }

        used += width;
        i += bytes;
    }

    *columns = used;
    return i;
}

char *
mdsctl_format(const char *format, ...)
{
    va_list args;
    char   *text;
    int     len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);

    return len < 0 ? NULL : text;
}

void
mdsctl_print_row(char *before, mds_str_t cell, char *after)
{
    size_t      all = mdsctl_is_terminal() ? get_size("COLUMNS", false) : 0;
    const char *first = before == NULL ? "" : before;
    const char *last = after == NULL ? "" : after;
    size_t      left, right, width;

    (void) fit(mds_str_of(first), SIZE_MAX, &left);
    (void) fit(mds_str_of(last), SIZE_MAX, &right);
    (void) fit(cell, SIZE_MAX, &width);

    if (all < COLUMNS_LEAST || left + right + width <= all
        || left + right + CELL_LEAST > all)
    {
        printf("%s%.*s%s\n", first, MDS_STR(cell), last);
    } else {
        cell.len = fit(cell, all - left - right - 1, &width);
        printf("%s%.*s…%s\n", first, MDS_STR(cell), last);
    }

    free(before);
    free(after);
}

/* --- the pager */

/* Returns the command of the pager; NULL: none is wanted. */
static const char *
find_pager(void)
{
    const char *pager = getenv("MDS_PAGER");
    const char *term = getenv("TERM");

    pager = pager != NULL ? pager : getenv("PAGER");

    if (pager == NULL) {
        pager = term == NULL || strcmp(term, "dumb") == 0 ? "cat" : "less";
    }

    return *pager == '\0' || strcmp(pager, "cat") == 0 ? NULL : pager;
}

void
mdsctl_pager_begin(void)
{
    int fd;

    if (kept >= 0 || !isatty(STDOUT_FILENO) || find_pager() == NULL) {
        return;
    }

    fd = memfd_create("mdsctl", MFD_CLOEXEC);
    terminal = fd < 0 ? -1 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

    if (terminal < 0 || fflush(stdout) != 0 || dup2(fd, STDOUT_FILENO) < 0) {
        close(fd);
        return;
    }

    kept = fd;
}

/* Returns whether the text fits the terminal, with a line for the prompt. */
static bool
fits_terminal(int fd)
{
    size_t  columns = get_size("COLUMNS", false);
    size_t  rows = get_size("LINES", true), lines = 0, width = 0;
    char    text[4096];
    ssize_t n;
    off_t   at = 0;

    while ((n = pread(fd, text, sizeof(text), at)) > 0 && lines < rows) {
        for (ssize_t i = 0; i < n; i++) {
            width = text[i] == '\n' ? 0 : width + 1;
            lines += text[i] == '\n' || (columns > 0 && width > columns);
            width = columns > 0 && width > columns ? 1 : width;
        }
        at += n;
    }

    return rows == 0 || lines < rows;
}

static void
copy_to_terminal(int fd)
{
    static char text[CHUNK];
    ssize_t     n;
    off_t       at = 0;

    while ((n = pread(fd, text, sizeof(text), at)) > 0) {
        ssize_t written = write(STDOUT_FILENO, text, (size_t) n);

        if (written < 0 && errno != EINTR) {
            return;
        }

        at += written > 0 ? written : 0;
    }
}

/* Runs the pager with the file as its input. Returns false if there is no such
 * program. */
static bool
run_pager(const char *pager, int fd)
{
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    int   status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void) signal(SIGINT, SIG_DFL);
        (void) setenv("LESS", "FRX", 0);
        (void) setenv("LV", "-c", 0);

        if (lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) == 0) {
            execl("/bin/sh", "sh", "-c", pager, (char *) NULL);
        }

        _exit(127);
    }

    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }

    (void) signal(SIGINT, before);

    return pid > 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}

void
mdsctl_pager_end(void)
{
    int fd = kept;

    if (fd < 0) {
        return;
    }

    (void) fflush(stdout);
    (void) dup2(terminal, STDOUT_FILENO);
    close(terminal);
    kept = -1;

    if (fits_terminal(fd) || !run_pager(find_pager(), fd)) {
        copy_to_terminal(fd);
    }

    close(fd);
}
