/* results_csv.h - `--csv`: one row a point, the axes' coordinates and the run's metrics as columns. */
#ifndef TOKENMILL_ANALYSIS_RESULTS_CSV_H
#define TOKENMILL_ANALYSIS_RESULTS_CSV_H

#include <stdbool.h>

#include "analysis/result_set.h"
#include "base/diag.h"

/* Writes `path` whole or not at all. A metric with a dimension has a column for each coordinate ("ledger_usd.hardware"); hours, and
 * what is of a workload or a pool, are in the HDF5 file only. Missing: empty. False with a diagnostic if it failed. */
bool results_csv_write(const char *path, const struct result_set *set, struct diags *diags);

#endif
