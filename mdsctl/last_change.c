/* last_change: looks up the last change of a release in the journal. */

#include "last_change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Reads serial, time and author of a change. *since is a new reference, or NULL
 * if the journal has no entry of it. */
static mds_status_t
read_entry(mds_journal_t *journal, uint64_t serial, mds_error_t *err,
           mds_json_t **since)
{
    mds_json_t  *entry;
    mds_status_t status
        = mds_journal_find_entry_head(journal, serial, err, &entry);

    *since = NULL;

    if (status != MDS_OK || entry == NULL) {
        return status;
    }

    *since = mds_json_pack("{s:I, s:O, s:O}", "serial", (int64_t) serial,
                           "time", mds_json_get(entry, "time"), "who",
                           mds_json_get(entry, "who"));
    mds_json_release(entry);

    return *since == NULL ? mds_fail_memory(err) : MDS_OK;
}

mds_status_t
mdsctl_last_change_set(mdsctl_last_change_t *last, mds_json_t *release,
                       uint64_t serial, mds_error_t *err)
{
    mds_status_t status;

    if (serial != last->serial) {
        mdsctl_last_change_free(last);
        status = read_entry(last->journal, serial, err, &last->since);

        if (status != MDS_OK) {
            return status;
        }

        last->serial = serial;
    }

    return last->since == NULL
               ? MDS_OK
               : mds_json_done(mds_json_set(release, "since",
                                            mds_json_copy(last->since)),
                               err);
}

void
mdsctl_last_change_free(mdsctl_last_change_t *last)
{
    mds_json_release(last->since);
    last->since = NULL;
    last->serial = 0;
}

static void
print_word(const char *label, const mds_json_t *json)
{
    mds_str_t word = mds_json_string(json);

    if (word.len > 0) {
        printf("%s %.*s", label, MDS_STR(word));
    }
}

void
mdsctl_last_change_print(const mds_json_t *release)
{
    const mds_json_t *since = mds_json_get(release, "since");

    if (since != NULL) {
        printf("     ");
        print_word(" since", mds_json_get(since, "time"));
        printf(" (%.*s)", MDS_STR(mds_json_get_string(since, "who")));
        printf(" serial %" PRId64 "\n", mds_json_get_integer(since, "serial"));
    }
}
