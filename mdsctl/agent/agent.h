/*
 * agent: what the parts of `mdsctl agent` share.
 *
 *   command/agent.c   options, signals, and the loop
 *   place.c           the agent's place in the depot
 *   follow.c          one head: verified, fetched, put in force
 *   verify.c          keys and roots, by which heads are verified
 *   fetch.c           several transfers at once
 *   needs.c           the files that a generation names
 *   part.c            a transfer, until it has its name in the depot
 *   install.c         fetches the files of a generation, lists and trees
 *   install_files.c   fetches packages and deltas
 *   collect.c         removes what is not needed
 *   demand.c          fetches what devices ask for, in a thread of its own
 *   socket.c          Unix sockets that the workers of nginx may use
 *   figures.c         figures and the log
 */

#ifndef MDSCTL_AGENT_H
#define MDSCTL_AGENT_H

#include <pthread.h>
#include <signal.h>

#include "agent/share.h"
#include "catalog/mds_catalog.h"
#include "catalog/mds_current.h"
#include "client/mds_client_trust.h"
#include "device/service.h"
#include "feed/mds_feed_folder.h"
#include "fleet/mds_agent_status.h"
#include "mdsctl.h"

typedef enum {
    MDSCTL_PREFETCH_RUNNING,
    MDSCTL_PREFETCH_ALL,
    MDSCTL_PREFETCH_NONE
} mdsctl_prefetch_t;

/* A file that the generation in force names. */
typedef struct {
    mds_sha256_t sha256;
    uint64_t     bytes; /* 0: not known */
    uint8_t      keyid[MDS_KEYID_BYTES];
    bool         is_signed;  /* SHA256.KEYID.minisig belongs to it */
    bool         is_running; /* a device can be told to fetch it now */
} mdsctl_need_file_t;

typedef struct {
    mdsctl_need_file_t *items; /* ascending by digest, each once */
    size_t              count, room;
} mdsctl_needs_t;

typedef struct {
    const char                  *depot;
    const char                  *origin; /* the base URL, ends with "/" */
    mdsctl_prefetch_t            prefetch;
    uint64_t                     disk_max; /* of files/; 0: no limit */
    const char                  *database; /* that edges share; NULL: none */
    bool                         once;
    bool                         json;
    mdsctl_http_options_t        http; /* of downloads */
    const volatile sig_atomic_t *stop;

    /* Keys of --pub; or the root. */
    size_t             pub_count;
    mds_public_t       pubs[MDSCTL_VALUES_MAX];
    bool               has_root;
    mds_client_trust_t trust;

    /* What is in force. */
    mds_current_t  *current;
    mds_catalog_t  *catalog;     /* validated; NULL: not opened yet */
    mds_feed_head_t head;        /* zeros: none yet */
    mds_sha256_t    head_sha256; /* of its text */
    bool            is_complete; /* the files that --prefetch wants are there */

    /* Shared with the thread for what devices ask for. */
    pthread_mutex_t lock;
    mdsctl_needs_t  needs;

    /* Figures and the log: figures.c. */
    pthread_mutex_t    status_lock;  /* of the file */
    pthread_mutex_t    figures_lock; /* of what follows */
    mds_agent_status_t figures;
    int                trouble; /* mds_agent_figure_t of the fault; -1: none */
} mdsctl_agent_t;

/* --- figures.c: any thread may call these */

void    mdsctl_figure_set(mdsctl_agent_t *agent, mds_agent_figure_t figure,
                          int64_t value);
void    mdsctl_figure_add(mdsctl_agent_t *agent, mds_agent_figure_t figure,
                          int64_t value);
int64_t mdsctl_figure_get(mdsctl_agent_t *agent, mds_agent_figure_t figure);

/* Writes the figures into DEPOT/agent/status. */
void mdsctl_figures_write(mdsctl_agent_t *agent, const char *state);

/* Takes the figures of the thread that shares, and writes all; data is the
 * agent. */
void
mdsctl_figures_show_share(void *data, const mdsctl_share_figures_t *figures);

/* Prints a line to the log, on stderr. */
void mdsctl_agent_log(const char *format, ...) MDS_PRINTF(1, 2);

/* Notes a fault, which a figure counts. The log has a line and the figure rises
 * when the fault is another one than before, not with each try. */
void mdsctl_agent_fault(mdsctl_agent_t *agent, mds_agent_figure_t fault,
                        const char *why);

/* Notes that there is no fault any more. */
void mdsctl_agent_recover(mdsctl_agent_t *agent);

/* --- place.c */

/* Takes the place of the one agent of the depot, until the process ends. */
mds_status_t
mdsctl_agent_take_place(mdsctl_agent_t *agent, mds_error_t *err) MDS_MUST_CHECK;

/* --- verify.c */

/* Reads --pub or --root; one of them is given. */
mds_status_t
mdsctl_agent_keys(mdsctl_agent_t *agent, const mdsctl_values_t *pubs,
                  const char *root, mds_error_t *err) MDS_MUST_CHECK;

/* Follows newer roots of the origin, if there is a root. */
mds_status_t
mdsctl_agent_follow_roots(mdsctl_agent_t *agent, mdsctl_http_t *http,
                          mds_error_t *err) MDS_MUST_CHECK;

/* Verifies the signature of a head and reads it. */
mds_status_t
mdsctl_agent_open_head(mdsctl_agent_t *agent, mds_str_t text, mds_error_t *err,
                       mds_feed_head_t *head) MDS_MUST_CHECK;

/* Returns the key of that id, which may sign packages; NULL: it is not known.
 */
const mds_public_t *mdsctl_agent_find_key(const mdsctl_agent_t *agent,
                                          const uint8_t keyid[MDS_KEYID_BYTES]);

/* --- fetch.c */

/* A file to be fetched: path is relative to the origin. It is written to
 * `part`, where an earlier part of it may be, and verified. */
typedef struct {
    const char  *origin; /* NULL: that of the agent */
    char         path[160];
    mds_path_t   part;
    uint64_t     bytes;
    mds_sha256_t sha256;
    bool         has_sha256; /* else the caller verifies */
} mdsctl_fetch_t;

/* Fetches all, several at once. Those that have arrived stay, also when others
 * fail. MDS_IO: the origin is away; MDS_DAMAGED: it gave something else;
 * MDS_NO_SPACE. */
mds_status_t mdsctl_fetch_all(mdsctl_agent_t *agent, mdsctl_fetch_t *fetches,
                              size_t count, mds_error_t *err) MDS_MUST_CHECK;

/* Gives a small file. MDS_NOT_FOUND: the origin does not have it. */
mds_status_t
mdsctl_fetch_text(mdsctl_http_t *http, const char *origin, const char *path,
                  size_t bytes_max, mds_error_t *err,
                  mds_buffer_t *text) MDS_MUST_CHECK;

/* --- needs.c */

/* Finds the files that the catalog names. */
mds_status_t
mdsctl_needs_find(mds_catalog_t *catalog, int64_t now_ms, mds_error_t *err,
                  mdsctl_needs_t *needs) MDS_MUST_CHECK;

const mdsctl_need_file_t *
mdsctl_needs_get(const mdsctl_needs_t *needs, const mds_sha256_t *sha256);

void mdsctl_needs_free(mdsctl_needs_t *needs);

/* --- part.c */

/* Describes the transfer of an object of the feed. */
mds_status_t
mdsctl_part_describe(const mdsctl_agent_t *agent, const char *folder,
                     const mds_feed_object_t *object, mds_error_t *err,
                     mdsctl_fetch_t *fetch) MDS_MUST_CHECK;

/* Gives a fetched part its name, durably, once the folder is synced. */
mds_status_t mdsctl_part_place(const char *part, const char *path,
                               mds_error_t *err) MDS_MUST_CHECK;

/* Syncs a folder of the depot. */
mds_status_t mdsctl_part_sync(const mdsctl_agent_t *agent, const char *folder,
                              mds_error_t *err) MDS_MUST_CHECK;

/* --- install.c */

/* Fetches the files of the generation, and gives it back validated. */
mds_status_t
mdsctl_install_generation(mdsctl_agent_t *agent, const mds_feed_head_t *head,
                          mds_error_t    *err,
                          mds_catalog_t **catalog) MDS_MUST_CHECK;

/* --- install_files.c */

/* Fetches the files that are to be there before the generation is in force. */
mds_status_t
mdsctl_install_files(mdsctl_agent_t *agent, const mdsctl_needs_t *needs,
                     mds_error_t *err) MDS_MUST_CHECK;

/* Fetches one file with its signature. */
mds_status_t mdsctl_install_file(mdsctl_agent_t *agent, const char *origin,
                                 const mdsctl_need_file_t *file,
                                 mds_error_t              *err) MDS_MUST_CHECK;

/* Returns whether files/ has the file in its full size. */
bool
mdsctl_install_has(const mdsctl_agent_t *agent, const mdsctl_need_file_t *file);

/* --- collect.c */

/* Removes generations, lists, trees and files that neither the generation in
 * force nor the one before it needs. */
void mdsctl_collect(mdsctl_agent_t *agent);

/* Makes room for so many bytes below --max-disk, by removing files that nobody
 * can be told to fetch now. MDS_NO_SPACE: that is not enough. */
mds_status_t mdsctl_collect_room(mdsctl_agent_t *agent, uint64_t bytes,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* --- demand.c */

typedef struct mdsctl_demand_s mdsctl_demand_t;

/* Listens on DEPOT/agent/files, in a thread. */
mds_status_t mdsctl_demand_start(mdsctl_agent_t *agent, mds_error_t *err,
                                 mdsctl_demand_t **demand) MDS_MUST_CHECK;

void mdsctl_demand_stop(mdsctl_demand_t *demand);

/* --- follow.c */

/* Takes over what the depot has. */
mds_status_t
mdsctl_follow_begin(mdsctl_agent_t *agent, mds_error_t *err) MDS_MUST_CHECK;

/* Asks for the head, waiting up to wait_s for a later one (0: not at all), and
 * puts it in force. Faults are noted. Returns whether the origin was there. */
bool mdsctl_follow_once(mdsctl_agent_t *agent, mdsctl_http_t *http, int wait_s);

#endif
