/*
 * Signatures are worth what others make of them: stock minisign and openssl
 * judge ours, and we judge minisign's. All else here is what must not pass.
 */

#include "workdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mds_digest.h"
#include "base/mds_file.h"
#include "sign/mds_sign.h"

static mds_error_t  err;
static mds_key_t    key, other_key;
static mds_public_t public_key, other_public;
static char         keyid[MDS_KEYID_HEX + 1];

static const mds_str_t body = { 13, "{\"app\":\"a.b\"}" };

static int
setup(void **state)
{
    char other[MDS_KEYID_HEX + 1];

    if (workdir_make(state) != 0
        || mds_key_generate(workdir("a"), &err, keyid) != MDS_OK
        || mds_key_generate(workdir("b"), &err, other) != MDS_OK
        || mds_key_load(workdir("a.key"), &err, &key) != MDS_OK
        || mds_key_load(workdir("b.key"), &err, &other_key) != MDS_OK
        || mds_public_load(workdir("a.pub"), &err, &public_key) != MDS_OK
        || mds_public_load(workdir("b.pub"), &err, &other_public) != MDS_OK)
    {
        return -1;
    }

    workdir_write("package", "what is in the package", 22);
    return 0;
}

static mode_t
mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(stat(workdir(name), &st), 0);
    return st.st_mode & 07777;
}

static void
test_generate(void **state)
{
    char         id[MDS_KEYID_HEX + 1] = "untouched";
    mds_public_t of_key;

    (void) state;
    assert_int_equal(mode_of("a.key"), 0600);
    assert_int_equal(mode_of("a.pub"), 0644);
    mds_key_public(&key, &of_key);
    assert_memory_equal(&of_key, &public_key, sizeof(of_key));
    assert_string_equal(mds_keyid_hex(key.keyid, id), keyid);
    assert_memory_not_equal(key.secret, other_key.secret, sizeof(key.secret));
    assert_string_not_equal(mds_keyid_hex(other_key.keyid, id), keyid);
}

/* Losing a secret key to a second keygen would be the end of all updates. */
static void
test_generate_never_overwrites(void **state)
{
    char id[MDS_KEYID_HEX + 1] = "untouched";

    (void) state;
    workdir_write("k.key", "mine", 4);
    assert_int_equal(mds_key_generate(workdir("k"), &err, id), MDS_EXISTS);
    assert_false(workdir_has("k.pub"));

    workdir_write("p.pub", "mine", 4);
    assert_int_equal(mds_key_generate(workdir("p"), &err, id), MDS_EXISTS);
    assert_false(workdir_has("p.key"));

    assert_int_equal(mds_key_generate(workdir("no/k"), &err, id),
                     MDS_NOT_FOUND);
    assert_string_equal(id, "untouched");
    assert_true(shell("test \"$(cat k.key p.pub)\" = minemine"));
}

/* minisign reads our secret key, and finds the public key that we wrote. */
static void
test_minisign_takes_our_keys(void **state)
{
    (void) state;
    need_tool("minisign");
    assert_true(shell("minisign -R -s a.key -p again.pub"));
    /* The comment has the key id, which it prints without leading zeros. */
    assert_true(
        shell("test \"$(tail -n 1 a.pub)\" = \"$(tail -n 1 again.pub)\""));
    assert_true(shell("sed '1s/ 0*/ /g' a.pub > a.bare"));
    assert_true(shell("sed '1s/ 0*/ /g' again.pub > again.bare"));
    assert_true(workdir_same("a.bare", "again.bare"));
    assert_true(shell("grep -q %s again.pub", keyid + strspn(keyid, "0")));
    assert_true(shell("minisign -S -s a.key -m package -x stock.minisig"));
    assert_true(shell("minisign -V -p a.pub -m package -x stock.minisig"));
    assert_false(shell("minisign -V -p b.pub -m package -x stock.minisig"));
}

static void
test_we_take_minisigns_keys(void **state)
{
    char        *text;
    size_t       len;
    mds_key_t    stock;
    mds_public_t stock_public;

    (void) state;
    need_tool("minisign");
    assert_true(shell("minisign -G -W -s s.key -p s.pub"));
    assert_int_equal(mds_key_load(workdir("s.key"), &err, &stock), MDS_OK);
    assert_int_equal(mds_public_load(workdir("s.pub"), &err, &stock_public),
                     MDS_OK);
    assert_memory_equal(stock.keyid, stock_public.keyid, MDS_KEYID_BYTES);

    assert_true(shell("minisign -S -s s.key -m package -x s.minisig"));
    text = workdir_read("s.minisig", &len);
    assert_int_equal(mds_minisign_verify(&stock_public, workdir("package"),
                                         (mds_str_t){ len, text }, &err),
                     MDS_OK);
    free(text);

    /* The old kind takes the whole file in memory: not ours. */
    assert_true(shell("minisign -S -l -s s.key -m package -x l.minisig"));
    text = workdir_read("l.minisig", &len);
    assert_int_equal(mds_minisign_verify(&stock_public, workdir("package"),
                                         (mds_str_t){ len, text }, &err),
                     MDS_INVALID);
    assert_non_null(strstr(err.text, "prehashed"));
    free(text);
}

/* A key file with one byte of the decoded key changed. */
static void
write_changed_key(const char *name, size_t at, uint8_t byte)
{
    char     *text = workdir_read("a.key", NULL);
    char      base64[300];
    char     *line = strchr(text, '\n') + 1;
    size_t    len;
    uint8_t   bytes[256];
    mds_str_t encoded = { strcspn(line, "\n"), line };

    assert_true(mds_base64_parse(encoded, bytes, sizeof(bytes), &len));
    bytes[at] = byte;
    mds_base64(bytes, len, base64);
    memcpy(line, base64, encoded.len);
    workdir_write(name, text, strlen(text));
    free(text);
}

static void
assert_key_fails(const char *name, mds_status_t status, const char *words)
{
    mds_key_t loaded = { .keyid = { 7 } };

    assert_int_equal(mds_key_load(workdir(name), &err, &loaded), status);
    assert_non_null(strstr(err.text, words));
    assert_non_null(strstr(err.text, name));
    assert_int_equal(loaded.keyid[0], 7);
}

/* t/data/keys/encrypted.key, at the least cost that libsodium knows. */
static const char encrypted[]
    = "untrusted comment: minisign encrypted secret key\n"
      "RWRTY0IyY0ea1poJCyWCd+yPum+ZQZov+ySJgVEGV8lEzNEUjpcAgAAAAAAAAAAAAAEAAAAAH"
      "wlsx2an355+Q0y6IhW/TqrYe5p6HMrwHFVEuXL8hBhRFQuOZZQRQR6j57/0rOBffI2Qh9Urvy"
      "ly/AsjomURC+ptj+xach+Z4n7LySpVr+JjLwDVhuFpHteMrix6fZx6gNdRnV53XBc=\n";

static mds_status_t
give_password(void *data, const char *path, mds_error_t *e,
              char password[MDS_PASSWORD_MAX], size_t *len)
{
    (void) path;
    (void) e;
    *len = strlen(data);
    memcpy(password, data, *len);
    return MDS_OK;
}

static mds_status_t
load_encrypted(char *password, mds_key_t *loaded)
{
    return mds_key_load_encrypted(workdir("e.key"), give_password, password,
                                  &err, loaded);
}

/* Writes e.key with one byte changed. */
static void
write_changed_encrypted(size_t at, uint8_t byte)
{
    char      text[sizeof(encrypted)];
    char     *line = text + (strchr(encrypted, '\n') + 1 - encrypted);
    uint8_t   bytes[256];
    size_t    len;
    mds_str_t encoded;

    memcpy(text, encrypted, sizeof(text));
    encoded = (mds_str_t){ strcspn(line, "\n"), line };
    assert_true(mds_base64_parse(encoded, bytes, sizeof(bytes), &len));
    bytes[at] = byte;
    mds_base64(bytes, len, line);
    line[encoded.len] = '\n';
    workdir_write("e.key", text, sizeof(text) - 1);
}

static void
test_encrypted(void **state)
{
    char         id[MDS_KEYID_HEX + 1];
    mds_key_t    loaded = { .keyid = { 7 } };
    mds_public_t loaded_public;

    (void) state;
    workdir_write("e.key", encrypted, sizeof(encrypted) - 1);
    assert_int_equal(load_encrypted("Password", &loaded), MDS_DENIED);
    assert_non_null(strstr(err.text, "is wrong"));
    assert_int_equal(load_encrypted("", &loaded), MDS_DENIED);
    assert_int_equal(loaded.keyid[0], 7);

    assert_int_equal(load_encrypted("password", &loaded), MDS_OK);
    assert_string_equal(mds_keyid_hex(loaded.keyid, id), "EFCDAB8967452301");
    mds_key_public(&loaded, &loaded_public);
    assert_int_equal(loaded_public.key[0], 0x90);

    /* A key that is not encrypted asks for no password. */
    assert_int_equal(mds_key_load_encrypted(workdir("a.key"), NULL, NULL, &err,
                                            &loaded),
                     MDS_OK);
    assert_string_equal(mds_keyid_hex(loaded.keyid, id), keyid);
}

/* A file decides what its password costs: not more than a person waits for. */
static void
test_encrypted_cost(void **state)
{
    mds_key_t loaded = { .keyid = { 7 } };

    (void) state;
    write_changed_encrypted(45, 1);
    assert_int_equal(load_encrypted("password", &loaded), MDS_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "cost"));
    write_changed_encrypted(53, 1);
    assert_int_equal(load_encrypted("password", &loaded), MDS_INCOMPATIBLE);

    for (size_t at = 6; at < 158; at += 7) {
        if (at < 38 || at >= 54) {
            write_changed_encrypted(at, 0xee);
            assert_int_equal(load_encrypted("password", &loaded), MDS_DENIED);
        }
    }
    assert_int_equal(loaded.keyid[0], 7);
}

static void
test_key_errors(void **state)
{
    uint8_t seed = key.secret[0];

    (void) state;
    write_changed_key("unknown", 2, 'S');
    assert_key_fails("unknown", MDS_INCOMPATIBLE, "does not support");

    workdir_write("encrypted", encrypted, sizeof(encrypted) - 1);
    assert_key_fails("encrypted", MDS_INCOMPATIBLE, "encrypted with a password");

    write_changed_key("halves", 62, (uint8_t) (seed + 1));
    assert_key_fails("halves", MDS_DAMAGED, "damaged");
    write_changed_key("kind", 0, 'X');
    assert_key_fails("kind", MDS_INCOMPATIBLE, "not a secret key");
    assert_key_fails("a.pub", MDS_INCOMPATIBLE, "is a public key");
    assert_key_fails("none", MDS_NOT_FOUND, "No such file");
    workdir_write("words", "untrusted comment: x\nwords\n", 27);
    assert_key_fails("words", MDS_INCOMPATIBLE, "not a secret key");
}

static void
test_public_errors(void **state)
{
    char        *text;
    size_t       len;
    mds_public_t loaded = { .keyid = { 7 } };

    (void) state;
    assert_int_equal(mds_public_load(workdir("a.key"), &err, &loaded),
                     MDS_INCOMPATIBLE);
    assert_non_null(strstr(err.text, "is a secret key"));

    /* Cut anywhere but before its last line end, it is no key. */
    text = workdir_read("a.pub", &len);
    for (size_t i = 0; i < len - 1; i++) {
        assert_int_equal(mds_public_parse((mds_str_t){ i, text }, "cut", &err,
                                          &loaded),
                         MDS_INCOMPATIBLE);
    }
    assert_int_equal(loaded.keyid[0], 7);

    text[len - 1] = '\r';
    assert_int_equal(mds_public_parse((mds_str_t){ len, text }, "crlf", &err,
                                      &loaded),
                     MDS_OK);
    free(text);
}

/* RFC 8032, 7.1, the second test. */
static void
test_raw(void **state)
{
    char         hex[2 * MDS_RAW_SIGNATURE_BYTES + 1];
    uint8_t      signature[MDS_RAW_SIGNATURE_BYTES];
    mds_key_t    known = { .keyid = { 0 } };
    mds_public_t known_public;

    (void) state;
    assert_true(mds_hex_parse(mds_str("4ccd089b28ff96da9db6c346ec114e0f"
                                      "5b8a319f35aba624da8cf6ed4fb8a6fb"
                                      "3d4017c3e843895a92b70aa74d1b7ebc"
                                      "9c982ccf2ec4968cc0cd55f12af4660c"),
                              known.secret, sizeof(known.secret)));
    mds_key_public(&known, &known_public);
    mds_raw_sign(&known, mds_str("\x72"), signature);
    assert_string_equal(mds_hex(signature, sizeof(signature), hex),
                        "92a009a9f0d4cab8720e820b5f642540"
                        "a2b27b5416503f8fb3762223ebdb69da"
                        "085ac1e43e15996e458f3613d0f11d8c"
                        "387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(mds_raw_verify(&known_public, mds_str("\x72"), signature));
    assert_false(mds_raw_verify(&known_public, mds_str("\x73"), signature));
    assert_false(mds_raw_verify(&public_key, mds_str("\x72"), signature));
}

static void
test_wipe(void **state)
{
    mds_key_t copy = key, zero;

    (void) state;
    memset(&zero, 0, sizeof(zero));
    mds_key_wipe(&copy);
    assert_memory_equal(&copy, &zero, sizeof(zero));
}

static void
test_pae(void **state)
{
    char      *pae;
    size_t     len;
    const char expected[] = "DSSEv1 33 application/vnd.mds.manifest+json 13 "
                            "{\"app\":\"a.b\"}";

    (void) state;
    assert_int_equal(mds_dsse_pae(mds_str(MDS_DSSE_TYPE), body, &err, &pae, &len), MDS_OK);
    assert_int_equal(len, sizeof(expected) - 1);
    assert_memory_equal(pae, expected, len);
    free(pae);

    assert_int_equal(mds_dsse_pae(mds_str(MDS_DSSE_TYPE), mds_null_str, &err, &pae, &len), MDS_OK);
    assert_memory_equal(pae + len - 3, " 0 ", 3);
    free(pae);
}

static void
test_dsse(void **state)
{
    char      header[MDS_SIGNATURE_BYTES + 1];
    char      changed[64];
    mds_str_t view = { MDS_SIGNATURE_BYTES, header };

    (void) state;
    assert_int_equal(mds_dsse_sign(&key, body, &err, header), MDS_OK);
    assert_int_equal(strlen(header), MDS_SIGNATURE_BYTES);
    assert_memory_equal(header, "keyid=\"", 7);
    assert_memory_equal(header + 7, keyid, MDS_KEYID_HEX);
    assert_memory_equal(header + 23, "\", sig=:", 8);
    assert_int_equal(mds_dsse_verify(&public_key, body, view, &err), MDS_OK);

    for (size_t bit = 0; bit < body.len * 8; bit++) {
        memcpy(changed, body.data, body.len);
        changed[bit / 8] ^= (char) (1 << bit % 8);
        assert_int_equal(mds_dsse_verify(&public_key,
                                         (mds_str_t){ body.len, changed }, view,
                                         &err),
                         MDS_DAMAGED);
    }

    assert_int_equal(mds_dsse_verify(&public_key,
                                     (mds_str_t){ body.len - 1, body.data },
                                     view, &err),
                     MDS_DAMAGED);
    assert_int_equal(mds_dsse_verify(&other_public, body, view, &err),
                     MDS_INCOMPATIBLE);
    assert_non_null(strstr(err.text, keyid));

    for (size_t i = 0; i < MDS_SIGNATURE_BYTES; i++) {
        view.len = i;
        assert_int_equal(mds_dsse_verify(&public_key, body, view, &err),
                         MDS_INVALID);
    }
}

/* $ is the signature, @ the key id. */
static mds_str_t
header_of(const char *format, const char *signature, char *text)
{
    size_t len = 0;

    for (; *format != '\0'; format++) {
        if (*format == '$' || *format == '@') {
            const char *part = *format == '$' ? signature : keyid;

            strcpy(text + len, part);
            len += strlen(part);
        } else {
            text[len++] = *format;
        }
    }

    text[len] = '\0';
    return (mds_str_t){ len, text };
}

static void
test_dsse_header(void **state)
{
    char        header[MDS_SIGNATURE_BYTES + 1], signature[89], text[512];
    const char *good[] = {
        "keyid=\"@\",sig=:$:",
        "  sig=:$:\t , \tkeyid=\"@\"  ",
        "keyid=\"@\";a;b=1.5; c=\"x\\\"y\", more, n=-1, t=a/b:c, f=?0, sig=:$:",
        "keyid=\"0000000000000000\", sig=:AAAA:, sig=:$:, keyid=\"@\"",
    };
    const char *bad[] = {
        "",
        " ",
        ",",
        "keyid",
        "keyid=\"@\"",
        "sig=:$:",
        "keyid=@, sig=:$:",
        "keyid=\"@\", sig=\"$\"",
        "keyid=\"@\" sig=:$:",
        "keyid=\"@\", sig=:$:,",
        "keyid=\"@\", sig=:$",
        "keyid=\"@, sig=:$:",
        "keyid=\"@\", sig=:$",
        "Keyid=\"@\", sig=:$:",
        "keyid=\"@0\", sig=:$:",
        "keyid=\"\\@\", sig=:$:",
        "keyid=\"@\", sig=:$AAAA:",
        "keyid=\"@\", sig=:AAAA:",
        "keyid=\"@\", sig=::",
        "keyid=\"@\", sig=",
        "keyid=\"abcdefabcdefabcd\", sig=:$:",
        "keyid=\"@\", sig=:$:, a=(1 2)",
        "keyid=\"@\", sig=:$:;",
        "keyid=\"@\", sig=:$:\n",
        "keyid=\"@\", =1",
        "keyid=\"@\", sig=:$:, k=\"\n\"",
        "keyid=\"@\", sig=:$:, k=\"\\a\"",
    };

    (void) state;
    assert_int_equal(mds_dsse_sign(&key, body, &err, header), MDS_OK);
    memcpy(signature, header + 31, 88);
    signature[88] = '\0';

    for (size_t i = 0; i < mds_nelems(good); i++) {
        assert_int_equal(mds_dsse_verify(&public_key, body,
                                         header_of(good[i], signature, text),
                                         &err),
                         MDS_OK);
    }

    for (size_t i = 0; i < mds_nelems(bad); i++) {
        if (mds_dsse_verify(&public_key, body,
                            header_of(bad[i], signature, text), &err)
            != MDS_INVALID)
        {
            fail_msg("taken: %s", bad[i]);
        }
    }

    assert_int_equal(mds_dsse_verify(&public_key, body,
                                     (mds_str_t){ 9, "keyid=\0\"@" }, &err),
                     MDS_INVALID);
}

/* The public key wrapped as RFC 8410 has it, the signature over the PAE. */
static void
test_openssl_takes_our_signature(void **state)
{
    char    header[MDS_SIGNATURE_BYTES + 1];
    char   *pae;
    size_t  len;
    uint8_t id[MDS_KEYID_BYTES];
    uint8_t signature[MDS_RAW_SIGNATURE_BYTES];
    uint8_t spki[44] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                         0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

    (void) state;
    need_tool("openssl");
    assert_int_equal(mds_dsse_sign(&key, body, &err, header), MDS_OK);
    assert_int_equal(mds_dsse_parse(mds_str_of(header), &err, id, signature),
                     MDS_OK);
    assert_int_equal(mds_dsse_pae(mds_str(MDS_DSSE_TYPE), body, &err, &pae, &len), MDS_OK);

    memcpy(spki + 12, public_key.key, sizeof(public_key.key));
    workdir_write("spki", spki, sizeof(spki));
    workdir_write("sig", signature, sizeof(signature));
    workdir_write("pae", pae, len);
    assert_true(shell("openssl pkeyutl -verify -rawin -pubin -keyform DER "
                      "-inkey spki -sigfile sig -in pae"));
    workdir_write("pae", pae, len - 1);
    assert_false(shell("openssl pkeyutl -verify -rawin -pubin -keyform DER "
                       "-inkey spki -sigfile sig -in pae"));
    free(pae);
}

static mds_status_t
verify(const mds_public_t *with, const char *file, const char *signature)
{
    char        *text;
    size_t       len;
    mds_status_t status;

    text = workdir_read(signature, &len);
    status = mds_minisign_verify(with, workdir(file), (mds_str_t){ len, text },
                                 &err);
    free(text);
    return status;
}

static void
test_minisign(void **state)
{
    char   *text;
    size_t  len;
    uint8_t id[MDS_KEYID_BYTES] = { 0 };

    (void) state;
    assert_int_equal(mds_minisign_sign(&key, workdir("package"), "shop-1.apk",
                                       workdir("package.minisig"), &err),
                     MDS_OK);
    assert_int_equal(mode_of("package.minisig"), 0444);
    assert_int_equal(verify(&public_key, "package", "package.minisig"), MDS_OK);
    assert_int_equal(verify(&other_public, "package", "package.minisig"),
                     MDS_INCOMPATIBLE);
    assert_int_equal(verify(&public_key, "none", "package.minisig"),
                     MDS_NOT_FOUND);
    workdir_write("changed", "what is in the packagE", 22);
    assert_int_equal(verify(&public_key, "changed", "package.minisig"),
                     MDS_DAMAGED);

    text = workdir_read("package.minisig", &len);
    assert_int_equal(mds_minisign_keyid((mds_str_t){ len, text }, &err, id),
                     MDS_OK);
    assert_memory_equal(id, key.keyid, sizeof(id));
    free(text);
}

static void
test_minisign_takes_our_signature(void **state)
{
    char big[1024 + 2];

    (void) state;
    need_tool("minisign");
    assert_int_equal(mds_minisign_sign(&key, workdir("package"),
                                       "首页\n 1.0\x7f.zip\tversion:1.0", workdir("m"), &err),
                     MDS_OK);
    assert_true(shell("minisign -Vm package -x m -p a.pub"));
    assert_true(shell("test \"$(minisign -VQm package -x m -p a.pub)\""
                      " = 'file:??????? 1.0?.zip\tversion:1.0'"));
    assert_false(shell("minisign -Vm package -x m -p b.pub"));
    assert_false(shell("minisign -Vm a.pub -x m -p a.pub"));

    memset(big, 'x', sizeof(big));
    big[1025] = '\0';
    assert_int_equal(mds_minisign_sign(&key, workdir("package"), big,
                                       workdir("big"), &err),
                     MDS_INVALID);
    assert_false(workdir_has("big"));
    big[1024] = '\0';
    assert_int_equal(mds_minisign_sign(&key, workdir("package"), big,
                                       workdir("big"), &err),
                     MDS_OK);
    assert_true(shell("minisign -Vm package -x big -p a.pub"));
}

/* The untrusted comment may change; nothing else may, and no byte be gone. */
static void
test_minisign_changed(void **state)
{
    char        *text;
    size_t       len, comment;
    mds_status_t status;

    (void) state;
    assert_int_equal(mds_minisign_sign(&key, workdir("package"), "label",
                                       workdir("t"), &err),
                     MDS_OK);
    text = workdir_read("t", &len);
    comment = strcspn(text, "\n") + 1;

    for (size_t i = 0; i < len - 1; i++) {
        assert_int_equal(mds_minisign_verify(&public_key, workdir("package"),
                                             (mds_str_t){ i, text }, &err),
                         MDS_INVALID);
    }

    for (size_t i = comment; i < len - 1; i++) {
        for (int bit = 0; bit < 7; bit++) {
            text[i] ^= (char) (1 << bit);
            status = mds_minisign_verify(&public_key, workdir("package"),
                                         (mds_str_t){ len, text }, &err);
            assert_int_not_equal(status, MDS_OK);
            text[i] ^= (char) (1 << bit);
        }
    }

    /* Nor may anything follow. */
    text = realloc(text, len + 1);
    assert_non_null(text);
    text[len] = '\n';
    assert_int_equal(mds_minisign_verify(&public_key, workdir("package"),
                                         (mds_str_t){ len + 1, text }, &err),
                     MDS_INVALID);
    text[len] = '\0';

    *strstr(text, "label") = 'L';
    assert_int_equal(mds_minisign_verify(&public_key, workdir("package"),
                                         (mds_str_t){ len, text }, &err),
                     MDS_DAMAGED);
    assert_non_null(strstr(err.text, "trusted comment"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_generate_never_overwrites),
        cmocka_unit_test(test_minisign_takes_our_keys),
        cmocka_unit_test(test_we_take_minisigns_keys),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_encrypted_cost),
        cmocka_unit_test(test_key_errors),
        cmocka_unit_test(test_public_errors),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_pae),
        cmocka_unit_test(test_dsse),
        cmocka_unit_test(test_dsse_header),
        cmocka_unit_test(test_openssl_takes_our_signature),
        cmocka_unit_test(test_minisign),
        cmocka_unit_test(test_minisign_takes_our_signature),
        cmocka_unit_test(test_minisign_changed),
    };

    return cmocka_run_group_tests(tests, setup, workdir_remove);
}
