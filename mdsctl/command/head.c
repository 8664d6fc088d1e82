/* head: signs fresh heads, for a timer. */

#include "base/mds_time.h"
#include "change.h"
#include "expiry.h"

typedef struct {
    const char *expires;
} options_t;

static const mdsctl_option_t options[] = {
    { "expires", "TIME", "a time, or a duration; default 7d",
      MDSCTL_STORE(options_t, expires) },
    { 0 },
};

static int
run_head(mdsctl_t *ctl, int argc, char **argv)
{
    options_t    o = { 0 };
    mds_change_t change = { .app = mds_str(""), .renews_heads = true };
    int64_t      now_ms = mds_time_now_ms(), expires_ms = 0;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_expiry(o.expires, "7d", now_ms, &expires_ms) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (ctl->head_key == NULL && (ctl->key == NULL || argc > 1)) {
        return mdsctl_fail_usage("--head-key is missing: which key signs"
                                 " heads?");
    }

    if (argc > 1) {
        change.app = mds_str_of(argv[1]);
    }

    change.head_ttl_ms = expires_ms - now_ms;
    return mdsctl_change(ctl, &change);
}

const mdsctl_command_t mdsctl_command_head = {
    .name = "head",
    .group = MDSCTL_KEEP,
    .changes = true,
    .arguments = "[APP]",
    .summary = "sign fresh heads, for a timer",
    .text
    = "Signs a new head for each app, or for one, with the key of "
      "--head-key or $MDS_HEAD_KEY. A head says what is in force for an "
      "app, and expires: devices that trust a root notice by it that "
      "newer changes are held back. Changes sign the head of their app by "
      "themselves where that key is given; a timer renews heads between "
      "changes. The head of the feed, which edges follow, is signed as "
      "well; with --key alone, only that.",
    .options = options,
    .examples = "mdsctl head --head-key head.key\n"
                "MDS_HEAD_KEY=head.key mdsctl head com.example.shop --expires "
                "2d\n",
    .synonyms = "renew refresh timestamp",
    .run = run_head,
};
