/*
 * mds_compile_internal: the context that the files mds_compile*.c share.
 */

#ifndef MDS_COMPILE_INTERNAL_H
#define MDS_COMPILE_INTERNAL_H

#include "compile/mds_compile.h"
#include "compile/mds_record_builder.h"

/* The resource that is being compiled. */
typedef struct {
    mds_compile_t        *c;
    const mds_model_t    *model;
    mds_record_builder_t *builder;
    mds_buffer_t          key;      /* of a rule or list that is looked up */
    mds_builds_t          builds;   /* by index of the table BUILDS */
    const mds_release_t **releases; /* in order of choice */
    size_t                release_count;
    uint64_t             *sizes;  /* of the builds */
    bool                  config; /* it is the app's configuration */

    /* The offer that is being compiled, for the visit of its deltas. */
    const mds_release_t *release;
    size_t               to;
    bool                 forced; /* it is for devices below force_below */
} mds_compile_ctx_t;

/* Fills the members that every release has: id, scope, rules, audience, times.
 */
void
mds_compile_release_head(mds_compile_ctx_t *x, const mds_release_t *release,
                         mds_release_record_t *record);

/* Adds the limit of the index-th release, if it has one. */
void mds_compile_halt(mds_compile_ctx_t *x, const mds_release_t *release,
                      uint32_t index, mds_release_record_t *record);

/* Add rules, and lists of the model by name; return them as a range of REFS. */
mds_range_t mds_compile_rules(mds_compile_ctx_t *x, const mds_rules_t *rules);
mds_range_t
mds_compile_list_refs(mds_compile_ctx_t *x, const mds_strs_t *names);

/* Pads the salts to a multiple of the lanes. */
void mds_compile_fill_salts(mds_compile_ctx_t *x);

/* Adds the answers of x->release: one for each online build of its version, and
 * those of a rollback, if it was rolled back. */
mds_status_t
mds_compile_offers(mds_compile_ctx_t *x, const mds_range_t *builds,
                   mds_error_t *err, mds_range_t *offers) MDS_MUST_CHECK;

/* Adds what few releases have, if this one has any of it. */
mds_status_t
mds_compile_extra(mds_compile_ctx_t *x, const mds_release_t *release,
                  mds_release_record_t *record,
                  mds_error_t          *err) MDS_MUST_CHECK;

mds_status_t mds_compile_rollbacks(mds_compile_ctx_t *x, mds_error_t *err,
                                   mds_range_t *rollbacks) MDS_MUST_CHECK;

/* Adds the app's messages to the record of its upgrades. */
mds_status_t
mds_compile_messages(mds_compile_ctx_t *x, mds_error_t *err) MDS_MUST_CHECK;

/* Returns the builds of a version, which are neighbours. */
mds_range_t
mds_compile_builds_of(const mds_compile_ctx_t *x, const mds_version_t *version);

/* Adds the releases and settings of an app's configuration. */
mds_status_t
mds_compile_config(mds_compile_ctx_t *x, mds_error_t *err) MDS_MUST_CHECK;

#endif
