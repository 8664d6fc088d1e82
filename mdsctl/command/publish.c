/* publish: puts one package into the depot, and its files beside nginx. */

#include "command/publish.h"

#include "archive/assets.h"
#include "archive/unpack.h"
#include "change.h"
#include "input.h"
#include "loader/mds_edit.h"
#include "loader/mds_edit_extent.h"
#include "member.h"
#include "new_app.h"

/* A package on its way into a document. */
typedef struct {
    mds_publication_t      publication;
    mds_zstd_level_t       level;      /* of deltas */
    const char            *unpack_dir; /* NULL: it is not unpacked */
    mdsctl_unpack_limits_t limits;
    mdsctl_unpacked_t      unpacked; /* all zero: it was not */
} publish_t;

static mds_status_t
unpack(publish_t *p, mds_error_t *err)
{
    mds_progress_t *progress = mdsctl_progress_begin("unpacking");
    mds_status_t    status = mdsctl_unpack(
           mds_json_get_string(p->publication.package, "file").data, p->unpack_dir,
           p->publication.version.data, &p->limits, progress, err, &p->unpacked);

    mdsctl_progress_end(progress);
    return status;
}

static mds_status_t
find_extent_of_publish(mds_loader_t *loader, mds_str_t app, const void *data,
                       mds_error_t *err, mds_extent_t *extent)
{
    const publish_t *p = data;

    return mds_find_extent_of_publication(loader, app, &p->publication, err,
                                          extent);
}

/* Returns whether the edit has run before, and has unpacked the version. */
static bool
is_unpacked(const publish_t *p)
{
    const char *slash = strrchr(p->unpacked.place.text, '/');

    return slash != NULL
           && mds_str_eq(mds_str_of(slash + 1), p->publication.version);
}

/* Unpacks within the change: a version that nginx announces is there. The edit
 * may run again, with a version that was published meanwhile. */
static mds_status_t
edit_publish(mds_loader_t *loader, void *data, mds_json_t *state,
             mds_error_t *err)
{
    publish_t   *p = data;
    mds_status_t status = mds_edit_publish(loader, &p->publication, state, err);

    if (status != MDS_OK || p->unpack_dir == NULL || is_unpacked(p)) {
        return status;
    }

    mdsctl_unpack_undo(&p->unpacked);
    p->unpacked = (mdsctl_unpacked_t){ .made = false };

    return unpack(p, err);
}

/* Makes what browsers need of the unpacked version. */
static int
make_assets(const mdsctl_t *ctl, const publish_t *p)
{
    const char     *slash = strrchr(p->unpacked.place.text, '/');
    mds_progress_t *progress;
    mds_key_t       key;
    mds_error_t     err;
    mds_status_t    status = MDS_OK;

    if (ctl->key != NULL) {
        status = mds_key_load(ctl->key, &err, &key);
    }

    if (status == MDS_OK && slash != NULL) {
        progress = mdsctl_progress_begin("making deltas for browsers");
        status = mdsctl_assets_make(p->unpacked.dir.text, slash + 1,
                                    ctl->key == NULL ? NULL : &key, p->level,
                                    progress, &err);
        mdsctl_progress_end(progress);
    }

    mds_key_wipe(&key);
    return status == MDS_OK ? MDSCTL_DONE : mdsctl_fail(&err);
}

static int
publish(mdsctl_t *ctl, const char *app, publish_t *p)
{
    mds_change_t change = { .app = mds_str_of(app),
                            .deltas_level = p->level,
                            .find_extent = find_extent_of_publish,
                            .edit = edit_publish,
                            .data = p };
    int          code = mdsctl_change(ctl, &change);

    if (code != MDSCTL_DONE) {
        mdsctl_unpack_undo(&p->unpacked);
    }

    return code == MDSCTL_DONE && p->unpack_dir != NULL ? make_assets(ctl, p)
                                                        : code;
}

/* The options that become members of the package. */
typedef struct {
    const char *kind;
    const char *name;
    const char *platform;
    const char *channel;
    const char *version;
    const char *deltas;
    const char *meta;
    const char *app_version;

    mdsctl_values_t rules;
} members_t;

/* Sets "app_version": "3.1.0", "3.0.0..3.2.0", "3.0.0.." or "..3.2.0". */
static int
set_app_version(mds_json_t *package, const char *text)
{
    const char *dots;
    mds_json_t *range;
    size_t      len;
    int         code = MDSCTL_DONE;

    if (text == NULL) {
        return MDSCTL_DONE;
    }

    dots = strstr(text, "..");
    len = dots == NULL ? strlen(text) : (size_t) (dots - text);
    range = mds_json_object_new();

    if (len > 0) {
        code = mdsctl_json_status(
            mds_json_set_str(range, "min", (mds_str_t){ len, text }));
    }

    if (code == MDSCTL_DONE && (dots == NULL || dots[2] != '\0')) {
        code = mdsctl_set_word(range, "max", dots == NULL ? text : dots + 2);
    }

    if (code != MDSCTL_DONE) {
        mds_json_release(range);
        return code;
    }

    return mdsctl_json_status(mds_json_set(package, "app_version", range));
}

/* Checks what is wrong whatever the depot has. */
static int
check_members(const members_t *members)
{
    return strcmp(members->kind, "config") == 0
               ? mdsctl_fail_usage("--kind: a config has no packages; its value"
                                   " is in a release of a document")
               : mdsctl_check_kind(members->kind)
                     ?: mdsctl_check_version("--version", members->version);
}

static int
set_members(mds_json_t *package, const members_t *members, const char *file)
{
    return mdsctl_set_word(package, "kind", members->kind)
               ?: mdsctl_set_word(package, "name", members->name)
               ?: mdsctl_set_word(package, "platform", members->platform)
               ?: mdsctl_set_word(package, "channel", members->channel)
               ?: mdsctl_set_word(package, "version", members->version)
               ?: mdsctl_set_word(package, "file", file)
               ?: mdsctl_set_json(package, "deltas", "--deltas", members->deltas)
               ?: mdsctl_set_object(package, "meta", "--meta", members->meta)
               ?: mdsctl_set_jsons(package, "rules", "--rule", &members->rules);
}

typedef struct {
    const char *app;
    members_t   members;
    const char *level;
    const char *unpack_dir;
    const char *bytes;
    const char *entries;
    bool        store;
    bool        codepush;
    bool        new_app;

    mdsctl_expo_options_t expo;
} options_t;

/* The file on its way to the depot. */
typedef struct {
    mdsctl_input_t    input;
    mdsctl_codepush_t codepush;
    mdsctl_stored_t   stored;
    const char       *path; /* of the file that is published */
} publish_file_t;

static const mdsctl_option_t options[] = {
    { "app", "APP", "the product, such as com.example.shop", MDSCTL_REQUIRED,
      MDSCTL_STORE(options_t, app) },
    { "kind", "KIND", "upgrade, hotfix, bundle, sdk, data, or your own",
      MDSCTL_REQUIRED, MDSCTL_STORE(options_t, members.kind) },
    { "version", "VERSION", "the version, such as 3.2.0 or 3.2.0-rc.1",
      MDSCTL_REQUIRED, MDSCTL_STORE(options_t, members.version) },
    { "name", "NAME", "name of the bundle, SDK or data package",
      MDSCTL_STORE(options_t, members.name) },
    { "platform", "PLATFORM", "platform of the package; default all",
      MDSCTL_STORE(options_t, members.platform) },
    { "channel", "CHANNEL", "channel of the package; default all",
      MDSCTL_STORE(options_t, members.channel) },
    { "deltas", "N", "lower versions to make deltas from; default 3",
      MDSCTL_STORE(options_t, members.deltas) },
    { "deltas-level", "best|fast", "effort for deltas; default best",
      MDSCTL_STORE(options_t, level) },
    { "meta", "JSON", "data for the client, up to 64 KiB",
      MDSCTL_STORE(options_t, members.meta) },
    { "app-version", "RANGE", "for these app versions: 3.1.0 or 3.0.0..3.2.0",
      MDSCTL_STORE(options_t, members.app_version) },
    { "rule", "JSON", "for devices where it holds; may be repeated",
      MDSCTL_STORE(options_t, members.rules) },
    { "codepush", NULL, "take a directory or zip as CodePush does",
      MDSCTL_STORE(options_t, codepush) },
    { "store", NULL, "repack an archive uncompressed, for small deltas",
      MDSCTL_STORE(options_t, store) },
    { "unpack", "DIR", "also unpack the archive to DIR/VERSION/",
      MDSCTL_STORE(options_t, unpack_dir) },
    { "unpack-bytes", "N", "most bytes to unpack; default 2^30",
      MDSCTL_STORE(options_t, bytes) },
    { "unpack-entries", "N", "most files to unpack; default 100000",
      MDSCTL_STORE(options_t, entries) },
    { "expo", "URL", "FILE is a folder of expo export; URL has its files/",
      MDSCTL_STORE(options_t, expo.url) },
    { "expo-runtime", "VERSION", "runtime version of the apps, with --expo",
      MDSCTL_STORE(options_t, expo.runtime) },
    { "expo-key", "FILE", "RSA key in PEM that signs the manifest",
      MDSCTL_STORE(options_t, expo.key) },
    { "new-app", NULL, "create an app beside those that exist",
      MDSCTL_STORE(options_t, new_app) },
    { 0 },
};

/* Begins the steps that make the file which is published. */
static int
begin_file(const options_t *o, const publish_t *p, const char *path,
           publish_file_t *f)
{
    int code = mdsctl_input_begin(path, &f->input);

    f->path = f->input.path;

    if (code == MDSCTL_DONE && o->codepush) {
        code = mdsctl_codepush_begin(f->path, &f->codepush);
        f->path = f->codepush.file;
    }

    if (code == MDSCTL_DONE && o->store) {
        code = mdsctl_store_begin(f->path, p->limits.bytes, &f->stored);
        f->path = f->stored.file;
    }

    return code;
}

static void
end_file(const publish_file_t *f)
{
    mdsctl_store_end(&f->stored);
    mdsctl_codepush_end(&f->codepush);
    mdsctl_input_end(&f->input);
}

static int
set_package(mds_json_t *package, const options_t *o, const publish_file_t *f)
{
    return set_members(package, &o->members, f->path)
               ?: (o->codepush
                       ? mdsctl_codepush_set_members(package, &f->codepush,
                                                     o->members.app_version)
                       : set_app_version(package, o->members.app_version));
}

/* Publishes a folder for Expo Updates, to which options about one file do not
 * apply. */
static int
publish_expo(mdsctl_t *ctl, const options_t *o, const char *folder,
             mds_json_t *package)
{
    return o->store || o->codepush || o->unpack_dir != NULL || o->members.deltas != NULL
               ? mdsctl_fail_usage("--expo does not go with --codepush, "
                                   "--store, --unpack and --deltas")
               : mdsctl_app_confirm(ctl, o->app)
                     ?: set_members(package, &o->members, NULL)
                     ?: set_app_version(package, o->members.app_version)
                     ?: mdsctl_publish_expo(ctl, o->app, folder, &o->expo,
                                            package);
}

static int
run_publish(mdsctl_t *ctl, int argc, char **argv)
{
    options_t      o = { .store = false };
    publish_t      p = { .limits = MDSCTL_UNPACK_LIMITS };
    publish_file_t f = { .path = NULL };
    mds_json_t    *package;
    int            code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (check_members(&o.members) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    p.unpack_dir = ctl->dry_run ? NULL : o.unpack_dir;
    ctl->new_app = mdsctl_new_app(o.new_app);
    package = mds_json_object_new();
    p.publication.package = package;

    if (o.expo.url != NULL) {
        code = publish_expo(ctl, &o, argv[1], package);
        mds_json_release(package);
        return code;
    }

    code = mdsctl_deltas_level(o.level, &p.level)
               ?: mdsctl_unpack_limits(o.bytes, o.entries, &p.limits)
               ?: mdsctl_app_confirm(ctl, o.app)
               ?: begin_file(&o, &p, argv[1], &f)
               ?: set_package(package, &o, &f)
               ?: publish(ctl, o.app, &p);

    if (code == MDSCTL_DONE && !o.codepush) {
        mdsctl_store_report(f.input.path, &f.stored);
    }

    mds_json_release(package);
    end_file(&f);
    return code;
}

const mdsctl_command_t mdsctl_command_publish = {
    .name = "publish",
    .changes = true,
    .group = MDSCTL_PUBLISH,
    .arguments = "FILE",
    .summary = "sign and store a package, and make its deltas",
    .text = "Stores a package under its SHA-256, signs it, and makes deltas to "
            "it from lower "
            "versions. No device gets it before a release offers it. \"-\" is "
            "standard input.",
    .options = options,
    .examples
    = "mdsctl publish shop-3.3.0.apk --app com.example.shop --kind upgrade \\\n"
      "    --platform android --version 3.3.0\n"
      "mdsctl publish home.zip --app com.example.shop --kind bundle --name "
      "home \\\n"
      "    --version 1.5.0 --store --unpack /srv/h5/home\n",
    .synonyms = "upload add put push",
    .run = run_publish,
};
