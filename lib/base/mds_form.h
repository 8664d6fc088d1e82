/*
 * mds_form: decodes text of application/x-www-form-urlencoded (WHATWG URL
 * standard, 5.1).
 */

#ifndef MDS_FORM_H
#define MDS_FORM_H

#include "base/mds_base.h"
#include "base/mds_bounded_output.h"

/* Decodes a name or a value to the room. False: a % is not followed by two
 * digits, or there is no room. */
bool mds_form_decode(mds_str_t text, mds_bounded_output_t *room,
                     mds_str_t *decoded) MDS_MUST_CHECK;

#endif
