/* expo: reads the folder of `expo export`. */

#include "expo/expo.h"

#include <stdlib.h>
#include <unistd.h>

#include "expo/rsa.h"
#include "expo/update.h"

#define METADATA_MAX ((size_t) 16 << 20)

/* An export that is being read. */
typedef struct {
    mdsctl_expo_export_t export;
    const mds_json_t *package; /* members that all packages have */
    mdsctl_expo_t    *expo;
} reader_t;

/* Gives the time when a file of the folder was written, or MDS_NOT_FOUND. */
static mds_status_t
read_time(const char *folder, const char *name, mds_error_t *err, int64_t *ms)
{
    mds_path_t    path;
    mds_file_id_t id;
    uint64_t      bytes;
    int           fd;
    mds_status_t  status = mds_path(&path, err, "%s/%s", folder, name);

    if (status == MDS_OK) {
        status = mds_file_open(path.text, err, &fd, &bytes);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_file_id(fd, path.text, err, &id);
    (void) close(fd);

    if (status == MDS_OK) {
        *ms = id.written_ns / 1000000;
    }

    return status;
}

/* Gives a JSON file of the folder, a new object. */
static mds_status_t
read_object(const char *folder, const char *name, mds_error_t *err,
            mds_json_t **object)
{
    mds_path_t   path;
    char        *data;
    size_t       len;
    mds_json_t  *json;
    mds_status_t status = mds_path(&path, err, "%s/%s", folder, name);

    if (status == MDS_OK) {
        status = mds_file_read(path.text, METADATA_MAX, err, &data, &len);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_json_parse((mds_str_t){ len, data }, path.text, err, &json);
    free(data);

    if (status == MDS_OK && !mds_json_is_object(json)) {
        mds_json_release(json);
        return mds_fail(err, MDS_INVALID, "\"%s\" must hold an object",
                        path.text);
    }

    if (status == MDS_OK) {
        *object = json;
    }

    return status;
}

/* Writes the text to a file of its own, and gives the path. */
static mds_status_t
store(mdsctl_expo_t *expo, mds_str_t text, mds_error_t *err, mds_path_t *path)
{
    mds_status_t status = MDS_OK;

    if (expo->dir.text[0] == '\0') {
        status = mds_temp_dir_create(NULL, err, &expo->dir);
    }

    if (status == MDS_OK) {
        status = mds_path(path, err, "%s/%zu", expo->dir.text, expo->made);
    }

    if (status == MDS_OK) {
        status = mds_file_create(path->text, 0600, text.data, text.len, err);
    }

    expo->made += status == MDS_OK;
    return status;
}

/* Sets the members of "meta" by which nginx makes the answer. */
static mds_status_t
set_meta(mds_json_t *package, const char *part, const char *signature,
         mds_error_t *err)
{
    mds_json_t  *meta = mds_json_get(package, "meta");
    mds_status_t status = MDS_OK;

    if (meta == NULL) {
        meta = mds_json_object_new();
        status = mds_json_set(package, "meta", meta);
    }

    if (status == MDS_OK) {
        status = mds_json_set_str(meta, "expo_part", mds_str_of(part));
    }

    if (status == MDS_OK && signature != NULL) {
        status
            = mds_json_set_str(meta, "expo_signature", mds_str_of(signature));
    }

    return mds_json_done(status, err);
}

/* Adds the rule that the app has the runtime version. */
static mds_status_t
add_rule(mds_json_t *package, const char *runtime, mds_error_t *err)
{
    mds_json_t  *rules = mds_json_get(package, "rules");
    mds_status_t status = MDS_OK;

    if (rules == NULL) {
        rules = mds_json_array_new();
        status = mds_json_set(package, "rules", rules);
    }

    if (status == MDS_OK) {
        status = mds_json_append(rules,
                                 mds_json_pack("{s:s, s:s, s:[s]}", "attribute",
                                               "runtime_version", "op", "in",
                                               "values", runtime));
    }

    return mds_json_done(status, err);
}

/* Completes a copy of the package: its file, rule, and what signs it. */
static mds_status_t
complete(reader_t *reader, mds_json_t *package, const char *part,
         mds_str_t text, mds_error_t *err)
{
    const mdsctl_expo_options_t *options = reader->export.options;
    char                        *signature = NULL;
    mds_path_t                   path;
    mds_status_t                 status = MDS_OK;

    if (options->key != NULL) {
        status = mdsctl_rsa_sign(options->key, text, err, &signature);
    }

    if (status == MDS_OK) {
        status = set_meta(package, part, signature, err);
    }

    free(signature);

    if (status == MDS_OK) {
        status = add_rule(package, options->runtime, err);
    }

    if (status == MDS_OK) {
        status = store(reader->expo, text, err, &path);
    }

    if (status == MDS_OK) {
        status = mds_json_done(mds_json_set_str(package, "file",
                                                mds_str_of(path.text)),
                               err);
    }

    return status == MDS_OK
               ? mds_json_done(mds_json_set_integer(package, "deltas", 0), err)
               : status;
}

/* Adds the package of a text; platform may be empty. */
static mds_status_t
add_package(reader_t *reader, const char *part, mds_str_t platform,
            mds_str_t text, mds_error_t *err)
{
    mds_json_t  *package = mds_json_copy(reader->package);
    mds_status_t status
        = mds_json_done(package == NULL ? MDS_NO_MEMORY : MDS_OK, err);

    if (status == MDS_OK && platform.len > 0) {
        status = mds_json_done(mds_json_set_str(package, "platform", platform),
                               err);
    }

    if (status == MDS_OK) {
        status = complete(reader, package, part, text, err);
    }

    if (status != MDS_OK) {
        mds_json_release(package);
        return status;
    }

    return mds_json_done(mds_json_append(reader->expo->packages, package), err);
}

static mds_status_t
add_manifest(reader_t *reader, mds_str_t platform, const mds_json_t *files,
             mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mdsctl_expo_manifest(&reader->export, files, reader->expo->packages,
                               err, &text, &len);

    if (status != MDS_OK) {
        return status;
    }

    status = add_package(reader, "manifest", platform, (mds_str_t){ len, text },
                         err);
    free(text);

    return status;
}

/* Adds the packages of each platform that is asked for. */
static mds_status_t
add_platforms(reader_t *reader, const mds_json_t *metadata, mds_error_t *err)
{
    const mds_json_t *platforms = mds_json_get(metadata, "fileMetadata");
    mds_str_t         only = mds_json_get_string(reader->package, "platform");
    mds_status_t      status = MDS_OK;
    size_t            count = 0;

    for (mds_json_member_t *m = mds_json_first(platforms);
         status == MDS_OK && m != NULL; m = mds_json_next(platforms, m))
    {
        if (only.len == 0 || mds_str_eq(mds_json_key(m), only)) {
            status
                = add_manifest(reader, mds_json_key(m), mds_json_value(m), err);
            count++;
        }
    }

    return status != MDS_OK || count > 0
               ? status
               : mds_fail(err, MDS_INVALID,
                          "\"%s/metadata.json\" has no update%s%.*s",
                          reader->export.folder, only.len == 0 ? "" : " for ",
                          MDS_STR(only));
}

static mds_status_t
read_export(reader_t *reader, mds_error_t *err)
{
    const char  *folder = reader->export.folder;
    mds_json_t  *metadata, *config = NULL;
    mds_status_t status = read_object(folder, "metadata.json", err, &metadata);

    if (status != MDS_OK) {
        return status;
    }

    status
        = read_time(folder, "metadata.json", err, &reader->export.created_ms);

    if (status == MDS_OK) {
        status = read_object(folder, "expoConfig.json", err, &config);
        status = status == MDS_NOT_FOUND ? MDS_OK : status;
    }

    reader->export.config = config;

    if (status == MDS_OK) {
        status = add_platforms(reader, metadata, err);
    }

    mds_json_release(config);
    mds_json_release(metadata);
    return status;
}

static mds_status_t
read_rollback(reader_t *reader, mds_error_t *err)
{
    char        *text;
    size_t       len;
    mds_status_t status
        = mdsctl_expo_directive(&reader->export, err, &text, &len);

    if (status == MDS_OK) {
        status = add_package(reader, "directive", mds_null_str,
                             (mds_str_t){ len, text }, err);
        free(text);
    }

    return status;
}

mds_status_t
mdsctl_expo_read(const char *folder, const mdsctl_expo_options_t *options,
                 const mds_json_t *package, mds_error_t *err,
                 mdsctl_expo_t *expo)
{
    reader_t reader = {
        .export = { .folder = folder,
                    .options = options,
                    .version = mds_json_get_string(package, "version") },
        .package = package,
        .expo = expo,
    };
    mds_status_t status;

    *expo = (mdsctl_expo_t){ .packages = mds_json_array_new() };

    if (expo->packages == NULL) {
        return mds_fail_memory(err);
    }

    status = read_time(folder, "rollback", err, &reader.export.created_ms);

    return status == MDS_NOT_FOUND ? read_export(&reader, err)
           : status == MDS_OK      ? read_rollback(&reader, err)
                                   : status;
}

void
mdsctl_expo_free(mdsctl_expo_t *expo)
{
    mds_error_t err;
    mds_path_t  path;

    mds_json_release(expo->packages);

    for (size_t i = 0; i < expo->made; i++) {
        if (mds_path(&path, &err, "%s/%zu", expo->dir.text, i) == MDS_OK) {
            (void) unlink(path.text);
        }
    }

    if (expo->dir.text[0] != '\0') {
        (void) rmdir(expo->dir.text);
    }
}
