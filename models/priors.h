/* priors.h - first values of what no datasheet states: efficiencies, overheads, links, power shares, memory
 * overheads. One table, each with its source. Results that rest on them are marked `datasheet`: not calibrated for
 * GPU, model and engine.
 *
 * Sources: [T] kernel tables of aiconfigurator (Apache-2.0) for A100, H100, H200, B200, L40S and RTX PRO 6000: decode
 * attention reaches 0.77-0.82 of bandwidth with 16-bit KV and 0.52-0.68 with FP8 KV; about 3 us for each of the
 * dozen kernels of a layer; all-reduces of vLLM (custom kernels and NCCL, CUDA graphs), fitted as latency + bytes /
 * bandwidth with relative errors of 4-20 %. [M] largest measured matrix-product throughput (stas00/ml-engineering).
 * [S] public serving measurements of vLLM (InferenceX by way of aiconfigurator, ML.ENERGY, inference-sim), dense
 * models: the times per layer and per sequence are rounded from a fit to them, so their errors on those rows are in
 * sample. */
#ifndef TOKENMILL_MODELS_PRIORS_H
#define TOKENMILL_MODELS_PRIORS_H

#include "models/placement.h"
#include "models/roofline.h"

/* The engine's and the kernels' own time; vLLM V1. [S], [T] */
#define PRIOR_STEP_S         0.45e-3 /* scheduler, sampler, launch */
#define PRIOR_LAYER_S        40e-6   /* a dozen kernels of about 3 us, and 3.5 us of host */
#define PRIOR_SEQ_S          40e-6   /* host and sampling, and element-wise kernels */
#define PRIOR_PREFILL_STEP_S 2.5e-3  /* eager launch instead of a captured graph */

/* Matrix products of a model reach this share of the largest measured throughput [M], [S]. */
#define PRIOR_COMPUTE_OF_MAMF 0.92

/* One all-reduce: base + per rank; share of the link's one-way bandwidth. [T] */
#define PRIOR_NVLINK_LATENCY_S          4.2e-6
#define PRIOR_NVLINK_LATENCY_PER_RANK_S 0.3e-6
#define PRIOR_NVLINK_RATIO              0.62 /* A100 0.58, H100 0.56-0.78, B200 0.46-0.60 */
#define PRIOR_PCIE_LATENCY_PER_RANK_S   3.2e-6
#define PRIOR_PCIE_PAIR_RATIO           0.6  /* two GPUs: L40S 0.59, RTX PRO 6000 0.60 */
#define PRIOR_PCIE_SHARED_RATIO         0.42 /* more share bridges: RTX PRO 6000 0.42-0.34; L40S 0.14-0.06 */
#define PRIOR_PCIE_GEN3_BYTE_PER_S      16e9 /* one way, 16 lanes; doubles with each generation */
/* Between nodes: estimate, one 400 Gb/s port per GPU; latency as two nodes of A100 (Vidur's tables, MIT). */
#define PRIOR_NETWORK_LATENCY_S  65e-6
#define PRIOR_NETWORK_BYTE_PER_S 40e9

/* Memory that is neither weights, activations nor KV: context and graphs, and NCCL's buffers. Estimates. */
#define PRIOR_CONTEXT_BYTE 0.7e9
#define PRIOR_NCCL_BYTE    0.5e9

/* A host's watts per GPU slot: 1.2 kW per 8 GPUs (EcoLogits). */
#define PRIOR_HOST_W_PER_GPU 150.0

#define PRIOR_GPUS_PER_NODE 8

/* Board power of architectures that catalog/power.csv lacks: about what those have that were fitted. */
#define PRIOR_POWER_ACTIVE  0.45
#define PRIOR_POWER_COMPUTE 0.80
#define PRIOR_POWER_MEMORY  0.25

struct architecture_prior {
    const char *arch; /* the catalogue's `arch` begins with it; "": any other */
    double memory_ratio;
    double compute_bf16_ratio, compute_fp8_ratio, compute_fp4_ratio; /* where the GPU's row has no MAMF */
    double kv_read_16_ratio, kv_read_8_ratio;
    double attention_ratio;
};

static const struct architecture_prior architecture_priors[] = {
    {"Hopper", 0.80, 0.75, 0.65, 0.50, 0.80, 0.60, 0.50}, {"Blackwell", 0.80, 0.72, 0.70, 0.50, 0.80, 0.65, 0.50},
    {"Ampere", 0.80, 0.78, 0.65, 0.50, 0.80, 0.60, 0.55}, {"CDNA", 0.75, 0.50, 0.50, 0.40, 0.70, 0.55, 0.35},
    {"", 0.80, 0.70, 0.60, 0.50, 0.80, 0.60, 0.50},
};

/* The first row that the GPU's architecture begins with. */
const struct architecture_prior *architecture_prior_of(const struct gpu *gpu);

#endif
