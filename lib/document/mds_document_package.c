/*
 * Reads "packages": a package, and the deltas that it asks for.
 */

#include "document/mds_document_internal.h"

#define MDS_DELTAS_MAX 1000
#define MDS_DELTAS 3 /* lower versions, where nothing else is said */

static void
mds_read_delivery(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    static const char *const names[] = { "online", "embedded" };

    *(bool *) dest = mds_read_name(r, json, names, mds_nelems(names)) == 1;
}

static const mds_field_t mds_delta_spec_fields[] = {
    { "from", mds_read_version, offsetof(mds_delta_spec_t, from),
      "the version that it starts from" },
    { "format", mds_read_str, offsetof(mds_delta_spec_t, format), NULL },
    { "file", mds_read_str, offsetof(mds_delta_spec_t, file), NULL },
    { "sha256", mds_read_sha256, offsetof(mds_delta_spec_t, sha256), NULL },
};

static void
mds_read_delta_spec(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_delta_spec_t *spec = dest;
    bool              made;

    mds_read_object(r, json, mds_delta_spec_fields,
                    mds_nelems(mds_delta_spec_fields), spec);

    if (r->status != MDS_OK) {
        return;
    }

    spec->has_sha256 = mds_json_get(json, "sha256") != NULL;
    made = spec->has_sha256 || spec->file.len > 0;

    if (made != (spec->format.len > 0)
        || (spec->has_sha256 && spec->file.len > 0)) {
        mds_reader_fail_expected(r, json,
                                 "\"from\" alone, or \"from\", \"format\""
                                 " and one of \"file\" and \"sha256\"");
    }
}

static void
mds_read_deltas(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_package_t *package = dest;

    if (mds_json_is_integer(json)) {
        package->delta_count
            = (unsigned) mds_read_integer(r, json, 0, MDS_DELTAS_MAX);
        return;
    }

    package->delta_count = 0;
    mds_read_array(r, json,
                   "a number of versions, or a list of {\"from\": VERSION}",
                   mds_read_delta_spec, sizeof(mds_delta_spec_t),
                   &package->specs, &package->spec_count);
}

/* A package as it is read; app_version then becomes one of its rules. */
typedef struct {
    mds_package_t package;
    mds_rule_t    app_version;
} mds_package_form_t;

static const mds_field_t mds_package_fields[] = {
    { "kind", mds_read_kind, offsetof(mds_package_t, kind),
      "a kind such as \"upgrade\"" },
    { "name", mds_read_resource_name, offsetof(mds_package_t, name), NULL },
    { "platform", mds_read_one_or_strs, offsetof(mds_package_t, platforms),
      NULL },
    { "channel", mds_read_one_or_strs, offsetof(mds_package_t, channels),
      NULL },
    { "version", mds_read_version, offsetof(mds_package_t, version),
      "a version such as \"3.2.0\"" },
    { "file", mds_read_str, offsetof(mds_package_t, file), NULL },
    { "sha256", mds_read_sha256, offsetof(mds_package_t, sha256), NULL },
    { "app_version", mds_read_app_version,
      offsetof(mds_package_form_t, app_version), NULL },
    { "rules", mds_read_rules, offsetof(mds_package_t, rules), NULL },
    { "delivery", mds_read_delivery, offsetof(mds_package_t, embedded), NULL },
    { "deltas", mds_read_deltas, 0, NULL },
    { "meta", mds_read_meta, offsetof(mds_package_t, meta), NULL },
};

/* "app_version" is short for a rule: it becomes the last one. */
static void
mds_package_add_range(mds_reader_t *r, mds_package_form_t *form)
{
    mds_rules_t *rules = &form->package.rules;
    mds_rule_t  *items;

    items = mds_arena_calloc(r->arena, rules->count + 1, sizeof(*items));
    if (items == NULL) {
        mds_reader_no_memory(r);
        return;
    }

    if (rules->count > 0) {
        memcpy(items, rules->items, rules->count * sizeof(*items));
    }

    items[rules->count++] = form->app_version;
    rules->items = items;
}

static void
mds_read_package(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_package_form_t form = { .package.delta_count = MDS_DELTAS };
    mds_package_t     *package = &form.package;
    bool               stored;

    mds_read_object(r, json, mds_package_fields, mds_nelems(mds_package_fields),
                    &form);

    if (r->status != MDS_OK) {
        return;
    }

    stored = mds_json_get(json, "sha256") != NULL;

    if (stored && package->file.len > 0) {
        mds_reader_fail(r, "\"file\" and \"sha256\" name the same thing;"
                           " want one of them");
        return;
    }

    if (!stored && package->file.len == 0) {
        mds_reader_fail(r, "\"file\" is missing; want its path, or the"
                           " \"sha256\" of what is stored");
        return;
    }

    if (form.app_version.attribute.len > 0) {
        mds_package_add_range(r, &form);
    }

    if (!mds_version_parse(package->version, &package->key)) {
        mds_reader_fail_expected_in(r, json, "version", "a version");
        return;
    }

    *(mds_package_t *) dest = *package;
}

void
mds_read_packages(mds_reader_t *r, const mds_json_t *json, void *dest)
{
    mds_model_t *model = dest;

    mds_read_array(r, json, "a list of packages", mds_read_package,
                   sizeof(mds_package_t), &model->packages,
                   &model->package_count);
}
