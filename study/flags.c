#include "study/flags.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "scenarios/resolved.h"

#define MFU_MAX 0.6
/* Achieved over asked-for rate below which an open loop was not kept up with. */
#define RATE_RATIO_MIN 0.95

static const struct {
    const char *name, *help;
} texts[FLAG_COUNT] = {
    [FLAG_PHYSICS_MFU] = {"physics-mfu", "more than 60 % of the GPUs' peak FLOP/s by the row's own figures"},
    [FLAG_PHYSICS_CELL] = {"physics-cell", "another row of its cell fails physics-mfu"},
    [FLAG_PHYSICS_BANDWIDTH] = {"physics-bandwidth", "a token in less time than weights and KV cache take to be read"},
    [FLAG_SATURATED] = {"saturated", "the server did not keep up with the rate"},
    [FLAG_SPECULATIVE] = {"speculative", "speculative decoding: how many drafts are accepted is assumed"},
    [FLAG_SUSPECTED_SPECULATION] = {"suspected-speculation",
                                    "not stated; repeats of the configuration differ by 1.7 times"},
    [FLAG_HELD_UP] = {"held-up", "runs of this task and GPU are 2 to 6 times slower than others of the same batch"},
    [FLAG_ASSUMED_LENGTHS] = {"assumed-lengths", "lengths of prompts or answers are not stated"},
    [FLAG_ASSUMED_PARALLELISM] = {"assumed-parallelism", "tensor parallelism is not stated"},
    [FLAG_CONTRADICTED_RECIPE] = {"contradicted-recipe", "by Little's law other numbers of requests ran at once"},
    [FLAG_UNDOCUMENTED_ENGINE] = {"undocumented-engine",
                                  "scheduler and defaults are not published; vLLM's are assumed"},
    [FLAG_INCOMPLETE] = {"incomplete", "requests do not fit in the simulated server"},
    [FLAG_UNKNOWN_RECIPE] = {"unknown-recipe", "server flags are not known; the engine's defaults are assumed"},
};

const char *row_flag_name(enum row_flag flag) {
    return texts[flag].name;
}

const char *row_flag_help(enum row_flag flag) {
    return texts[flag].help;
}

static double active_params(const struct measured_row *row, const struct rebuilt *rebuilt) {
    const double per_b = 1e9;
    return isnan(row->active_params_b) ? llm_params_active(rebuilt->llm) : per_b * row->active_params_b;
}

double row_mfu(const struct measured_row *row, const struct rebuilt *rebuilt) {
    bool is_median;
    const struct pool_facts *facts = &rebuilt->point->pools[0];
    double ttft_s = measured_value(row, METRIC_TTFT, &is_median), tpot_s = measured_value(row, METRIC_TPOT, &is_median);
    double input = measured_input_tok(row), output = measured_output_tok(row);
    if (row->load_kind != LOAD_CONCURRENCY) {
        return (double)NAN;
    }
    double flop = 2 * active_params(row, rebuilt) * (input + output) * row->load;
    return flop / ((ttft_s + tpot_s * output) * (double)facts->replicas * facts->peak_flop_per_s);
}

double row_step_floor_s(const struct measured_row *row, const struct rebuilt *rebuilt) {
    const struct pool_facts *facts = &rebuilt->point->pools[0];
    double input = measured_input_tok(row), output = measured_output_tok(row);
    if (row->load_kind != LOAD_CONCURRENCY) {
        return (double)NAN;
    }
    double weight_byte = facts->weight_byte;
    if (rebuilt->llm->experts > 0) {
        weight_byte = active_params(row, rebuilt) * precision_byte_per_weight(rebuilt->precision);
    }
    double held = (double)rebuilt->point->sim.pools[0].num_gpu_blocks * (double)rebuilt->point->sim.pools[0].block_size;
    double context = row->load / (double)facts->replicas * (input + output / 2);
    double kv_byte = facts->kv_byte_per_tok * (context < held ? context : held);
    return (weight_byte + kv_byte) / facts->peak_byte_per_s;
}

static bool is_saturated(const struct measured_row *row) {
    double answers_per_s = row->output_tok_s / measured_output_tok(row);
    bool is_behind = row->load_kind == LOAD_QPS && answers_per_s < RATE_RATIO_MIN * row->load;
    return is_behind || strstr(row->notes, "OVERLOAD") != NULL || strstr(row->notes, "saturated server") != NULL;
}

/* ML.ENERGY's GPQA runs of small models on B200. */
static bool is_held_up(const struct measured_row *row) {
    static const char *const models[] = {"Qwen3-8B", "Qwen3-14B", "Qwen3-30B-A3B", "Nemotron-Nano-9B-v2",
                                         "Nemotron-Nano-12B-v2"};
    if (strcmp(row->source, "mlenergy") != 0 || strstr(row->notes, "task=gpqa") == NULL ||
        strncmp(row->gpu, "B200", 4) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strcmp(row->model, models[i]) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned speculation(const struct measured_row *row, const struct rebuilt *rebuilt) {
    bool is_unknown = strcmp(row->spec_decode, "unknown") == 0;
    bool is_none = row->spec_decode[0] == '\0' || strcmp(row->spec_decode, "none") == 0;
    bool has_recipe_for_it = rebuilt->recipe != NULL && rebuilt->recipe->speculative[0] != '\0';
    if ((!is_unknown && !is_none) || has_recipe_for_it) {
        return 1u << FLAG_SPECULATIVE;
    }
    bool is_suspect = strcmp(rebuilt->engine->name, "trtllm") == 0 && strncmp(row->model, "DeepSeek", 8) == 0;
    return is_unknown && is_suspect ? 1u << FLAG_SUSPECTED_SPECULATION : 0;
}

/* Of C clients on S slots, C - S wait at any time: that share of a request's life is spent before its first token. If it is half of that,
 * more ran at once; a factor of two is left for everything else. The other way round, prompts no longer than answers do not keep half of
 * the clients waiting where slots and KV cache have room for all. */
static bool contradicts_recipe(const struct measured_row *row, const struct rebuilt *rebuilt) {
    bool is_median;
    const struct pool_config *pool = &rebuilt->point->sim.pools[0];
    double ttft_s = measured_value(row, METRIC_TTFT, &is_median), tpot_s = measured_value(row, METRIC_TPOT, &is_median);
    double input = measured_input_tok(row), output = measured_output_tok(row);
    double first_ratio = ttft_s / (ttft_s + tpot_s * output);
    double slots = (double)(pool->batching.max_num_seqs * pool->replicas);
    double held = (double)(pool->num_gpu_blocks * pool->block_size * pool->replicas) / (input + output);
    bool has_room = slots >= row->load && held >= row->load;
    if (row->load_kind != LOAD_CONCURRENCY || rebuilt->recipe == NULL) {
        return false;
    }
    return first_ratio < (1 - slots / row->load) / 2 || (has_room && input <= output && first_ratio > 0.5);
}

unsigned flags_of_row(const struct measured_row *row, const struct rebuilt *rebuilt) {
    bool is_median;
    bool is_below_floor = measured_value(row, METRIC_TPOT, &is_median) < row_step_floor_s(row, rebuilt);
    unsigned flags = speculation(row, rebuilt);
    flags |= row_mfu(row, rebuilt) > MFU_MAX ? 1u << FLAG_PHYSICS_MFU : 0;
    flags |= is_below_floor && flags == 0 ? 1u << FLAG_PHYSICS_BANDWIDTH : 0;
    flags |= is_saturated(row) ? 1u << FLAG_SATURATED : 0;
    flags |= contradicts_recipe(row, rebuilt) ? 1u << FLAG_CONTRADICTED_RECIPE : 0;
    flags |= is_held_up(row) ? 1u << FLAG_HELD_UP : 0;
    flags |= rebuilt->client.lengths_assumed ? 1u << FLAG_ASSUMED_LENGTHS : 0;
    flags |= rebuilt->parallelism_assumed ? 1u << FLAG_ASSUMED_PARALLELISM : 0;
    flags |= !rebuilt->engine->is_documented ? 1u << FLAG_UNDOCUMENTED_ENGINE : 0;
    flags |= rebuilt->recipe == NULL ? 1u << FLAG_UNKNOWN_RECIPE : 0;
    return flags;
}
