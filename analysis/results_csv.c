#include "analysis/results_csv.h"

#include <math.h>
#include <stdio.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "analysis/metrics.h"
#include "base/text.h"

enum { NUMBER_SIZE = 40 };

/* Fields end in a comma but for the last of a row. */
static void separate(FILE *stream, bool *first) {
    if (!*first) {
        fputc(',', stream);
    }
    *first = false;
}

static void write_text(FILE *stream, const char *text, bool *first) {
    separate(stream, first);
    csv_field_write(stream, text);
}

static void write_real(FILE *stream, double value, bool *first) {
    char text[NUMBER_SIZE];
    separate(stream, first);
    if (!isnan(value)) {
        text_from_double(value, text, sizeof text);
        fputs(text, stream);
    }
}

static bool is_column(const struct metric *metric) {
    return metric->scope == METRIC_RUN && metric->dimension != METRIC_BY_HOUR &&
           (metric->flags & METRIC_JSON_ONLY) == 0;
}

static void write_metric_header(FILE *stream, const struct metric *metric, bool *first) {
    for (size_t i = 0; i < metric_coordinate_count(metric->dimension); i++) {
        write_text(stream, metric->name, first);
        if (metric->dimension != METRIC_SCALAR) {
            fprintf(stream, ".%s", metric_coordinate(metric->dimension, i));
        }
    }
}

static void write_header(FILE *stream, const struct result_set *set) {
    bool first = true;
    for (size_t a = 0; a < set->axis_count; a++) {
        for (size_t c = 0; c < set->axes[a]->coordinate_count; c++) {
            write_text(stream, set->axes[a]->coordinates[c].name, &first);
        }
    }
    for (size_t i = 0; i < metrics_count; i++) {
        if (is_column(&metrics[i])) {
            write_metric_header(stream, &metrics[i], &first);
        }
    }
    fputc('\n', stream);
}

static void write_metric(FILE *stream, const struct metric *metric, const struct result *result, bool *first) {
    if (metric->type == METRIC_TEXT) {
        write_text(stream, metric_text(metric, result, 0), first);
        return;
    }
    for (size_t i = 0; i < metric_length(metric, result, 0); i++) {
        if (metric->type == METRIC_REAL) {
            write_real(stream, metric_real(metric, result, 0, i), first);
            continue;
        }
        const int64_t value = metric_integer(metric, result, 0, i);
        separate(stream, first);
        if (metric->type == METRIC_INTEGER || value >= 0) {
            fprintf(stream, "%lld", (long long)value);
        }
    }
}

static void write_point(FILE *stream, const struct result_set *set, size_t point) {
    bool first = true;
    for (size_t a = 0; a < set->axis_count; a++) {
        const size_t index = result_set_index(set, point, a);
        for (size_t c = 0; c < set->axes[a]->coordinate_count; c++) {
            const struct sweep_coordinate *coordinate = &set->axes[a]->coordinates[c];
            if (coordinate->is_text) {
                write_text(stream, coordinate->texts[index], &first);
            } else {
                write_real(stream, coordinate->numbers[index], &first);
            }
        }
    }
    for (size_t i = 0; i < metrics_count; i++) {
        if (is_column(&metrics[i])) {
            write_metric(stream, &metrics[i], set->results[point], &first);
        }
    }
    fputc('\n', stream);
}

bool results_csv_write(const char *path, const struct result_set *set, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    write_header(stream, set);
    for (size_t point = 0; point < set->count; point++) {
        write_point(stream, set, point);
    }
    return atomic_file_finish(&file, stream, diags);
}
