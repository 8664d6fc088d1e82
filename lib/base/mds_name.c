/*
 * Checks the forms of names. The name of an attribute may stand as that of a
 * variable in nginx.conf; a kind may also have dashes.
 */

#include "base/mds_name.h"

#include "base/mds_terms.h"

static bool
mds_name_has_form(mds_str_t name, size_t max, char also)
{
    if (name.len == 0 || name.len > max || name.data[0] < 'a'
        || name.data[0] > 'z') {
        return false;
    }

    for (size_t i = 1; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
              || c == also))
        {
            return false;
        }
    }

    return true;
}

bool
mds_text_valid(mds_str_t text, size_t max)
{
    if (text.len == 0 || text.len > max) {
        return false;
    }

    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t) text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }

    return true;
}

bool
mds_kind_valid(mds_str_t kind)
{
    return mds_name_has_form(kind, MDS_KIND_MAX, '-');
}

bool
mds_attribute_name_valid(mds_str_t name)
{
    return mds_name_has_form(name, MDS_ATTRIBUTE_NAME_MAX, '_');
}
