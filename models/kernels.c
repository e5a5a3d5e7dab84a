#include "models/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fmath.h"
#include "models/kernels_table.h"
#include "models/parallel.h"

static const double US = 1e-6;

struct kernels {
    struct kernel_setup setup;
    const struct kernel_table *table; /* borrowed */
    enum kernel_arch arch;
    enum kernel_format attention_format, ffn_format, expert_format;
    bool is_consumer;
    double clock_ratio;
    double byte_per_s, peak16_flop_per_s;
    double attention_ranks; /* that share the attention of one sequence */
    double layers, attention_layers, expert_layers, dense_layers;
    double *pick_ratio; /* owned: chance that a token picks expert e, most popular first; NULL: dense */
    double *miss_log;   /* owned: -log(1 - pick_ratio) */
    double imbalance;   /* tokens of the expert-parallel rank with most of them, over the mean's */
};

/* ---- times ---- */

static struct kernel_time plus(struct kernel_time a, struct kernel_time b) {
    return (struct kernel_time){a.s + b.s, a.compute_s + b.compute_s};
}

static struct kernel_time times(double count, struct kernel_time time) {
    return (struct kernel_time){count * time.s, count * time.compute_s};
}

/* (reading^p + computing^p)^(1/p), by the longer of the two and their ratio. */
static struct kernel_time corner(double reading, double computing, double sharpness) {
    const double negligible = 1e-17; /* of 1 */
    double longer = fmax(reading, computing), shorter = fmin(reading, computing);
    double beyond = shorter > 0 ? fm_exp(sharpness * fm_log(shorter / longer)) : 0;
    double s = beyond > negligible ? longer * fm_exp(fm_log1p(beyond) / sharpness) : longer;
    return (struct kernel_time){s, computing > reading ? s : 0};
}

/* ---- what is there ---- */

static enum kernel_arch arch_of(const struct gpu *gpu) {
    static const struct {
        const char *name;
        enum kernel_arch arch;
    } names[] = {{"Hopper", KERNELS_HOPPER}, {"Blackwell", KERNELS_BLACKWELL}, {"Ampere", KERNELS_AMPERE},
                 {"Ada", KERNELS_ADA},       {"CDNA4", KERNELS_CDNA4},         {"CDNA", KERNELS_CDNA3},
                 {"Turing", KERNELS_AMPERE}, {"Volta", KERNELS_AMPERE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(gpu->arch, names[i].name, strlen(names[i].name)) == 0) {
            return names[i].arch;
        }
    }
    return KERNELS_HOPPER;
}

/* int8 computes as fp8 does; int4 is weight-only, as MX4 is: math in 16 bit. */
static enum kernel_format format_of(enum precision precision) {
    switch (precision) {
    case PRECISION_FP8:
    case PRECISION_INT8: return FORMAT_8;
    case PRECISION_FP4: return FORMAT_4;
    case PRECISION_INT4: return FORMAT_INT4;
    default: return FORMAT_16;
    }
}

static double weight_byte(enum kernel_format format) {
    static const double bytes[FORMAT_COUNT] = {2, 1, 1, 0.5625, 0.53125, 0.5625};
    return bytes[format];
}

/* Of an activation that goes into a product. */
static double activation_byte(enum kernel_format format) {
    static const double bytes[FORMAT_COUNT] = {2, 1, 1, 0.5625, 2, 2};
    return bytes[format];
}

static double peak_of(const struct kernels *kernels, enum kernel_format format) {
    static const enum precision precisions[FORMAT_COUNT] = {PRECISION_BF16, PRECISION_FP8,  PRECISION_FP8,
                                                            PRECISION_FP4,  PRECISION_BF16, PRECISION_BF16};
    double peak = gpu_peak_flop_per_s(kernels->setup.gpu, precisions[format]);
    if (isnan(peak) && format == FORMAT_4) {
        peak = gpu_peak_flop_per_s(kernels->setup.gpu, PRECISION_FP8);
    }
    return isnan(peak) ? kernels->peak16_flop_per_s : kernels->clock_ratio * peak;
}

/* Mixtures of experts are published in fp8 with block scales; TensorRT-LLM's own quantiser scales by tensor. */
static bool has_blocks(const struct kernel_setup *setup) {
    return setup->llm->experts > 0 &&
           (setup->llm->default_precision == PRECISION_FP8 || setup->engine != SERVING_TRTLLM);
}

/* Models whose experts were published in 4 bit keep 16 bit elsewhere and pack them as MXFP4; others quantised to 4 bit leave attention at 16. */
static void find_formats(struct kernels *kernels) {
    const struct llm *llm = kernels->setup.llm;
    enum kernel_format format = format_of(kernels->setup.precision);
    bool is_moe = llm->experts > 0;
    bool is_mx = is_moe && llm->default_precision == PRECISION_FP4 && format != FORMAT_16;
    kernels->ffn_format = format;
    kernels->expert_format = is_mx                                               ? FORMAT_MX4
                             : format == FORMAT_8 && has_blocks(&kernels->setup) ? FORMAT_8B
                                                                                 : format;
    kernels->attention_format = is_mx || (is_moe && format == FORMAT_4) ? FORMAT_16 : format;
}

bool kernels_check(const struct kernel_setup *setup, struct diags *diags, struct position at) {
    const struct gpu *gpu = setup->gpu;
    bool has_peak = !isnan(gpu_peak_flop_per_s(gpu, PRECISION_BF16));
    bool is_ok = true;
    if (isnan(gpu->mem_bw_gb_per_s)) {
        is_ok = diag_error(diags, at, "catalogue-blank", "mem_bw_gb_per_s of %s is blank; define the GPU with it",
                           gpu->name);
    }
    if (!has_peak) {
        is_ok = diag_error(diags, at, "catalogue-blank", "bf16_dense_tflops of %s is blank; define the GPU with it",
                           gpu->name);
    }
    return is_ok;
}

const char *kernels_arch_name(const struct kernels *kernels) {
    static const char *const names[KERNELS_ARCH_COUNT] = {"Hopper", "Blackwell", "Ampere", "Ada", "CDNA3", "CDNA4"};
    return names[kernels->arch];
}

const char *kernels_format_name(const struct kernels *kernels) {
    static const char *const names[FORMAT_COUNT] = {"16", "8", "8b", "4", "mx", "i4"};
    return names[kernels->expert_format];
}

/* Shares of the datasheet's rates: an architecture's, or those of its consumer cards. */
static double memory_ratio(const struct kernels *kernels, double ratio) {
    return kernels->is_consumer ? fmax(ratio, KERNELS_CONSUMER_MEMORY_RATIO) : ratio;
}

static double compute_ratio(const struct kernels *kernels, double ratio) {
    return kernels->is_consumer ? fmax(ratio, KERNELS_CONSUMER_COMPUTE_RATIO) : ratio;
}

/* ---- experts ---- */

/* Chances that a token picks each expert: 1 - (1 - p_e)^k for Zipf's p_e, scaled until they sum to k, none above 1. */
static double *pick_ratios(int64_t experts, int64_t experts_per_tok, double zipf) {
    enum { ROUNDS_MAX = 60 };
    double *ratios = xcalloc((size_t)experts, sizeof *ratios);
    double total = 0, wanted = (double)experts_per_tok;
    for (int64_t e = 0; e < experts; e++) {
        ratios[e] = fm_pow((double)(e + 1), -zipf);
        total += ratios[e];
    }
    for (int64_t e = 0; e < experts; e++) {
        double missed = 1 - ratios[e] / total;
        ratios[e] = missed > 0 ? 1 - fm_pow(missed, wanted) : 1;
    }
    for (int round = 0; round < ROUNDS_MAX; round++) {
        double sum = 0;
        for (int64_t e = 0; e < experts; e++) {
            sum += ratios[e];
        }
        if (fabs(sum - wanted) < 1e-7) {
            break;
        }
        for (int64_t e = 0; e < experts; e++) {
            ratios[e] = fmin(1, ratios[e] * wanted / sum);
        }
    }
    return ratios;
}

static double *miss_logs(const double *pick_ratio, int64_t experts) {
    double *logs = xcalloc((size_t)experts, sizeof *logs);
    for (int64_t e = 0; e < experts; e++) {
        logs[e] = pick_ratio[e] < 1 ? -fm_log1p(-pick_ratio[e]) : HUGE_VAL;
    }
    return logs;
}

/* The experts among first, first + step, ... that `tokens` > 0 touch. */
static double touched(const struct kernels *kernels, double tokens, int64_t first, int64_t step) {
    const double surely = 40; /* 1 - e^-40 is 1 */
    double sum = 0;
    for (int64_t e = first; e < kernels->setup.llm->experts; e += step) {
        double exponent = tokens * kernels->miss_log[e];
        sum += exponent < surely ? 1 - fm_exp(-exponent) : 1;
    }
    return sum;
}

const double *kernels_pick_ratios(const struct kernels *kernels) {
    return kernels->pick_ratio;
}

/* Experts are dealt to ranks in order of popularity. */
static double imbalance(const struct kernels *kernels) {
    int64_t ranks = kernels->setup.expert_parallel;
    double greatest = 0, total = 0;
    for (int64_t rank = 0; rank < ranks; rank++) {
        double share = 0;
        for (int64_t e = rank; e < kernels->setup.llm->experts; e += ranks) {
            share += kernels->pick_ratio[e];
        }
        greatest = fmax(greatest, share);
        total += share;
    }
    return greatest / (total / (double)ranks);
}

/* Of the rank that has most of them to read. */
static double touched_of_busiest(const struct kernels *kernels, double tokens) {
    int64_t ranks = kernels->setup.expert_parallel;
    double most = 0;
    for (int64_t rank = 0; rank < ranks; rank++) {
        most = fmax(most, touched(kernels, tokens, rank, ranks));
    }
    return most;
}

static const struct expert_constants *experts_of(const struct kernels *kernels) {
    return &kernels->table->expert[kernels->arch][kernels->expert_format];
}

struct kernel_time kernels_expert(const struct kernels *kernels, double tokens) {
    const struct kernel_setup *setup = &kernels->setup;
    const struct llm *llm = setup->llm;
    if (kernels->pick_ratio == NULL || tokens <= 0) {
        return (struct kernel_time){0};
    }
    const struct expert_constants *constants = experts_of(kernels);
    double experts_ranks = (double)setup->expert_parallel;
    double width = (double)llm->moe_ffn_dim * experts_ranks / (double)setup->tensor_parallel;
    double params = (llm->ffn_matrices > 0 ? (double)llm->ffn_matrices : 3) * (double)llm->hidden * width;
    double rate = memory_ratio(kernels, constants->memory_ratio) * kernels->byte_per_s;
    bool unpacks = kernels->arch == KERNELS_HOPPER &&
                   (kernels->expert_format == FORMAT_MX4 || kernels->expert_format == FORMAT_INT4 ||
                    kernels->expert_format == FORMAT_4);
    rate = unpacks ? fmin(rate, kernels->clock_ratio * KERNELS_HOPPER_UNPACK_BYTE_PER_S) : rate;
    double reading = touched_of_busiest(kernels, tokens) * params * weight_byte(kernels->expert_format) / rate;
    double flop = 2 * tokens * (double)llm->experts_per_tok / experts_ranks * kernels->imbalance * params;
    double computing =
        flop / (compute_ratio(kernels, constants->compute_ratio) * peak_of(kernels, kernels->expert_format));
    struct kernel_time products = corner(reading, computing, constants->sharpness);
    products.s += constants->token_us * US * tokens;
    return times(kernels->expert_layers, products);
}

double kernels_expert_launch_s(const struct kernels *kernels) {
    return kernels->pick_ratio == NULL ? 0 : kernels->expert_layers * experts_of(kernels)->launch_us * US;
}

/* ---- matrix products ---- */

/* [tokens, in] x [in, out]. */
static struct kernel_time gemm(const struct kernels *kernels, double tokens, double out, double in,
                               enum kernel_format format) {
    const struct gemm_constants *constants = &kernels->table->gemm[kernels->arch][format];
    double bytes = out * in * weight_byte(format) + tokens * (in * activation_byte(format) + out * 2);
    double reading = bytes / (memory_ratio(kernels, constants->memory_ratio) * kernels->byte_per_s);
    double computing =
        2 * tokens * out * in / (compute_ratio(kernels, constants->compute_ratio) * peak_of(kernels, format));
    struct kernel_time time = corner(reading, computing, constants->sharpness);
    time.s += constants->t0_us * US;
    return time;
}

double kernels_gemm_s(const struct kernels *kernels, double tokens, double out, double in) {
    return gemm(kernels, tokens, out, in, kernels->ffn_format).s;
}

/* Projections of one layer's attention for the tokens of one attention rank. */
static struct kernel_time projections(const struct kernels *kernels, double tokens) {
    const struct llm *llm = kernels->setup.llm;
    enum kernel_format format = kernels->attention_format;
    double hidden = (double)llm->hidden, heads = (double)llm->heads / kernels->attention_ranks;
    if (llm->attention != ATTENTION_MLA) {
        double dim = (double)llm->head_dim;
        double kv_heads = fmax(1, (double)llm->kv_heads / kernels->attention_ranks);
        return plus(gemm(kernels, tokens, (heads + 2 * kv_heads) * dim, hidden, format),
                    gemm(kernels, tokens, hidden, heads * dim, format));
    }
    double rank = (double)llm->mla_kv_rank, rope = (double)llm->mla_rope_dim;
    double nope = (double)llm->mla_nope_dim, value = (double)llm->mla_v_dim;
    double query_in = llm->mla_q_rank > 0 ? (double)llm->mla_q_rank : hidden;
    double absorbed = heads * rank * (nope + value);
    double absorb_s = KERNELS_MLA_ABSORB_US * US +
                      absorbed * 2 / (KERNELS_MLA_ABSORB_MEMORY_RATIO * kernels->byte_per_s) +
                      2 * tokens * absorbed / (KERNELS_MLA_ABSORB_COMPUTE_RATIO * kernels->peak16_flop_per_s);
    struct kernel_time down = gemm(kernels, tokens, (double)llm->mla_q_rank + rank + rope, hidden, format);
    struct kernel_time query = gemm(kernels, tokens, heads * (nope + rope), query_in, format);
    struct kernel_time output = gemm(kernels, tokens, hidden, heads * value, format);
    return plus(plus(down, query), plus((struct kernel_time){.s = absorb_s}, output));
}

/* A gated feed-forward has up and gate in one product. */
static struct kernel_time ffn(const struct kernels *kernels, double tokens, double width, enum kernel_format format) {
    const struct llm *llm = kernels->setup.llm;
    double hidden = (double)llm->hidden;
    double up = llm->ffn_matrices == 2 ? width : 2 * width;
    return plus(gemm(kernels, tokens, up, hidden, format), gemm(kernels, tokens, hidden, width, format));
}

/* What a hybrid's layer without a KV cache has besides projections. */
static struct kernel_time linear_attention(const struct kernels *kernels, double tokens) {
    double ranks = (double)kernels->setup.tensor_parallel;
    double state = KERNELS_LINEAR_STATE_NUMBER * 4 * 2 / ranks;
    double state_s =
        KERNELS_LINEAR_LAUNCH_US * US + tokens * state / (KERNELS_ELEMENT_MEMORY_RATIO * kernels->byte_per_s);
    struct kernel_time gate = gemm(kernels, tokens, KERNELS_LINEAR_GATE_WIDTH / ranks,
                                   (double)kernels->setup.llm->hidden, kernels->attention_format);
    return plus((struct kernel_time){.s = state_s}, gate);
}

/* With attention data parallelism a rank has the residual stream of its own tokens alone. */
static double elements_s(const struct kernels *kernels, double tokens) {
    const struct llm *llm = kernels->setup.llm;
    double width = llm->ffn_dim > 0 ? (double)llm->ffn_dim : (double)(llm->moe_ffn_dim * llm->experts_per_tok);
    double numbers = KERNELS_ELEMENT_STREAM_PASSES * (double)llm->hidden / (double)kernels->setup.attention_dp +
                     KERNELS_ELEMENT_WIDTH_PASSES * width / (double)kernels->setup.tensor_parallel;
    return kernels->layers * tokens * numbers * 2 / (KERNELS_ELEMENT_MEMORY_RATIO * kernels->byte_per_s);
}

/* The router, of a rank's own tokens, and the experts that every token takes. */
static struct kernel_time expert_layer(const struct kernels *kernels, double tokens) {
    const struct llm *llm = kernels->setup.llm;
    double width = (double)(llm->shared_experts * llm->moe_ffn_dim) / (double)kernels->setup.tensor_parallel;
    struct kernel_time time = gemm(kernels, tokens / (double)kernels->setup.attention_dp, (double)llm->experts,
                                   (double)llm->hidden, FORMAT_16);
    return llm->shared_experts > 0 ? plus(time, ffn(kernels, tokens, width, kernels->ffn_format)) : time;
}

struct kernel_time kernels_matrix(const struct kernels *kernels, double tokens) {
    const struct kernel_setup *setup = &kernels->setup;
    double ranks = (double)setup->tensor_parallel;
    double own = tokens / (double)setup->attention_dp;
    double linear_layers = kernels->layers - kernels->attention_layers;
    struct kernel_time total = times(kernels->layers, projections(kernels, own));
    if (linear_layers > 0) {
        total = plus(total, times(linear_layers, linear_attention(kernels, own)));
    }
    if (kernels->dense_layers > 0) {
        double width = (double)setup->llm->ffn_dim / ranks;
        total = plus(total, times(kernels->dense_layers, ffn(kernels, tokens, width, kernels->ffn_format)));
    }
    if (kernels->expert_layers > 0) {
        total = plus(total, times(kernels->expert_layers, expert_layer(kernels, tokens)));
    }
    total.s += elements_s(kernels, tokens);
    return total;
}

struct kernel_time kernels_head(const struct kernels *kernels, double sequences) {
    const struct llm *llm = kernels->setup.llm;
    if (llm->embeds) {
        return (struct kernel_time){0};
    }
    double width = (double)llm->vocab / (double)kernels->setup.tensor_parallel;
    return gemm(kernels, sequences, width, (double)llm->hidden, FORMAT_16);
}

/* ---- collectives ---- */

static enum kernel_link link_of(const struct kernels *kernels) {
    const struct gpu *gpu = kernels->setup.gpu;
    static const enum kernel_link by_arch[KERNELS_ARCH_COUNT] = {
        [KERNELS_HOPPER] = LINK_HOPPER, [KERNELS_BLACKWELL] = LINK_BLACKWELL, [KERNELS_AMPERE] = LINK_AMPERE,
        [KERNELS_ADA] = LINK_HOPPER,    [KERNELS_CDNA3] = LINK_CDNA,          [KERNELS_CDNA4] = LINK_CDNA,
    };
    if (!isnan(gpu->nvlink_gb_per_s)) {
        return by_arch[kernels->arch];
    }
    return gpu->pcie_gen >= 5 ? LINK_PCIE5 : LINK_PCIE4;
}

/* Between the knots straight in logarithms; below the first its own, beyond the last in proportion. Microseconds. */
static double knots_us(const struct collective_knots *knots, double bytes) {
    static const double sizes[COLLECTIVE_KNOTS] = {1024,    16384,   65536,   131072,   262144,   524288,
                                                   1048576, 2097152, 8388608, 33554432, 268435456};
    if (bytes <= sizes[0]) {
        return knots->us[0];
    }
    size_t i = 1;
    while (i < COLLECTIVE_KNOTS - 1 && bytes > sizes[i]) {
        i++;
    }
    if (bytes > sizes[i]) {
        return knots->us[i] * bytes / sizes[i];
    }
    double part = fm_log(bytes / sizes[i - 1]) / fm_log(sizes[i] / sizes[i - 1]);
    return knots->us[i - 1] * fm_exp(part * fm_log(knots->us[i] / knots->us[i - 1]));
}

/* One all-reduce by the formula. */
static double formula_s(const struct kernels *kernels, int64_t ranks, double bytes) {
    const struct kernel_setup *setup = &kernels->setup;
    const struct collective_constants *constants = &collective_table[link_of(kernels)];
    struct collective_line link = link_line(setup->gpu, ranks, setup->gpus_per_node);
    double others = (double)(ranks - 1);
    return (constants->base_us + constants->rank_us * others) * US + link.latency_s +
           2 * others / (double)ranks * bytes * link.s_per_byte / constants->link_ratio;
}

/* An all-reduce is a scatter and a gather of 16-bit numbers; around experts what is gathered is what goes into their products. */
double kernels_collective_s(const struct kernels *kernels, double tokens) {
    const struct kernel_setup *setup = &kernels->setup;
    int64_t ranks = setup->tensor_parallel;
    if (ranks <= 1) {
        return 0;
    }
    double bytes = tokens * (double)setup->llm->hidden * 2;
    if (setup->attention_dp > 1) {
        bytes *= (2 + activation_byte(kernels->expert_format)) / 4;
    }
    const struct collective_line network = network_line(setup->gpu, ranks, setup->gpus_per_node);
    int64_t own = ranks_in_node(setup->gpu, ranks, setup->gpus_per_node);
    bool in_node = own <= setup->gpus_per_node || setup->gpus_per_node == 0;
    double within =
        setup->knots != NULL && in_node ? knots_us(setup->knots, bytes) * US : formula_s(kernels, own, bytes);
    double one = network.latency_s + fmax(within, bytes * network.s_per_byte);
    double count = setup->attention_dp > 1 ? 1 : 2;
    return count * kernels->layers * one;
}

double kernels_hops_s(const struct kernels *kernels, double tokens) {
    const struct kernel_setup *setup = &kernels->setup;
    const struct collective_constants *constants = &collective_table[link_of(kernels)];
    const struct collective_line hops =
        pipeline_hops(setup->gpu, setup->tensor_parallel, setup->pipeline_parallel, setup->gpus_per_node,
                      constants->link_ratio, (constants->base_us + constants->rank_us) * US);
    return hops.latency_s + tokens * (double)setup->llm->hidden * 2 * hops.s_per_byte;
}

/* ---- attention ---- */

/* Bytes of KV per token that a full layer of one rank reads. */
static double kv_layer_byte(const struct kernels *kernels) {
    const struct llm *llm = kernels->setup.llm;
    double number_byte = precision_byte_per_kv(kernels->setup.kv_precision);
    if (llm->attention == ATTENTION_MLA) {
        return (double)(llm->mla_kv_rank + llm->mla_rope_dim) * number_byte;
    }
    return 2 * fmax(1, (double)llm->kv_heads / kernels->attention_ranks) * (double)llm->head_dim * number_byte;
}

static double kv_rate_byte_per_s(const struct kernels *kernels) {
    const struct attention_constants *constants = &kernels->table->attention[kernels->arch];
    if (precision_byte_per_kv(kernels->setup.kv_precision) > 1) {
        return constants->memory_16_ratio * kernels->byte_per_s;
    }
    double rate = constants->memory_8_ratio * kernels->byte_per_s;
    if (kernels->arch != KERNELS_HOPPER) {
        return rate;
    }
    return kernels->setup.engine == SERVING_TRTLLM ? KERNELS_HOPPER_KV8_TRTLLM_RATIO * kernels->byte_per_s
                                                   : fmin(rate, kernels->clock_ratio * KERNELS_HOPPER_KV8_BYTE_PER_S);
}

/* FLOP of one new token over one token of context in a layer of one rank, decoding (latent) and prefilling (expanded). */
static double decode_pair_flop(const struct kernels *kernels) {
    const struct llm *llm = kernels->setup.llm;
    double heads = (double)llm->heads / kernels->attention_ranks;
    return llm->attention == ATTENTION_MLA ? 2 * heads * (double)(2 * llm->mla_kv_rank + llm->mla_rope_dim) : 0;
}

static double prefill_pair_flop(const struct kernels *kernels) {
    const struct llm *llm = kernels->setup.llm;
    double heads = (double)llm->heads / kernels->attention_ranks;
    return llm->attention == ATTENTION_MLA
               ? 2 * heads * (double)(llm->mla_nope_dim + llm->mla_rope_dim + llm->mla_v_dim)
               : 4 * heads * (double)llm->head_dim * (llm->bidirectional ? 2 : 1);
}

struct kernel_attention kernels_attention(const struct kernels *kernels) {
    const struct llm *llm = kernels->setup.llm;
    const struct attention_constants *constants = &kernels->table->attention[kernels->arch];
    double windowed = kernels->attention_layers * llm_window_ratio(llm), full = kernels->attention_layers - windowed;
    double kv_heads = llm->attention == ATTENTION_MLA ? 1 : fmax(1, (double)llm->kv_heads / kernels->attention_ranks);
    double context_s = kv_layer_byte(kernels) / kv_rate_byte_per_s(kernels);
    context_s = fmax(context_s, decode_pair_flop(kernels) / (KERNELS_MLA_DECODE_RATIO * kernels->peak16_flop_per_s));
    double pair_s =
        prefill_pair_flop(kernels) / (compute_ratio(kernels, constants->compute_ratio) * kernels->peak16_flop_per_s);
    double numbers = ((double)llm->heads * 2 / kernels->attention_ranks + 2 * kv_heads) * (double)llm->head_dim;
    return (struct kernel_attention){
        .step_s = kernels->attention_layers * constants->step_us * US,
        .sequence_s = kernels->attention_layers * constants->sequence_us * US * kv_heads,
        .context_s = full * context_s,
        .window_context_s = windowed * context_s,
        .prefill_pair_s = full * pair_s,
        .prefill_window_pair_s = windowed * pair_s,
        .prefill_token_s =
            kernels->attention_layers * numbers * 2 / (constants->activation_ratio * kernels->byte_per_s),
    };
}

/* ---- the whole ---- */

struct kernels *kernels_new(const struct kernel_setup *setup) {
    const struct llm *llm = setup->llm;
    struct kernels *kernels = xcalloc(1, sizeof *kernels);
    CHECK(setup->tensor_parallel > 0 && setup->expert_parallel > 0 && setup->attention_dp > 0);
    kernels->setup = *setup;
    kernels->table = setup->table != NULL ? setup->table : &kernel_table_shipped;
    kernels->arch = arch_of(setup->gpu);
    kernels->is_consumer = strstr(setup->gpu->arch, "(consumer)") != NULL;
    kernels->byte_per_s = gpu_peak_byte_per_s(setup->gpu);
    kernels->clock_ratio = setup->clock_ratio > 0 ? setup->clock_ratio : 1;
    kernels->peak16_flop_per_s = kernels->clock_ratio * gpu_peak_flop_per_s(setup->gpu, PRECISION_BF16);
    kernels->attention_ranks = fmax(1, (double)setup->tensor_parallel / (double)setup->attention_dp);
    const double stages = stage_ratio(llm, setup->pipeline_parallel > 1 ? setup->pipeline_parallel : 1);
    kernels->layers = (double)llm->layers * stages;
    kernels->attention_layers = (double)llm_attention_layers(llm) * stages;
    kernels->expert_layers = (double)llm_moe_layers(llm) * stages;
    kernels->dense_layers = kernels->layers - kernels->expert_layers;
    find_formats(kernels);
    if (llm->experts > 0) {
        kernels->pick_ratio = pick_ratios(llm->experts, llm->experts_per_tok, experts_of(kernels)->zipf);
        kernels->miss_log = miss_logs(kernels->pick_ratio, llm->experts);
        kernels->imbalance = imbalance(kernels);
    }
    return kernels;
}

void kernels_free(struct kernels *kernels) {
    if (kernels != NULL) {
        free(kernels->pick_ratio);
        free(kernels->miss_log);
        free(kernels);
    }
}
