/*
 * ngx_http_mds_zone: the shared memory of the filter of a depot's registry. All
 * workers of an nginx have it, and it outlives a reload. Its size is a bound,
 * from mds_state_max and the machine's memory; only the part that devices need
 * is ever touched.
 */

#include "ngx_http_mds_zone.h"

#include "registry/mds_device_filter.h"

/* Define the zone's part of the state's bound, and of the machine's memory. */
#define NGX_HTTP_MDS_ZONE_STATE_PART 16
#define NGX_HTTP_MDS_ZONE_MEMORY_PART 8

/* Define the room for nginx's own tables at the beginning of a zone, some bytes
 * for each page; the filter is at the end, and nothing else is allocated from
 * the zone. */
#define NGX_HTTP_MDS_ZONE_PAGES_PART 128
#define NGX_HTTP_MDS_ZONE_MORE (128 * 1024)

static ngx_int_t ngx_http_mds_zone_init(ngx_shm_zone_t *zone, void *data);

static size_t
ngx_http_mds_zone_filter_bytes(off_t state_max)
{
    uint64_t bytes = state_max / NGX_HTTP_MDS_ZONE_STATE_PART;
    long     pages = sysconf(_SC_PHYS_PAGES);

    if (pages > 0) {
        bytes = ngx_min(bytes, (uint64_t) pages * ngx_pagesize
                                   / NGX_HTTP_MDS_ZONE_MEMORY_PART);
    }

    return mds_device_filter_bytes(bytes);
}

ngx_int_t
ngx_http_mds_zone_add(ngx_conf_t *cf, ngx_http_mds_depot_conf_t *depot_conf)
{
    static const char prefix[] = "mds_devices:";
    size_t            bytes;
    ngx_str_t         name;

    name.len = sizeof(prefix) - 1 + depot_conf->path.len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(name.data, prefix, sizeof(prefix) - 1),
               depot_conf->path.data, depot_conf->path.len);

    bytes = ngx_http_mds_zone_filter_bytes(depot_conf->bounds.state_max);
    depot_conf->filter_bytes = bytes;
    bytes += bytes / NGX_HTTP_MDS_ZONE_PAGES_PART + NGX_HTTP_MDS_ZONE_MORE;
    depot_conf->zone
        = ngx_shared_memory_add(cf, &name, ngx_align(bytes, ngx_pagesize),
                                &ngx_http_mds_module);
    if (depot_conf->zone == NULL) {
        return NGX_ERROR;
    }

    depot_conf->zone->init = ngx_http_mds_zone_init;
    depot_conf->zone->data = depot_conf;

    return NGX_OK;
}

/* Initializes the zone. data is that of the cycle before, whose memory is
 * reused; if NULL, the memory is new, and zero. */
static ngx_int_t
ngx_http_mds_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mds_depot_conf_t *depot_conf = zone->data;
    ngx_http_mds_depot_conf_t *before = data;
    size_t                     bytes = depot_conf->filter_bytes;

    depot_conf->filter
        = before != NULL
              ? before->filter
              : mds_device_filter_init(zone->shm.addr + zone->shm.size - bytes,
                                       bytes);

    return NGX_OK;
}
