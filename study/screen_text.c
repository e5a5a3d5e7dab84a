#include "study/screen_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "analysis/atomic_file.h"
#include "analysis/csv_field.h"
#include "analysis/table_text.h"
#include "base/check.h"
#include "base/text.h"

enum { NUMBER_SIZE = 40, DIGITS = 4, FRONT_LINES = 12 };

/* ---- values of a row, by name: what JSON and CSV hold ---- */

enum value_kind { VALUE_TEXT, VALUE_INTEGER, VALUE_REAL, VALUE_FLAG };

struct value {
    enum value_kind kind;
    const char *text;
    int64_t integer;
    double real; /* not finite: none */
};

static struct value text_value(const char *text) {
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static struct value integer_value(int64_t integer) {
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static struct value real_value(double real) {
    return (struct value){.kind = VALUE_REAL, .real = real};
}

static struct value flag_value(bool flag) {
    return (struct value){.kind = VALUE_FLAG, .integer = flag};
}

struct named_value {
    const char *name;
    struct value value;
};

enum { NAMED_VALUES = 20 };

static void row_values(const struct screen_row *row, struct named_value values[NAMED_VALUES]) {
    const struct throughput_state *state = &row->state;
    const double unknown = (double)NAN;
    const struct named_value all[NAMED_VALUES] = {
        {"point", integer_value((int64_t)row->point)},
        {"rank", row->rank > 0 ? integer_value((int64_t)row->rank) : real_value(unknown)},
        {"on_front", flag_value(row->on_front)},
        {"slo_met", flag_value(row->meets)},
        {"gpu", text_value(row->gpu)},
        {"model", text_value(row->model)},
        {"precision", text_value(row->precision)},
        {"tensor_parallel", integer_value(row->tensor_parallel)},
        {"max_num_seqs", integer_value(row->max_num_seqs)},
        {"batch_mean", real_value(state->batch)},
        {"usd_per_mtok_total", real_value(state->usd_per_mtok)},
        {"total_tok_per_s", real_value(state->tok_per_s)},
        {"tpot_s", real_value(state->tpot_s)},
        {"ttft_s", real_value(state->ttft_s)},
        {"prefill_s", real_value(state->prefill_s)},
        {"decode_s", real_value(state->decode_s)},
        {"power_mean_w", real_value(row->power_known ? state->power_w : unknown)},
        {"j_per_tok", real_value(row->power_known && state->tok_per_s > 0 ? state->j_per_tok : unknown)},
        {"price_source", text_value(row->price_source)},
        {"binding", text_value(throughput_binding_name(state->binding))},
    };
    memcpy(values, all, sizeof all);
}

/* Names of JSON and CSV come from a row of nothing. */
static void names_of(struct named_value values[NAMED_VALUES]) {
    const struct screen_row none = {.gpu = "", .model = "", .precision = "", .price_source = ""};
    row_values(&none, values);
}

static bool has_value(const struct value *value) {
    return value->kind != VALUE_REAL || isfinite(value->real);
}

/* The value's text where it is a number. */
static void print_number(FILE *stream, const struct value *value) {
    char text[NUMBER_SIZE];
    if (value->kind == VALUE_INTEGER) {
        fprintf(stream, "%" PRId64, value->integer);
    } else {
        text_from_double(value->real, text, sizeof text);
        fputs(text, stream);
    }
}

/* ---- JSON ---- */

/* Scenarios are UTF-8; a user's own catalogue may not be: such a text becomes null. */
static void print_json_text(FILE *stream, const char *text) {
    json_t *value = json_string(text);
    if (value == NULL) {
        value = json_null();
    }
    CHECK(json_dumpf(value, stream, JSON_ENCODE_ANY) == 0);
    json_decref(value);
}

static void print_json_value(FILE *stream, const struct value *value) {
    if (!has_value(value)) {
        fputs("null", stream);
    } else if (value->kind == VALUE_TEXT) {
        print_json_text(stream, value->text);
    } else if (value->kind == VALUE_FLAG) {
        fputs(value->integer != 0 ? "true" : "false", stream);
    } else {
        print_number(stream, value);
    }
}

static void print_json_member(FILE *stream, const char *before, const char *name, struct value value) {
    fprintf(stream, "%s\"%s\": ", before, name);
    print_json_value(stream, &value);
}

/* The coordinates of a sweep's point. */
static void print_json_coordinates(FILE *stream, const struct screen *screen, size_t point) {
    size_t stride = scenario_point_count(screen->scenario);
    const char *before = "";
    fputs(", \"coordinates\": {", stream);
    for (size_t a = 0; a < scenario_axis_count(screen->scenario); a++) {
        const struct sweep_axis *axis = scenario_axis(screen->scenario, a);
        stride /= axis->count;
        const size_t index = point / stride % axis->count;
        for (size_t c = 0; c < axis->coordinate_count; c++) {
            const struct sweep_coordinate *coordinate = &axis->coordinates[c];
            print_json_member(stream, before, coordinate->name,
                              coordinate->is_text ? text_value(coordinate->texts[index])
                                                  : real_value(coordinate->numbers[index]));
            before = ", ";
        }
    }
    fputs("}", stream);
}

static void print_json_row(FILE *stream, const struct screen *screen, const struct screen_row *row) {
    struct named_value values[NAMED_VALUES];
    row_values(row, values);
    for (size_t i = 0; i < NAMED_VALUES; i++) {
        print_json_member(stream, i == 0 ? "      {" : ", ", values[i].name, values[i].value);
    }
    if (screen->is_sweep) {
        print_json_coordinates(stream, screen, row->point);
    }
    fputs("}", stream);
}

static void print_json_skipped(FILE *stream, const struct screen_pool *pool) {
    fputs(",\n     \"left_out\": {", stream);
    for (size_t i = 0; i < pool->skipped_count; i++) {
        print_json_member(stream, i == 0 ? "" : ", ", pool->skipped[i].rule,
                          integer_value((int64_t)pool->skipped[i].count));
    }
    fputs("}", stream);
}

static void print_json_pool(FILE *stream, const struct screen *screen, const struct screen_pool *pool) {
    print_json_member(stream, "    {", "pool", text_value(pool->name));
    print_json_member(stream, ",\n     ", "input_tokens_mean", real_value(pool->lengths.input_tok));
    print_json_member(stream, ", ", "output_tokens_mean", real_value(pool->lengths.output_tok));
    print_json_member(stream, ", ", "ttft_limit_s", real_value(pool->limits.ttft_s));
    print_json_member(stream, ", ", "tpot_limit_s", real_value(pool->limits.tpot_s));
    print_json_member(stream, ",\n     ", "machines", integer_value((int64_t)pool->machine_count));
    print_json_member(stream, ", ", "configurations_screened", integer_value((int64_t)pool->configuration_count));
    print_json_member(stream, ", ", "one_price", flag_value(pool->one_price));
    print_json_skipped(stream, pool);
    fputs(",\n     \"configurations\": [\n", stream);
    for (size_t i = 0; i < pool->row_count; i++) {
        print_json_row(stream, screen, &pool->rows[i]);
        fputs(i + 1 < pool->row_count ? ",\n" : "\n", stream);
    }
    fputs("     ]}", stream);
}

void screen_print_json(FILE *stream, const struct screen *screen) {
    print_json_member(stream, "{\n  ", "name", text_value(scenario_name(screen->scenario)));
    print_json_member(stream, ",\n  ", "analytic", flag_value(true));
    print_json_member(stream, ",\n  ", "sweep", flag_value(screen->is_sweep));
    fputs(",\n  \"pools\": [\n", stream);
    for (size_t p = 0; p < screen->pool_count; p++) {
        print_json_pool(stream, screen, &screen->pools[p]);
        fputs(p + 1 < screen->pool_count ? ",\n" : "\n", stream);
    }
    fputs("  ]\n}\n", stream);
}

/* ---- CSV ---- */

static void print_csv_value(FILE *stream, const struct value *value) {
    fputc(',', stream);
    if (!has_value(value)) {
        return;
    }
    if (value->kind == VALUE_TEXT) {
        csv_field_write(stream, value->text);
    } else if (value->kind == VALUE_FLAG) {
        fputc(value->integer != 0 ? '1' : '0', stream);
    } else {
        print_number(stream, value);
    }
}

static void print_csv(FILE *stream, const struct screen *screen) {
    struct named_value values[NAMED_VALUES];
    names_of(values);
    fputs("pool", stream);
    for (size_t i = 0; i < NAMED_VALUES; i++) {
        fprintf(stream, ",%s", values[i].name);
    }
    fputc('\n', stream);
    for (size_t p = 0; p < screen->pool_count; p++) {
        for (size_t r = 0; r < screen->pools[p].row_count; r++) {
            row_values(&screen->pools[p].rows[r], values);
            csv_field_write(stream, screen->pools[p].name);
            for (size_t i = 0; i < NAMED_VALUES; i++) {
                print_csv_value(stream, &values[i].value);
            }
            fputc('\n', stream);
        }
    }
}

bool screen_write_csv(const char *path, const struct screen *screen, struct diags *diags) {
    struct atomic_file file;
    FILE *stream = atomic_file_open(&file, path, diags);
    if (stream == NULL) {
        return false;
    }
    print_csv(stream, screen);
    return atomic_file_finish(&file, stream, diags);
}

/* ---- the table ---- */

static void print_head(FILE *stream, bool is_sweep) {
    if (is_sweep) {
        fprintf(stream, "  %5s", "point");
    }
    fprintf(stream, "  %-16s %2s %-5s %5s %9s %9s %8s %8s  %s\n", "GPU", "tp", "prec.", "seqs", "USD/Mtok", "tok/s",
            "TPOT ms", "TTFT ms", "bound by");
}

static void print_line(FILE *stream, bool is_sweep, const struct screen_row *row) {
    const struct throughput_state *state = &row->state;
    if (is_sweep) {
        fprintf(stream, "  %5zu", row->point);
    }
    fputs("  ", stream);
    text_print_padded(stream, row->gpu[0] != '\0' ? row->gpu : "-", 16, true);
    fprintf(stream, " %2" PRId64 " %-5s %5" PRId64 " %9s %9s %8s %8s  %s\n", row->tensor_parallel,
            row->precision[0] != '\0' ? row->precision : "-", row->max_num_seqs,
            cell_number(state->usd_per_mtok, DIGITS).text, cell_number(state->tok_per_s, DIGITS).text,
            cell_number(state->tpot_s * 1e3, DIGITS).text, cell_number(state->ttft_s * 1e3, DIGITS).text,
            throughput_binding_name(state->binding));
}

static void print_limit(FILE *stream, const char *before, const char *name, double limit_s) {
    if (isfinite(limit_s)) {
        fprintf(stream, "%s%s at most %s s", before, name, cell_number(limit_s, DIGITS).text);
    }
}

static const char *model_of(const struct screen_pool *pool) {
    for (size_t i = 1; i < pool->row_count; i++) {
        if (strcmp(pool->rows[i].model, pool->rows[0].model) != 0) {
            return "several models";
        }
    }
    return pool->row_count > 0 && pool->rows[0].model[0] != '\0' ? pool->rows[0].model : "no model named";
}

static void print_mix(FILE *stream, const struct screen *screen, const struct screen_pool *pool) {
    const bool has_limits = isfinite(pool->limits.ttft_s) || isfinite(pool->limits.tpot_s);
    fprintf(stream, "mean request: %s prompt + %s output tokens%s\n", cell_number(pool->lengths.input_tok, DIGITS).text,
            cell_number(pool->lengths.output_tok, DIGITS).text, screen->is_sweep ? " (first point)" : "");
    fputs(has_limits ? "limits" : "no SLO on TTFT or TPOT: cheapest means slowest", stream);
    print_limit(stream, ": ", "TTFT", pool->limits.ttft_s);
    print_limit(stream, isfinite(pool->limits.ttft_s) ? ", " : ": ", "TPOT", pool->limits.tpot_s);
    fputc('\n', stream);
}

static void print_counts(FILE *stream, const struct screen *screen, const struct screen_pool *pool) {
    if (screen->is_sweep) {
        fprintf(stream, "%zu points of the sweep\n", pool->configuration_count);
        return;
    }
    fprintf(stream, "%zu machines (GPU, tensor_parallel, precision), %zu configurations with their batch sizes",
            pool->machine_count, pool->configuration_count);
    for (size_t i = 0; i < pool->skipped_count; i++) {
        fprintf(stream, "%s%zu %s", i == 0 ? "\nleft out: " : ", ", pool->skipped[i].count, pool->skipped[i].rule);
    }
    fputc('\n', stream);
}

static const struct screen_row *ranked(const struct screen_pool *pool, size_t rank) {
    for (size_t i = 0; i < pool->row_count; i++) {
        if (pool->rows[i].rank == rank) {
            return &pool->rows[i];
        }
    }
    return NULL;
}

static void print_best(FILE *stream, const struct screen *screen, const struct screen_pool *pool) {
    fputs("\ncheapest within the limits, at full load:\n", stream);
    if (ranked(pool, 1) == NULL) {
        fputs("  none meets them\n", stream);
        return;
    }
    print_head(stream, screen->is_sweep);
    for (size_t rank = 1; rank <= SCREEN_TOP && ranked(pool, rank) != NULL; rank++) {
        print_line(stream, screen->is_sweep, ranked(pool, rank));
    }
    if (ranked(pool, 1)->price_source[0] != '\0') {
        text_print_wrapped(stream, "  price of the first: ", ranked(pool, 1)->price_source);
    }
}

static size_t front_count(const struct screen_pool *pool) {
    size_t count = 0;
    for (size_t i = 0; i < pool->row_count; i++) {
        count += pool->rows[i].on_front;
    }
    return count;
}

/* A long front: its two ends, and lines evenly between them. */
static void print_front(FILE *stream, const struct screen *screen, const struct screen_pool *pool) {
    const size_t count = front_count(pool);
    const size_t lines = count < FRONT_LINES ? count : FRONT_LINES;
    fprintf(stream, "\nfront: no other is both cheaper and faster (%zu of %zu; all of it with --json or --csv)\n",
            lines, count);
    print_head(stream, screen->is_sweep);
    size_t seen = 0;
    size_t line = 0;
    for (size_t i = 0; i < pool->row_count; i++) {
        if (!pool->rows[i].on_front) {
            continue;
        }
        const size_t wanted = lines > 1 ? line * (count - 1) / (lines - 1) : 0;
        if (seen == wanted) {
            print_line(stream, screen->is_sweep, &pool->rows[i]);
            line++;
        }
        seen++;
    }
}

static void print_notes(FILE *stream, const struct screen_pool *pool) {
    if (pool->one_price) {
        text_print_wrapped(stream, "note: ",
                           "one price is given, so only the scenario's own GPU was looked at; write `catalogue` or a "
                           "map by GPU to compare GPUs");
    }
    if (pool->blocks_given) {
        text_print_wrapped(stream, "note: ", "num_gpu_blocks is given and was kept, whatever a GPU's memory holds");
    }
    if (pool->other_limits) {
        text_print_wrapped(stream, "note: ", "SLO thresholds on other than TTFT and TPOT were not looked at");
    }
    if (!pool->is_continuous) {
        text_print_wrapped(stream,
                           "note: ", "the formulas are those of policy `continuous`; this pool's policy is another");
    }
}

void screen_print_table(FILE *stream, const struct screen *screen) {
    text_print_wrapped(stream, "", scenario_name(screen->scenario));
    text_print_wrapped(stream, "",
                       "analytic, not simulated: one replica at full load, latencies without queueing; real fleets run "
                       "at less than full load and cost more per token");
    for (size_t p = 0; p < screen->pool_count; p++) {
        const struct screen_pool *pool = &screen->pools[p];
        fprintf(stream, "\npool %s: %s\n", pool->name, model_of(pool));
        print_mix(stream, screen, pool);
        print_counts(stream, screen, pool);
        print_best(stream, screen, pool);
        print_front(stream, screen, pool);
        print_notes(stream, pool);
    }
}
