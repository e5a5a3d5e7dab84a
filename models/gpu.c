#include "models/gpu.h"

#include <math.h>
#include <stddef.h>

#include "base/check.h"

/* Shares of TDP where the catalogue has no measured watts; see the header. */
static const double IDLE_SHARE = 0.1;
static const double CONTEXT_SHARE = 0.055;

struct gpu gpu_unknown(void) {
    return (struct gpu){
        .name = "",
        .vendor = "",
        .arch = "",
        .mem_gb = (double)NAN,
        .mem_bw_gb_per_s = (double)NAN,
        .bf16_dense_tflops = (double)NAN,
        .fp8_dense_tflops = (double)NAN,
        .int8_dense_tops = (double)NAN,
        .fp4_dense_tflops = (double)NAN,
        .tdp_w = (double)NAN,
        .idle_w = (double)NAN,
        .idle_ctx_add_w = (double)NAN,
        .nvlink_gb_per_s = (double)NAN,
        .pcie_gen = (double)NAN,
        .gpus_per_node = (double)NAN,
        .gpu_price_usd = (double)NAN,
        .rental_low_usd_per_hour = (double)NAN,
        .rental_typ_usd_per_hour = (double)NAN,
        .rental_high_usd_per_hour = (double)NAN,
        .reserved_3y_usd_per_hour = (double)NAN,
        .allin_kw = (double)NAN,
        .tco_hyperscaler_usd_per_hour = (double)NAN,
        .tco_neocloud_usd_per_hour = (double)NAN,
        .mamf_bf16_ratio = (double)NAN,
        .mamf_fp8_ratio = (double)NAN,
        .embodied_kgco2e = (double)NAN,
        .status = "",
        .note = "",
        .source = "",
        .as_of = "",
    };
}

double gpu_peak_flop_per_s(const struct gpu *gpu, enum precision precision) {
    switch (precision_compute(precision)) {
    case PRECISION_FP8: return gpu->fp8_dense_tflops * 1e12;
    case PRECISION_INT8: return gpu->int8_dense_tops * 1e12;
    case PRECISION_FP4: return gpu->fp4_dense_tflops * 1e12;
    default: return gpu->bf16_dense_tflops * 1e12;
    }
}

double gpu_mem_byte(const struct gpu *gpu) {
    return gpu->mem_gb * 1073741824.0;
}

double gpu_peak_byte_per_s(const struct gpu *gpu) {
    return gpu->mem_bw_gb_per_s * 1e9;
}

/* `value`, or the share of TDP where it is blank. */
static double watts_or_share(const struct gpu *gpu, double value, double share, bool *assumed) {
    if (assumed != NULL) {
        *assumed = isnan(value);
    }
    return isnan(value) ? share * gpu->tdp_w : value;
}

double gpu_idle_w(const struct gpu *gpu, bool *assumed) {
    return watts_or_share(gpu, gpu->idle_w, IDLE_SHARE, assumed);
}

double gpu_idle_context_w(const struct gpu *gpu, bool *assumed) {
    bool idle_assumed = false;
    bool context_assumed = false;
    double idle_w = gpu_idle_w(gpu, &idle_assumed);
    double context_w = watts_or_share(gpu, gpu->idle_ctx_add_w, CONTEXT_SHARE, &context_assumed);
    if (assumed != NULL) {
        *assumed = idle_assumed || context_assumed;
    }
    return idle_w + context_w;
}
