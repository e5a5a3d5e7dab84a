/* json.h - results as JSON: one object, keys by the table of metrics, null where there is no number.
 *
 * Numbers are the shortest decimals that read back as the same double. The caller frees the text, which ends in a newline. */
#ifndef TOKENMILL_ANALYSIS_JSON_H
#define TOKENMILL_ANALYSIS_JSON_H

#include "analysis/result_set.h"

/* {name, requests, tokens, ..., by_workload, by_pool, api, assumptions, run} */
char *json_of_run(const char *name, const struct result *result);

/* {name, axes: [...], points: [{coordinates: {...}, and the keys of a run}]} */
char *json_of_sweep(const struct result_set *set);

#endif
