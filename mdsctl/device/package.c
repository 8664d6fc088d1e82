/* package: downloads a package, in full or as a delta, verifies and stores it.
 */

#include "device/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "device/fetch.h"
#include "files/mds_delta.h"

#define MINISIG_MAX 4096 /* bytes */

/* A temporary directory beside the target, and the files in it. */
typedef struct {
    mds_path_t dir; /* empty: not created */
    mds_path_t delta;
    mds_path_t package;
} work_files_t;

static mds_status_t
create_files(mdsctl_check_t *c, work_files_t *w)
{
    mds_path_t   parent;
    mds_status_t status = MDS_OK;

    if (c->out != NULL) {
        status = mds_path_dir(c->out, &c->err, &parent);
    }
    if (status == MDS_OK) {
        status = mds_temp_dir_create(c->out != NULL ? parent.text : NULL,
                                     &c->err, &w->dir);
    }
    if (status == MDS_OK) {
        status = mds_path(&w->delta, &c->err, "%s/delta", w->dir.text);
    }
    if (status == MDS_OK) {
        status = mds_path(&w->package, &c->err, "%s/new", w->dir.text);
    }

    return status;
}

static void
remove_files(const work_files_t *w)
{
    if (w->dir.text[0] != '\0') {
        unlink(w->delta.text);
        unlink(w->package.text);
        rmdir(w->dir.text);
    }
}

/* Downloads a file of the manifest, and reports size and time. */
static mds_status_t
download(mdsctl_check_t *c, const mds_client_file_t *file, const char *path)
{
    bool             is_delta = file == &c->order.delta;
    const char      *what = is_delta ? "delta" : "full";
    uint64_t         full = c->order.full.size_bytes;
    double           saved;
    mds_buffer_t     url = { 0 };
    mds_status_t     status;
    mdsctl_fetched_t f;

    status = mdsctl_check_url(c, file->path, "", &url);
    if (status == MDS_OK) {
        status = mdsctl_fetch(c->http, (const char *) url.data, file, path,
                              &c->err, &f);
    }
    mds_buffer_free(&url);
    if (status != MDS_OK) {
        return status;
    }

    saved = full > 0 ? 100 - 100 * (double) f.bytes / (double) full : 0;

    if (is_delta) {
        mdsctl_report_line(&c->report, "download",
                           "%s, %" PRIu64 " bytes in %.2f s instead of %" PRIu64
                           ": %.1f %% saved",
                           what, f.bytes, f.seconds, full, saved);
    } else {
        mdsctl_report_line(&c->report, "download",
                           "%s, %" PRIu64 " bytes in %.2f s", what, f.bytes,
                           f.seconds);
    }
    if (f.tries > 1) {
        mdsctl_report_line(&c->report, "",
                           "interrupted %u time%s, and continued", f.tries - 1,
                           f.tries > 2 ? "s" : "");
    }

    /* Scripts know this value; a delta has had the name from the beginning. */
    mdsctl_report_set_str(&c->report, "download",
                          is_delta ? mds_str("difference") : mds_str("full"));
    mdsctl_report_set_bytes(&c->report, "downloaded_bytes", f.bytes);
    mdsctl_report_set_bytes(&c->report, "full_bytes", full);
    mdsctl_report_set(&c->report, "seconds", mds_json_real_new(f.seconds));
    mdsctl_report_set(&c->report, "saved_percent", mds_json_real_new(saved));
    mdsctl_report_set_bytes(&c->report, "tries", f.tries);
    return MDS_OK;
}

/* Checks that the installed package is the one that the delta is from. */
static mds_status_t
check_base(mdsctl_check_t *c)
{
    uint64_t     size_bytes;
    mds_sha256_t digest;
    mds_status_t status
        = mds_sha256_file(c->have, NULL, &c->err, &digest, &size_bytes);

    if (status == MDS_OK
        && !mds_sha256_eq(&digest, &c->order.delta_from_sha256)) {
        status
            = mds_fail(&c->err, MDS_CONFLICT,
                       "%s is not the build that the delta is from", c->have);
    }

    return status;
}

static mds_status_t
install_delta(mdsctl_check_t *c, const work_files_t *w)
{
    uint64_t     size_bytes;
    mds_sha256_t digest;
    mds_status_t status = check_base(c);

    if (status == MDS_OK) {
        status = download(c, &c->order.delta, w->delta.text);
    }
    if (status == MDS_OK) {
        status = mds_delta_apply(c->have, w->delta.text, w->package.text,
                                 c->order.full.size_bytes, &c->err);
    }
    if (status == MDS_OK) {
        status = mds_sha256_file(w->package.text, NULL, &c->err, &digest,
                                 &size_bytes);
    }
    if (status == MDS_OK && !mds_sha256_eq(&digest, &c->order.full.sha256)) {
        status = mds_fail(&c->err, MDS_DAMAGED,
                          "the patched file is not the new package");
    }

    return status;
}

/* Uses the delta if there is one and it works, otherwise the full file. */
static mds_status_t
install(mdsctl_check_t *c, const work_files_t *w)
{
    if (c->order.has_delta && c->have != NULL) {
        if (install_delta(c, w) == MDS_OK) {
            mdsctl_report_line(&c->report, "patched", "%s from %s",
                               c->order.full.path, c->have);
            return MDS_OK;
        }

        mdsctl_report_line(&c->report, "delta", "not usable: %s", c->err.text);
        mdsctl_report_line(&c->report, "", "downloads the full file instead");
        mdsctl_report_set_str(&c->report, "delta_failed",
                              mds_str_of(c->err.text));
        unlink(w->package.text);
    }

    if (!c->order.has_delta && c->have != NULL) {
        mdsctl_report_line(&c->report, "delta", "none is offered");
    }

    return download(c, &c->order.full, w->package.text);
}

/* Verifies the package's own signature. */
static mds_status_t
verify_package(mdsctl_check_t *c, const work_files_t *w)
{
    char            hex[MDS_SHA256_HEX + 1];
    mds_buffer_t    url = { 0 };
    mds_status_t    status;
    mdsctl_answer_t answer = { 0 };

    /* An older server does not name the path of the signature. */
    status = c->order.minisig != NULL
                 ? mdsctl_check_url(c, c->order.minisig, "", &url)
                 : mdsctl_check_url(c, c->order.full.path, ".minisig", &url);
    if (status == MDS_OK) {
        status = mdsctl_http_get(c->http, (const char *) url.data, MINISIG_MAX,
                                 &c->err, &answer);
    }
    if (status == MDS_OK && answer.status != 200) {
        status = mds_fail(&c->err, MDS_NOT_FOUND, "%s: the server answers %ld",
                          (const char *) url.data, answer.status);
    }
    if (status == MDS_OK) {
        status = mds_minisign_verify(
            &c->public_key, w->package.text,
            (mds_str_t){ answer.body.len, (const char *) answer.body.data },
            &c->err);
    }

    mdsctl_answer_free(&answer);
    mds_buffer_free(&url);
    if (status != MDS_OK) {
        return status;
    }

    mds_sha256_hex(&c->order.full.sha256, hex);
    mdsctl_report_line(&c->report, "verified",
                       "SHA-256 %s, and the package's signature", hex);
    mdsctl_report_set_str(&c->report, "sha256", mds_str_of(hex));
    return MDS_OK;
}

static mds_status_t
store_package(mdsctl_check_t *c, const work_files_t *w)
{
    mds_path_t   dir;
    mds_status_t status;

    if (c->out == NULL) {
        mdsctl_report_line(&c->report, "deleted",
                           "the verified file, because there is no --out");
        mdsctl_report_set(&c->report, "out", mds_json_null_new());
        return MDS_OK;
    }

    if (rename(w->package.text, c->out) != 0) {
        return mds_fail_errno(&c->err, "make %s", c->out);
    }

    status = mds_path_dir(c->out, &c->err, &dir);
    if (status == MDS_OK) {
        status = mds_file_sync_dir(dir.text, &c->err);
    }
    if (status == MDS_OK) {
        mdsctl_report_line(&c->report, "stored", "%s", c->out);
        mdsctl_report_set_str(&c->report, "out", mds_str_of(c->out));
    }

    return status;
}

mds_status_t
mdsctl_package_get(mdsctl_check_t *c)
{
    work_files_t w = { .dir.text = "" };
    mds_status_t status;

    status = create_files(c, &w);
    if (status == MDS_OK) {
        status = install(c, &w);
        c->unverified = status == MDS_DAMAGED;
    }
    if (status == MDS_OK) {
        status = verify_package(c, &w);
        c->unverified = status != MDS_OK;
    }
    if (status == MDS_OK) {
        status = store_package(c, &w);
    }

    remove_files(&w);
    return status;
}
