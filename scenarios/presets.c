#include "scenarios/presets.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/embedded.h"
#include "base/text.h"
#include "scenarios/csv_table.h"

enum { FILE_BYTES_MAX = 1 << 22, VALUES_MAX = 1 << 16 };

enum preset_table { TABLE_PROFILES, TABLE_LENGTHS, TABLE_COUNT };

static const char *const table_files[TABLE_COUNT] = {
    [TABLE_PROFILES] = "diurnal.csv",
    [TABLE_LENGTHS] = "length_quantiles.csv",
};

struct preset_list {
    struct preset *rows; /* in the arena */
    const char **names;
    size_t count;
};

struct presets {
    struct arena *arena; // owned
    struct preset_list tables[TABLE_COUNT];
    const char *hashes;
};

/* ---- files ---- */

/* The whole file as text in the arena. */
static bool file_read(const char *path, struct arena *arena, struct span *text) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    char *buffer = xcalloc(FILE_BYTES_MAX, 1);
    size_t size = fread(buffer, 1, FILE_BYTES_MAX, file);
    bool whole = !ferror(file) && size < FILE_BYTES_MAX;
    errno = whole || ferror(file) ? errno : EFBIG;
    fclose(file);
    if (whole) {
        *text = (struct span){arena_text(arena, buffer, size), size};
    }
    free(buffer);
    return whole;
}

static struct diag_source *source_make(struct arena *arena, const char *name, struct span text) {
    struct diag_source *source = arena_alloc(arena, 1, sizeof(*source));
    *source = (struct diag_source){.name = arena_text(arena, name, strlen(name)), .text = text.data, .size = text.size};
    return source;
}

static const struct diag_source *compiled_in(struct arena *arena, const char *file) {
    size_t i = 0;
    while (i < embedded_files_count && strcmp(embedded_files[i].name, file) != 0) {
        i++;
    }
    CHECK(i < embedded_files_count);
    return source_make(arena, file, (struct span){embedded_files[i].data, embedded_files[i].size});
}

/* The folder's file, or else the compiled-in one; NULL with diagnostics if the folder's cannot be read. */
static const struct diag_source *table_source(const char *dir, const char *file, struct arena *arena,
                                              struct diags *diags) {
    if (dir == NULL) {
        return compiled_in(arena, file);
    }
    const char *path = arena_format(arena, "%s/%s", dir, file);
    struct span text;
    if (file_read(path, arena, &text)) {
        return source_make(arena, path, text);
    }
    if (errno == ENOENT) {
        return compiled_in(arena, file);
    }
    diag_world(diags, (struct position){0}, "catalogue-file", "%s: %s", path, strerror(errno));
    return NULL;
}

/* ---- numbers in a line ---- */

/* Takes the next number off `rest`; false at its end or at what is no number (then `rest` is not empty). */
static bool take_number(struct span *rest, const char *separators, double *value) {
    while (rest->size > 0 && strchr(separators, rest->data[0]) != NULL) {
        rest->data++;
        rest->size--;
    }
    size_t size = 0;
    while (size < rest->size && strchr(separators, rest->data[size]) == NULL) {
        size++;
    }
    if (!text_to_double((struct span){rest->data, size}, value)) {
        return false;
    }
    rest->data += size;
    rest->size -= size;
    return true;
}

/* ---- shapes ---- */

bool quantiles_check(const double *p, const double *value, size_t count, struct position at, struct diags *diags) {
    if (count < 2 || p[0] < 0.0 || p[0] > 0.0 || p[count - 1] < 1.0 || p[count - 1] > 1.0) {
        return diag_error(diags, at, "table-shape",
                          "a table of quantiles goes from p = 0 to p = 1, with two points or more");
    }
    for (size_t i = 0; i < count; i++) {
        bool rises = i == 0 || (p[i] > p[i - 1] && value[i] >= value[i - 1]);
        if (!rises || !(value[i] >= 0.0) || !isfinite(value[i])) {
            return diag_error(diags, at, "table-shape",
                              "point %zu (p = %g, value = %g): p must rise, values must not fall or be negative", i + 1,
                              p[i], value[i]);
        }
    }
    return true;
}

bool profile_check(const double *multipliers, size_t count, struct position at, struct diags *diags) {
    if (count != 24 && count != 168) {
        return diag_error(diags, at, "table-shape", "a profile has 24 or 168 hourly multipliers, not %zu", count);
    }
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!(multipliers[i] >= 0.0) || !(multipliers[i] <= 1e9)) {
            return diag_error(diags, at, "table-shape", "multiplier %zu = %g is outside 0..1e9", i + 1, multipliers[i]);
        }
        sum += multipliers[i];
    }
    return sum > 0.0 || diag_error(diags, at, "table-shape", "all multipliers are 0");
}

/* ---- the catalogue ---- */

enum {
    COLUMN_NAME,
    COLUMN_ALIASES,
    COLUMN_DESCRIPTION,
    COLUMN_STATUS,
    COLUMN_SOURCE,
    COLUMN_AS_OF,
    COLUMN_VALUES,
    COLUMN_COUNT
};

static bool values_parse(struct arena *arena, struct span text, struct preset *preset) {
    double *values = xcalloc(VALUES_MAX, sizeof(*values));
    size_t count = 0;
    while (count < VALUES_MAX && take_number(&text, " ", &values[count])) {
        count++;
    }
    bool ok = text.size == 0 && count >= 2;
    if (ok) {
        double *kept = arena_alloc(arena, count, sizeof(*kept));
        memcpy(kept, values, count * sizeof(*kept));
        preset->value = kept;
        preset->count = count;
    }
    free(values);
    return ok;
}

static const double *even_probabilities(struct arena *arena, size_t count) {
    double *p = arena_alloc(arena, count, sizeof(*p));
    for (size_t i = 0; i < count; i++) {
        p[i] = (double)i / (double)(count - 1);
    }
    return p;
}

static bool preset_parse(struct preset *preset, enum preset_table table, struct arena *arena, const struct csv_row *row,
                         struct position at, struct diags *diags) {
    *preset = (struct preset){
        .name = row->cells[COLUMN_NAME].text,
        .aliases = row->cells[COLUMN_ALIASES].text,
        .description = row->cells[COLUMN_DESCRIPTION].text,
        .status = row->cells[COLUMN_STATUS].text,
        .source = row->cells[COLUMN_SOURCE].text,
        .as_of = row->cells[COLUMN_AS_OF].text,
    };
    if (!values_parse(arena, span_of(row->cells[COLUMN_VALUES].text), preset)) {
        return diag_error(diags, at, "catalogue-row", "%s: `values` must be numbers with blanks between", preset->name);
    }
    if (table == TABLE_PROFILES) {
        return profile_check(preset->value, preset->count, at, diags);
    }
    preset->p = even_probabilities(arena, preset->count);
    return quantiles_check(preset->p, preset->value, preset->count, at, diags);
}

static bool header_check(const struct csv_table *csv, struct diags *diags) {
    static const char *const columns[COLUMN_COUNT] = {"name",   "aliases", "description", "status",
                                                      "source", "as_of",   "values"};
    bool same = csv->row_count > 0 && csv->rows[0].count == COLUMN_COUNT;
    for (size_t i = 0; same && i < COLUMN_COUNT; i++) {
        same = strcmp(csv->rows[0].cells[i].text, columns[i]) == 0;
    }
    return same || diag_error(diags, (struct position){.source = csv->source, .line = 1, .column = 1}, "catalogue-row",
                              "the header must be name,aliases,description,status,source,as_of,values");
}

static bool list_read(struct preset_list *list, enum preset_table table, struct arena *arena,
                      const struct diag_source *source, struct diags *diags) {
    struct csv_table csv;
    if (!csv_table_read(&csv, source, "catalogue-csv", arena, diags) || !header_check(&csv, diags)) {
        return false;
    }
    list->count = csv.row_count - 1;
    list->rows = arena_alloc(arena, list->count, sizeof(*list->rows));
    list->names = arena_alloc(arena, list->count, sizeof(*list->names));
    bool ok = true;
    for (size_t i = 0; i < list->count; i++) {
        struct position at = csv_cell_position(&csv, &csv.rows[i + 1].cells[COLUMN_VALUES]);
        ok = preset_parse(&list->rows[i], table, arena, &csv.rows[i + 1], at, diags) && ok;
        list->names[i] = list->rows[i].name;
    }
    return ok;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const struct diag_source *source) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < source->size; i++) {
        hash = (hash ^ (unsigned char)source->text[i]) * 0x100000001b3ULL;
    }
    return hash;
}

static void presets_release(void *presets) {
    presets_free(presets);
}

struct presets *presets_new(const char *catalog_dir, struct diags *diags) {
    struct presets *presets = xcalloc(1, sizeof(*presets));
    presets->arena = arena_new();
    presets->hashes = "";
    bool ok = true;
    for (enum preset_table table = 0; table < TABLE_COUNT; table++) {
        const struct diag_source *source = table_source(catalog_dir, table_files[table], presets->arena, diags);
        if (source == NULL || !list_read(&presets->tables[table], table, presets->arena, source, diags)) {
            ok = false;
            continue;
        }
        presets->hashes = arena_format(presets->arena, "%s%s%s 0x%016" PRIx64, presets->hashes,
                                       *presets->hashes != '\0' ? ", " : "", table_files[table], hash_of(source));
    }
    if (ok) {
        return presets;
    }
    diags_keep(diags, presets, presets_release);
    return NULL;
}

void presets_free(struct presets *presets) {
    if (presets != NULL) {
        arena_free(presets->arena);
        free(presets);
    }
}

static bool has_name(const struct preset *preset, struct span name) {
    if (span_equals_nocase(name, preset->name)) {
        return true;
    }
    for (const char *at = preset->aliases; *at != '\0';) {
        size_t size = strcspn(at, " ");
        if (size == name.size && size > 0 && strncasecmp(at, name.data, size) == 0) {
            return true;
        }
        at += size + (at[size] == ' ');
    }
    return false;
}

static const struct preset *list_find(const struct preset_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (has_name(&list->rows[i], span_of(name))) {
            return &list->rows[i];
        }
    }
    return NULL;
}

const struct preset *presets_lengths(const struct presets *presets, const char *name) {
    return list_find(&presets->tables[TABLE_LENGTHS], name);
}

const struct preset *presets_profile(const struct presets *presets, const char *name) {
    return list_find(&presets->tables[TABLE_PROFILES], name);
}

const char *presets_hashes(const struct presets *presets) {
    return presets->hashes;
}

const char *const *presets_length_names(const struct presets *presets, size_t *count) {
    *count = presets->tables[TABLE_LENGTHS].count;
    return presets->tables[TABLE_LENGTHS].names;
}

const char *const *presets_profile_names(const struct presets *presets, size_t *count) {
    *count = presets->tables[TABLE_PROFILES].count;
    return presets->tables[TABLE_PROFILES].names;
}

void preset_length_spec(const struct preset *preset, struct length_spec *spec) {
    *spec = (struct length_spec){
        .kind = LENGTH_QUANTILES,
        .quantile_p = preset->p,
        .quantile_value = preset->value,
        .count = preset->count,
    };
}

/* ---- a user's tables ---- */

/* First and last number of each line, in the arena. */
struct numbers {
    double *first, *last;
    size_t count;
};

static bool is_header_or_comment(struct span line, size_t rows) {
    char c = line.size > 0 ? line.data[0] : '#';
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '"';
    return c == '#' || (letter && rows == 0);
}

static bool line_parse(struct numbers *numbers, struct span line) {
    double value = 0.0;
    for (size_t fields = 0; line.size > 0; fields++) {
        if (!take_number(&line, ",; \t", &value)) {
            return false;
        }
        numbers->first[numbers->count] = fields == 0 ? value : numbers->first[numbers->count];
    }
    numbers->last[numbers->count++] = value;
    return true;
}

static bool numbers_read(const char *path, struct position at, struct arena *arena, struct numbers *numbers,
                         struct diags *diags) {
    struct span text;
    if (!file_read(path, arena, &text)) {
        return diag_world(diags, at, "table-open", "%s: %s", path, strerror(errno));
    }
    const struct diag_source *source = source_make(arena, path, text);
    *numbers = (struct numbers){.first = arena_alloc(arena, VALUES_MAX, sizeof(double)),
                                .last = arena_alloc(arena, VALUES_MAX, sizeof(double))};
    for (uint32_t line = 1; text.size > 0; line++) {
        const char *end = memchr(text.data, '\n', text.size);
        struct span row = {text.data, end != NULL ? (size_t)(end - text.data) : text.size};
        size_t size = row.size + (end != NULL);
        row.size -= row.size > 0 && row.data[row.size - 1] == '\r';
        text.data += size;
        text.size -= size;
        row = span_trim(row);
        if (is_header_or_comment(row, numbers->count)) {
            continue;
        }
        if (numbers->count == VALUES_MAX || !line_parse(numbers, row)) {
            return diag_error(diags, (struct position){.source = source, .line = line, .column = 1}, "table-row",
                              "numbers are wanted here, at most %d rows of them", VALUES_MAX);
        }
    }
    return true;
}

bool quantiles_read(const char *path, struct position at, struct arena *arena, struct length_spec *spec,
                    struct diags *diags) {
    struct numbers numbers;
    if (!numbers_read(path, at, arena, &numbers, diags)) {
        return false;
    }
    double scale = numbers.count > 0 && numbers.first[numbers.count - 1] > 1.0 ? 100.0 : 1.0;
    for (size_t i = 0; i < numbers.count; i++) {
        numbers.first[i] /= scale;
    }
    if (!quantiles_check(numbers.first, numbers.last, numbers.count, at, diags)) {
        return false;
    }
    *spec = (struct length_spec){
        .kind = LENGTH_QUANTILES, .quantile_p = numbers.first, .quantile_value = numbers.last, .count = numbers.count};
    return true;
}

bool profile_read(const char *path, struct position at, struct arena *arena, const double **multipliers, size_t *count,
                  struct diags *diags) {
    struct numbers numbers;
    if (!numbers_read(path, at, arena, &numbers, diags) || !profile_check(numbers.last, numbers.count, at, diags)) {
        return false;
    }
    *multipliers = numbers.last;
    *count = numbers.count;
    return true;
}
