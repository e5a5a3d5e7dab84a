#include "scenarios/layers.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/schema.h"

/* The files being read, outermost first: their real paths. */
struct chain {
    char *paths[EXTENDS_DEPTH_MAX]; // owned
    size_t count;
};

const char *path_beside(struct arena *arena, struct position at, const char *path) {
    const char *file = at.source == NULL ? "" : at.source->name;
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || slash == NULL) {
        return path;
    }
    return arena_format(arena, "%.*s/%s", (int)(slash - file), file, path);
}

static const struct node *file_read(struct arena *arena, const char *path, struct position at, struct chain *chain,
                                    const struct diag_source **source, struct diags *diags);

/* The tree of the file that `node` names. */
static const struct node *base_read(struct arena *arena, const struct node *node, struct chain *chain,
                                    struct diags *diags) {
    if (node->kind != NODE_SCALAR || node->text[0] == '\0') {
        diag_error(diags, node->at, "wrong-type", "extends must be a file name, not %s", node_kind_name(node));
        return NULL;
    }
    const char *path = path_beside(arena, node->at, node->text);
    char *real = realpath(path, NULL);
    for (size_t i = 0; real != NULL && i < chain->count; i++) {
        if (strcmp(real, chain->paths[i]) == 0) {
            free(real);
            diag_error(diags, node->at, "extends-cycle", "%s extends itself, directly or by way of others", node->text);
            return NULL;
        }
    }
    free(real);
    if (chain->count == EXTENDS_DEPTH_MAX) {
        diag_error(diags, node->at, "extends-depth", "files extend one another more than %d deep", EXTENDS_DEPTH_MAX);
        return NULL;
    }
    const struct diag_source *source;
    return file_read(arena, path, node->at, chain, &source, diags);
}

static const struct node *with_base(struct arena *arena, const struct node *tree, struct chain *chain,
                                    struct diags *diags) {
    const struct node_entry *extends = node_find(tree, "extends");
    if (extends == NULL) {
        return tree;
    }
    const struct node *base = base_read(arena, extends->value, chain, diags);
    return base == NULL ? NULL : schema_merge(arena, base, node_without(arena, tree, "extends"));
}

static const struct node *map_parse(struct arena *arena, const struct diag_source *source, struct diags *diags) {
    const struct node *tree = yaml_parse(arena, source, diags);
    if (tree != NULL && tree->kind != NODE_MAP) {
        diag_error(diags, tree->at, "wrong-type", "a scenario is a map of keys (name, workload, fleet, ...), not %s",
                   node_kind_name(tree));
        return NULL;
    }
    return tree;
}

static const struct node *file_read(struct arena *arena, const char *path, struct position at, struct chain *chain,
                                    const struct diag_source **source, struct diags *diags) {
    *source = yaml_source_read(arena, path, path, at, diags);
    const struct node *tree = *source == NULL ? NULL : map_parse(arena, *source, diags);
    if (tree == NULL) {
        return NULL;
    }
    chain->paths[chain->count++] = realpath(path, NULL);
    const struct node *whole = with_base(arena, schema_canonical(arena, tree, diags), chain, diags);
    free(chain->paths[--chain->count]);
    return whole;
}

const struct node *layers_set(struct arena *arena, const struct node *tree, const char *set, size_t number,
                              struct diags *diags) {
    struct diag_source *source = arena_alloc(arena, 1, sizeof(struct diag_source));
    *source = (struct diag_source){.name = arena_format(arena, "--set #%zu", number), .text = set, .size = strlen(set)};
    struct position at = {.source = source, .line = 1, .column = 1};
    const char *equals = strchr(set, '=');
    if (equals == NULL || equals == set || equals[1] == '\0') {
        diag_error(diags, at, "set-syntax", "--set needs PATH=VALUE, as in --set fleet.main.replicas=4; found '%s'",
                   set);
        return tree;
    }
    const char *path = arena_text(arena, set, (size_t)(equals - set));
    struct diag_source *value_source = arena_alloc(arena, 1, sizeof(struct diag_source));
    *value_source = (struct diag_source){.name = source->name, .text = equals + 1, .size = strlen(equals + 1)};
    const struct node *value = yaml_parse(arena, value_source, diags);
    if (value == NULL) {
        return tree;
    }
    at.length = (uint32_t)(equals - set);
    const struct node *result = schema_set(arena, tree, path, value, diags, at);
    return result == NULL ? tree : schema_canonical(arena, result, diags);
}

const struct node *layers_read(struct arena *arena, const char *path, const char *const *sets, size_t set_count,
                               const struct diag_source **source, struct diags *diags) {
    struct chain chain = {.count = 0};
    struct position nowhere = {.source = NULL};
    const struct node *tree = file_read(arena, path, nowhere, &chain, source, diags);
    for (size_t i = 0; tree != NULL && i < set_count; i++) {
        tree = layers_set(arena, tree, arena_text(arena, sets[i], strlen(sets[i])), i + 1, diags);
    }
    return tree;
}

const struct node *layers_read_text(struct arena *arena, const char *name, const char *text,
                                    const struct diag_source **source, struct diags *diags) {
    struct chain chain = {.count = 0};
    struct diag_source *made = arena_alloc(arena, 1, sizeof *made);
    *made = (struct diag_source){.name = name, .text = text, .size = strlen(text)};
    *source = made;
    const struct node *tree = map_parse(arena, made, diags);
    return tree == NULL ? NULL : with_base(arena, schema_canonical(arena, tree, diags), &chain, diags);
}
