/* Reads the identity of a database. */

#include "database/identity.h"

bool
mdsctl_identity_parse(mds_str_t text, uint8_t identity[MDS_FLEET_BYTES])
{
    uint8_t bytes[MDS_FLEET_BYTES] = { 0 };
    size_t  digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        int digit = mds_hex_digit(text.data[i]);

        if (digit >= 0 && digits < 2 * sizeof(bytes)) {
            bytes[digits / 2] = (uint8_t) (bytes[digits / 2] << 4 | digit);
            digits++;
        }
    }

    if (digits != 2 * sizeof(bytes)) {
        return false;
    }

    memcpy(identity, bytes, sizeof(bytes));
    return true;
}

mds_status_t
mdsctl_database_identity(mdsctl_database_t *db, mds_error_t *err,
                         uint8_t identity[MDS_FLEET_BYTES])
{
    mdsctl_rows_t *rows;
    mds_status_t   status
        = mdsctl_database_query(db, "select fleet from mds.about", NULL, 0, err,
                                &rows);

    if (status != MDS_OK) {
        return status;
    }

    if (mdsctl_rows_count(rows) != 1
        || !mdsctl_identity_parse(mdsctl_rows_text(rows, 0, 0), identity))
    {
        status
            = mds_fail(err, MDS_DAMAGED, "database: its fleet has no identity");
    }

    mdsctl_rows_free(rows);
    return status;
}
