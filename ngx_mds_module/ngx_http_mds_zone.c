/*
 * ngx_http_mds_zone: memory that all workers of an nginx have, and that
 * outlives a reload. The size of a filter is a bound, from mds_state_max and
 * the machine's memory; only the part that devices need is ever touched.
 */

#include "ngx_http_mds_zone.h"

#include <sys/mman.h>

#include "registry/mds_device_filter.h"

/* Define the zone's part of the state's bound, and of the machine's memory. */
#define NGX_HTTP_MDS_ZONE_STATE_PART 16
#define NGX_HTTP_MDS_ZONE_MEMORY_PART 8

/* Define the room for nginx's own tables at the beginning of a zone: some bytes
 * for each page, and more. Nothing else is allocated from a zone. */
#define NGX_HTTP_MDS_ZONE_PAGES_PART 128
#define NGX_HTTP_MDS_ZONE_MORE (32 * 1024)

static ngx_int_t ngx_http_mds_zone_init(ngx_shm_zone_t *zone, void *data);

u_char *
ngx_http_mds_zone_memory(const ngx_shm_zone_t *zone, size_t *bytes)
{
    size_t page = ngx_pagesize;
    size_t tables = zone->shm.size / NGX_HTTP_MDS_ZONE_PAGES_PART
                    + NGX_HTTP_MDS_ZONE_MORE;

    tables = ngx_align(tables, page);
    *bytes = (zone->shm.size - tables) & ~(page - 1);

    return zone->shm.addr + tables;
}

/* Returns the size of a zone whose memory has so many bytes at least. */
static size_t
ngx_http_mds_zone_size(size_t bytes)
{
    size_t size = bytes + bytes / (NGX_HTTP_MDS_ZONE_PAGES_PART / 2)
                  + (size_t) 2 * NGX_HTTP_MDS_ZONE_MORE + 2 * ngx_pagesize;

    return ngx_align(size, ngx_pagesize);
}

u_char *
ngx_http_mds_zone_private(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "mmap(%uz) failed", bytes);
        return NULL;
    }

    return memory;
}

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
    depot_conf->zone
        = ngx_shared_memory_add(cf, &name, ngx_http_mds_zone_size(bytes),
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
    size_t                     room;
    u_char                    *memory = ngx_http_mds_zone_memory(zone, &room);

    depot_conf->filter
        = before != NULL
              ? before->filter
              : mds_device_filter_init(memory, depot_conf->filter_bytes);

    return NGX_OK;
}

struct mds_device_filter_s *
ngx_http_mds_zone_filter(const ngx_http_mds_depot_conf_t *depot_conf)
{
    u_char *memory;

    if (ngx_process != NGX_PROCESS_SINGLE) {
        return depot_conf->filter;
    }

    memory = ngx_http_mds_zone_private(depot_conf->filter_bytes);

    return memory == NULL
               ? NULL
               : mds_device_filter_init(memory, depot_conf->filter_bytes);
}
