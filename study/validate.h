/* validate.h - measured runs, rebuilt and simulated: predicted against measured, row by row, and the scores.
 *
 * Every row that can be rebuilt is predicted; flags only keep a row out of the scores. Rows run on a pool of threads; results do not depend on
 * how many. */
#ifndef TOKENMILL_STUDY_VALIDATE_H
#define TOKENMILL_STUDY_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "study/flags.h"
#include "study/measured.h"
#include "study/measured_json.h"
#include "study/pool.h"
#include "study/predict.h"
#include "study/progress.h"
#include "study/rebuild.h"
#include "study/replay.h"
#include "study/scores.h"

struct validate_request {
    const char *path;                     /* measured runs, or requests (study/replay.h) */
    const char *recipes_dir;              /* NULL: no recipes, the engines' defaults */
    const struct measured_server *server; /* of a load generator's JSON; borrowed; NULL: not said */
    const bool *is_wanted; /* by row: the others are neither rebuilt nor predicted; NULL: all are wanted */
    struct rebuild_options rebuild;
    unsigned threads;            /* 0: all cores */
    progress_listener *listener; /* NULL: nobody */
    void *context;               // borrowed: the listener's
};

struct comparison {
    const struct measured_row *row;
    enum rebuild_skip skip;
    char why[REBUILD_WHY_SIZE];       /* of a skip: the reader's rule and message, or "" */
    const char *engine;               /* canonical; the row's own word where skipped */
    unsigned flags;                   /* enum row_flag */
    struct expected_subject expected; /* its class; what of it the profile's fit had not seen */
    double q95_log[METRIC_COUNT];     /* expected error (models/expected_error.h); NaN: not known */
    struct predicted predicted;
    double measured[METRIC_COUNT]; /* NaN: not measured */
    bool is_median[METRIC_COUNT];
};

/* Both are known: what --csv and the scores are made of. */
bool comparison_has(const struct comparison *comparison, enum run_metric metric);
double comparison_predicted(const struct comparison *comparison, enum run_metric metric);
double comparison_error(const struct comparison *comparison, enum run_metric metric);

/* How much longer the predicted TTFT of requests sent at t = 0 is than that of later ones: the median over the scored closed loops, and how
 * many they are; NaN and 0 without any. No source publishes the two apart. */
struct validation;
double validation_first_wave(const struct validation *validation, size_t *rows);

/* Rebuilt, and no flag speaks against it (flags_let_score); the second: by some metric. */
bool comparison_is_scored_by(const struct comparison *comparison, enum run_metric metric);
bool comparison_is_scored(const struct comparison *comparison);

struct validation {
    const char *path;
    bool has_recipes;
    struct comparison *rows; /* of measured runs, in the file's order */
    size_t count;
    size_t skipped[SKIP_COUNT], flagged[FLAG_COUNT], predicted_count, scored_count;
    struct scores scores;
    struct replay *replays; /* of requests */
    size_t replay_count;
    bool is_replay;
    struct arena *arena; // owned: all of it
};

/* WORKER_POOL_DONE: `*validation` is set; free it. Positions in `diags` point into texts that it keeps. */
enum worker_pool_end validate_run(const struct validate_request *request, struct validation **validation,
                                  struct diags *diags);
void validation_free(struct validation *validation); /* accepts NULL */

#endif
