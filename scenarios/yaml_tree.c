#include "scenarios/yaml_tree.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/check.h"

/* A node that is still being filled. */
struct open_node {
    enum node_kind kind;
    struct position at;
    struct node_entry *entries; // owned until closed
    const struct node **items;  // owned until closed
    size_t count;
    size_t capacity;
    const char *key; /* map: read, its value not yet */
    struct position key_at;
};

struct reader {
    struct arena *arena;
    const struct diag_source *source;
    struct diags *diags;
    yaml_parser_t parser;
    struct open_node open[YAML_DEPTH_MAX];
    size_t depth;
    size_t node_count;
    size_t document_count;
    uint32_t line; /* of line_start: libyaml's marks rise, so lines are found by walking on */
    const char *line_start;
    const struct node *root;
};

/* libyaml counts columns in characters; positions count bytes. */
static uint32_t byte_column(struct reader *reader, const yaml_mark_t *mark) {
    const char *end = reader->source->text + reader->source->size;
    if (reader->line > mark->line) {
        reader->line = 0;
        reader->line_start = reader->source->text;
    }
    while (reader->line < mark->line) {
        const char *newline = memchr(reader->line_start, '\n', (size_t)(end - reader->line_start));
        if (newline == NULL) {
            return 1;
        }
        reader->line_start = newline + 1;
        reader->line++;
    }
    const char *at = reader->line_start;
    for (size_t i = 0; i < mark->column && at < end; i++) {
        at++;
        while (at < end && ((unsigned char)*at & 0xC0) == 0x80) {
            at++;
        }
    }
    return (uint32_t)(at - reader->line_start) + 1;
}

static struct position position_of(struct reader *reader, const yaml_mark_t *start, const yaml_mark_t *end) {
    struct position at = {.source = reader->source, .line = (uint32_t)start->line + 1};
    at.column = byte_column(reader, start);
    if (end != NULL && end->line == start->line && end->column > start->column) {
        at.length = byte_column(reader, end) - at.column;
    }
    return at;
}

/* The position of a byte of the text. */
static struct position position_of_offset(const struct diag_source *source, size_t offset) {
    struct position at = {.source = source, .line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < source->size; i++) {
        at.column++;
        if (source->text[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return at;
}

/* Length of the UTF-8 character at `text`, or 0 if it is none. */
static size_t character_size(const unsigned char *text, size_t size) {
    size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : (text[0] & 0xF0) == 0xE0 ? 3 : 4;
    if ((text[0] >= 0x80 && text[0] < 0xC2) || text[0] > 0xF4 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool check_encoding(const struct diag_source *source, struct diags *diags) {
    const unsigned char *text = (const unsigned char *)source->text;
    for (size_t i = 0; i < source->size;) {
        size_t length = character_size(text + i, source->size - i);
        if (length == 0 || text[i] == 0) {
            return diag_error(diags, position_of_offset(source, i), "yaml-encoding",
                              "byte 0x%02x: a scenario is UTF-8 text without zero bytes; save the file as UTF-8",
                              text[i]);
        }
        i += length;
    }
    return true;
}

static bool syntax_error(struct reader *reader) {
    const yaml_parser_t *parser = &reader->parser;
    struct position at = position_of(reader, &parser->problem_mark, NULL);
    if (parser->error == YAML_READER_ERROR) {
        at = position_of_offset(reader->source, parser->problem_offset);
    }
    const char *problem = parser->problem == NULL ? "cannot be read" : parser->problem;
    if (parser->context == NULL) {
        return diag_error(reader->diags, at, "yaml-syntax", "not valid YAML: %s", problem);
    }
    return diag_error(reader->diags, at, "yaml-syntax", "not valid YAML: %s, %s (line %zu)", problem, parser->context,
                      parser->context_mark.line + 1);
}

static struct node *new_node(struct reader *reader, enum node_kind kind, struct position at) {
    struct node *node = arena_alloc(reader->arena, 1, sizeof(struct node));
    *node = (struct node){.kind = kind, .at = at, .text = ""};
    return node;
}

static bool add_entry(struct reader *reader, struct open_node *map, const struct node *value) {
    if (map->count == YAML_KEYS_MAX) {
        return diag_error(reader->diags, map->key_at, "yaml-limit", "a map has more than %d keys", YAML_KEYS_MAX);
    }
    if (map->count == map->capacity) {
        map->capacity = map->capacity == 0 ? 8 : 2 * map->capacity;
        map->entries = xrealloc(map->entries, map->capacity, sizeof(struct node_entry));
    }
    map->entries[map->count++] = (struct node_entry){.key = map->key, .key_at = map->key_at, .value = value};
    map->key = NULL;
    return true;
}

static void add_item(struct open_node *list, const struct node *value) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 8 : 2 * list->capacity;
        list->items = xrealloc(list->items, list->capacity, sizeof(struct node *));
    }
    list->items[list->count++] = value;
}

/* Puts a finished node where it belongs: into the innermost open node. */
static bool place(struct reader *reader, const struct node *node) {
    if (reader->depth == 0) {
        reader->root = node;
        return true;
    }
    struct open_node *parent = &reader->open[reader->depth - 1];
    if (parent->kind == NODE_LIST) {
        add_item(parent, node);
        return true;
    }
    return add_entry(reader, parent, node);
}

static bool expects_key(const struct reader *reader) {
    const struct open_node *top = reader->depth == 0 ? NULL : &reader->open[reader->depth - 1];
    return top != NULL && top->kind == NODE_MAP && top->key == NULL;
}

/* The node may begin at `at`: not too many, no tag, no anchor. */
static bool check_start(struct reader *reader, struct position at, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (++reader->node_count > YAML_NODES_MAX) {
        return diag_error(reader->diags, at, "yaml-limit", "a scenario has at most %d values", YAML_NODES_MAX);
    }
    if (anchor != NULL) {
        return diag_error(reader->diags, at, "yaml-anchor",
                          "anchors (&%s) are not supported; put what is shared into a file and say `extends: FILE`",
                          (const char *)anchor);
    }
    if (tag != NULL) {
        return diag_error(reader->diags, at, "yaml-tag", "tags (%s) are not supported; write the plain value",
                          (const char *)tag);
    }
    return true;
}

static bool is_null_text(const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static bool check_duplicate(struct reader *reader, const struct open_node *map, const char *key, struct position at) {
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->entries[i].key, key) == 0) {
            return diag_error(reader->diags, at, "duplicate-key", "key '%s' is given twice; the first is on line %u",
                              key, map->entries[i].key_at.line);
        }
    }
    return true;
}

static bool take_scalar(struct reader *reader, const yaml_event_t *event) {
    struct position at = position_of(reader, &event->start_mark, &event->end_mark);
    if (!check_start(reader, at, event->data.scalar.anchor, event->data.scalar.tag)) {
        return false;
    }
    char *text = arena_text(reader->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
    if (expects_key(reader)) {
        struct open_node *map = &reader->open[reader->depth - 1];
        (void)check_duplicate(reader, map, text, at); /* said; reading goes on */
        map->key = text;
        map->key_at = at;
        return true;
    }
    struct node *node = new_node(reader, is_null_text(event) ? NODE_NOTHING : NODE_SCALAR, at);
    node->text = text;
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return place(reader, node);
}

static bool begin(struct reader *reader, enum node_kind kind, const yaml_event_t *event, const yaml_char_t *anchor,
                  const yaml_char_t *tag) {
    struct position at = position_of(reader, &event->start_mark, NULL);
    if (!check_start(reader, at, anchor, tag)) {
        return false;
    }
    if (expects_key(reader)) {
        return diag_error(reader->diags, at, "yaml-key", "a key must be plain text, not %s",
                          kind == NODE_MAP ? "a map" : "a list");
    }
    if (reader->depth == YAML_DEPTH_MAX) {
        return diag_error(reader->diags, at, "yaml-limit", "maps and lists are nested deeper than %d levels",
                          YAML_DEPTH_MAX);
    }
    reader->open[reader->depth++] = (struct open_node){.kind = kind, .at = at};
    return true;
}

static bool end(struct reader *reader) {
    struct open_node *open = &reader->open[--reader->depth];
    struct node *node = new_node(reader, open->kind, open->at);
    size_t size = open->kind == NODE_MAP ? sizeof(struct node_entry) : sizeof(struct node *);
    void *copy = arena_alloc(reader->arena, open->count + 1, size);
    if (open->count > 0) {
        memcpy(copy, open->kind == NODE_MAP ? (const void *)open->entries : (const void *)open->items,
               open->count * size);
    }
    node->count = open->count;
    node->entries = open->kind == NODE_MAP ? copy : NULL;
    node->items = open->kind == NODE_LIST ? copy : NULL;
    free(open->entries);
    free(open->items);
    return place(reader, node);
}

static bool take_document(struct reader *reader, const yaml_event_t *event) {
    if (++reader->document_count > 1) {
        return diag_error(reader->diags, position_of(reader, &event->start_mark, NULL), "yaml-documents",
                          "a file holds one scenario; remove the second document (---)");
    }
    return true;
}

static bool take_alias(struct reader *reader, const yaml_event_t *event) {
    return diag_error(reader->diags, position_of(reader, &event->start_mark, &event->end_mark), "yaml-anchor",
                      "aliases (*%s) are not supported; put what is shared into a file and say `extends: FILE` (a `*` "
                      "in a sweep path must be quoted)",
                      (const char *)event->data.alias.anchor);
}

static bool take_event(struct reader *reader, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return take_document(reader, event);
    case YAML_ALIAS_EVENT: return take_alias(reader, event);
    case YAML_SCALAR_EVENT: return take_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        return begin(reader, NODE_LIST, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return begin(reader, NODE_MAP, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return end(reader);
    default: return true;
    }
}

static bool take_all(struct reader *reader) {
    bool is_end = false;
    while (!is_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            return syntax_error(reader);
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        bool is_ok = take_event(reader, &event);
        yaml_event_delete(&event);
        if (!is_ok) {
            return false;
        }
    }
    return true;
}

static void reader_release(struct reader *reader) {
    for (size_t i = 0; i < reader->depth; i++) {
        free(reader->open[i].entries);
        free(reader->open[i].items);
    }
    yaml_parser_delete(&reader->parser);
}

const struct node *yaml_parse(struct arena *arena, const struct diag_source *source, struct diags *diags) {
    size_t errors_before = diags_error_count(diags);
    if (source->size > YAML_BYTES_MAX) {
        struct position at = {.source = source};
        diag_error(diags, at, "yaml-limit", "a scenario has at most %d MiB", YAML_BYTES_MAX >> 20);
        return NULL;
    }
    if (!check_encoding(source, diags)) {
        return NULL;
    }
    struct reader reader = {.arena = arena, .source = source, .diags = diags, .line_start = source->text};
    CHECK(yaml_parser_initialize(&reader.parser));
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)source->text, source->size);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    bool is_ok = take_all(&reader);
    if (is_ok && reader.root == NULL) {
        reader.root = new_node(&reader, NODE_NOTHING, (struct position){.source = source, .line = 1, .column = 1});
    }
    reader_release(&reader);
    return is_ok && diags_error_count(diags) == errors_before ? reader.root : NULL;
}

/* The whole file, at most one byte more than is allowed. */
static char *read_whole(struct arena *arena, FILE *stream, size_t *size) {
    char *text = xcalloc(YAML_BYTES_MAX + 2, 1);
    *size = fread(text, 1, YAML_BYTES_MAX + 1, stream);
    char *copy = ferror(stream) != 0 ? NULL : arena_text(arena, text, *size);
    free(text);
    return copy;
}

const struct diag_source *yaml_source_read(struct arena *arena, const char *path, const char *name, struct position at,
                                           struct diags *diags) {
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        diag_world(diags, at, "file-open", "cannot open %s: %s", name, strerror(errno));
        return NULL;
    }
    size_t size;
    char *text = read_whole(arena, stream, &size);
    int error = errno;
    fclose(stream);
    if (text == NULL) {
        diag_world(diags, at, "file-read", "cannot read %s: %s", name, strerror(error));
        return NULL;
    }
    struct diag_source *source = arena_alloc(arena, 1, sizeof(struct diag_source));
    const size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
    *source =
        (struct diag_source){.name = arena_text(arena, name, strlen(name)), .text = text + mark, .size = size - mark};
    return source;
}
