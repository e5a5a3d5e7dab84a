/* table_notes.h - what stands below a table: what was assumed, and what to be careful about. Private to analysis/. */
#ifndef TOKENMILL_ANALYSIS_TABLE_NOTES_H
#define TOKENMILL_ANALYSIS_TABLE_NOTES_H

#include <stddef.h>
#include <stdio.h>

#include "analysis/result.h"

/* Of several results: each distinct note once, with the number of points it holds for where that is not all. */
void notes_print_assumptions(FILE *stream, const struct result *const *results, size_t count);
void notes_print_warnings(FILE *stream, const struct result *const *results, size_t count);

#endif
