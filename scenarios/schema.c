#include "scenarios/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

const struct field *block_field(const struct block *block, struct span key) {
    for (size_t i = 0; i < block->field_count; i++) {
        if (span_equals(key, block->fields[i].key)) {
            return &block->fields[i];
        }
    }
    return NULL;
}

const struct field_alias *block_alias(const struct block *block, struct span key) {
    for (size_t i = 0; i < block->alias_count; i++) {
        if (span_equals(key, block->aliases[i].alias)) {
            return &block->aliases[i];
        }
    }
    return NULL;
}

/* Takes what stands before `separator`, and the separator. */
static struct span take_until(struct span *rest, char separator) {
    const char *end = memchr(rest->data, separator, rest->size);
    struct span part = {.data = rest->data, .size = end == NULL ? rest->size : (size_t)(end - rest->data)};
    size_t used = part.size + (end != NULL);
    rest->data += used;
    rest->size -= used;
    return part;
}

static bool span_same(struct span a, struct span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

size_t words_count(const char *words) {
    size_t count = 0;
    for (struct span rest = span_of(words == NULL ? "" : words); rest.size > 0; count++) {
        (void)take_until(&rest, '|');
    }
    return count;
}

struct span words_at(const char *words, size_t index) {
    struct span rest = span_of(words);
    struct span word = take_until(&rest, '|');
    for (size_t i = 0; i < index; i++) {
        word = take_until(&rest, '|');
    }
    return word;
}

size_t words_find(const char *words, struct span word) {
    size_t count = words_count(words);
    for (size_t i = 0; i < count; i++) {
        if (span_same(words_at(words, i), word)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* --- aliases --- */

/* What an alias' value means: "old=new|other=". An empty new one: nothing. NULL: the key is to be dropped. */
static const struct node *translate(struct arena *arena, const struct field_alias *alias, const struct node *value) {
    if (alias->words == NULL || value->kind != NODE_SCALAR) {
        return value;
    }
    for (struct span rest = span_of(alias->words); rest.size > 0;) {
        struct span pair = take_until(&rest, '|');
        struct span old = take_until(&pair, '=');
        if (span_equals(old, value->text)) {
            return pair.size == 0 ? NULL : node_scalar(arena, value->at, arena_text(arena, pair.data, pair.size));
        }
    }
    return value;
}

/* Puts an alias' value at its path below `map`. */
static const struct node *put_alias(struct arena *arena, const struct node *map, struct span path,
                                    const struct node_entry *entry, const struct node *value, struct diags *diags) {
    struct span rest = path;
    struct span first = take_until(&rest, '.');
    const char *key = arena_text(arena, first.data, first.size);
    const struct node_entry *old = node_find(map, key);
    bool is_last = rest.size == 0;
    if (old != NULL && (is_last || old->value->kind != NODE_MAP)) {
        diag_error(diags, entry->key_at, "key-conflict", "'%s' is another spelling of '%s', which line %u gives too",
                   entry->key, key, old->key_at.line);
        return map;
    }
    if (is_last) {
        return node_with(arena, map, key, entry->key_at, value);
    }
    const struct node *inner = old != NULL ? old->value : node_map(arena, entry->key_at);
    return node_with(arena, map, key, old != NULL ? old->key_at : entry->key_at,
                     put_alias(arena, inner, rest, entry, value, diags));
}

static const struct node *canonical_map(struct arena *arena, const struct node *map, const struct block *block,
                                        struct diags *diags);

static const struct node *canonical_list(struct arena *arena, const struct node *list, const struct block *block,
                                         struct diags *diags) {
    struct node *copy = arena_alloc(arena, 1, sizeof(struct node));
    const struct node **items = arena_alloc(arena, list->count + 1, sizeof(struct node *));
    *copy = *list;
    copy->items = items;
    for (size_t i = 0; i < list->count; i++) {
        items[i] = canonical_map(arena, list->items[i], block, diags);
    }
    return copy;
}

static const struct node *canonical_value(struct arena *arena, const struct node *value, const struct field *field,
                                          struct diags *diags) {
    if (field == NULL || field->block == NULL) {
        return value;
    }
    if (value->kind == NODE_LIST && (field->shapes & SHAPE_ENTRIES) != 0) {
        return canonical_list(arena, value, field->block, diags);
    }
    return (field->shapes & SHAPE_BLOCK) != 0 ? canonical_map(arena, value, field->block, diags) : value;
}

static const struct node *canonical_map(struct arena *arena, const struct node *map, const struct block *block,
                                        struct diags *diags) {
    if (map->kind != NODE_MAP) {
        return map;
    }
    struct node *copy = arena_alloc(arena, 1, sizeof(struct node));
    struct node_entry *entries = arena_alloc(arena, map->count + 1, sizeof(struct node_entry));
    *copy = *map;
    copy->entries = entries;
    copy->count = 0;
    for (size_t i = 0; i < map->count; i++) {
        struct span key = span_of(map->entries[i].key);
        if (block_alias(block, key) == NULL) {
            entries[copy->count] = map->entries[i];
            entries[copy->count++].value =
                canonical_value(arena, map->entries[i].value, block_field(block, key), diags);
        }
    }
    const struct node *result = copy;
    for (size_t i = 0; i < map->count; i++) {
        const struct field_alias *alias = block_alias(block, span_of(map->entries[i].key));
        const struct node *value = alias == NULL ? NULL : translate(arena, alias, map->entries[i].value);
        if (value != NULL) {
            result = put_alias(arena, result, span_of(alias->path), &map->entries[i], value, diags);
        }
    }
    return result;
}

const struct node *schema_canonical(struct arena *arena, const struct node *root, struct diags *diags) {
    return canonical_map(arena, root, schema_root(), diags);
}

/* --- merging --- */

static const char *entry_name(const struct node *entry) {
    const struct node_entry *name = node_find(entry, "name");
    return name != NULL && name->value->kind == NODE_SCALAR ? name->value->text : NULL;
}

static size_t find_entry(const struct node *list, const char *name) {
    for (size_t i = 0; name != NULL && i < list->count; i++) {
        const char *other = entry_name(list->items[i]);
        if (other != NULL && strcmp(other, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool has_names(const struct node *list) {
    for (size_t i = 0; i < list->count; i++) {
        if (entry_name(list->items[i]) == NULL) {
            return false;
        }
    }
    return list->count > 0;
}

static const struct node *merge_lists(struct arena *arena, const struct node *base, const struct node *over) {
    const struct node *result = base;
    for (size_t i = 0; i < over->count; i++) {
        size_t index = find_entry(base, entry_name(over->items[i]));
        const struct node *item = over->items[i];
        if (index != SIZE_MAX) {
            item = schema_merge(arena, base->items[index], item);
        }
        result = node_with_item(arena, result, index == SIZE_MAX ? result->count : index, item);
    }
    return result;
}

const struct node *schema_merge(struct arena *arena, const struct node *base, const struct node *over) {
    if (base->kind == NODE_LIST && over->kind == NODE_LIST && has_names(base) && has_names(over)) {
        return merge_lists(arena, base, over);
    }
    if (base->kind != NODE_MAP || over->kind != NODE_MAP) {
        return over;
    }
    const struct node *result = base;
    for (size_t i = 0; i < over->count; i++) {
        const struct node_entry *entry = &over->entries[i];
        const struct node_entry *old = node_find(base, entry->key);
        const struct node *value = old == NULL ? entry->value : schema_merge(arena, old->value, entry->value);
        result = node_with(arena, result, entry->key, entry->key_at, value);
    }
    return result;
}

/* --- paths --- */

struct setter {
    struct arena *arena;
    const char *path; /* whole, for messages */
    const struct node *value;
    struct diags *diags;
    struct position at;
};

enum { NAMES_MAX = 256 };

/* "; did you mean 'x'?" or "". */
static const char *guess_text(struct arena *arena, struct span text, const char *const *names, size_t count) {
    const char *guess = text_guess(text, names, count);
    return guess == NULL ? "" : arena_format(arena, "; did you mean '%s'?", guess);
}

static const char *guess_key(struct arena *arena, const struct block *block, struct span key) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < block->field_count && count < NAMES_MAX; i++) {
        names[count++] = block->fields[i].key;
    }
    for (size_t i = 0; i < block->alias_count && count < NAMES_MAX; i++) {
        names[count++] = block->aliases[i].alias;
    }
    return guess_text(arena, key, names, count);
}

static const char *guess_entry(struct arena *arena, const struct node *list, struct span name) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < list->count && count < NAMES_MAX; i++) {
        const char *other = entry_name(list->items[i]);
        if (other != NULL) {
            names[count++] = other;
        }
    }
    return guess_text(arena, name, names, count);
}

static const struct node *set_in_map(struct setter *setter, const struct node *map, const struct block *block,
                                     struct span rest);

static const struct node *set_in_entries(struct setter *setter, const struct node *list, const struct field *field,
                                         struct span rest) {
    struct span name = take_until(&rest, '.');
    bool is_all = span_equals(name, "*");
    const struct node *result = list;
    size_t found = 0;
    for (size_t i = 0; list != NULL && list->kind == NODE_LIST && i < list->count; i++) {
        const char *other = entry_name(list->items[i]);
        if (!is_all && (other == NULL || !span_equals(name, other))) {
            continue;
        }
        found++;
        const struct node *item = setter->value;
        if (rest.size > 0) {
            item = set_in_map(setter, list->items[i], field->block, rest);
        }
        if (item == NULL) {
            return NULL;
        }
        result = node_with_item(setter->arena, result, i, item);
    }
    if (found == 0) {
        const char *guess = list != NULL && list->kind == NODE_LIST ? guess_entry(setter->arena, list, name) : "";
        diag_error(setter->diags, setter->at, "unknown-path", "%s: %s has no entry named '%.*s'%s", setter->path,
                   field->key, (int)name.size, name.data, guess);
        return NULL;
    }
    return result;
}

static const struct node *map_or_empty(struct setter *setter, const struct node *node) {
    return node != NULL && node->kind == NODE_MAP ? node : node_map(setter->arena, setter->at);
}

/* The new value of `field`, whose old one is `old`; `rest` is the path below it. */
static const struct node *set_in_field(struct setter *setter, const struct node *old, const struct field *field,
                                       struct span rest) {
    const unsigned free_map = SHAPE_NUMBER_MAP | SHAPE_COLUMNS | SHAPE_TEXT_MAP;
    if (rest.size == 0) {
        return setter->value;
    }
    if ((field->shapes & SHAPE_ENTRIES) != 0) {
        return set_in_entries(setter, old, field, rest);
    }
    if ((field->shapes & SHAPE_BLOCK) != 0) {
        return set_in_map(setter, map_or_empty(setter, old), field->block, rest);
    }
    if ((field->shapes & free_map) != 0) {
        return node_with(setter->arena, map_or_empty(setter, old), arena_text(setter->arena, rest.data, rest.size),
                         setter->at, setter->value);
    }
    if (field->not_yet != NULL) {
        diag_error(setter->diags, setter->at, "not-modelled-yet", "%s is not modelled yet; %s", setter->path,
                   field->not_yet);
    } else if (strcmp(field->key, "sweep") == 0) {
        diag_error(setter->diags, setter->at, "unknown-path", "%s: axes stand in the file's `sweep`, not in --set",
                   setter->path);
    } else {
        diag_error(setter->diags, setter->at, "unknown-path", "%s: '%s' is a value, nothing lies below it",
                   setter->path, field->key);
    }
    return NULL;
}

static const struct node *set_in_map(struct setter *setter, const struct node *map, const struct block *block,
                                     struct span rest) {
    struct span key = take_until(&rest, '.');
    const struct field_alias *alias = block_alias(block, key);
    if (alias != NULL) {
        struct setter translated = *setter;
        translated.value = rest.size == 0 ? translate(setter->arena, alias, setter->value) : setter->value;
        if (translated.value == NULL) {
            return node_without(setter->arena, map, alias->path);
        }
        const char *path =
            arena_format(setter->arena, "%s%s%.*s", alias->path, rest.size > 0 ? "." : "", (int)rest.size, rest.data);
        return set_in_map(&translated, map, block, span_of(path));
    }
    const struct field *field = block_field(block, key);
    if (field == NULL || map->kind != NODE_MAP) {
        diag_error(setter->diags, setter->at, "unknown-path", "%s: there is no key '%.*s'%s", setter->path,
                   (int)key.size, key.data, guess_key(setter->arena, block, key));
        return NULL;
    }
    const struct node_entry *old = node_find(map, field->key);
    const struct node *value = set_in_field(setter, old == NULL ? NULL : old->value, field, rest);
    return value == NULL ? NULL
                         : node_with(setter->arena, map, field->key, old == NULL ? setter->at : old->key_at, value);
}

const struct node *schema_set(struct arena *arena, const struct node *root, const char *path, const struct node *value,
                              struct diags *diags, struct position at) {
    struct setter setter = {.arena = arena, .path = path, .value = value, .diags = diags, .at = at};
    return set_in_map(&setter, root, schema_root(), span_of(path));
}

/* The field that `rest` names below `block`; NULL: none. */
static const struct field *field_below(const struct block *block, struct span rest) {
    struct span key = take_until(&rest, '.');
    const struct field_alias *alias = block_alias(block, key);
    if (alias != NULL) {
        return field_below(block, span_of(alias->path));
    }
    const struct field *field = block_field(block, key);
    if (field == NULL || rest.size == 0) {
        return field;
    }
    if ((field->shapes & SHAPE_ENTRIES) != 0) {
        (void)take_until(&rest, '.');
    }
    bool goes_on = (field->shapes & (SHAPE_ENTRIES | SHAPE_BLOCK)) != 0 && rest.size > 0;
    return goes_on ? field_below(field->block, rest) : field;
}

const struct field *schema_field_at(const char *path, struct diags *diags, struct position at) {
    const struct field *field = field_below(schema_root(), span_of(path));
    if (field == NULL) {
        diag_error(diags, at, "unknown-path", "%s names no key of a scenario", path);
    }
    return field;
}
