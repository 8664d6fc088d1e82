/* apply: makes an app equal to a whole document. */

#include <stdlib.h>

#include "base/mds_file.h"
#include "base/mds_heap.h"
#include "base/mds_text.h"
#include "change.h"
#include "command/apply.h"
#include "document/mds_document.h"
#include "loader/mds_edit.h"
#include "new_app.h"

#define DOCUMENT_BYTES_MAX ((size_t) 1 << 30)

/* A large document, and the memory that an apply takes for each of its bytes:
 * 15 where nothing has changed, 25 where all is new. */
#define LARGE_DOCUMENT_BYTES ((size_t) 1 << 20)
#define APPLY_BYTES ((size_t) 24)

static mds_status_t
read_document(const mdsctl_input_t *input, mds_error_t *err,
              mds_json_t **document)
{
    char        *bytes;
    mds_str_t    text;
    mds_status_t status = mds_file_read(input->path, DOCUMENT_BYTES_MAX, err,
                                        &bytes, &text.len);

    if (status != MDS_OK) {
        return status;
    }

    if (text.len >= LARGE_DOCUMENT_BYTES) {
        mds_heap_reserve(APPLY_BYTES * text.len);
    }

    text.data = bytes;
    status = mds_text_begin(&text, input->name, err);

    if (status == MDS_OK && text.len == 0) {
        status = mds_fail(err, MDS_INVALID,
                          "%s: the file is empty; want a document such as"
                          " {\"app\": \"com.example.shop\"}",
                          input->name);
    }

    if (status == MDS_OK) {
        status = mds_json_parse(text, input->name, err, document);
    }

    free(bytes);
    return status;
}

/* Checks the document but for its packages and releases, which the change
 * checks: the app's name is used before. */
static mds_status_t
check_head(const mds_json_t *document, const char *path, mds_error_t *err)
{
    mds_json_t  *head = mds_json_copy_members(document, NULL, 0);
    mds_model_t *model = NULL;
    mds_status_t status;

    if (head == NULL) {
        return mds_fail_memory(err);
    }

    mds_json_delete(head, "packages");
    mds_json_delete(head, "releases");
    status = mds_document_check(mds_json_is_object(document) ? head : document,
                                path, err, &model);
    mds_model_free(status == MDS_OK ? model : NULL);
    mds_json_release(head);

    return status;
}

mds_status_t
mdsctl_read_document(const mdsctl_input_t *input, mds_error_t *err,
                     mds_json_t **document)
{
    mds_json_t  *read = NULL;
    mds_status_t status = read_document(input, err, &read);

    if (status == MDS_OK) {
        status = check_head(read, input->name, err);
    }

    if (status != MDS_OK) {
        mds_json_release(read);
        return status;
    }

    *document = read;
    return MDS_OK;
}

/* Counts the releases that the changes remove. */
static size_t
count_dropped(const mds_json_t *changes, mds_str_t *first)
{
    size_t count = 0;

    for (size_t i = 0; i < mds_json_size(changes); i++) {
        const mds_json_t *change = mds_json_at(changes, i);

        if (mds_str_eq(mds_json_get_string(change, "what"), mds_str("release"))
            && mds_json_get(change, "after") == NULL)
        {
            *first = count == 0 ? mds_json_get_string(change, "id") : *first;
            count++;
        }
    }

    return count;
}

/* Asks before releases are dropped, which a dry run tells. What is wrong with
 * the document is told by the change itself. */
static int
confirm_apply(const mdsctl_t *ctl, const mds_change_t *change)
{
    mds_change_t        dry_run = *change;
    mds_loader_t       *loader = NULL;
    mds_change_result_t result;
    mds_str_t           first = mds_null_str;
    mds_error_t         err;
    size_t              count;
    int                 code = MDSCTL_DONE;

    if (!mdsctl_confirm_asks(ctl)) {
        return MDSCTL_DONE;
    }

    dry_run.dry_run = true;
    dry_run.new_app = ctl->new_app;
    dry_run.command = ctl->command_line;

    if (mds_loader_open(ctl->depot, mdsctl_ui(), &err, &loader) != MDS_OK
        || mds_loader_change(loader, &dry_run, &err, &result) != MDS_OK)
    {
        mds_loader_close(loader);
        return MDSCTL_DONE;
    }

    mds_loader_close(loader);
    count = count_dropped(result.changes, &first);

    if (count > 0) {
        code = mdsctl_confirm(ctl,
                              "the document drops %zu release%s that the app"
                              " has, such as \"%.*s\"",
                              count, count == 1 ? "" : "s", MDS_STR(first));
    }

    mds_json_release(result.changes);
    mds_json_release(result.warnings);

    return code;
}

/* Files are relative to the document; word is what was typed for it. */
static int
apply_input(mdsctl_t *ctl, const char *word, const mdsctl_input_t *input,
            mds_change_t *change, mds_apply_t *apply)
{
    mds_json_t *document = NULL;
    mds_path_t  dir;
    mds_error_t err;
    int         code;

    if (mdsctl_read_document(input, &err, &document) != MDS_OK
        || mds_path_dir(word, &err, &dir) != MDS_OK)
    {
        mds_json_release(document);
        return mdsctl_fail(&err);
    }

    apply->document = document;
    change->app = mds_json_get_string(document, "app");
    change->what = input->name;
    change->base_dir = dir.text;
    change->data = apply;

    code = confirm_apply(ctl, change);

    if (code == MDSCTL_DONE) {
        code = mdsctl_change(ctl, change);
    }

    mds_json_release(document);
    return code;
}

typedef struct {
    bool        force;
    bool        allow_outside;
    const char *deltas_level;
} options_t;

static const mdsctl_option_t options[] = {
    { "deltas-level", "best|fast", "effort for deltas; default best",
      MDSCTL_STORE(options_t, deltas_level) },
    { "force", NULL, "overwrite single steps since the last document",
      MDSCTL_STORE(options_t, force) },
    { "allow-outside", NULL, "allow files outside of the document's directory",
      MDSCTL_STORE(options_t, allow_outside) },
    { 0 },
};

static int
run_apply(mdsctl_t *ctl, int argc, char **argv)
{
    options_t      o = { 0 };
    mds_apply_t    apply = { 0 };
    mds_change_t   change = { .applies = true,
                              .edit = mds_edit_apply,
                              .precondition = mds_precondition_apply };
    mdsctl_input_t input = { .path = NULL };
    int            code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    change.outside = o.allow_outside;
    apply.force = o.force;

    /* A document names its app on purpose. */
    ctl->new_app = MDS_NEW_APP_ALWAYS;
    code = mdsctl_deltas_level(o.deltas_level, &change.deltas_level)
               ?: mdsctl_input_begin(argv[1], &input);

    if (code == MDSCTL_DONE) {
        code = apply_input(ctl, argv[1], &input, &change, &apply);
    }

    mdsctl_input_end(&input);
    return code;
}

const mdsctl_command_t mdsctl_command_apply = {
    .name = "apply",
    .changes = true,
    .group = MDSCTL_PUBLISH,
    .arguments = "FILE",
    .summary = "make an app's part of the catalog equal to a document",
    .text = "Applies a JSON document, which `mdsctl export` prints, in one "
            "change or not at all. "
            "Files that the document names must lie in its directory. It "
            "refuses to overwrite "
            "single steps that were made since the last document. \"-\" is "
            "standard input.",
    .options = options,
    .examples = "mdsctl apply shop.json --dry-run\n"
                "mdsctl apply shop.json\n",
    .synonyms = "import load sync",
    .run = run_apply,
};
