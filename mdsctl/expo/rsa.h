/*
 * rsa: signatures by RSA keys, which clients of other protocols verify.
 */

#ifndef MDSCTL_RSA_H
#define MDSCTL_RSA_H

#include "base/mds_base.h"

/*
 * Signs the text by RSASSA-PKCS1-v1_5 with SHA-256. file has an RSA key in PEM.
 * The caller frees *signature, which is in base64.
 */
mds_status_t mdsctl_rsa_sign(const char *file, mds_str_t text, mds_error_t *err,
                             char **signature) MDS_MUST_CHECK;

#endif
