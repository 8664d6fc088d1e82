/*
 * The names of actions and reasons, as requests, logs and `mdsctl explain` have
 * them.
 */

#include "evaluate/mds_reason.h"

static const char *const mds_action_names[] = {
    [MDS_ACTION_NONE] = "none",
    [MDS_ACTION_INSTALL] = "install",
    [MDS_ACTION_ROLLBACK] = "rollback",
};

#define MDS_REASON_NAME(reason, name, words) name,
#define MDS_REASON_WORDS(reason, name, words) words,
#define MDS_REASON_AUDIENCE_NAME(part, key, name, words) name,
#define MDS_REASON_AUDIENCE_WORDS(part, key, name, words) words,

static const char *const mds_reason_names[]
    = { MDS_REASONS(MDS_REASON_NAME, MDS_REASON_AUDIENCE_NAME) };
static const char *const mds_reason_texts[]
    = { MDS_REASONS(MDS_REASON_WORDS, MDS_REASON_AUDIENCE_WORDS) };

const char *
mds_action_name(mds_action_t action)
{
    return mds_action_names[action];
}

const char *
mds_reason_name(mds_reason_t reason)
{
    return mds_reason_names[reason];
}

const char *
mds_reason_words(mds_reason_t reason)
{
    return mds_reason_texts[reason];
}
