/* mds_overview_internal: declarations that the files mds_overview*.c share. */

#ifndef MDS_OVERVIEW_INTERNAL_H
#define MDS_OVERVIEW_INTERNAL_H

#include "overview/mds_overview.h"
#include "state/mds_fleet.h"
#include "state/mds_tally.h"

/* A hash table of numbers of releases, or of series. */
typedef struct {
    uint32_t *places; /* number plus 1; 0: free */
    uint32_t  mask;
} mds_overview_index_t;

/* The reading of one depot. */
typedef struct {
    const mds_overview_t *overview;
    mds_overview_depot_t *depot;
    mds_state_t          *state; /* NULL: it cannot be read */
    const mds_alloc_t    *alloc;
    mds_error_t          *err;
    size_t                releases_max; /* of the array */
    mds_overview_index_t  releases;
    mds_overview_index_t  files;
    uint32_t             *readers; /* of each series of a file: the release
                                    * that read it last, plus 1 */
    mds_str_t number;              /* the depot's, as a series has it */
} mds_overview_reading_t;

/* Makes both indexes, and adds the series of files. Returns false if memory has
 * run out. */
bool mds_overview_index_init(mds_overview_reading_t *reading);

/* Adds the release with this number, which is the last one. */
void mds_overview_index_release(mds_overview_reading_t *reading, size_t number);

/* Copies the texts that name a release in its series: app, kind, name, id. */
void mds_overview_release_texts(const mds_overview_release_t *release,
                                mds_str_t                     texts[4]);

/* Returns the release that these texts name; NULL: there is none. */
mds_overview_release_t *
mds_overview_find_release(const mds_overview_reading_t *reading,
                          const mds_str_t              *texts);

/* Returns the sum of the series of a file; NULL: there is none, or the release
 * that is being read has it already. */
const mds_total_t *
mds_overview_take_file(const mds_overview_reading_t *reading, mds_str_t hex);

/* Copies a text; *ok becomes false if memory has run out. */
mds_str_t mds_overview_copy(const mds_alloc_t *alloc, mds_str_t text, bool *ok);

/* Gives the tally of a release. False: nothing was reported of it. */
bool
mds_overview_read_tally(mds_overview_reading_t     *reading,
                        const mds_record_t         *record,
                        const mds_release_record_t *from, mds_tally_t *tally);

/* Reads the reports of a release, if there are any. */
void mds_overview_read_reports(mds_overview_reading_t     *reading,
                               const mds_record_t         *record,
                               const mds_release_record_t *from,
                               mds_overview_release_t *release, bool *ok);

/* Adds a release of a record to the depot. names are copies of the app, kind
 * and name; shared is a writer that may be reused. */
mds_status_t mds_overview_read_release(mds_overview_reading_t     *reading,
                                       const mds_record_t         *record,
                                       const mds_release_record_t *from,
                                       const mds_str_t             names[3],
                                       mds_writer_t *shared) MDS_MUST_CHECK;

#endif
