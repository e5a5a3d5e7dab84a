/* random.h - keyed random streams: Philox4x32-10 counters, no state.
 *
 * Any draw can be taken in any order on any thread. A stream is named by (seed, replication, purpose, name of
 * the entity); a draw in it by (ordinal, index). Sweep points share seed and names, hence draws.
 * Source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; check values of
 * Random123's kat_vectors are in the test. */
#ifndef TOKENMILL_BASE_RANDOM_H
#define TOKENMILL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu_level.h"

/* What a stream is for; part of its key. Order is part of the contract: append only. */
enum random_purpose {
    RANDOM_ARRIVAL = 1,
    RANDOM_INPUT = 2,
    RANDOM_OUTPUT = 3,
    RANDOM_ROUTING = 4,
    RANDOM_THINK = 5,
    RANDOM_CAPACITY_INPUT = 6,
    RANDOM_CAPACITY_OUTPUT = 7,
    RANDOM_SERVICE = 8,
};

struct random_stream {
    uint32_t key[2];
};

struct random_stream random_stream_make(uint64_t seed, uint32_t replication, enum random_purpose purpose,
                                        const char *name);

/* One Philox block: four independent 32-bit words of (ordinal, block). */
void random_block(struct random_stream stream, uint64_t ordinal, uint32_t block, uint32_t words[4]);

/* The same in halves: word 0 | word 1 << 32, word 2 | word 3 << 32. */
struct random_halves {
    uint64_t half[2];
};
struct random_halves random_halves(struct random_stream stream, uint64_t ordinal, uint32_t block);

/* The blocks `block` of the `count` ordinals from `first_ordinal` on. The same bits as random_halves at every level; the level must be one that this machine has. About 2 ns a block with AVX-512, 8 ns without. */
void random_blocks(enum cpu_level level, struct random_stream stream, uint64_t first_ordinal, uint32_t block,
                   size_t count, struct random_halves *halves);

/* The half as a uniform in the open interval (0, 1): its upper 52 bits k, (k + 1/2) / 2^52. */
static inline double random_half_uniform(uint64_t half) {
    return ((double)(int64_t)(half >> 12) + 0.5) * 0x1p-52;
}

/* Uniform in the open interval (0, 1): block `index / 2` of the ordinal, half `index % 2`. */
double random_uniform(struct random_stream stream, uint64_t ordinal, uint32_t index);

/* The raw Philox4x32-10 function, for its known-answer test. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
