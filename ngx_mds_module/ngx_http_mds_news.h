/*
 * ngx_http_mds_news: the devices of a worker that are not on the disk yet, and
 * a small table by which most of them are found again.
 */

#ifndef NGX_HTTP_MDS_NEWS_H
#define NGX_HTTP_MDS_NEWS_H

#include "ngx_http_mds_module.h"

#include "registry/mds_device_filter.h"

/* Limit the devices that are collected, and their bytes; half of them are
 * written at once. */
#define NGX_HTTP_MDS_NEWS_MAX 8192
#define NGX_HTTP_MDS_NEWS_BYTES ((size_t) 1024 * 1024)

/* Defines the slots of the table of collected devices; a power of two. */
#define NGX_HTTP_MDS_NEWS_SLOTS 8192

typedef struct {
    size_t           count;
    size_t           bytes_used;
    mds_device_t     devices[NGX_HTTP_MDS_NEWS_MAX];
    mds_filter_key_t keys[NGX_HTTP_MDS_NEWS_MAX];
    uint64_t         slots[NGX_HTTP_MDS_NEWS_SLOTS]; /* the last key of each */
    u_char           bytes[NGX_HTTP_MDS_NEWS_BYTES];
} ngx_http_mds_news_t;

static inline uint64_t *
ngx_http_mds_news_slot(ngx_http_mds_news_t *news, mds_filter_key_t key)
{
    return &news->slots[key.place >> 20 & (NGX_HTTP_MDS_NEWS_SLOTS - 1)];
}

static inline uint64_t
ngx_http_mds_news_slot_value(mds_filter_key_t key)
{
    return key.place << 32 | key.word;
}

/* Returns whether the device was collected as it is now. A device whose slot
 * another has taken is collected twice. */
static inline ngx_uint_t
ngx_http_mds_news_has(ngx_http_mds_news_t *news, mds_filter_key_t key)
{
    return *ngx_http_mds_news_slot(news, key)
           == ngx_http_mds_news_slot_value(key);
}

/* Adds a copy of a device. Returns 0 if there is no room for it now. */
ngx_uint_t ngx_http_mds_news_add(ngx_http_mds_news_t *news, mds_device_t device,
                                 mds_filter_key_t key);

ngx_uint_t ngx_http_mds_news_is_half_full(const ngx_http_mds_news_t *news);

void ngx_http_mds_news_clear(ngx_http_mds_news_t *news);

#endif
