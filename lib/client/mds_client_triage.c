/*
 * The two passes over a user's gray messages that mds_client_triage.h
 * describes.
 */

#include "client/mds_client_triage.h"

#include "base/mds_version.h"

static bool
mds_client_triage_is_expired(const mds_client_triage_message_t *m,
                             const mds_client_triage_device_t  *d)
{
    return m->expires_ms <= d->now_ms;
}

static bool
mds_client_triage_is_above(const mds_version_t *version, mds_str_t other)
{
    mds_version_t parsed;

    if (other.len == 0) {
        return true;
    }

    return mds_version_parse(other, &parsed)
           && mds_version_cmp(version, &parsed) > 0;
}

/* Returns whether the newest message of the platform hits. */
static bool
mds_client_triage_hits(const mds_client_triage_message_t *m,
                       const mds_client_triage_device_t  *d)
{
    mds_version_t version;

    return !m->read && !mds_client_triage_is_expired(m, d)
           && mds_version_parse(m->version, &version)
           && mds_client_triage_is_above(&version, d->official)
           && mds_client_triage_is_above(&version, d->version);
}

static size_t
mds_client_triage_hit(const mds_client_triage_message_t *messages, size_t count,
                      const mds_client_triage_device_t *d)
{
    for (size_t i = count; i-- > 0;) {
        if (mds_str_eq(messages[i].platform, d->platform)) {
            return mds_client_triage_hits(&messages[i], d) ? i
                                                           : MDS_TRIAGE_NO_HIT;
        }
    }

    return MDS_TRIAGE_NO_HIT;
}

/* Returns whether the first pass notes the message, given its hit. */
static bool
mds_client_triage_notes(const mds_client_triage_message_t *messages, size_t i,
                        size_t hit, const mds_client_triage_device_t *d)
{
    const mds_client_triage_message_t *m = &messages[i];

    if (m->read || i == hit) {
        return false;
    }

    return mds_client_triage_is_expired(m, d)
           || (hit != MDS_TRIAGE_NO_HIT
               && mds_str_eq(m->platform, d->platform));
}

mds_client_triage_t
mds_client_triage(const mds_client_triage_message_t *messages, size_t count,
                  const mds_client_triage_device_t *device,
                  mds_client_triage_run_t          *runs)
{
    bool                noted;
    size_t              i, n = 0;
    mds_client_triage_t p = { 0 };

    p.hit = mds_client_triage_hit(messages, count, device);

    for (i = 0; i < count; i++) {
        noted = mds_client_triage_notes(messages, i, p.hit, device);
        if (!messages[i].read && !noted) {
            break;
        }
        p.delete_through = messages[i].id;
    }

    for (; i < count; i++) {
        if (!mds_client_triage_notes(messages, i, p.hit, device)) {
            continue;
        }
        /* n <= i < count, which is the room in runs. */
        if (n == 0 || runs[n - 1].last + 1 != messages[i].id) {
            runs[n++].first = messages[i].id;
        }
        runs[n - 1].last = messages[i].id;
    }

    p.runs = n;
    return p;
}
