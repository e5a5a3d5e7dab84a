/* Lengths and rhythms by name, and from a user's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "scenarios/presets.h"

static struct presets *compiled_in(void) {
    struct diags *diags = diags_new();
    struct presets *presets = presets_new(NULL, diags);
    if (presets == NULL) {
        diags_render(diags, stderr, false);
    }
    assert_non_null(presets);
    diags_free(diags);
    return presets;
}

static void every_compiled_in_table_is_sound(void **state) {
    (void)state;
    struct presets *presets = compiled_in();
    size_t count;
    const char *const *names = presets_length_names(presets, &count);
    assert_true(count >= 14);
    for (size_t i = 0; i < count; i++) {
        const struct preset *preset = presets_lengths(presets, names[i]);
        assert_non_null(preset);
        assert_int_equal(preset->count, 101);
        assert_true(strlen(preset->source) > 10 && strlen(preset->as_of) == 10 && strlen(preset->status) > 0);
    }
    names = presets_profile_names(presets, &count);
    assert_true(count >= 6);
    for (size_t i = 0; i < count; i++) {
        const struct preset *preset = presets_profile(presets, names[i]);
        double sum = 0.0;
        for (size_t hour = 0; hour < preset->count; hour++) {
            sum += preset->value[hour];
        }
        assert_true(fabs(sum / (double)preset->count - 1.0) < 1e-3);
    }
    assert_non_null(strstr(presets_hashes(presets), "length_quantiles.csv 0x"));
    presets_free(presets);
}

static void aliases_name_the_same_row_in_any_case(void **state) {
    (void)state;
    struct presets *presets = compiled_in();
    static const char *const aliases[] = {"chat-input",   "code-output",     "rag-input",        "agent-input",
                                          "agent-output", "reasoning-input", "reasoning-output", "long-chat-input"};
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        assert_non_null(presets_lengths(presets, aliases[i]));
    }
    assert_ptr_equal(presets_lengths(presets, "Chat-Input"), presets_lengths(presets, "azure-conv-input"));
    assert_ptr_equal(presets_profile(presets, "chat"), presets_profile(presets, "burstgpt"));
    assert_null(presets_lengths(presets, "azure-conv"));
    assert_null(presets_lengths(presets, ""));
    presets_free(presets);
}

/* Published on the same data: ../shared/traces/README.md section 3. */
static void draws_have_the_means_of_the_traces(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double mean, tolerance;
    } cases[] = {{"azure-code-input", 2048, 0.02}, {"azure-conv-input", 1195, 0.05},   {"azure-conv-output", 201, 0.02},
                 {"ragpulse-input", 3021, 0.01},   {"ragpulse-output", 256, 0.02},     {"arxiv-input", 2588, 0.01},
                 {"agentic-input", 122835, 0.03},  {"mooncake-conv-output", 347, 0.02}};
    struct presets *presets = compiled_in();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct length_spec spec;
        preset_length_spec(presets_lengths(presets, cases[i].name), &spec);
        assert_true(fabs(length_mean(&spec) / cases[i].mean - 1.0) < cases[i].tolerance);
        struct random_stream stream = random_stream_make(1, 0, RANDOM_INPUT, cases[i].name);
        double sum = 0.0;
        for (uint64_t n = 0; n < 20000; n++) {
            sum += (double)length_draw(&spec, stream, n);
        }
        assert_true(fabs(sum / 20000 / length_mean(&spec) - 1.0) < 0.04);
    }
    presets_free(presets);
}

static const char *file_of(const char *text) {
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/test_presets_%ld", (long)getpid());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static bool read_quantiles(const char *text, struct arena *arena, struct length_spec *spec, const char *message) {
    struct diags *diags = diags_new();
    const char *path = file_of(text);
    bool ok = quantiles_read(path, (struct position){0}, arena, spec, diags);
    unlink(path);
    if (message != NULL && strstr(diags_first_message(diags), message) == NULL) {
        fail_msg("found: %s", diags_first_message(diags));
    }
    diags_free(diags);
    return ok;
}

static void a_users_table_is_read(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct length_spec spec;
    assert_true(read_quantiles("p,tokens\r\n# comment\r\n0,10\r\n50;20\r\n\r\n100 \t40", arena, &spec, NULL));
    assert_int_equal(spec.kind, LENGTH_QUANTILES);
    assert_int_equal(spec.count, 3);
    assert_true(fabs(length_mean(&spec) - 22.5) < 1e-12);
    assert_true(read_quantiles("0 1\n1 3\n", arena, &spec, NULL));
    assert_true(fabs(length_mean(&spec) - 2.0) < 1e-12);
    arena_free(arena);
}

static void mistakes_in_a_users_table_are_named(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct length_spec spec;
    assert_false(read_quantiles("0,1\n0.5,x\n1,3\n", arena, &spec, "numbers are wanted"));
    assert_false(read_quantiles("0,5\n0.5,3\n1,9\n", arena, &spec, "point 2"));
    assert_false(read_quantiles("0,5\n0.5,6\n0.5,7\n1,9\n", arena, &spec, "point 3"));
    assert_false(read_quantiles("0.1,5\n1,9\n", arena, &spec, "from p = 0 to p = 1"));
    assert_false(read_quantiles("", arena, &spec, "from p = 0 to p = 1"));
    assert_false(read_quantiles("0,-5\n1,9\n", arena, &spec, "point 1"));
    struct diags *diags = diags_new();
    assert_false(quantiles_read("/nowhere/at/all", (struct position){0}, arena, &spec, diags));
    assert_int_equal(diags_exit_code(diags), 4);
    diags_free(diags);
    arena_free(arena);
}

static void a_profile_has_a_day_or_a_week_of_hours(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct diags *diags = diags_new();
    char text[512] = "hour,multiplier\n";
    for (int hour = 0; hour < 24; hour++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d,%d\n", hour, hour % 3);
    }
    const double *multipliers;
    size_t count;
    assert_true(profile_read(file_of(text), (struct position){0}, arena, &multipliers, &count, diags));
    assert_int_equal(count, 24);
    assert_true(multipliers[5] >= 2.0 && multipliers[5] <= 2.0);
    assert_int_equal(diags_error_count(diags), 0);
    const char *path = file_of("1\n2\n");
    assert_false(profile_read(path, (struct position){0}, arena, &multipliers, &count, diags));
    unlink(path);
    double zero[24] = {0};
    assert_false(profile_check(zero, 24, (struct position){0}, diags));
    zero[3] = -1.0;
    assert_false(profile_check(zero, 24, (struct position){0}, diags));
    assert_int_equal(diags_error_count(diags), 3);
    diags_free(diags);
    arena_free(arena);
}

static void a_broken_catalogue_is_refused_in_place(void **state) {
    (void)state;
    char dir[] = "/tmp/test_presets_XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[96];
    snprintf(path, sizeof(path), "%s/diurnal.csv", dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("name,aliases,description,status,source,as_of,values\nx,,d,s,s,2026-01-01,1 2 oops\n", file);
    fclose(file);
    struct diags *diags = diags_new();
    assert_null(presets_new(dir, diags));
    assert_non_null(strstr(diags_first_message(diags), "`values` must be numbers"));
    char text[1024] = "";
    FILE *stream = fmemopen(text, sizeof(text), "w");
    diags_render(diags, stream, false);
    fclose(stream);
    assert_non_null(strstr(text, "diurnal.csv:2:"));
    diags_free(diags);
    unlink(path);
    rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_compiled_in_table_is_sound),
        cmocka_unit_test(aliases_name_the_same_row_in_any_case),
        cmocka_unit_test(draws_have_the_means_of_the_traces),
        cmocka_unit_test(a_users_table_is_read),
        cmocka_unit_test(mistakes_in_a_users_table_are_named),
        cmocka_unit_test(a_profile_has_a_day_or_a_week_of_hours),
        cmocka_unit_test(a_broken_catalogue_is_refused_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
