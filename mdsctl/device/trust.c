/* trust: follows roots, and verifies heads and proofs, for `mdsctl check`. */

#include "device/trust.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mds_time.h"

#define ADVICE_EDGE "keep what is installed, and try another edge"
#define ADVICE_VENDOR "keep what is installed, and tell the vendor"

/* Adds to the error of the check what the device should do. */
static mds_status_t
advise(mdsctl_check_t *c, const char *advice)
{
    mds_error_t why = c->err;

    c->unverified = true;

    return mds_fail(&c->err, why.status, "%.*s: %s", MDS_ERROR_BYTES - 100,
                    why.text, advice);
}

mds_status_t
mdsctl_trust_advise(mdsctl_check_t *c)
{
    return advise(c, ADVICE_EDGE);
}

/* Asks for a document of the trust. MDS_NOT_FOUND: the edge has none. */
static mds_status_t
get(mdsctl_check_t *c, mds_buffer_t *path, mdsctl_answer_t *answer)
{
    mds_status_t status = mdsctl_check_get(c, path, &c->err, answer);

    if (status != MDS_OK || answer->status == 200) {
        return status;
    }

    status = answer->status == 404
                 ? mds_fail(&c->err, MDS_NOT_FOUND, "it does not exist")
                 : mdsctl_check_fail(c, answer, &c->err);
    mdsctl_answer_free(answer);

    return status;
}

static mds_str_t
body_of(const mdsctl_answer_t *answer)
{
    return (mds_str_t){ answer->body.len, (const char *) answer->body.data };
}

/* Follows one root. MDS_NOT_FOUND: there is no newer one. */
static mds_status_t
follow(mdsctl_check_t *c)
{
    char            name[48];
    mds_buffer_t    path = { 0 };
    mdsctl_answer_t answer;
    mds_status_t    status;

    snprintf(name, sizeof(name), "trust/root/%" PRId64,
             c->trust.root.version + 1);
    mds_buffer_add(&path, name, strlen(name));
    status = get(c, &path, &answer);
    mds_buffer_free(&path);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_trust_follow(&c->trust, body_of(&answer), &c->err);
    mdsctl_answer_free(&answer);

    if (status != MDS_OK) {
        return advise(c, ADVICE_EDGE);
    }

    mdsctl_report_line(&c->report, "root", "follows version %" PRId64,
                       c->trust.root.version);
    return mds_client_trust_save(&c->trust, &c->err);
}

static mds_status_t
follow_all(mdsctl_check_t *c)
{
    mds_status_t status = MDS_OK;

    for (int i = 0; status == MDS_OK && i < MDS_CLIENT_ROOTS_MAX; i++) {
        status = follow(c);
    }

    if (status != MDS_OK && status != MDS_NOT_FOUND) {
        return status;
    }

    return mds_client_trust_check_root(&c->trust, mds_time_now_ms(), &c->err)
                   == MDS_OK
               ? MDS_OK
               : advise(c, ADVICE_VENDOR);
}

mds_status_t
mdsctl_trust_get_head(mdsctl_check_t *c)
{
    mds_str_t       app = mds_request_attr(&c->request, MDS_ATTR_APP);
    char            time[MDS_TIME_BYTES];
    mds_buffer_t    path = { 0 };
    mdsctl_answer_t answer;
    mds_status_t    status;

    mds_head_free(&c->head);
    mds_buffer_add(&path, "trust/head", 10);
    mdsctl_http_add_parameter(&path, mds_str("app"), app);
    status = get(c, &path, &answer);
    mds_buffer_free(&path);

    if (status == MDS_NOT_FOUND) {
        (void) mds_fail(&c->err, status,
                        "the edge gives no head of app"
                        " \"%.*s\"",
                        MDS_STR(app));
        return advise(c, ADVICE_EDGE);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_client_trust_take_head(&c->trust, app, body_of(&answer),
                                        mds_time_now_ms(), &c->err, &c->head);
    mdsctl_answer_free(&answer);

    if (status != MDS_OK) {
        return advise(c, ADVICE_EDGE);
    }

    mdsctl_report_line(&c->report, "head",
                       "serial %" PRId64 ", %" PRId64 " manifests, until %s",
                       c->head.serial, c->head.count,
                       mds_time_format(c->head.expires_ms, time));
    return mds_client_trust_save(&c->trust, &c->err);
}

mds_status_t
mdsctl_trust_begin(mdsctl_check_t *c)
{
    mds_status_t status = follow_all(c);

    return status == MDS_OK ? mdsctl_trust_get_head(c) : status;
}

mds_status_t
mdsctl_trust_find_key(mdsctl_check_t *c, const uint8_t keyid[MDS_KEYID_BYTES],
                      mds_public_t *key)
{
    char                hex[MDS_KEYID_HEX + 1];
    const mds_public_t *found
        = mds_root_find(&c->trust.root, MDS_ROLE_SIGN, keyid);

    if (found != NULL) {
        *key = *found;
        return MDS_OK;
    }

    return mds_fail(&c->err, MDS_INCOMPATIBLE,
                    "%s: the answer is signed by key %s, which may not sign"
                    " by root version %" PRId64,
                    c->base, mds_keyid_hex(keyid, hex), c->trust.root.version);
}

mds_status_t
mdsctl_trust_check_proof(mdsctl_check_t *c, const mdsctl_answer_t *answer)
{
    return answer->proof[0] == '\0'
               ? mds_fail(&c->err, MDS_CONFLICT,
                          "%s: the answer has no proof (MDS-Proof)", c->base)
               : mds_client_trust_check_proof(&c->head, body_of(answer),
                                              mds_str_of(answer->proof),
                                              &c->err);
}
