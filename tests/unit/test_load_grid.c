/* The grid that says whether a pool is saturated (docs/semantics.md section 3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sim/load_grid.h"

/* The first width of a cell, and a run of 256 of them. */
#define CELL ((i128)1 << 50)
#define RUN  (256 * CELL)

static struct load_cell total(const struct load_grid *grid) {
    struct load_cell sum = {0};
    for (int i = 0; i < LOAD_GRID_CELLS; i++) {
        sum.busy += grid->cells[i].busy;
        sum.busy_backlog += grid->cells[i].busy_backlog;
        sum.waiting += grid->cells[i].waiting;
    }
    return sum;
}

static void a_step_falls_into_the_cells_that_it_covers(void **state) {
    (void)state;
    static struct load_grid grid;
    load_grid_init(&grid);
    load_grid_step(&grid, CELL / 2, 2 * CELL + 3, true);
    load_grid_step(&grid, CELL, CELL + 5, false);
    assert_true(grid.cells[0].busy == CELL / 2 && grid.cells[0].busy_backlog == CELL / 2);
    assert_true(grid.cells[1].busy == CELL + 5 && grid.cells[1].busy_backlog == CELL);
    assert_true(grid.cells[2].busy == 3);
    assert_true(grid.cells[3].busy == 0);
}

static void the_cells_widen_without_loss(void **state) {
    (void)state;
    static struct load_grid grid;
    load_grid_init(&grid);
    for (int i = 0; i < 300; i++) {
        load_grid_step(&grid, i * CELL + 1, (i + 1) * CELL, i % 3 == 0);
        load_grid_waiting(&grid, i * CELL, (i + 1) * CELL, i);
    }
    load_grid_step(&grid, 5000 * CELL, 5001 * CELL, false);
    struct load_cell sum = total(&grid);
    assert_true(sum.busy == 300 * (CELL - 1) + CELL);
    assert_true(sum.busy_backlog == 100 * (CELL - 1));
    assert_true(sum.waiting == (i128)300 * 299 / 2 * CELL);
    assert_int_equal(grid.width_shift, 55);
    assert_true(grid.cells[0].waiting == (i128)31 * 16 * CELL);
}

static void the_order_of_adding_does_not_matter(void **state) {
    (void)state;
    static struct load_grid forth, back;
    load_grid_init(&forth);
    load_grid_init(&back);
    for (int i = 0; i < 1000; i++) {
        load_grid_step(&forth, i * CELL / 3, (i + 2) * CELL / 3 + 7, i % 2 == 0);
        int j = 999 - i;
        load_grid_step(&back, j * CELL / 3, (j + 2) * CELL / 3 + 7, j % 2 == 0);
    }
    assert_memory_equal(&forth, &back, sizeof forth);
}

static void a_stretch_can_be_taken_back(void **state) {
    (void)state;
    static struct load_grid grid, empty;
    load_grid_init(&grid);
    load_grid_waiting(&grid, CELL / 3, 7 * CELL, 4);
    load_grid_waiting(&grid, 7 * CELL, CELL / 3, 4);
    load_grid_init(&empty);
    assert_memory_equal(&grid, &empty, sizeof grid);
}

/* Busy all the time, `backlog_percent` of the second half with a backlog; so many wait in the last two quarters. */
static bool saturated(int backlog_percent, int64_t third, int64_t fourth) {
    static struct load_grid grid;
    load_grid_init(&grid);
    const i128 backlog_end = RUN / 2 + (RUN / 2 * backlog_percent + 99) / 100;
    load_grid_step(&grid, 0, RUN / 2, false);
    load_grid_step(&grid, RUN / 2, backlog_end, true);
    load_grid_step(&grid, backlog_end, RUN, false);
    load_grid_waiting(&grid, RUN / 2, RUN * 3 / 4, third);
    load_grid_waiting(&grid, RUN * 3 / 4, RUN, fourth);
    return load_grid_saturated(&grid, RUN);
}

static void saturated_is_a_backlog_that_grows(void **state) {
    (void)state;
    assert_true(saturated(100, 100, 200));
    assert_true(saturated(99, 100, 200));
    assert_false(saturated(98, 100, 200)); /* not always a backlog */
    assert_true(saturated(100, 100, 111));
    assert_false(saturated(100, 100, 110)); /* 10 % is not more than 10 % */
    assert_false(saturated(100, 200, 100));
    assert_true(saturated(100, 0, 1));
    assert_false(saturated(100, 0, 0));
}

static void a_run_too_short_for_a_quarter_is_not_saturated(void **state) {
    (void)state;
    static struct load_grid grid;
    load_grid_init(&grid);
    load_grid_step(&grid, 0, CELL, true);
    load_grid_waiting(&grid, 0, CELL, 5);
    assert_false(load_grid_saturated(&grid, 0));
    assert_false(load_grid_saturated(&grid, 3 * CELL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_falls_into_the_cells_that_it_covers),
        cmocka_unit_test(the_cells_widen_without_loss),
        cmocka_unit_test(the_order_of_adding_does_not_matter),
        cmocka_unit_test(a_stretch_can_be_taken_back),
        cmocka_unit_test(saturated_is_a_backlog_that_grows),
        cmocka_unit_test(a_run_too_short_for_a_quarter_is_not_saturated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
