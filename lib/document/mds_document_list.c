/*
 * Reads "lists": ids, patterns, and the files of lists.
 */

#include "base/mds_pattern.h"
#include "document/mds_document.h"
#include "document/mds_document_internal.h"

static void
mds_read_pattern(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_error_t  err;
    mds_status_t status;

    mds_read_str(r, json, dest);

    if (r->status != MDS_OK) {
        return;
    }

    status = mds_pattern_check(mds_json_string(json), &err);

    if (status == MDS_NO_MEMORY) {
        mds_reader_no_memory(r);
    } else if (status != MDS_OK) {
        mds_reader_fail_expected(r, json, "a PCRE2 pattern; this %s", err.text);
    }
}

static void
mds_read_patterns(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char want[] = "a list of patterns that is not empty";
    mds_strs_t       *strs = dest;

    if (mds_json_size(json) == 0) {
        mds_reader_fail_expected(r, json, want);
        return;
    }

    mds_read_array(r, json, want, mds_read_pattern, sizeof(mds_str_t),
                   &strs->items, &strs->count);
}

static void
mds_read_list_id(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_read_text(r, json, MDS_VALUE_MAX, dest);
}

/* Reads ids. The list may be empty, and be filled later. */
static void
mds_read_ids(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_strs_t *strs = dest;

    mds_read_array(r, json, "a list of ids", mds_read_list_id,
                   sizeof(mds_str_t), &strs->items, &strs->count);
}

static const mds_field_t mds_list_fields[] = {
    { "by", mds_read_by, offsetof(mds_list_t, by), NULL },
    { "external", mds_read_true, offsetof(mds_list_t, external), NULL },
    { "file", mds_read_str, offsetof(mds_list_t, file), NULL },
    { "sha256", mds_read_sha256, offsetof(mds_list_t, base), NULL },
    { "ids", mds_read_ids, offsetof(mds_list_t, ids), NULL },
    { "without", mds_read_ids, offsetof(mds_list_t, without), NULL },
    { "patterns", mds_read_patterns, offsetof(mds_list_t, patterns), NULL },
};

static void
mds_read_list(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_list_t *list = dest;
    bool        has_content;

    list->by = MDS_BY_USER;

    mds_read_object(r, json, mds_list_fields, mds_nelems(mds_list_fields),
                    list);

    if (r->status != MDS_OK) {
        return;
    }

    list->has_base = mds_json_get(json, "sha256") != NULL;
    has_content = list->has_base || list->file.len > 0
                  || mds_json_get(json, "ids") != NULL
                  || list->patterns.count > 0;

    if (list->has_base && list->file.len > 0) {
        mds_reader_fail(r, "\"file\" and \"sha256\" name the same thing;"
                           " want one of them");

    } else if (list->external
               && (has_content || mds_json_get(json, "without") != NULL))
    {
        mds_reader_fail(r, "an external list is kept by `mdsctl list`; want"
                           " \"by\" at most beside \"external\"");

    } else if (!list->external && !has_content) {
        mds_reader_fail(r, "an empty list; want \"ids\", \"file\","
                           " \"sha256\", \"patterns\" or \"external\"");
    }
}

/* Reads an object of lists by name; the names are set at the end. */
void
mds_read_lists(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_model_t       *model = dest;
    mds_json_member_t *member;
    void              *items = NULL;
    size_t             i = 0;

    if (!mds_json_is_object(json)) {
        mds_reader_fail_expected(r, json, "an object of lists by name");
        return;
    }

    mds_read_items(r, json, mds_read_list, sizeof(mds_list_t), &items,
                   &model->list_count);

    if (r->status != MDS_OK) {
        return;
    }

    model->lists = items;

    for (member = mds_json_first(json); member != NULL && i < model->list_count;
         member = mds_json_next(json, member))
    {
        mds_read_key(r, mds_json_key(member), MDS_RELEASE_ID_MAX);
        model->lists[i++].name = mds_arena_str(r->arena, mds_json_key(member));
    }
}
