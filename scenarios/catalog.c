#include "scenarios/catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/embedded.h"
#include "scenarios/csv_table.h"

enum { FILE_SIZE_MAX = 16 << 20, LABEL_SIZE = 256 };

struct table {
    struct diag_source source; /* text and name in the arena, or compiled in */
    struct csv_table csv;
    char *rows; // in the arena: structs of the table's type, csv.row_count - 1 of them
    size_t row_count;
    size_t aliases_column; /* SIZE_MAX: none */
};

struct catalog {
    struct arena *arena; // owned
    struct table tables[CATALOG_TABLE_COUNT];
    const char *hashes;
};

struct table_type {
    const char *name;
    const char *file;
    const char *noun; /* in messages */
    const char *rule;
    size_t row_size;
};

static const struct table_type types[CATALOG_TABLE_COUNT] = {
    [CATALOG_GPUS] = {"gpus", "gpus.csv", "GPU", "unknown-gpu", sizeof(struct gpu)},
    [CATALOG_LLMS] = {"models", "llms.csv", "model", "unknown-model", sizeof(struct llm)},
    [CATALOG_VISION] = {"vision", "vision.csv", "vision model", "unknown-model", sizeof(struct vision_model)},
    [CATALOG_API_PRICES] = {"apis", "api_prices.csv", "API price", "unknown-api", sizeof(struct api_price_row)},
    [CATALOG_REGIONS] = {"regions", "regions.csv", "region", "unknown-region", sizeof(struct region)},
    [CATALOG_POWER] = {"power", "power.csv", "architecture", "unknown-architecture", sizeof(struct architecture_power)},
};

const char *catalog_table_name(enum catalog_table table) {
    CHECK((unsigned)table < CATALOG_TABLE_COUNT);
    return types[table].name;
}

struct catalog *catalog_new(void) {
    struct catalog *catalog = xcalloc(1, sizeof *catalog);
    catalog->arena = arena_new();
    catalog->hashes = "";
    return catalog;
}

void catalog_free(struct catalog *catalog) {
    if (catalog != NULL) {
        arena_free(catalog->arena);
        free(catalog);
    }
}

/* ---- files ---- */

static bool source_compiled_in(struct diag_source *source, const char *file) {
    for (size_t i = 0; i < embedded_files_count; i++) {
        if (strcmp(embedded_files[i].name, file) == 0) {
            *source = (struct diag_source){file, embedded_files[i].data, embedded_files[i].size};
            return true;
        }
    }
    return false;
}

static bool stream_read(struct diag_source *source, FILE *stream, struct arena *arena, struct diags *diags) {
    char *text = xcalloc(FILE_SIZE_MAX + 1, 1);
    size_t size = fread(text, 1, FILE_SIZE_MAX + 1, stream);
    struct position at = {.source = source};
    bool ok = true;
    if (ferror(stream)) {
        ok = diag_world(diags, at, "catalogue-file", "cannot be read: %s", strerror(errno));
    } else if (size > FILE_SIZE_MAX) {
        ok = diag_error(diags, at, "catalogue-file", "is larger than %d MiB", FILE_SIZE_MAX >> 20);
    } else {
        source->text = arena_text(arena, text, size);
        source->size = size;
    }
    free(text);
    return ok;
}

bool catalog_source_open(struct diag_source *source, const char *dir, const char *file, struct arena *arena,
                         struct diags *diags) {
    if (dir == NULL) {
        CHECK(source_compiled_in(source, file));
        return true;
    }
    *source = (struct diag_source){.name = arena_format(arena, "%s/%s", dir, file), .text = NULL, .size = 0};
    FILE *stream = fopen(source->name, "rb");
    if (stream == NULL && errno == ENOENT) {
        CHECK(source_compiled_in(source, file));
        return true;
    }
    if (stream == NULL) {
        return diag_world(diags, (struct position){.source = source}, "catalogue-file", "cannot be opened: %s",
                          strerror(errno));
    }
    bool ok = stream_read(source, stream, arena, diags);
    fclose(stream);
    return ok;
}

/* A folder that holds none of the files is a mistake, not a set of defaults. */
static bool dir_check(const char *dir, struct diags *diags) {
    for (int i = 0; dir != NULL && i < CATALOG_TABLE_COUNT; i++) {
        char *path = NULL;
        CHECK(asprintf(&path, "%s/%s", dir, types[i].file) > 0);
        FILE *stream = fopen(path, "rb");
        free(path);
        if (stream != NULL) {
            fclose(stream);
            return true;
        }
    }
    if (dir == NULL) {
        return true;
    }
    return diag_world(
        diags, (struct position){0}, "catalogue-file",
        "no catalogue in %s: it holds none of gpus.csv, llms.csv, vision.csv, api_prices.csv, regions.csv, power.csv",
        dir);
}

/* ---- header ---- */

/* The struct's column for each column of the file; NULL for `aliases`. */
struct header {
    const struct catalog_column **columns; /* in the arena */
};

static const struct catalog_column *column_named(enum catalog_table table, const char *name) {
    size_t count = 0;
    const struct catalog_column *columns = catalog_columns(table, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return &columns[i];
        }
    }
    return NULL;
}

static bool unknown_column(enum catalog_table table, const char *name, struct diags *diags, struct position at) {
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    size_t count = 0;
    const struct catalog_column *columns = catalog_columns(table, &count);
    CHECK(count <= NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = columns[i].name;
    }
    const char *guess = text_guess(span_of(name), names, count);
    return diag_error(diags, at, "catalogue-header", "unknown column '%s'%s%s%s", name,
                      guess != NULL ? "; did you mean '" : "", guess != NULL ? guess : "", guess != NULL ? "'?" : "");
}

static bool header_has(const struct csv_row *header, const char *name) {
    for (size_t i = 0; i < header->count; i++) {
        if (strcmp(header->cells[i].text, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool header_needs(const struct csv_table *csv, struct diags *diags) {
    static const char *const needed[] = {"name", "status", "source", "as_of"};
    bool ok = true;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!header_has(&csv->rows[0], needed[i])) {
            ok = diag_error(diags, csv_cell_position(csv, &csv->rows[0].cells[0]), "catalogue-header",
                            "column '%s' is missing", needed[i]);
        }
    }
    return ok;
}

static bool header_read(struct header *header, struct catalog *catalog, enum catalog_table id, struct diags *diags) {
    struct table *table = &catalog->tables[id];
    const struct csv_row *names = &table->csv.rows[0];
    header->columns = arena_alloc(catalog->arena, names->count, sizeof(const struct catalog_column *));
    table->aliases_column = SIZE_MAX;
    bool ok = header_needs(&table->csv, diags);
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->cells[i].text;
        header->columns[i] = column_named(id, name);
        if (strcmp(name, "aliases") == 0) {
            table->aliases_column = i;
        } else if (header->columns[i] == NULL) {
            ok = unknown_column(id, name, diags, csv_cell_position(&table->csv, &names->cells[i]));
        }
    }
    return ok;
}

/* ---- rows ---- */

/* Fields that the file has no column for: as if blank. */
static void row_blank(void *row, enum catalog_table id) {
    struct diags *none = diags_new();
    size_t count = 0;
    const struct catalog_column *columns = catalog_columns(id, &count);
    for (size_t i = 0; i < count; i++) {
        CHECK(catalog_set_field(row, &columns[i], "", none, (struct position){0}));
    }
    diags_free(none);
}

static bool status_known(const char *status) {
    return strcmp(status, "datasheet") == 0 || strcmp(status, "measured") == 0 || strcmp(status, "estimate") == 0;
}

/* Every row has a name, a source, a date and a known status. */
static bool cell_check(const struct catalog_column *column, const char *text, struct diags *diags, struct position at) {
    bool needed =
        strcmp(column->name, "name") == 0 || strcmp(column->name, "source") == 0 || strcmp(column->name, "as_of") == 0;
    if (needed && text[0] == '\0') {
        return diag_error(diags, at, "catalogue-row", "%s is blank; every row needs it", column->name);
    }
    if (strcmp(column->name, "status") == 0 && !status_known(text)) {
        return diag_error(diags, at, "catalogue-row", "status = '%s' is none of datasheet, measured, estimate", text);
    }
    return true;
}

static bool row_read(void *row, const struct csv_table *csv, const struct csv_row *texts, const struct header *header,
                     struct diags *diags) {
    bool ok = true;
    for (size_t i = 0; i < texts->count; i++) {
        if (header->columns[i] == NULL) {
            continue;
        }
        struct position at = csv_cell_position(csv, &texts->cells[i]);
        ok = cell_check(header->columns[i], texts->cells[i].text, diags, at) && ok;
        ok = catalog_set_field(row, header->columns[i], texts->cells[i].text, diags, at) && ok;
    }
    return ok;
}

static bool rows_read(struct catalog *catalog, enum catalog_table id, const struct header *header,
                      struct diags *diags) {
    struct table *table = &catalog->tables[id];
    table->row_count = table->csv.row_count - 1;
    table->rows = arena_alloc(catalog->arena, table->row_count, types[id].row_size);
    bool ok = true;
    for (size_t i = 0; i < table->row_count; i++) {
        void *row = table->rows + i * types[id].row_size;
        row_blank(row, id);
        ok = row_read(row, &table->csv, &table->csv.rows[i + 1], header, diags) && ok;
    }
    return ok;
}

/* ---- names ---- */

/* The first field of every row struct. */
static const char *row_name(const struct table *table, enum catalog_table id, size_t row) {
    return *(const char *const *)(const void *)(table->rows + row * types[id].row_size);
}

static bool alias_matches(const char *aliases, struct span name) {
    const char *start = aliases;
    while (*start != '\0') {
        size_t size = strcspn(start, "|");
        if (size == name.size && strncasecmp(start, name.data, size) == 0) {
            return true;
        }
        start += size + (start[size] == '|');
    }
    return false;
}

/* PROVIDER/name of an API price. */
static bool qualified_matches(const struct api_price_row *row, struct span name) {
    size_t size = strlen(row->provider);
    return name.size > size + 1 && name.data[size] == '/' && strncasecmp(name.data, row->provider, size) == 0 &&
           span_equals_nocase((struct span){name.data + size + 1, name.size - size - 1}, row->name);
}

static bool row_matches(const struct table *table, enum catalog_table id, size_t row, struct span name) {
    if (span_equals_nocase(name, row_name(table, id, row))) {
        return true;
    }
    if (id == CATALOG_API_PRICES &&
        qualified_matches((const struct api_price_row *)(const void *)table->rows + row, name)) {
        return true;
    }
    return table->aliases_column != SIZE_MAX &&
           alias_matches(table->csv.rows[row + 1].cells[table->aliases_column].text, name);
}

size_t catalog_find(const struct catalog *catalog, enum catalog_table id, struct span name) {
    const struct table *table = &catalog->tables[id];
    for (size_t i = 0; i < table->row_count; i++) {
        if (row_matches(table, id, i, name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* A name or alias that an earlier row has. */
static bool name_is_new(const struct catalog *catalog, enum catalog_table id, size_t row, struct span name,
                        struct diags *diags) {
    const struct table *table = &catalog->tables[id];
    for (size_t i = 0; i < row; i++) {
        if (row_matches(table, id, i, name)) {
            return diag_error(diags, csv_cell_position(&table->csv, &table->csv.rows[row + 1].cells[0]),
                              "catalogue-duplicate", "'%.*s' names '%s' already", (int)name.size, name.data,
                              row_name(table, id, i));
        }
    }
    return true;
}

static bool names_are_new(const struct catalog *catalog, enum catalog_table id, struct diags *diags) {
    const struct table *table = &catalog->tables[id];
    bool ok = true;
    for (size_t i = 0; i < table->row_count; i++) {
        ok = name_is_new(catalog, id, i, span_of(row_name(table, id, i)), diags) && ok;
        if (table->aliases_column == SIZE_MAX) {
            continue;
        }
        const char *start = table->csv.rows[i + 1].cells[table->aliases_column].text;
        while (*start != '\0') {
            size_t size = strcspn(start, "|");
            ok = name_is_new(catalog, id, i, (struct span){start, size}, diags) && ok;
            start += size + (start[size] == '|');
        }
    }
    return ok;
}

/* ---- reading ---- */

static bool table_read(struct catalog *catalog, enum catalog_table id, const char *dir, struct diags *diags) {
    struct table *table = &catalog->tables[id];
    struct header header = {0};
    return catalog_source_open(&table->source, dir, types[id].file, catalog->arena, diags) &&
           csv_table_read(&table->csv, &table->source, "catalogue-csv", catalog->arena, diags) &&
           header_read(&header, catalog, id, diags) && rows_read(catalog, id, &header, diags) &&
           names_are_new(catalog, id, diags);
}

/* FNV-1a, 64 bits. Source: RFC draft-eastlake-fnv. */
static uint64_t hash_of(const struct diag_source *source) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < source->size; i++) {
        hash = (hash ^ (unsigned char)source->text[i]) * 0x100000001b3U;
    }
    return hash;
}

static void hashes_make(struct catalog *catalog) {
    for (int i = 0; i < CATALOG_TABLE_COUNT; i++) {
        catalog->hashes = arena_format(catalog->arena, "%s%s%s 0x%016" PRIx64, catalog->hashes, i > 0 ? ", " : "",
                                       types[i].file, hash_of(&catalog->tables[i].source));
    }
}

bool catalog_read(struct catalog *catalog, const char *dir, struct diags *diags) {
    if (!dir_check(dir, diags)) {
        return false;
    }
    bool ok = true;
    for (int i = 0; i < CATALOG_TABLE_COUNT; i++) {
        ok = table_read(catalog, (enum catalog_table)i, dir, diags) && ok;
    }
    hashes_make(catalog);
    return ok;
}

/* ---- use ---- */

struct names {
    struct arena *arena; // owned
    const char **items;  // owned
    size_t count;
};

static void names_add(struct names *names, const char *name, size_t size) {
    names->items = xrealloc(names->items, names->count + 1, sizeof *names->items);
    names->items[names->count++] = arena_text(names->arena, name, size);
}

/* Names and aliases of all rows. */
static void names_collect(struct names *names, const struct catalog *catalog, enum catalog_table id) {
    const struct table *table = &catalog->tables[id];
    const bool has_aliases = table->aliases_column != SIZE_MAX;
    for (size_t i = 0; i < table->row_count; i++) {
        const char *name = row_name(table, id, i);
        const char *alias = has_aliases ? table->csv.rows[i + 1].cells[table->aliases_column].text : "";
        names_add(names, name, strlen(name));
        while (*alias != '\0') {
            const size_t size = strcspn(alias, "|");
            names_add(names, alias, size);
            alias += size + (alias[size] == '|');
        }
    }
}

static const void *row_or_guess(const struct catalog *catalog, enum catalog_table id, struct span name,
                                struct diags *diags, struct position at) {
    const struct table *table = &catalog->tables[id];
    size_t row = catalog_find(catalog, id, name);
    if (row != SIZE_MAX) {
        return table->rows + row * types[id].row_size;
    }
    struct names names = {.arena = arena_new()};
    names_collect(&names, catalog, id);
    const char *guess = text_guess(name, names.items, names.count);
    diag_error(diags, at, types[id].rule, "unknown %s '%.*s'%s%s%s (see 'tokenmill catalog %s')", types[id].noun,
               (int)name.size, name.data, guess != NULL ? "; did you mean '" : "", guess != NULL ? guess : "",
               guess != NULL ? "'?" : "", types[id].name);
    arena_free(names.arena);
    free(names.items);
    return NULL;
}

const struct gpu *catalog_gpu(const struct catalog *catalog, struct span name, struct diags *diags,
                              struct position at) {
    return row_or_guess(catalog, CATALOG_GPUS, name, diags, at);
}

const struct llm *catalog_llm(const struct catalog *catalog, struct span name, struct diags *diags,
                              struct position at) {
    return row_or_guess(catalog, CATALOG_LLMS, name, diags, at);
}

const struct vision_model *catalog_vision(const struct catalog *catalog, struct span name, struct diags *diags,
                                          struct position at) {
    return row_or_guess(catalog, CATALOG_VISION, name, diags, at);
}

const struct api_price_row *catalog_api_price(const struct catalog *catalog, struct span name, struct diags *diags,
                                              struct position at) {
    return row_or_guess(catalog, CATALOG_API_PRICES, name, diags, at);
}

const struct region *catalog_region(const struct catalog *catalog, struct span name, struct diags *diags,
                                    struct position at) {
    return row_or_guess(catalog, CATALOG_REGIONS, name, diags, at);
}

const struct architecture_power *catalog_power(const struct catalog *catalog, const struct gpu *gpu) {
    const struct table *table = &catalog->tables[CATALOG_POWER];
    const struct architecture_power *rows = (const struct architecture_power *)(const void *)table->rows;
    const struct architecture_power *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < table->row_count; i++) {
        size_t size = strlen(rows[i].name);
        if (size > longest && strncmp(gpu->arch, rows[i].name, size) == 0) {
            best = &rows[i];
            longest = size;
        }
    }
    return best;
}

size_t catalog_row_count(const struct catalog *catalog, enum catalog_table table) {
    return catalog->tables[table].row_count;
}

size_t catalog_text_column_count(const struct catalog *catalog, enum catalog_table table) {
    return catalog->tables[table].csv.row_count > 0 ? catalog->tables[table].csv.rows[0].count : 0;
}

const char *catalog_text_column(const struct catalog *catalog, enum catalog_table table, size_t column) {
    CHECK(column < catalog_text_column_count(catalog, table));
    return catalog->tables[table].csv.rows[0].cells[column].text;
}

const char *catalog_text(const struct catalog *catalog, enum catalog_table table, size_t row, size_t column) {
    CHECK(row < catalog_row_count(catalog, table) && column < catalog_text_column_count(catalog, table));
    return catalog->tables[table].csv.rows[row + 1].cells[column].text;
}

const char *catalog_hashes(const struct catalog *catalog) {
    return catalog->hashes;
}
