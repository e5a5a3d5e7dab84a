/* gpu.h - an accelerator, as a row of gpus.csv or an inline definition says it.
 *
 * A field's name is its column's name. A number that is not known is NaN, never 0: whoever needs it reports an error.
 * Peaks are dense (no sparsity), per GPU. Plain data; texts are borrowed. */
#ifndef TOKENMILL_MODELS_GPU_H
#define TOKENMILL_MODELS_GPU_H

#include <stdbool.h>

#include "models/precision.h"

struct gpu {
    const char *name;
    const char *vendor;
    const char *arch;       /* "Hopper", "Blackwell", ... picks efficiencies (models/priors.h) */
    double mem_gb;          /* as vendors name it: see gpu_mem_byte */
    double mem_bw_gb_per_s; /* datasheet peak, 1e9 bytes a second */
    double bf16_dense_tflops, fp8_dense_tflops, int8_dense_tops, fp4_dense_tflops;
    double tdp_w;
    double idle_w;          /* nothing loaded */
    double idle_ctx_add_w;  /* more, with a context and a model loaded */
    double nvlink_gb_per_s; /* one direction, per GPU; NaN: PCIe only */
    double pcie_gen;
    double gpus_per_node;
    double gpu_price_usd; /* typical purchase price of the board alone */
    double rental_low_usd_per_hour, rental_typ_usd_per_hour, rental_high_usd_per_hour; /* on demand */
    double reserved_3y_usd_per_hour;
    double allin_kw;                                                /* all-in power per GPU that a site provisions */
    double tco_hyperscaler_usd_per_hour, tco_neocloud_usd_per_hour; /* all-in cost of ownership, published */
    double mamf_bf16_ratio, mamf_fp8_ratio; /* largest measured share of peak FLOP/s in a matrix product */
    double embodied_kgco2e;
    const char *status; /* "datasheet", "measured", "estimate" */
    const char *note;
    const char *source;
    const char *as_of;
};

/* All numbers NaN, all texts "". Start of an inline definition. */
struct gpu gpu_unknown(void);

/* Peak FLOP/s of matrix products in `precision` (int4: the 16-bit peak). NaN if the row has none. */
double gpu_peak_flop_per_s(const struct gpu *gpu, enum precision precision);

/* Bytes of device memory. Vendors' GB of memory are 2^30 bytes: drivers report 81,559 MiB on an H100 of "80 GB", 24,564 on an RTX 4090
 * of "24 GB", 143,771 on an H200 of "141 GB"; a vLLM log of an RTX 4090 (LLMServingSim, bench/examples) has 2,588 blocks of KV where
 * 24e9 bytes would leave 2,066. Boards that set memory aside for ECC (L4, L40S, A10G) have up to 6 % less. NaN if blank. */
double gpu_mem_byte(const struct gpu *gpu);

/* Peak bytes a second. */
double gpu_peak_byte_per_s(const struct gpu *gpu);

/* Watts of a GPU that is on with nothing loaded. `*assumed` (may be NULL): the row is blank, 0.1 x TDP was taken (H100
 * 62/700, H200 80/700, A100 53/400 measured). NaN without a TDP. */
double gpu_idle_w(const struct gpu *gpu, bool *assumed);

/* Watts with a context and a model loaded, no step running. Blank addition: 0.055 x TDP (26..50 W measured on
 * H100 and A100: arXiv 2605.23918). NaN without a TDP. Check value: H100-SXM 62 + 38.5 -> 100.5 W. */
double gpu_idle_context_w(const struct gpu *gpu, bool *assumed);

#endif
