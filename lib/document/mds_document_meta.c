/*
 * Reads "meta", which goes to clients as it is. The keys that the product's own
 * clients know are checked, so that a wrong value is found before it goes out.
 */

#include "document/mds_document_internal.h"

#define MDS_REMIND_MAX_H (366 * 24)

static void
mds_read_prompt(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "once", "always", "force", "silent" };

    (void) dest;
    (void) mds_read_name(r, json, names, mds_nelems(names));
}

static void
mds_read_net(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "wifi", "any" };

    (void) dest;
    (void) mds_read_name(r, json, names, mds_nelems(names));
}

static void
mds_read_install(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "preload", "on_use" };

    (void) dest;
    (void) mds_read_name(r, json, names, mds_nelems(names));
}

static void
mds_read_remind(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    (void) dest;
    (void) mds_read_integer(r, json, 0, MDS_REMIND_MAX_H);
}

static void
mds_read_notes(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_json_member_t *member;

    (void) dest;

    if (!mds_json_is_object(json)) {
        mds_reader_fail_expected(r, json, "an object of texts by language");
        return;
    }

    for (member = mds_json_first(json); member != NULL;
         member = mds_json_next(json, member))
    {
        size_t mark = mds_reader_push(r, mds_json_key(member));

        if (!mds_json_is_string(mds_json_value(member))) {
            mds_reader_fail_expected(r, mds_json_value(member), "a string");
        }

        mds_reader_pop(r, mark);
    }
}

static void
mds_read_flag(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    (void) dest;

    if (!mds_json_is_bool(json)) {
        mds_reader_fail_expected(r, json, "true or false");
    }
}

static void
mds_read_url(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_str_t url = mds_json_string(json);

    (void) dest;

    if (!mds_str_starts(url, mds_str("https://"))
        && !mds_str_starts(url, mds_str("http://"))
        && !mds_str_starts(url, mds_str("/")))
    {
        mds_reader_fail_expected(r, json,
                                 "a URL, or a path that begins with /");
    }
}

static const mds_field_t mds_meta_fields[] = {
    { "prompt", mds_read_prompt, 0, NULL },
    { "remind_hours", mds_read_remind, 0, NULL },
    { "net", mds_read_net, 0, NULL },
    { "download", mds_read_net, 0, NULL },
    { "install", mds_read_install, 0, NULL },
    { "notes", mds_read_notes, 0, NULL },
    { "restart", mds_read_flag, 0, NULL },
    { "global", mds_read_flag, 0, NULL },
    { "fallback", mds_read_url, 0, NULL },
};

void
mds_read_meta(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    if (!mds_json_is_object(json)) {
        mds_reader_fail_expected(r, json, "an object");
        return;
    }

    for (size_t i = 0; i < mds_nelems(mds_meta_fields); i++) {
        const mds_field_t *field = &mds_meta_fields[i];
        const mds_json_t  *value = mds_json_get(json, field->key);
        size_t             mark = mds_reader_push(r, mds_str_of(field->key));

        if (value != NULL) {
            field->read(r, value, dest);
        }

        mds_reader_pop(r, mark);
    }

    if (r->status == MDS_OK) {
        mds_check_json_bytes(r, json, MDS_META_MAX);
    }

    *(const mds_json_t **) dest = json;
}
