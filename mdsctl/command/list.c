/* list: ids, by file and one by one. */

#include <inttypes.h>
#include <stdlib.h>

#include "base/mds_choices.h"
#include "change.h"
#include "command/listing.h"
#include "idset/mds_id_reader.h"
#include "idset/mds_idset.h"
#include "input.h"
#include "loader/mds_list_count.h"

/* So many single additions stay beside the base; more are folded into one. */
#define OVERLAY_MAX 10000

typedef struct {
    const char     *list;
    const char     *by;   /* NULL: as it is, or device for a new list… */
    const char     *file; /* import */
    bool            add;
    char          **ids; /* add, remove */
    int             count;
    uint64_t        before; /* import: how many ids there were, and are */
    uint64_t        after;
    mds_loader_ui_t ui;
} list_edit_t;

/*
 * Where the ids of the list are kept: beside the document for an external
 * list, in it for another. A list that is not there is made, external, if
 * make says so. NULL, with words: there is none, or no memory.
 */
static mds_status_t
no_list(const mds_json_t *state, const char *name, mds_error_t *err)
{
    const mds_json_t  *document = mds_json_get(state, "document");
    const mds_json_t  *lists = mds_json_get(document, "lists");
    mds_json_member_t *m;
    mds_choices_t      choices;
    char               text[MDS_CHOICES_BYTES];

    mds_choices_begin(&choices, mds_str_of(name));

    for (m = mds_json_first(lists); m != NULL; m = mds_json_next(lists, m)) {
        mds_choices_add(&choices, mds_json_key(m));
    }

    mds_choices_words(&choices, "lists", text);

    return mds_fail(err, MDS_NOT_FOUND,
                    "there is no list \"%s\" of app \"%.*s\"%s%s", name,
                    MDS_STR(mds_json_string(mds_json_get(document, "app"))),
                    text[0] != '\0' ? "; " : "", text);
}

static mds_json_t *
list_content(mds_json_t *state, const list_edit_t *edit, bool make,
             mds_error_t *err)
{
    mds_json_t *lists = mdsctl_document_object(state, "lists");
    mds_json_t *external = mds_json_get(state, "external");
    mds_json_t *list = mds_json_get(lists, edit->list);
    mds_json_t *content;

    if (list == NULL && !make) {
        (void) no_list(state, edit->list, err);
        return NULL;
    }

    if (list == NULL) {
        mds_json_t *fresh = mds_json_object_new();

        if (mds_json_set_bool(fresh, "external", true) != MDS_OK
            || mds_json_set_str(fresh, "by",
                                mds_str_of(edit->by == NULL ? "user"
                                                            : edit->by))
                   != MDS_OK
            || mds_json_set(lists, edit->list, fresh) != MDS_OK)
        {
            mds_fail_memory(err);
            return NULL;
        }

        list = mds_json_get(lists, edit->list);
    }

    if (!mds_json_bool(mds_json_get(list, "external"))) {
        return list;
    }

    content = mds_json_get(external, edit->list);

    if (content == NULL
        && mds_json_set(external, edit->list, mds_json_object_new()) == MDS_OK)
    {
        content = mds_json_get(external, edit->list);
    }

    if (content == NULL) {
        mds_fail_memory(err);
    }

    return content;
}

static mds_json_t *
content_ids(mds_json_t *content, const char *key, mds_error_t *err)
{
    mds_json_t *ids = mds_json_get(content, key);

    if (ids == NULL
        && mds_json_set(content, key, mds_json_array_new()) == MDS_OK) {
        ids = mds_json_get(content, key);
    }

    if (ids == NULL) {
        mds_fail_memory(err);
    }

    return ids;
}

/* Index of the id, or the size. */
static size_t
ids_find(const mds_json_t *ids, mds_str_t id)
{
    size_t i = 0;

    while (i < mds_json_size(ids)
           && !mds_str_eq(mds_json_string(mds_json_at(ids, i)), id))
    {
        i++;
    }

    return i;
}

/* Puts the id into one array of the content, and takes it out of the other. */
static mds_status_t
move_id(mds_json_t *content, const char *to, const char *from, mds_str_t id,
        mds_error_t *err)
{
    mds_json_t *target = content_ids(content, to, err);
    mds_json_t *source = mds_json_get(content, from);
    size_t      i = ids_find(source, id);

    if (target == NULL) {
        return MDS_NO_MEMORY;
    }

    if (i < mds_json_size(source)) {
        mds_json_remove(source, i);
        if (mds_json_size(source) == 0) {
            mds_json_delete(content, from);
        }
    }

    return ids_find(target, id) < mds_json_size(target)
               ? MDS_OK
               : mds_json_done(mds_json_append(target, mds_json_string_new(id)),
                               err);
}

/* Arrays of ids as views; free(*views). */
static mds_status_t
ids_views(const mds_json_t *ids, mds_error_t *err, mds_str_t **views)
{
    size_t     count = mds_json_size(ids);
    mds_str_t *out = calloc(count + 1, sizeof(*out));

    if (out == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < count; i++) {
        out[i] = mds_json_string(mds_json_at(ids, i));
    }

    *views = out;
    return MDS_OK;
}

static mds_status_t
set_base(mds_json_t *content, const mds_sha256_t *sha256, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    mds_json_delete(content, "ids");
    mds_json_delete(content, "without");
    mds_json_delete(content, "file");

    return mds_json_done(mds_json_set_str(content, "sha256",
                                          mds_str_of(
                                              mds_sha256_hex(sha256, hex))),
                         err);
}

/* Base, additions and removals become one new base. */
static mds_status_t
fold(mds_loader_t *loader, mds_json_t *content, mds_error_t *err)
{
    const mds_json_t *ids = mds_json_get(content, "ids");
    const mds_json_t *without = mds_json_get(content, "without");
    mds_str_t        *added = NULL, *removed = NULL;
    mds_sha256_t      base, folded;
    uint64_t          count;
    bool              has_base
        = mds_sha256_parse(mds_json_string(mds_json_get(content, "sha256")),
                           &base);
    mds_status_t status = ids_views(ids, err, &added);

    if (status == MDS_OK) {
        status = ids_views(without, err, &removed);
    }

    if (status == MDS_OK) {
        status
            = mds_idset_merge(mds_loader_depot(loader), has_base ? &base : NULL,
                              added, mds_json_size(ids), removed,
                              mds_json_size(without), err, &folded, &count);
    }

    if (status == MDS_OK) {
        status = set_base(content, &folded, err);
    }

    free(added);
    free(removed);

    return status;
}

static mds_status_t
fold_if_large(mds_loader_t *loader, mds_json_t *content, mds_error_t *err)
{
    return mds_json_size(mds_json_get(content, "ids"))
                       + mds_json_size(mds_json_get(content, "without"))
                   > OVERLAY_MAX
               ? fold(loader, content, err)
               : MDS_OK;
}

static mds_status_t
edit_ids(mds_loader_t *loader, void *data, mds_json_t *state, mds_error_t *err)
{
    const list_edit_t *edit = data;
    mds_json_t        *content;
    mds_status_t       status;

    content = list_content(state, edit, edit->add, err);
    status = content == NULL ? MDS_NOT_FOUND : MDS_OK;

    for (int i = 0; status == MDS_OK && i < edit->count; i++) {
        mds_str_t id = mds_str_of(edit->ids[i]);

        status = mds_id_check(id, err);

        if (status != MDS_OK) {
            break;
        }

        status = edit->add ? move_id(content, "ids", "without", id, err)
                           : move_id(content, "without", "ids", id, err);
    }

    /* Nothing is taken from a base that is not there. */
    if (status == MDS_OK && mds_json_get(content, "sha256") == NULL) {
        mds_json_delete(content, "without");
    }

    return status == MDS_OK ? fold_if_large(loader, content, err) : status;
}

/* The file's ids become the list's, or come to those that it has. */
static mds_status_t
import_file(mds_loader_t *loader, list_edit_t *edit, mds_json_t *content,
            mds_error_t *err)
{
    const char     *depot = mds_loader_depot(loader);
    mds_progress_t *progress = edit->ui.begin(edit->list);
    mds_sha256_t    sha256;
    uint64_t        count;
    mds_status_t    status;

    status = edit->add ? mdsctl_listing_add(depot, content, edit->file,
                                            progress, err, &sha256, &count)
                       : mds_idset_import(depot, edit->file, progress, err,
                                          &sha256, &count);

    edit->ui.end(progress);
    edit->after = count;

    return status == MDS_OK ? set_base(content, &sha256, err) : status;
}

static mds_status_t
edit_import(mds_loader_t *loader, void *data, mds_json_t *state,
            mds_error_t *err)
{
    list_edit_t *edit = data;
    mds_json_t  *content = list_content(state, edit, true, err);
    mds_status_t status;
    mds_json_t  *list
        = mds_json_get(mdsctl_document_object(state, "lists"), edit->list);

    if (content == NULL) {
        return MDS_NO_MEMORY;
    }

    if (edit->by != NULL
        && mds_json_set_str(list, "by", mds_str_of(edit->by)) != MDS_OK)
    {
        return mds_fail_memory(err);
    }

    status = mds_list_count_ids(mds_loader_depot(loader), content, err,
                                &edit->before);

    return status == MDS_OK ? import_file(loader, edit, content, err) : status;
}

/* How many ids the list has now, and had before. */
static mds_status_t
tell_import(void *data, mds_json_t *json)
{
    const list_edit_t *edit = data;
    mds_json_t        *counts;

    if (json == NULL) {
        printf("list %s: %" PRIu64 " ids now, %" PRIu64 " before\n", edit->list,
               edit->after, edit->before);
        return MDS_OK;
    }

    counts = mds_json_object_new();

    if (mds_json_set_str(counts, "name", mds_str_of(edit->list)) != MDS_OK
        || mds_json_set_integer(counts, "ids", (int64_t) edit->after) != MDS_OK
        || mds_json_set_integer(counts, "before", (int64_t) edit->before)
               != MDS_OK)
    {
        mds_json_release(counts);
        counts = NULL;
    }

    return mds_json_set(json, "list", counts);
}

static int
list_import(mdsctl_t *ctl, int argc, char **argv)
{
    list_edit_t edit = { .ui = { mdsctl_progress_begin, mdsctl_progress_end } };
    bool        new_app = false;
    mdsctl_option_t options[] = { { .name = "add", .flag = &edit.add },
                                  { .name = "by", .value = &edit.by },
                                  { .name = "new-app", .flag = &new_app },
                                  { 0 } };
    mds_change_t    change = { .edit = edit_import, .data = &edit };
    mdsctl_input_t  input;
    int             code;

    if (mdsctl_parse(ctl, options, 3, 3, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    ctl->new_app = new_app ? MDS_NEW_APP_ALWAYS : MDS_NEW_APP_FIRST;
    change.app = mds_str_of(argv[1]);
    edit.list = argv[2];
    code = mdsctl_input_begin(argv[3], &input);

    if (code == MDSCTL_DONE) {
        edit.file = input.path;
        code = mdsctl_change_report(ctl, &change, tell_import);
    }

    mdsctl_input_end(&input);
    return code;
}

static int
list_change(mdsctl_t *ctl, bool add, int argc, char **argv)
{
    list_edit_t     edit = { .add = add };
    bool            new_app = false;
    mdsctl_option_t options[] = { { .name = "by", .value = &edit.by },
                                  { .name = "new-app", .flag = &new_app },
                                  { 0 } };
    mds_change_t    change = { .edit = edit_ids, .data = &edit };

    if (mdsctl_parse(ctl, add ? options : NULL, 3, -1, &argc, argv)
        != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (add) {
        ctl->new_app = new_app ? MDS_NEW_APP_ALWAYS : MDS_NEW_APP_FIRST;
    }

    change.app = mds_str_of(argv[1]);
    edit.list = argv[2];
    edit.ids = argv + 3;
    edit.count = argc - 3;

    return mdsctl_change(ctl, &change);
}

static int
list_add(mdsctl_t *ctl, int argc, char **argv)
{
    return list_change(ctl, true, argc, argv);
}

static int
list_remove(mdsctl_t *ctl, int argc, char **argv)
{
    return list_change(ctl, false, argc, argv);
}

/* show */

static mds_status_t
base_count(const char *depot, const mds_json_t *content, mds_error_t *err,
           uint64_t *count)
{
    mds_sha256_t sha256;
    mds_idset_t *list;
    mds_status_t status;

    *count = 0;

    if (!mds_sha256_parse(mds_json_string(mds_json_get(content, "sha256")),
                          &sha256))
    {
        return MDS_OK;
    }

    status = mds_idset_open(depot, &sha256, err, &list);

    if (status == MDS_OK) {
        *count = mds_idset_count(list);
        mds_idset_close(list);
    }

    return status;
}

/* One list in numbers. */
static mds_json_t *
list_summary(const mdsctl_t *ctl, const mds_json_t *state, mds_str_t name,
             mds_error_t *err)
{
    const mds_json_t *list
        = mds_json_find(mds_json_get(mds_json_get(state, "document"), "lists"),
                        name);
    const mds_json_t *content = mds_list_find_content(state, name);
    mds_str_t         by = mds_json_string(mds_json_get(list, "by"));
    uint64_t          count;
    mds_json_t       *o;

    if (base_count(ctl->depot, content, err, &count) != MDS_OK) {
        return NULL;
    }

    o = mds_json_object_new();
    if (mds_json_set_str(o, "name", name) != MDS_OK
        || mds_json_set_str(o, "by", by.len > 0 ? by : mds_str("user"))
               != MDS_OK
        || mds_json_set_bool(o, "external",
                             mds_json_bool(mds_json_get(list, "external")))
               != MDS_OK
        || mds_json_set_integer(o, "base", (int64_t) count) != MDS_OK
        || mds_json_set_integer(
               o, "ids", (int64_t) mds_json_size(mds_json_get(content, "ids")))
               != MDS_OK
        || mds_json_set_integer(o, "without",
                                (int64_t) mds_json_size(
                                    mds_json_get(content, "without")))
               != MDS_OK
        || mds_json_set_integer(o, "patterns",
                                (int64_t) mds_json_size(
                                    mds_json_get(content, "patterns")))
               != MDS_OK)
    {
        mds_json_release(o);
        mds_fail_memory(err);
        return NULL;
    }

    return o;
}

static int
show_all(const mdsctl_t *ctl, const mds_json_t *state)
{
    const mds_json_t *lists
        = mds_json_get(mds_json_get(state, "document"), "lists");
    mds_json_t        *out = mds_json_array_new();
    mds_json_member_t *m;
    mds_error_t        err;

    for (m = mds_json_first(lists); m != NULL; m = mds_json_next(lists, m)) {
        mds_json_t *o = list_summary(ctl, state, mds_json_key(m), &err);

        if (o == NULL || mds_json_append(out, mds_json_retain(o)) != MDS_OK) {
            mds_json_release(o);
            mds_json_release(out);
            return mdsctl_fail(&err);
        }

        if (!ctl->json) {
            printf("%.*s: by %.*s, %lld ids in the base, %lld added, %lld"
                   " taken out, %lld patterns%s\n",
                   MDS_STR(mds_json_key(m)),
                   MDS_STR(mds_json_string(mds_json_get(o, "by"))),
                   (long long) mds_json_integer(mds_json_get(o, "base")),
                   (long long) mds_json_integer(mds_json_get(o, "ids")),
                   (long long) mds_json_integer(mds_json_get(o, "without")),
                   (long long) mds_json_integer(mds_json_get(o, "patterns")),
                   mds_json_bool(mds_json_get(o, "external")) ? ", external"
                                                              : "");
        }

        mds_json_release(o);
    }

    if (ctl->json) {
        return mdsctl_print(out);
    }

    mds_json_release(out);
    return MDSCTL_DONE;
}

static mds_status_t
print_id(void *data, mds_str_t id, mds_error_t *err)
{
    (void) data;
    (void) err;
    printf("%.*s\n", MDS_STR(id));

    return MDS_OK;
}

/* The ids, in the form that `list import` reads; or, with --json, numbers. */
static int
show_one(const mdsctl_t *ctl, const mds_json_t *state, const char *name)
{
    const mds_json_t *lists
        = mds_json_get(mds_json_get(state, "document"), "lists");
    const mds_json_t *content = mds_list_find_content(state, mds_str_of(name));
    mds_json_t       *o;
    mds_error_t       err;

    if (mds_json_get(lists, name) == NULL) {
        (void) no_list(state, name, &err);
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        o = list_summary(ctl, state, mds_str_of(name), &err);
        return o == NULL ? mdsctl_fail(&err) : mdsctl_print(o);
    }

    return mdsctl_listing(ctl->depot, content, print_id, NULL, &err) == MDS_OK
               ? MDSCTL_DONE
               : mdsctl_fail(&err);
}

static int
list_show(mdsctl_t *ctl, int argc, char **argv)
{
    mds_loader_t *loader = NULL;
    mds_json_t   *state = NULL;
    mds_error_t   err;
    int           code;

    if (mdsctl_parse(ctl, NULL, 1, 2, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mds_loader_open(ctl->depot, NULL, &err, &loader) != MDS_OK
        || mds_loader_get_state(loader, mds_str_of(argv[1]), &err, &state)
               != MDS_OK)
    {
        code = mdsctl_fail(&err);
    } else {
        code = argc == 2 ? show_all(ctl, state) : show_one(ctl, state, argv[2]);
    }

    mds_json_release(state);
    mds_loader_close(loader);

    return code;
}

static const mdsctl_command_t command_import = {
    .name = "import",
    .usage = "APP LIST FILE [--add] [--by user|device] [--new-app]",
    .summary = "make a list of a file's ids, or add them to it",
    .run = list_import,
};

static const mdsctl_command_t command_add = {
    .name = "add",
    .usage = "APP LIST ID... [--by user|device]",
    .summary = "add ids to a list",
    .run = list_add,
};

static const mdsctl_command_t command_remove = {
    .name = "remove",
    .usage = "APP LIST ID...",
    .summary = "remove ids from a list",
    .run = list_remove,
};

static const mdsctl_command_t command_show = {
    .name = "show",
    .usage = "APP [LIST]",
    .summary = "show the size of each list, or the ids of one",
    .run = list_show,
};

static const mdsctl_command_t *const commands[]
    = { &command_import, &command_add, &command_remove, &command_show, NULL };

const mdsctl_command_t mdsctl_command_list = {
    .name = "list",
    .usage = "import|add|remove|show ...",
    .summary = "manage lists of users and devices",
    .commands = commands,
};
