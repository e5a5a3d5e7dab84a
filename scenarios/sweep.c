#include "scenarios/sweep.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fmath.h"
#include "base/quantity.h"
#include "scenarios/schema.h"

enum { SWEEP_DIGITS = 12, AXES_MAX = 32, COORDINATES_MAX = 64 };

/* A coordinate that is being read. */
struct draft {
    const char *path;
    struct position at;
    const struct field *field; /* NULL: a label */
    const struct node **values;
    size_t count;
};

struct reader {
    struct arena *arena;
    struct diags *diags;
    const struct node *root;
    struct sweep *sweep;
    struct draft drafts[COORDINATES_MAX]; /* of all axes, in order */
    size_t draft_count;
};

static bool is_number_field(const struct field *field) {
    return field != NULL && (field->shapes & (SHAPE_NUMBER | SHAPE_INTEGER)) != 0;
}

/* --- values --- */

/* `value` rounded, as a plain number in the field's unit. */
static const struct node *number_node(struct reader *reader, struct position at, double value) {
    char text[40];
    text_from_double(fm_round_digits(value, SWEEP_DIGITS), text, sizeof(text));
    return node_scalar(reader->arena, at, text);
}

static bool list_values(struct reader *reader, struct draft *draft, const struct node *list) {
    draft->values = arena_alloc(reader->arena, list->count, sizeof(struct node *));
    draft->count = list->count;
    bool is_ok = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        double number = draft->field == NULL ? (double)NAN : field_number(draft->field, item);
        if (item->kind != NODE_SCALAR) {
            is_ok =
                diag_error(reader->diags, item->at, "sweep-value",
                           "%s: a swept value must be a number or a text, not %s", draft->path, node_kind_name(item));
        }
        bool is_rounded =
            is_number_field(draft->field) && !isnan(number) && fm_round_digits(number, SWEEP_DIGITS) != number;
        draft->values[i] = is_rounded ? number_node(reader, item->at, number) : item;
    }
    return is_ok;
}

/* A number of a range; false with a diagnostic. */
static bool range_number(struct reader *reader, const struct draft *draft, const struct node *map, const char *key,
                         double *value) {
    const struct node_entry *entry = node_find(map, key);
    if (entry == NULL) {
        return diag_error(reader->diags, map->at, "sweep-range",
                          "%s: a range needs from, to and steps; '%s' is missing", draft->path, key);
    }
    *value = field_number(draft->field, entry->value);
    if (isnan(*value)) {
        return diag_error(reader->diags, entry->value->at, "sweep-range", "%s: %s = %s is no number like %s",
                          draft->path, key, entry->value->text,
                          draft->field->unit == NULL ? "4" : quantity_examples(draft->field->unit));
    }
    return true;
}

static bool range_scale(struct reader *reader, const struct draft *draft, const struct node *map, bool *is_log) {
    const struct node_entry *entry = node_find(map, "scale");
    *is_log = entry != NULL && strcmp(entry->value->text, "log") == 0;
    if (entry != NULL && !*is_log && strcmp(entry->value->text, "linear") != 0) {
        return diag_error(reader->diags, entry->value->at, "sweep-range", "%s: scale must be linear or log, not '%s'",
                          draft->path, entry->value->text);
    }
    return true;
}

static bool range_steps(struct reader *reader, const struct draft *draft, const struct node *map, int64_t *steps) {
    const struct node_entry *entry = node_find(map, "steps");
    if (entry == NULL) {
        return diag_error(reader->diags, map->at, "sweep-range",
                          "%s: a range needs from, to and steps; 'steps' is missing", draft->path);
    }
    if (!text_to_int64(span_of(entry->value->text), steps) || *steps < 2 || *steps > SWEEP_STEPS_MAX) {
        return diag_error(reader->diags, entry->value->at, "sweep-range",
                          "%s: steps must be a whole number in 2..%d, not '%s'", draft->path, SWEEP_STEPS_MAX,
                          entry->value->text);
    }
    return true;
}

static bool range_keys(struct reader *reader, const struct draft *draft, const struct node *map) {
    static const char *const known[] = {"from", "to", "steps", "scale"};
    bool is_ok = true;
    for (size_t i = 0; i < map->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < 4; k++) {
            is_known = is_known || strcmp(map->entries[i].key, known[k]) == 0;
        }
        if (!is_known) {
            const char *guess = text_guess(span_of(map->entries[i].key), known, 4);
            is_ok =
                diag_error(reader->diags, map->entries[i].key_at, "unknown-key",
                           "%s: a range has from, to, steps and scale, not '%s'%s", draft->path, map->entries[i].key,
                           guess == NULL ? "" : arena_format(reader->arena, "; did you mean '%s'?", guess));
        }
    }
    return is_ok;
}

/* Step `i` of `n` - 1 from `from` to `to`; the ends are exact. */
static double range_value(double from, double to, double i, double n, bool is_log) {
    if (i == 0 || i == n) {
        return i == 0 ? from : to;
    }
    return is_log ? from * fm_exp(fm_log(to / from) * (i / n)) : from + (to - from) * (i / n);
}

/* A key of whole numbers takes no others; rounding would change the steps without a word. */
static bool range_is_whole(struct reader *reader, const struct draft *draft, const struct node *map) {
    enum { NAMED_MAX = 4 };
    const char *broken = "";
    size_t count = 0;
    for (size_t i = 0; (draft->field->shapes & SHAPE_INTEGER) != 0 && i < draft->count; i++) {
        int64_t whole;
        if (!text_to_int64(span_of(draft->values[i]->text), &whole)) {
            count++;
            const char *name = count > NAMED_MAX ? "..." : draft->values[i]->text;
            broken = count > NAMED_MAX + 1
                         ? broken
                         : arena_format(reader->arena, "%s%s%s", broken, count == 1 ? "" : ", ", name);
        }
    }
    return count == 0 || diag_error(reader->diags, map->at, "sweep-range",
                                    "%s: the range gives %s, which %s whole; change its steps or list the values",
                                    draft->path, broken, count == 1 ? "is not" : "are not");
}

static bool range_values(struct reader *reader, struct draft *draft, const struct node *map) {
    double from = 0, to = 0;
    int64_t steps = 0;
    bool is_log = false;
    if (!is_number_field(draft->field)) {
        return diag_error(reader->diags, map->at, "sweep-range", "%s holds no numbers; list its values: [a, b, c]",
                          draft->path);
    }
    bool is_ok = range_keys(reader, draft, map);
    is_ok = range_number(reader, draft, map, "from", &from) && is_ok;
    is_ok = range_number(reader, draft, map, "to", &to) && is_ok;
    is_ok = range_steps(reader, draft, map, &steps) && range_scale(reader, draft, map, &is_log) && is_ok;
    if (is_ok && is_log && !(from > 0 && to > 0)) {
        is_ok =
            diag_error(reader->diags, map->at, "sweep-range", "%s: a log scale needs from and to above 0", draft->path);
    }
    if (!is_ok) {
        return false;
    }
    draft->count = (size_t)steps;
    draft->values = arena_alloc(reader->arena, draft->count, sizeof(struct node *));
    for (int64_t i = 0; i < steps; i++) {
        double value = range_value(from, to, (double)i, (double)(steps - 1), is_log);
        draft->values[i] = number_node(reader, map->at, value);
    }
    return range_is_whole(reader, draft, map);
}

static bool draft_read(struct reader *reader, const struct node_entry *entry, bool may_be_label) {
    if (reader->draft_count == COORDINATES_MAX) {
        return diag_error(reader->diags, entry->key_at, "sweep-size", "a sweep has at most %d paths", COORDINATES_MAX);
    }
    struct draft *draft = &reader->drafts[reader->draft_count++];
    *draft = (struct draft){.path = entry->key, .at = entry->key_at};
    bool is_label = may_be_label && strcmp(entry->key, "label") == 0;
    if (!is_label) {
        /* The path is tried out with any value. */
        const struct node *any = node_scalar(reader->arena, entry->key_at, "0");
        if (schema_set(reader->arena, reader->root, entry->key, any, reader->diags, entry->key_at) == NULL) {
            return false;
        }
        draft->field = schema_field_at(entry->key, reader->diags, entry->key_at);
        if (draft->field == NULL) {
            return false;
        }
    }
    const struct node *value = entry->value;
    if (value->kind == NODE_LIST && value->count > 0) {
        return list_values(reader, draft, value);
    }
    if (value->kind == NODE_MAP && !is_label) {
        return range_values(reader, draft, value);
    }
    return diag_error(reader->diags, value->at, "sweep-value",
                      "%s: an axis is a list of values, [a, b, c], or {from, to, steps, scale}", draft->path);
}

/* --- axes --- */

static bool coordinate_is_text(const struct draft *draft) {
    for (size_t i = 0; i < draft->count; i++) {
        if (!is_number_field(draft->field) || isnan(field_number(draft->field, draft->values[i]))) {
            return true;
        }
    }
    return false;
}

static void fill_coordinate(struct reader *reader, const struct draft *draft, struct sweep_coordinate *coordinate) {
    *coordinate = (struct sweep_coordinate){.path = draft->path, .unit = "", .is_text = coordinate_is_text(draft)};
    coordinate->long_name = draft->field == NULL ? "Label" : draft->field->help;
    double *numbers = arena_alloc(reader->arena, draft->count, sizeof(double));
    const char **texts = arena_alloc(reader->arena, draft->count, sizeof(char *));
    for (size_t i = 0; i < draft->count; i++) {
        texts[i] = draft->values[i]->text;
        numbers[i] = coordinate->is_text ? (double)NAN
                                         : fm_round_digits(field_number(draft->field, draft->values[i]), SWEEP_DIGITS);
    }
    coordinate->texts = coordinate->is_text ? texts : NULL;
    coordinate->numbers = coordinate->is_text ? NULL : numbers;
    if (!coordinate->is_text && draft->field->unit != NULL) {
        coordinate->unit = strcmp(draft->field->unit, "ratio") == 0 ? "1" : draft->field->unit;
    }
}

static int compare_values(const struct sweep_coordinate *coordinate, size_t i, size_t j) {
    if (coordinate->is_text) {
        return strcmp(coordinate->texts[i], coordinate->texts[j]);
    }
    return (coordinate->numbers[i] > coordinate->numbers[j]) - (coordinate->numbers[i] < coordinate->numbers[j]);
}

/* Positions of an axis by their values; a label does not tell them apart. */
static int compare_positions(const struct sweep_axis *axis, size_t i, size_t j) {
    for (size_t c = 0; c < axis->coordinate_count; c++) {
        bool is_label = strcmp(axis->coordinates[c].path, "label") == 0;
        int order = is_label ? 0 : compare_values(&axis->coordinates[c], i, j);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static int compare_indices(const void *a, const void *b, void *axis) {
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = compare_positions(axis, i, j);
    return order != 0 ? order : (i > j) - (i < j);
}

/* No position twice: the file's coordinates could not be told apart. */
static bool check_duplicates(struct reader *reader, struct sweep_axis *axis, const struct draft *first) {
    bool is_ok = true;
    size_t *order = arena_alloc(reader->arena, axis->count, sizeof *order);
    for (size_t i = 0; i < axis->count; i++) {
        order[i] = i;
    }
    qsort_r(order, axis->count, sizeof *order, compare_indices, axis);
    for (size_t i = 1; i < axis->count; i++) {
        size_t here = order[i], before = order[i - 1];
        if (compare_positions(axis, before, here) == 0) {
            const struct node *value = first->values[here];
            is_ok = diag_error(reader->diags, value->at, "sweep-duplicate", "%s: value %zu (%s) repeats value %zu%s",
                               first->path, here + 1, value->text, before + 1,
                               axis->coordinate_count == 1 ? "" : ", as does what moves with it");
        }
    }
    return is_ok;
}

/* The axis of drafts first..draft_count. */
static bool axis_add(struct reader *reader, size_t first, struct position at) {
    struct sweep *sweep = reader->sweep;
    size_t coordinates = reader->draft_count - first;
    const struct draft *drafts = &reader->drafts[first];
    for (size_t i = 1; i < coordinates; i++) {
        if (drafts[i].count != drafts[0].count) {
            return diag_error(reader->diags, drafts[i].at, "sweep-zip",
                              "%s has %zu values, %s has %zu: what moves together must be equally long", drafts[i].path,
                              drafts[i].count, drafts[0].path, drafts[0].count);
        }
    }
    size_t point_count = sweep->point_count * drafts[0].count;
    if (point_count > SWEEP_POINTS_MAX || sweep->axis_count == AXES_MAX) {
        return diag_error(reader->diags, at, "sweep-size", "a sweep has at most %d points and %d axes",
                          SWEEP_POINTS_MAX, AXES_MAX);
    }
    sweep->point_count = point_count;
    struct sweep_axis *axis = &sweep->axes[sweep->axis_count];
    axis->count = drafts[0].count;
    axis->coordinate_count = coordinates;
    axis->coordinates = arena_alloc(reader->arena, coordinates, sizeof(struct sweep_coordinate));
    const struct node **values = arena_alloc(reader->arena, coordinates * axis->count, sizeof(struct node *));
    for (size_t c = 0; c < coordinates; c++) {
        fill_coordinate(reader, &drafts[c], &axis->coordinates[c]);
        for (size_t i = 0; i < axis->count; i++) {
            values[c * axis->count + i] = drafts[c].field == NULL ? NULL : drafts[c].values[i];
        }
    }
    sweep->values[sweep->axis_count++] = values;
    return check_duplicates(reader, axis, drafts);
}

static bool zip_read(struct reader *reader, const struct node *group) {
    if (group->kind != NODE_MAP || group->count == 0) {
        return diag_error(reader->diags, group->at, "sweep-zip",
                          "zip is a list of groups: [{path: [a, b], path: [c, d]}]");
    }
    size_t first = reader->draft_count;
    bool is_ok = true, has_path = false;
    /* The label goes last, so that the first path names the axis. */
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < group->count; i++) {
            bool is_label = strcmp(group->entries[i].key, "label") == 0;
            if (is_label == (pass == 1)) {
                has_path = has_path || !is_label;
                is_ok = draft_read(reader, &group->entries[i], true) && is_ok;
            }
        }
    }
    if (!has_path) {
        return diag_error(reader->diags, group->at, "sweep-zip", "a zip group needs a path beside its label");
    }
    return is_ok && axis_add(reader, first, group->at);
}

static bool entry_read(struct reader *reader, const struct node_entry *entry) {
    if (strcmp(entry->key, "zip") != 0) {
        size_t first = reader->draft_count;
        return draft_read(reader, entry, false) && axis_add(reader, first, entry->key_at);
    }
    if (entry->value->kind != NODE_LIST) {
        return zip_read(reader, entry->value);
    }
    bool is_ok = true;
    for (size_t i = 0; i < entry->value->count; i++) {
        is_ok = zip_read(reader, entry->value->items[i]) && is_ok;
    }
    return is_ok;
}

static bool check_twice(struct reader *reader) {
    bool is_ok = true;
    for (size_t i = 0; i < reader->draft_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (reader->drafts[i].field != NULL && strcmp(reader->drafts[i].path, reader->drafts[j].path) == 0) {
                is_ok = diag_error(reader->diags, reader->drafts[i].at, "sweep-twice",
                                   "%s is swept twice; the first is on line %u", reader->drafts[i].path,
                                   reader->drafts[j].at.line);
            }
        }
    }
    return is_ok;
}

/* --- names --- */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* What the unit adds to a name that does not say it: "1/s" is "_per_s", "USD/kWh" is "_usd_per_kwh". */
static const char *unit_suffix(struct arena *arena, const struct sweep_coordinate *coordinate, const char *name) {
    const char *unit = coordinate->unit[0] == '1' ? coordinate->unit + 1 : coordinate->unit;
    bool is_money = strstr(name, "usd") != NULL && strncmp(unit, "USD", 3) == 0;
    if (unit[0] == '\0' || is_money) {
        return "";
    }
    char *suffix = arena_text(arena, "_", 1);
    for (const char *c = unit; *c != '\0'; c++) {
        const char letter[2] = {(char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c == '-' ? '_' : *c), '\0'};
        bool is_first = suffix[1] == '\0';
        suffix = arena_format(arena, "%s%s", suffix, *c != '/' ? letter : is_first ? "per_" : "_per_");
    }
    return ends_with(name, suffix) ? "" : suffix;
}

/* The last `depth` components of the path, joined by `_`; `*` becomes "all". */
static const char *tail_name(struct arena *arena, const char *path, size_t depth) {
    const char *start = path + strlen(path);
    for (size_t found = 0; start > path; start--) {
        found += start[-1] == '.';
        if (found == depth) {
            break;
        }
    }
    char *name = arena_text(arena, start, strlen(start));
    for (char *c = name; *c != '\0'; c++) {
        *c = *c == '.' || *c == '-' ? '_' : *c;
    }
    char *star = strchr(name, '*');
    return star == NULL ? name : arena_format(arena, "%.*sall%s", (int)(star - name), name, star + 1);
}

static bool is_unique(const char *const *names, size_t count, size_t index) {
    for (size_t i = 0; i < count; i++) {
        if (i != index && strcmp(names[i], names[index]) == 0) {
            return false;
        }
    }
    return true;
}

static void name_coordinates(struct arena *arena, struct sweep *sweep) {
    enum { DEPTH_MAX = 16 };
    struct sweep_coordinate *all[COORDINATES_MAX];
    const char *names[COORDINATES_MAX];
    const char *longer[COORDINATES_MAX];
    size_t count = 0;
    for (size_t a = 0; a < sweep->axis_count; a++) {
        for (size_t c = 0; c < sweep->axes[a].coordinate_count; c++) {
            all[count] = &sweep->axes[a].coordinates[c];
            names[count] = tail_name(arena, all[count]->path, 1);
            count++;
        }
    }
    for (size_t depth = 2; depth <= DEPTH_MAX; depth++) {
        for (size_t i = 0; i < count; i++) {
            longer[i] = is_unique(names, count, i) ? names[i] : tail_name(arena, all[i]->path, depth);
        }
        memcpy(names, longer, count * sizeof(names[0]));
    }
    for (size_t i = 0; i < count; i++) {
        all[i]->name = arena_format(arena, "%s%s", names[i], unit_suffix(arena, all[i], names[i]));
    }
}

bool sweep_read(struct arena *arena, const struct node *node, const struct node *root, struct sweep *sweep,
                struct diags *diags) {
    *sweep = (struct sweep){.point_count = 1};
    sweep->axes = arena_alloc(arena, AXES_MAX, sizeof(struct sweep_axis));
    sweep->values = arena_alloc(arena, AXES_MAX, sizeof(sweep->values[0]));
    if (node == NULL || node->kind == NODE_NOTHING) {
        return true;
    }
    if (node->kind != NODE_MAP) {
        return diag_error(diags, node->at, "wrong-type", "sweep must be a map from paths to lists of values, not %s",
                          node_kind_name(node));
    }
    struct reader reader = {.arena = arena, .diags = diags, .root = root, .sweep = sweep};
    bool is_ok = true;
    for (size_t i = 0; i < node->count; i++) {
        is_ok = entry_read(&reader, &node->entries[i]) && is_ok;
    }
    is_ok = check_twice(&reader) && is_ok;
    if (is_ok) {
        name_coordinates(arena, sweep);
    }
    return is_ok;
}

const struct node *sweep_point_tree(struct arena *arena, const struct sweep *sweep, const struct node *root,
                                    size_t point, struct diags *diags) {
    size_t rest = point;
    size_t indices[AXES_MAX] = {0};
    for (size_t a = sweep->axis_count; a > 0; a--) {
        indices[a - 1] = rest % sweep->axes[a - 1].count;
        rest /= sweep->axes[a - 1].count;
    }
    for (size_t a = 0; a < sweep->axis_count && root != NULL; a++) {
        const struct sweep_axis *axis = &sweep->axes[a];
        for (size_t c = 0; c < axis->coordinate_count && root != NULL; c++) {
            const struct node *value = sweep->values[a][c * axis->count + indices[a]];
            if (value != NULL) {
                root = schema_set(arena, root, axis->coordinates[c].path, value, diags, value->at);
            }
        }
    }
    return root;
}
