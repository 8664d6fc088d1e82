/* ngx_http_mds_registry_internal: declarations that the files
 * ngx_http_mds_registry*.c share. */

#ifndef NGX_HTTP_MDS_REGISTRY_INTERNAL_H
#define NGX_HTTP_MDS_REGISTRY_INTERNAL_H

#include "ngx_http_mds_merge.h"
#include "ngx_http_mds_news.h"
#include "ngx_http_mds_registry.h"

#include <sys/stat.h>

#include "registry/mds_device_log.h"

struct ngx_http_mds_registry_s {
    ngx_http_mds_depot_t *depot;
    mds_device_filter_t  *filter;
    uint64_t              state_max;
    mds_registry_limits_t limits;
    int64_t               refresh_ms;
    int                   dir;         /* below zero: it is not open */
    int                   worker_lock; /* below zero: not taken */
    struct stat           folder;      /* stat of the open folder */
    ngx_http_mds_news_t  *gathering;   /* NULL: no memory yet */
    ngx_http_mds_news_t  *writing;
    ngx_http_mds_merge_t  merges[2]; /* of logs, and of runs */
    uint64_t              passed; /* devices dropped, not yet in the counts */
    uint64_t              total;  /* devices dropped since the log line */
    ngx_msec_t            passed_at;   /* last drop */
    ngx_msec_t            counted;     /* when `passed` was last written */
    ngx_uint_t            passes;      /* reasons that were logged */
    mds_status_t          open_failed; /* status that was logged */
    mds_status_t          write_failed;

    /* Used by the thread alone while it is busy. */
    ngx_thread_task_t  task;
    ngx_uint_t         busy;
    mds_device_log_t   log;
    uint64_t           number;       /* of the folder */
    int64_t            forgotten_ms; /* mds_registry_take_forgotten() */
    uint64_t           kept;         /* dropped devices, for the counts */
    mds_registry_due_t due;
    ngx_uint_t         looks; /* the thread looks after the folder, too */
    ngx_uint_t         full;  /* nothing was written, for want of room */
    ngx_uint_t         lost;  /* the folder was replaced by another */
    mds_status_t       status;
    mds_error_t        err;
};

/* Opens the folder, or logs why it cannot be opened. */
void
ngx_http_mds_registry_open(ngx_http_mds_registry_t *registry, const char *path);

/* Logs that files were set aside, if any were. */
void
ngx_http_mds_registry_log_set_aside(const ngx_http_mds_registry_t *registry,
                                    const mds_registry_merged_t   *merged);

/* Returns whether the open folder still has its name. */
ngx_uint_t ngx_http_mds_registry_is_current(ngx_http_mds_registry_t *registry,
                                            const char              *path);

void ngx_http_mds_registry_close(ngx_http_mds_registry_t *registry);

/* Appends what was collected to the log, and then to the filter, unless there
 * is no room. Called by the thread, or while there is none. */
void ngx_http_mds_registry_write(ngx_http_mds_registry_t *registry);

/* Looks after the folder: what is to be forgotten or merged, and the count of
 * dropped devices. Called by the thread. */
void ngx_http_mds_registry_look(ngx_http_mds_registry_t *registry);

#endif
