/* kernels_table.h - what kernels reach, by architecture: fits to the kernel tables of aiconfigurator (Apache-2.0; vLLM 0.24 and others on A100, H100,
 * H200, B200, L40S, RTX PRO 6000): 34,455 GEMMs, 30,299 attention and 15,866 mixture-of-experts kernels, 8,263 collectives. Rejected: tables whose
 * time does not move over a factor of 64 in m while above 5 times the roofline (block-scaled fp8 GEMMs; fp8 experts on Hopper). No kernels of AMD
 * were to be had: the CDNA rows are guesses (CDNA3's launches from MI300X's serving runs at low load), corrected by serving runs (profiles.csv). MLA: from serving runs likewise. */
#ifndef TOKENMILL_MODELS_KERNELS_TABLE_H
#define TOKENMILL_MODELS_KERNELS_TABLE_H

#include "models/serving_engine.h"

/* 8: scaled by tensor or channel; 8B: by blocks; MX4, INT4: weights alone. */
enum kernel_format { FORMAT_16, FORMAT_8, FORMAT_8B, FORMAT_4, FORMAT_MX4, FORMAT_INT4, FORMAT_COUNT };

enum kernel_arch {
    KERNELS_HOPPER,
    KERNELS_BLACKWELL,
    KERNELS_AMPERE,
    KERNELS_ADA,
    KERNELS_CDNA3,
    KERNELS_CDNA4,
    KERNELS_ARCH_COUNT
};

/* t0 [us], shares of bandwidth and of the format's peak, and how sharp the corner between them is. */
struct gemm_constants {
    double t0_us, memory_ratio, compute_ratio, sharpness;
};

/* Experts. Launching and sorting; then the two sides of the corner as above (the peak is that of the math: 16 bit for MX4); routing a token [us];
 * the Zipf exponent of which experts tokens pick. */
struct expert_constants {
    double launch_us, memory_ratio, compute_ratio, sharpness, token_us, zipf;
};

/* Bytes a second of 4-bit weights that a GPU without 4-bit products unpacks at most: 0.79 of H100's and 0.57 of H200's bandwidth are one rate. */
#define KERNELS_HOPPER_UNPACK_BYTE_PER_S 2.7e12

/* Attention: of a decoding step, of each sequence and KV head; shares of bandwidth with KV of 16 and of 8 bit (Hopper: at most a rate); prefill:
 * shares of the 16-bit peak, and of bandwidth for queries, keys, values and results. */
struct attention_constants {
    double step_us, sequence_us, memory_16_ratio, memory_8_ratio, compute_ratio, activation_ratio;
};

/* What a fit moves (tests/accuracy/kernels.c). */
struct kernel_table {
    struct gemm_constants gemm[KERNELS_ARCH_COUNT][FORMAT_COUNT];
    struct expert_constants expert[KERNELS_ARCH_COUNT][FORMAT_COUNT];
    struct attention_constants attention[KERNELS_ARCH_COUNT];
};

static const struct kernel_table kernel_table_shipped = {
    .gemm[KERNELS_HOPPER][FORMAT_16] = {3.7, 0.855, 0.805, 4.0},
    .gemm[KERNELS_HOPPER][FORMAT_8] = {7.2, 0.85, 0.60, 1.65},
    .gemm[KERNELS_HOPPER][FORMAT_8B] = {7.2, 0.85, 0.60, 1.65},
    .gemm[KERNELS_HOPPER][FORMAT_4] = {7.2, 0.80, 0.60, 1.65},
    .gemm[KERNELS_HOPPER][FORMAT_MX4] = {3.7, 0.855, 0.805, 4.0},
    .gemm[KERNELS_HOPPER][FORMAT_INT4] = {3.7, 0.855, 0.805, 4.0},
    .gemm[KERNELS_BLACKWELL][FORMAT_16] = {3.7, 0.79, 0.71, 3.4},
    .gemm[KERNELS_BLACKWELL][FORMAT_8] = {7.8, 0.75, 0.44, 2.06},
    .gemm[KERNELS_BLACKWELL][FORMAT_8B] = {7.8, 0.75, 0.44, 2.06},
    .gemm[KERNELS_BLACKWELL][FORMAT_4] = {7.9, 0.83, 0.41, 2.24},
    .gemm[KERNELS_BLACKWELL][FORMAT_MX4] = {3.7, 0.79, 0.71, 3.4},
    .gemm[KERNELS_BLACKWELL][FORMAT_INT4] = {3.7, 0.79, 0.71, 3.4},
    .gemm[KERNELS_AMPERE][FORMAT_16] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_AMPERE][FORMAT_8] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_AMPERE][FORMAT_8B] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_AMPERE][FORMAT_4] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_AMPERE][FORMAT_MX4] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_AMPERE][FORMAT_INT4] = {5.8, 0.76, 0.85, 1.71},
    .gemm[KERNELS_ADA][FORMAT_16] = {2.0, 0.77, 0.60, 3.96},
    .gemm[KERNELS_ADA][FORMAT_8] = {2.7, 0.74, 0.49, 1.53},
    .gemm[KERNELS_ADA][FORMAT_8B] = {2.7, 0.74, 0.49, 1.53},
    .gemm[KERNELS_ADA][FORMAT_4] = {2.7, 0.74, 0.49, 1.53},
    .gemm[KERNELS_ADA][FORMAT_MX4] = {2.0, 0.77, 0.60, 3.96},
    .gemm[KERNELS_ADA][FORMAT_INT4] = {2.0, 0.77, 0.60, 3.96},
    .gemm[KERNELS_CDNA3][FORMAT_16] = {16.0, 0.75, 0.50, 2.5},
    .gemm[KERNELS_CDNA3][FORMAT_8] = {24.0, 0.75, 0.45, 2.0},
    .gemm[KERNELS_CDNA3][FORMAT_8B] = {24.0, 0.75, 0.45, 2.0},
    .gemm[KERNELS_CDNA3][FORMAT_4] = {24.0, 0.75, 0.45, 2.0},
    .gemm[KERNELS_CDNA3][FORMAT_MX4] = {16.0, 0.75, 0.50, 2.5},
    .gemm[KERNELS_CDNA3][FORMAT_INT4] = {16.0, 0.75, 0.50, 2.5},
    .gemm[KERNELS_CDNA4][FORMAT_16] = {6.0, 0.70, 0.50, 2.5},
    .gemm[KERNELS_CDNA4][FORMAT_8] = {8.0, 0.65, 0.45, 2.0},
    .gemm[KERNELS_CDNA4][FORMAT_8B] = {8.0, 0.65, 0.45, 2.0},
    .gemm[KERNELS_CDNA4][FORMAT_4] = {8.0, 0.65, 0.35, 2.0},
    .gemm[KERNELS_CDNA4][FORMAT_MX4] = {6.0, 0.70, 0.50, 2.5},
    .gemm[KERNELS_CDNA4][FORMAT_INT4] = {6.0, 0.70, 0.50, 2.5},
    .expert[KERNELS_HOPPER][FORMAT_16] = {35.0, 0.85, 0.60, 1.5, 0.064, 0.7},
    .expert[KERNELS_HOPPER][FORMAT_8] = {34.0, 0.85, 0.28, 1.5, 0.059, 0.6},
    .expert[KERNELS_HOPPER][FORMAT_8B] = {34.0, 0.85, 0.28, 1.5, 0.059, 0.6},
    .expert[KERNELS_HOPPER][FORMAT_4] = {66.0, 0.80, 0.52, 1.0, 0.054, 0.8},
    .expert[KERNELS_HOPPER][FORMAT_MX4] = {66.0, 0.80, 0.52, 1.0, 0.054, 0.8},
    .expert[KERNELS_HOPPER][FORMAT_INT4] = {43.0, 0.78, 0.26, 1.1, 0.186, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_16] = {14.7, 0.78, 0.33, 1.5, 0.013, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_8] = {14.0, 0.74, 0.374, 1.15, 0.009, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_8B] = {29.0, 0.81, 0.22, 1.0, 0.057, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_4] = {16.5, 0.77, 0.50, 1.0, 0.025, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_MX4] = {21.2, 0.53, 0.32, 1.0, 0.053, 0.8},
    .expert[KERNELS_BLACKWELL][FORMAT_INT4] = {48.0, 0.48, 0.117, 1.0, 0.165, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_16] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_8] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_8B] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_4] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_MX4] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_AMPERE][FORMAT_INT4] = {63.0, 0.70, 0.28, 1.5, 0.134, 0.8},
    .expert[KERNELS_ADA][FORMAT_16] = {11.5, 0.76, 0.52, 1.5, 0.18, 0.8},
    .expert[KERNELS_ADA][FORMAT_8] = {7.8, 0.775, 0.437, 1.23, 0.151, 0.6},
    .expert[KERNELS_ADA][FORMAT_8B] = {20.0, 0.80, 0.45, 1.5, 0.22, 0.6},
    .expert[KERNELS_ADA][FORMAT_4] = {22.5, 0.89, 0.54, 1.5, 0.255, 0.4},
    .expert[KERNELS_ADA][FORMAT_MX4] = {22.5, 0.89, 0.54, 1.5, 0.255, 0.4},
    .expert[KERNELS_ADA][FORMAT_INT4] = {22.5, 0.89, 0.54, 1.5, 0.255, 0.4},
    .expert[KERNELS_CDNA3][FORMAT_16] = {130.0, 0.75, 0.30, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA3][FORMAT_8] = {130.0, 0.75, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA3][FORMAT_8B] = {130.0, 0.75, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA3][FORMAT_4] = {130.0, 0.75, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA3][FORMAT_MX4] = {130.0, 0.75, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA3][FORMAT_INT4] = {130.0, 0.75, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_16] = {40.0, 0.65, 0.30, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_8] = {40.0, 0.65, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_8B] = {40.0, 0.65, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_4] = {40.0, 0.60, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_MX4] = {40.0, 0.60, 0.25, 1.3, 0.06, 0.7},
    .expert[KERNELS_CDNA4][FORMAT_INT4] = {40.0, 0.60, 0.25, 1.3, 0.06, 0.7},
    .attention[KERNELS_HOPPER] = {11.5, 0.0245, 0.91, 0.91, 0.69, 0.37},
    .attention[KERNELS_BLACKWELL] = {9.2, 0.0095, 0.927, 0.905, 0.61, 0.25},
    .attention[KERNELS_AMPERE] = {17.3, 0.0326, 0.75, 0.75, 0.59, 0.355},
    .attention[KERNELS_ADA] = {9.8, 0.024, 0.92, 0.90, 0.54, 1.0},
    .attention[KERNELS_CDNA3] = {35.0, 0.03, 0.75, 0.65, 0.40, 0.3},
    .attention[KERNELS_CDNA4] = {12.0, 0.03, 0.75, 0.65, 0.40, 0.3},
};

/* 8-bit KV on Hopper is bound by its conversion: 0.80 of H100's and 0.615 of H200's bandwidth are one rate. TensorRT-LLM's kernels are not. */
#define KERNELS_HOPPER_KV8_BYTE_PER_S   2.85e12
#define KERNELS_HOPPER_KV8_TRTLLM_RATIO 0.82

/* Consumer cards: tensor cores run at half the chip's rate (FP32 accumulation), which they then keep up, and memory has no ECC, which costs the server
 * cards of the same chips a tenth. Shares of bandwidth and of the 16-bit peak; an estimate, checked on one run of an RTX 4090. */
#define KERNELS_CONSUMER_MEMORY_RATIO  0.90
#define KERNELS_CONSUMER_COMPUTE_RATIO 0.90

/* Multi-head latent attention: decoding's products at this share of the 16-bit peak at most; the absorbed up-projections, batched by head: launch,
 * shares of bandwidth and of the 16-bit peak. */
#define KERNELS_MLA_DECODE_RATIO         0.5
#define KERNELS_MLA_ABSORB_US            6.0
#define KERNELS_MLA_ABSORB_MEMORY_RATIO  0.7
#define KERNELS_MLA_ABSORB_COMPUTE_RATIO 0.4

/* Element-wise kernels: numbers of the residual stream, and of a feed-forward's width, that each token moves in a layer; share of bandwidth. */
#define KERNELS_ELEMENT_STREAM_PASSES 8
#define KERNELS_ELEMENT_WIDTH_PASSES  3
#define KERNELS_ELEMENT_MEMORY_RATIO  0.7

/* Gated linear attention (Qwen3-Next, Qwen3.5): launch, state in 32 bit of 64 heads x 128 x 128, read and written for each sequence, and its
 * gates' projection. */
#define KERNELS_LINEAR_LAUNCH_US    20.0
#define KERNELS_LINEAR_STATE_NUMBER (64.0 * 128 * 128)
#define KERNELS_LINEAR_GATE_WIDTH   8192.0

/* All-reduce [us] where no table of knots is near: a + b (ranks - 1), share of the link's bandwidth. On NVLink by architecture, then PCIe 4 and 5. */
struct collective_constants {
    double base_us, rank_us, link_ratio;
};

enum kernel_link { LINK_HOPPER, LINK_BLACKWELL, LINK_AMPERE, LINK_CDNA, LINK_PCIE4, LINK_PCIE5, LINK_COUNT };

static const struct collective_constants collective_table[LINK_COUNT] = {
    [LINK_HOPPER] = {4.3, 0.14, 0.63}, [LINK_BLACKWELL] = {6.9, 0.15, 0.51}, [LINK_AMPERE] = {4.7, 0.27, 0.56},
    [LINK_CDNA] = {8.0, 0.5, 0.5},     [LINK_PCIE4] = {1.2, 3.6, 0.12},      [LINK_PCIE5] = {0.5, 3.9, 0.43},
};

#endif
