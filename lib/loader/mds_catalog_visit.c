/*
 * Walks over the values of a generation, its records, and their answers.
 */

#include "loader/mds_catalog_visit.h"

mds_status_t
mds_catalog_visit(mds_catalog_t *catalog, mds_catalog_table_t table,
                  mds_str_t prefix, mds_catalog_value_visit_t visit, void *data,
                  mds_error_t *err)
{
    mds_catalog_cursor_t cursor;
    mds_str_t            key, value;
    mds_status_t         status = MDS_OK;

    mds_catalog_walk(catalog, table, MDS_LAYERS_MAX, prefix, &cursor);

    while (status == MDS_OK && mds_catalog_next(&cursor, &key, &value)
           && mds_str_starts(key, prefix))
    {
        status = visit(data, value, err);
    }

    mds_catalog_walk_end(&cursor);

    return status == MDS_OK ? mds_catalog_status(catalog, err) : status;
}

/* The visitor of records and its data. */
typedef struct {
    mds_record_visit_t visit;
    void              *data;
} mds_record_visitor_t;

static mds_status_t
mds_catalog_visit_record(void *data, mds_str_t value, mds_error_t *err)
{
    mds_record_visitor_t *visitor = data;
    mds_status_t          status = mds_record_check(value, err);

    return status == MDS_OK
               ? visitor->visit(visitor->data,
                                (const mds_record_t *) value.data, err)
               : status;
}

mds_status_t
mds_catalog_visit_records(mds_catalog_t *catalog, mds_str_t prefix,
                          mds_record_visit_t visit, void *data,
                          mds_error_t *err)
{
    mds_record_visitor_t visitor = { visit, data };

    return mds_catalog_visit(catalog, MDS_CATALOG_RESOURCES, prefix,
                             mds_catalog_visit_record, &visitor, err);
}

mds_status_t
mds_record_visit_offers(const mds_record_t *record, mds_answer_visit_t visit,
                        void *data, mds_error_t *err)
{
    uint32_t     count = record->tables[MDS_TABLE_OFFERS].count;
    mds_status_t status = MDS_OK;

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_offer_t *offer = mds_record_item(record, MDS_TABLE_OFFERS, i);

        status = visit(data, record, &offer->answer, err);
    }

    return status;
}

/* A delta that is not worth it has no manifest. */
mds_status_t
mds_record_visit_deltas(const mds_record_t *record, mds_answer_visit_t visit,
                        void *data, mds_error_t *err)
{
    uint32_t     count = record->tables[MDS_TABLE_DELTAS].count;
    mds_status_t status = MDS_OK;

    for (uint32_t i = 0; status == MDS_OK && i < count; i++) {
        const mds_delta_record_t *delta
            = mds_record_item(record, MDS_TABLE_DELTAS, i);

        if (delta->answer.manifest.len > 0) {
            status = visit(data, record, &delta->answer, err);
        }
    }

    return status;
}

/* Visits the answers of a range of offers, and of their deltas. */
static mds_status_t
mds_record_visit_range(const mds_record_t *record, mds_range_t offers,
                       mds_answer_visit_t visit, void *data, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (uint32_t i = 0; status == MDS_OK && i < offers.count; i++) {
        const mds_offer_t *offer
            = mds_record_item(record, MDS_TABLE_OFFERS, offers.first + i);
        mds_range_t deltas = offer->deltas;

        status = visit(data, record, &offer->answer, err);

        for (uint32_t j = 0; status == MDS_OK && j < deltas.count; j++) {
            const mds_delta_record_t *delta
                = mds_record_item(record, MDS_TABLE_DELTAS, deltas.first + j);

            if (delta->answer.manifest.len > 0) {
                status = visit(data, record, &delta->answer, err);
            }
        }
    }

    return status;
}

mds_status_t
mds_record_visit_given(const mds_record_t *record, int64_t now_ms,
                       mds_answer_visit_t visit, void *data, mds_error_t *err)
{
    uint32_t     releases = record->tables[MDS_TABLE_RELEASES].count;
    uint32_t     messages = record->tables[MDS_TABLE_MESSAGES].count;
    mds_status_t status = MDS_OK;

    for (uint32_t i = 0; status == MDS_OK && i < releases; i++) {
        const mds_release_record_t *release
            = mds_record_item(record, MDS_TABLE_RELEASES, i);

        if (release->state == MDS_RELEASE_RUNNING && release->end_ms > now_ms) {
            status = mds_record_visit_range(record, release->offers, visit,
                                            data, err);
        }

        if (status == MDS_OK) {
            status = mds_record_visit_range(record, release->rollbacks, visit,
                                            data, err);
        }
    }

    for (uint32_t i = 0; status == MDS_OK && i < messages; i++) {
        const mds_message_record_t *message
            = mds_record_item(record, MDS_TABLE_MESSAGES, i);

        if (message->expires_ms > now_ms) {
            status = mds_record_visit_range(record, message->offers, visit,
                                            data, err);
        }
    }

    return status;
}
