/* screen.h - what would it cost, analytically: the points of a scenario's sweep, or without one every configuration that the catalogue
 * has for its models.
 *
 * A point of a sweep is taken at the batch size, up to its max_num_seqs, that is cheapest within its limits; if none is, at
 * max_num_seqs. Without a sweep a configuration is a GPU, a tensor-parallel size (1, 2, 4, 8), a precision and a batch size (1 to the pool's max_num_seqs) for
 * one pool and its mean request; models/throughput.h says what it does. Nothing is simulated: rates are those of full load,
 * latencies those without a wait, so what comes out is a bound for a real fleet and a place to start a simulation from. Each
 * configuration is resolved as if its keys were in the scenario, so prices, memory and overrides are the same as in a run. */
#ifndef TOKENMILL_STUDY_SCREEN_H
#define TOKENMILL_STUDY_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cpu_level.h"
#include "base/diag.h"
#include "models/throughput.h"
#include "scenarios/scenario.h"

/* The cheapest that are told. */
enum { SCREEN_TOP = 10, SCREEN_SKIPPED_MAX = 16 };

struct screen_row {
    size_t point; /* of the sweep; 0 without one */
    const char *gpu, *model, *precision;
    int64_t tensor_parallel;
    int64_t max_num_seqs; /* the batch size looked at */
    const char *price_source;
    struct throughput_state state; /* of one replica */
    bool power_known;
    bool meets; /* fits and meets the limits */
    size_t
        rank; /* by USD per Mtok, from 1, among those that meet the limits, each point or machine (GPU, tensor_parallel, precision)
                    at its best; 0: not one of the first SCREEN_TOP */
    bool on_front; /* no other is both cheaper and of a lower TPOT */
};

/* What was no valid configuration, by the first rule that it broke: "model-fits", ... */
struct screen_skipped {
    const char *rule;
    size_t count;
};

struct screen_pool {
    const char *name;
    struct throughput_lengths lengths; /* of the first point */
    struct throughput_limits limits;   /* likewise */
    bool is_continuous;                /* the policy that the formulas are for */
    bool blocks_given;                 /* num_gpu_blocks is the scenario's for all of them */
    bool other_limits;                 /* there are SLO thresholds on something else; they are not looked at */
    bool one_price;                    /* one price is given, so only the scenario's own GPU was looked at */
    size_t machine_count, configuration_count;
    struct screen_skipped skipped[SCREEN_SKIPPED_MAX];
    size_t skipped_count;
    struct screen_row *rows; /* of a sweep all points in order; else those with a rank or on the front, by TPOT */
    size_t row_count;
};

struct screen {
    const struct scenario *scenario; // borrowed
    bool is_sweep;
    enum cpu_level level; /* of the kernel; no result depends on it */
    struct screen_pool *pools;
    size_t pool_count;
    struct arena *arena; // owned: all of it
};

/* NULL with diagnostics: what analytic_lengths says; "cpu-level"; "screen-linear" if a pool without a sweep has linear step times. */
struct screen *screen_new(const struct scenario *scenario, struct diags *diags);
void screen_free(struct screen *screen); /* accepts NULL */

#endif
