/* ngx_http_mds_news: collects devices, which are copied, until they are
 * written.
 */

#include "ngx_http_mds_news.h"

void
ngx_http_mds_news_clear(ngx_http_mds_news_t *news)
{
    if (news->count > 0) {
        ngx_memzero(news->slots, sizeof(news->slots));
    }

    news->count = 0;
    news->bytes_used = 0;
}

static void
ngx_http_mds_news_copy(ngx_http_mds_news_t *news, mds_str_t *view)
{
    u_char *copy = news->bytes + news->bytes_used;

    if (view->len > 0) {
        ngx_memcpy(copy, view->data, view->len);
    }

    news->bytes_used += view->len;
    view->data = (char *) copy;
}

ngx_uint_t
ngx_http_mds_news_add(ngx_http_mds_news_t *news, mds_device_t device,
                      mds_filter_key_t key)
{
    size_t bytes = device.app.len + device.device.len + device.user.len
                   + device.platform.len + device.version.len;

    if (news->count == NGX_HTTP_MDS_NEWS_MAX
        || bytes > NGX_HTTP_MDS_NEWS_BYTES - news->bytes_used)
    {
        return 0;
    }

    ngx_http_mds_news_copy(news, &device.app);
    ngx_http_mds_news_copy(news, &device.device);
    ngx_http_mds_news_copy(news, &device.user);
    ngx_http_mds_news_copy(news, &device.platform);
    ngx_http_mds_news_copy(news, &device.version);
    *ngx_http_mds_news_slot(news, key) = ngx_http_mds_news_slot_value(key);
    news->keys[news->count] = key;
    news->devices[news->count++] = device;

    return 1;
}

ngx_uint_t
ngx_http_mds_news_is_half_full(const ngx_http_mds_news_t *news)
{
    return news->count >= NGX_HTTP_MDS_NEWS_MAX / 2
           || news->bytes_used >= NGX_HTTP_MDS_NEWS_BYTES / 2;
}
