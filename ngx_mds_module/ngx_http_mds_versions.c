/*
 * The versions that devices run are counted by a thread of the pool, since the
 * logs of a registry may be large: while somebody looks at mds_status, every
 * few seconds, and for at most a hundredth of the time.
 */

#include "ngx_http_mds_versions.h"

#include "ngx_http_mds_depot.h"

#define NGX_HTTP_MDS_VERSIONS_MS 3000
#define NGX_HTTP_MDS_VERSIONS_PART 100

/* The timer keeps a worker that shuts down until its thread has finished. */
#define NGX_HTTP_MDS_VERSIONS_THREAD_MS 60000

struct ngx_http_mds_versions_s {
    mds_registry_versions_t *counted; /* NULL: not yet */
    ngx_msec_t               next;    /* time of the next count */
    ngx_msec_t               began;

    /* Used by the thread alone while it is busy. */
    ngx_thread_task_t        task;
    ngx_uint_t               busy;
    char                    *path;
    mds_registry_versions_t *counting; /* NULL: failed */
};

static void
ngx_http_mds_versions_run(void *data, ngx_log_t *log)
{
    ngx_http_mds_versions_t *versions = data;
    mds_registry_t          *registry;
    mds_error_t              err;

    (void) log;
    versions->counting = NULL;

    if (mds_registry_open(versions->path, &err, &registry) != MDS_OK) {
        return;
    }

    if (mds_registry_count_versions(registry, MDS_REGISTRY_SAMPLE_MAX, &err,
                                    &versions->counting)
        != MDS_OK)
    {
        versions->counting = NULL;
    }

    mds_registry_close(registry);
}

static void
ngx_http_mds_versions_done(ngx_event_t *event)
{
    ngx_http_mds_versions_t *versions = event->data;
    ngx_msec_t               took;

    if (event->timedout) {
        event->timedout = 0;
        ngx_add_timer(event, NGX_HTTP_MDS_VERSIONS_THREAD_MS);
        return;
    }

    if (event->timer_set) {
        ngx_del_timer(event);
    }

    took = ngx_current_msec - versions->began;
    versions->busy = 0;
    versions->next = ngx_current_msec
                     + ngx_max(NGX_HTTP_MDS_VERSIONS_MS,
                               took * NGX_HTTP_MDS_VERSIONS_PART);
    mds_registry_versions_free(versions->counted);
    versions->counted = versions->counting;
    versions->counting = NULL;
}

static ngx_http_mds_versions_t *
ngx_http_mds_versions_create(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_versions_t *versions
        = ngx_calloc(sizeof(*versions), ngx_cycle->log);

    if (versions != NULL) {
        versions->next = ngx_current_msec;
        versions->path = (char *) depot->path.data;
        versions->task.ctx = versions;
        versions->task.handler = ngx_http_mds_versions_run;
        versions->task.event.handler = ngx_http_mds_versions_done;
        versions->task.event.data = versions;
    }

    return versions;
}

/* Lets a thread count; if there is none, the counts stay as they are. */
static void
ngx_http_mds_versions_start(ngx_http_mds_versions_t *versions)
{
    ngx_thread_pool_t *pool = ngx_http_mds_pool();

    versions->task.event.log = ngx_cycle->log;

    if (pool == NULL || ngx_thread_task_post(pool, &versions->task) != NGX_OK) {
        return;
    }

    versions->busy = 1;
    versions->began = ngx_current_msec;
    ngx_add_timer(&versions->task.event, NGX_HTTP_MDS_VERSIONS_THREAD_MS);
}

const mds_registry_versions_t *
ngx_http_mds_versions_get(ngx_http_mds_depot_t *depot)
{
    ngx_http_mds_versions_t *versions = depot->versions;

    if (versions == NULL) {
        versions = ngx_http_mds_versions_create(depot);
        depot->versions = versions;
    }

    if (versions == NULL) {
        return NULL;
    }

    if (!versions->busy
        && (ngx_msec_int_t) (ngx_current_msec - versions->next) >= 0)
    {
        ngx_http_mds_versions_start(versions);
    }

    return versions->counted;
}

void
ngx_http_mds_versions_free(ngx_http_mds_versions_t *versions)
{
    if (versions != NULL) {
        mds_registry_versions_free(versions->counting);
        mds_registry_versions_free(versions->counted);
        ngx_free(versions);
    }
}
