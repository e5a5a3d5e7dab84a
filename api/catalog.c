#include "scenarios/catalog.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handles.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/text.h"

enum { MAIN_COLUMNS_MAX = 8, WIDTH_MAX = 48 };

/* A table as users call it, and the columns that a list of its rows shows. */
struct table_view {
    const char *name;
    enum catalog_table table;
    const char *columns[MAIN_COLUMNS_MAX];
};

static const struct table_view views[] = {
    {"gpus",
     CATALOG_GPUS,
     {"name", "mem_gb", "mem_bw_gb_per_s", "bf16_dense_tflops", "fp8_dense_tflops", "tdp_w",
      "rental_typ_usd_per_hour"}},
    {"models",
     CATALOG_LLMS,
     {"name", "total_params_b", "active_params_b", "layers", "attention", "context_max", "default_precision"}},
    {"images", CATALOG_VISION, {"name", "kind", "total_params_b", "steps", "step_tflop", "compute_ratio"}},
    {"apis", CATALOG_API_PRICES, {"name", "provider", "input_usd_per_mtok", "output_usd_per_mtok", "as_of"}},
    {"regions",
     CATALOG_REGIONS,
     {"name", "level", "long_name", "grid_gco2e_per_kwh", "tariff_per_kwh", "tariff_currency"}},
    {"power", CATALOG_POWER, {"name", "active_ratio", "compute_ratio", "memory_ratio"}},
};

enum { VIEW_COUNT = sizeof views / sizeof views[0] };

const char *tmill_catalog_table_name(size_t index) {
    return index < VIEW_COUNT ? views[index].name : NULL;
}

static const struct table_view *find_view(const char *name) {
    for (size_t i = 0; i < VIEW_COUNT; i++) {
        if (strcmp(views[i].name, name) == 0) {
            return &views[i];
        }
    }
    return NULL;
}

/* The kind of a text column; CATALOG_TEXT for those that fill no struct. */
static enum catalog_kind column_kind(enum catalog_table table, const char *name) {
    size_t count;
    const struct catalog_column *columns = catalog_columns(table, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return columns[i].kind;
        }
    }
    return CATALOG_TEXT;
}

static void print_json_text(FILE *stream, const char *text) {
    json_t *value = json_string(text);
    CHECK(value != NULL);
    CHECK(json_dumpf(value, stream, JSON_ENCODE_ANY) == 0);
    json_decref(value);
}

static void print_json_value(FILE *stream, enum catalog_kind kind, const char *text) {
    double number;
    char digits[32];
    if (text[0] == '\0') {
        fputs("null", stream);
    } else if (kind == CATALOG_FLAG) {
        fputs(strcmp(text, "1") == 0 ? "true" : "false", stream);
    } else if ((kind == CATALOG_NUMBER || kind == CATALOG_INTEGER) && text_to_double(span_of(text), &number)) {
        text_from_double(number, digits, sizeof digits);
        fputs(digits, stream);
    } else {
        print_json_text(stream, text);
    }
}

static void print_json_row(FILE *stream, const struct catalog *catalog, enum catalog_table table, size_t row) {
    size_t columns = catalog_text_column_count(catalog, table);
    for (size_t c = 0; c < columns; c++) {
        const char *name = catalog_text_column(catalog, table, c);
        fputs(c == 0 ? "{" : ", ", stream);
        print_json_text(stream, name);
        fputs(": ", stream);
        print_json_value(stream, column_kind(table, name), catalog_text(catalog, table, row, c));
    }
    fputs("}", stream);
}

static void print_json_rows(FILE *stream, const struct catalog *catalog, enum catalog_table table) {
    size_t rows = catalog_row_count(catalog, table);
    for (size_t r = 0; r < rows; r++) {
        fputs(r == 0 ? "[\n  " : ",\n  ", stream);
        print_json_row(stream, catalog, table, r);
    }
    fputs(rows == 0 ? "[]\n" : "\n]\n", stream);
}

/* One line a column that is not blank. */
static void print_row(FILE *stream, const struct catalog *catalog, enum catalog_table table, size_t row) {
    size_t columns = catalog_text_column_count(catalog, table);
    int width = 0;
    for (size_t c = 0; c < columns; c++) {
        int length = (int)strlen(catalog_text_column(catalog, table, c));
        width = length > width ? length : width;
    }
    for (size_t c = 0; c < columns; c++) {
        const char *text = catalog_text(catalog, table, row, c);
        if (text[0] != '\0') {
            fprintf(stream, "%-*s  %s\n", width, catalog_text_column(catalog, table, c), text);
        }
    }
}

/* A column of a list: where it is in the catalogue, how wide, numbers to the right. */
struct list_column {
    size_t index;
    int width;
    bool right;
};

/* The main columns that the catalogue has. Returns their number. */
static size_t list_columns(const struct catalog *catalog, const struct table_view *view, struct list_column *out) {
    size_t count = 0;
    for (size_t m = 0; m < MAIN_COLUMNS_MAX && view->columns[m] != NULL; m++) {
        size_t columns = catalog_text_column_count(catalog, view->table);
        for (size_t c = 0; c < columns; c++) {
            if (strcmp(catalog_text_column(catalog, view->table, c), view->columns[m]) == 0) {
                out[count].index = c;
                out[count].right = column_kind(view->table, view->columns[m]) == CATALOG_NUMBER ||
                                   column_kind(view->table, view->columns[m]) == CATALOG_INTEGER;
                count++;
                break;
            }
        }
    }
    return count;
}

static void measure_columns(const struct catalog *catalog, enum catalog_table table, struct list_column *columns,
                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t width = strlen(catalog_text_column(catalog, table, columns[i].index));
        for (size_t r = 0; r < catalog_row_count(catalog, table); r++) {
            size_t length = strlen(catalog_text(catalog, table, r, columns[i].index));
            width = length > width ? length : width;
        }
        columns[i].width = (int)(width < WIDTH_MAX ? width : WIDTH_MAX);
    }
}

/* A line of a list: cells two blanks apart, none at the end. */
struct list_line {
    FILE *stream;
    int blanks; /* owed before the next cell that is not empty */
};

static void print_cell(struct list_line *line, const struct list_column *column, const char *text) {
    int length = (int)strlen(text);
    int padding = length < column->width ? column->width - length : 0;
    if (length > 0) {
        fprintf(line->stream, "%*s%s", line->blanks + (column->right ? padding : 0), "", text);
        line->blanks = 0;
    } else {
        line->blanks += column->right ? padding : 0;
    }
    line->blanks += 2 + (column->right ? 0 : padding);
}

static void print_rows(FILE *stream, const struct catalog *catalog, const struct table_view *view) {
    struct list_column columns[MAIN_COLUMNS_MAX];
    size_t count = list_columns(catalog, view, columns);
    measure_columns(catalog, view->table, columns, count);
    struct list_line head = {.stream = stream};
    for (size_t i = 0; i < count; i++) {
        print_cell(&head, &columns[i], catalog_text_column(catalog, view->table, columns[i].index));
    }
    fputs("\n", stream);
    for (size_t r = 0; r < catalog_row_count(catalog, view->table); r++) {
        struct list_line line = {.stream = stream};
        for (size_t i = 0; i < count; i++) {
            print_cell(&line, &columns[i], catalog_text(catalog, view->table, r, columns[i].index));
        }
        fputs("\n", stream);
    }
}

static bool unknown_architecture(const char *name, struct diags *diags) {
    return diag_error(diags, (struct position){0}, "unknown-architecture",
                      "unknown architecture '%s' (see 'tokenmill catalog power')", name);
}

static bool row_exists(const struct catalog *catalog, enum catalog_table table, const char *name, struct diags *diags) {
    struct span span = span_of(name);
    struct position nowhere = {0};
    switch (table) {
    case CATALOG_POWER: return catalog_find(catalog, table, span) != SIZE_MAX || unknown_architecture(name, diags);
    case CATALOG_GPUS: return catalog_gpu(catalog, span, diags, nowhere) != NULL;
    case CATALOG_LLMS: return catalog_llm(catalog, span, diags, nowhere) != NULL;
    case CATALOG_API_PRICES: return catalog_api_price(catalog, span, diags, nowhere) != NULL;
    case CATALOG_REGIONS: return catalog_region(catalog, span, diags, nowhere) != NULL;
    case CATALOG_VISION: return catalog_vision(catalog, span, diags, nowhere) != NULL;
    case CATALOG_TABLE_COUNT: break;
    }
    CHECK_NEVER("a table without view");
    return false;
}

static char *print_query(const struct catalog *catalog, const struct table_view *view,
                         const struct tmill_catalog_query *query) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    size_t row = query->name != NULL ? catalog_find(catalog, view->table, span_of(query->name)) : SIZE_MAX;
    if (query->name == NULL && query->json) {
        print_json_rows(stream, catalog, view->table);
    } else if (query->name == NULL) {
        print_rows(stream, catalog, view);
    } else if (query->json) {
        print_json_row(stream, catalog, view->table, row);
        fputs("\n", stream);
    } else {
        print_row(stream, catalog, view->table, row);
    }
    CHECK(fclose(stream) == 0);
    return text;
}

char *tmill_catalog_text(const struct tmill_catalog_query *query, struct tmill_messages *messages) {
    const struct table_view *view = find_view(query->table);
    if (view == NULL) {
        messages_usage(messages, "no table '%s' in the catalogue: gpus, models, images, apis, regions", query->table);
        return NULL;
    }
    struct diags *diags = diags_new();
    struct catalog *catalog = catalog_new();
    char *text = NULL;
    if (catalog_read(catalog, query->catalog_dir, diags) &&
        (query->name == NULL || row_exists(catalog, view->table, query->name, diags))) {
        text = print_query(catalog, view, query);
    }
    messages_take(messages, diags);
    catalog_free(catalog);
    return text;
}
