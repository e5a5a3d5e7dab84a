#include "analysis/json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/expected.h"
#include "analysis/metrics.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/text.h"

/* jansson holds the tree and escapes texts; numbers are printed here, since its %.17g makes 0.1 unreadable. */

enum { NUMBER_SIZE = 40, INDENT = 2 };

/* ---- the tree ---- */

static void put(json_t *object, const char *key, json_t *value) {
    CHECK(value != NULL);
    CHECK(json_object_set_new(object, key, value) == 0);
}

/* Scenarios are UTF-8; a user's own catalogue may not be: what is no ASCII in such a text becomes `?`. */
static json_t *new_text(const char *text) {
    json_t *value = json_string(text);
    if (value == NULL) {
        char *ascii = xstrdup(text);
        for (char *c = ascii; *c != '\0'; c++) {
            *c = (unsigned char)*c < 0x80 ? *c : '?';
        }
        value = json_string(ascii);
        free(ascii);
    }
    CHECK(value != NULL);
    return value;
}

static json_t *new_real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* The object below `object` called by the first `size` bytes of `key`, made if it is not there. */
static json_t *child(json_t *object, const char *key, size_t size) {
    json_t *found = json_object_getn(object, key, size);
    if (found == NULL) {
        found = json_object();
        CHECK(found != NULL && json_object_setn_new(object, key, size, found) == 0);
    }
    return found;
}

/* Sets `value` at the dotted `path`, whose `*` stands for `coordinate`. Coordinates may contain dots. */
static void put_at(json_t *object, const char *path, const char *coordinate, json_t *value) {
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(path, '.')) {
        const bool star = path[0] == '*';
        object = star ? child(object, coordinate, strlen(coordinate)) : child(object, path, (size_t)(dot - path));
        path = dot + 1;
    }
    put(object, path[0] == '*' ? coordinate : path, value);
}

static json_t *new_value(const struct metric *metric, const struct result *result, size_t entity, size_t index) {
    switch (metric->type) {
    case METRIC_REAL: return new_real(metric_real(metric, result, entity, index));
    case METRIC_INTEGER: return json_integer(metric_integer(metric, result, entity, index));
    case METRIC_TEXT: return new_text(metric_text(metric, result, entity));
    default: break;
    }
    const int64_t flag = metric_integer(metric, result, entity, index);
    return flag < 0 ? json_null() : json_boolean(flag != 0);
}

static json_t *new_series(const struct metric *metric, const struct result *result, size_t entity) {
    json_t *array = json_array();
    for (size_t i = 0; i < metric_length(metric, result, entity); i++) {
        CHECK(json_array_append_new(array, new_value(metric, result, entity, i)) == 0);
    }
    return array;
}

/* Thresholds that no SLO names are left out. */
static bool is_left_out(const struct metric *metric, const struct result *result, size_t entity, size_t index) {
    if (metric->dimension != METRIC_BY_SLO_THRESHOLD) {
        return false;
    }
    const struct slo_result *slo = metric->scope == METRIC_WORKLOAD ? &result->workloads[entity].slo : &result->slo;
    return slo->threshold_met[index] < 0;
}

static void put_metric(json_t *object, const struct metric *metric, const struct result *result, size_t entity) {
    if (metric->dimension == METRIC_SCALAR) {
        put_at(object, metric->json, "", new_value(metric, result, entity, 0));
        return;
    }
    if (metric->dimension == METRIC_BY_HOUR) {
        put_at(object, metric->json, "", new_series(metric, result, entity));
        return;
    }
    for (size_t i = 0; i < metric_length(metric, result, entity); i++) {
        if (!is_left_out(metric, result, entity, i)) {
            put_at(object, metric->json, metric_coordinate(metric->dimension, i), new_value(metric, result, entity, i));
        }
    }
}

static void put_scope(json_t *object, const struct result *result, enum metric_scope scope, size_t entity) {
    for (size_t i = 0; i < metrics_count; i++) {
        if (metrics[i].scope == scope && (metrics[i].flags & METRIC_FILE_ONLY) == 0) {
            put_metric(object, &metrics[i], result, entity);
        }
    }
}

static void put_entities(json_t *object, const char *key, const struct result *result, enum metric_scope scope) {
    json_t *entities = json_object();
    for (size_t i = 0; i < metric_entity_count(result, scope); i++) {
        json_t *entity = json_object();
        put_scope(entity, result, scope, i);
        put(entities, metric_entity_name(result, scope, i), entity);
    }
    put(object, key, entities);
}

static void put_assumptions(json_t *object, const struct result *result) {
    json_t *list = json_array();
    for (size_t i = 0; i < result->assumption_count; i++) {
        json_t *assumption = json_object();
        put(assumption, "path", new_text(result->assumptions[i].path));
        put(assumption, "text", new_text(result->assumptions[i].text));
        CHECK(json_array_append_new(list, assumption) == 0);
    }
    put(object, "assumptions", list);
}

/* By metric [lower, upper]; null for a bound that there is not. */
static void put_intervals(json_t *object, const struct result *result) {
    json_t *intervals = json_object();
    for (size_t i = 0; i < metrics_count; i++) {
        const struct expected_bounds bounds = expected_bounds_of(&metrics[i], result);
        if ((metrics[i].flags & METRIC_INTERVALS) != 0 && !isnan(bounds.lower)) {
            json_t *pair = json_array();
            CHECK(json_array_append_new(pair, new_real(bounds.lower)) == 0);
            CHECK(json_array_append_new(pair, new_real(bounds.upper)) == 0);
            put(intervals, metrics[i].name, pair);
        }
    }
    put(object, "pi95", intervals);
}

static void put_result(json_t *object, const struct result *result) {
    put_scope(object, result, METRIC_RUN, 0);
    put_entities(object, "by_workload", result, METRIC_WORKLOAD);
    put_entities(object, "by_pool", result, METRIC_POOL);
    put_entities(object, "api", result, METRIC_API);
    put_intervals(object, result);
    put_assumptions(object, result);
}

static json_t *new_coordinate(const struct sweep_coordinate *coordinate, size_t index) {
    return coordinate->is_text ? new_text(coordinate->texts[index]) : new_real(coordinate->numbers[index]);
}

/* {name, path, units, long_name, values} */
static json_t *new_axis(const struct sweep_axis *axis, const struct sweep_coordinate *coordinate) {
    json_t *object = json_object();
    put(object, "name", new_text(coordinate->name));
    put(object, "dimension", new_text(axis->coordinates[0].name));
    put(object, "path", new_text(coordinate->path));
    put(object, "units", new_text(coordinate->unit));
    put(object, "long_name", new_text(coordinate->long_name));
    json_t *values = json_array();
    for (size_t i = 0; i < axis->count; i++) {
        CHECK(json_array_append_new(values, new_coordinate(coordinate, i)) == 0);
    }
    put(object, "values", values);
    return object;
}

static json_t *new_axes(const struct result_set *set) {
    json_t *axes = json_array();
    for (size_t a = 0; a < set->axis_count; a++) {
        for (size_t c = 0; c < set->axes[a]->coordinate_count; c++) {
            CHECK(json_array_append_new(axes, new_axis(set->axes[a], &set->axes[a]->coordinates[c])) == 0);
        }
    }
    return axes;
}

static json_t *new_point(const struct result_set *set, size_t point) {
    json_t *object = json_object();
    json_t *coordinates = json_object();
    for (size_t a = 0; a < set->axis_count; a++) {
        const size_t index = result_set_index(set, point, a);
        for (size_t c = 0; c < set->axes[a]->coordinate_count; c++) {
            const struct sweep_coordinate *coordinate = &set->axes[a]->coordinates[c];
            put(coordinates, coordinate->name, new_coordinate(coordinate, index));
        }
    }
    put(object, "coordinates", coordinates);
    put_result(object, set->results[point]);
    return object;
}

/* ---- the text ---- */

static void print_value(FILE *stream, json_t *value, int depth);

static void print_text(FILE *stream, const char *text) {
    json_t *value = new_text(text);
    char *escaped = json_dumps(value, JSON_ENCODE_ANY);
    CHECK(escaped != NULL);
    fputs(escaped, stream);
    free(escaped);
    json_decref(value);
}

static void new_line(FILE *stream, int depth) {
    fprintf(stream, "\n%*s", depth * INDENT, "");
}

static void print_object(FILE *stream, json_t *object, int depth) {
    const char *key;
    json_t *value;
    bool first = true;
    fputc('{', stream);
    json_object_foreach(object, key, value) {
        fputs(first ? "" : ",", stream);
        first = false;
        new_line(stream, depth + 1);
        print_text(stream, key);
        fputs(": ", stream);
        print_value(stream, value, depth + 1);
    }
    if (!first) {
        new_line(stream, depth);
    }
    fputc('}', stream);
}

/* Scalars stand in one line, objects in one each. */
static void print_array(FILE *stream, json_t *array, int depth) {
    const size_t size = json_array_size(array);
    const bool lines = size > 0 && json_is_object(json_array_get(array, 0));
    fputc('[', stream);
    for (size_t i = 0; i < size; i++) {
        fputs(i == 0 ? "" : lines ? "," : ", ", stream);
        if (lines) {
            new_line(stream, depth + 1);
        }
        print_value(stream, json_array_get(array, i), depth + 1);
    }
    if (lines) {
        new_line(stream, depth);
    }
    fputc(']', stream);
}

static void print_number(FILE *stream, json_t *value) {
    char text[NUMBER_SIZE];
    if (json_is_integer(value)) {
        fprintf(stream, "%lld", (long long)json_integer_value(value));
        return;
    }
    text_from_double(json_real_value(value), text, sizeof text);
    fputs(text, stream);
}

static void print_value(FILE *stream, json_t *value, int depth) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: print_object(stream, value, depth); break;
    case JSON_ARRAY: print_array(stream, value, depth); break;
    case JSON_STRING: print_text(stream, json_string_value(value)); break;
    case JSON_INTEGER:
    case JSON_REAL: print_number(stream, value); break;
    case JSON_TRUE: fputs("true", stream); break;
    case JSON_FALSE: fputs("false", stream); break;
    default: fputs("null", stream); break;
    }
}

/* Consumes `value`. */
static char *text_of(json_t *value) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    print_value(stream, value, 0);
    fputc('\n', stream);
    CHECK(fclose(stream) == 0);
    json_decref(value);
    return text;
}

char *json_of_run(const char *name, const struct result *result) {
    json_t *object = json_object();
    put(object, "name", new_text(name));
    put_result(object, result);
    return text_of(object);
}

char *json_of_sweep(const struct result_set *set) {
    json_t *object = json_object();
    put(object, "name", new_text(set->name));
    put(object, "axes", new_axes(set));
    json_t *points = json_array();
    for (size_t point = 0; point < set->count; point++) {
        CHECK(json_array_append_new(points, new_point(set, point)) == 0);
    }
    put(object, "points", points);
    return text_of(object);
}
