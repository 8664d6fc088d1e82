/* gc: removes files that nothing needs. */

#include "maintain/mds_gc.h"

#include <limits.h>

#include "archive/work_dir.h"
#include "escape.h"
#include "mdsctl.h"

/* Defines the bytes of a name within the depot of which each may take eight. */
#define NAME_BYTES (8 * (size_t) (NAME_MAX + 64))

typedef struct {
    bool        json;
    bool        dry_run;
    mds_json_t *files; /* for machines */
} heap_t;

/* Reports a file, whose name another user may have chosen: JSON escapes all but
 * bytes that are not UTF-8, which it cannot have. */
static void
report_removal(void *data, const char *name, uint64_t size_bytes)
{
    heap_t *heap = data;
    char    text[NAME_BYTES];

    if (!heap->json || !mds_str_is_utf8(mds_str_of(name))) {
        name = mdsctl_escape(mds_str_of(name), text, sizeof(text));
    }

    if (!heap->json) {
        printf("%s %s, %llu bytes\n",
               heap->dry_run ? "would remove" : "removed", name,
               (unsigned long long) size_bytes);
        return;
    }

    if (mds_json_append(heap->files,
                        mds_json_pack("{s:o, s:I}", "name",
                                      mds_json_string_new(mds_str_of(name)),
                                      "bytes", (int64_t) size_bytes))
        != MDS_OK)
    {
        mds_json_release(heap->files);
        heap->files = NULL;
    }
}

static const char *
plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static int
print_result(const heap_t *heap, const mds_gc_result_t *result)
{
    if (!heap->json) {
        printf("%s %llu file%s, %llu bytes, and %llu note%s; %llu file%s, %llu"
               " bytes stay\n",
               heap->dry_run ? "would remove" : "removed",
               (unsigned long long) result->removed, plural(result->removed),
               (unsigned long long) result->removed_bytes,
               (unsigned long long) result->notes, plural(result->notes),
               (unsigned long long) result->kept, plural(result->kept),
               (unsigned long long) result->kept_bytes);
        return MDSCTL_DONE;
    }

    return mdsctl_print(
        mds_json_pack("{s:o, s:b, s:I, s:I, s:I, s:I}", "removed", heap->files,
                      "dry_run", (int) heap->dry_run, "removed_bytes",
                      (int64_t) result->removed_bytes, "notes",
                      (int64_t) result->notes, "kept", (int64_t) result->kept,
                      "kept_bytes", (int64_t) result->kept_bytes));
}

static int
collect(mdsctl_t *ctl, mds_gc_options_t *options, heap_t *heap)
{
    mds_loader_t   *loader = NULL;
    mds_gc_result_t result;
    mds_path_t      stage;
    mds_error_t     err;
    mds_status_t    status = mds_loader_open(ctl->depot, NULL, &err, &loader);

    heap->files = heap->json ? mds_json_array_new() : NULL;

    if (status == MDS_OK && !heap->dry_run
        && mds_path(&stage, NULL, "%s/" MDSCTL_SNAPSHOT_WORK_DIR, ctl->depot)
               == MDS_OK)
    {
        mdsctl_work_dir_sweep(&stage);
    }

    if (status == MDS_OK) {
        status = mds_gc(loader, options, &err, &result);
    }

    mds_loader_close(loader);

    if (status != MDS_OK) {
        mds_json_release(heap->files);
        return mdsctl_fail(&err);
    }

    return print_result(heap, &result);
}

typedef struct {
    bool        dry_run;
    const char *keep;
    const char *grace;
} options_t;

static const mdsctl_option_t options[] = {
    { "dry-run", NULL, "print what would be removed, and remove nothing",
      MDSCTL_STORE(options_t, dry_run) },
    { "keep-generations", "N", "catalogs whose files are kept; default 5",
      MDSCTL_STORE(options_t, keep) },
    { "grace", "SECONDS", "younger files are kept; default 3600 s",
      MDSCTL_STORE(options_t, grace) },
    { 0 },
};

static int
run_gc(mdsctl_t *ctl, int argc, char **argv)
{
    options_t        o = { 0 };
    int64_t          generations = MDS_GENERATIONS_KEPT;
    mds_gc_options_t how = { .grace_s = MDS_GC_GRACE_S };
    heap_t           heap;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE
        || mdsctl_number("--keep-generations", o.keep, 1, &generations)
               != MDSCTL_DONE
        || mdsctl_number("--grace", o.grace, 0, &how.grace_s) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    heap = (heap_t){ .json = ctl->json, .dry_run = o.dry_run };
    how.dry_run = o.dry_run;
    how.generations = (unsigned) generations;
    how.removed = report_removal;
    how.data = &heap;

    return collect(ctl, &how, &heap);
}

const mdsctl_command_t mdsctl_command_gc = {
    .name = "gc",
    .group = MDSCTL_KEEP,
    .summary = "remove files that nothing needs",
    .text = "Removes files and lists that no document, no kept generation and "
            "none of the last 100 changes names, unfinished files of killed "
            "processes, and damaged files of the registry of devices after "
            "seven days. Downloads that have begun go on.",
    .options = options,
    .examples = "mdsctl gc --dry-run\n"
                "mdsctl gc --keep-generations 3 --grace 7200\n",
    .synonyms = "prune clean cleanup",
    .run = run_gc,
};
