/* Errors by cell and class, on errors worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "study/scores.h"

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) < 1e-12)) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

/* A row of one configuration: its load tells it from others. */
static struct measured_row row_of(const char *model, double load, uint32_t line) {
    return (struct measured_row){.at = {.line = line},
                                 .row_id = "r",
                                 .model = model,
                                 .gpu = "g",
                                 .precision = "fp8",
                                 .source = "s",
                                 .engine_version = "",
                                 .recipe_id = "",
                                 .kv_precision = "",
                                 .spec_decode = "none",
                                 .isl = 10,
                                 .osl = 10,
                                 .load = load,
                                 .num_requests = (double)NAN,
                                 .length_range_ratio = (double)NAN};
}

static void fill(struct score_item *items, struct measured_row *rows, size_t count, const char *class_name,
                 const double *errors) {
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct score_item){
            .row = &rows[i], .metric = METRIC_TPOT, .class_name = class_name, .engine = "vllm", .error = errors[i]};
    }
}

static void a_cell_has_median_mean_bias_and_quartile(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    static const double errors[] = {0.10, -0.20, 0.30, -0.40, 0.50};
    struct measured_row rows[5];
    struct score_item items[5];
    for (uint32_t i = 0; i < 5; i++) {
        rows[i] = row_of("m", i + 1, i + 2);
    }
    fill(items, rows, 5, "dense", errors);
    struct scores scores = scores_make(items, 5, arena);
    assert_int_equal(scores.cell_count, 1);
    const struct score_cell *cell = &scores.cells[0];
    assert_int_equal(cell->errors.rows, 5);
    assert_near(cell->errors.median_abs, 0.30);
    assert_near(cell->errors.mean_abs, 0.30);
    assert_near(cell->errors.bias, 0.06);
    assert_near(cell->errors.p75_abs, 0.40);
    /* 0.6 of the truth is as far off as 1.67 of it: further than 1.5. */
    assert_int_equal(cell->worst_count, 3);
    assert_near(cell->worst[0].error, -0.40);
    assert_near(cell->worst[1].error, 0.50);
    assert_near(cell->worst[2].error, 0.30);
    arena_free(arena);
}

static void repeats_of_a_configuration_count_once(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    static const double errors[] = {0.1, 0.3, 0.5, -0.2};
    struct measured_row rows[4] = {row_of("m", 1, 2), row_of("m", 1, 3), row_of("m", 1, 4), row_of("m", 2, 5)};
    rows[1].date = "2026-01-02";
    struct score_item items[4];
    fill(items, rows, 4, "dense", errors);
    struct scores scores = scores_make(items, 4, arena);
    assert_int_equal(scores.cells[0].measured_rows, 4);
    assert_int_equal(scores.cells[0].errors.rows, 2);
    assert_near(scores.cells[0].errors.bias, (0.3 - 0.2) / 2);
    arena_free(arena);
}

static void a_class_is_the_median_of_its_large_cells(void **state) {
    (void)state;
    enum { LARGE = 5, SMALL = 4, COUNT = 2 * LARGE + SMALL };
    struct arena *arena = arena_new();
    struct measured_row rows[COUNT];
    struct score_item items[COUNT];
    double errors[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        const char *model = i < LARGE ? "a" : i < 2 * LARGE ? "b" : "c";
        rows[i] = row_of(model, i + 1, i + 2);
        errors[i] = i < LARGE ? 0.1 : i < 2 * LARGE ? -0.3 : 9;
    }
    fill(items, rows, COUNT, "dense", errors);
    struct scores scores = scores_make(items, COUNT, arena);
    assert_int_equal(scores.cell_count, 3);
    assert_int_equal(scores.class_count, 1);
    assert_int_equal(scores.classes[0].cells, 2);
    assert_int_equal(scores.classes[0].small_cells, 1);
    assert_int_equal(scores.classes[0].errors.rows, 10);
    assert_near(scores.classes[0].errors.median_abs, 0.2);
    assert_near(scores.classes[0].errors.bias, -0.1);
    arena_free(arena);
}

static void nothing_scores_nothing(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct score_item none[1];
    struct scores scores = scores_make(none, 0, arena);
    assert_int_equal(scores.cell_count + scores.class_count, 0);
    assert_true(isnan(score_median(NULL, 0)));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_has_median_mean_bias_and_quartile),
        cmocka_unit_test(repeats_of_a_configuration_count_once),
        cmocka_unit_test(a_class_is_the_median_of_its_large_cells),
        cmocka_unit_test(nothing_scores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
