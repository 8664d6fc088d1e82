/* verify: reads and checks everything in the depot. */

#include "maintain/mds_verify.h"

#include <inttypes.h>

#include "mdsctl.h"

typedef struct {
    bool        json;
    mds_json_t *problems; /* for machines */
} findings_t;

/* Names in a damaged depot may be anything. */
static mds_json_t *
utf8_or(const char *text, mds_str_t otherwise)
{
    mds_str_t view = mds_str_of(text);

    return mds_json_string_new(mds_str_is_utf8(view) ? view : otherwise);
}

static void
note_problem(void *data, const char *where, const char *words)
{
    findings_t *findings = data;

    if (!findings->json) {
        printf("%s: %s\n", where, words);
        return;
    }

    if (mds_json_append(
            findings->problems,
            mds_json_pack(
                "{s:o, s:o}", "where",
                utf8_or(where, mds_str("a name that is not valid UTF-8")),
                "problem",
                utf8_or(words, mds_str("a message that is not valid UTF-8"))))
        != MDS_OK)
    {
        mds_json_release(findings->problems);
        findings->problems = NULL;
    }
}

/* Returns the keys as [{"keyid": ..., "signatures": N}, ...]. */
static mds_json_t *
key_facts(const mds_json_t *keys)
{
    mds_json_t  *array = mds_json_array_new();
    mds_status_t status = MDS_OK;

    for (mds_json_member_t *m = mds_json_first(keys);
         status == MDS_OK && m != NULL; m = mds_json_next(keys, m))
    {
        status = mds_json_append(
            array,
            mds_json_pack("{s:o, s:o}", "keyid",
                          mds_json_string_new(mds_json_key(m)), "signatures",
                          mds_json_copy(mds_json_value(m))));
    }

    if (status != MDS_OK) {
        mds_json_release(array);
        return NULL;
    }

    return array;
}

static int
print_json(const mds_verify_result_t *result, mds_json_t *problems)
{
    return mdsctl_print(mds_json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
        "serial", (int64_t) result->serial, "generations",
        (int64_t) result->generations, "manifests", (int64_t) result->manifests,
        "signatures", (int64_t) result->signatures, "lists",
        (int64_t) result->lists, "files", (int64_t) result->files, "bytes",
        (int64_t) result->bytes, "apps", (int64_t) result->apps, "changes",
        (int64_t) result->changes, "windows", (int64_t) result->windows, "keys",
        key_facts(result->keys), "problems", problems));
}

static int
print_result(const mds_verify_result_t *result, bool keys)
{
    printf("serial %llu: %llu generations, %llu manifests, %llu lists, %llu"
           " files, %llu bytes, %llu apps, %llu changes\n%llu signatures"
           "%s\n",
           (unsigned long long) result->serial,
           (unsigned long long) result->generations,
           (unsigned long long) result->manifests,
           (unsigned long long) result->lists,
           (unsigned long long) result->files,
           (unsigned long long) result->bytes,
           (unsigned long long) result->apps,
           (unsigned long long) result->changes,
           (unsigned long long) result->signatures,
           keys ? " checked"
                : ", of which only the form was checked: give --pub to verify "
                  "them");

    for (mds_json_member_t *m = mds_json_first(result->keys); m != NULL;
         m = mds_json_next(result->keys, m))
    {
        printf("key %.*s: %" PRId64 " signatures\n", MDS_STR(mds_json_key(m)),
               mds_json_integer(mds_json_value(m)));
    }

    if (result->problems == 0) {
        printf("no problems\n");
    }

    return MDSCTL_DONE;
}

static int
say_problems(uint64_t count)
{
    mds_error_t err;

    if (count == 0) {
        return MDSCTL_DONE;
    }

    mds_fail(&err, MDS_DAMAGED, "%llu problem%s", (unsigned long long) count,
             count > 1 ? "s" : "");
    return mdsctl_fail(&err);
}

int
mdsctl_keys(const mdsctl_values_t *files, mds_public_t *keys)
{
    mds_error_t err;

    for (size_t i = 0; i < files->count; i++) {
        if (mds_public_load(files->items[i], &err, &keys[i]) != MDS_OK) {
            return mdsctl_fail(&err);
        }
    }

    return MDSCTL_DONE;
}

typedef struct {
    mdsctl_values_t files;
} options_t;

static const mdsctl_option_t options[] = {
    { "pub", "FILE.pub", "verify signatures by this key; may be repeated",
      MDSCTL_STORE(options_t, files) },
    { 0 },
};

static int
run_verify(mdsctl_t *ctl, int argc, char **argv)
{
    static mds_public_t  keys[MDSCTL_VALUES_MAX];
    options_t            o = { .files.count = 0 };
    findings_t           findings;
    mds_verify_result_t  result;
    mds_verify_options_t how
        = { .keys = keys, .problem = note_problem, .data = &findings };
    mds_error_t  err;
    mds_status_t status;
    int          code;

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if (mdsctl_keys(&o.files, keys) != MDSCTL_DONE) {
        return MDSCTL_FAILED;
    }

    findings
        = (findings_t){ ctl->json, ctl->json ? mds_json_array_new() : NULL };
    how.key_count = o.files.count;
    how.progress = mdsctl_progress_begin("verifying");
    status = mds_verify(ctl->depot, &how, &err, &result);
    mdsctl_progress_end(how.progress);

    if (status != MDS_OK) {
        mds_json_release(findings.problems);
        return mdsctl_fail(&err);
    }

    code = ctl->json ? print_json(&result, findings.problems)
                     : print_result(&result, o.files.count > 0);
    mds_json_release(result.keys);

    return code == MDSCTL_DONE ? say_problems(result.problems) : code;
}

const mdsctl_command_t mdsctl_command_verify = {
    .name = "verify",
    .group = MDSCTL_KEEP,
    .summary = "read and check everything in the depot",
    .text = "Reads every file, list, signature and record of the depot, and "
            "prints each problem "
            "in a line. It changes nothing and stops nothing.",
    .options = options,
    .examples = "mdsctl verify\n"
                "mdsctl verify --pub ops.pub\n",
    .synonyms = "fsck",
    .run = run_verify,
};
