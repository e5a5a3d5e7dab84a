/* time_curve.h - a time that depends on a whole number (tokens, sequences), tabulated once in integers: exact for small numbers, straight between the
 * nodes of a grid that has CURVE_PIECES of them an octave, and on in the last piece's direction beyond. Both engines read the same table. */
#ifndef TOKENMILL_MODELS_TIME_CURVE_H
#define TOKENMILL_MODELS_TIME_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/int128.h"

enum {
    CURVE_PIECES_SHIFT = 4,
    CURVE_PIECES = 1 << CURVE_PIECES_SHIFT,
    CURVE_EXACT = 4 * CURVE_PIECES, /* numbers below it have a node each */
    CURVE_OCTAVES = 16,             /* up to CURVE_EXACT << CURVE_OCTAVES */
    CURVE_NODES = CURVE_EXACT + CURVE_OCTAVES * CURVE_PIECES + 1
};

struct time_curve {
    i128 *values; /* owned; CURVE_NODES; NULL: no curve */
};

/* The number at a node. */
int64_t time_curve_number(size_t node);

/* Fills a curve with the times of all nodes but 0, where it is 0, rounded to units of 1 / `scale` s; false if one is negative or beyond 2^90.
 * `time_s` is the first; the next is `stride` doubles on. */
bool time_curve_fill(struct time_curve *curve, const double *time_s, size_t stride, double scale);
void time_curve_release(struct time_curve *curve);

/* Does it nowhere fall? */
bool time_curve_rises(const struct time_curve *curve);

/* Where a number that need not be whole lies: `part` of the way from a node to the next, above 1 beyond the last. Below 1 it is as 1: a step
 * computes something, on average less than one of a thing or not. */
struct curve_place {
    size_t node;
    double part;
};

struct curve_place time_curve_place(double number);

static inline i128 time_curve_at(const struct time_curve *curve, int64_t number) {
    if (number < CURVE_EXACT) {
        return curve->values[number];
    }
    int octave = 63 - __builtin_clzll((uint64_t)number); /* 2^octave <= number */
    int shift = octave - CURVE_PIECES_SHIFT;
    int64_t piece = (number >> shift) - CURVE_PIECES;
    int64_t first = CURVE_EXACT + (octave - (CURVE_PIECES_SHIFT + 2)) * CURVE_PIECES;
    int64_t node = first + piece;
    int64_t last = CURVE_NODES - 2;
    if (node > last) {
        i128 beyond = (i128)number - time_curve_number((size_t)last);
        i128 width = time_curve_number((size_t)last + 1) - time_curve_number((size_t)last);
        return curve->values[last] + (curve->values[last + 1] - curve->values[last]) * beyond / width;
    }
    int64_t rest = number & (((int64_t)1 << shift) - 1);
    return curve->values[node] + (((curve->values[node + 1] - curve->values[node]) * rest) >> shift);
}

#endif
