#include "scenarios/csv_table.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

/* What grows while the parser runs; copied into the arena row by row. */
struct builder {
    struct arena *arena;    // borrowed
    const char *rule;       // borrowed
    struct csv_cell *cells; // owned
    size_t cell_count, cell_capacity;
    struct csv_row *rows; // owned
    size_t row_count, row_capacity;
    uint32_t line, column;             /* of the byte being parsed */
    uint32_t start_line, start_column; /* of the field being parsed */
};

static size_t grown(size_t capacity) {
    return capacity == 0 ? 16 : 2 * capacity;
}

static void field_ended(void *text, size_t size, void *context) {
    struct builder *builder = context;
    if (builder->cell_count == builder->cell_capacity) {
        builder->cell_capacity = grown(builder->cell_capacity);
        builder->cells = xrealloc(builder->cells, builder->cell_capacity, sizeof *builder->cells);
    }
    builder->cells[builder->cell_count++] = (struct csv_cell){
        .text = arena_text(builder->arena, text, size),
        .line = builder->start_line,
        .column = builder->start_column,
    };
    builder->start_line = builder->line;
    builder->start_column = builder->column + 1;
}

static void row_ended(int byte, void *context) {
    (void)byte;
    struct builder *builder = context;
    if (builder->row_count == builder->row_capacity) {
        builder->row_capacity = grown(builder->row_capacity);
        builder->rows = xrealloc(builder->rows, builder->row_capacity, sizeof *builder->rows);
    }
    struct csv_cell *cells = arena_alloc(builder->arena, builder->cell_count, sizeof *cells);
    memcpy(cells, builder->cells, builder->cell_count * sizeof *cells);
    builder->rows[builder->row_count++] = (struct csv_row){.cells = cells, .count = builder->cell_count};
    builder->cell_count = 0;
}

static void advance(struct builder *builder, char byte) {
    builder->column++;
    if (byte == '\n') {
        builder->line++;
        builder->column = 1;
        if (builder->cell_count == 0 && builder->start_line < builder->line) {
            builder->start_line = builder->line;
            builder->start_column = 1;
        }
    }
}

/* Byte by byte, so that the builder knows where each field begins. */
static bool parse(struct csv_parser *parser, struct builder *builder, const struct diag_source *source,
                  struct diags *diags) {
    for (size_t i = 0; i < source->size; i++) {
        if (csv_parse(parser, &source->text[i], 1, field_ended, row_ended, builder) != 1) {
            struct position at = {.source = source, .line = builder->line, .column = builder->column};
            return diag_error(diags, at, builder->rule, "%s; quote the whole field and double quotes inside it",
                              csv_strerror(csv_error(parser)));
        }
        advance(builder, source->text[i]);
    }
    if (csv_fini(parser, field_ended, row_ended, builder) != 0) {
        struct position at = {.source = source, .line = builder->start_line, .column = builder->start_column};
        return diag_error(diags, at, builder->rule, "the quote that opens here is never closed");
    }
    return true;
}

static bool rows_are_even(const struct csv_table *table, const struct builder *builder, struct diags *diags) {
    bool ok = true;
    for (size_t i = 1; i < table->row_count; i++) {
        const struct csv_row *row = &table->rows[i];
        if (row->count != table->rows[0].count) {
            ok = diag_error(diags, csv_cell_position(table, &row->cells[0]), builder->rule,
                            "%zu fields; the header has %zu", row->count, table->rows[0].count);
        }
    }
    return ok;
}

static bool table_finish(struct csv_table *table, const struct diag_source *source, const struct builder *builder,
                         struct diags *diags) {
    struct csv_row *rows = arena_alloc(builder->arena, builder->row_count, sizeof *rows);
    if (builder->row_count > 0) {
        memcpy(rows, builder->rows, builder->row_count * sizeof *rows);
    }
    struct csv_table made = {.source = source, .rows = rows, .row_count = builder->row_count};
    if (made.row_count == 0) {
        return diag_error(diags, (struct position){.source = source}, builder->rule,
                          "the file is empty; its first row must name the columns");
    }
    if (!rows_are_even(&made, builder, diags)) {
        return false;
    }
    *table = made;
    return true;
}

bool csv_table_read(struct csv_table *table, const struct diag_source *source, const char *rule, struct arena *arena,
                    struct diags *diags) {
    struct builder builder = {.arena = arena, .rule = rule, .line = 1, .column = 1, .start_line = 1, .start_column = 1};
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        return diag_world(diags, (struct position){.source = source}, rule, "the CSV parser did not start");
    }
    bool ok = parse(&parser, &builder, source, diags) && table_finish(table, source, &builder, diags);
    csv_free(&parser);
    free(builder.cells);
    free(builder.rows);
    return ok;
}

struct position csv_cell_position(const struct csv_table *table, const struct csv_cell *cell) {
    size_t size = strlen(cell->text);
    return (struct position){
        .source = table->source, .line = cell->line, .column = cell->column, .length = (uint32_t)(size > 0 ? size : 1)};
}
