/*
 * Documents: refused with words of one line, or checked, and checked again as
 * they are exported. What is taken can be compiled, and what was compiled is
 * decided upon: that is what looking for warnings does.
 */

#include "document/mds_document.h"
#include "fuzz.h"
#include "loader/mds_lint.h"

static mds_model_t *
check(mds_str_t text, mds_json_t **json)
{
    mds_error_t  err;
    mds_model_t *model = NULL;

    *json = NULL;

    if (mds_json_parse(text, "input", &err, json) != MDS_OK
        || mds_document_check(*json, "input", &err, &model) != MDS_OK)
    {
        fuzz_must(mds_str_is_utf8(mds_str_of(err.text))
                  && strchr(err.text, '\n') == NULL);
    }

    return model;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mds_json_t  *json, *same, *warnings;
    mds_model_t *model, *again;
    mds_str_t    text = { size, (const char *) data };
    char        *dumped;

    model = check(text, &json);

    if (model != NULL) {
        fuzz_must(mds_json_dump(json, MDS_JSON_PRETTY, NULL, &dumped, &text.len)
                  == MDS_OK);
        text.data = dumped;
        again = check(text, &same);
        fuzz_must(again != NULL);

        warnings = mds_json_array_new();
        fuzz_must(mds_lint(model, NULL, warnings) == MDS_OK);

        mds_json_release(warnings);
        mds_model_free(again);
        mds_json_release(same);
        free(dumped);
        mds_model_free(model);
    }

    mds_json_release(json);
    return 0;
}
