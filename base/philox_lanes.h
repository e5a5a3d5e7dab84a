/* philox_lanes.h - the vector forms of random_blocks, one for each CPU level. Inner header of base/. */
#ifndef TOKENMILL_BASE_PHILOX_LANES_H
#define TOKENMILL_BASE_PHILOX_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

enum { PHILOX_ROUNDS = 10 };

static const uint32_t PHILOX_MULTIPLIER[2] = {0xD2511F53, 0xCD9E8D57};
static const uint32_t PHILOX_WEYL[2] = {0x9E3779B9, 0xBB67AE85}; /* golden ratio, sqrt(3) - 1 */

/* What random_blocks says. */
typedef void philox_lanes(struct random_stream stream, uint64_t first_ordinal, uint32_t block, size_t count,
                          struct random_halves *halves);

philox_lanes philox_lanes_baseline;
#if defined(__x86_64__)
philox_lanes philox_lanes_avx2, philox_lanes_avx512;
#endif

#endif
