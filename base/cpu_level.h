/* cpu_level.h - which of the vector variants of a kernel this machine can run, and which one to run.
 *
 * All variants of a kernel return the same bits, so a level changes speed and nothing else. BASELINE is what the compiler targets
 * anyway: SSE2 on x86-64, NEON on aarch64. AVX2 and AVX512 exist on x86-64 only; AVX512 means its F, BW, DQ and VL parts.
 * The environment variable TOKENMILL_CPU_LEVEL lowers the level, for tests. */
#ifndef TOKENMILL_BASE_CPU_LEVEL_H
#define TOKENMILL_BASE_CPU_LEVEL_H

#include <stdbool.h>

#include "base/diag.h"

enum cpu_level { CPU_LEVEL_BASELINE, CPU_LEVEL_AVX2, CPU_LEVEL_AVX512, CPU_LEVEL_COUNT };

/* "baseline", "avx2", "avx512". */
const char *cpu_level_name(enum cpu_level level);

/* The highest level of this machine, whatever the environment says. */
enum cpu_level cpu_level_highest(void);

/* The level to use: TOKENMILL_CPU_LEVEL, or the highest where that is unset or empty. Rule "cpu-level" (the user's mistake) if
 * its value is no level, or one that this machine lacks. */
bool cpu_level_choose(enum cpu_level *level, struct diags *diags);

/* The same for a given text; `text` NULL or "": the highest. */
bool cpu_level_of_text(const char *text, enum cpu_level *level, struct diags *diags);

#endif
