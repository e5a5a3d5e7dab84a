/* YAML as a tree with positions, under limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenarios/yaml_tree.h"

struct fixture {
    struct arena *arena;
    struct diags *diags;
    struct diag_source source;
};

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    fixture->arena = arena_new();
    fixture->diags = diags_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    diags_free(fixture->diags);
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static const struct node *parse_bytes(struct fixture *fixture, const char *text, size_t size) {
    fixture->source = (struct diag_source){.name = "t", .text = text, .size = size};
    return yaml_parse(fixture->arena, &fixture->source, fixture->diags);
}

static const struct node *parse(struct fixture *fixture, const char *text) {
    return parse_bytes(fixture, text, strlen(text));
}

static void values_keep_line_column_and_length_in_bytes(void **state) {
    const struct node *tree = parse(*state, "a: 1\nb: [x, \"\xc3\xa4\xc3\xa4\", long]\n");
    const struct node *list = node_find(tree, "b")->value;
    assert_int_equal(list->items[2]->at.line, 2);
    assert_int_equal(list->items[2]->at.column, 16); /* two umlauts of two bytes before it */
    assert_int_equal(list->items[2]->at.length, 4);
    assert_int_equal(node_find(tree, "b")->key_at.column, 1);
}

static void nothing_is_told_from_empty_text(void **state) {
    const struct node *tree = parse(*state, "a:\nb: ''\nc: ~\nd: 'null'\n");
    assert_int_equal(node_find(tree, "a")->value->kind, NODE_NOTHING);
    assert_int_equal(node_find(tree, "b")->value->kind, NODE_SCALAR);
    assert_int_equal(node_find(tree, "c")->value->kind, NODE_NOTHING);
    assert_int_equal(node_find(tree, "d")->value->kind, NODE_SCALAR);
}

static void an_empty_file_is_nothing(void **state) {
    assert_int_equal(parse(*state, "# only a comment\n")->kind, NODE_NOTHING);
}

static void all_duplicate_keys_are_reported(void **state) {
    struct fixture *fixture = *state;
    assert_null(parse(fixture, "a: 1\nb: 2\na: 3\nb: 4\n"));
    assert_int_equal(diags_error_count(fixture->diags), 2);
}

static void hostile_nesting_is_cheap(void **state) {
    struct fixture *fixture = *state;
    char *text = xcalloc(200001, 1);
    memset(text, '[', 200000);
    assert_null(parse(fixture, text));
    assert_string_equal(diags_first_message(fixture->diags), "maps and lists are nested deeper than 64 levels");
    free(text);
}

static void too_many_keys_or_values_are_refused(void **state) {
    struct fixture *fixture = *state;
    char *text = xcalloc(16, 300000);
    size_t used = 0;
    for (int i = 0; i < YAML_KEYS_MAX + 1; i++) {
        used += (size_t)snprintf(text + used, 16, "k%d: 1\n", i);
    }
    assert_null(parse(fixture, text));
    used = 0;
    for (int i = 0; i < YAML_NODES_MAX + 1; i++) {
        used += (size_t)snprintf(text + used, 16, "- 1\n");
    }
    assert_null(parse_bytes(fixture, text, used));
    assert_int_equal(diags_error_count(fixture->diags), 2);
    free(text);
}

static void a_copy_with_a_key_leaves_the_original_alone(void **state) {
    struct fixture *fixture = *state;
    const struct node *tree = parse(fixture, "a: 1\nb: 2\n");
    const struct node *value = node_scalar(fixture->arena, tree->at, "9");
    const struct node *changed = node_with(fixture->arena, tree, "a", tree->at, value);
    assert_string_equal(node_find(tree, "a")->value->text, "1");
    assert_string_equal(node_find(changed, "a")->value->text, "9");
    assert_int_equal(node_with(fixture->arena, tree, "c", tree->at, value)->count, 3);
    assert_int_equal(node_without(fixture->arena, tree, "a")->count, 1);
}

static void a_tree_survives_the_way_to_text_and_back(void **state) {
    struct fixture *fixture = *state;
    const char *text =
        "name: \"a: b # c\"\nlist:\n  - 1\n  - x: \"\"\n    y: null\n  - \n    - deep\n    - -3\nempty: {}\n";
    char *first = node_to_yaml(parse(fixture, text));
    char *second = node_to_yaml(parse(fixture, first));
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "\"a: b # c\""));
    free(first);
    free(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_keep_line_column_and_length_in_bytes),
        TEST(nothing_is_told_from_empty_text),
        TEST(an_empty_file_is_nothing),
        TEST(all_duplicate_keys_are_reported),
        TEST(hostile_nesting_is_cheap),
        TEST(too_many_keys_or_values_are_refused),
        TEST(a_copy_with_a_key_leaves_the_original_alone),
        TEST(a_tree_survives_the_way_to_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
