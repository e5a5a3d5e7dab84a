/* replay.h - a real server's requests, one by one, sent again at the instants at which it queued them, and compared by percentile.
 *
 * A file of requests (docs/measured-format.md) holds runs: rows of one source, model, GPU and tp. Flags come from the recipe of that name. */
#ifndef TOKENMILL_STUDY_REPLAY_H
#define TOKENMILL_STUDY_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "study/predict.h"
#include "study/rebuild.h"

enum replay_metric { REPLAY_TTFT, REPLAY_TPOT, REPLAY_E2E, REPLAY_METRIC_COUNT };
enum { REPLAY_PERCENTILE_COUNT = 3 };

const char *replay_metric_name(enum replay_metric metric); /* "ttft", "tpot", "e2e" */
int replay_percentile(size_t index);                       /* 50, 90, 99 */

struct replayed_request {
    double queued_s, ttft_s, e2e_s;
    int64_t input_tok, output_tok;
};

struct replay {
    struct measured_row row;           /* the run as a row: names, parallelism, mean lengths */
    struct replayed_request *requests; /* by queued_s */
    size_t count;
    enum rebuild_skip skip;
    char why[REBUILD_WHY_SIZE];
    const char *engine;
    bool has_recipe;
    size_t incomplete; /* of the simulated run */
    /* Seconds. */
    double measured[REPLAY_METRIC_COUNT][REPLAY_PERCENTILE_COUNT];
    double predicted[REPLAY_METRIC_COUNT][REPLAY_PERCENTILE_COUNT];
    double measured_tok_per_s, predicted_tok_per_s;
};

/* Is this a file of requests, by its header? */
bool replays_are_in(const char *path);

/* Reads the file's runs, in order of their first rows. Rules as columns.h. */
bool replays_read(const char *path, struct arena *arena, struct replay **replays, size_t *count, struct diags *diags);

/* Fills what is predicted. False if it was abandoned. */
bool replay_run(const struct rebuild_context *context, struct replay *replay, const struct predict_watch *watch,
                struct diags *diags);

#endif
