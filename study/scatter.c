#include "study/scatter.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/fmath.h"

/* Pixels. */
enum {
    PANEL = 300,
    GAP_LEFT = 74,
    GAP_RIGHT = 22,
    GAP_TOP = 34,
    GAP_BOTTOM = 52,
    COLUMNS_MAX = 3,
    HEAD = 74,
    CELL_WIDTH = GAP_LEFT + PANEL + GAP_RIGHT,
    CELL_HEIGHT = GAP_TOP + PANEL + GAP_BOTTOM,
    LEGEND_LEAST = 90,
    LEGEND_GAP = 34,
    LETTER = 7, /* width, at most */
};

/* Okabe and Ito's colours, told apart by the colour-blind too. */
static const char *const colours[SCATTER_SERIES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                        "#e69f00", "#56b4e9", "#7a5c00", "#444444"};
static const char GREY[] = "#b9b9b9";

/* Decades of both axes of a panel. */
struct axis {
    int first, last; /* powers of ten */
    double left, top;
};

static double log10_of(double value) {
    return fm_log(value) / fm_log(10);
}

static struct axis axis_of(const struct scatter_panel *panel, double left, double top) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < panel->count; i++) {
        const double values[] = {panel->points[i].measured, panel->points[i].predicted};
        for (size_t k = 0; k < 2; k++) {
            least = values[k] < least ? values[k] : least;
            most = values[k] > most ? values[k] : most;
        }
    }
    struct axis axis = {
        .first = (int)floor(log10_of(least)), .last = (int)ceil(log10_of(most)), .left = left, .top = top};
    axis.last = axis.last > axis.first ? axis.last : axis.first + 1;
    return axis;
}

/* Where a value lies along an axis, 0..PANEL. */
static double place(const struct axis *axis, double value) {
    return PANEL * (log10_of(value) - axis->first) / (axis->last - axis->first);
}

static double x_of(const struct axis *axis, double value) {
    return axis->left + place(axis, value);
}

static double y_of(const struct axis *axis, double value) {
    return axis->top + PANEL - place(axis, value);
}

/* XML's own marks are written out. */
static void print_text(FILE *stream, const char *text) {
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '<': fputs("&lt;", stream); break;
        case '>': fputs("&gt;", stream); break;
        case '&': fputs("&amp;", stream); break;
        default: fputc(*c, stream); break;
        }
    }
}

static void print_tick(FILE *stream, int power, const char *unit) {
    bool is_time = unit[0] == 's' && unit[1] == '\0';
    int shown = is_time && power < 0 ? power + 3 : power;
    double value = fm_round_digits(fm_pow(10, shown), 6);
    if (shown > 3) {
        fprintf(stream, "%gk", value / 1000);
    } else {
        fprintf(stream, "%g", value);
    }
    fprintf(stream, " %s", is_time && power < 0 ? "ms" : unit);
}

static void print_grid(FILE *stream, const struct axis *axis, const char *unit) {
    for (int power = axis->first; power <= axis->last; power++) {
        double step = (double)PANEL * (power - axis->first) / (axis->last - axis->first);
        double x = axis->left + step, y = axis->top + PANEL - step;
        fprintf(stream, "<path class=\"g\" d=\"M%.1f %.1fV%.1fM%.1f %.1fH%.1f\"/>\n", x, axis->top, axis->top + PANEL,
                axis->left, y, axis->left + PANEL);
        fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x, axis->top + PANEL + 16);
        print_tick(stream, power, unit);
        fprintf(stream, "</text>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", axis->left - 6, y + 4);
        print_tick(stream, power, unit);
        fputs("</text>\n", stream);
    }
}

/* predicted = factor x measured, within the panel. */
static void print_line(FILE *stream, const struct axis *axis, double factor, const char *class) {
    double least = fm_pow(10, axis->first), most = fm_pow(10, axis->last);
    double from = factor < 1 ? least / factor : least;
    double to = factor > 1 ? most / factor : most;
    fprintf(stream, "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", class, x_of(axis, from),
            y_of(axis, from * factor), x_of(axis, to), y_of(axis, to * factor));
}

static void print_points(FILE *stream, const struct axis *axis, const struct scatter_panel *panel, size_t series) {
    bool is_any = false;
    for (size_t i = 0; i < panel->count; i++) {
        const struct scatter_point *point = &panel->points[i];
        if (point->series != series) {
            continue;
        }
        if (!is_any) {
            fprintf(stream, "<g fill=\"%s\" fill-opacity=\"%s\">\n",
                    series < SCATTER_SERIES_MAX ? colours[series] : GREY, series < SCATTER_SERIES_MAX ? ".55" : ".5");
            is_any = true;
        }
        fprintf(stream, "<circle r=\"2.2\" cx=\"%.1f\" cy=\"%.1f\"/>\n", x_of(axis, point->measured),
                y_of(axis, point->predicted));
    }
    fputs(is_any ? "</g>\n" : "", stream);
}

static void print_panel(FILE *stream, const struct scatter_panel *panel, double left, double top, size_t series_count) {
    const struct axis axis = axis_of(panel, left, top);
    fprintf(stream, "<text class=\"t\" x=\"%.1f\" y=\"%.1f\">", left, top - 10);
    print_text(stream, panel->title);
    fprintf(stream, " (%zu)</text>\n", panel->count);
    print_grid(stream, &axis, panel->unit);
    print_line(stream, &axis, 2, "f");
    print_line(stream, &axis, 0.5, "f");
    print_line(stream, &axis, 1.1, "p");
    print_line(stream, &axis, 1 / 1.1, "p");
    print_points(stream, &axis, panel, SCATTER_SERIES_MAX);
    for (size_t s = 0; s < series_count; s++) {
        print_points(stream, &axis, panel, s);
    }
    print_line(stream, &axis, 1, "d");
    fprintf(stream, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>\n", left, top, PANEL, PANEL);
    fprintf(stream, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">measured</text>\n", left + PANEL / 2.0,
            top + PANEL + 36);
    fprintf(stream, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">predicted</text>\n",
            left - GAP_LEFT + 14.0, top + PANEL / 2.0);
}

/* From one key of the legend to the next. */
static size_t legend_step(const struct scatter *scatter) {
    size_t longest = 0;
    for (size_t s = 0; s < scatter->series_count; s++) {
        size_t size = strlen(scatter->series[s]);
        longest = size > longest ? size : longest;
    }
    size_t step = longest * LETTER + LEGEND_GAP;
    return step > LEGEND_LEAST ? step : LEGEND_LEAST;
}

static void print_key(FILE *stream, double x, const char *colour, const char *name) {
    fprintf(stream, "<circle r=\"4.5\" cx=\"%.1f\" cy=\"48\" fill=\"%s\"/>\n<text x=\"%.1f\" y=\"52\">", x, colour,
            x + 10);
    print_text(stream, name);
    fputs("</text>\n", stream);
}

static void print_head(FILE *stream, const struct scatter *scatter) {
    size_t step = legend_step(scatter);
    size_t columns = scatter->panel_count < COLUMNS_MAX ? scatter->panel_count : COLUMNS_MAX;
    size_t rows = (scatter->panel_count + COLUMNS_MAX - 1) / COLUMNS_MAX;
    size_t keys_width = GAP_LEFT + step * (scatter->series_count + 2);
    size_t width = columns * CELL_WIDTH > keys_width ? columns * CELL_WIDTH : keys_width;
    size_t height = HEAD + rows * CELL_HEIGHT;
    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" viewBox=\"0 0 %zu %zu\">\n"
            "<style>text{font:11px sans-serif;fill:#222}.t{font-size:14px;font-weight:bold}"
            "path,rect{fill:none}.g{stroke:#e4e4e4}.b{stroke:#777}.d{stroke:#222}.p{stroke:#777;stroke-dasharray:5 3}"
            ".f{stroke:#999;stroke-dasharray:1 3}</style>\n"
            "<rect width=\"%zu\" height=\"%zu\" style=\"fill:#fff\"/>\n<text class=\"t\" x=\"%d\" y=\"24\">",
            width, height, width, height, width, height, GAP_LEFT - 5);
    print_text(stream, scatter->title);
    fputs("</text>\n", stream);
    for (size_t s = 0; s < scatter->series_count; s++) {
        print_key(stream, (double)(GAP_LEFT + s * step), colours[s], scatter->series[s]);
    }
    print_key(stream, (double)(GAP_LEFT + scatter->series_count * step), GREY, scatter->rest);
}

void scatter_print(FILE *stream, const struct scatter *scatter) {
    print_head(stream, scatter);
    for (size_t p = 0; p < scatter->panel_count; p++) {
        double left = GAP_LEFT + (double)CELL_WIDTH * (double)(p % COLUMNS_MAX);
        size_t row = p / COLUMNS_MAX;
        double top = HEAD + GAP_TOP + (double)CELL_HEIGHT * (double)row;
        print_panel(stream, &scatter->panels[p], left, top, scatter->series_count);
    }
    fputs("</svg>\n", stream);
}
