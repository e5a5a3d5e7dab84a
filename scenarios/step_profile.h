/* step_profile.h - calibrated step times from files: the shipped profile of the catalogue, and a user's own before it.
 *
 * profiles.csv has columns name, scope, value, unit, lower, upper, prior, prior_sd_log, source; collectives.csv gpu, engine, ranks, eight times in
 * microseconds, median_error, source; expected_errors.csv metric, class, case, rows, q95_log, source and fitted_on.csv kind, name, rows, which
 * models/expected_error.h explains. A user's profile (written by `tokenmill calibrate`) has the columns of profiles.csv, of which name, scope and
 * value must be there; what it does not say is the shipped one's. What the numbers mean: models/profile.h. */
#ifndef TOKENMILL_SCENARIOS_STEP_PROFILE_H
#define TOKENMILL_SCENARIOS_STEP_PROFILE_H

#include "base/arena.h"
#include "base/diag.h"
#include "models/profile.h"

/* The shipped profile; `catalog_dir` overrides the compiled-in files, file by file. In the arena. NULL with diagnostics (rules "catalogue-file",
 * "catalogue-csv", "catalogue-header", "catalogue-row"). */
const struct profile *step_profile_shipped(const char *catalog_dir, struct arena *arena, struct diags *diags);

/* The profile at `path`, before `base`; diagnostics likewise, and "file-open" at `at`. */
const struct profile *step_profile_read(const char *path, struct position at, const struct profile *base,
                                        struct arena *arena, struct diags *diags);

#endif
