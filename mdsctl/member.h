/*
 * member: puts the values of options into an object of a document. An option
 * that was not given sets nothing. Each function returns an exit code, so that
 * calls can be joined by ?:.
 */

#ifndef MDSCTL_MEMBER_H
#define MDSCTL_MEMBER_H

#include "mdsctl.h"

/* Sets a string; word may be NULL. */
int mdsctl_set_word(mds_json_t *object, const char *key,
                    const char *word) MDS_MUST_CHECK;

/* Sets an array of strings. */
int mdsctl_set_words(mds_json_t *object, const char *key,
                     const mdsctl_values_t *words) MDS_MUST_CHECK;

/* Sets a string, or an array of several: "platform" and "channel". */
int mdsctl_set_scope(mds_json_t *object, const char *key,
                     const mdsctl_values_t *words) MDS_MUST_CHECK;

/* Sets a time, of which text is one of mdsctl_parse_time(), in the form of a
 * document; text may be NULL. */
int mdsctl_set_time(mds_json_t *object, const char *key, const char *option,
                    const char *text) MDS_MUST_CHECK;

/* Sets what the text is as JSON; text may be NULL. The option is named in the
 * mistake. */
int mdsctl_set_json(mds_json_t *object, const char *key, const char *option,
                    const char *text) MDS_MUST_CHECK;

/* Checks that a text, which may be NULL, is a version, or the kind of a
 * resource. Returns MDSCTL_DONE, or MDSCTL_USAGE after printing the error. */
int mdsctl_check_version(const char *option, const char *text) MDS_MUST_CHECK;
int mdsctl_check_kind(const char *text) MDS_MUST_CHECK;

/* Sets what the text is as JSON, which must be an object; text may be NULL. */
int mdsctl_set_object(mds_json_t *object, const char *key, const char *option,
                      const char *text) MDS_MUST_CHECK;

/* Sets an array of what each text is as JSON: objects. */
int mdsctl_set_jsons(mds_json_t *object, const char *key, const char *option,
                     const mdsctl_values_t *texts) MDS_MUST_CHECK;

#endif
