/* verify: the keys by which the agent takes heads and packages. */

#include "agent/agent.h"

#include <inttypes.h>

#include "base/mds_time.h"

/* What was seen is kept in the depot: the agent may not write beside the root.
 */
static mds_status_t
open_root(mdsctl_agent_t *agent, const char *root, mds_error_t *err)
{
    mds_path_t   seen;
    mds_status_t status
        = mds_path(&seen, err, "%s/agent/root.seen", agent->depot);

    if (status == MDS_OK) {
        status
            = mds_client_trust_open_with(root, seen.text, err, &agent->trust);
    }

    agent->has_root = status == MDS_OK;
    return status;
}

mds_status_t
mdsctl_agent_keys(mdsctl_agent_t *agent, const mdsctl_values_t *pubs,
                  const char *root, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (root != NULL) {
        return open_root(agent, root, err);
    }

    for (size_t i = 0; status == MDS_OK && i < pubs->count; i++) {
        status = mds_public_load(pubs->items[i], err, &agent->pubs[i]);
    }

    agent->pub_count = pubs->count;
    return status;
}

/* Follows one root. MDS_NOT_FOUND: there is no newer one. */
static mds_status_t
follow_root(mdsctl_agent_t *agent, mdsctl_http_t *http, mds_error_t *err)
{
    char         path[48];
    mds_buffer_t text = { 0 };
    mds_status_t status;

    snprintf(path, sizeof(path), "feed/root/%" PRId64,
             agent->trust.root.version + 1);
    status = mdsctl_fetch_text(http, agent->origin, path,
                               MDS_ENVELOPE_BYTES_MAX, err, &text);

    if (status == MDS_OK) {
        status = mds_client_trust_follow(&agent->trust, mds_buffer_str(&text),
                                         err);
    }

    if (status == MDS_OK) {
        mdsctl_agent_log("follows root version %" PRId64,
                         agent->trust.root.version);
        status = mds_client_trust_save(&agent->trust, err);
    }

    mds_buffer_free(&text);
    return status;
}

mds_status_t
mdsctl_agent_follow_roots(mdsctl_agent_t *agent, mdsctl_http_t *http,
                          mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (!agent->has_root) {
        return MDS_OK;
    }

    for (int i = 0; status == MDS_OK && i < MDS_CLIENT_ROOTS_MAX; i++) {
        status = follow_root(agent, http, err);
    }

    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        return status;
    }

    return mds_client_trust_check_root(&agent->trust, mds_time_now_ms(), err);
}

mds_status_t
mdsctl_agent_open_head(mdsctl_agent_t *agent, mds_str_t text, mds_error_t *err,
                       mds_feed_head_t *head)
{
    const mds_root_role_t *role = &agent->trust.root.roles[MDS_ROLE_HEAD];
    const mds_public_t    *keys[MDSCTL_VALUES_MAX];
    size_t count = agent->has_root ? role->count : agent->pub_count;

    _Static_assert(MDSCTL_VALUES_MAX >= MDS_ROOT_KEYS_MAX, "all keys fit");

    for (size_t i = 0; i < count; i++) {
        keys[i] = agent->has_root ? &agent->trust.root.keys[role->keys[i]]
                                  : &agent->pubs[i];
    }

    return mds_feed_head_open(text, keys, count,
                              agent->has_root ? (size_t) role->threshold : 1,
                              "the head of the feed", err, head);
}

const mds_public_t *
mdsctl_agent_find_key(const mdsctl_agent_t *agent,
                      const uint8_t         keyid[MDS_KEYID_BYTES])
{
    if (agent->has_root) {
        return mds_root_find(&agent->trust.root, MDS_ROLE_SIGN, keyid);
    }

    for (size_t i = 0; i < agent->pub_count; i++) {
        if (memcmp(agent->pubs[i].keyid, keyid, MDS_KEYID_BYTES) == 0) {
            return &agent->pubs[i];
        }
    }

    return NULL;
}
