/*
 * The table of built-in kinds. A new one is a row here (and a word of
 * docs/catalog.md). "upgrade" is first because most requests are for it.
 */

#include "base/mds_kind.h"

/* clang-format off */
const mds_kind_t mds_kinds[] = {
    { mds_str("upgrade"), MDS_KIND_NAMELESS | MDS_KIND_IS_APP },
    { mds_str("hotfix"), MDS_KIND_NAMELESS | MDS_KIND_IS_HOTFIX },
    { mds_str("bundle"), MDS_KIND_NAMED },
    { mds_str("config"), MDS_KIND_NAMED | MDS_KIND_IS_CONFIG },
    { mds_str("sdk"), MDS_KIND_NAMED | MDS_KIND_DELTA_ONLY },
    { mds_str("data"), MDS_KIND_NAMED },
    { mds_str(""), 0 },
};
/* clang-format on */

const char mds_kind_names[] = "upgrade, hotfix, bundle, config, sdk, data";

bool
mds_kind_has(mds_str_t kind, mds_kind_flag_t flag)
{
    for (const mds_kind_t *k = mds_kinds; k->name.len > 0; k++) {
        if (mds_str_eq(kind, k->name)) {
            return (k->flags & flag) != 0;
        }
    }

    return false;
}
