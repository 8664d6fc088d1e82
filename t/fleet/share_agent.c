/*
 * Runs the sharing thread of `mdsctl agent` alone, for its tests:
 * share_agent DEPOT URI EDGE. It prints the log to stdout, and the figures at
 * its end, which is SIGTERM.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/share.h"

static void
print_line(void *data, const char *line)
{
    (void) data;
    printf("%s\n", line);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    mdsctl_share_options_t options = { .log = print_line };
    mdsctl_share_figures_t figures;
    mdsctl_share_t        *share;
    mds_error_t            err;
    sigset_t               ends;
    int                    signal_number;

    if (argc != 4) {
        return 2;
    }

    options.depot = argv[1];
    options.uri = argv[2];
    options.edge = argv[3];
    (void) sigemptyset(&ends);
    (void) sigaddset(&ends, SIGTERM);
    (void) sigprocmask(SIG_BLOCK, &ends, NULL);

    if (mdsctl_share_start(&options, &err, &share) != MDS_OK) {
        printf("%s\n", err.text);
        return 1;
    }

    (void) sigwait(&ends, &signal_number);
    mdsctl_share_figures(share, &figures);
    printf("admitted %" PRIu64 ", refused %" PRIu64 ", unknown %" PRIu64 ", outbox %" PRIu64
           ", dropped %" PRIu64 ", faults %" PRIu64 "\n",
           figures.admitted, figures.refused, figures.unknown, figures.outbox, figures.dropped,
           figures.faults);
    mdsctl_share_stop(share);

    return 0;
}
