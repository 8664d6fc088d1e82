/*
 * A mapped file that is cut short under a reader is a SIGBUS, and one that is
 * written over may lead it astray, which is a SIGSEGV: the end of the worker
 * and of every download that it has under way. While a depot is looked into,
 * they end that look instead.
 */

#include "ngx_http_mds_module.h"

#include <setjmp.h>

/* Where to go on; NULL: nobody is looking, and a fault is what it is. */
static MDS_THREAD_LOCAL sigjmp_buf *ngx_http_mds_guard_return;

static void
ngx_http_mds_guard_handler(int signo)
{
    if (ngx_http_mds_guard_return != NULL) {
        siglongjmp(*ngx_http_mds_guard_return, 1);
    }

    /* On return the access is made once more, and ends as it has to. */
    (void) signal(signo, SIG_DFL);
}

void
ngx_http_mds_guard_init(ngx_log_t *log)
{
    struct sigaction action;

    ngx_memzero(&action, sizeof(action));
    action.sa_handler = ngx_http_mds_guard_handler;
    action.sa_flags = SA_NODEFER; /* the handler may not come back */
    sigemptyset(&action.sa_mask);

    if (sigaction(SIGBUS, &action, NULL) == -1
        || sigaction(SIGSEGV, &action, NULL) == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "sigaction(SIGBUS, SIGSEGV) failed");
    }
}

ngx_int_t
ngx_http_mds_guard(void (*look)(void *data), void *data)
{
    sigjmp_buf  here;
    sigjmp_buf *outer = ngx_http_mds_guard_return;

    if (sigsetjmp(here, 0) != 0) {
        ngx_http_mds_guard_return = outer;
        return NGX_ERROR;
    }

    ngx_http_mds_guard_return = &here;
    look(data);
    ngx_http_mds_guard_return = outer;

    return NGX_OK;
}
