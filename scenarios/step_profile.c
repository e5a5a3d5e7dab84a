#include "scenarios/step_profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "models/profile_scope.h"
#include "scenarios/catalog.h"
#include "scenarios/csv_table.h"
#include "scenarios/yaml_tree.h"

static const double VALUE_MAX = 1e3; /* of factors, and of seconds */

/* ---- columns ---- */

/* Its index; SIZE_MAX if the header lacks it. */
static size_t column_of(const struct csv_table *table, const char *name) {
    for (size_t i = 0; i < table->rows[0].count; i++) {
        if (strcmp(table->rows[0].cells[i].text, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool table_read(struct csv_table *table, const struct diag_source *source, const char *const *needed,
                       size_t needed_count, struct arena *arena, struct diags *diags) {
    if (!csv_table_read(table, source, "catalogue-csv", arena, diags)) {
        return false;
    }
    if (table->row_count == 0) {
        return diag_error(diags, (struct position){.source = source}, "catalogue-header", "is empty: no header");
    }
    bool is_ok = true;
    for (size_t i = 0; i < needed_count; i++) {
        if (column_of(table, needed[i]) == SIZE_MAX) {
            is_ok = diag_error(diags, (struct position){.source = source, .line = 1, .column = 1}, "catalogue-header",
                               "column '%s' is missing", needed[i]);
        }
    }
    return is_ok;
}

/* A number above 0. */
static bool cell_number(const struct csv_table *table, const struct csv_row *row, size_t column, double most,
                        double *value, struct diags *diags) {
    const struct csv_cell *cell = &row->cells[column];
    if (text_to_double(span_of(cell->text), value) && *value > 0 && *value <= most) {
        return true;
    }
    return diag_error(diags, csv_cell_position(table, cell), "catalogue-row",
                      "%s = '%s' is no number above 0, up to %g", table->rows[0].cells[column].text, cell->text, most);
}

/* NaN where the column or the number is not there. */
static double optional_number(const struct csv_row *row, size_t column) {
    double value;
    return column != SIZE_MAX && text_to_double(span_of(row->cells[column].text), &value) ? value : (double)NAN;
}

/* ---- profiles.csv ---- */

/* "'hopper' is no architecture; did you mean 'Hopper'?" */
static bool part_known(enum scope_part part, struct span word, struct arena *arena, struct diags *diags,
                       struct position at) {
    const char *words[SCOPE_WORDS_MAX];
    const size_t count = profile_scope_words(part, words);
    const char *all = "";
    for (size_t i = 0; i < count; i++) {
        if (span_equals(word, words[i])) {
            return true;
        }
        all = arena_format(arena, "%s%s%s", all, all[0] == '\0' || words[i][0] == '\0' ? "" : " ", words[i]);
    }
    const char *guess = text_guess(word, words, count);
    return diag_error(diags, at, "catalogue-row", "'%.*s' is no %s of a profile%s", (int)word.size, word.data,
                      profile_scope_part_name(part),
                      guess != NULL ? arena_format(arena, "; did you mean '%s'?", guess)
                                    : arena_format(arena, "; these are: %s", all));
}

/* Has the scope the parts that its term needs, by known names? */
static bool scope_known(const char *term, const struct csv_cell *scope, struct arena *arena, struct diags *diags,
                        struct position at) {
    enum scope_part parts[SCOPE_PARTS_MAX];
    const size_t count = profile_scope_parts(term, parts);
    const char *needed = count == 0 ? "empty" : "", *text = scope->text;
    size_t found = text[0] == '\0' && count == 0 ? 0 : 1;
    for (const char *bar = strchr(text, '|'); bar != NULL; bar = strchr(bar + 1, '|')) {
        found++;
    }
    for (size_t i = 0; i < count; i++) {
        needed = arena_format(arena, "%s%s%s", needed, i == 0 ? "" : "|", profile_scope_part_name(parts[i]));
    }
    if (found != count) {
        return diag_error(diags, at, "catalogue-row", "scope '%s': that of %s is %s", text, term, needed);
    }
    bool is_ok = true;
    for (size_t i = 0; i < count; i++) {
        const size_t size = strcspn(text, "|");
        is_ok = part_known(parts[i], (struct span){text, size}, arena, diags, at) && is_ok;
        text += size + 1;
    }
    return is_ok;
}

struct placed_value {
    const char *name, *scope;
    const struct csv_cell *cell;
};

static int by_place(const void *a, const void *b) {
    const struct placed_value *one = a, *other = b;
    int order = strcmp(one->name, other->name);
    order = order != 0 ? order : strcmp(one->scope, other->scope);
    return order != 0 ? order : (one->cell->line > other->cell->line) - (one->cell->line < other->cell->line);
}

/* Each term stands once for a scope. */
static bool values_unique(const struct csv_table *table, size_t name, size_t scope, struct arena *arena,
                          struct diags *diags) {
    const size_t count = table->row_count - 1;
    struct placed_value *placed = arena_alloc(arena, count + 1, sizeof *placed);
    for (size_t i = 0; i < count; i++) {
        const struct csv_cell *cells = table->rows[i + 1].cells;
        placed[i] = (struct placed_value){cells[name].text, cells[scope].text, &cells[name]};
    }
    qsort(placed, count, sizeof *placed, by_place);
    bool is_ok = true;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(placed[i].name, placed[i - 1].name) == 0 && strcmp(placed[i].scope, placed[i - 1].scope) == 0) {
            is_ok = diag_error(diags, csv_cell_position(table, placed[i].cell), "catalogue-row",
                               "%s of '%s' stands twice (also line %u)", placed[i].name, placed[i].scope,
                               placed[i - 1].cell->line);
        }
    }
    return is_ok;
}

static bool values_read(const struct diag_source *source, struct profile *profile, struct arena *arena,
                        struct diags *diags) {
    static const char *const needed[] = {"name", "scope", "value"};
    struct csv_table table;
    if (!table_read(&table, source, needed, sizeof needed / sizeof needed[0], arena, diags)) {
        return false;
    }
    size_t name = column_of(&table, "name"), scope = column_of(&table, "scope"), value = column_of(&table, "value");
    size_t lower = column_of(&table, "lower"), upper = column_of(&table, "upper");
    size_t prior_sd = column_of(&table, "prior_sd_log");
    struct profile_value *values = arena_alloc(arena, table.row_count, sizeof *values);
    bool is_ok = true;
    for (size_t i = 1; i < table.row_count; i++) {
        const struct csv_row *row = &table.rows[i];
        const struct csv_cell *named = &row->cells[name];
        struct profile_value *out = &values[i - 1];
        *out = (struct profile_value){.name = named->text,
                                      .scope = row->cells[scope].text,
                                      .lower = optional_number(row, lower),
                                      .upper = optional_number(row, upper),
                                      .prior_sd_log = optional_number(row, prior_sd)};
        if (!profile_knows(named->text)) {
            is_ok = diag_error(diags, csv_cell_position(&table, named), "catalogue-row",
                               "'%s' is no term of a profile; these are: %s", named->text, profile_names());
        } else {
            is_ok = scope_known(named->text, &row->cells[scope], arena, diags,
                                csv_cell_position(&table, &row->cells[scope])) &&
                    is_ok;
        }
        is_ok = cell_number(&table, row, value, VALUE_MAX, &out->value, diags) && is_ok;
    }
    profile->values = values;
    profile->value_count = table.row_count - 1;
    return values_unique(&table, name, scope, arena, diags) && is_ok;
}

/* ---- collectives.csv ---- */

static bool knots_read(const struct diag_source *source, struct profile *profile, struct arena *arena,
                       struct diags *diags) {
    static const char *const needed[] = {"gpu",     "engine",  "ranks", "us_1k", "us_16k", "us_64k", "us_128k",
                                         "us_256k", "us_512k", "us_1m", "us_2m", "us_8m",  "us_32m", "us_256m"};
    const double us_max = 1e9, ranks_max = 1024;
    struct csv_table table;
    if (!table_read(&table, source, needed, sizeof needed / sizeof needed[0], arena, diags)) {
        return false;
    }
    struct collective_knots *knots = arena_alloc(arena, table.row_count, sizeof *knots);
    bool is_ok = true;
    for (size_t i = 1; i < table.row_count; i++) {
        const struct csv_row *row = &table.rows[i];
        const struct csv_cell *engine = &row->cells[column_of(&table, "engine")];
        struct collective_knots *out = &knots[i - 1];
        double ranks = 1;
        out->gpu = row->cells[column_of(&table, "gpu")].text;
        if (!serving_engine_from_text(span_of(engine->text), &out->engine)) {
            is_ok = diag_error(diags, csv_cell_position(&table, engine), "catalogue-row", "'%s' is no serving engine",
                               engine->text);
        }
        is_ok = cell_number(&table, row, column_of(&table, "ranks"), ranks_max, &ranks, diags) && is_ok;
        out->ranks = (int64_t)ranks;
        for (size_t k = 0; k < COLLECTIVE_KNOTS; k++) {
            is_ok = cell_number(&table, row, column_of(&table, needed[3 + k]), us_max, &out->us[k], diags) && is_ok;
        }
    }
    profile->knots = knots;
    profile->knot_count = table.row_count - 1;
    return is_ok;
}

/* ---- expected_errors.csv, fitted_on.csv ---- */

/* A cell that is one of a set of words; false with a diagnostic. */
static bool word_known(const struct csv_table *table, const struct csv_cell *cell, bool is_known, struct diags *diags) {
    return is_known || diag_error(diags, csv_cell_position(table, cell), "catalogue-row",
                                  "'%s' is no metric, class or case of expected errors", cell->text);
}

static bool errors_read(const struct diag_source *source, struct expected_errors *errors, struct arena *arena,
                        struct diags *diags) {
    static const char *const needed[] = {"metric", "class", "case", "q95_log"};
    enum { METRIC, CLASS, CASE, Q95, NEEDED_COUNT };
    size_t column[NEEDED_COUNT];
    struct csv_table table;
    if (!table_read(&table, source, needed, NEEDED_COUNT, arena, diags)) {
        return false;
    }
    double *all = &errors->q95_log[0][0][0];
    for (size_t i = 0; i < sizeof errors->q95_log / sizeof *all; i++) {
        all[i] = (double)NAN;
    }
    for (size_t c = 0; c < NEEDED_COUNT; c++) {
        column[c] = column_of(&table, needed[c]);
    }
    bool is_ok = true;
    for (size_t i = 1; i < table.row_count; i++) {
        const struct csv_cell *cells = table.rows[i].cells;
        enum expected_metric metric;
        enum expected_class class;
        enum expected_case kind;
        bool is_row = word_known(&table, &cells[column[METRIC]],
                                 expected_metric_from_text(cells[column[METRIC]].text, &metric), diags);
        is_row = word_known(&table, &cells[column[CLASS]], expected_class_from_text(cells[column[CLASS]].text, &class),
                            diags) &&
                 is_row;
        is_row =
            word_known(&table, &cells[column[CASE]], expected_case_from_text(cells[column[CASE]].text, &kind), diags) &&
            is_row;
        is_ok =
            is_row &&
            cell_number(&table, &table.rows[i], column[Q95], VALUE_MAX, &errors->q95_log[metric][class][kind], diags) &&
            is_ok;
    }
    return is_ok;
}

static bool seen_read(const struct diag_source *source, struct expected_errors *errors, struct arena *arena,
                      struct diags *diags) {
    static const char *const needed[] = {"kind", "name"};
    struct csv_table table;
    if (!table_read(&table, source, needed, sizeof needed / sizeof needed[0], arena, diags)) {
        return false;
    }
    struct expected_seen *seen = arena_alloc(arena, table.row_count, sizeof *seen);
    bool is_ok = true;
    for (size_t i = 1; i < table.row_count; i++) {
        const struct csv_cell *kind = &table.rows[i].cells[column_of(&table, "kind")];
        is_ok = word_known(&table, kind, expected_case_from_text(kind->text, &seen[i - 1].kind), diags) && is_ok;
        seen[i - 1].name = table.rows[i].cells[column_of(&table, "name")].text;
    }
    errors->seen = seen;
    errors->seen_count = table.row_count - 1;
    return is_ok;
}

/* ---- all of them ---- */

const struct profile *step_profile_shipped(const char *catalog_dir, struct arena *arena, struct diags *diags) {
    struct diag_source *sources = arena_alloc(arena, 4, sizeof *sources);
    struct profile *profile = arena_alloc(arena, 1, sizeof *profile);
    struct expected_errors *errors = arena_alloc(arena, 1, sizeof *errors);
    *profile = (struct profile){.name = "shipped", .errors = errors};
    bool is_ok = catalog_source_open(&sources[0], catalog_dir, "profiles.csv", arena, diags) &&
                 values_read(&sources[0], profile, arena, diags);
    is_ok = catalog_source_open(&sources[1], catalog_dir, "collectives.csv", arena, diags) &&
            knots_read(&sources[1], profile, arena, diags) && is_ok;
    is_ok = catalog_source_open(&sources[2], catalog_dir, "expected_errors.csv", arena, diags) &&
            errors_read(&sources[2], errors, arena, diags) && is_ok;
    is_ok = catalog_source_open(&sources[3], catalog_dir, "fitted_on.csv", arena, diags) &&
            seen_read(&sources[3], errors, arena, diags) && is_ok;
    return is_ok ? profile : NULL;
}

const struct profile *step_profile_read(const char *path, struct position at, const struct profile *base,
                                        struct arena *arena, struct diags *diags) {
    const struct diag_source *source = yaml_source_read(arena, path, path, at, diags);
    struct profile own = {0};
    if (source == NULL || !values_read(source, &own, arena, diags)) {
        return NULL;
    }
    size_t count = own.value_count + base->value_count;
    struct profile_value *values = arena_alloc(arena, count + 1, sizeof *values);
    memcpy(values, own.values, own.value_count * sizeof *values);
    memcpy(values + own.value_count, base->values, base->value_count * sizeof *values);
    struct profile *profile = arena_alloc(arena, 1, sizeof *profile);
    *profile = (struct profile){.name = arena_text(arena, path, strlen(path)),
                                .values = values,
                                .value_count = count,
                                .own_count = own.value_count,
                                .knots = base->knots,
                                .knot_count = base->knot_count,
                                .errors = base->errors};
    return profile;
}
