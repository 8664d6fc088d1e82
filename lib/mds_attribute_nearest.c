/* Apart from mds_request.c, which is on the way of every request. */

#include "mds_choices.h"
#include "mds_name.h"
#include "mds_request.h"

mds_str_t
mds_attribute_nearest(mds_str_t name)
{
    mds_choices_t choices;
    mds_str_t     nearest;

    if (mds_attribute_known(name) != MDS_ATTRIBUTE_OTHER) {
        return mds_null_str;
    }

    mds_choices_begin(&choices, name);

    for (unsigned known = 0; known < MDS_ATTRIBUTE_OTHER; known++) {
        mds_choices_add(&choices, mds_attribute_name((mds_known_t) known));
    }

    nearest = mds_choices_nearest(&choices);

    return nearest.len == 0 ? mds_null_str
                            : mds_attribute_name(mds_attribute_known(nearest));
}
