/*
 * The journal's log: the entry of each change, by its serial.
 */

#include <stdlib.h>

#include "base/mds_buffer.h"
#include "base/mds_endian.h"
#include "loader/mds_journal_internal.h"
#include "json/mds_json_view.h"

mds_status_t
mds_journal_get_entry(mds_journal_t *journal, uint64_t serial, mds_error_t *err,
                      mds_json_t **entry)
{
    uint8_t key[8];

    mds_store_be64(key, serial);
    return mds_journal_get_json(journal, MDS_JOURNAL_LOG,
                                mds_bytes(key, sizeof(key)), err, entry);
}

mds_status_t
mds_journal_find_entry(mds_journal_t *journal, uint64_t serial,
                       mds_error_t *err, mds_json_t **entry)
{
    mds_status_t status = mds_journal_get_entry(journal, serial, err, entry);

    if (status == MDS_NOT_FOUND) {
        *entry = NULL;
        return MDS_OK;
    }

    return status;
}

mds_status_t
mds_journal_put_entry(mds_journal_t *journal, uint64_t serial,
                      const mds_json_t *entry, mds_error_t *err)
{
    uint8_t key[8];

    mds_store_be64(key, serial);
    return mds_journal_put_json(journal, MDS_JOURNAL_LOG,
                                mds_bytes(key, sizeof(key)), entry, err);
}

/* Returns the length of an entry's text before its changes, which come last; 0
 * if there are none. Within a string, the quotation marks would be escaped. */
static size_t
mds_log_head_len(mds_str_t text)
{
    const mds_str_t changes = mds_str(",\"changes\":");
    mds_str_t       rest = text;
    const char     *comma;

    while (rest.len > 0 && (comma = memchr(rest.data, ',', rest.len)) != NULL) {
        rest.len -= (size_t) (comma - rest.data);
        rest.data = comma;

        if (mds_str_starts(rest, changes)) {
            return text.len - rest.len;
        }

        rest.data++;
        rest.len--;
    }

    return 0;
}

/* Parses an entry without its changes. NULL: that cannot be. */
static mds_json_t *
mds_log_parse_head(mds_str_t text)
{
    mds_buffer_t head = { 0 };
    mds_json_t  *entry = NULL;
    size_t       len = mds_log_head_len(text);

    mds_buffer_add(&head, text.data, len);
    mds_buffer_add(&head, "}", 1);

    if (len == 0 || mds_buffer_failed(&head)
        || mds_json_parse(mds_buffer_str(&head), "journal", NULL, &entry)
               != MDS_OK)
    {
        entry = NULL;
    }

    mds_buffer_free(&head);
    return entry;
}

mds_status_t
mds_journal_find_entry_head(mds_journal_t *journal, uint64_t serial,
                            mds_error_t *err, mds_json_t **entry)
{
    uint8_t     key[8];
    mds_str_t   text;
    mds_json_t *head = NULL;

    mds_store_be64(key, serial);

    if (mds_lmdb_get(journal->lmdb, MDS_JOURNAL_LOG,
                     mds_bytes(key, sizeof(key)), &text))
    {
        head = mds_log_parse_head(text);
    }

    if (head == NULL) {
        return mds_journal_find_entry(journal, serial, err, entry);
    }

    *entry = head;
    return MDS_OK;
}

mds_status_t
mds_journal_open_entry(mds_journal_t *journal, uint64_t serial,
                       mds_error_t *err, mds_journal_entry_t *entry)
{
    const mds_str_t     changes = mds_str(",\"changes\":[");
    mds_journal_entry_t opened = { .head = NULL };
    uint8_t             key[8];
    mds_str_t           text;

    mds_store_be64(key, serial);

    if (mds_lmdb_get(journal->lmdb, MDS_JOURNAL_LOG,
                     mds_bytes(key, sizeof(key)), &text))
    {
        mds_str_t rest = text;
        size_t    len = mds_log_head_len(text);

        rest.data += len;
        rest.len -= len;

        if (mds_str_starts(rest, changes)
            && (opened.head = mds_log_parse_head(text)) != NULL)
        {
            opened.changes = true;
            opened.rest = (mds_str_t){ rest.len - changes.len,
                                       rest.data + changes.len };
            *entry = opened;
            return MDS_OK;
        }
    }

    *entry = opened;
    return mds_journal_find_entry(journal, serial, err, &entry->head);
}

mds_status_t
mds_journal_next_change(mds_journal_entry_t *entry, mds_error_t *err,
                        mds_json_t **change)
{
    mds_str_t item;

    if (!mds_json_view_next_item(&entry->rest, &item)) {
        *change = NULL;
        return MDS_OK;
    }

    return mds_json_parse(item, "journal", err, change);
}

void
mds_journal_close_entry(mds_journal_entry_t *entry)
{
    mds_json_release(entry->head);
    entry->head = NULL;
}
