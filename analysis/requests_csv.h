/* requests_csv.h - `--requests`: one row for each request, as it ends (docs/semantics.md section 9).
 *
 * Times are exact decimals of the engine's integers (18 places), empty where there is none. */
#ifndef TOKENMILL_ANALYSIS_REQUESTS_CSV_H
#define TOKENMILL_ANALYSIS_REQUESTS_CSV_H

#include <stdbool.h>

#include "base/diag.h"
#include "sim/config.h"
#include "sim/observer.h"

struct requests_csv;

/* Opens a temporary file beside `path` and writes the header. `config` gives the names and is borrowed. NULL with a diagnostic on
 * failure. */
struct requests_csv *requests_csv_open(const char *path, const struct sim_config *config, struct diags *diags);

/* For observer.request_ended; `csv` is the struct requests_csv. */
void requests_csv_record(void *csv, const struct request_record *record);

/* Puts the file in its place and frees `csv`; false with a diagnostic if anything could not be written. */
bool requests_csv_close(struct requests_csv *csv, struct diags *diags);

/* Removes what was written. Accepts NULL. */
void requests_csv_abandon(struct requests_csv *csv);

#endif
