/*
 * Files that the module itself opens, and nginx streams.
 */

#include "ngx_http_mds_file.h"

#include "ngx_http_mds_respond.h"

/*
 * Opens a file as ngx_open_cached_file() does without a cache, but never a
 * symbolic link. disable_symlinks would open the directory for each request.
 */
static ngx_int_t
ngx_http_mds_file_open_uncached(ngx_http_request_t *r, ngx_str_t *path,
                                ngx_open_file_info_t *of)
{
    ngx_pool_cleanup_t      *cleanup;
    ngx_pool_cleanup_file_t *file;
    ngx_file_info_t          fi;

    cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*file));
    if (cleanup == NULL) {
        of->err = NGX_ENOMEM;
        return NGX_ERROR;
    }

    of->fd = open((char *) path->data,
                  O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (of->fd == NGX_INVALID_FILE) {
        of->err = ngx_errno;
        return NGX_ERROR;
    }

    file = cleanup->data;
    file->fd = of->fd;
    file->name = path->data;
    file->log = r->pool->log;
    cleanup->handler = ngx_pool_cleanup_file;

    if (ngx_fd_info(of->fd, &fi) == NGX_FILE_ERROR) {
        of->err = ngx_errno;
        return NGX_ERROR;
    }

    of->size = ngx_file_size(&fi);
    of->mtime = ngx_file_mtime(&fi);
    of->is_file = ngx_is_file(&fi);

    if (of->read_ahead != 0) {
        (void) ngx_read_ahead(of->fd, of->read_ahead);
    }

    if (of->directio <= of->size) {
        of->is_directio = ngx_directio_on(of->fd) != NGX_FILE_ERROR;
    }

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_open_file(ngx_http_request_t *r, ngx_str_t *path, size_t dir_len,
                       ngx_open_file_info_t *of)
{
    ngx_http_core_loc_conf_t *clcf;
    ngx_int_t                 rc;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_memzero(of, sizeof(*of));
    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;
#if (NGX_HAVE_OPENAT)
    /* Only the directory itself may be a symbolic link. */
    of->disable_symlinks = NGX_DISABLE_SYMLINKS_ON;
    of->disable_symlinks_from = dir_len;
#endif

    rc = clcf->open_file_cache == NULL
             ? ngx_http_mds_file_open_uncached(r, path, of)
             : ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool);

    return rc == NGX_OK && of->is_file ? NGX_OK : NGX_ERROR;
}

ngx_int_t
ngx_http_mds_send_file(ngx_http_request_t *r, ngx_str_t *path,
                       ngx_open_file_info_t *of)
{
    ngx_buf_t *b;

    r->allow_ranges = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file_last = of->size;
    b->in_file = b->file_last ? 1 : 0;
    b->sync = (r != r->main && !b->in_file) ? 1 : 0;

    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    return ngx_http_mds_send_buf(r, b);
}
