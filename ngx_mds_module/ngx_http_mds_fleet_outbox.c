/*
 * The outbox: marks, reports and devices, which the state keeps until the
 * database has them. Worker 0 sends what all workers have put there, a frame at
 * a time, and deletes it when it is acknowledged. After a kill at any moment it
 * is sent again, which changes nothing.
 */

#include "ngx_http_mds_fleet_internal.h"

/* What is put into a frame, within the fault guard. */
typedef struct {
    ngx_http_mds_fleet_t *fleet;
    mds_frame_writer_t    frame;
    uint64_t              last; /* number of the last item */
} ngx_http_mds_fleet_outbox_t;

static bool
ngx_http_mds_fleet_pack_item(void *data, const mds_frame_item_t *item)
{
    ngx_http_mds_fleet_outbox_t *outbox = data;

    if (outbox->frame.count == NGX_HTTP_MDS_FLEET_OUTBOX_ITEMS
        || !mds_frame_add_item(&outbox->frame, item))
    {
        return false;
    }

    outbox->last = item->number;
    return true;
}

static void
ngx_http_mds_fleet_pack_guarded(void *data)
{
    ngx_http_mds_fleet_outbox_t *outbox = data;
    mds_state_t *state = ngx_http_mds_env_get(&outbox->fleet->depot->state);
    mds_error_t  err;

    if (state == NULL || mds_state_begin(state, &err) != MDS_OK) {
        return;
    }

    (void) mds_status_failed(
        mds_state_visit_outbox(state, 0, ngx_http_mds_fleet_pack_item, outbox,
                               &err));
    mds_state_end(state);
}

void
ngx_http_mds_fleet_deliver(ngx_http_mds_fleet_t *fleet)
{
    ngx_http_mds_fleet_outbox_t outbox = { .fleet = fleet };
    size_t                      size;
    u_char                     *room;

    if (ngx_worker != 0 || fleet->delivering || fleet->deleting
        || fleet->state.outbox_count == 0 || ngx_exiting || !fleet->welcomed
        || !fleet->reachable)
    {
        return;
    }

    room = ngx_http_mds_fleet_room(fleet, &size);
    if (room == NULL) {
        return;
    }

    outbox.frame = mds_frame_begin(MDS_FRAME_OUTBOX, 0, room, size);
    ngx_http_mds_depot_guard_call(fleet->depot, ngx_http_mds_fleet_pack_guarded,
                                  &outbox);

    if (outbox.frame.count > 0) {
        fleet->delivering = 1;
        fleet->sent = outbox.last;
        ngx_http_mds_fleet_send(fleet, mds_frame_end(&outbox.frame));
    }
}

/* Goes on once what was acknowledged is deleted. */
static ngx_int_t
ngx_http_mds_fleet_on_deleted(ngx_http_mds_write_req_t *write_req)
{
    ngx_http_mds_fleet_t *fleet = write_req->data;
    mds_status_t          status = write_req->writes[0].status;

    ngx_free(write_req);
    fleet->deleting = 0;
    ngx_http_mds_fleet_read_state(fleet);

    /* What cannot be deleted is sent again with the next tick. */
    if (status == MDS_OK) {
        ngx_http_mds_fleet_deliver(fleet);
    }

    return NGX_OK;
}

ngx_int_t
ngx_http_mds_fleet_on_outbox_ack(ngx_http_mds_fleet_t *fleet,
                                 const mds_frame_t    *frame)
{
    ngx_http_mds_write_req_t *write_req;
    uint64_t                  through;

    if (!mds_frame_get_position(frame, &through)
        || frame->type != MDS_FRAME_OUTBOX_ACK || !fleet->delivering
        || through > fleet->sent)
    {
        return NGX_ERROR;
    }

    write_req = ngx_http_mds_write_own_create(1, 0);
    if (write_req == NULL) {
        ngx_http_mds_fleet_disconnect(fleet, "memory is short");
        return NGX_OK;
    }

    fleet->delivering = 0;
    fleet->deleting = 1;
    write_req->writes[0].type = MDS_WRITE_OUTBOX_ACK;
    write_req->writes[0].outbox_through = through;
    write_req->done = ngx_http_mds_fleet_on_deleted;
    write_req->data = fleet;
    ngx_http_mds_write_own(fleet->depot, write_req);

    return NGX_OK;
}

static ngx_int_t
ngx_http_mds_fleet_on_added(ngx_http_mds_write_req_t *write_req)
{
    ngx_free(write_req);

    return NGX_OK;
}

/* Returns the bytes of the entry: lengths, a time and a flag beside the texts.
 */
static size_t
ngx_http_mds_fleet_device_bytes(const mds_device_t *device)
{
    return device->app.len + device->device.len + device->user.len
           + device->platform.len + device->version.len + 5 * 2 + 8 + 1;
}

/* Encodes a device to the room. Returns its bytes; 0: it has none. */
static size_t
ngx_http_mds_fleet_encode(const mds_device_t *device, u_char *room, size_t size)
{
    const mds_fleet_entry_t entry
        = { .type = MDS_ENTRY_DEVICE,
            .device = { .app = device->app,
                        .device = device->device,
                        .user = device->user,
                        .platform = device->platform,
                        .version = device->version,
                        .seen_ms = device->seen_ms,
                        .forgotten = device->forgotten } };

    return mds_fleet_entry_encode(&entry, room, size);
}

/* Queues one write of some devices. Their bytes lie behind the writes. */
static void
ngx_http_mds_fleet_add_some(ngx_http_mds_depot_t *depot,
                            const mds_device_t *devices, size_t count)
{
    size_t                    bytes = 0;
    u_char                   *room, *end;
    ngx_http_mds_write_req_t *write_req;

    for (size_t i = 0; i < count; i++) {
        bytes += ngx_http_mds_fleet_device_bytes(&devices[i]);
    }

    write_req = ngx_http_mds_write_own_create(count, bytes);
    if (write_req == NULL) {
        return; /* they are reported again when they are seen again */
    }

    room = (u_char *) (write_req->writes + count);
    end = room + bytes;

    for (size_t i = 0; i < count; i++) {
        size_t len = ngx_http_mds_fleet_encode(&devices[i], room,
                                               (size_t) (end - room));

        write_req->writes[i].type = MDS_WRITE_OUTBOX;
        write_req->writes[i].outbox
            = (mds_outbox_entry_t){ .type = MDS_ENTRY_DEVICE,
                                    .bytes = { len, (const char *) room } };
        room += len;
    }

    write_req->done = ngx_http_mds_fleet_on_added;
    ngx_http_mds_write_own(depot, write_req);
}

void
ngx_http_mds_fleet_add_devices(ngx_http_mds_depot_t *depot,
                               const mds_device_t *devices, size_t count)
{
    if (!ngx_http_mds_fleet_is_shared(depot->fleet)) {
        return;
    }

    while (count > 0) {
        size_t some = ngx_min(count, NGX_HTTP_MDS_FLEET_FEED_WRITES);

        ngx_http_mds_fleet_add_some(depot, devices, some);
        devices += some;
        count -= some;
    }
}
