#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char CHAT_TEXT[] = "workload:\n"
                                "  chat:\n"
                                "    arrivals:\n"
                                "      kind: poisson\r\n"
                                "      rate: -1/s\n"
                                "\treplica: 2\n"
                                "  name: caf\xc3\xa9 x\xc3\xa9y!";

static const struct diag_source CHAT = {.name = "chat.yaml", .text = CHAT_TEXT, .size = sizeof(CHAT_TEXT) - 1};
static const struct diag_source BASE = {.name = "base.yaml"};

static struct position at(const struct diag_source *source, uint32_t line, uint32_t column, uint32_t length) {
    return (struct position){.source = source, .line = line, .column = column, .length = length};
}

static void assert_renders_as(const struct diags *diags, bool colour, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    diags_render(diags, stream, colour);
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void a_mistake_is_shown_with_its_line_and_a_caret(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    assert_false(diag_error(diags, at(&CHAT, 5, 13, 4), "value-range", "rate = %s is outside 0..1e9/s", "-1/s"));
    assert_renders_as(diags, false,
                      "chat.yaml:5:13: error: rate = -1/s is outside 0..1e9/s [value-range]\n"
                      "      rate: -1/s\n"
                      "            ^~~~\n");
    diags_free(diags);
}

static void a_caret_stands_under_its_column_behind_tabs_and_wide_characters(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_error(diags, at(&CHAT, 6, 2, 7), "unknown-key", "unknown key");
    diag_error(diags, at(&CHAT, 7, 15, 4), "odd", "accents");
    assert_renders_as(diags, false,
                      "chat.yaml:6:2: error: unknown key [unknown-key]\n"
                      "\treplica: 2\n"
                      "\t^~~~~~~\n"
                      "chat.yaml:7:15: error: accents [odd]\n"
                      "  name: caf\xc3\xa9 x\xc3\xa9y!\n"
                      "             ^~~\n");
    diags_free(diags);
}

static void the_underline_ends_with_the_line(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_error(diags, at(&CHAT, 4, 13, 1000), "long", "crosses the end");
    diag_error(diags, at(&CHAT, 5, 99, 5), "beyond", "behind the end");
    assert_renders_as(diags, false,
                      "chat.yaml:4:13: error: crosses the end [long]\n"
                      "      kind: poisson\n"
                      "            ^~~~~~~\n"
                      "chat.yaml:5:99: error: behind the end [beyond]\n"
                      "      rate: -1/s\n"
                      "                ^\n");
    diags_free(diags);
}

static void without_text_or_line_or_source_there_is_no_excerpt(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_error(diags, at(&BASE, 3, 4, 0), "a", "no text");
    diag_error(diags, at(&BASE, 0, 0, 0), "b", "no line");
    diag_world(diags, (struct position){0}, "c", "no source");
    diag_error(diags, at(&CHAT, 900, 1, 0), "d", "no such line");
    assert_renders_as(diags, false,
                      "base.yaml: error: no line [b]\n"
                      "base.yaml:3:4: error: no text [a]\n"
                      "error: no source [c]\n"
                      "chat.yaml:900:1: error: no such line [d]\n");
    diags_free(diags);
}

static void all_are_sorted_by_source_of_first_use_then_line_column_and_report(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_error(diags, at(&BASE, 9, 1, 0), "r", "1");
    diag_error(diags, at(&BASE, 2, 7, 0), "r", "2");
    diag_warning(diags, (struct position){0}, "r", "3");
    diag_error(diags, at(&BASE, 2, 3, 0), "r", "4");
    diag_error(diags, at(&BASE, 2, 7, 0), "r", "5");
    assert_renders_as(diags, false,
                      "base.yaml:2:3: error: 4 [r]\n"
                      "base.yaml:2:7: error: 2 [r]\n"
                      "base.yaml:2:7: error: 5 [r]\n"
                      "base.yaml:9:1: error: 1 [r]\n"
                      "warning: 3 [r]\n");
    assert_string_equal(diags_first_message(diags), "1");
    diags_free(diags);
}

static void escape_sequences_of_the_user_do_not_reach_the_terminal(void **context) {
    (void)context;
    static const char text[] = "a: \033[2J\n";
    const struct diag_source source = {.name = "x\033.yaml", .text = text, .size = sizeof(text) - 1};
    struct diags *diags = diags_new();
    diag_error(diags, at(&source, 1, 4, 0), "odd", "found %s", "\033[2J");
    assert_renders_as(diags, false,
                      "x?.yaml:1:4: error: found ?[2J [odd]\n"
                      "a: ?[2J\n"
                      "   ^\n");
    diags_free(diags);
}

static void of_a_long_line_only_what_is_around_the_caret_is_shown(void **context) {
    (void)context;
    char text[10000];
    memset(text, 'x', sizeof(text));
    text[5000] = 'Q';
    const struct diag_source source = {.name = "long.csv", .text = text, .size = sizeof(text)};
    struct diags *diags = diags_new();
    diag_error(diags, at(&source, 1, 5001, 0), "odd", "here");
    char expected[512];
    char around[161];
    memcpy(around, text + 4940, 160);
    around[160] = '\0';
    snprintf(expected, sizeof(expected), "long.csv:1:5001: error: here [odd]\n%s\n%60s^\n", around, "");
    assert_renders_as(diags, false, expected);
    diags_free(diags);
}

static void colour_marks_the_kind_and_the_caret(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_error(diags, at(&CHAT, 1, 1, 3), "r", "wrong");
    diag_warning(diags, at(&CHAT, 2, 3, 0), "r", "old");
    assert_renders_as(diags, true,
                      "\033[1mchat.yaml:1:1: \033[1;31merror:\033[0m wrong [r]\n"
                      "workload:\n"
                      "\033[1;32m^~~\033[0m\n"
                      "\033[1mchat.yaml:2:3: \033[1;35mwarning:\033[0m old [r]\n"
                      "  chat:\n"
                      "  \033[1;32m^\033[0m\n");
    diags_free(diags);
}

static void the_users_mistakes_outrank_the_worlds_and_those_no_answer(void **context) {
    (void)context;
    struct diags *diags = diags_new();
    diag_warning(diags, (struct position){0}, "r", "w");
    assert_int_equal(diags_exit_code(diags), 0);
    assert_int_equal(diags_error_count(diags), 0);
    assert_string_equal(diags_first_message(diags), "");
    assert_false(diag_no_answer(diags, (struct position){0}, "r", "n"));
    assert_int_equal(diags_exit_code(diags), 5);
    assert_false(diag_world(diags, (struct position){0}, "r", "d"));
    assert_int_equal(diags_exit_code(diags), 4);
    assert_false(diag_error(diags, (struct position){0}, "r", "e"));
    assert_int_equal(diags_exit_code(diags), 3);
    assert_int_equal(diags_error_count(diags), 3);
    diags_free(diags);
}

static void append_moves_all_behind_and_leaves_nothing(void **context) {
    (void)context;
    struct diags *to = diags_new();
    struct diags *from = diags_new();
    diag_error(to, at(&BASE, 2, 1, 0), "r", "first");
    diag_error(from, at(&BASE, 2, 1, 0), "r", "second");
    diag_warning(from, at(&BASE, 1, 1, 0), "r", "third");
    diags_append(to, from);
    assert_int_equal(diags_error_count(to), 2);
    assert_int_equal(diags_error_count(from), 0);
    assert_renders_as(from, false, "");
    diags_free(from);
    assert_renders_as(to, false,
                      "base.yaml:1:1: warning: third [r]\n"
                      "base.yaml:2:1: error: first [r]\n"
                      "base.yaml:2:1: error: second [r]\n");
    diags_free(to);
    diags_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_shown_with_its_line_and_a_caret),
        cmocka_unit_test(a_caret_stands_under_its_column_behind_tabs_and_wide_characters),
        cmocka_unit_test(the_underline_ends_with_the_line),
        cmocka_unit_test(without_text_or_line_or_source_there_is_no_excerpt),
        cmocka_unit_test(all_are_sorted_by_source_of_first_use_then_line_column_and_report),
        cmocka_unit_test(escape_sequences_of_the_user_do_not_reach_the_terminal),
        cmocka_unit_test(of_a_long_line_only_what_is_around_the_caret_is_shown),
        cmocka_unit_test(colour_marks_the_kind_and_the_caret),
        cmocka_unit_test(the_users_mistakes_outrank_the_worlds_and_those_no_answer),
        cmocka_unit_test(append_moves_all_behind_and_leaves_nothing),
    };
    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
