#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "catalog/mds_current.h"
#include "loader/mds_journal.h"
#include "maintain/mds_verify_internal.h"

/* A loader may be between its commit and its switch. */
#define MDS_VERIFY_TRIES 20
#define MDS_VERIFY_WAIT_US 100000

/* Processor time for a first look at an environment: damaged pages may lead
 * in a circle. */
#define MDS_VERIFY_LOOK_S 3
#define MDS_VERIFY_LOOK_BYTES_A_S (UINT64_C(1) << 20)

void
mds_verify_problem(mds_verify_t *v, const char *where, const char *format, ...)
{
    char    words[MDS_ERROR_BYTES + 512];
    va_list args;

    v->result.problems++;

    if (v->muted) {
        return;
    }

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);

    v->options->problem(v->options->data, where, words);
}

void
mds_verify_failed(mds_verify_t *v, const char *where, const mds_error_t *err)
{
    if (err->status == MDS_NO_MEMORY) {
        v->starved = true;
    } else {
        mds_verify_problem(v, where, "%s", err->text);
    }
}

/* Within one file. */
static void
mds_verify_report(mds_progress_t *progress, uint64_t done, uint64_t total)
{
    mds_verify_t *v = (mds_verify_t *) progress;

    (void) total;

    if (v->options->progress != NULL) {
        v->options->progress->report(v->options->progress,
                                     v->result.bytes + done, v->total_bytes);
    }
}

void
mds_verify_done(mds_verify_t *v, uint64_t bytes)
{
    v->result.bytes += bytes;
    mds_verify_report(&v->progress, 0, 0);
}

static const mds_public_t *
mds_verify_key(const mds_verify_t *v, const uint8_t keyid[MDS_KEYID_BYTES])
{
    for (size_t i = 0; i < v->options->key_count; i++) {
        if (memcmp(v->options->keys[i].keyid, keyid, MDS_KEYID_BYTES) == 0) {
            return &v->options->keys[i];
        }
    }

    return NULL;
}

static void
mds_verify_count_key(mds_verify_t *v, const char *keyid)
{
    int64_t count = mds_json_get_integer(v->result.keys, keyid);

    if (mds_json_set_integer(v->result.keys, keyid, count + 1) != MDS_OK) {
        v->starved = true;
    }
}

const mds_public_t *
mds_verify_signer(mds_verify_t *v, const char *where, const char *words,
                  const uint8_t keyid[MDS_KEYID_BYTES])
{
    const mds_public_t *key = mds_verify_key(v, keyid);
    char                hex[MDS_KEYID_HEX + 1];

    v->result.signatures++;
    mds_verify_count_key(v, mds_keyid_hex(keyid, hex));

    if (key == NULL && v->options->key_count > 0) {
        mds_verify_problem(v, where, "%s key %s, which is not given", words,
                           mds_keyid_hex(keyid, hex));
    }

    return key;
}

/* Folders */

static int
mds_verify_wanted(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
           && strncmp(entry->d_name, MDS_TEMP_PREFIX,
                      sizeof(MDS_TEMP_PREFIX) - 1)
                  != 0;
}

static mds_status_t
mds_verify_name(mds_verify_t *v, const char *folder, const char *name,
                mds_verify_visit_t visit, mds_error_t *err)
{
    char         where[512];
    mds_path_t   path;
    struct stat  st;
    mds_status_t status
        = mds_path(&path, err, "%s/%s/%s", v->depot, folder, name);

    if (status != MDS_OK) {
        return status;
    }

    /* What was taken away meanwhile is none of ours. */
    if (lstat(path.text, &st) != 0) {
        return MDS_OK;
    }

    if (!S_ISREG(st.st_mode)) {
        snprintf(where, sizeof(where), "%s/%s", folder, name);
        mds_verify_problem(v, where, "no regular file");
        return MDS_OK;
    }

    return visit(v, name, (uint64_t) st.st_size, err);
}

mds_status_t
mds_verify_folder(mds_verify_t *v, const char *folder, mds_verify_visit_t visit,
                  mds_error_t *err)
{
    struct dirent **names;
    mds_path_t      path;
    int             count;
    mds_status_t    status = mds_path(&path, err, "%s/%s", v->depot, folder);

    if (status != MDS_OK) {
        return status;
    }

    count = scandir(path.text, &names, mds_verify_wanted, alphasort);

    if (count < 0) {
        (void) mds_fail_errno(err, "read it");
        mds_verify_failed(v, folder, err);
        return MDS_OK;
    }

    for (int i = 0; i < count; i++) {
        if (status == MDS_OK) {
            status = mds_verify_name(v, folder, names[i]->d_name, visit, err);
        }
        free(names[i]);
    }

    free(names);
    return status;
}

static mds_status_t
mds_verify_count(mds_verify_t *v, const char *name, uint64_t size_bytes,
                 mds_error_t *err)
{
    (void) name;
    (void) err;
    v->total_bytes += size_bytes;

    return MDS_OK;
}

/* How much there is to read, for the bar; signatures read their files once
 * more, which costs little then. */
static mds_status_t
mds_verify_total(mds_verify_t *v, mds_error_t *err)
{
    static const char *const folders[] = { "catalog", "lists", "files" };
    uint64_t                 problems = v->result.problems;
    mds_status_t             status = MDS_OK;

    v->muted = true;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(folders); i++) {
        status = mds_verify_folder(v, folders[i], mds_verify_count, err);
    }

    v->muted = false;
    v->result.problems = problems;

    return status;
}

static void
mds_verify_limit(const mds_verify_t *v, const char *where)
{
    struct rlimit none = { 0, 0 }, look = { MDS_VERIFY_LOOK_S, RLIM_INFINITY };
    mds_path_t    path;
    struct stat   st;

    if (mds_path(&path, NULL, "%s/%s/data.mdb", v->depot, where) == MDS_OK
        && stat(path.text, &st) == 0)
    {
        look.rlim_cur
            += (rlim_t) ((uint64_t) st.st_size / MDS_VERIFY_LOOK_BYTES_A_S);
    }

    (void) setrlimit(RLIMIT_CORE, &none);
    (void) setrlimit(RLIMIT_CPU, &look);
}

/*
 * LMDB believes what it reads: a damaged file can end the process, or keep it
 * for good. So a child goes first. Neither has the environment open when it is
 * made.
 */
static mds_status_t
mds_verify_survives(mds_verify_t *v, const char *where,
                    mds_status_t (*part)(mds_verify_t *v, mds_error_t *err),
                    mds_error_t *err, bool *survives)
{
    mds_error_t why;
    int         how;
    pid_t       pid = fork();

    if (pid < 0) {
        return mds_fail_errno(err, "fork");
    }

    if (pid == 0) {
        v->muted = true;
        mds_verify_limit(v, where);
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(0);
        }
        (void) part(v, &why);
        _exit(0);
    }

    while (waitpid(pid, &how, 0) < 0) {
    }

    *survives = how == 0;

    if (how != 0) {
        mds_verify_problem(v, where, "damaged: it cannot be read to its end");
    }

    return MDS_OK;
}

/* What is in force is what the journal says. */
static mds_status_t
mds_verify_current(mds_verify_t *v, mds_journal_t *journal, mds_error_t *err)
{
    mds_current_t *current = NULL;
    uint64_t       serial = 0, last = 0;
    mds_status_t   status = mds_current_open(v->depot, false, err, &current);

    for (int i = 0; status == MDS_OK && i < MDS_VERIFY_TRIES; i++) {
        status = mds_journal_read(journal, err);

        if (status == MDS_OK) {
            last = mds_journal_get_serial(journal);
            serial = mds_current_serial(current);
            mds_journal_abort(journal);
        }

        if (last == serial) {
            break;
        }

        (void) usleep(MDS_VERIFY_WAIT_US);
    }

    mds_current_close(current);

    if (status != MDS_OK) {
        return status;
    }

    if (last != serial) {
        mds_verify_problem(v, "CURRENT",
                           "names generation %" PRIu64 ", and the journal's"
                           " last change is %" PRIu64,
                           serial, last);
    }

    v->result.serial = serial;
    return MDS_OK;
}

/* Opening an environment would make one where there is none. */
static bool
mds_verify_has(mds_verify_t *v, const char *name)
{
    mds_path_t  path;
    struct stat st;
    bool        has = mds_path(&path, NULL, "%s/%s", v->depot, name) == MDS_OK
               && stat(path.text, &st) == 0 && S_ISREG(st.st_mode);

    if (!has) {
        mds_verify_problem(v, name, "is not there");
    }

    return has;
}

static mds_status_t
mds_verify_environments(mds_verify_t *v, mds_error_t *err)
{
    mds_journal_t *journal;
    bool           survives = false;
    mds_status_t   status = MDS_OK;

    if (mds_verify_has(v, "state/data.mdb")) {
        status
            = mds_verify_survives(v, "state", mds_verify_state, err, &survives);
    }

    if (status == MDS_OK && survives) {
        status = mds_verify_state(v, err);
    }

    survives = false;

    if (status == MDS_OK) {
        status = mds_verify_survives(v, "state/devices", mds_verify_registry,
                                     err, &survives);
    }

    if (status == MDS_OK && survives) {
        status = mds_verify_registry(v, err);
    }

    survives = false;

    if (status == MDS_OK && mds_verify_has(v, "journal/data.mdb")) {
        status = mds_verify_survives(v, "journal", mds_verify_journal, err,
                                     &survives);
    }

    if (status != MDS_OK || !survives) {
        return status;
    }

    status = mds_journal_open(v->depot, err, &journal);

    if (status == MDS_OK) {
        status = mds_verify_current(v, journal, err);
        mds_journal_close(journal);
    }

    return status == MDS_OK ? mds_verify_journal(v, err) : status;
}

static mds_status_t
mds_verify_all(mds_verify_t *v, mds_error_t *err)
{
    mds_status_t status = mds_verify_total(v, err);

    if (status == MDS_OK) {
        status = mds_verify_environments(v, err);
    }

    if (status == MDS_OK) {
        status = mds_verify_generations(v, err);
    }

    if (status == MDS_OK) {
        status = mds_verify_lists(v, err);
    }

    return status == MDS_OK ? mds_verify_files(v, err) : status;
}

mds_status_t
mds_verify(const char *depot, const mds_verify_options_t *options,
           mds_error_t *err, mds_verify_result_t *result)
{
    mds_verify_t   v = { .progress = { mds_verify_report },
                         .depot = depot,
                         .options = options,
                         .result = { .keys = mds_json_object_new() },
                         .seen = mds_intern_new() };
    mds_current_t *current;
    mds_status_t   status;

    if (v.seen == NULL || v.result.keys == NULL) {
        mds_json_release(v.result.keys);
        mds_intern_free(v.seen);
        return mds_fail_memory(err);
    }

    status = mds_current_open(depot, false, err, &current);

    if (status == MDS_NOT_FOUND) {
        status
            = mds_fail(err, MDS_NOT_FOUND,
                       "\"%s\" is not a depot; `mdsctl init` makes one", depot);
    }

    if (status == MDS_OK) {
        v.result.serial = mds_current_serial(current);
        mds_current_close(current);
        status = mds_verify_all(&v, err);
    }

    if (status == MDS_OK && v.starved) {
        status = mds_fail_memory(err);
    }

    if (status == MDS_OK) {
        *result = v.result;
    } else {
        mds_json_release(v.result.keys);
    }

    mds_intern_free(v.seen);
    return status;
}
