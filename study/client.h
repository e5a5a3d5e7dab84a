/* client.h - how a measured run's client sent its requests, as far as its row and recipe say; what they leave out is assumed, and said.
 *
 *     concurrency    C clients, each sends its next request when its last one ends; 10 C requests unless the row or recipe says otherwise
 *     qps            constant arrivals at that rate for ten minutes
 *     max_num_seqs   a queue that never empties; only the stretch between ramp and drain counts
 *     max_load, mlperf   all queued at t = 0
 *     max_batch, batch   one padded batch at t = 0
 * Lengths: uniform integers in [floor(ratio n), n] where a ratio is known (InferenceX: 0.8), input and output independent; else the
 * measured means, or the nominal lengths. Warm-up requests end before the first measured one is sent and the prompts are distinct, so
 * that they change nothing here. */
#ifndef TOKENMILL_STUDY_CLIENT_H
#define TOKENMILL_STUDY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "study/measured.h"
#include "study/recipes.h"

enum length_shape { SHAPE_UNIFORM_TOK, SHAPE_GEOMETRIC_TOK };

struct client_length {
    enum length_shape shape;
    int64_t min, max; /* uniform */
    double mean;      /* geometric */
};

struct client {
    int64_t clients; /* closed loop; 0: open */
    double rate_per_s;
    int64_t requests;
    struct client_length input, output;
    bool is_steady;       /* throughput between ramp and drain, latency is the gap between tokens */
    bool is_static;       /* one padded batch */
    double cached_share;  /* of each prompt, in the prefix cache */
    bool lengths_assumed; /* neither row nor recipe says how long prompts (or answers) were */
    bool requests_assumed;
};

/* `block_size`: tokens of a KV block, of which a prefix cache holds whole ones. */
struct client client_of(const struct measured_row *row, const struct recipe *recipe, int64_t block_size);

/* A text of a recipe as a number of this row: a number or formula, up to a remark in brackets. False: it says none. */
bool recipe_number(const char *text, const struct measured_row *row, double *value);

#endif
