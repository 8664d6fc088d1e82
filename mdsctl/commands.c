/* commands: lists the commands. Each is defined in its own file in command/. */

#include "mdsctl.h"

#include <string.h>

/* The commands, in the order of the help. */
#define COMMANDS(X)                                                            \
    X(init)                                                                    \
    X(keygen)                                                                  \
    X(publish)                                                                 \
    X(apply)                                                                   \
    X(export)                                                                  \
    X(remove)                                                                  \
    X(release)                                                                 \
    X(promote)                                                                 \
    X(edit)                                                                    \
    X(copy)                                                                    \
    X(pause)                                                                   \
    X(resume)                                                                  \
    X(end)                                                                     \
    X(rollback)                                                                \
    X(list)                                                                    \
    X(message)                                                                 \
    X(status)                                                                  \
    X(versions)                                                                \
    X(devices)                                                                 \
    X(explain)                                                                 \
    X(simulate)                                                                \
    X(check)                                                                   \
    X(log)                                                                     \
    X(revert)                                                                  \
    X(verify)                                                                  \
    X(snapshot)                                                                \
    X(restore)                                                                 \
    X(gc)                                                                      \
    X(rekey)                                                                   \
    X(trust)                                                                   \
    X(database)                                                                \
    X(head)                                                                    \
    X(agent)                                                                   \
    X(help)                                                                    \
    X(version)                                                                 \
    X(complete)                                                                \
    X(man)

#define DECLARE(name) extern const mdsctl_command_t mdsctl_command_##name;
#define ADDRESS(name) &mdsctl_command_##name,

COMMANDS(DECLARE)

const mdsctl_command_t *const mdsctl_commands[] = { COMMANDS(ADDRESS) NULL };

const mdsctl_command_t *
mdsctl_command_find(const mdsctl_command_t *const *commands, const char *name)
{
    for (; *commands != NULL; commands++) {
        if (strcmp((*commands)->name, name) == 0) {
            return *commands;
        }
    }

    return NULL;
}
