#include "tests/scheduler/play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "models/work.h"
#include "sim/stepwise/replica.h"
#include "sim/stepwise/schedule.h"
#include "tests/differential/timelines.h"

/* ---- arrivals from a list ---- */

struct script_source {
    struct arrival_source base;
    const struct play_script *script; // borrowed
    size_t next;
};

static enum arrival_status script_next(struct arrival_source *base, int64_t end_key, struct arrival *out,
                                       struct diags *diags) {
    struct script_source *source = (struct script_source *)base;
    (void)diags;
    while (source->next < source->script->count) {
        const struct play_row *row = &source->script->rows[source->next++];
        int64_t key = (int64_t)nearbyint(row->at * (double)TICK_KEYS);
        base->counts.read++;
        if (key < end_key) {
            *out = (struct arrival){
                .key = key, .draw = source->next - 1, .input_tokens = row->input, .output_tokens = row->output};
            return ARRIVAL_READY;
        }
        base->counts.dropped[DROP_AFTER_END]++;
    }
    return ARRIVAL_END;
}

static void script_free(struct arrival_source *base) {
    free(base);
}

static struct arrival_source *script_open(const void *context, uint64_t seed, uint32_t replication,
                                          struct diags *diags) {
    static const struct arrival_source_type type = {.name = "script", .next = script_next, .free = script_free};
    struct script_source *source = xcalloc(1, sizeof *source);
    (void)seed, (void)replication, (void)diags;
    source->base.type = &type;
    source->script = context;
    return &source->base;
}

/* ---- set up ---- */

void play_cost(struct play *play, const struct linear_step *step, const struct work_model *work) {
    step_model_free(play->step_model);
    play->step_model = step_model_new_linear(step, work, play->diags, (struct position){0});
    assert_non_null(play->step_model);
    for (size_t i = 0; i < PLAY_POOLS; i++) {
        play->pools[i].step_model = play->step_model;
    }
}

void play_init(struct play *play, double c0, double c1, double c2, double c3) {
    *play = (struct play){.every_pool = {0, 1, 2}, .diags = diags_new()};
    play->pools[0] = (struct pool_config){
        .name = "main",
        .replicas = 1,
        .gpus_per_replica = 1,
        .batching = {.policy = BATCHING_CONTINUOUS, .max_num_seqs = 64, .max_num_batched_tokens = 1000},
        .block_size = 4,
        .num_gpu_blocks = KV_BLOCKS_UNLIMITED,
        .max_model_len = 1000000,
    };
    play->config = (struct sim_config){
        .seed = 1,
        .end_key = KEY_NEVER,
        .pools = play->pools,
        .pool_count = 1,
        .workloads = play->workloads,
    };
    struct linear_step step = {.c0_s = c0 * TICK_S, .c1_s = c1 * TICK_S, .c2_s = c2 * TICK_S, .c3_s = c3 * TICK_S};
    play_cost(play, &step, NULL);
    play_rows(play, 0, NULL, 0);
}

void play_rows(struct play *play, uint32_t workload, const struct play_row *rows, size_t count) {
    static const char *const names[PLAY_WORKLOADS] = {"w", "x", "y", "z"};
    play->scripts[workload] = (struct play_script){rows, count};
    if (workload < play->config.workload_count) {
        return;
    }
    assert_int_equal(workload, play->config.workload_count);
    play->config.workload_count++;
    play->workloads[workload] = (struct workload_config){
        .name = names[workload],
        .arrivals = {.open = script_open, .context = &play->scripts[workload], .is_trace = true},
        .pools = play->every_pool,
        .pool_count = 1,
    };
}

uint32_t play_pool_add(struct play *play, const char *name, int64_t replicas) {
    size_t pool = play->config.pool_count++;
    play->pools[pool] = play->pools[0];
    play->pools[pool].name = name;
    play->pools[pool].replicas = replicas;
    return (uint32_t)pool;
}

/* ---- what the observer sees ---- */

static void keep_record(void *context, const struct request_record *record) {
    struct play *play = context;
    play->records = xrealloc(play->records, play->record_count + 1, sizeof *play->records);
    play->records[play->record_count++] = *record;
}

/* Ticks with thousandths, cut; without the zeros. */
static void print_ticks(FILE *out, i128 value) {
    fprintf(out, "%lld", (long long)(value / TICK));
    int64_t thousandths = (int64_t)(value % TICK * 1000 / TICK);
    if (thousandths != 0) {
        fprintf(out, ".%03lld", (long long)thousandths);
    }
}

static void print_latency(FILE *out, const char *before, i128 value) {
    if (value != LATENCY_NONE) {
        fputs(before, out);
        print_ticks(out, value);
    }
}

static void print_record(FILE *out, const struct request_record *record) {
    fprintf(out, "%lld r%lld:", (long long)record->request_id, (long long)record->replica);
    if (record->status == REQUEST_REJECTED) {
        fprintf(out, " rejected %s\n", reject_reason_name(record->reject_reason));
        return;
    }
    print_latency(out, " queue ", record->queue);
    print_latency(out, ", ttft ", record->ttft);
    print_latency(out, ", e2e ", record->e2e);
    if (record->preemptions > 0) {
        fprintf(out, ", preempted %lld", (long long)record->preemptions);
    }
    fputs(record->status == REQUEST_UNFINISHED ? " unfinished\n" : "\n", out);
}

static char *ends_text(const struct play *play) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < play->record_count; i++) {
        print_record(out, &play->records[i]);
    }
    fclose(out);
    return text;
}

/* ---- what a step is made of ---- */

static void print_step(FILE *out, const struct cluster *cluster, const struct replica *replica) {
    int64_t blocks = 0;
    fprintf(out, "r%u ", replica->index);
    print_ticks(out, replica->step_start);
    fputc('-', out);
    print_ticks(out, replica->step_end);
    fputc(':', out);
    for (size_t i = 0; i < replica->running_count; i++) {
        uint32_t index = replica->running[i];
        const struct progress *progress = cluster_request(cluster, index)->progress;
        long long id = cluster->slab.tags[index].id;
        blocks += progress->blocks;
        if (progress->chunk > 0 && progress->computed < progress->target) {
            fprintf(out, " %lld+%lld", id, (long long)progress->chunk);
        } else if (progress->chunk > 0) {
            fprintf(out, " %lld*", id);
        }
    }
    assert_true(blocks + replica->free_blocks == replica->config->num_gpu_blocks);
    fprintf(out, ", blocks %lld, waiting %zu\n", (long long)blocks, schedule_waiting(replica));
}

static char *steps_text(struct play *play) {
    struct cluster cluster;
    struct sim_outcome outcome;
    char *text;
    size_t size;
    int64_t key;
    FILE *out = open_memstream(&text, &size);
    cluster_init(&cluster, &play->config, NULL, &outcome, play->diags);
    cluster.slab.tagged = true;
    bool *stepping = xcalloc(cluster.replica_count, sizeof *stepping);
    while (cluster_step(&cluster, &key)) {
        for (uint32_t i = 0; i < cluster.replica_count; i++) {
            if (replica_at(&cluster, i)->stepping && !stepping[i]) {
                print_step(out, &cluster, replica_at(&cluster, i));
            }
            stepping[i] = replica_at(&cluster, i)->stepping;
        }
    }
    free(stepping);
    cluster_release(&cluster);
    sim_outcome_release(&outcome);
    fclose(out);
    return text;
}

/* ---- playing ---- */

static void play_engine(struct play *play, enum engine_kind engine) {
    struct observer observer = {.context = play, .request_ended = keep_record};
    struct sim_config config = play->config;
    config.engine = engine;
    bool played = simulate(&config, &observer, &play->outcome, play->diags);
    assert_string_equal(diags_first_message(play->diags), "");
    assert_true(played);
    play->ends = ends_text(play);
}

static void same_pools(const struct pool_outcome *a, const struct pool_outcome *b) {
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->preemptions, b->preemptions);
    assert_true(a->busy == b->busy && a->busy_prefill == b->busy_prefill && a->busy_decode == b->busy_decode);
    assert_true(a->waiting == b->waiting && a->running == b->running);
    assert_true(a->kv_tokens == b->kv_tokens && a->batch == b->batch);
    assert_true(a->flop == b->flop && a->byte == b->byte && a->energy == b->energy);
    assert_true(a->saturated == b->saturated);
}

/* The leap must come to what the stepwise engine came to. */
static void check_leap(const struct play *stepwise) {
    struct play leap = *stepwise;
    leap.records = NULL;
    leap.record_count = 0;
    play_engine(&leap, ENGINE_LEAP);
    assert_string_equal(leap.ends, stepwise->ends);
    assert_true(leap.outcome.window_end == stepwise->outcome.window_end);
    assert_int_equal(leap.outcome.events, stepwise->outcome.events);
    for (size_t i = 0; i < stepwise->record_count; i++) {
        assert_true(leap.records[i].tpot == stepwise->records[i].tpot);
        assert_int_equal(leap.records[i].output_tokens, stepwise->records[i].output_tokens);
    }
    for (size_t pool = 0; pool < stepwise->config.pool_count; pool++) {
        same_pools(&leap.outcome.pools[pool], &stepwise->outcome.pools[pool]);
        for (size_t i = 0; i < stepwise->config.workload_count; i++) {
            assert_memory_equal(&leap.outcome.workloads[i].tokens[pool], &stepwise->outcome.workloads[i].tokens[pool],
                                sizeof(struct token_counts));
        }
    }
    char what[256] = "";
    timelines_equal(&leap.outcome, &stepwise->outcome, what, sizeof what);
    assert_string_equal(what, "");
    sim_outcome_release(&leap.outcome);
    free(leap.records);
    free(leap.ends);
}

void play_run(struct play *play) {
    play_engine(play, ENGINE_STEPWISE);
    check_leap(play);
    play->steps = steps_text(play);
}

void play_release(struct play *play) {
    sim_outcome_release(&play->outcome);
    step_model_free(play->step_model);
    diags_free(play->diags);
    free(play->records);
    free(play->steps);
    free(play->ends);
}

const struct request_record *play_record(const struct play *play, int64_t request_id) {
    for (size_t i = 0; i < play->record_count; i++) {
        if (play->records[i].request_id == request_id) {
            return &play->records[i];
        }
    }
    fail_msg("no record of request %lld", (long long)request_id);
    return NULL;
}
