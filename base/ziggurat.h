/* ziggurat.h - the layers under the densities e^-x and e^(-x^2/2), x >= 0, that base/sampler.c throws at. Inner header of base/.
 *
 * 256 layers of equal area, the lowest one with the tail; made by ziggurat.py at build time, each figure the nearest double.
 * Source: G. Marsaglia, W. Tsang, "The ziggurat method for generating random variables", J. Statistical Software 5(8), 2000.
 * Check values: the tails begin at 7.69711747013104972 and at 3.6541528853610088. */
#ifndef TOKENMILL_BASE_ZIGGURAT_H
#define TOKENMILL_BASE_ZIGGURAT_H

enum { ZIGGURAT_LAYERS = 256 };

struct ziggurat_layer {
    double
        scale; /* the layer's right edge / 2^52; the lowest one's is its area / its height, to make room for the tail */
    double inner;     /* left of it the layer lies wholly under the density: the next one's right edge */
    double low, high; /* the density at the two edges */
};

extern const struct ziggurat_layer ziggurat_exponential[ZIGGURAT_LAYERS], ziggurat_normal[ZIGGURAT_LAYERS];

#endif
