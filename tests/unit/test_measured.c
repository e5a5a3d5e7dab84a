/* Files of measured runs, requests and recipes: columns by name, and every mistake in them. Numbers are made up. */
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

#include "study/formula.h"
#include "study/measured.h"
#include "study/recipes.h"
#include "study/replay.h"

struct files {
    struct arena *arena;
    struct diags *diags;
    char dir[64];
    char path[128];
};

static int set_up(void **state) {
    struct files *files = calloc(1, sizeof *files);
    assert_non_null(files);
    files->arena = arena_new();
    files->diags = diags_new();
    strcpy(files->dir, "/tmp/tokenmill-measured-XXXXXX");
    assert_non_null(mkdtemp(files->dir));
    *state = files;
    return 0;
}

static int tear_down(void **state) {
    struct files *files = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", files->dir);
    assert_int_equal(system(command), 0);
    diags_free(files->diags);
    arena_free(files->arena);
    free(files);
    return 0;
}

/* Writes a file; its path. */
static const char *file_of(struct files *files, const char *name, const char *text) {
    snprintf(files->path, sizeof files->path, "%s/%s", files->dir, name);
    FILE *stream = fopen(files->path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
    return files->path;
}

/* Everything that was said, paths shortened to names. */
static void assert_said(struct files *files, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    diags_render(files->diags, stream, false);
    fclose(stream);
    if (strstr(text, expected) == NULL) {
        fail_msg("'%s' is not in:\n%s", expected, text);
    }
    free(text);
}

#define HEADER "row_id,model,gpu,engine,load_kind,concurrency_or_qps,isl,osl,tpot_ms_mean,tpot_ms_p50\n"

static void columns_are_found_by_name_and_unknown_ones_ignored(void **state) {
    struct files *files = *state;
    struct measured measured;
    const char *path =
        file_of(files, "m.csv",
                "colour,osl,isl,load_kind,row_id,engine,gpu,model,concurrency_or_qps,tpot_ms_p50,num_gpus\n"
                "red,200,100,concurrency,a,vllm,L4,Llama-3.1-8B,16.0,12.5,2\n"
                "blue,,,max_load,b,,L4,Llama-3.1-8B,,,\n");
    assert_false(measured_read(&measured, path, files->arena, files->diags));
    assert_said(files, "m.csv:3:1: error: b: load_kind max_load needs lengths");
    diags_free(files->diags);
    files->diags = diags_new();
    path = file_of(files, "m.csv",
                   "colour,osl,isl,load_kind,row_id,engine,gpu,model,concurrency_or_qps,tpot_ms_p50,num_gpus\n"
                   "red,200,100,concurrency,a,vllm,L4,Llama-3.1-8B,16.0,12.5,2\n");
    assert_true(measured_read(&measured, path, files->arena, files->diags));
    assert_int_equal(measured.count, 1);
    const struct measured_row *row = &measured.rows[0];
    bool is_median;
    assert_string_equal(row->row_id, "a");
    assert_int_equal(row->load_kind, LOAD_CONCURRENCY);
    assert_int_equal(row->num_gpus, 2);
    assert_int_equal(row->tp, 0);
    assert_true(row->load == 16 && row->isl == 100 && row->osl == 200);
    assert_true(fabs(measured_value(row, METRIC_TPOT, &is_median) - 0.0125) < 1e-15);
    assert_true(is_median);
    assert_true(isnan(measured_value(row, METRIC_TTFT, &is_median)));
    assert_string_equal(row->notes, "");
}

static void the_mean_goes_before_the_median(void **state) {
    struct files *files = *state;
    struct measured measured;
    bool is_median = true;
    const char *path = file_of(files, "m.csv",
                               HEADER "a,m,g,vllm,qps,2.5,10,10,20,18\n"
                                      "b,m,g,vllm,qps,2.5,10,10,NaN,18\n");
    assert_true(measured_read(&measured, path, files->arena, files->diags));
    assert_true(fabs(measured_value(&measured.rows[0], METRIC_TPOT, &is_median) - 0.020) < 1e-15);
    assert_false(is_median);
    assert_true(fabs(measured_value(&measured.rows[1], METRIC_TPOT, &is_median) - 0.018) < 1e-15);
    assert_true(is_median);
}

static void all_bad_values_are_said_at_once_where_they_stand(void **state) {
    struct files *files = *state;
    struct measured measured;
    const char *path = file_of(files, "m.csv",
                               HEADER "a,m,g,vllm,concurrency,1.5,10,10,20,\n"
                                      "b,m,g,vllm,closed,4,ten,10,-1,\n"
                                      "b,m,g,vllm,concurrency,4,10,10,20,\n");
    assert_false(measured_read(&measured, path, files->arena, files->diags));
    assert_int_equal(diags_exit_code(files->diags), 3);
    assert_said(files, "m.csv:3:12: error: load_kind = 'closed' is not one of concurrency|qps|max_num_seqs");
    assert_said(files,
                "m.csv:3:21: error: isl = 'ten' is not a number; leave it empty if it is not known [measured-value]");
    assert_said(files, "m.csv:3:28: error: tpot_ms_mean = -1 is outside 1e-06..1e+09");
}

static void rows_are_checked_as_wholes(void **state) {
    struct files *files = *state;
    struct measured measured;
    const char *path = file_of(files, "m.csv",
                               HEADER "a,m,g,vllm,concurrency,1.5,10,10,20,\n"
                                      "b,m,g,vllm,batch,,10,10,20,\n"
                                      "a,m,g,vllm,qps,2,10,,20,\n");
    assert_false(measured_read(&measured, path, files->arena, files->diags));
    assert_said(files, "m.csv:2:1: error: a: concurrency_or_qps = 1.5 is not a whole number");
    assert_said(files, "m.csv:3:1: error: b: load_kind batch needs concurrency_or_qps");
    assert_said(files, "m.csv:4:1: error: a: load_kind qps needs lengths");
    assert_said(files, "m.csv:4:1: error: row_id 'a' stands in line 2 already [measured-duplicate]");
}

static void missing_columns_are_named(void **state) {
    struct files *files = *state;
    struct measured measured;
    assert_false(
        measured_read(&measured, file_of(files, "m.csv", "row_id,model,gpu,gpu\n"), files->arena, files->diags));
    assert_said(files, "m.csv:1:1: error: column 'engine' is missing [measured-header]");
    assert_said(files, "column 'load_kind' is missing");
    assert_said(files, "column 'concurrency_or_qps' is missing");
    assert_said(files, "m.csv:1:18: error: column 'gpu' stands twice");
}

static void a_file_that_is_not_there_is_the_worlds_fault(void **state) {
    struct files *files = *state;
    struct measured measured;
    assert_false(measured_read(&measured, "/nowhere/m.csv", files->arena, files->diags));
    assert_int_equal(diags_exit_code(files->diags), 4);
    assert_said(files, "/nowhere/m.csv: error: cannot be read: No such file or directory [measured-file]");
}

static void formulas_of_recipes_are_reckoned(void **state) {
    (void)state;
    const struct formula_names names = {.conc = 48, .isl = 1024, .osl = 512, .tp = 4};
    const struct {
        const char *text;
        double value;
    } good[] = {{"8192", 8192},
                {"2*isl", 2048},
                {"conc/tp", 12},
                {"row concurrency", 48},
                {"ceil64(conc+isl+64)", 1152},
                {"max(8192, ceil64(4*conc+isl+64))", 8192},
                {"min(conc, 2) + (osl - 2*3) / 2", 255}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 0;
        assert_true(formula_value(good[i].text, &names, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"", "auto", "concise", "2*", "max(1", "1 2", "0.95 in many cells", "median(1,2)"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value = 7;
        assert_false(formula_value(bad[i], &names, &value));
        assert_true(value == 7);
    }
    const struct formula_names unknown = {.conc = (double)NAN, .isl = 1, .osl = 1, .tp = 1};
    double value;
    assert_false(formula_value("conc", &unknown, &value));
}

static void recipes_are_found_by_id(void **state) {
    struct files *files = *state;
    struct recipe_book book;
    file_of(files, "recipes.csv",
            "recipe_id,kv_precision,max_num_seqs,max_num_batched_tokens,gpu_memory_fraction\n"
            "r2,fp8,conc,8192,0.9\nr1,,,,\n");
    file_of(files, "engine_defaults.csv",
            "engine,flag,default,condition\nvllm,max_num_seqs,99,on Tuesdays\nvllm,max_num_seqs,77,\n");
    assert_true(recipe_book_read(&book, files->dir, files->arena, files->diags));
    assert_string_equal(recipe_book_find(&book, "r2")->max_num_seqs, "conc");
    assert_string_equal(recipe_book_find(&book, "r1")->max_num_seqs, "");
    assert_null(recipe_book_find(&book, "r3"));
    assert_null(recipe_book_find(&book, ""));
    assert_string_equal(recipe_book_default(&book, "vllm", "max_num_seqs"), "77");
    assert_string_equal(recipe_book_default(&book, "sglang", "max_num_seqs"), "");
}

static void a_recipe_stands_once(void **state) {
    struct files *files = *state;
    struct recipe_book book;
    file_of(files, "recipes.csv", "recipe_id,kv_precision,max_num_seqs,max_num_batched_tokens\nr1,,,\nr1,,,\n");
    assert_false(recipe_book_read(&book, files->dir, files->arena, files->diags));
    assert_said(files, "recipe_id 'r1' stands twice");
}

static void flags_that_are_no_formulas_are_mistakes(void **state) {
    static const char *const bad[] = {"conc*", "8x", "max(8,conc", "-3", "0", "batch"};
    static const char *const fine[] = {
        "conc",         "conc/tp",         "8192 (explicit list 1..8192)", "prefill 4; decode 128", "2*isl",
        "decode 1-128", "row concurrency", "static batch of the row"};
    struct files *files = *state;
    struct recipe_book book;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "recipe_id,kv_precision,max_num_seqs,max_num_batched_tokens\nr1,fp8_e4m3,%s,\nr2,auto,,%s\n", fine[i],
                 fine[i]);
        file_of(files, "recipes.csv", text);
        assert_true(recipe_book_read(&book, files->dir, files->arena, files->diags));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256], said[64];
        snprintf(text, sizeof text,
                 "recipe_id,kv_precision,max_num_seqs,max_num_batched_tokens\nr1,fp9,\"%s\",\nr2,,,\"%s\"\n", bad[i],
                 bad[i]);
        file_of(files, "recipes.csv", text);
        assert_false(recipe_book_read(&book, files->dir, files->arena, files->diags));
        snprintf(said, sizeof said, "max_num_seqs = '%s' is not", bad[i]);
        assert_said(files, said);
        snprintf(said, sizeof said, "max_num_batched_tokens = '%s' is not", bad[i]);
        assert_said(files, said);
        assert_said(files, "kv_precision = 'fp9' is not");
    }
}

static void requests_are_grouped_into_runs_and_ordered(void **state) {
    struct files *files = *state;
    struct replay *replays;
    size_t count;
    const char *path = file_of(files, "r.csv",
                               "model,gpu,tp,queued_s,isl,osl,ttft_ms,e2e_ms\n"
                               "m,g,1,2,100,11,300,1300\n"
                               "m,h,1,0,50,1,80,80\n"
                               "m,g,1,0,200,21,100,2100\n");
    assert_true(replays_are_in(path));
    assert_true(replays_read(path, files->arena, &replays, &count, files->diags));
    assert_int_equal(count, 2);
    assert_int_equal(replays[0].count, 2);
    assert_string_equal(replays[0].row.row_id, "m g");
    assert_int_equal(replays[0].requests[0].input_tok, 200);
    /* Nearest rank of two values: the lower one up to 50 %, the upper one above. */
    assert_true(fabs(replays[0].measured[REPLAY_TTFT][0] - 0.1) < 1e-12);
    assert_true(fabs(replays[0].measured[REPLAY_TTFT][1] - 0.3) < 1e-12);
    assert_true(fabs(replays[0].measured[REPLAY_TPOT][0] - 0.1) < 1e-12);
    /* 32 tokens, the last at 2 + 1.3 s. */
    assert_true(fabs(replays[0].measured_tok_per_s - 32 / 3.3) < 1e-9);
    assert_true(isnan(replays[1].measured[REPLAY_TPOT][0]));
    assert_true(isnan(replays[1].measured[REPLAY_TPOT][2]));
}

static void runs_are_no_requests(void **state) {
    struct files *files = *state;
    assert_false(replays_are_in(file_of(files, "m.csv", HEADER)));
    assert_false(replays_are_in(file_of(files, "m.csv", "row_id,queued_s\n")));
    assert_false(replays_are_in("/nowhere/r.csv"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_found_by_name_and_unknown_ones_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_mean_goes_before_the_median, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_bad_values_are_said_at_once_where_they_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_are_checked_as_wholes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_columns_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_the_worlds_fault, set_up, tear_down),
        cmocka_unit_test(formulas_of_recipes_are_reckoned),
        cmocka_unit_test_setup_teardown(recipes_are_found_by_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_recipe_stands_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_that_are_no_formulas_are_mistakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_are_grouped_into_runs_and_ordered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_are_no_requests, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
