/* Prints the result of `mdsctl simulate` as text. */

#include <inttypes.h>
#include <stdlib.h>

#include "command/simulate.h"
#include "escape.h"

/* Prints "12 devices (5.0 %)". */
static void
print_share(int64_t count, int64_t all, const char *noun, bool about)
{
    char text[MDSCTL_COUNT_BYTES];

    printf("%s%s %s%s (%.1f %%)", about ? "about " : "",
           mdsctl_format_count(count, text), noun, count == 1 ? "" : "s",
           all > 0 ? 100.0 * (double) count / (double) all : 0.0);
}

/* Prints "3 NOUN; the first is line 12: TEXT", unless there are none. */
static void
print_bad_lines(const mds_json_t *bad, const char *one, const char *many)
{
    int64_t   count = mds_json_get_integer(bad, "count");
    mds_str_t text = mds_json_get_string(bad, "text");
    char      shown[MDSCTL_ESCAPED_BYTES], words[MDSCTL_COUNT_BYTES];

    if (count > 0) {
        printf("%s %s; the first is line %s: %s\n",
               mdsctl_format_count(count, words), count == 1 ? one : many,
               mdsctl_format_count(mds_json_get_integer(bad, "line"),
                                   (char[MDSCTL_COUNT_BYTES]){ 0 }),
               mdsctl_escape(text, shown, sizeof(shown)));
    }
}

static void
print_count(const mds_json_t *log, const char *key, const char *one,
            const char *many)
{
    int64_t count = mds_json_get_integer(log, key);
    char    text[MDSCTL_COUNT_BYTES];

    if (count > 0) {
        printf("%s %s\n", mdsctl_format_count(count, text),
               count == 1 ? one : many);
    }
}

static void
print_head(const mds_json_t *result, const char *log, mds_str_t app)
{
    const mds_json_t *read = mds_json_get(result, "log");
    const mds_json_t *checks = mds_json_get(result, "checks");
    int64_t           lines = mds_json_get_integer(read, "lines");
    int64_t           requests = mds_json_get_integer(checks, "requests");
    int64_t           devices = mds_json_get_integer(checks, "devices");
    char a[MDSCTL_COUNT_BYTES], b[MDSCTL_COUNT_BYTES], c[MDSCTL_COUNT_BYTES];

    printf("%s: %s line%s, %s check%s of %.*s by %s%s device%s\n", log,
           mdsctl_format_count(lines, a), lines == 1 ? "" : "s",
           mdsctl_format_count(requests, b), requests == 1 ? "" : "s",
           MDS_STR(app),
           mds_json_get_bool(checks, "devices_exact") ? "" : "about ",
           mdsctl_format_count(devices, c), devices == 1 ? "" : "s");
    print_count(checks, "without_device", "check names neither device nor user",
                "checks name neither device nor user");
    print_count(read, "other_apps", "check of another app",
                "checks of other apps");
    print_count(read, "other_requests", "other request", "other requests");
    print_count(read, "batches_without_body",
                "batch is left out: the log has no $request_body",
                "batches are left out: the log has no $request_body");
    print_bad_lines(mds_json_get(read, "refused"),
                    "check would be answered with 400",
                    "checks would be answered with 400");
    print_bad_lines(mds_json_get(read, "wrong"),
                    "line does not fit the log format",
                    "lines do not fit the log format");
}

static void
print_told(const mds_json_t *told)
{
    mds_str_t action = mds_json_get_string(told, "action");
    mds_str_t version = mds_json_get_string(told, "version");

    if (mds_str_eq(action, mds_str("install"))) {
        printf("install %.*s", MDS_STR(version));
    } else if (mds_str_eq(action, mds_str("rollback"))) {
        printf("go back to %.*s",
               MDS_STR(version.len > 0 ? version : mds_str("none")));
    } else {
        printf("nothing");
    }
}

/* Prints what a test that has another result says of a release. */
static void
print_test(mds_str_t test, bool gains, const mds_json_t *row)
{
    mds_str_t attribute = mds_json_get_string(row, "attribute");
    mds_str_t reason = mds_json_get_string(row, "reason");

    if (mds_str_eq(test, mds_str("audience"))) {
        printf(gains ? "it is in the audience now, by %.*s"
                     : "it is no longer in the audience",
               MDS_STR(mds_json_get_string(row, "reason")));
    } else if (mds_str_eq(test, mds_str("state"))) {
        mds_str_t action
            = mds_json_get_string(mds_json_get(row, "to"), "action");

        printf(gains && mds_str_eq(action, mds_str("rollback"))
                   ? "it is rolled back"
               : gains ? "it is running now"
                       : "it is no longer running");
    } else {
        printf("%.*s%s%.*s holds %s", MDS_STR(test),
               attribute.len > 0 ? " " : "", MDS_STR(attribute),
               gains ? "now; " : "no longer");
        printf("%.*s", gains ? (int) reason.len : 0, reason.data);
    }
}

static void
print_cause(const mds_json_t *row)
{
    mds_str_t release = mds_json_get_string(row, "release");
    mds_str_t test = mds_json_get_string(row, "test");
    bool      gains = mds_json_get_bool(row, "gains");

    static const struct {
        mds_str_t   test;
        const char *words;
    } words[] = {
        { mds_str("removed"), "it is removed" },
        { mds_str("order"), "it comes first now" },
        { mds_str("version"), "it has another version" },
        { mds_str("package"), "it has another package" },
        { mds_str("delta"), "other deltas" },
        { mds_str("meta"), "other meta" },
        { mds_str("manifest"), "another manifest" },
    };

    printf("release %.*s: ", MDS_STR(release));

    if (mds_str_eq(test, mds_str("new"))) {
        printf("it is new; %.*s", MDS_STR(mds_json_get_string(row, "reason")));
        return;
    }

    for (size_t i = 0; i < mds_nelems(words); i++) {
        if (mds_str_eq(test, words[i].test)) {
            printf("%s", words[i].words);
            return;
        }
    }

    print_test(test, gains, row);
}

/* Prints a word of a command line, quoted where the shell needs it. */
static void
print_word(mds_str_t name, mds_str_t value)
{
    char shown[MDSCTL_ESCAPED_BYTES];
    bool plain = true;

    (void) mdsctl_escape(value, shown, sizeof(shown));

    for (const char *p = shown; *p != '\0'; p++) {
        plain = plain && strchr(" \t'\"\\$`&|;<>()*?[]#~!{}", *p) == NULL;
    }

    printf(" %.*s=%s%s%s", MDS_STR(name), plain ? "" : "'", shown,
           plain ? "" : "'");
}

static void
print_example(const mds_json_t *example)
{
    const mds_json_t  *attributes = mds_json_get(example, "attributes");
    mds_json_member_t *m;

    printf("    line %" PRId64 ":", mds_json_get_integer(example, "line"));

    for (m = mds_json_first(attributes); m != NULL;
         m = mds_json_next(attributes, m))
    {
        print_word(mds_json_key(m), mds_json_string(mds_json_value(m)));
    }

    printf("\n");
}

static void
print_row(const mds_json_t *row, const mds_json_t *checks)
{
    mds_str_t         name = mds_json_get_string(row, "name");
    const mds_json_t *examples = mds_json_get(row, "examples");

    if (mds_str_eq(mds_json_get_string(row, "test"), mds_str("other"))) {
        printf("\nall others, which are of too many kinds\n");
    } else {
        printf("\n%.*s%s%.*s: ", MDS_STR(mds_json_get_string(row, "kind")),
               name.len > 0 ? " " : "", MDS_STR(name));
        print_told(mds_json_get(row, "from"));
        printf(" -> ");
        print_told(mds_json_get(row, "to"));
        printf("\n  ");
        print_cause(row);
        printf("\n");
    }

    printf("  ");
    print_share(mds_json_get_integer(row, "devices"),
                mds_json_get_integer(checks, "devices"), "device",
                !mds_json_get_bool(checks, "devices_exact"));
    printf(", ");
    print_share(mds_json_get_integer(row, "requests"),
                mds_json_get_integer(checks, "requests"), "check", false);
    printf("\n");

    for (size_t i = 0; i < mds_json_size(examples); i++) {
        print_example(mds_json_at(examples, i));
    }
}

static void
print_windows(const mds_json_t *windows)
{
    for (size_t i = 0; i < mds_json_size(windows); i++) {
        const mds_json_t *window = mds_json_at(windows, i);
        char              a[MDSCTL_COUNT_BYTES], b[MDSCTL_COUNT_BYTES];

        printf("\nrelease %.*s: its window has %s places left; %s devices or"
               " users of the log\nwould ask for one, and are not counted"
               " above\n",
               MDS_STR(mds_json_get_string(window, "release")),
               mdsctl_format_count(mds_json_get_integer(window, "places"), a),
               mdsctl_format_count(mds_json_get_integer(window, "candidates"),
                                   b));
    }
}

void
mdsctl_simulate_print(const mds_json_t *result, const char *log, mds_str_t app)
{
    const mds_json_t *checks = mds_json_get(result, "checks");
    const mds_json_t *changed = mds_json_get(result, "changed");
    const mds_json_t *rows = mds_json_get(result, "rows");

    print_head(result, log, app);

    if (mds_json_get_integer(changed, "requests") == 0) {
        printf("nothing would change\n");
    } else {
        printf("would change: ");
        print_share(mds_json_get_integer(changed, "devices"),
                    mds_json_get_integer(checks, "devices"), "device",
                    !mds_json_get_bool(checks, "devices_exact"));
        printf(", ");
        print_share(mds_json_get_integer(changed, "requests"),
                    mds_json_get_integer(checks, "requests"), "check", false);
        printf("\n");
    }

    for (size_t i = 0; i < mds_json_size(rows); i++) {
        print_row(mds_json_at(rows, i), checks);
    }

    print_windows(mds_json_get(result, "windows"));
}
