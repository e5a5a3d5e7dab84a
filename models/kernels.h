/* kernels.h - what a step's kernels take on one GPU of a replica, by shape, number format and architecture.
 *
 * Every formula is a rate of the datasheet times a share that kernels of the architecture were measured to reach, so that it carries over
 * to a GPU that nobody measured: em of bandwidth, ec of the peak. A GEMM [m, k] x [k, n] takes
 *     t0 + ((bytes / (em BW))^p + (FLOP / (ec peak))^p)^(1/p)
 * which is the longer of the two with a smooth corner. Experts: the same over the experts that the tokens touch, on the busiest rank; touched =
 * sum over e of 1 - (1 - q_e)^tokens, with q_e the chance that a token picks expert e, Zipf-distributed. Decode attention: bytes of KV over
 * em BW, affine in context. Prefill attention: FLOP / (ea peak). An all-reduce: measured knots, or for n bytes over r ranks a + b (r - 1) + 2 (r - 1) / r n / (e link).
 * Constants: kernels_table.h, with their sources. Times in seconds, of all layers; tokens and sequences are the replica's. */
#ifndef TOKENMILL_MODELS_KERNELS_H
#define TOKENMILL_MODELS_KERNELS_H

#include "models/gpu.h"
#include "models/llm.h"
#include "models/serving_engine.h"

enum { COLLECTIVE_KNOTS = 11 };

/* All-reduce of 16-bit numbers over the ranks of a node, microseconds at 1, 16, 64, 128, 256 and 512 KiB, 1, 2, 8, 32 and 256 MiB: dense where
 * libraries go from one algorithm to another. */
struct collective_knots {
    const char *gpu;
    enum serving_engine engine;
    int64_t ranks;
    double us[COLLECTIVE_KNOTS];
};

struct kernel_table;

struct kernel_setup {
    const struct llm *llm; /* borrowed */
    const struct gpu *gpu; /* borrowed */
    enum precision precision, kv_precision;
    enum serving_engine engine; /* whose all-reduce */
    int64_t tensor_parallel, expert_parallel, attention_dp, gpus_per_node;
    int64_t
        pipeline_parallel; /* 0 or 1: one stage. Tokens and sequences are then a micro-batch's, times a round's (models/parallel.h) */
    double
        clock_ratio; /* SM clock, of the greatest; 0: 1. Products and attention's FLOP go by it, memory and links do not */
    const struct collective_knots
        *knots; /* borrowed; of this GPU, engine and number of ranks, in a node; NULL: by formula */
    const struct kernel_table *table; /* borrowed; NULL: the shipped constants (kernels_table.h) */
};

struct kernels;

/* The datasheet must have peaks and bandwidth (kernels_check). The setup is copied. */
struct kernels *kernels_new(const struct kernel_setup *setup);
void kernels_free(struct kernels *kernels); /* accepts NULL */

/* Rule "catalogue-blank" if the GPU's row lacks a figure that is needed. */
bool kernels_check(const struct kernel_setup *setup, struct diags *diags, struct position at);

struct kernel_time {
    double s;
    double compute_s; /* of it products that take longer to compute than to read; the rest waits for memory */
};

/* One product [tokens, in] x [in, out] in the weights' format: what the sums below are made of, for comparisons with measured kernels. */
double kernels_gemm_s(const struct kernels *kernels, double tokens, double out, double in);

/* Matrix products of all layers but the routed experts', and element-wise kernels, for a step of so many tokens. */
struct kernel_time kernels_matrix(const struct kernels *kernels, double tokens);

/* Routed experts, without launching them; and launching them. 0 for a dense model. */
struct kernel_time kernels_expert(const struct kernels *kernels, double tokens);
double kernels_expert_launch_s(const struct kernels *kernels);

/* Collectives: two all-reduces a layer; with attention data parallelism gather and scatter around the experts. */
double kernels_collective_s(const struct kernels *kernels, double tokens);

/* From stage to stage of a pipeline, all of a round. */
double kernels_hops_s(const struct kernels *kernels, double tokens);

/* The LM head for so many sampled positions. */
struct kernel_time kernels_head(const struct kernels *kernels, double sequences);

/* Attention. Prefill: of a chunk of n tokens after c others, per_pair x (c + n / 2) x n + per_token x n, of windowed layers min(c + n / 2, window). */
struct kernel_attention {
    double step_s;     /* a decoding or prefilling step */
    double sequence_s; /* each decode */
    double context_s;  /* each token of context of a decode, full layers; */
    double window_context_s;
    double prefill_pair_s, prefill_window_pair_s, prefill_token_s;
};

/* Of one attention rank: with attention data parallelism of its own sequences. */
struct kernel_attention kernels_attention(const struct kernels *kernels);

/* "Hopper", "Blackwell", "Ampere", "Ada", "CDNA3", "CDNA4": whose constants hold. */
const char *kernels_arch_name(const struct kernels *kernels);

/* "16", "8" (scaled by tensor or channel), "8b" (by blocks), "4", "mx", "i4": the class of products that profiles know. */
const char *kernels_format_name(const struct kernels *kernels);

/* The chance that a token picks each of the model's experts; borrowed; NULL: dense. */
const double *kernels_pick_ratios(const struct kernels *kernels);

#endif
