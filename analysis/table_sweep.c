/* table_sweep.c - the table of a sweep: one line a point. */
#include <math.h>
#include <string.h>

#include "analysis/table.h"
#include "analysis/table_notes.h"
#include "analysis/table_text.h"
#include "base/arena.h"

enum { DIGITS = 4, COLUMNS_MAX = 24, TEXT_WIDTH_MIN = 6, NAME_SIZE_MAX = 64, NO_POINT = -1 };

/* A coordinate that is shown. */
struct column {
    size_t axis;
    const struct sweep_coordinate *coordinate;
    int width;
    bool hidden; /* a column of numbers says it already */
};

struct columns {
    struct column items[COLUMNS_MAX];
    size_t count;
};

/* The numbers of a point, in order; widths with the blank before them. */
struct number_column {
    const char *title[2];
    int width;
};

static const struct number_column NUMBERS[] = {
    {{"demand", "Mtok/month"}, 11}, {{"", "reps"}, 6},        {{"GPUs", "paid"}, 5},  {{"load", "ratio"}, 6},
    {{"busy", "ratio"}, 6},         {{"ttft", "p99 s"}, 7},   {{"tpot", "p99 s"}, 8}, {{"SLO", "met"}, 5},
    {{"USD", "per month"}, 10},     {{"USD", "per Mtok"}, 10}};

enum { NUMBER_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };

/* ---- coordinates ---- */

static struct cell coordinate_cell(const struct sweep_coordinate *coordinate, size_t index) {
    return cell_number(coordinate->numbers[index], DIGITS + 2);
}

/* A name stands in two rows, broken behind the underscore nearest to its middle: bytes of the first part. */
static size_t break_of(const char *name) {
    const size_t size = strlen(name);
    size_t best = 0;
    size_t best_width = size;
    for (size_t i = 1; i < size; i++) {
        const size_t width = i > size - i ? i : size - i;
        if (name[i - 1] == '_' && width < best_width) {
            best = i;
            best_width = width;
        }
    }
    return best;
}

static int name_width(const char *name) {
    const int first = (int)break_of(name);
    const int second = text_width(name + first);
    return first > second ? first : second;
}

static int coordinate_width(const struct sweep_axis *axis, const struct sweep_coordinate *coordinate) {
    int width = name_width(coordinate->name);
    for (size_t i = 0; i < axis->count; i++) {
        const int here =
            coordinate->is_text ? text_width(coordinate->texts[i]) : text_width(coordinate_cell(coordinate, i).text);
        width = here > width ? here : width;
    }
    return width;
}

/* A zip with labels shows these alone. */
static bool is_shown(const struct sweep_axis *axis, size_t c) {
    for (size_t i = 0; i < axis->coordinate_count; i++) {
        if (strcmp(axis->coordinates[i].name, "label") == 0) {
            return i == c;
        }
    }
    return true;
}

static int numbers_width(void) {
    int width = 0;
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        width += NUMBERS[i].width;
    }
    return width;
}

/* Cuts the widest text, again and again, until all fit. */
static void fit(struct columns *columns, int room) {
    while (room < 0) {
        struct column *widest = NULL;
        for (size_t i = 0; i < columns->count; i++) {
            struct column *column = &columns->items[i];
            const bool wider = widest == NULL || column->width > widest->width;
            widest = column->coordinate->is_text && !column->hidden && wider ? column : widest;
        }
        if (widest == NULL || widest->width <= TEXT_WIDTH_MIN) {
            return;
        }
        widest->width--;
        room++;
    }
}

/* The replicas of the only pool have a column of their own. */
static bool is_told(const struct result_set *set, const struct sweep_coordinate *coordinate) {
    return strcmp(coordinate->name, "replicas") == 0 && set->results[0]->pool_count == 1;
}

/* Every axis shows at least one coordinate, the others of a zip as far as there is room. */
static struct columns columns_of(const struct result_set *set) {
    struct columns columns = {.count = 0};
    int room = TABLE_WIDTH - numbers_width();
    for (size_t a = 0; a < set->axis_count; a++) {
        const struct sweep_axis *axis = set->axes[a];
        bool any = false;
        for (size_t c = 0; c < axis->coordinate_count; c++) {
            const int width = coordinate_width(axis, &axis->coordinates[c]);
            const bool wanted = is_shown(axis, c) && (!any || width + 2 <= room);
            if (wanted && columns.count < COLUMNS_MAX) {
                const struct column column = {.axis = a,
                                              .coordinate = &axis->coordinates[c],
                                              .width = width,
                                              .hidden = is_told(set, &axis->coordinates[c])};
                columns.items[columns.count++] = column;
                room -= column.hidden ? 0 : width + 2;
                any = true;
            }
        }
    }
    fit(&columns, room);
    return columns;
}

static void print_coordinate(FILE *stream, const struct column *column, size_t index) {
    const struct sweep_coordinate *coordinate = column->coordinate;
    if (coordinate->is_text) {
        text_print_padded(stream, coordinate->texts[index], column->width, true);
    } else {
        text_print_padded(stream, coordinate_cell(coordinate, index).text, column->width, false);
    }
    fputs("  ", stream);
}

/* ---- header ---- */

static void print_name(FILE *stream, const struct column *column, size_t row) {
    const char *name = column->coordinate->name;
    char first[NAME_SIZE_MAX];
    snprintf(first, sizeof first, "%.*s", (int)break_of(name), name);
    text_print_padded(stream, row == 0 ? first : name + break_of(name), column->width, column->coordinate->is_text);
    fputs("  ", stream);
}

static void print_header(FILE *stream, const struct columns *columns) {
    for (size_t row = 0; row < 2; row++) {
        for (size_t i = 0; i < columns->count; i++) {
            if (!columns->items[i].hidden) {
                print_name(stream, &columns->items[i], row);
            }
        }
        for (size_t i = 0; i < NUMBER_COUNT; i++) {
            fprintf(stream, "%*s", NUMBERS[i].width, NUMBERS[i].title[row]);
        }
        fputc('\n', stream);
    }
}

/* ---- the cheapest ---- */

static bool is_cheaper(const struct result *a, const struct result *b) {
    return a->cost.usd_per_mtok_total < b->cost.usd_per_mtok_total;
}

/* The first of the cheapest feasible points whose index on `axis` is `index`; all points with an axis that does not exist. */
static long cheapest(const struct result_set *set, size_t axis, size_t index) {
    long best = NO_POINT;
    for (size_t point = 0; point < set->count; point++) {
        const struct result *result = set->results[point];
        const bool here = axis >= set->axis_count || result_set_index(set, point, axis) == index;
        const bool counts = here && result->feasible && !isnan(result->cost.usd_per_mtok_total);
        if (counts && (best == NO_POINT || is_cheaper(result, set->results[best]))) {
            best = (long)point;
        }
    }
    return best;
}

/* With one axis there is one cheapest point, with several one for each value of the first. */
static bool is_marked(const struct result_set *set, size_t point) {
    const size_t axis = set->axis_count > 1 ? 0 : set->axis_count;
    const size_t index = set->axis_count > 1 ? result_set_index(set, point, 0) : 0;
    return cheapest(set, axis, index) == (long)point;
}

/* ---- lines ---- */

static const char *slo_word(const struct result *result) {
    if (result->run.saturated) {
        return "full";
    }
    if (result->slo.thresholds == 0) {
        return "-";
    }
    return result->slo.met ? "yes" : "no";
}

/* What may not be compared stands in brackets. */
static void print_unit_cost(FILE *stream, const struct result *result, bool marked) {
    char text[sizeof(struct cell) + 1];
    const struct cell usd = cell_number(result->cost.usd_per_mtok_total, DIGITS);
    snprintf(text, sizeof text, "%s%s", result->feasible ? "" : "(", usd.text);
    fprintf(stream, "%*s%s\n", NUMBERS[NUMBER_COUNT - 1].width - 1, text, !result->feasible ? ")" : marked ? "*" : "");
}

static void print_point(FILE *stream, const struct result_set *set, const struct columns *columns, size_t point) {
    const struct result *result = set->results[point];
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->items[i];
        if (!column->hidden) {
            print_coordinate(stream, column, result_set_index(set, point, column->axis));
        }
    }
    fprintf(stream, "%*s", NUMBERS[0].width, cell_number(result->demand_mtok_per_month, DIGITS).text);
    fprintf(stream, "%*lld", NUMBERS[1].width, (long long)result->bill.replicas);
    fprintf(stream, "%*lld", NUMBERS[2].width, (long long)result->bill.gpus_paid);
    fprintf(stream, "%*s", NUMBERS[3].width, cell_ratio(result->utilization.load_ratio).text);
    fprintf(stream, "%*s", NUMBERS[4].width, cell_ratio(result->utilization.busy_ratio).text);
    fprintf(stream, "%*s", NUMBERS[5].width, cell_number(result->latency[LATENCY_TTFT].p99_s, 3).text);
    fprintf(stream, "%*s", NUMBERS[6].width, cell_number(result->latency[LATENCY_TPOT].p99_s, 3).text);
    fprintf(stream, "%*s", NUMBERS[7].width, slo_word(result));
    fprintf(stream, "%*s", NUMBERS[8].width, cell_number(result->cost.usd_per_month, DIGITS).text);
    print_unit_cost(stream, result, is_marked(set, point));
}

/* With several axes a blank line stands between values of the first. */
static void print_points(FILE *stream, const struct result_set *set, const struct columns *columns) {
    for (size_t point = 0; point < set->count; point++) {
        const bool first_changes =
            set->axis_count > 1 && point > 0 && result_set_index(set, point, 0) != result_set_index(set, point - 1, 0);
        fputs(first_changes ? "\n" : "", stream);
        print_point(stream, set, columns, point);
    }
}

/* ---- below the table ---- */

/* "5.12 USD/Mtok at rate_per_s 4, label 8 x H100" */
static void print_where(FILE *stream, const struct result_set *set, const struct columns *columns, size_t point) {
    const struct result *result = set->results[point];
    fprintf(stream, "%s USD/Mtok", cell_number(result->cost.usd_per_mtok_total, DIGITS).text);
    for (size_t i = 0; i < columns->count; i++) {
        const struct sweep_coordinate *coordinate = columns->items[i].coordinate;
        const size_t index = result_set_index(set, point, columns->items[i].axis);
        fprintf(stream, "%s %s ", i == 0 ? " at" : ",", coordinate->name);
        fputs(coordinate->is_text ? coordinate->texts[index] : coordinate_cell(coordinate, index).text, stream);
    }
    fputc('\n', stream);
}

static void print_cheapest_of_axis(FILE *stream, const struct result_set *set, const struct columns *columns,
                                   size_t axis) {
    for (size_t index = 0; index < set->axes[axis]->count; index++) {
        fputs("    ", stream);
        for (size_t i = 0; i < columns->count; i++) {
            if (columns->items[i].axis == axis) {
                print_coordinate(stream, &columns->items[i], index);
            }
        }
        const long best = cheapest(set, axis, index);
        if (best == NO_POINT) {
            fputs("no feasible point\n", stream);
        } else {
            print_where(stream, set, columns, (size_t)best);
        }
    }
}

static void print_apis(FILE *stream, const struct result *result) {
    for (size_t i = 0; i < result->api_count; i++) {
        const struct api_result *api = &result->apis[i];
        struct arena *arena = arena_new();
        text_print_wrapped(stream, "      ",
                           arena_format(arena, "its tokens bought from %s: %s USD/Mtok (%s)", api->name,
                                        cell_number(api->usd_per_mtok_total, DIGITS).text, api->source));
        arena_free(arena);
    }
}

static void print_cheapest(FILE *stream, const struct result_set *set, const struct columns *columns) {
    fputs("\n  Cheapest feasible point\n    ", stream);
    const long best = cheapest(set, set->axis_count, 0);
    if (best == NO_POINT) {
        fputs("none: no point meets its SLO without a growing queue\n", stream);
        return;
    }
    print_where(stream, set, columns, (size_t)best);
    print_apis(stream, set->results[best]);
    for (size_t axis = 1; axis < set->axis_count; axis++) {
        fprintf(stream, "\n  By %s\n", set->axes[axis]->coordinates[0].name);
        print_cheapest_of_axis(stream, set, columns, axis);
    }
}

/* Range of a headline's input:output over the points. */
static void print_mix(FILE *stream, const struct result_set *set) {
    double least = (double)INFINITY;
    double most = 0;
    for (size_t point = 0; point < set->count; point++) {
        const double ratio = set->results[point]->tokens.input_per_output;
        least = ratio < least ? ratio : least;
        most = ratio > most ? ratio : most;
    }
    if (!(least <= most)) {
        return;
    }
    const struct cell low = cell_number(least, DIGITS);
    const struct cell high = cell_number(most, DIGITS);
    if (strcmp(low.text, high.text) == 0) {
        fprintf(stream, "  mean input:output = %s : 1\n", low.text);
    } else {
        fprintf(stream, "  mean input:output = %s : 1 to %s : 1\n", low.text, high.text);
    }
}

static bool has_several_workloads(const struct result_set *set) {
    for (size_t point = 0; point < set->count; point++) {
        if (set->results[point]->workload_count > 1) {
            return true;
        }
    }
    return false;
}

static void print_legend(FILE *stream, const struct result_set *set) {
    size_t infeasible = 0;
    for (size_t point = 0; point < set->count; point++) {
        infeasible += !set->results[point]->feasible;
    }
    fputc('\n', stream);
    print_mix(stream, set);
    if (has_several_workloads(set)) {
        text_print_wrapped(
            stream, "  ", "ttft and tpot are of all workloads together; the SLO is judged for each workload by itself");
    }
    struct arena *arena = arena_new();
    const bool several = set->axis_count > 1;
    const char *of = several ? arena_format(arena, "of its %s", set->axes[0]->coordinates[0].name) : "point";
    text_print_wrapped(stream, "  * ", arena_format(arena, "cheapest feasible %s", of));
    if (infeasible > 0) {
        text_print_wrapped(stream, "  ( ) ",
                           arena_format(arena,
                                        "%zu of %zu points are infeasible: the SLO is missed, or `full`: the queue "
                                        "grows without bound",
                                        infeasible, set->count));
    }
    arena_free(arena);
}

void table_print_sweep(FILE *stream, const struct result_set *set) {
    const struct columns columns = columns_of(set);
    fprintf(stream, "%s\n\n", set->name);
    print_header(stream, &columns);
    print_points(stream, set, &columns);
    print_legend(stream, set);
    print_cheapest(stream, set, &columns);
    notes_print_assumptions(stream, set->results, set->count);
    notes_print_warnings(stream, set->results, set->count);
}
