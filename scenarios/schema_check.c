/* Checks a tree against the table: structure, types, units, ranges. What needs the world (catalogues, memory) is resolve's. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/quantity.h"
#include "scenarios/schema.h"

struct checker {
    struct arena *arena;
    struct diags *diags;
};

enum { NAMES_MAX = 256, LIST_TEXT_MAX = 2048 };

/* --- messages --- */

static const char *join(struct arena *arena, const char *path, const char *key) {
    return path[0] == '\0' ? key : arena_format(arena, "%s.%s", path, key);
}

/* "a, b or c" */
static const char *words_text(struct arena *arena, const char *words) {
    char text[LIST_TEXT_MAX] = "";
    size_t count = words_count(words), used = 0;
    for (size_t i = 0; i < count; i++) {
        struct span word = words_at(words, i);
        const char *joint = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s", joint, (int)word.size, word.data);
        CHECK(used < sizeof(text));
    }
    return arena_text(arena, text, used);
}

/* 1000000000 -> 1e9, 1e-06 -> 1e-6 */
static const char *short_number(struct arena *arena, double value) {
    char digits[40];
    if (value == 0x1p63) { /* an int64's end: the field's limit is the double next to it */
        return "9223372036854775807";
    }
    text_from_double_digits(value, 6, digits, sizeof(digits));
    const char *exponent = strchr(digits, 'e');
    if (exponent == NULL) {
        return arena_text(arena, digits, strlen(digits));
    }
    return arena_format(arena, "%.*se%d", (int)(exponent - digits), digits, atoi(exponent + 1));
}

/* A limit with its unit; long times in years. */
static const char *limit_text(struct arena *arena, const char *unit, double value) {
    const double year_s = 31536000;
    if (strcmp(unit, "s") == 0 && value >= year_s) {
        return arena_format(arena, "%g years", value / year_s);
    }
    const char *joint = unit[0] == '\0' || strcmp(unit, "s") == 0 || unit[0] == '1' ? "" : " ";
    return arena_format(arena, "%s%s%s", short_number(arena, value), joint, unit[0] == '1' ? unit + 1 : unit);
}

const char *field_range_text(struct arena *arena, const struct field *field) {
    const char *unit = field->unit == NULL || strcmp(field->unit, "ratio") == 0 ? "" : field->unit;
    return arena_format(arena, "%s..%s", short_number(arena, field->min), limit_text(arena, unit, field->max));
}

/* What `shapes` of the field may hold, in words. */
static const char *wanted_text(struct arena *arena, const struct field *field) {
    const char *parts[8];
    size_t count = 0;
    unsigned shapes = field->shapes;
    if ((shapes & SHAPE_INTEGER) != 0) {
        parts[count++] = "a whole number";
    }
    if ((shapes & SHAPE_NUMBER) != 0) {
        const char *examples = quantity_examples(field->unit == NULL ? "" : field->unit);
        parts[count++] = examples[0] == '\0' ? "a number" : arena_format(arena, "a number (%s)", examples);
    }
    if ((shapes & SHAPE_WORD) != 0 && words_count(field->words) > 0) {
        parts[count++] = words_text(arena, field->words);
    }
    if ((shapes & (SHAPE_TEXT | SHAPE_NAME)) != 0) {
        parts[count++] = "a text";
    }
    if ((shapes & (SHAPE_BLOCK | SHAPE_COLUMNS | SHAPE_NUMBER_MAP | SHAPE_TEXT_MAP)) != 0) {
        parts[count++] = "a map";
    }
    if ((shapes & SHAPE_ENTRIES) != 0) {
        parts[count++] = "a list of entries with a `name`";
    }
    if ((shapes & (SHAPE_NUMBERS | SHAPE_TEXTS)) != 0) {
        parts[count++] = (shapes & SHAPE_NUMBERS) != 0 ? "a list of numbers" : "a list of texts";
    }
    const char *text = count == 0 ? "" : parts[0];
    for (size_t i = 1; i < count; i++) {
        text = arena_format(arena, "%s%s%s", text, i + 1 == count ? " or " : ", ", parts[i]);
    }
    return text;
}

static bool wrong_type(struct checker *checker, const struct field *field, const struct node *node, const char *path) {
    const char *found = node_kind_name(node);
    if (node->kind == NODE_SCALAR) {
        found = arena_format(checker->arena, "'%s'", node->text);
    }
    return diag_error(checker->diags, node->at, "wrong-type", "%s must be %s, not %s", path,
                      wanted_text(checker->arena, field), found);
}

static bool not_yet(struct checker *checker, struct position at, const char *what, const char *advice) {
    return diag_error(checker->diags, at, "not-modelled-yet", "%s is not modelled yet%s%s", what,
                      advice[0] == '\0' ? "" : "; ", advice);
}

/* --- scalars --- */

static bool out_of_range(struct checker *checker, const struct field *field, const struct node *node,
                         const char *path) {
    return diag_error(checker->diags, node->at, "value-range", "%s = %s is outside %s", path, node->text,
                      field_range_text(checker->arena, field));
}

static bool check_range(struct checker *checker, const struct field *field, const struct node *node, const char *path,
                        double value) {
    if (!(value >= field->min && value <= field->max)) {
        return out_of_range(checker, field, node, path);
    }
    if (field->modelled_max > 0 && value > field->modelled_max) {
        return not_yet(checker, node->at, arena_format(checker->arena, "%s = %s", path, node->text), "write 1");
    }
    return true;
}

static bool unit_error(struct checker *checker, const struct field *field, const struct node *node, const char *path,
                       enum quantity_status status) {
    const char *examples = quantity_examples(field->unit == NULL ? "" : field->unit);
    const char *unit = field->unit == NULL ? "" : field->unit;
    const char *wanted = examples[0] != '\0' ? arena_format(checker->arena, "write it like %s", examples)
                         : unit[0] != '\0'   ? arena_format(checker->arena, "write a number in %s", unit)
                                             : "write a plain number";
    const char *what = status == QUANTITY_UNKNOWN_UNIT    ? "has a unit that is not known"
                       : status == QUANTITY_NEEDS_NO_UNIT ? "takes no unit"
                                                          : "has a unit of another kind";
    return diag_error(checker->diags, node->at, "unit", "%s = %s %s; %s", path, node->text, what, wanted);
}

static bool check_number(struct checker *checker, const struct field *field, const struct node *node,
                         const char *path) {
    double value;
    enum quantity_status status = quantity_parse(span_of(node->text), field->unit == NULL ? "" : field->unit, &value);
    if (status == QUANTITY_NOT_A_NUMBER) {
        return wrong_type(checker, field, node, path);
    }
    if (status != QUANTITY_OK) {
        return unit_error(checker, field, node, path, status);
    }
    return check_range(checker, field, node, path, value);
}

static bool check_integer(struct checker *checker, const struct field *field, const struct node *node,
                          const char *path) {
    int64_t value;
    if (!text_to_int64(span_of(node->text), &value)) {
        double number;
        const bool is_beyond = text_to_double(span_of(node->text), &number) && fabs(number) >= 0x1p63;
        return is_beyond ? out_of_range(checker, field, node, path) : wrong_type(checker, field, node, path);
    }
    return check_range(checker, field, node, path, (double)value);
}

static bool begins_number(const char *text) {
    text += *text == '-' || *text == '+';
    return *text >= '0' && *text <= '9';
}

static bool check_word(struct checker *checker, const struct field *field, const struct node *node, const char *path) {
    struct span word = span_of(node->text);
    if (words_find(field->words, word) != SIZE_MAX) {
        return true;
    }
    if (words_find(field->words_not_yet, word) != SIZE_MAX) {
        const char *instead = words_count(field->words) == 0
                                  ? "write a number"
                                  : arena_format(checker->arena, "write %s", words_text(checker->arena, field->words));
        return not_yet(checker, node->at, arena_format(checker->arena, "%s: %s", path, node->text), instead);
    }
    const char *names[NAMES_MAX];
    size_t count = words_count(field->words);
    for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
        struct span name = words_at(field->words, i);
        names[i] = arena_text(checker->arena, name.data, name.size);
    }
    const char *guess = text_guess(word, names, count);
    return diag_error(checker->diags, node->at, "unknown-value", "%s = %s is not %s%s", path, node->text,
                      wanted_text(checker->arena, field),
                      guess == NULL ? "" : arena_format(checker->arena, "; did you mean '%s'?", guess));
}

static bool check_name(struct checker *checker, const struct node *node, const char *path) {
    for (const char *c = node->text; *c != '\0'; c++) {
        bool is_letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (!is_letter && !(*c >= '0' && *c <= '9') && *c != '_' && *c != '-') {
            return diag_error(checker->diags, node->at, "name-characters",
                              "%s = '%s': a name has letters, digits, '_' and '-' only, as it stands in key paths",
                              path, node->text);
        }
    }
    return node->text[0] != '\0' || diag_error(checker->diags, node->at, "name-characters", "%s is empty", path);
}

static bool check_scalar(struct checker *checker, const struct field *field, const struct node *node,
                         const char *path) {
    unsigned shapes = field->shapes;
    bool is_number = begins_number(node->text);
    if ((shapes & SHAPE_NUMBER) != 0 && (is_number || (shapes & (SHAPE_WORD | SHAPE_TEXT)) == 0)) {
        return check_number(checker, field, node, path);
    }
    if ((shapes & SHAPE_INTEGER) != 0) {
        return check_integer(checker, field, node, path);
    }
    if ((shapes & SHAPE_WORD) != 0) {
        return check_word(checker, field, node, path);
    }
    if ((shapes & SHAPE_NAME) != 0) {
        return check_name(checker, node, path);
    }
    if ((shapes & (SHAPE_TEXT | SHAPE_TEXTS)) != 0) {
        return node->text[0] != '\0' || wrong_type(checker, field, node, path);
    }
    if ((field->shapes_not_yet & SHAPE_TEXT) != 0) {
        return not_yet(checker, node->at, arena_format(checker->arena, "%s: %s", path, node->text), "");
    }
    return wrong_type(checker, field, node, path);
}

/* --- lists and free maps --- */

static bool check_numbers(struct checker *checker, const struct field *field, const struct node *list,
                          const char *path) {
    bool is_ok = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        const char *item_path = arena_format(checker->arena, "%s[%zu]", path, i);
        if (item->kind == NODE_SCALAR) {
            is_ok = check_number(checker, field, item, item_path) && is_ok;
        } else if (item->kind == NODE_LIST && item->count == 2 && path[0] != '\0' && strchr(item_path, ']') != NULL) {
            is_ok = check_numbers(checker, field, item, item_path) && is_ok;
        } else {
            is_ok = wrong_type(checker, field, item, item_path);
        }
    }
    return is_ok;
}

static bool check_texts(struct checker *checker, const struct field *field, const struct node *list, const char *path) {
    bool is_ok = true;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->kind != NODE_SCALAR || list->items[i]->text[0] == '\0') {
            is_ok = wrong_type(checker, field, list->items[i], path);
        }
    }
    return is_ok;
}

static bool check_number_map(struct checker *checker, const struct field *field, const struct node *map,
                             const char *path) {
    bool is_ok = true;
    for (size_t i = 0; i < map->count; i++) {
        const char *key_path = join(checker->arena, path, map->entries[i].key);
        const struct node *value = map->entries[i].value;
        bool is_scalar = value->kind == NODE_SCALAR;
        is_ok =
            (is_scalar ? check_number(checker, field, value, key_path) : wrong_type(checker, field, value, key_path)) &&
            is_ok;
    }
    return is_ok;
}

/* Keys only: values are checked when they are set. */
static bool check_columns(struct checker *checker, const struct field *field, const struct node *map,
                          const char *path) {
    const char *names[NAMES_MAX];
    size_t count;
    const struct catalog_column *columns = catalog_columns(field->table, &count);
    CHECK(count <= NAMES_MAX);
    for (size_t i = 0; i < count; i++) {
        names[i] = columns[i].name;
    }
    bool is_ok = true;
    for (size_t i = 0; i < map->count; i++) {
        const struct node_entry *entry = &map->entries[i];
        size_t index = 0;
        while (index < count && strcmp(names[index], entry->key) != 0) {
            index++;
        }
        if (index == count) {
            const char *guess = text_guess(span_of(entry->key), names, count);
            is_ok = diag_error(checker->diags, entry->key_at, "unknown-key", "%s: unknown key '%s'%s", path, entry->key,
                               guess == NULL ? "" : arena_format(checker->arena, "; did you mean '%s'?", guess));
        } else if (entry->value->kind != NODE_SCALAR) {
            is_ok = diag_error(checker->diags, entry->value->at, "wrong-type", "%s.%s must be a value, not %s", path,
                               entry->key, node_kind_name(entry->value));
        }
    }
    return is_ok;
}

/* --- maps --- */

static bool check_map(struct checker *checker, const struct node *map, const struct block *block, const char *path);

static bool check_entry_name(struct checker *checker, const struct node *list, size_t index, const char *path) {
    const struct node_entry *name = node_find(list->items[index], "name");
    for (size_t i = 0; name != NULL && i < index; i++) {
        const struct node_entry *other = node_find(list->items[i], "name");
        if (other != NULL && strcmp(other->value->text, name->value->text) == 0) {
            return diag_error(checker->diags, name->value->at, "duplicate-name",
                              "%s has two entries named '%s'; the first is on line %u", path, name->value->text,
                              other->value->at.line);
        }
    }
    return true;
}

static bool check_entries(struct checker *checker, const struct field *field, const struct node *list,
                          const char *path) {
    enum { ENTRIES_MAX = 1000 };
    if (list->count == 0 || list->count > ENTRIES_MAX) {
        return diag_error(checker->diags, list->at, "missing-key", "%s needs 1 to %d entries", path, ENTRIES_MAX);
    }
    bool is_ok = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct node *item = list->items[i];
        const struct node_entry *name = node_find(item, "name");
        bool has_name = name != NULL && name->value->kind == NODE_SCALAR;
        const char *item_path =
            has_name ? join(checker->arena, path, name->value->text) : arena_format(checker->arena, "%s[%zu]", path, i);
        is_ok = (item->kind == NODE_MAP ? check_map(checker, item, field->block, item_path)
                                        : wrong_type(checker, field, item, item_path)) &&
                is_ok;
        is_ok = check_entry_name(checker, list, i, path) && is_ok;
    }
    return is_ok;
}

static unsigned shape_of(const struct node *node) {
    switch (node->kind) {
    case NODE_MAP: return SHAPE_BLOCK | SHAPE_COLUMNS | SHAPE_NUMBER_MAP | SHAPE_TEXT_MAP;
    case NODE_LIST: return SHAPE_ENTRIES | SHAPE_NUMBERS | SHAPE_TEXTS;
    case NODE_SCALAR: return SHAPE_NUMBER | SHAPE_INTEGER | SHAPE_WORD | SHAPE_TEXT | SHAPE_NAME | SHAPE_TEXTS;
    default: return 0;
    }
}

static bool check_value(struct checker *checker, const struct field *field, const struct node *node, const char *path) {
    unsigned shapes = shape_of(node) & field->shapes;
    if ((field->shapes & SHAPE_SPECIAL) != 0) {
        return true;
    }
    if ((shape_of(node) & field->shapes_not_yet) != 0 && shapes == 0) {
        return not_yet(checker, node->at, arena_format(checker->arena, "%s as %s", path, node_kind_name(node)),
                       arena_format(checker->arena, "write %s", wanted_text(checker->arena, field)));
    }
    if (shapes == 0) {
        return node->kind == NODE_SCALAR ? check_scalar(checker, field, node, path)
                                         : wrong_type(checker, field, node, path);
    }
    switch (node->kind) {
    case NODE_SCALAR: return check_scalar(checker, field, node, path);
    case NODE_MAP:
        if ((shapes & SHAPE_BLOCK) != 0) {
            return check_map(checker, node, field->block, path);
        }
        return (shapes & SHAPE_COLUMNS) != 0 ? check_columns(checker, field, node, path)
                                             : check_number_map(checker, field, node, path);
    default:
        if ((shapes & SHAPE_ENTRIES) != 0) {
            return check_entries(checker, field, node, path);
        }
        return (shapes & SHAPE_NUMBERS) != 0 ? check_numbers(checker, field, node, path)
                                             : check_texts(checker, field, node, path);
    }
}

/* The text under `key` in `map`, or its default; "" without either. */
static const char *chosen(const struct block *block, const struct node *map, struct span key) {
    const struct field *field = block_field(block, key);
    CHECK(field != NULL);
    const struct node_entry *entry = node_find(map, field->key);
    if (entry != NULL) {
        return entry->value->text;
    }
    return field->fallback == NULL ? "" : field->fallback;
}

bool field_applies(const struct field *field, const struct block *block, const struct node *map) {
    if (field->when == NULL) {
        return true;
    }
    size_t count = words_count(field->when);
    for (size_t i = 0; i < count; i++) {
        struct span condition = words_at(field->when, i);
        const char *equals = memchr(condition.data, '=', condition.size);
        struct span key = {.data = condition.data, .size = (size_t)(equals - condition.data)};
        struct span word = {.data = equals + 1, .size = condition.size - key.size - 1};
        const struct field *chooser = block_field(block, key);
        const char *choice = chosen(block, map, key);
        bool is_unknown = words_find(chooser->words, span_of(choice)) == SIZE_MAX; /* a mistake: nobody can tell */
        if ((is_unknown || span_equals(word, choice)) && field_applies(chooser, block, map)) {
            return true;
        }
    }
    return false;
}

/* Is what `when` asks about said properly? What a mistyped choice would need is not asked for. */
static bool has_choice(const struct field *field, const struct block *block, const struct node *map) {
    struct span condition = words_at(field->when, 0);
    const char *equals = memchr(condition.data, '=', condition.size);
    struct span key = {.data = condition.data, .size = (size_t)(equals - condition.data)};
    return words_find(block_field(block, key)->words, span_of(chosen(block, map, key))) != SIZE_MAX;
}

/* "`process: gamma` or `base: gamma`" */
static const char *when_text(struct arena *arena, const char *when) {
    const char *text = "";
    size_t count = words_count(when);
    for (size_t i = 0; i < count; i++) {
        struct span condition = words_at(when, i);
        const char *equals = memchr(condition.data, '=', condition.size);
        const char *joint = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        text = arena_format(arena, "%s%s`%.*s: %.*s`", text, joint, (int)(equals - condition.data), condition.data,
                            (int)(condition.data + condition.size - equals - 1), equals + 1);
    }
    return text;
}

/* Names of engines' flags and of features that people will try: what stands for them. */
static const char *unknown_hint(const char *key) {
    static const struct {
        const char *key, *hint;
    } hints[] = {
        {"prefix_caching", "the share of prompts that is cached is a workload's 'cached_input_share'"},
        {"enable_prefix_caching", "the share of prompts that is cached is a workload's 'cached_input_share'"},
        {"power_limit_w", "write 'power: {power_limit_w: ...}' in the fleet entry"},
        {"fan_ratio", "write 'power: {fan_ratio: ...}' in the fleet entry"},
        {"num_speculative_tokens", "write 'speculative: {draft_tokens: ...}'"},
        {"enforce_eager", "graphs are 'capture_sizes' and 'max_capture_size' of 'step_time'"},
        {"cuda_graph_max_bs", "write 'max_capture_size' in 'step_time'"},
        {"autoscaling", "not modelled yet"},
        {"disaggregation", "not modelled yet"},
        {"failures", "not modelled yet"},
    };
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strcmp(hints[i].key, key) == 0) {
            return hints[i].hint;
        }
    }
    return NULL;
}

static void report_unknown(struct checker *checker, const struct node_entry *entry, const struct block *block,
                           const char *path) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < block->field_count && count < NAMES_MAX; i++) {
        names[count++] = block->fields[i].key;
    }
    for (size_t i = 0; i < block->alias_count && count < NAMES_MAX; i++) {
        names[count++] = block->aliases[i].alias;
    }
    const char *guess = text_guess(span_of(entry->key), names, count);
    const char *hint = unknown_hint(entry->key);
    const char *advice = hint != NULL    ? arena_format(checker->arena, "; %s", hint)
                         : guess != NULL ? arena_format(checker->arena, "; did you mean '%s'?", guess)
                                         : "";
    diag_error(checker->diags, entry->key_at, "unknown-key", "%s%sunknown key '%s'%s", path,
               path[0] == '\0' ? "" : ": ", entry->key, advice);
}

/* False if the value cannot be used; a key that is not looked at does no harm to others. */
static bool check_entry(struct checker *checker, const struct node *map, const struct node_entry *entry,
                        const struct block *block, const char *path) {
    const struct field *field = block_field(block, span_of(entry->key));
    if (field == NULL) {
        report_unknown(checker, entry, block, path);
        return true;
    }
    const char *key_path = join(checker->arena, path, entry->key);
    if (field->not_yet != NULL) {
        (void)not_yet(checker, entry->key_at, key_path, field->not_yet);
        return true;
    }
    if (!field_applies(field, block, map)) {
        diag_error(checker->diags, entry->key_at, "key-not-used", "%s has a use only with %s", key_path,
                   when_text(checker->arena, field->when));
        return true;
    }
    return check_value(checker, field, entry->value, key_path);
}

static bool check_map(struct checker *checker, const struct node *map, const struct block *block, const char *path) {
    bool is_ok = true;
    for (size_t i = 0; i < map->count; i++) {
        is_ok = check_entry(checker, map, &map->entries[i], block, path) && is_ok;
    }
    for (size_t i = 0; i < block->field_count; i++) {
        const struct field *field = &block->fields[i];
        if (field->is_required && node_find(map, field->key) == NULL && field_applies(field, block, map) &&
            (field->when == NULL || has_choice(field, block, map))) {
            is_ok = diag_error(checker->diags, map->at, "missing-key", "%s needs '%s': %s",
                               path[0] == '\0' ? "a scenario" : path, field->key, field->help);
        }
    }
    return is_ok;
}

bool schema_check(struct arena *arena, const struct node *root, struct diags *diags) {
    struct checker checker = {.arena = arena, .diags = diags};
    size_t errors_before = diags_error_count(diags);
    if (root->kind != NODE_MAP) {
        return diag_error(diags, root->at, "wrong-type",
                          "a scenario is a map of keys (name, workload, fleet, ...), not %s", node_kind_name(root));
    }
    bool is_ok = check_map(&checker, root, schema_root(), "");
    return is_ok && diags_error_count(diags) == errors_before;
}

bool schema_usable(struct arena *arena, const struct node *map, const struct block *block) {
    struct checker checker = {.arena = arena, .diags = diags_new()};
    bool is_usable = check_map(&checker, map, block, "");
    diags_free(checker.diags);
    return is_usable;
}
