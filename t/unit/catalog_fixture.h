/*
 * A catalog made of documents by the real compiler and put into a real
 * generation, with fakes for what the loader knows: nothing is stored, and
 * nothing is signed.
 *
 * A package's SHA-256 is the name of its "file" (at most 31 bytes), padded
 * with zero bytes, and a difference's is "FROM>TO", so that an answer can be
 * said in a line:
 *
 *   install VERSION by RELEASE full=FILE [delta=FILE from=VERSION]
 *   rollback VERSION|none by RELEASE [full=FILE]
 *   unknown | outside | current VERSION by RELEASE | no_delta VERSION by …
 */

#ifndef FIXTURE_H
#define FIXTURE_H

#include "compile/mds_compile.h"
#include "evaluate/mds_decide.h"

/* What came of the difference between two files. */
typedef enum { FIXTURE_NONE, FIXTURE_WORTH, FIXTURE_UNWORTHY } fixture_delta_t;

/* Where it is NULL, differences from files whose names begin with "lost" are
 * not there, from "dull" not worth it. */
extern fixture_delta_t (*fixture_delta)(const char *from, const char *to);

/* Manifests are what a client gets, not lines. */
extern bool fixture_bodies;

/* Of all decisions. */
extern int64_t fixture_now_ms;

/* What decisions read besides the catalog; NULL: nothing. */
extern mds_state_t *fixture_live;

/* What is remembered of the next app, for the numbers of its settings
 * (mds_setting_ids.h) and its messages (mds_message.h); NULL: nothing. */
extern mds_json_t *fixture_state;

/* In the work directory: as cmocka's group setup and teardown. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Begins the next generation; puts an app into it, in ascending order (false:
 * the document is wrong, see err); ends and opens it. */
void fixture_begin(void);
bool fixture_add(const char *document, mds_error_t *err);
void fixture_end(void);

/* All of that for one document, which has to be right. */
void fixture_load(const char *document);

/* The next generation has the same, but for the document's app: what differs is
 * written. false: the document is wrong, see err. */
bool fixture_change(const char *document, mds_error_t *err);

/* Closes the generation and opens it as a worker does that switches to it,
 * without a look at every byte. The path is that of its file. */
const char *fixture_close(void);
void        fixture_open(void);

/* The catalog; and the request of a query. */
mds_snapshot_t fixture_snapshot(void);
void           fixture_request(const char *query, mds_request_t *request);

/* The answer; good until the next one. */
const char           *fixture_decide(const char *query);
const mds_decision_t *fixture_decision(void);

/* A word of what mds_decide() returned. */
const char *fixture_describe(mds_status_t status, const mds_error_t *err,
                      const mds_decision_t *decision);

#endif
