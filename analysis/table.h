/* table.h - results for people: plain text, at most 100 columns, ASCII. Nothing is computed here. */
#ifndef TOKENMILL_ANALYSIS_TABLE_H
#define TOKENMILL_ANALYSIS_TABLE_H

#include <stdio.h>

#include "analysis/result_set.h"

/* One run: groups of numbers, what they assume, what to be careful about. */
void table_print_run(FILE *stream, const char *name, const struct result *result);

/* A sweep: one line a point, then the cheapest feasible points, assumptions and warnings. */
void table_print_sweep(FILE *stream, const struct result_set *set);

#endif
