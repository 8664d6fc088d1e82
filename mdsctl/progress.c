/* progress: draws a progress bar on the terminal. */

#include "mdsctl.h"

#include <time.h>
#include <unistd.h>

#define REDRAW_MS 100
#define BAR_CELLS 24

typedef struct {
    mds_progress_t base; /* must be first */
    const char    *label;
    int64_t        begun_ms;
    int64_t        drawn_ms;
    bool           drawn;
} bar_t;

int64_t
mdsctl_clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Formats a rate, such as "12.3 M" or "812 ". */
static void
format_rate(double rate, char text[16])
{
    static const char units[] = "kMGT";
    size_t            unit = 0;

    if (rate < 1000) {
        snprintf(text, 16, "%.0f ", rate);
        return;
    }

    for (rate /= 1000; rate >= 1000 && unit + 2 < sizeof(units); unit++) {
        rate /= 1000;
    }

    snprintf(text, 16, "%.1f %c", rate, units[unit]);
}

static void
draw(const bar_t *bar, uint64_t done, uint64_t total, int64_t spent_ms)
{
    int    filled;
    char   cells[BAR_CELLS + 1], rate[16];
    double share, per_s, left_s;

    per_s = spent_ms > 0 ? (double) done * 1000.0 / (double) spent_ms : 0;
    format_rate(per_s, rate);

    if (total == 0) {
        fprintf(stderr, "\r%s  %llu  %s/s\033[K", bar->label,
                (unsigned long long) done, rate);
        return;
    }

    share = done < total ? (double) done / (double) total : 1;
    left_s = per_s > 0 ? (double) total * (1 - share) / per_s : 0;
    filled = (int) (share * BAR_CELLS);
    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', (size_t) filled);
    cells[BAR_CELLS] = '\0';

    fprintf(stderr, "\r%s  [%s] %3.0f %%  %s/s  %d:%02d left\033[K", bar->label,
            cells, share * 100, rate, (int) (left_s / 60), (int) left_s % 60);
}

static void
report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    bar_t  *bar = (bar_t *) progress;
    int64_t now_ms = mdsctl_clock_ms();

    /* The end is shown, but a short task draws nothing at all. */
    if (now_ms - bar->drawn_ms < REDRAW_MS
        && !(bar->drawn && total > 0 && done >= total))
    {
        return;
    }

    draw(bar, done, total, now_ms - bar->begun_ms);
    bar->drawn_ms = now_ms;
    bar->drawn = true;
}

static void
report_nothing(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    (void) progress;
    (void) done;
    (void) total;
}

mds_progress_t *
mdsctl_progress_begin(const char *label)
{
    static bar_t bar;

    bar = (bar_t){ .base.report
                   = isatty(STDERR_FILENO) ? report : report_nothing,
                   .label = label,
                   .begun_ms = mdsctl_clock_ms() };
    /* A short task draws nothing. */
    bar.drawn_ms = bar.begun_ms;

    return &bar.base;
}

void
mdsctl_progress_end(mds_progress_t *progress)
{
    bar_t *bar = (bar_t *) progress;

    if (bar->drawn) {
        fputs("\r\033[K", stderr);
    }
}
