/* Nodes in memory: lookup, copies, and the way back to text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/yaml_tree.h"

const struct node_entry *node_find(const struct node *map, const char *key) {
    if (map == NULL || map->kind != NODE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->entries[i].key, key) == 0) {
            return &map->entries[i];
        }
    }
    return NULL;
}

const struct node *node_with(struct arena *arena, const struct node *map, const char *key, struct position at,
                             const struct node *value) {
    CHECK(map->kind == NODE_MAP);
    const struct node_entry *old = node_find(map, key);
    size_t index = old == NULL ? map->count : (size_t)(old - map->entries);
    struct node *copy = arena_alloc(arena, 1, sizeof(struct node));
    *copy = *map;
    copy->count += old == NULL;
    struct node_entry *entries = arena_alloc(arena, copy->count, sizeof(struct node_entry));
    for (size_t i = 0; i < map->count; i++) {
        entries[i] = map->entries[i];
    }
    entries[index] = (struct node_entry){.key = arena_text(arena, key, strlen(key)), .key_at = at, .value = value};
    copy->entries = entries;
    return copy;
}

const struct node *node_without(struct arena *arena, const struct node *map, const char *key) {
    struct node *copy = arena_alloc(arena, 1, sizeof(struct node));
    *copy = *map;
    struct node_entry *entries = arena_alloc(arena, map->count + 1, sizeof(struct node_entry));
    copy->count = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->entries[i].key, key) != 0) {
            entries[copy->count++] = map->entries[i];
        }
    }
    copy->entries = entries;
    return copy;
}

const struct node *node_with_item(struct arena *arena, const struct node *list, size_t index,
                                  const struct node *value) {
    CHECK(list->kind == NODE_LIST && index <= list->count);
    struct node *copy = arena_alloc(arena, 1, sizeof(struct node));
    *copy = *list;
    const struct node **items = arena_alloc(arena, list->count + 1, sizeof(struct node *));
    for (size_t i = 0; i < list->count; i++) {
        items[i] = list->items[i];
    }
    items[index] = value;
    copy->count += index == list->count;
    copy->items = items;
    return copy;
}

const struct node *node_scalar(struct arena *arena, struct position at, const char *text) {
    struct node *node = arena_alloc(arena, 1, sizeof(struct node));
    *node = (struct node){.kind = NODE_SCALAR, .at = at, .text = arena_text(arena, text, strlen(text))};
    return node;
}

const struct node *node_map(struct arena *arena, struct position at) {
    struct node *node = arena_alloc(arena, 1, sizeof(struct node));
    *node = (struct node){.kind = NODE_MAP, .at = at, .text = ""};
    return node;
}

const char *node_kind_name(const struct node *node) {
    switch (node->kind) {
    case NODE_NOTHING: return "nothing";
    case NODE_SCALAR: return "text";
    case NODE_LIST: return "a list";
    default: return "a map";
    }
}

static bool is_plain_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-./+()% ", c) != NULL;
}

/* Text that reads back as itself without quotes. */
static bool is_plain(const char *text) {
    size_t size = strlen(text);
    if (size == 0 || text[0] == ' ' || text[size - 1] == ' ' || strcmp(text, "null") == 0) {
        return false;
    }
    if (strchr("-%", text[0]) != NULL && !(text[0] == '-' && size > 1 && text[1] >= '0' && text[1] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || !is_plain_character(text[i])) {
            return false;
        }
    }
    return true;
}

static void put_quoted(FILE *stream, const char *text) {
    fputc('"', stream);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(stream, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            fprintf(stream, "\\x%02x", (unsigned char)*c);
        } else {
            fputc(*c, stream);
        }
    }
    fputc('"', stream);
}

static void put_text(FILE *stream, const char *text, bool is_quoted) {
    if (!is_quoted && is_plain(text)) {
        fputs(text, stream);
    } else {
        put_quoted(stream, text);
    }
}

static void put_node(FILE *stream, const struct node *node, int indent, bool is_in_list);

static void put_map(FILE *stream, const struct node *map, int indent, bool is_in_list) {
    for (size_t i = 0; i < map->count; i++) {
        const struct node *value = map->entries[i].value;
        fprintf(stream, "%*s", is_in_list && i == 0 ? 0 : indent, "");
        put_text(stream, map->entries[i].key, false);
        fputc(':', stream);
        bool is_block = (value->kind == NODE_MAP || value->kind == NODE_LIST) && value->count > 0;
        fputc(is_block ? '\n' : ' ', stream);
        put_node(stream, value, indent + 2, false);
    }
}

static void put_list(FILE *stream, const struct node *list, int indent) {
    for (size_t i = 0; i < list->count; i++) {
        fprintf(stream, "%*s- ", indent, "");
        put_node(stream, list->items[i], indent + 2, true);
    }
}

static void put_node(FILE *stream, const struct node *node, int indent, bool is_in_list) {
    if (node->kind == NODE_MAP && node->count > 0) {
        put_map(stream, node, indent, is_in_list);
        return;
    }
    if (node->kind == NODE_LIST && node->count > 0) {
        if (is_in_list) {
            fputc('\n', stream);
        }
        put_list(stream, node, indent);
        return;
    }
    if (node->kind == NODE_SCALAR) {
        put_text(stream, node->text, node->is_quoted);
    } else {
        fputs(node->kind == NODE_MAP ? "{}" : node->kind == NODE_LIST ? "[]" : "null", stream);
    }
    fputc('\n', stream);
}

char *node_to_yaml(const struct node *node) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    put_node(stream, node, 0, false);
    CHECK(fclose(stream) == 0);
    return text;
}
