/*
 * Verifies a depot, part by part. Files that LMDB has to read before it is
 * known that they are whole are read by a child process first.
 */

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "catalog/mds_current.h"
#include "loader/mds_journal.h"
#include "maintain/mds_verify_internal.h"
#include "merkle/mds_tree.h"

#define MDS_VERIFY_TRIES 20
#define MDS_VERIFY_WAIT_US 100000

/* The processor time of a trial: damaged pages may lead in a circle. */
#define MDS_VERIFY_TRIAL_S 3
#define MDS_VERIFY_TRIAL_BYTES_A_S (UINT64_C(1) << 20)

static mds_status_t
mds_verify_count(mds_verify_t *v, const char *name, uint64_t size_bytes,
                 mds_error_t *err)
{
    (void) name;
    (void) err;
    v->total_bytes += size_bytes;

    return MDS_OK;
}

/* Counts the bytes to read, for the progress bar. Signatures read their files
 * once more, which is quick then. */
static mds_status_t
mds_verify_total(mds_verify_t *v, mds_error_t *err)
{
    static const char *const folders[]
        = { "catalog", "lists", MDS_TREES, "files" };
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(folders); i++) {
        status = mds_verify_folder_muted(v, folders[i], mds_verify_count, err);
    }

    return status;
}

/* Limits this process, in which an environment is tried. */
static void
mds_verify_limit(const mds_verify_t *v, const char *where)
{
    struct rlimit none = { 0, 0 }, cpu = { MDS_VERIFY_TRIAL_S, RLIM_INFINITY };
    mds_path_t    path;
    struct stat   st;

    if (mds_path(&path, NULL, "%s/%s/data.mdb", v->depot, where) == MDS_OK
        && stat(path.text, &st) == 0)
    {
        cpu.rlim_cur
            += (rlim_t) ((uint64_t) st.st_size / MDS_VERIFY_TRIAL_BYTES_A_S);
    }

    (void) setrlimit(RLIMIT_CORE, &none);
    (void) setrlimit(RLIMIT_CPU, &cpu);
}

/*
 * Reads an environment in a child process, and again in this one if the child
 * survives: LMDB trusts what it reads, and a damaged file can crash the process
 * or hold it forever. Neither has the environment open at the fork.
 */
static mds_status_t
mds_verify_try(mds_verify_t *v, const char *where,
               mds_status_t (*part)(mds_verify_t *v, mds_error_t *err),
               mds_error_t *err)
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

    if (how != 0) {
        mds_verify_report(v, where, "damaged: it cannot be read to its end");
        return MDS_OK;
    }

    return part(v, err);
}

/* Returns whether an agent has filled the depot: it has left its figures. */
static bool
mds_verify_has_agent(const char *depot)
{
    mds_path_t path;

    return mds_path(&path, NULL, "%s/agent/status", depot) == MDS_OK
           && access(path.text, F_OK) == 0;
}

/* Checks that the generation in force is the journal's last. A loader may be
 * between its commit and its switch, so it tries for a while. */
static mds_status_t
mds_verify_current(mds_verify_t *v, mds_journal_t *journal, mds_error_t *err)
{
    mds_current_t *current;
    uint64_t       serial = 0, last = 0;
    mds_status_t   status = mds_current_open(v->depot, false, err, &current);

    if (status != MDS_OK) {
        return status;
    }

    for (int i = 0; i < MDS_VERIFY_TRIES; i++) {
        status = mds_journal_read(journal, err);

        if (status != MDS_OK) {
            break;
        }

        last = mds_journal_get_serial(journal);
        serial = mds_current_serial(current);
        mds_journal_abort(journal);

        if (last == serial || (last == 0 && v->is_edge)) {
            break;
        }

        (void) usleep(MDS_VERIFY_WAIT_US);
    }

    mds_current_close(current);

    if (status != MDS_OK) {
        return status;
    }

    /* The journal of an edge has no change; one that has is an origin's. */
    v->is_edge = v->is_edge && last == 0;

    if (last != serial && !v->is_edge) {
        mds_verify_report(v, "CURRENT",
                          "names generation %" PRIu64 ", and the journal's"
                          " last change is %" PRIu64,
                          serial, last);
    }

    v->result.serial = serial;
    return MDS_OK;
}

/* Reports an environment that does not exist; opening it would make one. */
static bool
mds_verify_has(mds_verify_t *v, const char *name)
{
    mds_path_t  path;
    struct stat st;
    bool        has = mds_path(&path, NULL, "%s/%s", v->depot, name) == MDS_OK
               && stat(path.text, &st) == 0 && S_ISREG(st.st_mode);

    if (!has) {
        mds_verify_report(v, name, "does not exist");
    }

    return has;
}

/* Verifies the journal and, unless this is a trial, CURRENT by it. */
static mds_status_t
mds_verify_journal_and_current(mds_verify_t *v, mds_error_t *err)
{
    mds_journal_t *journal;
    mds_status_t   status;

    if (!v->muted) {
        status = mds_journal_open(v->depot, err, &journal);

        if (status == MDS_OK) {
            status = mds_verify_current(v, journal, err);
            mds_journal_close(journal);
        }

        if (status != MDS_OK) {
            return status;
        }
    }

    return mds_verify_journal(v, err);
}

static mds_status_t
mds_verify_environments(mds_verify_t *v, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    if (mds_verify_has(v, "state/data.mdb")) {
        status = mds_verify_try(v, "state", mds_verify_state, err);
    }

    if (status == MDS_OK) {
        status = mds_verify_registry(v, err);
    }

    return status == MDS_OK && mds_verify_has(v, "journal/data.mdb")
               ? mds_verify_try(v, "journal", mds_verify_journal_and_current,
                                err)
               : status;
}

static mds_status_t
mds_verify_all(mds_verify_t *v, mds_error_t *err)
{
    mds_status_t status;

    if ((status = mds_verify_total(v, err)) != MDS_OK
        || (status = mds_verify_environments(v, err)) != MDS_OK
        || (status = mds_verify_generations(v, err)) != MDS_OK
        || (status = mds_verify_lists(v, err)) != MDS_OK
        || (status = mds_verify_trees(v, err)) != MDS_OK
        || (status = mds_verify_feed(v, err)) != MDS_OK)
    {
        return status;
    }

    return mds_verify_files(v, err);
}

mds_status_t
mds_verify(const char *depot, const mds_verify_options_t *options,
           mds_error_t *err, mds_verify_result_t *result)
{
    mds_verify_t   v = { .progress = { mds_verify_show_progress },
                         .depot = depot,
                         .options = options,
                         .is_edge = mds_verify_has_agent(depot),
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
