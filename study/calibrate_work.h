/* calibrate_work.h - what the parts of a calibration share; inner header. */
#ifndef TOKENMILL_STUDY_CALIBRATE_WORK_H
#define TOKENMILL_STUDY_CALIBRATE_WORK_H

#include "study/calibrate.h"

struct calibrate_work {
    const struct calibrate_request *request; // borrowed
    struct calibration *made;                // borrowed
    const struct profile *base;              // borrowed
    struct rebuild_context *context;         // borrowed: while rows are read
    bool *is_wanted;    /* by row: fitted, held out, or never fitted but scored; NULL: not known yet */
    const char **cells; /* "model|gpu|engine|precision|source", by row */
    struct fit_problem problem;
};

/* Fitted, and not held out. */
static inline bool calibrate_is_in(const struct fit_row *fit) {
    return fit->is_used && !fit->is_held_out;
}

/* The present values of the parameters; the caller frees them. */
double *calibrate_values_now(const struct calibration *made);

/* These values before the base's, those of one term (-1: none) scaled; in `arena`. */
const struct profile *calibrate_profile(const struct calibrate_work *work, const double *values, int scaled_term,
                                        double factor, struct arena *arena);

/* Rows simulated with the profile, or, `profile` NULL, with the datasheet's roofline. */
enum worker_pool_end calibrate_simulate(const struct calibrate_work *work, const struct profile *profile,
                                        const bool *is_wanted, struct validation **validation, struct diags *diags);

/* Fills `made->predicted` of everything that is left out in turn: the fold is fitted, and its rows are simulated with it. Then scores and expected
 * errors. */
enum worker_pool_end calibrate_cross_validate(struct calibrate_work *work, struct diags *diags);
double calibrate_measured(const struct comparison *comparison, enum expected_metric metric); /* NaN: not measured */
void calibrate_score(struct calibrate_work *work);
void calibrate_find_expected(struct calibrate_work *work);

#endif
