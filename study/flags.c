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
    [FLAG_HELD_UP] = {"held-up", "such runs are 2 to 6 times slower than others of the same batch: host-bound"},
    [FLAG_ASSUMED_LENGTHS] = {"assumed-lengths", "lengths of prompts or answers are not stated"},
    [FLAG_ASSUMED_PARALLELISM] = {"assumed-parallelism", "tensor parallelism is not stated"},
    [FLAG_CONTRADICTED_RECIPE] = {"contradicted-recipe", "by Little's law other numbers of requests ran at once"},
    [FLAG_OLD_STACK] = {"old-stack", "software of a GPU's first months: the same settings differ by 1.3 to 2.4 times"},
    [FLAG_UNDOCUMENTED_ENGINE] = {"undocumented-engine",
                                  "scheduler and defaults are not published; vLLM's are assumed"},
    [FLAG_INCOMPLETE] = {"incomplete", "requests do not fit in the simulated server"},
    [FLAG_PREFIX_CACHE] = {"prefix-cache", "prompts come from a prefix cache: scored apart, and never fitted"},
    [FLAG_UNMODELLED_LAYERS] = {"unmodelled-layers", "state-space layers, whose time is not modelled"},
    [FLAG_COLD_START] = {"cold-start", "TTFT alone: kernels are compiled or tuned during the first requests"},
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

/* ML.ENERGY's GPQA runs on B200 with little to read: 2 to 6 times slower than its chat runs of the same batch. gpt-oss of nebius: half as fast as
 * the same settings elsewhere. */
static bool is_held_up(const struct measured_row *row, const struct rebuilt *rebuilt) {
    const double little_byte = 70e9; /* of weights, by GPU */
    const struct pool_facts *facts = &rebuilt->point->pools[0];
    bool is_gpqa = strcmp(row->source, "mlenergy") == 0 && strstr(row->notes, "task=gpqa") != NULL;
    bool is_little = facts->weight_byte * (double)facts->replicas / (double)facts->gpus_placed < little_byte;
    return (is_gpqa && strncmp(row->gpu, "B200", 4) == 0 && is_little) || strncmp(row->source, "nebius", 6) == 0;
}

/* A date, "2026-01-21" or "20260121", as that number; INT64_MAX: not stated. */
static int64_t day_of(const char *date) {
    const int digits_wanted = 8;
    int64_t day = 0;
    int digits = 0;
    for (; *date != '\0' && digits < digits_wanted; date++) {
        bool is_digit = *date >= '0' && *date <= '9';
        day = is_digit ? 10 * day + (*date - '0') : day;
        digits += is_digit ? 1 : 0;
    }
    return digits == digits_wanted ? day : INT64_MAX;
}

/* Stacks that were still being brought up: AMD's before 2026 (the same settings differ by 2.4 times on other dates), DeepSeek on B300 before May 2026
 * (1.3 to 1.6 times). */
static bool is_old_stack(const struct measured_row *row, const struct rebuilt *rebuilt) {
    const int64_t amd_until = 20260101, b300_until = 20260501;
    bool is_b300 = strncmp(row->gpu, "B300", 4) == 0 && strncmp(rebuilt->llm->name, "DeepSeek", 8) == 0;
    return (strcmp(rebuilt->gpu->vendor, "AMD") == 0 && day_of(row->date) < amd_until) ||
           (is_b300 && day_of(row->date) < b300_until);
}

/* Mixtures of experts on SGLang, TensorRT-LLM and their kin compiled kernels on first use; clients warmed up from 2026-01-21 on. */
static bool is_cold_start(const struct measured_row *row, const struct rebuilt *rebuilt) {
    const int64_t until = 20260121;
    return rebuilt->llm->experts > 0 && strcmp(rebuilt->engine->name, "vllm") != 0 && day_of(row->date) < until;
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
    flags |= is_held_up(row, rebuilt) ? 1u << FLAG_HELD_UP : 0;
    flags |= rebuilt->client.lengths_assumed ? 1u << FLAG_ASSUMED_LENGTHS : 0;
    flags |= rebuilt->parallelism_assumed ? 1u << FLAG_ASSUMED_PARALLELISM : 0;
    flags |= is_old_stack(row, rebuilt) ? 1u << FLAG_OLD_STACK : 0;
    flags |= is_cold_start(row, rebuilt) ? 1u << FLAG_COLD_START : 0;
    flags |= rebuilt->client.cached_share > 0 ? 1u << FLAG_PREFIX_CACHE : 0;
    flags |= strncmp(rebuilt->llm->name, "Nemotron", 8) == 0 ? 1u << FLAG_UNMODELLED_LAYERS : 0;
    flags |= !rebuilt->engine->is_documented ? 1u << FLAG_UNDOCUMENTED_ENGINE : 0;
    flags |= rebuilt->recipe == NULL ? 1u << FLAG_UNKNOWN_RECIPE : 0;
    return flags;
}

bool flags_let_score(unsigned flags, enum run_metric metric) {
    const unsigned harmless = 1u << FLAG_UNKNOWN_RECIPE | 1u << FLAG_PREFIX_CACHE | 1u << FLAG_UNMODELLED_LAYERS |
                              (metric == METRIC_TTFT ? 0 : 1u << FLAG_COLD_START);
    return (flags & ~harmless) == 0;
}

bool flags_let_fit(unsigned flags) {
    const unsigned harmless =
        1u << FLAG_UNKNOWN_RECIPE | 1u << FLAG_UNDOCUMENTED_ENGINE | 1u << FLAG_ASSUMED_LENGTHS | 1u << FLAG_COLD_START;
    return (flags & ~harmless) == 0;
}
