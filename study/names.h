/* names.h - GPUs and models as measured runs spell them, in the catalogue.
 *
 * The catalogue's own names and aliases first. Else without what does not change a shape: an organisation before "/", a vendor's words
 * ("NVIDIA GeForce RTX 4090"), blanks and underscores for hyphens, and endings of tuning, format and packing ("-Instruct-2507", "-FP8",
 * "-it", "-hf"), the fewest that help. */
#ifndef TOKENMILL_STUDY_NAMES_H
#define TOKENMILL_STUDY_NAMES_H

#include "scenarios/catalog.h"

/* NULL: not there. */
const struct gpu *names_gpu(const struct catalog *catalog, const char *name);
const struct llm *names_llm(const struct catalog *catalog, const char *name);

#endif
