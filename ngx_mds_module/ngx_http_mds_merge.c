/* ngx_http_mds_merge: runs threads that merge the registry's files, at a lower
 * priority than all else on the machine. */

#include "ngx_http_mds_merge.h"

#include <sys/resource.h>

#include "base/mds_time.h"

/* Defines the wait after a merge that failed. */
#define NGX_HTTP_MDS_MERGE_RETRY_MS 30000

#define NGX_HTTP_MDS_MERGE_NICE 10

/* Define the arguments of ioprio_set(): the lowest priority of the best-effort
 * class. */
#define NGX_HTTP_MDS_IOPRIO_PROCESS 1
#define NGX_HTTP_MDS_IOPRIO_LOWEST (2 << 13 | 7)

static void *
ngx_http_mds_merge_run(void *data)
{
    ngx_http_mds_merge_t *merge = data;
    pid_t                 tid = (pid_t) syscall(SYS_gettid);

    /* On Linux, both apply to a thread alone. */
    (void) setpriority(PRIO_PROCESS, (id_t) tid, NGX_HTTP_MDS_MERGE_NICE);
    (void) syscall(SYS_ioprio_set, NGX_HTTP_MDS_IOPRIO_PROCESS, tid,
                   NGX_HTTP_MDS_IOPRIO_LOWEST);

    merge->status = merge->merge(merge->dir, &merge->limits, mds_time_now_ms(),
                                 &merge->stop, &merge->err, &merge->merged);
    atomic_store(&merge->done, true);

    return NULL;
}

/* Creates the thread and returns 0, or the number of an error. It blocks all
 * signals, which the event loop handles, except those that a fault of the
 * thread raises. */
static ngx_err_t
ngx_http_mds_merge_create(ngx_http_mds_merge_t *merge)
{
    sigset_t  set, before;
    ngx_err_t code;

    sigfillset(&set);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGBUS);

    code = pthread_sigmask(SIG_BLOCK, &set, &before);
    if (code != 0) {
        return code;
    }

    code = pthread_create(&merge->thread, NULL, ngx_http_mds_merge_run, merge);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    return code;
}

/* Logs once that no merge can be started; it is tried again after a while. */
static void
ngx_http_mds_merge_fail_start(ngx_http_mds_merge_t *merge, ngx_err_t code,
                              const char *what)
{
    if (!merge->start_failed) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, code,
                      "mds: devices cannot be merged: %s failed", what);
    }

    merge->start_failed = 1;
    merge->failed = ngx_current_msec;
}

void
ngx_http_mds_merge_start(ngx_http_mds_merge_t *merge, int dir,
                         const mds_registry_limits_t *limits)
{
    ngx_err_t code;

    if (merge->begun
        || (merge->failed != 0
            && ngx_current_msec - merge->failed < NGX_HTTP_MDS_MERGE_RETRY_MS))
    {
        return;
    }

    /* The folder may be closed before the thread is done with it. */
    merge->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    if (merge->dir < 0) {
        ngx_http_mds_merge_fail_start(merge, ngx_errno,
                                      "fcntl(F_DUPFD_CLOEXEC)");
        return;
    }

    merge->limits = *limits;
    atomic_store(&merge->stop, false);
    atomic_store(&merge->done, false);

    code = ngx_http_mds_merge_create(merge);
    if (code != 0) {
        close(merge->dir);
        ngx_http_mds_merge_fail_start(merge, code, "pthread_create()");
        return;
    }

    merge->begun = 1;
    merge->start_failed = 0;
}

ngx_uint_t
ngx_http_mds_merge_finish(ngx_http_mds_merge_t *merge)
{
    if (!merge->begun || !atomic_load(&merge->done)) {
        return 0;
    }

    (void) pthread_join(merge->thread, NULL);
    close(merge->dir);
    merge->begun = 0;
    merge->failed = merge->status == MDS_OK ? 0 : ngx_current_msec;

    return 1;
}

void
ngx_http_mds_merge_stop(ngx_http_mds_merge_t *merge)
{
    if (merge->begun) {
        atomic_store(&merge->stop, true);
        (void) pthread_join(merge->thread, NULL);
        close(merge->dir);
        merge->begun = 0;
    }
}
