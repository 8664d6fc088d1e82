/*
 * help: what the help and the man pages have in common. All of it is printed to
 * standard output.
 */

#ifndef MDSCTL_HELP_H
#define MDSCTL_HELP_H

#include "mdsctl.h"

#define MDSCTL_LABEL_BYTES 64 /* "--least-rate BYTES[/SECONDS]" */

extern const char *const mdsctl_group_titles[MDSCTL_GROUPS];
extern const char        mdsctl_about[];
extern const char        mdsctl_first_steps[];

extern const mdsctl_command_t mdsctl_command_version;

/* Prints the overview of all commands. */
void mdsctl_help_overview(void);

/* Prints the help of a command or a family. */
void mdsctl_help_command(const mdsctl_path_t *path);

/* Prints the help of the command that the words name, or of the topic "start";
 * the overview if there are none. Returns an exit code. */
int mdsctl_help(int count, char **words) MDS_MUST_CHECK;

/* Reports that neither mdsctl nor the family (unless NULL) has the command,
 * with the one that was probably meant. Returns MDSCTL_USAGE. */
int mdsctl_unknown_command(const mdsctl_command_t *family, const char *name);

#endif
