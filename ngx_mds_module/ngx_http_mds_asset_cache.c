/*
 * The indexes of unpacked versions (mds_asset_index.h), each read into memory
 * once, so that a request looks up its file there. Once a second, the file's
 * identity is compared.
 */

#include "ngx_http_mds_asset_cache.h"

/* Each worker keeps so many; one more replaces the one used least recently. */
#define NGX_HTTP_MDS_ASSET_INDEXES_MAX 64

typedef struct {
    ngx_queue_t       queue; /* the one used last comes first */
    ngx_str_t         path;  /* zero-terminated */
    time_t            checked;
    time_t            mtime;
    ngx_file_uniq_t   uniq;
    off_t             size;
    u_char           *bytes; /* NULL: there is no index */
    mds_asset_index_t index;
} ngx_http_mds_asset_entry_t;

/* All of them belong to this worker alone. */
static ngx_queue_t ngx_http_mds_asset_entries;
static ngx_uint_t  ngx_http_mds_asset_count;

static void
ngx_http_mds_asset_entry_clear(ngx_http_mds_asset_entry_t *entry)
{
    ngx_free(entry->bytes);
    entry->bytes = NULL;
}

/* Reads the file, whose identity is that of fi. */
static void
ngx_http_mds_asset_entry_read(ngx_http_mds_asset_entry_t *entry, ngx_fd_t fd,
                              ngx_file_info_t *fi, ngx_log_t *log)
{
    size_t  size = (size_t) ngx_file_size(fi), got = 0;
    ssize_t n = 1;

    if (!ngx_is_file(fi) || size > MDS_ASSET_INDEX_MAX) {
        n = 0;
    } else {
        entry->bytes = ngx_alloc(size + 1, log);
    }

    while (entry->bytes != NULL && got < size && n > 0) {
        n = ngx_read_fd(fd, entry->bytes + got, size - got);
        got += n > 0 ? (size_t) n : 0;
    }

    if (entry->bytes == NULL
        || !mds_asset_index_read((mds_str_t){ got, (char *) entry->bytes },
                                 &entry->index))
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "mds: \"%V\" is not an index of files", &entry->path);
        ngx_http_mds_asset_entry_clear(entry);
    }
}

/* Reads the file unless it is the one that was read. */
static void
ngx_http_mds_asset_entry_check(ngx_http_mds_asset_entry_t *entry,
                               ngx_log_t                  *log)
{
    ngx_file_info_t fi;
    ngx_fd_t        fd;

    entry->checked = ngx_time();
    fd = open((char *) entry->path.data, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd == NGX_INVALID_FILE || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_http_mds_asset_entry_clear(entry);
        entry->uniq = 0;

    } else if (ngx_file_uniq(&fi) != entry->uniq
               || ngx_file_mtime(&fi) != entry->mtime
               || ngx_file_size(&fi) != entry->size)
    {
        ngx_http_mds_asset_entry_clear(entry);
        entry->uniq = ngx_file_uniq(&fi);
        entry->mtime = ngx_file_mtime(&fi);
        entry->size = ngx_file_size(&fi);
        ngx_http_mds_asset_entry_read(entry, fd, &fi, log);
    }

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }
}

static ngx_http_mds_asset_entry_t *
ngx_http_mds_asset_entry_find(ngx_str_t *path)
{
    ngx_queue_t *q;

    if (ngx_http_mds_asset_entries.next == NULL) {
        ngx_queue_init(&ngx_http_mds_asset_entries);
    }

    for (q = ngx_queue_head(&ngx_http_mds_asset_entries);
         q != ngx_queue_sentinel(&ngx_http_mds_asset_entries);
         q = ngx_queue_next(q))
    {
        ngx_http_mds_asset_entry_t *entry
            = ngx_queue_data(q, ngx_http_mds_asset_entry_t, queue);

        if (mds_str_eq(ngx_http_mds_view(&entry->path),
                       ngx_http_mds_view(path))) {
            ngx_queue_remove(q);
            ngx_queue_insert_head(&ngx_http_mds_asset_entries, q);
            return entry;
        }
    }

    return NULL;
}

static ngx_http_mds_asset_entry_t *
ngx_http_mds_asset_entry_create(ngx_str_t *path, ngx_log_t *log)
{
    ngx_http_mds_asset_entry_t *entry;

    if (ngx_http_mds_asset_count == NGX_HTTP_MDS_ASSET_INDEXES_MAX) {
        ngx_queue_t *last = ngx_queue_last(&ngx_http_mds_asset_entries);

        ngx_queue_remove(last);
        ngx_http_mds_asset_count--;
        entry = ngx_queue_data(last, ngx_http_mds_asset_entry_t, queue);
        ngx_http_mds_asset_entry_clear(entry);
        ngx_free(entry);
    }

    entry = ngx_calloc(sizeof(*entry) + path->len + 1, log);
    if (entry == NULL) {
        return NULL;
    }

    entry->path.len = path->len;
    entry->path.data = (u_char *) (entry + 1);
    ngx_memcpy(entry->path.data, path->data, path->len);
    ngx_queue_insert_head(&ngx_http_mds_asset_entries, &entry->queue);
    ngx_http_mds_asset_count++;

    return entry;
}

const mds_asset_index_t *
ngx_http_mds_asset_cache_get(ngx_str_t *path, ngx_log_t *log)
{
    ngx_http_mds_asset_entry_t *entry = ngx_http_mds_asset_entry_find(path);

    if (entry == NULL) {
        entry = ngx_http_mds_asset_entry_create(path, log);
        if (entry == NULL) {
            return NULL;
        }
    }

    if (entry->checked != ngx_time()) {
        ngx_http_mds_asset_entry_check(entry, log);
    }

    return entry->bytes == NULL ? NULL : &entry->index;
}
