/*
 * Compiles the offers of a release: the signed manifests for each of its
 * builds, for each delta towards it, and for a rollback.
 */

#include "compile/mds_compile_internal.h"

#include <stdlib.h>

#include "base/mds_quote.h"
#include "json/mds_json.h"

/* Adds manifest and signature as the last members of a JSON object, with its
 * closing brace: other members come before. */
static mds_status_t
mds_compile_add_quoted(mds_record_builder_t *builder, mds_str_t body,
                       mds_str_t signature, mds_error_t *err, mds_span_t *span)
{
    const mds_str_t parts[]
        = { mds_str("\"manifest\":\""), mds_str("\",\"signature\":\""),
            mds_str("\"}") };
    size_t len = parts[0].len + mds_quote_bytes(body) + parts[1].len
                 + mds_quote_bytes(signature) + parts[2].len;
    char                *text = malloc(len);
    mds_bounded_output_t out = { .p = text, .end = text + len };

    if (text == NULL) {
        return mds_fail_memory(err);
    }

    mds_bounded_output_put(&out, parts[0]);
    mds_quote(&out, body);
    mds_bounded_output_put(&out, parts[1]);
    mds_quote(&out, signature);
    mds_bounded_output_put(&out, parts[2]);

    *span = mds_record_builder_bytes(builder, (mds_str_t){ len, text });
    free(text);
    return MDS_OK;
}

/* Fails if the metas of release and package are too long together; only a long
 * manifest can have such a meta. */
static mds_status_t
mds_compile_check_meta(const mds_compile_ctx_t *x, const mds_json_t *manifest,
                       size_t manifest_bytes, mds_error_t *err)
{
    const mds_json_t *meta = mds_json_get(manifest, "meta");
    char             *text;
    size_t            bytes;
    mds_status_t      status;

    if (manifest_bytes <= MDS_META_MAX || meta == NULL) {
        return MDS_OK;
    }

    status = mds_json_dump(meta, MDS_JSON_COMPACT, err, &text, &bytes);
    if (status != MDS_OK) {
        return status;
    }

    free(text);

    return bytes <= MDS_META_MAX
               ? MDS_OK
               : mds_fail(err, MDS_INVALID,
                          "/releases/%zu/meta: found %zu bytes of JSON together"
                          " with the \"meta\" of its package; must be at most"
                          " %d",
                          x->release->index, bytes, MDS_META_MAX);
}

/* Signs the manifest, adds both to the record, and releases the manifest. */
static mds_status_t
mds_compile_sign(mds_compile_ctx_t *x, mds_json_t *manifest, mds_error_t *err,
                 mds_answer_t *answer)
{
    char         signature[MDS_SIGNATURE_BYTES + 1];
    mds_str_t    header = { MDS_SIGNATURE_BYTES, signature };
    mds_str_t    body;
    mds_status_t status;

    if (manifest == NULL) {
        return mds_fail_memory(err);
    }

    status = x->c->sign(x->c, manifest, err, &body, signature);

    if (status == MDS_OK) {
        status = mds_compile_check_meta(x, manifest, body.len, err);
    }

    mds_json_release(manifest);

    if (status == MDS_OK) {
        answer->manifest = mds_record_builder_bytes(x->builder, body);
        answer->signature = mds_record_builder_bytes(x->builder, header);
        status = mds_compile_add_quoted(x->builder, body, header, err,
                                        &answer->quoted);
    }

    return status;
}

static uint32_t
mds_build_index(const mds_compile_ctx_t *x, const mds_package_t *package)
{
    for (size_t i = 0; i < x->builds.count; i++) {
        if (x->builds.items[i] == package) {
            return (uint32_t) i;
        }
    }

    return MDS_RECORD_NONE;
}

/* Adds one delta to the offer that is being compiled. */
static mds_status_t
mds_compile_delta(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    mds_compile_ctx_t  *x = data;
    mds_delta_record_t  record = { .from = mds_build_index(x, pair->from) };
    mds_delta_outcome_t outcome;
    mds_delta_fact_t    fact = { .from = pair->from };
    mds_status_t        status;

    status = x->c->delta(x->c, pair, err, &outcome);

    if (status == MDS_NOT_FOUND) {
        return MDS_OK;
    }

    if (status == MDS_OK && outcome.worth) {
        fact.file = outcome.file;
        fact.format = pair->spec != NULL && pair->spec->format.len > 0
                          ? pair->spec->format
                          : mds_str(MDS_DELTA_FORMAT);

        status
            = mds_compile_sign(x,
                               mds_manifest_install(x->model->app, x->release,
                                                    pair->to, x->sizes[x->to],
                                                    &fact, x->forced),
                               err, &record.answer);
    }

    if (status == MDS_OK) {
        mds_record_builder_add(x->builder, MDS_TABLE_DELTAS, &record);
    }

    return status;
}

/* Adds the offer of one build, with the deltas towards it. */
static mds_status_t
mds_compile_offer(mds_compile_ctx_t *x, size_t i, mds_error_t *err)
{
    mds_offer_t  offer = { .build = (uint32_t) i };
    uint32_t     first = mds_record_builder_count(x->builder, MDS_TABLE_DELTAS);
    mds_status_t status;

    x->to = i;

    status
        = mds_compile_sign(x,
                           mds_manifest_install(x->model->app, x->release,
                                                x->builds.items[i], x->sizes[i],
                                                NULL, x->forced),
                           err, &offer.answer);

    if (status == MDS_OK) {
        status
            = mds_delta_plan_deltas(&x->builds, i, mds_compile_delta, x, err);
    }

    if (status == MDS_OK) {
        offer.deltas
            = mds_record_builder_range(x->builder, MDS_TABLE_DELTAS, first);
        mds_record_builder_add(x->builder, MDS_TABLE_OFFERS, &offer);
    }

    return status;
}

mds_status_t
mds_compile_offers(mds_compile_ctx_t *x, const mds_range_t *builds,
                   mds_error_t *err, mds_range_t *offers)
{
    const mds_release_t *release = x->release;
    uint32_t     first = mds_record_builder_count(x->builder, MDS_TABLE_OFFERS);
    mds_status_t status = MDS_OK;

    for (uint32_t i = builds->first;
         status == MDS_OK && i < builds->first + builds->count; i++)
    {
        const mds_package_t *build = x->builds.items[i];

        if (!build->embedded
            && mds_scopes_meet(&build->platforms, &release->platforms)
            && mds_scopes_meet(&build->channels, &release->channels))
        {
            status = mds_compile_offer(x, i, err);
        }
    }

    if (status == MDS_OK) {
        *offers = mds_record_builder_range(x->builder, MDS_TABLE_OFFERS, first);
    }

    return status;
}

mds_status_t
mds_compile_extra(mds_compile_ctx_t *x, const mds_release_t *release,
                  mds_release_record_t *record, mds_error_t *err)
{
    mds_record_builder_t *builder = x->builder;
    mds_release_extra_t   extra = { 0 };
    mds_range_t           forced = { 0 };
    mds_status_t          status = MDS_OK;

    if (release->force_below.len + release->audience.seed.len == 0) {
        return MDS_OK;
    }

    if (release->force_below.len > 0) {
        x->forced = true;
        status = mds_compile_offers(x, &record->builds, err, &forced);
        x->forced = false;
    }

    if (status == MDS_OK) {
        extra.seed = mds_record_builder_text(builder, release->audience.seed);
        extra.force_below
            = mds_record_builder_text(builder, release->force_below);
        extra.force_below_key
            = mds_record_builder_parsed_version(builder, release->force_below);
        extra.forced = forced;
        record->extra = mds_record_builder_count(builder, MDS_TABLE_EXTRAS);
        mds_record_builder_add(builder, MDS_TABLE_EXTRAS, &extra);
    }

    return status;
}

/* Returns whether a release of the version may entitle a device to it. */
static bool
mds_version_is_released(const mds_compile_ctx_t *x,
                        const mds_version_t     *version)
{
    for (size_t i = 0; i < x->release_count; i++) {
        if (x->releases[i]->state != MDS_RELEASE_ROLLED_BACK
            && mds_version_cmp(&x->releases[i]->key, version) == 0)
        {
            return true;
        }
    }

    return false;
}

static mds_status_t
mds_compile_rollback(mds_compile_ctx_t *x, const mds_package_t *package,
                     uint32_t build, mds_error_t *err)
{
    mds_offer_t  offer = { .build = build };
    mds_status_t status;

    status = mds_compile_sign(
        x,
        mds_manifest_rollback(x->model->app, x->release, package,
                              package != NULL ? x->sizes[build] : 0),
        err, &offer.answer);

    if (status == MDS_OK) {
        mds_record_builder_add(x->builder, MDS_TABLE_OFFERS, &offer);
    }

    return status;
}

/* Adds rollbacks to none, and to each lower version that was released. */
mds_status_t
mds_compile_rollbacks(mds_compile_ctx_t *x, mds_error_t *err,
                      mds_range_t *rollbacks)
{
    uint32_t     first = mds_record_builder_count(x->builder, MDS_TABLE_OFFERS);
    mds_status_t status;

    if (x->release->state != MDS_RELEASE_ROLLED_BACK
        && x->release->halt.rollback == 0)
    {
        return MDS_OK;
    }

    status = mds_compile_rollback(x, NULL, MDS_RECORD_NONE, err);

    for (size_t i = 0; status == MDS_OK && i < x->builds.count; i++) {
        const mds_package_t *build = x->builds.items[i];

        if (!build->embedded
            && mds_version_cmp(&build->key, &x->release->key) < 0
            && mds_version_is_released(x, &build->key))
        {
            status = mds_compile_rollback(x, build, (uint32_t) i, err);
        }
    }

    if (status == MDS_OK) {
        *rollbacks
            = mds_record_builder_range(x->builder, MDS_TABLE_OFFERS, first);
    }

    return status;
}
