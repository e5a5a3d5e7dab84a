/* philox_lanes.c - compiled once for each CPU level; PHILOX_LANES names the level's function.
 *
 * A word of the block in the lower half of each 64-bit lane, as the machines multiply them: 32 x 32 -> 64 bits. In plain C gcc 12
 * makes of that product twelve instructions (AVX2), or the slow 64 x 64 one (AVX-512): hence the one intrinsic. */
#include "base/philox_lanes.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 8 };
#define LANES_INTERLEAVED_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define LANES_INTERLEAVED_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif defined(__AVX2__)
enum { LANES = 4 };
#define LANES_INTERLEAVED_LOW  0, 4, 1, 5
#define LANES_INTERLEAVED_HIGH 2, 6, 3, 7
#else
enum { LANES = 2 };
#define LANES_INTERLEAVED_LOW  0, 2
#define LANES_INTERLEAVED_HIGH 1, 3
#endif

typedef uint64_t lanes __attribute__((vector_size(8 * LANES)));

/* The product of the lower halves; the upper ones must be 0. */
static inline lanes lanes_multiply(lanes a, lanes b) {
#if defined(__AVX512F__)
    return (lanes)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
    return (lanes)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return a * b;
#endif
}

static inline lanes lanes_of(uint64_t value) {
    return (lanes){0} + value;
}

/* The blocks of LANES ordinals, as random_block makes one. */
static inline void philox_group(struct random_stream stream, uint64_t ordinal, uint32_t block,
                                struct random_halves *halves) {
    const lanes lower = lanes_of(UINT32_MAX);
    lanes ordinals;
    for (unsigned i = 0; i < LANES; i++) {
        ordinals[i] = ordinal + i;
    }
    lanes word[4] = {ordinals & lower, ordinals >> 32, lanes_of(block), lanes_of(0)};
    uint32_t key[2] = {stream.key[0], stream.key[1]};
#pragma GCC unroll 10
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        lanes product_0 = lanes_multiply(word[0], lanes_of(PHILOX_MULTIPLIER[0]));
        lanes product_1 = lanes_multiply(word[2], lanes_of(PHILOX_MULTIPLIER[1]));
        word[0] = (product_1 >> 32) ^ word[1] ^ lanes_of(key[0]);
        word[1] = product_1 & lower;
        word[2] = (product_0 >> 32) ^ word[3] ^ lanes_of(key[1]);
        word[3] = product_0 & lower;
        key[0] += PHILOX_WEYL[0];
        key[1] += PHILOX_WEYL[1];
    }
    const lanes half_0 = word[0] | word[1] << 32;
    const lanes half_1 = word[2] | word[3] << 32;
    const lanes first = __builtin_shufflevector(half_0, half_1, LANES_INTERLEAVED_LOW);
    const lanes second = __builtin_shufflevector(half_0, half_1, LANES_INTERLEAVED_HIGH);
    memcpy(halves, &first, sizeof first);
    memcpy(halves + LANES / 2, &second, sizeof second);
}

void PHILOX_LANES(struct random_stream stream, uint64_t first_ordinal, uint32_t block, size_t count,
                  struct random_halves *halves) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        philox_group(stream, first_ordinal + i, block, halves + i);
    }
    if (i < count) {
        struct random_halves rest[LANES];
        philox_group(stream, first_ordinal + i, block, rest);
        memcpy(halves + i, rest, (count - i) * sizeof rest[0]);
    }
}
