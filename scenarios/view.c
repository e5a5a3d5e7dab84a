/* Typed reading of a checked tree, defaults from the table. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/quantity.h"
#include "scenarios/schema.h"

static const struct field *must_field(const struct view *view, const char *key) {
    const struct field *field = block_field(view->block, span_of(key));
    CHECK(field != NULL);
    return field;
}

struct view view_root(const struct node *root) {
    return (struct view){.block = schema_root(), .map = root, .path = "", .at = root->at};
}

const struct node *view_node(const struct view *view, const char *key) {
    const struct field *field = must_field(view, key);
    const struct node_entry *entry = view->map == NULL ? NULL : node_find(view->map, field->key);
    return entry == NULL ? NULL : entry->value;
}

bool view_has(const struct view *view, const char *key) {
    return view_node(view, key) != NULL;
}

struct position view_at(const struct view *view, const char *key) {
    const struct node *node = view_node(view, key);
    return node == NULL ? view->at : node->at;
}

const char *view_path(struct arena *arena, const struct view *view, const char *key) {
    return view->path[0] == '\0' ? key : arena_format(arena, "%s.%s", view->path, key);
}

struct view view_block(struct arena *arena, const struct view *view, const char *key) {
    const struct field *field = must_field(view, key);
    const struct node *node = view_node(view, key);
    CHECK(field->block != NULL);
    return (struct view){.block = field->block,
                         .map = node != NULL && node->kind == NODE_MAP ? node : NULL,
                         .path = view_path(arena, view, key),
                         .at = node == NULL ? view->at : node->at};
}

size_t view_entry_count(const struct view *view, const char *key) {
    const struct node *node = view_node(view, key);
    return node != NULL && node->kind == NODE_LIST ? node->count : 0;
}

struct view view_entry(struct arena *arena, const struct view *view, const char *key, size_t index) {
    const struct field *field = must_field(view, key);
    const struct node *node = view_node(view, key)->items[index];
    const struct node_entry *name = node_find(node, "name");
    return (struct view){.block = field->block,
                         .map = node->kind == NODE_MAP ? node : NULL,
                         .path = arena_format(arena, "%s.%s", key, name == NULL ? "?" : name->value->text),
                         .at = node->at};
}

double field_number(const struct field *field, const struct node *node) {
    double value;
    if (node->kind != NODE_SCALAR ||
        quantity_parse(span_of(node->text), field->unit == NULL ? "" : field->unit, &value) != QUANTITY_OK) {
        return (double)NAN;
    }
    return value;
}

/* The scalar text under `key` or its default; NULL without either; "" for a value that is no scalar. */
static const char *scalar_text(const struct view *view, const char *key) {
    const struct node *node = view_node(view, key);
    if (node == NULL) {
        return must_field(view, key)->fallback;
    }
    return node->text;
}

double view_number(const struct view *view, const char *key) {
    const char *text = scalar_text(view, key);
    const struct field *field = must_field(view, key);
    double value;
    if (text == NULL || quantity_parse(span_of(text), field->unit == NULL ? "" : field->unit, &value) != QUANTITY_OK) {
        return (double)NAN;
    }
    return value;
}

int64_t view_integer(const struct view *view, const char *key) {
    const char *text = scalar_text(view, key);
    int64_t value = 0;
    if (text != NULL) {
        (void)text_to_int64(span_of(text), &value);
    }
    return value;
}

const char *view_text(const struct view *view, const char *key) {
    return scalar_text(view, key);
}

bool view_is(const struct view *view, const char *key, const char *word) {
    const char *text = scalar_text(view, key);
    return text != NULL && strcmp(text, word) == 0;
}

/* --- defaults written out --- */

static const struct node *map_with_defaults(struct arena *arena, const struct node *map, const struct block *block);

static const struct node *value_with_defaults(struct arena *arena, const struct node *value,
                                              const struct field *field) {
    if (field->block == NULL || (value->kind != NODE_MAP && value->kind != NODE_LIST)) {
        return value;
    }
    if (value->kind == NODE_MAP) {
        return map_with_defaults(arena, value, field->block);
    }
    const struct node *result = value;
    for (size_t i = 0; i < value->count; i++) {
        result = node_with_item(arena, result, i, map_with_defaults(arena, value->items[i], field->block));
    }
    return result;
}

static const struct node *map_with_defaults(struct arena *arena, const struct node *map, const struct block *block) {
    const struct node *result = map;
    for (size_t i = 0; i < block->field_count; i++) {
        const struct field *field = &block->fields[i];
        const struct node_entry *entry = node_find(map, field->key);
        if (entry != NULL) {
            result =
                node_with(arena, result, field->key, entry->key_at, value_with_defaults(arena, entry->value, field));
        } else if (field->fallback != NULL && field->not_yet == NULL && field_applies(field, block, map)) {
            result = node_with(arena, result, field->key, map->at, node_scalar(arena, map->at, field->fallback));
        }
    }
    return result;
}

const struct node *schema_with_defaults(struct arena *arena, const struct node *root) {
    return map_with_defaults(arena, root, schema_root());
}
