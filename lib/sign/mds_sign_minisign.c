/*
 * Signatures of packages: minisign's files, of prehashed signatures.
 */

#include <stdio.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "sign/mds_sign.h"

#define MDS_MINISIGN_UNTRUSTED "untrusted comment: "
#define MDS_MINISIGN_TRUSTED "trusted comment: "
#define MDS_MINISIGN_FILE "file:"
#define MDS_MINISIGN_LABEL_MAX 1024
#define MDS_MINISIGN_COMMENT_MAX 8192 /* as minisign's own */

/* The second line, decoded: "ED", keyid, signature of the BLAKE2b-512. */
#define MDS_MINISIGN_KEYID 2
#define MDS_MINISIGN_RAW 10
#define MDS_MINISIGN_BYTES 74

/* The bytes that the last line signs: the signature, then the trusted comment.
 * mds_minisign_sign() bounds its label, and mds_minisign_parse() the comment.
 */
typedef struct {
    size_t len;
    char   data[MDS_RAW_SIGNATURE_BYTES + MDS_MINISIGN_COMMENT_MAX];
} mds_minisign_global_t;

typedef struct {
    uint8_t   line[MDS_MINISIGN_BYTES];
    mds_str_t comment;
    uint8_t   global[MDS_RAW_SIGNATURE_BYTES];
} mds_minisign_t;

static void
mds_minisign_global(const uint8_t *signature, mds_str_t comment,
                    mds_minisign_global_t *global)
{
    memcpy(global->data, signature, MDS_RAW_SIGNATURE_BYTES);
    memcpy(global->data + MDS_RAW_SIGNATURE_BYTES, comment.data, comment.len);
    global->len = MDS_RAW_SIGNATURE_BYTES + comment.len;
}

static mds_str_t
mds_minisign_view(const mds_minisign_global_t *global)
{
    return (mds_str_t){ global->len, global->data };
}

/* Writes the trusted comment, whose fields are separated by tabs. minisign
 * refuses to print other bytes that are not printable ASCII. */
static mds_str_t
mds_minisign_comment(const char *label, char *text)
{
    size_t len = sizeof(MDS_MINISIGN_FILE) - 1;

    memcpy(text, MDS_MINISIGN_FILE, len);

    for (; *label != '\0'; label++) {
        text[len++]
            = (*label >= ' ' && *label <= '~') || *label == '\t' ? *label : '?';
    }

    return (mds_str_t){ len, text };
}

mds_status_t
mds_minisign_sign(const mds_key_t *key, const char *path, const char *label,
                  const char *out_path, mds_error_t *err)
{
    int       n;
    char      text[2048];
    char      comment_text[sizeof(MDS_MINISIGN_FILE) + MDS_MINISIGN_LABEL_MAX];
    char      line_base64[mds_base64_len(MDS_MINISIGN_BYTES) + 1];
    char      global_base64[mds_base64_len(MDS_RAW_SIGNATURE_BYTES) + 1];
    uint8_t   digest[MDS_BLAKE2B_MAX];
    uint8_t   line[MDS_MINISIGN_BYTES] = "ED";
    uint8_t   global_raw[MDS_RAW_SIGNATURE_BYTES];
    mds_str_t comment;
    mds_status_t          status;
    mds_minisign_global_t global;

    if (strlen(label) > MDS_MINISIGN_LABEL_MAX) {
        return mds_fail(err, MDS_INVALID,
                        "sign \"%s\": its label is over %d bytes", path,
                        MDS_MINISIGN_LABEL_MAX);
    }

    status = mds_blake2b_file(path, sizeof(digest), err, digest);
    if (status != MDS_OK) {
        return status;
    }

    memcpy(line + MDS_MINISIGN_KEYID, key->keyid, sizeof(key->keyid));
    mds_raw_sign(key, (mds_str_t){ sizeof(digest), (const char *) digest },
                 line + MDS_MINISIGN_RAW);

    comment = mds_minisign_comment(label, comment_text);
    mds_minisign_global(line + MDS_MINISIGN_RAW, comment, &global);
    mds_raw_sign(key, mds_minisign_view(&global), global_raw);

    n = snprintf(text, sizeof(text),
                 MDS_MINISIGN_UNTRUSTED
                 "signature from mds\n%s\n" MDS_MINISIGN_TRUSTED "%.*s\n%s\n",
                 mds_base64(line, sizeof(line), line_base64), MDS_STR(comment),
                 mds_base64(global_raw, sizeof(global_raw), global_base64));

    return mds_file_write(out_path, 0444, text, (size_t) n, err);
}

/* Takes the next line, which must begin with the prefix, without that and its
 * end. */
static bool
mds_minisign_line(mds_str_t *text, mds_str_t prefix, mds_str_t *line)
{
    size_t      len = text->len;
    const char *end = len == 0 ? NULL : memchr(text->data, '\n', len);

    if (end != NULL) {
        len = (size_t) (end - text->data);
    }

    *line = (mds_str_t){ len, text->data };
    len += end != NULL;
    text->data += len;
    text->len -= len;

    if (!mds_str_starts(*line, prefix)) {
        return false;
    }

    line->data += prefix.len;
    line->len -= prefix.len;

    if (line->len > 0 && line->data[line->len - 1] == '\r') {
        line->len--;
    }

    return line->len > 0;
}

static mds_status_t
mds_minisign_parse(mds_str_t text, mds_error_t *err, mds_minisign_t *sig)
{
    size_t    line_len, global_len;
    mds_str_t untrusted, line, global;

    if (text.len == 0
        || !mds_minisign_line(&text, mds_str(MDS_MINISIGN_UNTRUSTED),
                              &untrusted)
        || !mds_minisign_line(&text, mds_str(""), &line)
        || !mds_minisign_line(&text, mds_str(MDS_MINISIGN_TRUSTED),
                              &sig->comment)
        || !mds_minisign_line(&text, mds_str(""), &global) || text.len > 0
        || sig->comment.len > MDS_MINISIGN_COMMENT_MAX
        || !mds_base64_parse(line, sig->line, sizeof(sig->line), &line_len)
        || line_len != sizeof(sig->line)
        || !mds_base64_parse(global, sig->global, sizeof(sig->global),
                             &global_len)
        || global_len != sizeof(sig->global))
    {
        return mds_fail(err, MDS_INVALID, "not a minisign signature");
    }

    if (memcmp(sig->line, "ED", 2) != 0) {
        return mds_fail(err, MDS_INVALID,
                        "a minisign signature, but not a prehashed one");
    }

    return MDS_OK;
}

mds_status_t
mds_minisign_keyid(mds_str_t text, mds_error_t *err,
                   uint8_t keyid[MDS_KEYID_BYTES])
{
    mds_minisign_t sig;
    mds_status_t   status = mds_minisign_parse(text, err, &sig);

    if (status == MDS_OK) {
        memcpy(keyid, sig.line + MDS_MINISIGN_KEYID, MDS_KEYID_BYTES);
    }

    return status;
}

mds_status_t
mds_minisign_verify(const mds_public_t *public_key, const char *path,
                    mds_str_t text, mds_error_t *err)
{
    char                  theirs[MDS_KEYID_HEX + 1], ours[MDS_KEYID_HEX + 1];
    uint8_t               digest[MDS_BLAKE2B_MAX];
    mds_status_t          status;
    mds_minisign_t        sig = { .comment = mds_str("") };
    mds_minisign_global_t global;

    status = mds_minisign_parse(text, err, &sig);
    if (status != MDS_OK) {
        return status;
    }

    if (memcmp(sig.line + MDS_MINISIGN_KEYID, public_key->keyid,
               MDS_KEYID_BYTES)
        != 0)
    {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" is signed by key %s, not by %s", path,
                        mds_keyid_hex(sig.line + MDS_MINISIGN_KEYID, theirs),
                        mds_keyid_hex(public_key->keyid, ours));
    }

    status = mds_blake2b_file(path, sizeof(digest), err, digest);
    if (status != MDS_OK) {
        return status;
    }

    if (!mds_raw_verify(public_key,
                        (mds_str_t){ sizeof(digest), (const char *) digest },
                        sig.line + MDS_MINISIGN_RAW))
    {
        return mds_fail(err, MDS_DAMAGED, "\"%s\" does not fit its signature",
                        path);
    }

    mds_minisign_global(sig.line + MDS_MINISIGN_RAW, sig.comment, &global);

    if (!mds_raw_verify(public_key, mds_minisign_view(&global), sig.global)) {
        return mds_fail(err, MDS_DAMAGED,
                        "the trusted comment of the signature of \"%s\" was "
                        "changed",
                        path);
    }

    return MDS_OK;
}
