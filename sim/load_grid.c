#include "sim/load_grid.h"

#include <string.h>

#include "base/check.h"

/* About a millisecond: fine enough for the shortest of runs. */
enum { FIRST_WIDTH_SHIFT = 50 };

void load_grid_init(struct load_grid *grid) {
    memset(grid, 0, sizeof *grid);
    grid->width_shift = FIRST_WIDTH_SHIFT;
    grid->end = (i128)LOAD_GRID_CELLS << FIRST_WIDTH_SHIFT;
}

static struct load_cell cell_sum(const struct load_cell *a, const struct load_cell *b) {
    return (struct load_cell){
        .busy = a->busy + b->busy,
        .busy_backlog = a->busy_backlog + b->busy_backlog,
        .waiting = a->waiting + b->waiting,
    };
}

static void double_width(struct load_grid *grid) {
    for (int i = 0; i < LOAD_GRID_CELLS / 2; i++) {
        grid->cells[i] = cell_sum(&grid->cells[2 * i], &grid->cells[2 * i + 1]);
    }
    memset(&grid->cells[LOAD_GRID_CELLS / 2], 0, sizeof grid->cells / 2);
    grid->width_shift++;
    grid->end *= 2;
}

static void grow_to(struct load_grid *grid, i128 instant) {
    while (instant >= grid->end) {
        double_width(grid);
    }
}

/* The cell that an instant before the grid's end is in. */
static struct load_cell *cell_at(struct load_grid *grid, i128 instant) {
    uint64_t first_cells = (uint64_t)(instant >> FIRST_WIDTH_SHIFT);
    return &grid->cells[first_cells >> (grid->width_shift - FIRST_WIDTH_SHIFT)];
}

/* The end of the cell that `instant` is in, or `to` if that is earlier. */
static i128 piece_end(const struct load_grid *grid, i128 instant, i128 to) {
    i128 end = ((instant >> grid->width_shift) + 1) << grid->width_shift;
    return end < to ? end : to;
}

void load_grid_step(struct load_grid *grid, i128 from, i128 to, bool backlog) {
    CHECK(from <= to);
    grow_to(grid, to);
    while (from < to) {
        i128 end = piece_end(grid, from, to);
        struct load_cell *cell = cell_at(grid, from);
        cell->busy += end - from;
        cell->busy_backlog += backlog ? end - from : 0;
        from = end;
    }
}

void load_grid_waiting(struct load_grid *grid, i128 from, i128 to, int64_t count) {
    if (from > to) {
        load_grid_waiting(grid, to, from, -count);
        return;
    }
    grow_to(grid, to);
    struct load_cell *cell = cell_at(grid, from);
    if (cell == cell_at(grid, to)) {
        cell->waiting += (to - from) * count;
        return;
    }
    while (count != 0 && from < to) {
        i128 end = piece_end(grid, from, to);
        cell_at(grid, from)->waiting += (end - from) * count;
        from = end;
    }
}

/* Sum of the cells wholly inside [from, to); their number through `*count`. */
static struct load_cell sum_inside(const struct load_grid *grid, i128 from, i128 to, int *count) {
    struct load_cell sum = {0};
    *count = 0;
    for (int i = 0; i < LOAD_GRID_CELLS; i++) {
        i128 begin = (i128)i << grid->width_shift;
        i128 end = (i128)(i + 1) << grid->width_shift;
        if (begin >= from && end <= to) {
            sum = cell_sum(&sum, &grid->cells[i]);
            ++*count;
        }
    }
    return sum;
}

bool load_grid_saturated(const struct load_grid *grid, i128 last_arrival) {
    i128 half = last_arrival / 2;
    i128 three_quarters = half + (last_arrival - half) / 2;
    int cells, third_cells, fourth_cells;
    struct load_cell late = sum_inside(grid, half, last_arrival, &cells);
    struct load_cell third = sum_inside(grid, half, three_quarters, &third_cells);
    struct load_cell fourth = sum_inside(grid, three_quarters, last_arrival, &fourth_cells);
    if (third_cells == 0 || fourth_cells == 0) {
        return false;
    }
    bool full = late.busy > 0 && late.busy_backlog * 100 >= late.busy * 99;
    bool growing = fourth.waiting * third_cells * 10 > third.waiting * fourth_cells * 11;
    return full && growing;
}
