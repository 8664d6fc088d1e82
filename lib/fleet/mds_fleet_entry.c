/*
 * Encodes, decodes and checks the entries of outbox and feed.
 */

#include "fleet/mds_fleet_entry.h"

#include "fleet/mds_fields.h"

#define MDS_FLEET_ID_MAX MDS_VALUE_MAX /* of a device or a user */

/* Returns whether the key is an app, a zero byte, and a name of 1 to max bytes
 * without one. */
static bool
mds_entry_key_valid(mds_str_t key, size_t max)
{
    mds_str_t app = mds_str_cut(&key, '\0');

    return app.len >= 1 && app.len <= MDS_APP_MAX && key.len >= 1
           && key.len <= max && memchr(key.data, '\0', key.len) == NULL;
}

static bool
mds_entry_release_valid(mds_str_t release)
{
    return mds_entry_key_valid(release, MDS_RELEASE_ID_MAX);
}

static bool
mds_entry_mark_valid(const mds_entry_mark_t *mark)
{
    mds_fields_reader_t runs = mds_fields_read(mark->runs);

    if (mark->runs.len % MDS_ENTRY_RUN_BYTES != 0
        || !mds_entry_key_valid(mark->user, MDS_FLEET_ID_MAX))
    {
        return false;
    }

    while (runs.p < runs.end) {
        uint64_t first = mds_fields_get_number(&runs, 8);
        uint64_t last = mds_fields_get_number(&runs, 8);

        if (first < 1 || last < first || last > INT64_MAX) {
            return false;
        }
    }

    return mark->delete_through <= INT64_MAX && mark->oldest <= INT64_MAX;
}

static bool
mds_entry_report_valid(const mds_entry_report_t *report)
{
    return mds_entry_release_valid(report->release)
           && (unsigned) report->event < MDS_EVENT_COUNT
           && report->limit.failure_ppm <= MDS_HALT_PPM_MAX
           && report->limit.rollback <= 1
           && report->detail.len <= MDS_REPORT_DETAIL_MAX
           && mds_str_is_utf8(report->detail);
}

static bool
mds_entry_device_valid(const mds_entry_device_t *device)
{
    const struct {
        mds_str_t text;
        size_t    min, max;
    } texts[] = {
        { device->app, 1, MDS_APP_MAX },
        { device->device, 1, MDS_FLEET_ID_MAX },
        { device->user, 0, MDS_FLEET_ID_MAX },
        { device->platform, 0, MDS_VALUE_MAX },
        { device->version, 0, MDS_VALUE_MAX },
    };

    for (size_t i = 0; i < mds_nelems(texts); i++) {
        if (texts[i].text.len < texts[i].min || texts[i].text.len > texts[i].max
            || !mds_str_is_utf8(texts[i].text))
        {
            return false;
        }
    }

    return true;
}

static bool
mds_entry_admission_valid(const mds_entry_admission_t *admission)
{
    return mds_entry_release_valid(admission->window) && admission->id.len >= 1
           && admission->id.len <= MDS_FLEET_ID_MAX;
}

bool
mds_fleet_entry_is_valid(const mds_fleet_entry_t *entry)
{
    switch (entry->type) {
    case MDS_ENTRY_MARK:
        return mds_entry_mark_valid(&entry->mark);
    case MDS_ENTRY_REPORT:
        return mds_entry_report_valid(&entry->report);
    case MDS_ENTRY_DEVICE:
        return mds_entry_device_valid(&entry->device);
    case MDS_ENTRY_ADMISSION:
        return mds_entry_admission_valid(&entry->admission);
    case MDS_ENTRY_WINDOW_FULL:
        return mds_entry_release_valid(entry->window_full.window);
    case MDS_ENTRY_HALT:
        return mds_entry_release_valid(entry->halt.release);
    case MDS_ENTRY_RESUME:
        return mds_entry_release_valid(entry->resume.release);
    case MDS_ENTRY_FORGET:
        return mds_entry_key_valid(entry->forget.name, MDS_FLEET_ID_MAX);
    }

    return false;
}

static void
mds_entry_put_report(mds_fields_writer_t *to, const mds_entry_report_t *report)
{
    mds_fields_put_text(to, report->release);
    mds_fields_put_number(to, report->device, 8);
    mds_fields_put_number(to, report->event, 1);
    mds_fields_put_number(to, report->instructed, 1);
    mds_fields_put_number(to, report->limit.min_reports, 8);
    mds_fields_put_number(to, report->limit.failure_ppm, 4);
    mds_fields_put_number(to, report->limit.rollback, 1);
    mds_fields_put_number(to, (uint64_t) report->when_ms, 8);
    mds_fields_put_text(to, report->detail);
}

static void
mds_entry_get_report(mds_fields_reader_t *from, mds_entry_report_t *report)
{
    report->release = mds_fields_get_text(from);
    report->device = mds_fields_get_number(from, 8);
    report->event = (mds_report_event_t) mds_fields_get_number(from, 1);
    report->instructed = mds_fields_get_bool(from);
    report->limit.min_reports = mds_fields_get_number(from, 8);
    report->limit.failure_ppm = (uint32_t) mds_fields_get_number(from, 4);
    report->limit.rollback = mds_fields_get_bool(from);
    report->when_ms = (int64_t) mds_fields_get_number(from, 8);
    report->detail = mds_fields_get_text(from);
}

static void
mds_entry_put_device(mds_fields_writer_t *to, const mds_entry_device_t *device)
{
    mds_fields_put_text(to, device->app);
    mds_fields_put_text(to, device->device);
    mds_fields_put_text(to, device->user);
    mds_fields_put_text(to, device->platform);
    mds_fields_put_text(to, device->version);
    mds_fields_put_number(to, (uint64_t) device->seen_ms, 8);
    mds_fields_put_number(to, device->forgotten, 1);
}

static void
mds_entry_get_device(mds_fields_reader_t *from, mds_entry_device_t *device)
{
    device->app = mds_fields_get_text(from);
    device->device = mds_fields_get_text(from);
    device->user = mds_fields_get_text(from);
    device->platform = mds_fields_get_text(from);
    device->version = mds_fields_get_text(from);
    device->seen_ms = (int64_t) mds_fields_get_number(from, 8);
    device->forgotten = mds_fields_get_bool(from);
}

static void
mds_entry_put(mds_fields_writer_t *to, const mds_fleet_entry_t *entry)
{
    switch (entry->type) {
    case MDS_ENTRY_MARK:
        mds_fields_put_text(to, entry->mark.user);
        mds_fields_put_number(to, entry->mark.delete_through, 8);
        mds_fields_put_number(to, entry->mark.oldest, 8);
        mds_fields_put_bytes(to, entry->mark.runs);
        break;
    case MDS_ENTRY_REPORT:
        mds_entry_put_report(to, &entry->report);
        break;
    case MDS_ENTRY_DEVICE:
        mds_entry_put_device(to, &entry->device);
        break;
    case MDS_ENTRY_ADMISSION:
        mds_fields_put_text(to, entry->admission.window);
        mds_fields_put_text(to, entry->admission.id);
        mds_fields_put_number(to, (uint64_t) entry->admission.when_ms, 8);
        break;
    case MDS_ENTRY_WINDOW_FULL:
        mds_fields_put_text(to, entry->window_full.window);
        mds_fields_put_number(to, entry->window_full.limit, 8);
        mds_fields_put_number(to, (uint64_t) entry->window_full.when_ms, 8);
        break;
    case MDS_ENTRY_HALT:
        mds_fields_put_text(to, entry->halt.release);
        mds_fields_put_number(to, entry->halt.ends, 8);
        mds_fields_put_number(to, entry->halt.failures, 8);
        mds_fields_put_number(to, (uint64_t) entry->halt.when_ms, 8);
        break;
    case MDS_ENTRY_RESUME:
        mds_fields_put_text(to, entry->resume.release);
        mds_fields_put_number(to, (uint64_t) entry->resume.when_ms, 8);
        break;
    case MDS_ENTRY_FORGET:
        mds_fields_put_text(to, entry->forget.name);
        mds_fields_put_number(to, (uint64_t) entry->forget.when_ms, 8);
        break;
    }
}

size_t
mds_fleet_entry_encode(const mds_fleet_entry_t *entry, void *room, size_t size)
{
    mds_fields_writer_t to = mds_fields_write(room, size < MDS_ENTRY_BYTES_MAX
                                                        ? size
                                                        : MDS_ENTRY_BYTES_MAX);

    mds_entry_put(&to, entry);

    return mds_fields_bytes(&to);
}

static void
mds_entry_get(mds_fields_reader_t *from, mds_fleet_entry_t *entry)
{
    switch (entry->type) {
    case MDS_ENTRY_MARK:
        entry->mark.user = mds_fields_get_text(from);
        entry->mark.delete_through = mds_fields_get_number(from, 8);
        entry->mark.oldest = mds_fields_get_number(from, 8);
        entry->mark.runs = mds_fields_get_rest(from);
        break;
    case MDS_ENTRY_REPORT:
        mds_entry_get_report(from, &entry->report);
        break;
    case MDS_ENTRY_DEVICE:
        mds_entry_get_device(from, &entry->device);
        break;
    case MDS_ENTRY_ADMISSION:
        entry->admission.window = mds_fields_get_text(from);
        entry->admission.id = mds_fields_get_text(from);
        entry->admission.when_ms = (int64_t) mds_fields_get_number(from, 8);
        break;
    case MDS_ENTRY_WINDOW_FULL:
        entry->window_full.window = mds_fields_get_text(from);
        entry->window_full.limit = mds_fields_get_number(from, 8);
        entry->window_full.when_ms = (int64_t) mds_fields_get_number(from, 8);
        break;
    case MDS_ENTRY_HALT:
        entry->halt.release = mds_fields_get_text(from);
        entry->halt.ends = mds_fields_get_number(from, 8);
        entry->halt.failures = mds_fields_get_number(from, 8);
        entry->halt.when_ms = (int64_t) mds_fields_get_number(from, 8);
        break;
    case MDS_ENTRY_RESUME:
        entry->resume.release = mds_fields_get_text(from);
        entry->resume.when_ms = (int64_t) mds_fields_get_number(from, 8);
        break;
    case MDS_ENTRY_FORGET:
        entry->forget.name = mds_fields_get_text(from);
        entry->forget.when_ms = (int64_t) mds_fields_get_number(from, 8);
        break;
    }
}

bool
mds_fleet_entry_decode(unsigned type, mds_str_t bytes, mds_fleet_entry_t *entry)
{
    mds_fields_reader_t from = mds_fields_read(bytes);
    mds_fleet_entry_t   decoded = { .type = (mds_entry_type_t) type };

    mds_entry_get(&from, &decoded);

    if (bytes.len > MDS_ENTRY_BYTES_MAX || !mds_fields_are_whole(&from)
        || !mds_fleet_entry_is_valid(&decoded))
    {
        return false;
    }

    *entry = decoded;
    return true;
}
