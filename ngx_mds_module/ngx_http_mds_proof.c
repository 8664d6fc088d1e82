/*
 * Proofs: where a request asks for them ("MDS-Want-Proof: 1"), an answer says
 * where its manifest is in the tree that the app's head has signed. The tree is
 * the one of the same generation; its hashes are copied.
 */

#include "ngx_http_mds_evaluation.h"

#include "catalog/mds_trust_record.h"

#define NGX_HTTP_MDS_WANT_PROOF "MDS-Want-Proof"

ngx_uint_t
ngx_http_mds_wants_proof(ngx_http_request_t *r)
{
    const size_t     len = sizeof(NGX_HTTP_MDS_WANT_PROOF) - 1;
    ngx_list_part_t *part = &r->headers_in.headers.part;
    ngx_table_elt_t *h;

    for (; part != NULL; part = part->next) {
        h = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len && h[i].value.len == 1
                && h[i].value.data[0] == '1'
                && ngx_strncasecmp(h[i].key.data,
                                   (u_char *) NGX_HTTP_MDS_WANT_PROOF, len)
                       == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}

/* Finds the manifest in the app's tree. */
static mds_status_t
ngx_http_mds_proof_find(ngx_http_mds_evaluation_t *e,
                        const mds_snapshot_t      *snapshot,
                        const mds_decision_t *decision, mds_error_t *err,
                        mds_proof_t *proof)
{
    const mds_tree_t *tree;
    mds_sha256_t      digest;
    mds_status_t      status;

    status = mds_catalog_tree(snapshot->catalog,
                              mds_request_attr(&e->request, MDS_ATTR_APP), err,
                              &tree);
    if (status != MDS_OK) {
        return status;
    }

    mds_sha256(decision->manifest.data, decision->manifest.len, &digest);

    return mds_tree_prove(tree, &digest, proof) ? MDS_OK : MDS_NOT_FOUND;
}

mds_status_t
ngx_http_mds_prove(ngx_http_mds_evaluation_t *e, const mds_snapshot_t *snapshot,
                   ngx_http_mds_question_t *question, mds_error_t *err)
{
    char         text[MDS_PROOF_BYTES_MAX + 1];
    mds_proof_t  proof;
    mds_status_t status;
    size_t       len;

    if (question->decision.manifest.len == 0) {
        return MDS_OK;
    }

    status = ngx_http_mds_proof_find(e, snapshot, &question->decision, err,
                                     &proof);

    switch (status) {
    case MDS_OK:
        break;

    case MDS_NOT_FOUND:
        return MDS_OK;

    case MDS_DAMAGED:
    case MDS_IO:
    case MDS_DENIED:
        /* The answer goes out without a proof: only devices that trust a root
         * do not take it. */
        ngx_log_error(NGX_LOG_ERR, e->r->connection->log, 0,
                      "mds: no proof: %s", err->text);
        return MDS_OK;

    default:
        return status;
    }

    len = mds_proof_format(&proof, text);

    question->proof.data = ngx_pnalloc(e->r->pool, len);
    if (question->proof.data == NULL) {
        return mds_fail_memory(err);
    }

    ngx_memcpy(question->proof.data, text, len);
    question->proof.len = len;

    return MDS_OK;
}
