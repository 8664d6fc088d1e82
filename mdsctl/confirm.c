/* confirm: asks the user, on a terminal. */

#include "mdsctl.h"

#include <stdarg.h>
#include <unistd.h>

static bool
has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool
mdsctl_confirm_asks(const mdsctl_t *ctl)
{
    return !ctl->yes && !ctl->dry_run && has_terminal();
}

bool
mdsctl_ask(const char *question)
{
    char line[8] = "";

    if (!has_terminal()) {
        return false;
    }

    fflush(stdout);
    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);

    return fgets(line, sizeof(line), stdin) != NULL
           && (line[0] == 'y' || line[0] == 'Y');
}

int
mdsctl_confirm(const mdsctl_t *ctl, const char *format, ...)
{
    va_list args;

    if (!mdsctl_confirm_asks(ctl)) {
        return MDSCTL_DONE;
    }

    fprintf(stderr, "mdsctl: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");

    if (mdsctl_ask("Go on?")) {
        return MDSCTL_DONE;
    }

    fprintf(stderr, "mdsctl: nothing was changed\n");
    return MDSCTL_FAILED;
}
