/* fetch: downloads a file with several tries, and verifies its digest. */

#include "device/fetch.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "mdsctl.h"

#define FIRST_PAUSE_MS 100 /* doubled from try to try */

/* The downloaded file, whose digest is computed while it grows. */
typedef struct {
    mdsctl_sink_t      base;
    int                fd;
    const char        *path;
    mds_error_t        err; /* of a failed write */
    uint64_t           bytes;
    uint64_t           size_bytes;
    mds_sha256_state_t digest;
    mds_progress_t    *progress;
} target_t;

static bool
target_write(mdsctl_sink_t *sink, const void *data, size_t len)
{
    target_t *t = (target_t *) sink;

    if (mds_file_write_all(t->fd, t->path, data, len, &t->err) != MDS_OK) {
        return false;
    }

    mds_sha256_add(&t->digest, data, len);
    t->bytes += len;
    t->progress->report(t->progress, t->bytes, t->size_bytes);
    return true;
}

static void
pause_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

    nanosleep(&ts, NULL);
}

static mds_status_t
transfer(mdsctl_http_t *http, const char *url, target_t *t, mds_error_t *err,
         unsigned *tries)
{
    mds_status_t status;
    long         wait_ms = FIRST_PAUSE_MS;
    int64_t      left_ms = mdsctl_http_deadline_ms(http);
    int64_t      until_ms = mdsctl_clock_ms() + left_ms;

    for (*tries = 1;; *tries += 1) {
        status = mdsctl_http_download(http, url, left_ms, t->bytes,
                                      t->size_bytes, &t->base, err);

        /* The file is complete, even if the connection failed then. */
        if (status == MDS_IO && t->size_bytes > 0 && t->bytes == t->size_bytes)
        {
            return MDS_OK;
        }

        left_ms = until_ms - mdsctl_clock_ms() - wait_ms;

        if (status != MDS_IO || *tries == MDSCTL_FETCH_TRIES || left_ms <= 0) {
            break;
        }

        pause_ms(wait_ms);
        wait_ms *= 2;
    }

    if (t->err.status != MDS_OK) {
        *err = t->err;
        return t->err.status;
    }

    return status;
}

static mds_status_t
verify(target_t *t, const char *url, const mds_client_file_t *file,
       mds_error_t *err)
{
    char         hex[2][MDS_SHA256_HEX + 1];
    mds_sha256_t digest;

    mds_sha256_end(&t->digest, &digest);
    if (mds_sha256_eq(&digest, &file->sha256)) {
        return MDS_OK;
    }

    return mds_fail(err, MDS_DAMAGED, "%s: its SHA-256 is %s, should be %s",
                    url, mds_sha256_hex(&digest, hex[0]),
                    mds_sha256_hex(&file->sha256, hex[1]));
}

mds_status_t
mdsctl_fetch(mdsctl_http_t *http, const char *url,
             const mds_client_file_t *file, const char *path, mds_error_t *err,
             mdsctl_fetched_t *fetched)
{
    target_t     t = { .base.write = target_write,
                       .path = path,
                       .size_bytes = file->size_bytes };
    int64_t      begun_ms = mdsctl_clock_ms();
    mds_status_t status;

    *fetched = (mdsctl_fetched_t){ 0 };

    t.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (t.fd < 0) {
        return mds_fail_errno(err, "create %s", path);
    }

    mds_sha256_begin(&t.digest);
    t.progress = mdsctl_progress_begin("download");
    status = transfer(http, url, &t, err, &fetched->tries);
    mdsctl_progress_end(t.progress);

    fetched->bytes = t.bytes;
    fetched->seconds = (double) (mdsctl_clock_ms() - begun_ms) / 1000;

    if (status == MDS_OK) {
        status = verify(&t, url, file, err);
    }
    if (status == MDS_OK && fsync(t.fd) != 0) {
        status = mds_fail_errno(err, "sync %s", path);
    }

    close(t.fd);
    if (status != MDS_OK) {
        unlink(path);
    }

    return status;
}
