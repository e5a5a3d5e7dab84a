/* columns.h - the rows of a CSV file as structs, columns found by their names in the header.
 *
 * Columns may stand in any order; those that nobody asks for are left alone. What is missing or bad is said at its line and column,
 * all at once. Rules: "measured-file" (the world), "measured-csv", "measured-header", "measured-value". */
#ifndef TOKENMILL_STUDY_COLUMNS_H
#define TOKENMILL_STUDY_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"

enum column_kind {
    COLUMN_TEXT,   /* const char *; blank: "" */
    COLUMN_NUMBER, /* double; blank: NaN */
    COLUMN_WHOLE,  /* int64_t; blank: 0 */
    COLUMN_WORD,   /* size_t, the index in `words`; blank: the first */
};

enum column_need {
    COLUMN_OPTIONAL,
    COLUMN_REQUIRED, /* the header must name it */
    COLUMN_FILLED,   /* and every row must have a value */
};

struct column {
    const char *name;
    enum column_kind kind;
    enum column_need need;
    double min, max;                   /* of numbers, inclusive */
    const char *words;                 /* "agg|disagg" */
    size_t offset;                     /* in the row's struct, which begins with its `struct position` */
    bool (*is_fine)(const char *text); /* of a text that is there; NULL: every text is */
    const char *wanted;                /* if it is not: "a number above 0" */
};

struct columns {
    const struct column *columns;
    size_t count;
    size_t row_size;
};

/* Reads the file at `path`. `*rows`: `*row_count` structs of `row_size` bytes, in the arena, as are their texts. */
bool columns_read(const struct columns *columns, const char *path, struct arena *arena, void **rows, size_t *row_count,
                  struct diags *diags);

/* Does the header of the file name this column? False also where it cannot be read. */
bool columns_has(const char *path, const char *name);

#endif
