/*
 * What the journal holds: numbers, notes, and an app's state as JSON, which
 * may be anything. Messages are counted on, settings get numbers, and what was
 * put is read back the same.
 */

#include "document/mds_document.h"
#include "fuzz.h"
#include "loader/mds_app_state.h"
#include "loader/mds_diff.h"
#include "loader/mds_message.h"
#include "loader/mds_setting_ids.h"

#define NOW_MS INT64_C(1790000000000)

enum { META, APPS, PARTS, INDEX, REMOVED, LOG, MANIFESTS, DELTAS, SIZES };

static mds_status_t
visit_delta(void *data, const mds_sha256_t *from, const mds_sha256_t *to,
            const mds_delta_entry_t *note, mds_error_t *err)
{
    (void) data, (void) err;
    fuzz_read((mds_str_t){ sizeof(*from), (const char *) from });
    fuzz_read((mds_str_t){ sizeof(*to), (const char *) to });
    fuzz_read((mds_str_t){ sizeof(*note), (const char *) note });
    return MDS_OK;
}

static void
notes(mds_journal_t *journal, mds_str_t value)
{
    static const mds_sha256_t zero = { { 0 } };
    const mds_str_t keys[] = { { 32, (const char *) &zero }, mds_str("short") };
    mds_manifest_signature_t made;
    mds_delta_entry_t        note;
    uint64_t                 bytes;

    for (size_t i = 0; i < mds_nelems(keys); i++) {
        fuzz_table_put(MANIFESTS, keys[i], value);
        fuzz_table_put(SIZES, keys[i], value);
    }

    fuzz_must(mds_journal_get_signature(journal, &zero, &made)
              == (value.len == sizeof(made)));
    fuzz_must(mds_journal_get_size(journal, &zero, &bytes) == (value.len == 8));

    if (value.len >= 64) {
        fuzz_table_put(DELTAS, (mds_str_t){ 64, value.data },
                       (mds_str_t){ value.len - 64, value.data + 64 });
        fuzz_must(mds_journal_get_delta(journal, (const void *) value.data,
                                        (const void *) (value.data + 32), &note)
                  == (value.len - 64 == sizeof(note)));
        (void) !mds_journal_visit_deltas(journal, visit_delta, NULL, NULL);
    }
}

static void
messages(mds_json_t *state, mds_model_t *model)
{
    const mds_sha256_t users = { { 7 } };
    uint64_t           oldest, id;

    (void) mds_message_prune(state, NOW_MS, &oldest);
    fuzz_must(!mds_message_prune(state, NOW_MS, &oldest));

    if (mds_message_push(state, mds_str("android"), mds_str("3.2.0"), NOW_MS,
                         &users, NULL, &id)
        == MDS_OK)
    {
        fuzz_must(mds_message_withdraw(state, id, NULL) == MDS_OK);
    }

    if (model != NULL) {
        (void) !mds_message_fill_model(state, NOW_MS, model, NULL);
    }
}

/* The second numbering finds all numbered. */
static void
numbers(mds_json_t *state, mds_model_t *model)
{
    char  *first, *second;
    size_t first_len, second_len;

    if (mds_setting_ids_assign(state, model, NULL) == MDS_OK) {
        fuzz_must(
            mds_json_dump(state, MDS_JSON_COMPACT, NULL, &first, &first_len)
            == MDS_OK);
        fuzz_must(mds_setting_ids_assign(state, model, NULL) == MDS_OK);
        fuzz_must(
            mds_json_dump(state, MDS_JSON_COMPACT, NULL, &second, &second_len)
            == MDS_OK);
        fuzz_must(first_len == second_len
                  && memcmp(first, second, first_len) == 0);
        free(first);
        free(second);
    }
}

static void
app(mds_journal_t *journal)
{
    mds_json_t  *state, *again, *changes;
    mds_model_t *model = NULL;

    if (mds_app_state_get_whole(journal, mds_str("a"), NULL, &state) != MDS_OK)
    {
        return;
    }

    fuzz_must(mds_journal_put_entry(journal, 7, state, NULL) == MDS_OK);
    fuzz_must(mds_journal_get_entry(journal, 7, NULL, &again) == MDS_OK
              && mds_json_equal(state, again));

    if (mds_json_is_object(state)) {
        fuzz_must(mds_diff(state, again, NULL, &changes) == MDS_OK
                  && mds_json_size(changes) == 0);
        mds_json_release(changes);

        (void) !mds_document_check(mds_json_get(again, "document"), "state",
                                   NULL, &model);
        messages(state, model);
        if (model != NULL) {
            numbers(state, model);
            mds_model_free(model);
        }
    }

    mds_json_release(again);
    mds_json_release(state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_str_t      value = { size, (const char *) data };
    mds_journal_t *journal;

    fuzz_table_clear();
    fuzz_must(mds_journal_open("/nowhere", NULL, &journal) == MDS_OK);
    fuzz_table_put(META, mds_str("serial"), value);
    fuzz_table_put(APPS, mds_str("a"), value);
    fuzz_table_put(PARTS, (mds_str_t){ 11, "a\0r\0\0\0\0\0\0\0\1" }, value);

    fuzz_must(size == 8 || mds_journal_get_serial(journal) == 0);
    notes(journal, value);
    app(journal);

    mds_journal_close(journal);
    fuzz_table_clear();
    return 0;
}
