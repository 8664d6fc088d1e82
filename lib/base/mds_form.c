/*
 * Decodes text of a form: a '+' is a space, and "%41" a byte.
 */

#include "base/mds_form.h"

bool
mds_form_decode(mds_str_t text, mds_bounded_output_t *room, mds_str_t *decoded)
{
    char *out = room->p;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '+') {
            c = ' ';

        } else if (c == '%') {
            int high = i + 2 < text.len ? mds_hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? mds_hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }

            c = (char) (high << 4 | low);
            i += 2;
        }

        if (out == room->end) {
            return false;
        }

        *out++ = c;
    }

    *decoded = (mds_str_t){ (size_t) (out - room->p), room->p };
    room->p = out;

    return true;
}
