/* validate_text.h - a validation as a table for people, as JSON, as CSV, as a picture. */
#ifndef TOKENMILL_STUDY_VALIDATE_TEXT_H
#define TOKENMILL_STUDY_VALIDATE_TEXT_H

#include <stdio.h>

#include "base/diag.h"
#include "study/validate.h"

/* At most 100 columns: what was skipped and flagged, classes, cells with their worst row; of requests the percentiles. */
void validation_print_table(FILE *stream, const struct validation *validation);

/* One object with stable keys: {file, rows: {...}, skipped, flagged, classes, cells}, or {file, runs} of requests; null for what there is not. */
void validation_print_json(FILE *stream, const struct validation *validation);

/* `row_id,group,engine,mode,spec_decode,metric,measured,predicted,pi95_low,pi95_high`: one row a prediction of something measured; within the last two 95 % of
 * measurements should lie (empty: not known); shortest decimals that read back
 * as the same double. Of requests `row_id` is the run and its percentile. Whole or not at all. */
bool validation_write_csv(const char *path, const struct validation *validation, struct diags *diags);

/* Measured against predicted on logarithmic axes, a panel for each metric, as SVG (study/scatter.h). Whole or not at all. */
bool validation_write_svg(const char *path, const struct validation *validation, struct diags *diags);

#endif
