/*
 * words: what a release has, in words: "5 % of devices, and list staff; only
 * brand Xiaomi; from 2026-12-01T00:00:00Z".
 *
 * lib/overview says the same of a compiled record, for the page of nginx, and
 * both have the audience's words of base/mds_audience_words.h; a document keeps
 * more of what its author wrote of the rules.
 */

#ifndef MDSCTL_WORDS_H
#define MDSCTL_WORDS_H

#include "base/mds_buffer.h"
#include "json/mds_json.h"

/* Appends audience, rules, times, priority, and what halts it. Texts that
 * others have chosen are escaped. */
void mdsctl_words_add_release(mds_buffer_t *words, const mds_json_t *release);

#endif
