/* Levels by name, and what an environment may say of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu_level.h"

static void without_a_text_it_is_the_highest(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    enum cpu_level level = CPU_LEVEL_COUNT;
    assert_true(cpu_level_of_text(NULL, &level, diags));
    assert_int_equal(level, cpu_level_highest());
    assert_true(cpu_level_of_text("", &level, diags));
    assert_int_equal(level, cpu_level_highest());
    diags_free(diags);
}

static void every_level_up_to_the_highest_can_be_named(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    for (int i = 0; i < CPU_LEVEL_COUNT; i++) {
        enum cpu_level level = CPU_LEVEL_COUNT;
        bool has = i <= (int)cpu_level_highest();
        assert_int_equal(cpu_level_of_text(cpu_level_name((enum cpu_level)i), &level, diags), has);
        assert_int_equal(level, has ? i : CPU_LEVEL_COUNT);
    }
    diags_free(diags);
}

static void an_unknown_level_is_the_users_mistake(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    enum cpu_level level = CPU_LEVEL_COUNT;
    assert_false(cpu_level_of_text("avx51", &level, diags));
    assert_non_null(strstr(diags_first_message(diags), "did you mean 'avx512'?"));
    assert_false(cpu_level_of_text("fast", &level, diags));
    assert_int_equal(level, CPU_LEVEL_COUNT);
    assert_int_equal(diags_exit_code(diags), 3);
    diags_free(diags);
}

static void the_environment_lowers_it(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    enum cpu_level level = CPU_LEVEL_COUNT;
    assert_int_equal(setenv("TOKENMILL_CPU_LEVEL", "baseline", 1), 0);
    assert_true(cpu_level_choose(&level, diags));
    assert_int_equal(level, CPU_LEVEL_BASELINE);
    assert_int_equal(unsetenv("TOKENMILL_CPU_LEVEL"), 0);
    assert_true(cpu_level_choose(&level, diags));
    assert_int_equal(level, cpu_level_highest());
    diags_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_text_it_is_the_highest),
        cmocka_unit_test(every_level_up_to_the_highest_can_be_named),
        cmocka_unit_test(an_unknown_level_is_the_users_mistake),
        cmocka_unit_test(the_environment_lowers_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
