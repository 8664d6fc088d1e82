/*
 * publish --codepush: takes an update as the CodePush tools do, and gives it
 * the hash by which devices know it.
 */

#include <sys/stat.h>
#include <unistd.h>

#include "archive/package_hash.h"
#include "archive/zip_folder.h"
#include "base/mds_semver_range.h"
#include "command/publish.h"
#include "member.h"

static mds_status_t
zip_folder(const char *dir, mds_error_t *err, mdsctl_codepush_t *codepush)
{
    mds_temp_file_t draft = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_temp_dir_create(NULL, err, &codepush->dir);

    if (status == MDS_OK) {
        status = mds_path(&codepush->zip, err, "%s/update.zip",
                          codepush->dir.text);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_create(&draft, codepush->dir.text, err);
    }

    if (status == MDS_OK) {
        status = mdsctl_zip_folder(dir, &draft, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&draft, codepush->zip.text, 0600, err);
    }

    mds_temp_file_discard(&draft);
    return status;
}

int
mdsctl_codepush_begin(const char *path, mdsctl_codepush_t *codepush)
{
    struct stat  st;
    mds_sha256_t hash;
    mds_error_t  err;
    mds_status_t status = MDS_OK;

    codepush->file = path;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        status = zip_folder(path, &err, codepush);
        codepush->file = codepush->zip.text;
    }

    if (status == MDS_OK) {
        status = mdsctl_package_hash(codepush->file, &err, &hash);
    }

    if (status != MDS_OK) {
        return mdsctl_fail(&err);
    }

    mds_sha256_hex(&hash, codepush->hash);
    return MDSCTL_DONE;
}

void
mdsctl_codepush_end(const mdsctl_codepush_t *codepush)
{
    if (codepush->dir.text[0] != '\0') {
        unlink(codepush->zip.text);
        rmdir(codepush->dir.text);
    }
}

/* Sets a member of "meta", unless it is there. */
static int
set_meta(mds_json_t *package, const char *name, const char *value)
{
    mds_json_t *meta = mds_json_get(package, "meta");

    if (meta == NULL) {
        meta = mds_json_object_new();

        if (mds_json_set(package, "meta", meta) != MDS_OK) {
            return mdsctl_json_status(MDS_NO_MEMORY);
        }
    }

    return mds_json_get(meta, name) == NULL ? mdsctl_set_word(meta, name, value)
                                            : MDSCTL_DONE;
}

/* Adds the rule that the version of the app is in the range. */
static int
add_rule(mds_json_t *package, const mds_semver_range_t *range)
{
    mds_json_t *rules = mds_json_get(package, "rules");
    mds_json_t *rule = mds_json_pack("{s:s, s:s}", "attribute", "app_version",
                                     "op", "range");
    int         code = MDSCTL_DONE;

    if (rules == NULL) {
        rules = mds_json_array_new();
        code = mdsctl_json_status(mds_json_set(package, "rules", rules));
    }

    code = code
               ?: mdsctl_set_word(rule, "min",
                                  range->min[0] == '\0' ? NULL : range->min)
               ?: mdsctl_set_word(rule, range->below ? "below" : "max",
                                  range->max[0] == '\0' ? NULL : range->max);

    if (code != MDSCTL_DONE) {
        mds_json_release(rule);
        return code;
    }

    return mdsctl_json_status(mds_json_append(rules, rule));
}

int
mdsctl_codepush_set_members(mds_json_t              *package,
                            const mdsctl_codepush_t *codepush,
                            const char              *range)
{
    mds_semver_range_t read;
    int                code = set_meta(package, "package_hash", codepush->hash);

    if (range == NULL || code != MDSCTL_DONE) {
        return code;
    }

    if (!mds_semver_range_parse(mds_str_of(range), &read)) {
        return mdsctl_fail_usage(
            "--app-version: \"%s\" is not a range of semver such as 1.2.3,"
            " ^1.2 or >=1.2 <2 (without ||)",
            range);
    }

    code = set_meta(package, "target_binary_range", range);

    return code == MDSCTL_DONE && (read.min[0] != '\0' || read.max[0] != '\0')
               ? add_rule(package, &read)
               : code;
}
