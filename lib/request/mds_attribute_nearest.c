/*
 * Suggests an attribute for a misspelled name. Commands use it, requests do
 * not.
 */

#include "base/mds_choices.h"
#include "base/mds_name.h"
#include "request/mds_request.h"

mds_str_t
mds_attribute_nearest(mds_str_t name)
{
    mds_choices_t choices;
    mds_str_t     nearest;

    if (mds_attr_id(name) != MDS_ATTR_OTHER) {
        return mds_null_str;
    }

    mds_choices_begin(&choices, name);

    for (unsigned known = 0; known < MDS_ATTR_OTHER; known++) {
        mds_choices_add(&choices, mds_attribute_name((mds_attr_id_t) known));
    }

    nearest = mds_choices_nearest(&choices);

    return nearest.len == 0 ? mds_null_str
                            : mds_attribute_name(mds_attr_id(nearest));
}
