/* calibrate.h - a profile fitted to measured runs: what the rows say beyond the base, and how wrong it is on rows that it did not see.
 *
 * Rows are rebuilt and simulated as `validate` does; those that it would score are fitted (also of engines without documentation, and with assumed
 * lengths). Two rounds of least squares (calibrate_fit.h), between which the simulator corrects the closed forms; errors in sample are
 * the simulator's own, at the final values. Few rows move few parameters:
 *     under 10   the scale of the GPU's time (of experts: Smx, else Sx) by engine, architecture and format, and c0
 *     under 30   and the engine's overheads
 *     else       all that the rows' times depend on, but the service of requests (rq, r1)
 * A parameter's prior is the base's value, with the spread that the base says (prior_sd_log), or the default. What is not fitted stays the base's.
 * Out of sample: the rows of each model and GPU, GPU, architecture, number format, model family, engine are left out of the fit in turn and
 * simulated with it; the same after five rows of a cell were given back, as a user has them. From these come the expected errors
 * (models/expected_error.h). */
#ifndef TOKENMILL_STUDY_CALIBRATE_H
#define TOKENMILL_STUDY_CALIBRATE_H

#include "study/calibrate_fit.h"
#include "study/validate.h"

enum { CALIBRATE_FEW = 10, CALIBRATE_SOME = 30 };

struct calibrate_request {
    const char *path;
    const char *recipes_dir;        /* NULL: no recipes */
    struct measured_server server;  /* of a load generator's JSON */
    const char *base;               /* a profile before the shipped one; NULL: the shipped one */
    const char *hold_out;           /* glob on "model|gpu|engine|precision|source"; NULL: nothing is held out */
    struct rebuild_options rebuild; /* `sets` and `profile` are not looked at */
    unsigned threads;
    progress_listener *listener; /* of each simulation of all rows anew; NULL: nobody */
    void *context;               // borrowed: the listener's
};

/* Whose errors. All are the simulator's. */
enum calibrate_error {
    ERROR_BASE,            /* with the base */
    ERROR_IN_SAMPLE,       /* with the fit */
    ERROR_BY_GROUP,        /* left out: model and GPU, */
    ERROR_BY_GPU,          /* GPU, */
    ERROR_BY_ARCHITECTURE, /* its architecture, */
    ERROR_BY_FORMAT,       /* number format on the architecture, */
    ERROR_BY_FAMILY,       /* model family, */
    ERROR_BY_ENGINE,       /* engine */
    ERROR_AFTER_FIVE,      /* model and GPU, but for five rows of the cell, which move what few rows move */
    ERROR_DATASHEET,       /* the datasheet's roofline: nothing is fitted */
    ERROR_NEVER_FITTED,    /* rows without TPOT, with the fit */
    ERROR_HELD_OUT,        /* rows of the pattern, with the fit */
    ERROR_COUNT
};

const char *calibrate_error_name(enum calibrate_error error); /* "base", "in_sample", ... */

/* One row of expected_errors.csv. */
struct calibrate_expected {
    enum expected_metric metric;
    enum expected_class class;
    enum expected_case kind;
    size_t rows;
    double q95_log;
    double
        covered_ratio; /* of the rows, by the plain quantile of other models and GPUs; where it is less than 0.95, q is larger for it */
};

/* One row of fitted_on.csv. */
struct calibrate_seen {
    enum expected_case kind;
    const char *name;
    size_t rows;
};

struct calibration {
    const char *path, *base_name, *hold_out;
    struct fit_row *rows; /* by row of the file */
    size_t row_count;
    struct fit_parameter *parameters;
    size_t parameter_count;
    size_t used, held_out, skipped, flagged, unmeasured; /* rows; used: fitted */
    size_t folds[ERROR_COUNT];                           /* distinct groups; under 2 nothing can be left out */
    struct fit_outcome outcome;                          /* of the last round */
    struct scores scores[ERROR_COUNT];
    double (*predicted)[ERROR_COUNT][EXPECTED_METRIC_COUNT]; /* by row of the file; NaN: not predicted so */
    struct calibrate_expected *expected;
    size_t expected_count;
    struct calibrate_seen *seen;
    size_t seen_count;
    struct validation *first, *last; // owned: simulated with the base and with the fit
    struct arena *arena;             // owned: all else
};

/* WORKER_POOL_DONE: `*calibration` is set; free it. Rules: as validate and step_profile, "calibrate-rows" (nothing to fit), "calibrate-hold-out" (the
 * pattern matches no row). */
enum worker_pool_end calibrate_run(const struct calibrate_request *request, struct calibration **calibration,
                                   struct diags *diags);
void calibration_free(struct calibration *calibration); /* accepts NULL */

/* For people, at most 100 columns; one JSON object with stable keys; what step_time: {profile: FILE} reads, whole or not at all. */
void calibration_print_table(FILE *stream, const struct calibration *calibration);
void calibration_print_json(FILE *stream, const struct calibration *calibration);
bool calibration_write_profile(const char *path, const struct calibration *calibration, struct diags *diags);

#endif
