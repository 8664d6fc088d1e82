/* apply and export: a whole document, in and out. */

#include <stdlib.h>

#include "change.h"
#include "mds_document.h"
#include "mds_file.h"

#define DOCUMENT_BYTES_MAX ((size_t) 1 << 30)

static mds_status_t
read_document(const char *path, mds_error_t *err, mds_json_t **document)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mds_file_read(path, DOCUMENT_BYTES_MAX, err, &text, &len);

    if (status == MDS_OK) {
        status = mds_json_parse((mds_str_t){ len, text }, path, err, document);
        free(text);
    }

    return status;
}

/* Before the depot is asked for anything: is it a document at all? */
static mds_status_t
check_document(const mds_json_t *document, const char *path, mds_error_t *err)
{
    mds_model_t *model;
    mds_status_t status = mds_document_check(document, path, err, &model);

    if (status == MDS_OK) {
        mds_model_free(model);
    }

    return status;
}

int
mdsctl_apply(mdsctl_t *ctl, int argc, char **argv)
{
    bool            dry_run = false, force = false;
    mdsctl_option_t options[] = { { .name = "dry-run", .flag = &dry_run },
                                  { .name = "force", .flag = &force },
                                  { 0 } };
    mds_json_t     *document = NULL;
    mds_apply_t     apply;
    mds_path_t      dir;
    mds_change_t    change
        = { .applies = true, .edit = mds_edit_apply, .guard = mds_guard_apply };
    mds_error_t err;
    int         code;

    if (mdsctl_parse(ctl, options, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (read_document(argv[1], &err, &document) != MDS_OK
        || check_document(document, argv[1], &err) != MDS_OK
        || mds_path_dir(argv[1], &err, &dir) != MDS_OK)
    {
        mds_json_release(document);
        return mdsctl_failed(&err);
    }

    apply = (mds_apply_t){ document, force };
    change.app = mds_json_string(mds_json_get(document, "app"));
    change.dry_run = dry_run;
    change.what = argv[1];
    change.base_dir = dir.text;
    change.data = &apply;

    code = mdsctl_change(ctl, &change);
    mds_json_release(document);

    return code;
}

/* The document, with the serial that says of when it is. */
static mds_json_t *
exported(const mds_json_t *state, uint64_t serial)
{
    const mds_json_t  *document = mds_json_get(state, "document");
    mds_json_t        *out = mds_json_object_new();
    mds_json_member_t *m;
    mds_status_t       status
        = mds_json_set(out, "app",
                       mds_json_copy(mds_json_get(document, "app")));

    if (status == MDS_OK) {
        status = mds_json_set_integer(out, "serial", (int64_t) serial);
    }

    for (m = mds_json_first(document); status == MDS_OK && m != NULL;
         m = mds_json_next(document, m))
    {
        status = mds_json_put(out, mds_json_key(m),
                              mds_json_copy(mds_json_value(m)));
    }

    if (status != MDS_OK) {
        mds_json_release(out);
        return NULL;
    }

    return out;
}

int
mdsctl_export(mdsctl_t *ctl, int argc, char **argv)
{
    mds_loader_t *loader = NULL;
    mds_json_t   *state = NULL;
    uint64_t      serial = 0;
    mds_error_t   err;
    mds_status_t  status;
    int           code;

    if (mdsctl_parse(ctl, NULL, 1, 1, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    status = mds_loader_open(ctl->depot, NULL, &err, &loader);

    if (status == MDS_OK) {
        /* Before the state: of a change in between, the document would claim
         * to know. */
        serial = mds_loader_serial(loader);
        status = mds_loader_state(loader, mds_str_of(argv[1]), &err, &state);
    }

    code = status == MDS_OK ? mdsctl_print(exported(state, serial))
                            : mdsctl_failed(&err);

    mds_json_release(state);
    mds_loader_close(loader);

    return code;
}
