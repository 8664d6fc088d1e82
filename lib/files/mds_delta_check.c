/*
 * Runs the tool of a format in a child process, and digests the file that it
 * made.
 */

#include "files/mds_delta_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mds_file.h"
#include "files/mds_delta.h"

#define MDS_TOOL_WORDS 9 /* of a command, with the NULL behind them */
#define MDS_TOOL_SLACK ((uint64_t) 1 << 20) /* bytes above the new file */
#define MDS_TOOL_NOT_FOUND 127              /* the exit code, as in a shell */

/* Words of a command that are replaced; they are compared by address. */
static const char mds_delta_check_old[] = "OLD";
static const char mds_delta_check_new[] = "NEW";
static const char mds_delta_check_delta[] = "DIFFERENCE";
static const char mds_delta_check_option[] = "--patch-from=OLD";

typedef struct {
    mds_str_t   format;
    const char *command[MDS_TOOL_WORDS];
} mds_delta_check_tool_t;

static const mds_delta_check_tool_t mds_delta_check_tools[] = {
    { mds_str("bsdiff"),
      { "bspatch", mds_delta_check_old, mds_delta_check_new,
        mds_delta_check_delta } },
    { mds_str("xdelta3"),
      { "xdelta3", "-d", "-f", "-s", mds_delta_check_old, mds_delta_check_delta,
        mds_delta_check_new } },
    { mds_str("vcdiff"),
      { "xdelta3", "-d", "-f", "-s", mds_delta_check_old, mds_delta_check_delta,
        mds_delta_check_new } },
    { mds_str("zstd"),
      { "zstd", "-d", "-q", "--long=31", mds_delta_check_option,
        mds_delta_check_delta, "-o", mds_delta_check_new } },
};

typedef struct {
    const mds_delta_check_t *check;
    mds_path_t               dir;
    mds_path_t               made;
    mds_path_t               option; /* --patch-from=OLD */
    const char              *words[MDS_TOOL_WORDS];
} mds_delta_check_run_t;

/* Writes the command. False: the format has no tool. */
static bool
mds_delta_check_command(mds_delta_check_run_t *run)
{
    const mds_delta_check_t *check = run->check;

    for (size_t i = 0; i < mds_nelems(mds_delta_check_tools); i++) {
        const mds_delta_check_tool_t *tool = &mds_delta_check_tools[i];

        if (!mds_str_eq(tool->format, check->format)) {
            continue;
        }

        for (size_t w = 0; w < MDS_TOOL_WORDS; w++) {
            const char *word = tool->command[w];

            run->words[w] = word == mds_delta_check_old      ? check->old_path
                            : word == mds_delta_check_option ? run->option.text
                            : word == mds_delta_check_delta  ? check->delta_path
                            : word == mds_delta_check_new    ? run->made.text
                                                             : word;
        }

        return true;
    }

    return false;
}

/* Executes the tool in the child, with a limit on the file that it writes. */
static void
mds_delta_check_exec(const mds_delta_check_run_t *run)
{
    uint64_t      most = run->check->made_bytes + MDS_TOOL_SLACK;
    struct rlimit size = { most, most };
    int           null = open("/dev/null", O_RDWR);

    if (null >= 0 && setpgid(0, 0) == 0 && setrlimit(RLIMIT_FSIZE, &size) == 0
        && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0)
    {
        execvp(run->words[0], (char *const *) run->words);
    }

    _exit(errno == ENOENT ? MDS_TOOL_NOT_FOUND : 1);
}

/* Waits for the child, and kills its process group when its time is over. */
static int
mds_delta_check_wait(pid_t pid)
{
    const struct timespec moment = { .tv_nsec = 5000000 };
    time_t                end = time(NULL) + MDS_DELTA_CHECK_SECONDS;
    int                   status = 0;
    pid_t                 ended;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && time(NULL) <= end) {
        nanosleep(&moment, NULL);
    }

    if (ended == 0) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        ended = waitpid(pid, &status, 0);
    }

    return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static mds_status_t
mds_delta_check_wrong(const mds_delta_check_run_t *run, const char *why,
                      mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID,
                    "the delta (%.*s) does not produce this package from"
                    " that version: %s",
                    MDS_STR(run->check->format), why);
}

static mds_status_t
mds_delta_check_tool(const mds_delta_check_run_t *run, mds_error_t *err,
                     bool *checked)
{
    int   code;
    pid_t pid = fork();

    if (pid < 0) {
        return mds_fail_errno(err, "run \"%s\"", run->words[0]);
    }

    if (pid == 0) {
        mds_delta_check_exec(run);
    }

    code = mds_delta_check_wait(pid);

    if (code == MDS_TOOL_NOT_FOUND) {
        *checked = false;
        return MDS_OK;
    }

    *checked = true;
    return code == 0 ? MDS_OK : mds_delta_check_wrong(run, run->words[0], err);
}

static mds_status_t
mds_delta_check_own(const mds_delta_check_run_t *run, mds_error_t *err,
                    bool *checked)
{
    const mds_delta_check_t *check = run->check;
    mds_error_t              why;
    mds_status_t             status
        = mds_delta_apply(check->old_path, check->delta_path, run->made.text,
                          check->made_bytes, &why);

    *checked = true;

    return status == MDS_INCOMPATIBLE || status == MDS_DAMAGED
                   || status == MDS_INVALID
               ? mds_delta_check_wrong(run, why.text, err)
           : status == MDS_OK ? MDS_OK
                              : mds_fail(err, status, "%s", why.text);
}

/* Compares the file that was made with the one that is wanted. */
static mds_status_t
mds_delta_check_compare(const mds_delta_check_run_t *run, mds_error_t *err)
{
    uint64_t     size;
    mds_sha256_t digest;

    if (mds_sha256_file(run->made.text, NULL, NULL, &digest, &size) != MDS_OK) {
        return mds_delta_check_wrong(run, "nothing was made", err);
    }

    return mds_sha256_eq(&digest, &run->check->made)
               ? MDS_OK
               : mds_delta_check_wrong(run, "something else was made", err);
}

static mds_status_t
mds_delta_check_run(mds_delta_check_run_t *run, mds_error_t *err, bool *checked)
{
    const mds_delta_check_t *check = run->check;
    mds_status_t status = mds_path(&run->made, err, "%s/new", run->dir.text);

    if (status == MDS_OK) {
        status
            = mds_path(&run->option, err, "--patch-from=%s", check->old_path);
    }

    if (status != MDS_OK) {
        return status;
    }

    if (mds_str_eq(check->format, mds_str(MDS_DELTA_FORMAT))) {
        status = mds_delta_check_own(run, err, checked);

    } else if (mds_delta_check_command(run)) {
        status = mds_delta_check_tool(run, err, checked);

    } else {
        *checked = false;
    }

    if (status == MDS_OK && *checked) {
        status = mds_delta_check_compare(run, err);
    }

    unlink(run->made.text);
    return status;
}

mds_status_t
mds_delta_check(const mds_delta_check_t *check, mds_error_t *err, bool *checked)
{
    mds_delta_check_run_t run = { .check = check };
    bool                  done = false;
    mds_status_t          status = mds_temp_dir_create(NULL, err, &run.dir);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_delta_check_run(&run, err, &done);
    rmdir(run.dir.text);

    if (status == MDS_OK) {
        *checked = done;
    }

    return status;
}
