/*
 * mds_envelope: a DSSE envelope with any number of signatures.
 *
 *   { "payload": BASE64, "payloadType": TYPE,
 *     "signatures": [ { "keyid": KEYID, "sig": BASE64 }, … ] }
 *
 * The payload stays the bytes that were signed: nothing is written anew, so
 * that a signature which one machine has added holds on all others. Members
 * that are not known are left out.
 */

#ifndef MDS_ENVELOPE_H
#define MDS_ENVELOPE_H

#include "sign/mds_sign.h"
#include "json/mds_json.h"

#define MDS_ENVELOPE_TYPE "application/vnd.dsse.envelope.v1+json"

/* Bounds of an envelope that is parsed. */
#define MDS_ENVELOPE_BYTES_MAX ((size_t) 256 * 1024)
#define MDS_ENVELOPE_SIGNATURES_MAX 128

typedef struct {
    uint8_t keyid[MDS_KEYID_BYTES];
    uint8_t bytes[MDS_RAW_SIGNATURE_BYTES];
} mds_envelope_signature_t;

/* An envelope of zeros is empty; mds_envelope_free() leaves it so. */
typedef struct {
    const char              *type;    /* payloadType, a constant */
    char                    *payload; /* a zero byte ends it, too */
    size_t                   payload_len;
    unsigned                 count;
    mds_envelope_signature_t signatures[MDS_ENVELOPE_SIGNATURES_MAX];
} mds_envelope_t;

/* Makes an envelope of a copy of the payload, without signatures. */
mds_status_t
mds_envelope_init(mds_envelope_t *envelope, const char *type, mds_str_t payload,
                  mds_error_t *err) MDS_MUST_CHECK;

/* Parses an envelope whose payload must have that type; what names it in
 * messages. MDS_INVALID. The caller frees it. */
mds_status_t
mds_envelope_parse(mds_str_t text, const char *type, const char *what,
                   mds_error_t *err, mds_envelope_t *envelope) MDS_MUST_CHECK;

/* The same for an envelope that is a JSON value already. */
mds_status_t
mds_envelope_read(const mds_json_t *json, const char *type, const char *what,
                  mds_error_t *err, mds_envelope_t *envelope) MDS_MUST_CHECK;

void mds_envelope_free(mds_envelope_t *envelope);

/* Returns the envelope as a JSON value, a new reference; NULL: out of memory.
 */
mds_json_t *mds_envelope_to_json(const mds_envelope_t *envelope);

/* Writes the envelope as compact JSON. The caller frees *text. */
mds_status_t mds_envelope_dump(const mds_envelope_t *envelope, mds_error_t *err,
                               char **text, size_t *len) MDS_MUST_CHECK;

/* Signs the payload. A signature that the envelope has by a key of this id is
 * replaced. */
mds_status_t mds_envelope_sign(mds_envelope_t *envelope, const mds_key_t *key,
                               mds_error_t *err) MDS_MUST_CHECK;

/* Counts the keys that have a valid signature in the envelope: a key counts
 * once, however many signatures name it. The keys differ from each other. */
mds_status_t
mds_envelope_count_signers(const mds_envelope_t      *envelope,
                           const mds_public_t *const *keys, size_t count,
                           mds_error_t *err, size_t *signers) MDS_MUST_CHECK;

static inline mds_str_t
mds_envelope_payload(const mds_envelope_t *envelope)
{
    return (mds_str_t){ envelope->payload_len, envelope->payload };
}

#endif
