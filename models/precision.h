/* precision.h - number formats of weights and of the KV cache.
 *
 * Weights in `int4` are weight-only (W4A16): they shrink what is stored and read, and compute in 16 bit. All others
 * compute in the tensor cores of their own format. Byte counts include block scales: int4 one 16-bit scale per 128
 * weights (GPTQ, AWQ), fp4 one byte per 16 (NVFP4); fp8 and int8 scales are too few to count. */
#ifndef TOKENMILL_MODELS_PRECISION_H
#define TOKENMILL_MODELS_PRECISION_H

#include <stdbool.h>

#include "base/text.h"

enum precision {
    PRECISION_BF16,
    PRECISION_FP16,
    PRECISION_FP8,
    PRECISION_INT8,
    PRECISION_INT4,
    PRECISION_FP4,
    PRECISION_COUNT
};

/* "bf16", "fp16", "fp8", "int8", "int4", "fp4". */
const char *precision_name(enum precision precision);

/* All names, in the order of the enum, for guesses and lists. PRECISION_COUNT of them. */
const char *const *precision_names(void);

/* A name or a common alias, case-insensitive: bfloat16, float16, half, fp8_e4m3, fp8_e5m2, nvfp4, mxfp4, w4a16, awq,
 * gptq. */
bool precision_from_text(struct span text, enum precision *precision);

/* Bytes of a stored weight, scales included: 2, 2, 1, 1, 0.515625, 0.5625. */
double precision_byte_per_weight(enum precision precision);

/* May the KV cache be kept in it? bf16, fp16, fp8 and int8 may. */
bool precision_is_for_kv(enum precision precision);

/* Bytes of one number of the KV cache: 2 or 1. `precision` must be one that is for KV. */
double precision_byte_per_kv(enum precision precision);

/* The format that matrix products compute in: itself; int4 and fp16: bf16 (same peak). */
enum precision precision_compute(enum precision precision);

#endif
