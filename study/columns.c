#include "study/columns.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "scenarios/csv_table.h"

enum { FILE_BYTES_MAX = 256 << 20, HEADER_BYTES_MAX = 1 << 16, READ_BYTES = 1 << 16, WORD_COUNT_MAX = 16 };

/* At most `limit` bytes of the file, terminated, for free(); NULL with errno set. */
static char *file_text(const char *path, size_t limit, size_t *size) {
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        return NULL;
    }
    char *text = xcalloc(READ_BYTES + 1, 1);
    size_t used = 0, got;
    while (used < limit && (got = fread(text + used, 1, READ_BYTES, stream)) > 0) {
        used += got;
        text = xrealloc(text, used + READ_BYTES + 1, 1);
    }
    text[used] = '\0';
    int error = errno;
    bool is_ok = ferror(stream) == 0;
    fclose(stream);
    if (!is_ok) {
        free(text);
        errno = error;
        return NULL;
    }
    *size = used;
    return text;
}

/* NULL with a diagnostic. */
static const struct diag_source *source_read(const char *path, struct arena *arena, struct diags *diags) {
    struct diag_source *source = arena_alloc(arena, 1, sizeof *source);
    source->name = arena_text(arena, path, strlen(path));
    struct position at = {.source = source};
    char *text = file_text(path, FILE_BYTES_MAX, &source->size);
    if (text == NULL) {
        diag_world(diags, at, "measured-file", "cannot be read: %s", strerror(errno));
        return NULL;
    }
    if (source->size >= FILE_BYTES_MAX) {
        free(text);
        source->size = 0;
        diag_error(diags, at, "measured-file", "is larger than %d MiB", FILE_BYTES_MAX >> 20);
        return NULL;
    }
    const size_t mark = source->size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
    source->size -= mark;
    source->text = arena_text(arena, text + mark, source->size);
    free(text);
    return source;
}

/* Which field of a row is the column; SIZE_MAX: none. */
static size_t field_of(const struct csv_table *table, const char *name) {
    for (size_t i = 0; i < table->rows[0].count; i++) {
        if (strcmp(table->rows[0].cells[i].text, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool header_check(const struct columns *columns, const struct csv_table *table, struct diags *diags) {
    bool is_ok = true;
    const struct position at = csv_cell_position(table, &table->rows[0].cells[0]);
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->columns[i];
        if (column->need != COLUMN_OPTIONAL && field_of(table, column->name) == SIZE_MAX) {
            is_ok = diag_error(diags, at, "measured-header", "column '%s' is missing", column->name);
        }
    }
    for (size_t i = 0; i < table->rows[0].count; i++) {
        const struct csv_cell *cell = &table->rows[0].cells[i];
        if (field_of(table, cell->text) < i) {
            is_ok = diag_error(diags, csv_cell_position(table, cell), "measured-header", "column '%s' stands twice",
                               cell->text);
        }
    }
    return is_ok;
}

/* Numbers that are not known: empty, or what pandas writes for them. */
static bool is_blank(const char *text) {
    return text[0] == '\0' || span_equals_nocase(span_of(text), "nan");
}

static bool fill_number(const struct column *column, const char *text, void *out, struct diags *diags,
                        struct position at) {
    double value;
    if (is_blank(text)) {
        *(double *)out = (double)NAN;
        return true;
    }
    if (!text_to_double(span_of(text), &value)) {
        return diag_error(diags, at, "measured-value", "%s = '%s' is not a number; leave it empty if it is not known",
                          column->name, text);
    }
    if (value < column->min || value > column->max) {
        return diag_error(diags, at, "measured-value", "%s = %s is outside %g..%g", column->name, text, column->min,
                          column->max);
    }
    *(double *)out = value;
    return true;
}

static bool fill_whole(const struct column *column, const char *text, void *out, struct diags *diags,
                       struct position at) {
    int64_t value = 0;
    if (!is_blank(text) && !text_to_int64(span_of(text), &value)) {
        return diag_error(diags, at, "measured-value", "%s = '%s' is not a whole number", column->name, text);
    }
    if (!is_blank(text) && ((double)value < column->min || (double)value > column->max)) {
        return diag_error(diags, at, "measured-value", "%s = %s is outside %g..%g", column->name, text, column->min,
                          column->max);
    }
    *(int64_t *)out = value;
    return true;
}

static bool fill_word(const struct column *column, const char *text, void *out, struct diags *diags,
                      struct position at) {
    size_t index = 0;
    const char *word = column->words;
    while (text[0] != '\0' && !span_equals((struct span){word, strcspn(word, "|")}, text)) {
        word += strcspn(word, "|");
        if (*word == '\0') {
            return diag_error(diags, at, "measured-value", "%s = '%s' is not one of %s", column->name, text,
                              column->words);
        }
        word++;
        index++;
    }
    *(size_t *)out = index;
    return true;
}

static bool fill(const struct column *column, const char *text, void *row, struct diags *diags, struct position at) {
    void *out = (char *)row + column->offset;
    if (column->need == COLUMN_FILLED && text[0] == '\0') {
        return diag_error(diags, at, "measured-value", "%s is empty; every row needs it", column->name);
    }
    switch (column->kind) {
    case COLUMN_NUMBER: return fill_number(column, text, out, diags, at);
    case COLUMN_WHOLE: return fill_whole(column, text, out, diags, at);
    case COLUMN_WORD: return fill_word(column, text, out, diags, at);
    case COLUMN_TEXT: break;
    }
    if (text[0] != '\0' && column->is_fine != NULL && !column->is_fine(text)) {
        return diag_error(diags, at, "measured-value", "%s = '%s' is not %s", column->name, text, column->wanted);
    }
    *(const char **)out = text;
    return true;
}

/* Column by column of one row; a column that the file lacks is blank. */
static bool fill_row(const struct columns *columns, const size_t *fields, const struct csv_table *table, size_t line,
                     void *row, struct diags *diags) {
    bool is_ok = true;
    const struct csv_row *cells = &table->rows[line];
    *(struct position *)row = csv_cell_position(table, &cells->cells[0]);
    for (size_t i = 0; i < columns->count; i++) {
        const struct csv_cell *cell = fields[i] == SIZE_MAX ? NULL : &cells->cells[fields[i]];
        struct position at = cell == NULL ? (struct position){.source = table->source} : csv_cell_position(table, cell);
        is_ok = fill(&columns->columns[i], cell == NULL ? "" : cell->text, row, diags, at) && is_ok;
    }
    return is_ok;
}

bool columns_read(const struct columns *columns, const char *path, struct arena *arena, void **rows, size_t *row_count,
                  struct diags *diags) {
    struct csv_table table;
    const struct diag_source *source = source_read(path, arena, diags);
    if (source == NULL || !csv_table_read(&table, source, "measured-csv", arena, diags) ||
        !header_check(columns, &table, diags)) {
        return false;
    }
    size_t *fields = arena_alloc(arena, columns->count, sizeof *fields);
    for (size_t i = 0; i < columns->count; i++) {
        fields[i] = field_of(&table, columns->columns[i].name);
    }
    bool is_ok = true;
    char *made = arena_alloc(arena, table.row_count, columns->row_size);
    for (size_t i = 1; i < table.row_count; i++) {
        is_ok = fill_row(columns, fields, &table, i, made + (i - 1) * columns->row_size, diags) && is_ok;
    }
    *rows = made;
    *row_count = table.row_count - 1;
    return is_ok;
}

bool columns_has(const char *path, const char *name) {
    size_t size;
    char *text = file_text(path, HEADER_BYTES_MAX, &size);
    bool found = false;
    struct span rest = {text, text == NULL ? 0 : strcspn(text, "\r\n")};
    while (rest.size > 0 && !found) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t length = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        found = span_equals(span_trim((struct span){rest.data, length}), name);
        rest = comma == NULL ? (struct span){NULL, 0} : (struct span){rest.data + length + 1, rest.size - length - 1};
    }
    free(text);
    return found;
}
