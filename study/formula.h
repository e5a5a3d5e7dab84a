/* formula.h - small sums of a recipe, as launch scripts compute their flags: `2*isl`, `max(8192, ceil64(conc+isl+64))`.
 *
 *     sum     = product { ("+" | "-") product }
 *     product = value { ("*" | "/") value }
 *     value   = number | name | name "(" sum { "," sum } ")" | "(" sum ")"
 * Names: conc (also `row concurrency`), isl, osl, tp. Functions: max, min, ceil64 (up to a multiple of 64). */
#ifndef TOKENMILL_STUDY_FORMULA_H
#define TOKENMILL_STUDY_FORMULA_H

#include <stdbool.h>

struct formula_names {
    double conc, isl, osl, tp;
};

/* False, and nothing set, if the text is no such formula: then it is a remark for people. */
bool formula_value(const char *text, const struct formula_names *names, double *value);

#endif
