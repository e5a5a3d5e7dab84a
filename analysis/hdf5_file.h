/* hdf5_file.h - the results file: HDF5 that is also netCDF-4 (docs/ARCHITECTURE.md, docs/metrics.md).
 *
 * Each sweep axis is a dimension scale, each metric a variable over the axes, then over workloads, pools, APIs, then over its own
 * dimension. Nothing in it depends on engine, threads, host, date or path: equal results give equal bytes.
 * HDF5 is not safe to use from several threads at once. */
#ifndef TOKENMILL_ANALYSIS_HDF5_FILE_H
#define TOKENMILL_ANALYSIS_HDF5_FILE_H

#include <stdbool.h>

#include "analysis/result_set.h"
#include "base/diag.h"

/* Writes `path` whole or not at all: a temporary file beside it is synced and renamed. False, with a diagnostic of the
 * world, if that failed; a file that was there is then untouched and the temporary one removed. */
bool hdf5_file_write(const char *path, const struct result_set *set, struct diags *diags);

#endif
