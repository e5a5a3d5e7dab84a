#include "models/time_curve.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"

int64_t time_curve_number(size_t node) {
    if (node < CURVE_EXACT) {
        return (int64_t)node;
    }
    size_t octave = (node - CURVE_EXACT) / CURVE_PIECES, piece = (node - CURVE_EXACT) % CURVE_PIECES;
    return (int64_t)(CURVE_PIECES + piece) << (octave + 2);
}

bool time_curve_fill(struct time_curve *curve, const double *time_s, size_t stride, double scale) {
    const double most = 1237940039285380274899124224.0; /* 2^90 */
    curve->values = xcalloc(CURVE_NODES, sizeof *curve->values);
    for (size_t i = 1; i < CURVE_NODES; i++) {
        double scaled = time_s[(i - 1) * stride] * scale;
        if (!(scaled >= 0 && scaled < most)) {
            return false;
        }
        curve->values[i] = (i128)nearbyint(scaled);
    }
    return true;
}

void time_curve_release(struct time_curve *curve) {
    free(curve->values);
    curve->values = NULL;
}

bool time_curve_rises(const struct time_curve *curve) {
    for (size_t i = 1; i < CURVE_NODES; i++) {
        if (curve->values[i] < curve->values[i - 1]) {
            return false;
        }
    }
    return true;
}

struct curve_place time_curve_place(double number) {
    const size_t last = CURVE_NODES - 2;
    size_t node = last;
    if (number <= 1) {
        return (struct curve_place){.node = 1};
    }
    if (number < CURVE_EXACT) {
        node = (size_t)number;
    } else if (number < (double)time_curve_number(last)) {
        int octave = 63 - __builtin_clzll((uint64_t)number);
        size_t piece = (size_t)((int64_t)number >> (octave - CURVE_PIECES_SHIFT)) - CURVE_PIECES;
        node = CURVE_EXACT + (size_t)(octave - (CURVE_PIECES_SHIFT + 2)) * CURVE_PIECES + piece;
    }
    double from = (double)time_curve_number(node), to = (double)time_curve_number(node + 1);
    return (struct curve_place){.node = node, .part = (number - from) / (to - from)};
}
