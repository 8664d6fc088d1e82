/*
 * key: loads secret keys, which a password may encrypt. It is read from the
 * file that $MDS_KEY_PASSWORD_FILE names, or asked on the terminal.
 */

#ifndef MDSCTL_KEY_H
#define MDSCTL_KEY_H

#include "sign/mds_sign.h"

/* Loads the key at that path, and asks for its password if it has one. The
 * caller wipes *key in any case. */
mds_status_t mdsctl_key_load(const char *path, mds_error_t *err,
                             mds_key_t *key) MDS_MUST_CHECK;

/* Reads the password of a new key, on a terminal twice. The caller wipes
 * it. */
mds_status_t mdsctl_new_password(const char *path, mds_error_t *err,
                                 char    password[MDS_PASSWORD_MAX],
                                 size_t *len) MDS_MUST_CHECK;

#endif
