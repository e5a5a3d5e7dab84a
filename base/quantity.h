/* quantity.h - numbers with units: "12/s", "0.08 USD/kWh", "50ms", "5 years", "80GB", "20%".
 *
 * A unit is a chain of names joined by `/`, `*`, `-` or blanks ("USD/kW-month" is USD / (kW month)): each name has a factor and a
 * dimension. A number without a unit is in the unit that is wanted. Conversion is one correctly rounded multiplication and one
 * division by exact integers, so 50ms is exactly the double nearest to 0.05. 8,760 h a year, 730 h a month. Pure. */
#ifndef TOKENMILL_BASE_QUANTITY_H
#define TOKENMILL_BASE_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum quantity_status {
    QUANTITY_OK,
    QUANTITY_NOT_A_NUMBER,  /* does not begin with a number */
    QUANTITY_UNKNOWN_UNIT,  /* a name that nobody knows */
    QUANTITY_WRONG_UNIT,    /* a unit of another dimension */
    QUANTITY_NEEDS_NO_UNIT, /* a pure number is wanted, and it has a unit */
};

/* Reads `text` as a number in `unit` ("" for a pure number, "ratio" for one that may also be written in percent). Sets `*value`
 * on QUANTITY_OK only. `unit` must be a unit that this module knows (CHECK). */
enum quantity_status quantity_parse(struct span text, const char *unit, double *value);

/* What a value in `unit` may look like, for messages: "2s, 500ms, 24h, 7d, 5 years". "" for a pure number. */
const char *quantity_examples(const char *unit);

/* Writes `value` in `unit` the way a person would: "4/s", "0.08 USD/kWh", "2.5". Returns its length. */
size_t quantity_format(double value, const char *unit, char *text, size_t size);

#endif
