/* key: loads secret keys, and reads the passwords that encrypt them. */

#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define INTERRUPT 3 /* Ctrl-C, Ctrl-D and Ctrl-U in raw mode */
#define END_OF_INPUT 4
#define ERASE_LINE 21
#define BACKSPACE 8
#define DELETE 127

/* Reads a byte; returns 0 at the end, and -1 after an error. */
static ssize_t
read_byte(int fd, char *byte)
{
    ssize_t n;

    do {
        n = read(fd, byte, 1);
    } while (n < 0 && errno == EINTR);

    return n;
}

/* Reads the first line of a file, which may be a pipe, without a buffer that
 * would keep a copy of it. */
static mds_status_t
read_password_file(const char *file, mds_error_t *err,
                   char password[MDS_PASSWORD_MAX], size_t *len)
{
    char    byte;
    ssize_t n;
    size_t  count = 0;
    int     fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        return mds_fail_errno(err, "failed to open \"%s\"", file);
    }

    while ((n = read_byte(fd, &byte)) > 0 && byte != '\n'
           && count < MDS_PASSWORD_MAX)
    {
        password[count++] = byte;
    }

    if (n < 0) {
        mds_status_t status
            = mds_fail_errno(err, "failed to read \"%s\"", file);
        close(fd);
        return status;
    }

    close(fd);

    if (n > 0 && byte != '\n') {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": the password is longer than %d bytes", file,
                        MDS_PASSWORD_MAX);
    }

    if (count > 0 && password[count - 1] == '\r') {
        count--;
    }

    if (count == 0) {
        return mds_fail(err, MDS_INVALID, "\"%s\": the password is empty",
                        file);
    }

    *len = count;
    return MDS_OK;
}

/* Reads a line of a terminal in raw mode. */
static mds_status_t
read_line(int fd, mds_error_t *err, char password[MDS_PASSWORD_MAX],
          size_t *len)
{
    char   byte;
    size_t count = 0;

    while (read_byte(fd, &byte) > 0 && byte != INTERRUPT
           && byte != END_OF_INPUT) {
        if (byte == '\n' || byte == '\r') {
            *len = count;
            return MDS_OK;
        }

        if (byte == ERASE_LINE) {
            count = 0;
        } else if (byte == BACKSPACE || byte == DELETE) {
            count -= count > 0;
        } else if (count < MDS_PASSWORD_MAX) {
            password[count++] = byte;
        }
    }

    return mds_fail(err, MDS_DENIED, "no password was given");
}

/* Asks on the terminal, which does not show what is typed. */
static mds_status_t
ask_terminal(const char *question, const char *path, mds_error_t *err,
             char password[MDS_PASSWORD_MAX], size_t *len)
{
    struct termios shown, hidden;
    sigset_t       signals, before;
    mds_status_t   status;
    int            fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return mds_fail(err, MDS_DENIED,
                        "key \"%s\" needs a password, and there is no terminal"
                        " to ask on: name a file that has it in"
                        " $MDS_KEY_PASSWORD_FILE",
                        path);
    }

    /* A signal must not leave the terminal in this mode: it waits. */
    sigfillset(&signals);
    sigprocmask(SIG_BLOCK, &signals, &before);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t) (ECHO | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    tcsetattr(fd, TCSAFLUSH, &hidden);

    dprintf(fd, "%s %s: ", question, path);
    status = read_line(fd, err, password, len);
    dprintf(fd, "\n");

    tcsetattr(fd, TCSAFLUSH, &shown);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(fd);
    return status;
}

static mds_status_t
read_password(void *data, const char *path, mds_error_t *err,
              char password[MDS_PASSWORD_MAX], size_t *len)
{
    const char *file = getenv("MDS_KEY_PASSWORD_FILE");

    (void) data;
    return file != NULL && *file != '\0'
               ? read_password_file(file, err, password, len)
               : ask_terminal("Password of", path, err, password, len);
}

mds_status_t
mdsctl_key_load(const char *path, mds_error_t *err, mds_key_t *key)
{
    return mds_key_load_encrypted(path, read_password, NULL, err, key);
}

/* Asks for a password twice, since nobody sees what was typed. */
static mds_status_t
ask_twice(const char *path, mds_error_t *err, char password[MDS_PASSWORD_MAX],
          size_t *len)
{
    char         again[MDS_PASSWORD_MAX];
    size_t       again_len = 0;
    mds_status_t status
        = ask_terminal("New password of", path, err, password, len);

    if (status == MDS_OK && *len == 0) {
        status = mds_fail(err, MDS_INVALID, "the password is empty");
    }

    if (status == MDS_OK) {
        status = ask_terminal("Once more, of", path, err, again, &again_len);
    }

    if (status == MDS_OK
        && (again_len != *len || memcmp(again, password, *len) != 0))
    {
        status = mds_fail(err, MDS_INVALID, "the two passwords differ");
    }

    mds_secret_wipe(again, sizeof(again));
    return status;
}

mds_status_t
mdsctl_new_password(const char *path, mds_error_t *err,
                    char password[MDS_PASSWORD_MAX], size_t *len)
{
    const char *file = getenv("MDS_KEY_PASSWORD_FILE");

    return file != NULL && *file != '\0'
               ? read_password_file(file, err, password, len)
               : ask_twice(path, err, password, len);
}
