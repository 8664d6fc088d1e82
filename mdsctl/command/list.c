/* list: edits and shows lists of ids, by file and one by one. */

#include <inttypes.h>

#include "change.h"
#include "idset/mds_idset.h"
#include "input.h"
#include "json_output.h"
#include "loader/mds_app_state.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"
#include "loader/mds_list_count.h"
#include "loader/mds_list_ids.h"
#include "new_app.h"

typedef struct {
    bool        add;
    bool        new_app;
    const char *by;
} options_t;

#define OPTION_BY                                                              \
    {                                                                          \
        "by", "user|device", "what the ids of a new list name; default user",  \
            MDSCTL_STORE(options_t, by)                                        \
    }

#define OPTION_NEW_APP                                                         \
    {                                                                          \
        "new-app", NULL, "create an app beside those that exist",              \
            MDSCTL_STORE(options_t, new_app)                                   \
    }

static const mdsctl_option_t import_options[] = {
    { "add", NULL, "keep the ids that the list has",
      MDSCTL_STORE(options_t, add) },
    OPTION_BY,
    OPTION_NEW_APP,
    { 0 },
};

static const mdsctl_option_t add_options[]
    = { OPTION_BY, OPTION_NEW_APP, { 0 } };

/* Reports the number of ids that the list has now, and had before. */
static mds_status_t
report_import(void *data, mds_json_t *json)
{
    const mds_list_import_t *import = data;

    if (json == NULL) {
        printf("list %s: %" PRIu64 " ids now, %" PRIu64 " before\n",
               import->list, import->after, import->before);
        return MDS_OK;
    }

    return mds_json_set(json, "list",
                        mds_json_pack("{s:o, s:I, s:I}", "name",
                                      mds_json_string_new(
                                          mds_str_of(import->list)),
                                      "ids", (int64_t) import->after, "before",
                                      (int64_t) import->before));
}

static int
list_import(mdsctl_t *ctl, int argc, char **argv)
{
    options_t         o = { 0 };
    mds_list_import_t import = { .list = NULL };
    mds_change_t      change = { .find_extent = mds_find_extent_of_list_import,
                                 .edit = mds_edit_list_import,
                                 .data = &import };
    mdsctl_input_t    input;
    int               code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    ctl->new_app = mdsctl_new_app(o.new_app);
    change.app = mds_str_of(argv[1]);
    import.list = argv[2];
    import.add = o.add;
    import.by = o.by;
    code = mdsctl_input_begin(argv[3], &input);

    if (code == MDSCTL_DONE) {
        import.file = input.path;
        code = mdsctl_change_report(ctl, &change, report_import);
    }

    mdsctl_input_end(&input);
    return code;
}

/* Returns the edit of a list and its ids, which follow the app on the command
 * line. */
static mds_list_edit_t
list_edit(int argc, char **argv, const char *by)
{
    return (mds_list_edit_t){ .list = argv[2],
                              .by = by,
                              .ids = (const char *const *) argv + 3,
                              .count = (size_t) argc - 3 };
}

static int
list_add(mdsctl_t *ctl, int argc, char **argv)
{
    options_t       o = { 0 };
    mds_list_edit_t edit;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    ctl->new_app = mdsctl_new_app(o.new_app);
    edit = list_edit(argc, argv, o.by);

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_list_edit,
                       mds_edit_list_add, &edit);
}

static int
list_remove(mdsctl_t *ctl, int argc, char **argv)
{
    mds_list_edit_t edit;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    edit = list_edit(argc, argv, NULL);

    return mdsctl_edit(ctl, argv[1], mds_find_extent_of_list_edit,
                       mds_edit_list_remove, &edit);
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

    if (!mds_sha256_parse(mds_json_get_string(content, "sha256"), &sha256)) {
        return MDS_OK;
    }

    status = mds_idset_open(depot, &sha256, err, &list);

    if (status == MDS_OK) {
        *count = mds_idset_count(list);
        mds_idset_close(list);
    }

    return status;
}

/* Returns the numbers of one list. */
static mds_json_t *
list_summary(const mdsctl_t *ctl, const mds_json_t *state, mds_str_t name,
             mds_error_t *err)
{
    const mds_json_t *list
        = mds_json_find(mds_app_state_get(state, "lists"), name);
    const mds_json_t *content = mds_list_find_content(state, name);
    mds_str_t         by = mds_json_get_string(list, "by");
    uint64_t          count;
    mds_json_t       *o;

    if (base_count(ctl->depot, content, err, &count) != MDS_OK) {
        return NULL;
    }

    o = mds_json_pack(
        "{s:o, s:o, s:b, s:I, s:I, s:I, s:I}", "name",
        mds_json_string_new(name), "by",
        mds_json_string_new(by.len > 0 ? by : mds_str("user")), "external",
        (int) mds_json_get_bool(list, "external"), "base", (int64_t) count,
        "ids", (int64_t) mds_json_size(mds_json_get(content, "ids")), "without",
        (int64_t) mds_json_size(mds_json_get(content, "without")), "patterns",
        (int64_t) mds_json_size(mds_json_get(content, "patterns")));

    if (o == NULL) {
        mds_fail_memory(err);
    }

    return o;
}

static int
show_all(const mdsctl_t *ctl, const mds_json_t *state)
{
    const mds_json_t  *lists = mds_app_state_get(state, "lists");
    mds_json_t        *out = mds_json_array_new();
    mds_json_member_t *m;
    mds_error_t        err;

    for (m = mds_json_first(lists); m != NULL; m = mds_json_next(lists, m)) {
        mds_json_t *o = list_summary(ctl, state, mds_json_key(m), &err);

        if (o == NULL
            || mds_json_done(mds_json_append(out, mds_json_retain(o)), &err)
                   != MDS_OK)
        {
            mds_json_release(o);
            mds_json_release(out);
            return mdsctl_fail(&err);
        }

        if (!ctl->json) {
            printf("%.*s: by %.*s, %lld ids in the base, %lld added, %lld"
                   " taken out, %lld patterns%s\n",
                   MDS_STR(mds_json_key(m)),
                   MDS_STR(mds_json_get_string(o, "by")),
                   (long long) mds_json_get_integer(o, "base"),
                   (long long) mds_json_get_integer(o, "ids"),
                   (long long) mds_json_get_integer(o, "without"),
                   (long long) mds_json_get_integer(o, "patterns"),
                   mds_json_get_bool(o, "external") ? ", external" : "");
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

static mds_status_t
print_json_id(void *data, mds_str_t id, mds_error_t *err)
{
    mdsctl_json_output_t *out = data;

    mdsctl_json_value(out, NULL, mds_json_string_new(id));
    return mds_json_done(out->status, err);
}

/* Prints the numbers of a list, and its ids, of which there may be millions. */
static int
show_one_json(const mdsctl_t *ctl, const mds_json_t *content,
              const mds_json_t *summary)
{
    mdsctl_json_output_t out = { 0 };
    mds_json_member_t   *m;
    mds_error_t          err;

    mdsctl_json_begin(&out, NULL, '{');

    for (m = mds_json_first(summary); m != NULL; m = mds_json_next(summary, m))
    {
        mdsctl_json_value(&out, mds_json_key(m).data,
                          mds_json_copy(mds_json_value(m)));
    }

    mdsctl_json_begin(&out, "members", '[');

    if (mds_list_visit_ids(ctl->depot, content, print_json_id, &out, &err)
        != MDS_OK)
    {
        return mdsctl_fail(&err);
    }

    mdsctl_json_end(&out);
    mdsctl_json_end(&out);
    return mdsctl_json_status(out.status);
}

/* Prints the ids in the form that `list import` reads; with --json, prints the
 * numbers of the list as well. */
static int
show_one(const mdsctl_t *ctl, const mds_json_t *state, const char *name)
{
    const mds_json_t *content = mds_list_find_content(state, mds_str_of(name));
    mds_json_t       *o;
    mds_error_t       err;

    if (mds_list_check(state, name, &err) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    if (ctl->json) {
        int code;

        o = list_summary(ctl, state, mds_str_of(name), &err);

        if (o == NULL) {
            return mdsctl_fail(&err);
        }

        code = show_one_json(ctl, content, o);
        mds_json_release(o);
        return code;
    }

    return mds_list_visit_ids(ctl->depot, content, print_id, NULL, &err)
                   == MDS_OK
               ? MDSCTL_DONE
               : mdsctl_fail(&err);
}

static int
list_show(mdsctl_t *ctl, int argc, char **argv)
{
    mds_json_t *state;
    mds_error_t err;
    int         code;

    if (mdsctl_parse(ctl, NULL, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mdsctl_app_state(ctl->depot, argv[1], &err, NULL, &state) != MDS_OK) {
        return mdsctl_fail(&err);
    }

    code = argc == 2 ? show_all(ctl, state) : show_one(ctl, state, argv[2]);
    mds_json_release(state);

    return code;
}

static const mdsctl_command_t command_import = {
    .name = "import",
    .changes = true,
    .arguments = "APP LIST FILE",
    .summary = "make a list of a file's ids, or add them to it",
    .text = "Makes the list equal to a file with one id per line, or adds "
            "these ids to it. The "
            "number of ids is not limited. \"-\" is standard input.",
    .options = import_options,
    .examples = "mdsctl list import com.example.shop beta beta-users.txt\n"
                "mdsctl list import com.example.shop lab lab-devices.txt --by "
                "device --add\n",
    .run = list_import,
};

static const mdsctl_command_t command_add = {
    .name = "add",
    .changes = true,
    .arguments = "APP LIST ID...",
    .summary = "add ids to a list",
    .text = "Adds ids to a list. A list that does not exist is created.",
    .options = add_options,
    .examples = "mdsctl list add com.example.shop staff carol dave\n"
                "mdsctl list add com.example.shop phones d1 d2 --by device\n",
    .run = list_add,
};

static const mdsctl_command_t command_remove = {
    .name = "remove",
    .changes = true,
    .arguments = "APP LIST ID...",
    .summary = "remove ids from a list",
    .text = "Removes ids from a list, and leaves the list.",
    .examples = "mdsctl list remove com.example.shop staff bob\n"
                "mdsctl list remove com.example.shop beta erin dave\n",
    .run = list_remove,
};

static const mdsctl_command_t command_show = {
    .name = "show",
    .arguments = "APP [LIST]",
    .summary = "show the size of each list, or the ids of one",
    .text = "Prints the ids of one list in the form that `mdsctl list import` "
            "reads, or the "
            "sizes of all lists of the app.",
    .examples = "mdsctl list show com.example.shop\n"
                "mdsctl list show com.example.shop staff\n",
    .run = list_show,
};

static const mdsctl_command_t *const commands[]
    = { &command_import, &command_add, &command_remove, &command_show, NULL };

const mdsctl_command_t mdsctl_command_list = {
    .name = "list",
    .group = MDSCTL_RELEASE,
    .summary = "manage lists of users and devices",
    .text = "Manages the lists that audiences name. No key is needed.",
    .synonyms = "lists users whitelist",
    .commands = commands,
};
