/* check: acts as a device, with all the checks that a device must make. */

#include "device/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/messages.h"
#include "device/reporting.h"
#include "device/trust.h"
#include "device/watch.h"
#include "mdsctl.h"

mds_status_t
mdsctl_check_url(mdsctl_check_t *c, const char *path, const char *suffix,
                 mds_buffer_t *url)
{
    size_t len = strlen(c->base);

    mds_buffer_add(url, c->base, len);
    if (len > 0 && c->base[len - 1] != '/') {
        mds_buffer_add(url, "/", 1);
    }
    mds_buffer_add(url, path, strlen(path));
    mds_buffer_add(url, suffix, strlen(suffix) + 1);

    if (mds_buffer_failed(url)) {
        return mds_fail_memory(&c->err);
    }

    return MDS_OK;
}

mds_status_t
mdsctl_check_get(mdsctl_check_t *c, mds_buffer_t *path, mds_error_t *err,
                 mdsctl_answer_t *answer)
{
    mds_buffer_t url = { 0 };
    mds_status_t status;

    mds_buffer_add(path, "", 1);
    status = mds_buffer_failed(path)
                 ? mds_fail_memory(err)
                 : mdsctl_check_url(c, (const char *) path->data, "", &url);

    if (status == MDS_OK) {
        mdsctl_report_line(&c->report, "request", "%s",
                           (const char *) url.data);
        status = mdsctl_http_get(c->http, (const char *) url.data,
                                 MDSCTL_HTTP_BODY_MAX, err, answer);
    }

    mds_buffer_free(&url);
    return status;
}

static mds_status_t
send_check(mdsctl_check_t *c, mdsctl_answer_t *answer)
{
    mds_buffer_t path = { 0 };
    mds_status_t status;

    mds_buffer_add(&path, "check", 5);

    for (size_t i = 0; i < c->request.count; i++) {
        mdsctl_http_add_parameter(&path, c->request.attributes[i].name,
                                  c->request.attributes[i].value);
    }

    status = mdsctl_check_get(c, &path, &c->err, answer);

    mds_buffer_free(&path);
    return status;
}

/* Fails with the status and text of an answer that is not signed, and therefore
 * not trusted. */
mds_status_t
mdsctl_check_fail(const mdsctl_check_t *c, const mdsctl_answer_t *answer,
                  mds_error_t *err)
{
    char        words[256] = "";
    mds_str_t   body = { answer->body.len, (const char *) answer->body.data };
    mds_str_t   detail;
    mds_json_t *problem = NULL;

    if (strcmp(answer->type, "application/problem+json") == 0
        && mds_json_parse(body, "problem", NULL, &problem) == MDS_OK)
    {
        detail = mds_json_get_string(problem, "detail");
        if (detail.len == 0) {
            detail = mds_json_get_string(problem, "title");
        }
        snprintf(words, sizeof(words), "%s%.*s", detail.len > 0 ? ": " : "",
                 MDS_STR(detail));
    }

    mds_json_release(problem);
    return mds_fail(err, MDS_IO, "%s: the server answers %ld%s", c->base,
                    answer->status, words);
}

/* Finds the key that the signature names among those of --pub. */
static mds_status_t
find_key(mdsctl_check_t *c, mds_str_t header)
{
    char         hex[MDS_KEYID_HEX + 1], given[256] = "";
    size_t       len = 0;
    uint8_t      keyid[MDS_KEYID_BYTES], raw[MDS_RAW_SIGNATURE_BYTES];
    mds_status_t status = mds_dsse_parse(header, &c->err, keyid, raw);

    if (status != MDS_OK) {
        return status;
    }

    if (c->has_root) {
        return mdsctl_trust_find_key(c, keyid, &c->public_key);
    }

    for (size_t i = 0; i < c->key_count; i++) {
        if (memcmp(c->keys[i].keyid, keyid, sizeof(keyid)) == 0) {
            c->public_key = c->keys[i];
            return MDS_OK;
        }

        if (len < sizeof(given)) {
            len += (size_t) snprintf(given + len, sizeof(given) - len, "%s%s",
                                     i > 0 ? ", " : "",
                                     mds_keyid_hex(c->keys[i].keyid, hex));
        }
    }

    return mds_fail(&c->err, MDS_INCOMPATIBLE,
                    "%s: the answer is signed by key %s, and --pub gives %s",
                    c->base, mds_keyid_hex(keyid, hex), given);
}

/* Verifies the signature before it parses the body. */
static mds_status_t
verify_manifest(mdsctl_check_t *c, const mdsctl_answer_t *answer)
{
    mds_str_t    body = { answer->body.len, (const char *) answer->body.data };
    mds_status_t status;

    status = answer->signature[0] == '\0'
                 ? mds_fail(&c->err, MDS_INVALID,
                            "%s: the answer has no signature (MDS-Signature)",
                            c->base)
                 : find_key(c, mds_str_of(answer->signature));
    if (status == MDS_OK) {
        status = mds_dsse_verify(&c->public_key, body,
                                 mds_str_of(answer->signature), &c->err);
    }
    if (status == MDS_OK && c->has_root) {
        status = mdsctl_trust_check_proof(c, answer);
    }
    if (status == MDS_OK) {
        status = mds_client_manifest_parse(body, &c->err, &c->order);
    }
    if (status == MDS_OK) {
        status = mds_client_manifest_check(&c->order, &c->request, &c->err);
    }

    return status != MDS_OK && c->has_root ? mdsctl_trust_advise(c) : status;
}

/* Reports in words what the manifest says; also as "reason", until the check
 * fails. */
static void
report_answer(mdsctl_check_t *c)
{
    const mds_client_manifest_t *o = &c->order;
    char                         words[2 * MDS_VALUE_MAX + 64];

    if (!o->rollback) {
        (void) snprintf(words, sizeof(words), "install version %.*s",
                        MDS_STR(o->version));
    } else if (o->has_full) {
        (void) snprintf(words, sizeof(words),
                        "roll back version %.*s to version %.*s",
                        MDS_STR(o->from), MDS_STR(o->version));
    } else {
        (void) snprintf(words, sizeof(words),
                        "roll back version %.*s: remove it", MDS_STR(o->from));
    }

    mdsctl_report_line(&c->report, "answer", "%s", words);
    mdsctl_report_set_str(&c->report, "reason", mds_str_of(words));
}

static void
report_manifest(mdsctl_check_t *c)
{
    char                  *meta;
    size_t                 len;
    char                   keyid[MDS_KEYID_HEX + 1];
    mds_client_manifest_t *o = &c->order;
    mds_json_t            *json = mds_json_get(o->json, "meta");

    mds_keyid_hex(c->public_key.keyid, keyid);
    mdsctl_report_set_str(&c->report, "action",
                          mds_str_of(o->rollback ? "rollback" : "install"));
    if (o->rollback) {
        mdsctl_report_set_str(&c->report, "from", o->from);
    }
    mdsctl_report_set(&c->report, "version",
                      o->has_full ? mds_json_string_new(o->version)
                                  : mds_json_null_new());
    mdsctl_report_set_str(&c->report, "release", o->release);
    mdsctl_report_set(&c->report, "serial", mds_json_integer_new(o->serial));
    mdsctl_report_set_str(&c->report, "keyid", mds_str_of(keyid));

    report_answer(c);
    mdsctl_report_line(&c->report, "release", "%.*s, serial %" PRId64,
                       MDS_STR(o->release), o->serial);
    mdsctl_report_line(&c->report, "signed by", "%s: the signature is valid",
                       keyid);

    if (json != NULL
        && mds_json_dump(json, MDS_JSON_COMPACT, NULL, &meta, &len) == MDS_OK)
    {
        mdsctl_report_line(&c->report, "meta", "%s", meta);
        mdsctl_report_set(&c->report, "meta", mds_json_retain(json));
        free(meta);
    }
}

/* Requests and verifies the manifest once. */
static mds_status_t
request_once(mdsctl_check_t *c)
{
    mds_status_t    status;
    mdsctl_answer_t answer;

    mds_client_manifest_free(&c->order);
    c->unverified = false;

    status = send_check(c, &answer);
    if (status != MDS_OK) {
        return status;
    }

    c->retry_after_s = answer.retry_after_s;

    if (answer.serial[0] != '\0') {
        memcpy(c->serial, answer.serial, sizeof(c->serial));
    }

    if (answer.poll_after[0] != '\0') {
        mdsctl_report_set(&c->report, "poll_after",
                          mds_json_integer_new(
                              strtoll(answer.poll_after, NULL, 10)));
    }

    /* Of a manifest that is verified, the signed serial counts. */
    if (answer.serial[0] != '\0') {
        mdsctl_report_set(&c->report, "serial",
                          mds_json_integer_new(
                              strtoll(answer.serial, NULL, 10)));
    }

    if (answer.status == 200) {
        status = verify_manifest(c, &answer);
        c->unverified = status != MDS_OK;
    } else if (answer.status != 204) {
        status = mdsctl_check_fail(c, &answer, &c->err);
    }

    mdsctl_answer_free(&answer);
    return status;
}

/* Requests and verifies the manifest; c->order is empty if there is none. If it
 * does not fit the head, the catalog may have changed in between: both are
 * requested once more. */
static mds_status_t
request_manifest(mdsctl_check_t *c)
{
    mds_status_t status = request_once(c);

    if (status != MDS_CONFLICT || !c->has_root) {
        return status;
    }

    status = mdsctl_trust_get_head(c);

    return status == MDS_OK ? request_once(c) : status;
}

/* Repeats the check if a message hits with a higher version: it may have been
 * pushed between the two answers, and only a signed manifest is installed. */
static mds_status_t
repeat_check(mdsctl_check_t *c, const mdsctl_messages_t *messages)
{
    mds_status_t status;

    if (!mdsctl_messages_ahead(c, messages)) {
        return MDS_OK;
    }

    status = request_manifest(c);
    if (status == MDS_OK && mdsctl_messages_ahead(c, messages)) {
        mdsctl_report_line(&c->report, "",
                           "no manifest names this version: not followed");
    }

    return status;
}

static mds_status_t
upgrade(mdsctl_check_t *c, mdsctl_messages_t *messages)
{
    mds_status_t status;

    if (c->has_root && (status = mdsctl_trust_begin(c)) != MDS_OK) {
        return status;
    }

    status = request_manifest(c);
    if (status != MDS_OK) {
        return status;
    }

    mdsctl_messages_get(c, messages);
    status = repeat_check(c, messages);
    if (status != MDS_OK) {
        return status;
    }

    if (c->order.json == NULL) {
        mdsctl_report_line(&c->report, "answer", "nothing to do");
        mdsctl_report_set_str(&c->report, "action", mds_str("none"));
        mdsctl_report_set_str(&c->report, "reason", mds_str("nothing to do"));
        return MDS_OK;
    }

    report_manifest(c);
    return c->order.has_full ? mdsctl_package_get(c) : MDS_OK;
}

/* Sends the reports, if they are wanted. Reports that fail do not hide an error
 * of the upgrade. */
static mds_status_t
send_reports(mdsctl_check_t *c, mds_status_t upgraded)
{
    mds_error_t  err;
    mds_status_t status;

    if (!c->reports) {
        return upgraded;
    }

    status = mdsctl_reporting_send(c, upgraded, &err);

    if (upgraded != MDS_OK || status == MDS_OK) {
        return upgraded;
    }

    return mds_fail(&c->err, status, "%s", err.text);
}

/* Upgrades, and then sends the reports and the marks. If only those fail, the
 * upgrade stands; the next check sends the marks. */
static mds_status_t
check(mdsctl_check_t *c, bool *upgraded)
{
    mds_status_t      status;
    mdsctl_messages_t messages = { 0 };

    status = upgrade(c, &messages);
    *upgraded = status == MDS_OK;
    status = send_reports(c, status);

    if (status == MDS_OK) {
        status = mdsctl_messages_mark(c, &messages);
    }

    mdsctl_messages_free(&messages);
    return status;
}

/* Says with --json how a check ended that failed. An upgrade that succeeded
 * keeps its action if only reports or marks failed. */
static void
report_failure(mdsctl_check_t *c, bool upgraded)
{
    mds_error_t shown = c->err;

    mdsctl_hide_users(shown.text);
    mdsctl_report_set_str(&c->report, "reason", mds_str_of(shown.text));

    if (!upgraded) {
        mdsctl_report_set_str(&c->report, "action",
                              c->unverified ? mds_str("unverified")
                                            : mds_str("failed"));
    }
}

/* What is not verified has an exit code of its own: it may be an attack, and to
 * try again does not help. */
static int
run(mdsctl_check_t *c)
{
    int          code = MDSCTL_DONE;
    bool         upgraded;
    mds_status_t status = check(c, &upgraded);

    if (status != MDS_OK) {
        report_failure(c, upgraded);
    }

    if (c->report.json) {
        code = mdsctl_print(mds_json_retain(c->report.object));
    }

    if (status != MDS_OK) {
        code = mdsctl_fail(&c->err);
    }

    return c->unverified ? MDSCTL_UNVERIFIED : code;
}

typedef struct {
    mdsctl_values_t  pubs;
    const char      *root;
    const char      *have;
    const char      *out;
    bool             watch;
    const char      *silence;
    bool             reports;
    mdsctl_service_t service;
} options_t;

static const mdsctl_option_t options[] = {
    { "pub", "FILE.pub", "key that must have signed; may be repeated",
      MDSCTL_ONE_OF, MDSCTL_STORE(options_t, pubs) },
    { "root", "ROOT.json", "root that is trusted; demands a head",
      MDSCTL_ONE_OF, MDSCTL_STORE(options_t, root) },
    { "have", "FILE", "the installed package; allows a delta",
      MDSCTL_STORE(options_t, have) },
    { "out", "FILE", "where to put the new package; default: nowhere",
      MDSCTL_STORE(options_t, out) },
    { "watch", NULL, "stay connected, and check when the edge says so",
      MDSCTL_STORE(options_t, watch) },
    { "silence", "SECONDS", "reopen a stream silent so long; default 90",
      MDSCTL_STORE(options_t, silence) },
    { "report", NULL, "tell the edge how the installation ended",
      MDSCTL_STORE(options_t, reports) },
    MDSCTL_SERVICE_OPTIONS(options_t, service),
    { 0 },
};

static int
parse(mdsctl_check_t *c, mdsctl_t *ctl, int argc, char **argv, bool *watch)
{
    options_t o = { .pubs.count = 0 };

    if (mdsctl_parse(ctl, &o, &argc, argv) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    c->service = o.service;
    c->have = o.have;
    c->out = o.out;
    c->reports = o.reports;
    c->base = argv[1];
    c->silence_s = MDSCTL_WATCH_SILENCE_S;
    *watch = o.watch;

    if (o.silence != NULL && !o.watch) {
        return mdsctl_fail_usage("--silence needs --watch");
    }

    if (mdsctl_number("--silence", o.silence, 1, &c->silence_s) != MDSCTL_DONE
        || mdsctl_service(&c->service, argv[1], &c->how) != MDSCTL_DONE
        || mdsctl_attributes(argc - 2, argv + 2, &c->request) != MDSCTL_DONE)
    {
        return MDSCTL_USAGE;
    }

    if (mds_request_validate(&c->request, &c->err) != MDS_OK) {
        return mdsctl_fail_usage("%s", c->err.text);
    }

    if (c->reports && mdsctl_reporting_check(&c->request) != MDSCTL_DONE) {
        return MDSCTL_USAGE;
    }

    if ((o.root != NULL) == (o.pubs.count > 0)) {
        return mdsctl_fail_usage(o.root == NULL
                                     ? "--pub or --root is missing"
                                     : "--pub and --root exclude each other");
    }

    if (o.root != NULL) {
        c->has_root = true;
        c->how.wants_proof = true;
        return mds_client_trust_open(o.root, &c->err, &c->trust) == MDS_OK
                   ? MDSCTL_DONE
                   : mdsctl_fail(&c->err);
    }

    c->key_count = o.pubs.count;
    return mdsctl_keys(&o.pubs, c->keys);
}

static int
run_check(mdsctl_t *ctl, int argc, char **argv)
{
    int            code;
    bool           watch;
    mdsctl_check_t c = { 0 };

    code = parse(&c, ctl, argc, argv, &watch);
    if (code != MDSCTL_DONE) {
        return code;
    }

    c.report.json = ctl->json;
    c.report.object = mds_json_object_new();

    if (mdsctl_http_open(&c.how, &c.err, &c.http) != MDS_OK) {
        code = mdsctl_fail(&c.err);
    } else {
        code = watch ? mdsctl_watch(&c, check) : run(&c);
    }

    mds_json_release(c.report.object);
    mds_client_manifest_free(&c.order);
    mds_client_trust_free(&c.trust);
    mds_head_free(&c.head);
    mdsctl_http_close(c.http);
    return code;
}

const mdsctl_command_t mdsctl_command_check = {
    .name = "check",
    .group = MDSCTL_SEE,
    .arguments = "URL NAME=VALUE...",
    .summary = "play a device: ask, verify, download, patch",
    .text
    = "Acts as a device towards a running edge, with all the checks that "
      "a device must "
      "make. URL is the base of the service. It needs no depot and no "
      "secret key. With --root it trusts what the root says: it follows newer "
      "roots, demands a head, and keeps what it has seen in ROOT.json.seen. "
      "With --watch it stays connected, checks each time the "
      "edge says that the answer has changed, reconnects after a failure, "
      "and ends at SIGINT or SIGTERM; --json then prints one line an "
      "event. The exit code is 0 if there was nothing to do or the version was "
      "verified, 3 if what came could not be verified, and 1 if the check "
      "failed otherwise.",
    .options = options,
    .examples
    = "mdsctl check http://127.0.0.1:8080/mds/v1/ --pub ops.pub \\\n"
      "    app=com.example.shop kind=upgrade platform=android version=3.1.0\n"
      "mdsctl check http://127.0.0.1:8080/mds/v1/ --pub ops.pub \\\n"
      "    --have shop-3.1.0.apk --out shop-new.apk \\\n"
      "    app=com.example.shop kind=upgrade platform=android version=3.1.0\n",
    .synonyms = "device client update",
    .run = run_check,
};
