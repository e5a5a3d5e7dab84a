#include "base/random.h"

#include <string.h>

#include "base/philox_lanes.h"

static inline void philox_round(uint32_t word[4], const uint32_t key[2]) {
    uint64_t product_0 = (uint64_t)PHILOX_MULTIPLIER[0] * word[0];
    uint64_t product_1 = (uint64_t)PHILOX_MULTIPLIER[1] * word[2];
    word[0] = (uint32_t)(product_1 >> 32) ^ word[1] ^ key[0];
    word[1] = (uint32_t)product_1;
    word[2] = (uint32_t)(product_0 >> 32) ^ word[3] ^ key[1];
    word[3] = (uint32_t)product_0;
}

static inline void philox(uint32_t word[4], const uint32_t key[2]) {
    uint32_t round_key[2] = {key[0], key[1]};
#pragma GCC unroll 10
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        philox_round(word, round_key);
        round_key[0] += PHILOX_WEYL[0];
        round_key[1] += PHILOX_WEYL[1];
    }
}

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t word[4] = {counter[0], counter[1], counter[2], counter[3]};
    philox(word, key);
    memcpy(out, word, sizeof(word));
}

/* FNV-1a, 64 bits. */
static uint64_t hash_name(const char *name) {
    uint64_t hash = 0xCBF29CE484222325;
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * 0x100000001B3;
    }
    return hash;
}

/* Philox itself mixes what names the stream into its key. */
struct random_stream random_stream_make(uint64_t seed, uint32_t replication, enum random_purpose purpose,
                                        const char *name) {
    uint64_t hash = hash_name(name);
    const uint32_t counter[4] = {(uint32_t)seed, (uint32_t)(seed >> 32), replication, (uint32_t)purpose};
    const uint32_t key[2] = {(uint32_t)hash, (uint32_t)(hash >> 32)};
    uint32_t words[4];
    philox4x32(counter, key, words);
    return (struct random_stream){.key = {words[0], words[1]}};
}

void random_block(struct random_stream stream, uint64_t ordinal, uint32_t block, uint32_t words[4]) {
    const uint32_t counter[4] = {(uint32_t)ordinal, (uint32_t)(ordinal >> 32), block, 0};
    philox4x32(counter, stream.key, words);
}

struct random_halves random_halves(struct random_stream stream, uint64_t ordinal, uint32_t block) {
    uint32_t word[4] = {(uint32_t)ordinal, (uint32_t)(ordinal >> 32), block, 0};
    philox(word, stream.key);
    return (struct random_halves){{(uint64_t)word[1] << 32 | word[0], (uint64_t)word[3] << 32 | word[2]}};
}

void random_blocks(enum cpu_level level, struct random_stream stream, uint64_t first_ordinal, uint32_t block,
                   size_t count, struct random_halves *halves) {
    switch (level) {
#if defined(__x86_64__)
    case CPU_LEVEL_AVX512: philox_lanes_avx512(stream, first_ordinal, block, count, halves); return;
    case CPU_LEVEL_AVX2: philox_lanes_avx2(stream, first_ordinal, block, count, halves); return;
#endif
    default: philox_lanes_baseline(stream, first_ordinal, block, count, halves);
    }
}

double random_uniform(struct random_stream stream, uint64_t ordinal, uint32_t index) {
    return random_half_uniform(random_halves(stream, ordinal, index / 2).half[index % 2]);
}
