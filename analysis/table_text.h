/* table_text.h - numbers and paragraphs of a table. Locale-free. Private to analysis/. */
#ifndef TOKENMILL_ANALYSIS_TABLE_TEXT_H
#define TOKENMILL_ANALYSIS_TABLE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

enum { TABLE_WIDTH = 100 };

struct cell {
    char text[24];
};

/* `digits` significant digits, whole numbers from 10,000 on; "-" for NaN. */
struct cell cell_number(double value, int digits);

/* A ratio as a percentage, "12.3 %"; a share just short of 100 % is not rounded up to it. */
struct cell cell_percent(double ratio);

/* A ratio with three decimals, "0.031". */
struct cell cell_ratio(double ratio);

/* Characters of UTF-8. */
int text_width(const char *text);

/* Prints `text` in `width` columns, to the left or to the right; one that is too long is cut and ends in `~`. */
void text_print_padded(FILE *stream, const char *text, int width, bool left);

/* Prints `text`, broken at blanks, so that no line is longer than TABLE_WIDTH. The first line begins with `first` (its
 * length is the indentation of the others). A line feed in the text begins a new line. */
void text_print_wrapped(FILE *stream, const char *first, const char *text);

/* A text whose brackets end in a date, with the first of its sources alone: "2.59 USD/h (H100, a; b; c, 2026-05-24)" is "2.59 USD/h
 * (H100, a; ..., 2026-05-24)". Any other text as it is. In the arena, or `text` itself. */
const char *text_short_sources(struct arena *arena, const char *text);

#endif
