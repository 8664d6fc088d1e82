/*
 * Makes the feed of the generation that a change has put in force, for edges.
 */

#include <stdio.h>

#include "base/mds_time.h"
#include "feed/mds_feed_publish.h"
#include "loader/mds_update.h"
#include "trust/mds_root.h"

/* How long after an edge has asked a change without a key is warned of. */
#define MDS_UPDATE_FED_MS (INT64_C(30) * 86400 * 1000)

/* Returns the version of the newest root; 0: there is none. Versions begin with
 * 1, and none is left out. */
static uint32_t
mds_update_newest_root(mds_journal_t *journal, mds_str_t *envelope)
{
    uint32_t  there = 0, missing = 1;
    mds_str_t text;

    while (mds_journal_get_root(journal, missing, &text)) {
        there = missing;
        missing *= 2;
    }

    while (missing - there > 1) {
        uint32_t middle = there + (missing - there) / 2;

        if (mds_journal_get_root(journal, middle, &text)) {
            there = middle;
        } else {
            missing = middle;
        }
    }

    return there > 0 && mds_journal_get_root(journal, there, envelope) ? there
                                                                       : 0;
}

/* Fails with the name of the key that signs no heads, and of those that do. */
static mds_status_t
mds_update_fail_head_key(const mds_root_t *root, const mds_key_t *key,
                         mds_error_t *err)
{
    const mds_root_role_t *role = &root->roles[MDS_ROLE_HEAD];
    char                   hex[MDS_KEYID_HEX + 1], names[256] = "";
    size_t                 len = 0;

    for (unsigned i = 0; i < role->count && len < sizeof(names); i++) {
        len += (size_t) snprintf(names + len, sizeof(names) - len, "%s%s",
                                 i > 0 ? ", " : "",
                                 mds_keyid_hex(root->keys[role->keys[i]].keyid,
                                               hex));
    }

    return mds_fail(err, MDS_DENIED,
                    "key %s must not sign heads: root version %lld names %s for"
                    " them, and devices and edges would refuse the head. Give"
                    " that key by --head-key or MDS_HEAD_KEY, or publish a"
                    " root that names this one",
                    mds_keyid_hex(key->keyid, hex), (long long) root->version,
                    names);
}

/* Chooses by the root that is in force. */
static mds_status_t
mds_update_choose_by_root(mds_update_t *u, const mds_root_t *root,
                          mds_error_t *err)
{
    const mds_change_t *change = u->change;
    const mds_key_t    *key
        = change->head_key != NULL ? change->head_key : change->key;

    if (key == NULL) {
        return MDS_OK;
    }

    if (mds_root_find(root, MDS_ROLE_HEAD, key->keyid) != NULL) {
        u->feed_key = key;
        return MDS_OK;
    }

    return change->head_key != NULL || change->renews_heads
               ? mds_update_fail_head_key(root, key, err)
               : MDS_OK;
}

mds_status_t
mds_update_choose_feed_key(mds_update_t *u, mds_error_t *err)
{
    static mds_root_t   root; /* large; one change is made at a time */
    const mds_change_t *change = u->change;
    mds_envelope_t      envelope = { 0 };
    mds_str_t           text;
    mds_status_t        status;

    /* A root decides by itself who signs heads from now on. */
    if (change->new_root != NULL) {
        text = change->new_root->envelope;
        u->feed_root = change->new_root->version;
    } else {
        u->feed_root = mds_update_newest_root(u->loader->journal, &text);
    }

    if (u->feed_root == 0) {
        u->feed_key = change->head_key != NULL ? change->head_key : change->key;
        return MDS_OK;
    }

    status
        = mds_root_open(text, "the root in the depot", err, &envelope, &root);

    if (status == MDS_OK) {
        status = mds_update_choose_by_root(u, &root, err);
    }

    mds_envelope_free(&envelope);

    /* The check of a new root says better what is wrong with it, and it may be
     * published without the key of heads. */
    return change->new_root != NULL ? MDS_OK : status;
}

static mds_status_t
mds_update_publish_feed(mds_update_t *u, const mds_key_t *key, mds_error_t *err)
{
    const mds_change_t *change = u->change;
    mds_catalog_t      *catalog;
    mds_status_t        status
        = mds_catalog_open(u->loader->depot, u->serial, false, err, &catalog);

    if (status == MDS_OK) {
        status = mds_feed_publish(u->loader->depot, catalog, key, u->now_ms,
                                  change->head_ttl_ms, err);
        mds_catalog_close(catalog);
    }

    return status;
}

static mds_status_t
mds_update_warn_unsigned(mds_update_t *u, mds_error_t *err)
{
    return u->feed_root == 0
               ? mds_update_warn(u, err,
                                 "edges do not get this change before a key"
                                 " signs it: run `mdsctl head`, and set"
                                 " $MDS_KEY or $MDS_HEAD_KEY")
               : mds_update_warn(u, err,
                                 "edges do not get this change before a head"
                                 " key of root version %u signs it: run `mdsctl"
                                 " head`, and set $MDS_HEAD_KEY",
                                 u->feed_root);
}

mds_status_t
mds_update_feed(mds_update_t *u)
{
    mds_error_t err;

    if (u->feed_key == NULL) {
        return mds_feed_is_followed(u->loader->depot,
                                    u->now_ms - MDS_UPDATE_FED_MS)
                   ? mds_update_warn_unsigned(u, &err)
                   : MDS_OK;
    }

    /* The change is made. If an earlier one was made without a key, this head
     * brings both. */
    return mds_update_publish_feed(u, u->feed_key, &err) == MDS_OK
               ? MDS_OK
               : mds_update_warn(u, &err, "edges do not get this change: %s",
                                 err.text);
}
