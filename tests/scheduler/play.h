/* play.h - plays tiny scenarios by the clock of a person with pencil and paper, and writes down what happened.
 *
 * Time is in ticks of 2^-7 s, which lie on the key grid and are exact in every unit of the engine. A run is played through simulate(),
 * whose records and outcome are kept, with the leap, which must come to the same, and event by event, to write down the steps.
 * Requests and steps come out as texts, one line each, to be compared with a table worked by hand:
 *
 *     r0 0-18: 0+4 1+4, blocks 2, waiting 1        step of replica 0: request 0 and 1 prefill 4 tokens each
 *     r0 18-32: 0* 1*, blocks 4, waiting 1         both decode
 *
 *     0 r0: queue 0, ttft 18, e2e 32               requests in order of their end
 *     2 r0: rejected too_large
 *
 * Blocks are those held, waiting is the length of the queue that the replica sees, both as the step starts. */
#ifndef TOKENMILL_TESTS_SCHEDULER_PLAY_H
#define TOKENMILL_TESTS_SCHEDULER_PLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/clock.h"
#include "sim/simulate.h"

#define TICK_S    0x1p-7
#define TICK_KEYS INT64_C(244140625)
#define TICK      ((i128)TICK_KEYS << KEY_SHIFT)

/* 2^-32 s: 244140625 units, 7 keys and a bit. As c0, it puts step ends between keys. */
#define SLIVER_TICKS 0x1p-25
#define SLIVER       ((i128)244140625)

/* A few keys in ticks. */
#define KEY_TICKS(keys) ((double)(keys) / (double)TICK_KEYS)

enum { PLAY_POOLS = 3, PLAY_WORKLOADS = 4 };

/* An arrival, at the key nearest to `at` ticks. */
struct play_row {
    double at;
    int64_t input, output;
};

struct play_script {
    const struct play_row *rows; // borrowed
    size_t count;
};

/* Set up with play_init, changed at will, run once with play_run. */
struct play {
    struct sim_config config;
    struct pool_config pools[PLAY_POOLS];
    struct workload_config workloads[PLAY_WORKLOADS];
    struct play_script scripts[PLAY_WORKLOADS];
    uint32_t every_pool[PLAY_POOLS]; /* 0, 1, 2 */
    struct step_model *step_model;   // owned; of every pool
    /* Afterwards: */
    struct sim_outcome outcome;     // owned
    struct request_record *records; // owned; in order of end
    size_t record_count;
    char *steps, *ends;  // owned
    struct diags *diags; // owned
};

/* One pool "main" of one replica: continuous, 64 slots, 1000 tokens a step, blocks of 4 without end; one workload "w" without
 * rows. A step takes c0 + c1 prompt tokens + c2 decodes + c3 context, in ticks. */
void play_init(struct play *play, double c0, double c1, double c2, double c3);

/* The arrivals of a workload; makes it, on pool 0, if it is the next one. */
void play_rows(struct play *play, uint32_t workload, const struct play_row *rows, size_t count);

#define PLAY_ROWS(play, workload, ...)                                                                                 \
    play_rows(play, workload, (const struct play_row[]){__VA_ARGS__},                                                  \
              sizeof((const struct play_row[]){__VA_ARGS__}) / sizeof(struct play_row))

/* One more pool like the first; its index. */
uint32_t play_pool_add(struct play *play, const char *name, int64_t replicas);

/* Other costs, and FLOP, bytes and energy, for every pool. `work` may be NULL. */
struct work_model;
void play_cost(struct play *play, const struct linear_step *step, const struct work_model *work);

/* Plays; fails the test if the engine reports an error. */
void play_run(struct play *play);

void play_release(struct play *play);

/* The record of a request; fails the test if it has none. */
const struct request_record *play_record(const struct play *play, int64_t request_id);

/* Fails the test unless `value` is that many ticks. */
#define assert_ticks(value, ticks) assert_true((value) == (i128)(double)((ticks)*2) * (TICK / 2))

#endif
