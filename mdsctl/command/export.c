/*
 * export: prints an app's document part by part, so that it needs no memory for
 * the whole, and its reader need not wait for the end.
 */

#include "json_output.h"
#include "loader/mds_loader.h"
#include "mdsctl.h"

static mds_status_t
export_item(void *data, mds_json_t *item, uint64_t since, mds_error_t *err)
{
    mdsctl_json_output_t *out = data;

    (void) since;
    mdsctl_json_value(out, NULL, mds_json_retain(item));
    return mds_json_done(out->status, err);
}

/* Exports a list of the document; there is none if only its content is kept. */
static mds_status_t
export_list(void *data, mds_json_t *part, uint64_t since, mds_error_t *err)
{
    mdsctl_json_output_t *out = data;
    mds_json_t           *list = mds_json_get(part, "list");

    (void) since;

    if (list != NULL) {
        mdsctl_json_member(out, mds_json_get_string(part, "name"),
                           mds_json_retain(list));
    }

    return mds_json_done(out->status, err);
}

/* Exports a member of the document: what the journal keeps by parts has an
 * empty place there, and is printed part by part. */
static mds_status_t
export_member(const mds_app_parts_t *parts, mds_json_member_t *member,
              mdsctl_json_output_t *out, mds_error_t *err)
{
    static const struct {
        const char          *key;
        char                 bracket;
        mds_part_type_t      type;
        mds_app_part_visit_t visit;
    } kept[] = { { "lists", '{', MDS_PART_LIST, export_list },
                 { "packages", '[', MDS_PART_PACKAGE, export_item },
                 { "releases", '[', MDS_PART_RELEASE, export_item } };
    mds_status_t status;

    for (size_t i = 0; parts->by_parts && i < mds_nelems(kept); i++) {
        if (mds_str_eq(mds_json_key(member), mds_str_of(kept[i].key))) {
            mdsctl_json_begin(out, kept[i].key, kept[i].bracket);
            status = mds_app_parts_visit(parts, kept[i].type, kept[i].visit,
                                         out, err);
            mdsctl_json_end(out);
            return status;
        }
    }

    mdsctl_json_member(out, mds_json_key(member),
                       mds_json_retain(mds_json_value(member)));
    return mds_json_done(out->status, err);
}

/* Prints the document with the serial of the catalog that it was read at. */
static mds_status_t
export_document(const mds_app_parts_t *parts, uint64_t serial, mds_error_t *err)
{
    const mds_json_t    *document = mds_json_get(parts->head, "document");
    mdsctl_json_output_t out = { 0 };
    mds_json_member_t   *m;
    mds_status_t         status = MDS_OK;

    mdsctl_json_begin(&out, NULL, '{');
    mdsctl_json_value(&out, "app",
                      mds_json_retain(mds_json_get(document, "app")));
    mdsctl_json_value(&out, "serial", mds_json_integer_new((int64_t) serial));

    for (m = mds_json_first(document); status == MDS_OK && m != NULL;
         m = mds_json_next(document, m))
    {
        if (!mds_str_eq(mds_json_key(m), mds_str("app"))) {
            status = export_member(parts, m, &out, err);
        }
    }

    if (status == MDS_OK) {
        mdsctl_json_end(&out);
        status = mds_json_done(out.status, err);
    }

    return status;
}

static mds_status_t
export_app(mds_loader_t *loader, mds_str_t app, uint64_t serial,
           mds_error_t *err)
{
    mds_app_parts_t parts;
    mds_status_t    status = mds_loader_open_app(loader, app, err, &parts);

    if (status == MDS_OK) {
        status = export_document(&parts, serial, err);
        mds_loader_close_app(loader, &parts);
    }

    return status;
}

static int
run_export(mdsctl_t *ctl, int argc, char **argv)
{
    mds_loader_t *loader = NULL;
    mds_error_t   err;
    mds_status_t  status;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    status = mds_loader_open(ctl->depot, NULL, &err, &loader);

    /* The serial is read first, so that it includes no change which the
     * document lacks. */
    if (status == MDS_OK) {
        status = export_app(loader, mds_str_of(argv[1]),
                            mds_loader_serial(loader), &err);
    }

    mds_loader_close(loader);
    return status == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

const mdsctl_command_t mdsctl_command_export = {
    .name = "export",
    .group = MDSCTL_PUBLISH,
    .arguments = "APP",
    .summary = "print an app's document",
    .text
    = "Prints the app as a document with its present serial. It names files by "
      "their "
      "SHA-256, so the document fits this depot. Applying it changes nothing.",
    .examples = "mdsctl export com.example.shop\n"
                "mdsctl export com.example.shop > shop-now.json\n",
    .synonyms = "dump",
    .run = run_export,
};
