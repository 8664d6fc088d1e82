/* output: prints errors, usage lines and JSON for all commands. */

#define _GNU_SOURCE /* vasprintf() */

#include "mdsctl.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process runs one command, so its path and name are static. */
static mdsctl_path_t running;
static char          command_name[64];
static const char   *used_depot;

/* Empties "password=…", as addresses of databases have it. */
static void
hide_passwords(char *text)
{
    for (text = strstr(text, "password="); text != NULL;
         text = strstr(text, "password="))
    {
        char *end;

        text += strlen("password=");
        end = text + strcspn(text, "&' \"\n");
        memmove(text, end, strlen(end) + 1);
    }
}

void
mdsctl_hide_users(char *text)
{
    char *at, *host = text;

    while ((host = strstr(host, "://")) != NULL) {
        host += 3;

        for (at = host + strcspn(host, "/?# \"\n"); at > host && at[-1] != '@';
             at--) {
        }

        memmove(host, at, strlen(at) + 1);
    }

    hide_passwords(text);
}

void
mdsctl_set_depot(const char *depot)
{
    used_depot = depot;
}

/* Says who may run the command, where a right is missing. */
static void
print_owner(const mds_error_t *err)
{
    struct stat    st;
    struct passwd *owner;

    if (err->status != MDS_DENIED || used_depot == NULL
        || strstr(err->text, used_depot) == NULL
        || strstr(err->text, strerror(EACCES)) == NULL
        || stat(used_depot, &st) != 0 || st.st_uid == geteuid())
    {
        return;
    }

    owner = getpwuid(st.st_uid);
    fprintf(stderr,
            "mdsctl: the depot belongs to %s: run this as %s, by sudo for"
            " example; or have %s let your group read the depot"
            " (`mdsctl help init`: --readers)\n",
            owner != NULL ? owner->pw_name : "another user",
            owner != NULL ? owner->pw_name : "that user",
            owner != NULL ? owner->pw_name : "that user");
}

int
mdsctl_fail(const mds_error_t *err)
{
    mds_error_t shown = *err;

    mdsctl_hide_users(shown.text);
    mdsctl_pager_end();
    fflush(stdout);
    fprintf(stderr, "mdsctl: %s\n", shown.text);
    print_owner(&shown);
    return MDSCTL_FAILED;
}

void
mdsctl_report_wait(int64_t pid)
{
    if (pid == 0) {
        fprintf(stderr, "mdsctl: waiting for another loader\n");
    } else {
        fprintf(stderr,
                "mdsctl: waiting for another loader, process %" PRId64 "\n",
                pid);
    }
}

int
mdsctl_fail_usage(const char *format, ...)
{
    va_list args;
    char   *text = NULL;

    mdsctl_pager_end();
    fflush(stdout);
    va_start(args, format);

    if (vasprintf(&text, format, args) < 0) {
        text = NULL;
    }

    va_end(args);

    if (text != NULL) {
        mdsctl_hide_users(text);
    }

    fprintf(stderr, "mdsctl: %s\n", text != NULL ? text : "out of memory");
    mdsctl_usage_print(stderr, &running);
    fprintf(stderr,
            running.command != NULL ? "`mdsctl help %s` explains the command\n"
                                    : "`mdsctl help%s` lists the commands\n",
            command_name);
    free(text);

    return MDSCTL_USAGE;
}

const char *
mdsctl_colour(mdsctl_colour_t colour)
{
    static const char *const codes[]
        = { "\033[0m", "\033[31m", "\033[32m", "\033[33m" };
    const char *off = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (off != NULL && *off != '\0') || !mdsctl_is_terminal()
                   || term == NULL || strcmp(term, "dumb") == 0
               ? ""
               : codes[colour];
}

void
mdsctl_set_command(const mdsctl_path_t *path)
{
    running = *path;
    (void) snprintf(command_name, sizeof(command_name), "%s%s%s",
                    path->family != NULL ? path->family->name : "",
                    path->family != NULL ? " " : "", path->command->name);
}

const mdsctl_path_t *
mdsctl_running(void)
{
    return &running;
}

const char *
mdsctl_command_name(void)
{
    return command_name;
}

int
mdsctl_json_status(mds_status_t status)
{
    mds_error_t err;

    return mds_json_done(status, &err) == MDS_OK ? MDSCTL_DONE
                                                 : mdsctl_fail(&err);
}

int
mdsctl_print(mds_json_t *json)
{
    char       *text;
    size_t      len;
    mds_error_t err;

    if (mds_json_dump(json, MDS_JSON_PRETTY, &err, &text, &len) != MDS_OK) {
        mds_json_release(json);
        return mdsctl_fail(&err);
    }

    printf("%s\n", text);
    free(text);
    mds_json_release(json);
    return MDSCTL_DONE;
}
