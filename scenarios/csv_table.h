/* csv_table.h - a small CSV file as a table of texts, each with its position. For catalogues and measured runs; traces
 * are streamed elsewhere.
 *
 * RFC 4180 by libcsv: comma, double quotes, blanks around a field dropped, empty lines skipped. The first row names
 * the columns. */
#ifndef TOKENMILL_SCENARIOS_CSV_TABLE_H
#define TOKENMILL_SCENARIOS_CSV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

struct csv_cell {
    const char *text; /* terminated, in the arena */
    uint32_t line, column;
};

struct csv_row {
    const struct csv_cell *cells;
    size_t count;
};

struct csv_table {
    const struct diag_source *source; /* borrowed */
    const struct csv_row *rows;       /* the header first */
    size_t row_count;
};

/* Reads `source->text` whole. Texts are copied into the arena. Rule `rule` if a quote is misplaced or a row
 * has not as many fields as the header. */
bool csv_table_read(struct csv_table *table, const struct diag_source *source, const char *rule, struct arena *arena,
                    struct diags *diags);

struct position csv_cell_position(const struct csv_table *table, const struct csv_cell *cell);

#endif
