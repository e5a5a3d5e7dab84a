/* libFuzzer target: any bytes as a scenario file, up to and including the checks of the table and the sweep. Nothing is opened.
 * Built and run for some seconds by fuzz_scenario.py. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/schema.h"
#include "scenarios/sweep.h"
#include "scenarios/yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tree(struct arena *arena, const struct node *tree, struct diags *diags) {
    const struct node *root = schema_canonical(arena, tree, diags);
    const struct node_entry *sweep = node_find(root, "sweep");
    struct sweep axes;
    bool is_valid = schema_check(arena, root, diags);
    if (root->kind == NODE_MAP && sweep_read(arena, sweep == NULL ? NULL : sweep->value, root, &axes, diags)) {
        (void)sweep_point_tree(arena, &axes, root, axes.point_count - 1, diags);
    }
    free(node_to_yaml(root));
    if (is_valid) {
        free(node_to_yaml(schema_with_defaults(arena, root)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new();
    struct diags *diags = diags_new();
    struct diag_source source = {.name = "fuzz", .text = arena_text(arena, (const char *)data, size), .size = size};
    const struct node *tree = yaml_parse(arena, &source, diags);
    if (tree != NULL) {
        check_tree(arena, tree, diags);
    }
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere != NULL) {
        diags_render(diags, nowhere, false);
        fclose(nowhere);
    }
    diags_free(diags);
    arena_free(arena);
    return 0;
}
