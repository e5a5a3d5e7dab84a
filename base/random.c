#include "base/random.h"

#include <string.h>

enum { PHILOX_ROUNDS = 10 };

static const uint32_t PHILOX_MULTIPLIER[2] = {0xD2511F53, 0xCD9E8D57};
static const uint32_t PHILOX_WEYL[2] = {0x9E3779B9, 0xBB67AE85}; /* golden ratio, sqrt(3) - 1 */

static void philox_round(uint32_t word[4], const uint32_t key[2]) {
    uint64_t product_0 = (uint64_t)PHILOX_MULTIPLIER[0] * word[0];
    uint64_t product_1 = (uint64_t)PHILOX_MULTIPLIER[1] * word[2];
    word[0] = (uint32_t)(product_1 >> 32) ^ word[1] ^ key[0];
    word[1] = (uint32_t)product_1;
    word[2] = (uint32_t)(product_0 >> 32) ^ word[3] ^ key[1];
    word[3] = (uint32_t)product_0;
}

void philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t word[4] = {counter[0], counter[1], counter[2], counter[3]};
    uint32_t round_key[2] = {key[0], key[1]};
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        philox_round(word, round_key);
        round_key[0] += PHILOX_WEYL[0];
        round_key[1] += PHILOX_WEYL[1];
    }
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

double random_uniform(struct random_stream stream, uint64_t ordinal, uint32_t index) {
    uint32_t words[4];
    random_block(stream, ordinal, index / 2, words);
    const uint32_t *half = words + 2 * (index % 2);
    uint64_t bits = ((uint64_t)half[1] << 32 | half[0]) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}
