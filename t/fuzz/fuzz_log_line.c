/* A format and a line, parted by a zero byte: values lie in the line, in their
 * order, and take no more bytes without their escapes. */

#include "fuzz.h"
#include "simulate/mds_log_format.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mds_log_format_t format;
    mds_str_t               parts[2], plain;
    mds_log_line_t          line;
    mds_error_t             err;

    fuzz_parts(data, size, '\0', 2, parts);

    if (mds_log_format_parse(parts[0], &err, &format) != MDS_OK) {
        return 0;
    }

    fuzz_must(format.part_count > 0 && format.fields != 0);

    for (size_t i = 0; i < format.part_count; i++) {
        fuzz_must(fuzz_inside(format.parts[i].text, format.bytes, format.len));
    }

    if (!mds_log_format_read(&format, parts[1], &line)) {
        return 0;
    }

    for (size_t i = 0; i < MDS_LOG_ATTRIBUTE + format.attribute_count; i++) {
        mds_str_t value = line.values[i];
        char     *room = fuzz_room(value.len);

        fuzz_must(fuzz_inside(value, parts[1].data, parts[1].len));

        if (mds_log_unescape(format.escape, value, room, &plain)) {
            fuzz_must(plain.len <= value.len);
            fuzz_read(plain);
        }

        free(room);
    }

    return 0;
}
