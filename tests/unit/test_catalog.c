/* Catalogues: the compiled-in files are sound, and mistakes in others are found where they are. */
#include <csv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "scenarios/catalog.h"
#include "scenarios/csv_table.h"

static struct catalog *compiled_in(void) {
    struct diags *diags = diags_new();
    struct catalog *catalog = catalog_new();
    bool ok = catalog_read(catalog, NULL, diags);
    diags_render(diags, stderr, false);
    assert_true(ok);
    diags_free(diags);
    return catalog;
}

static void compiled_in_catalogues_are_sound(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    assert_true(catalog_row_count(catalog, CATALOG_GPUS) >= 30);
    assert_true(catalog_row_count(catalog, CATALOG_LLMS) >= 55);
    assert_true(catalog_row_count(catalog, CATALOG_API_PRICES) >= 70);
    assert_true(catalog_row_count(catalog, CATALOG_REGIONS) >= 90);
    assert_non_null(strstr(catalog_hashes(catalog), "gpus.csv 0x"));
    catalog_free(catalog);
}

static void names_and_aliases_are_found_in_any_case(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    struct diags *diags = diags_new();
    struct position at = {0};
    assert_string_equal(catalog_gpu(catalog, span_of("h100"), diags, at)->name, "H100-SXM");
    assert_string_equal(catalog_gpu(catalog, span_of("A100-SXM"), diags, at)->name, "A100-80GB-SXM");
    assert_string_equal(catalog_llm(catalog, span_of("llama-3.1-70b"), diags, at)->name, "Llama-3.1-70B");
    assert_string_equal(catalog_api_price(catalog, span_of("OpenAI/gpt-4o-mini"), diags, at)->name, "gpt-4o-mini");
    assert_string_equal(catalog_region(catalog, span_of("DE"), diags, at)->long_name, "Germany");
    catalog_free(catalog);
    diags_free(diags);
}

/* The longest name that a GPU's architecture begins with; each share within its interval. */
static void power_goes_by_architecture(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    static const char *const archs[][2] = {
        {"Hopper", "Hopper"}, {"Hopper+Grace", "Hopper"}, {"Blackwell Ultra", "Blackwell"}, {"CDNA4", "CDNA"}};
    struct gpu gpu = gpu_unknown();
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        gpu.arch = archs[i][0];
        const struct architecture_power *row = catalog_power(catalog, &gpu);
        assert_string_equal(row->name, archs[i][1]);
        assert_true(row->active_lower <= row->active_ratio && row->active_ratio <= row->active_upper);
        assert_true(row->compute_lower <= row->compute_ratio && row->compute_ratio <= row->compute_upper);
        assert_true(row->memory_lower <= row->memory_ratio && row->memory_ratio <= row->memory_upper);
    }
    gpu.arch = "Gaudi";
    assert_null(catalog_power(catalog, &gpu));
    catalog_free(catalog);
}

static void an_unknown_name_gets_a_guess(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    struct diags *diags = diags_new();
    assert_null(catalog_gpu(catalog, span_of("H100-SMX"), diags, (struct position){0}));
    assert_string_equal(diags_first_message(diags),
                        "unknown GPU 'H100-SMX'; did you mean 'H100-SXM'? (see 'tokenmill catalog gpus')");
    catalog_free(catalog);
    diags_free(diags);
}

static void a_blank_price_stays_unknown(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    struct diags *diags = diags_new();
    const struct gpu *gpu = catalog_gpu(catalog, span_of("MI355X"), diags, (struct position){0});
    assert_true(isnan(gpu->rental_typ_usd_per_hour));
    assert_true(catalog_gpu(catalog, span_of("H100"), diags, (struct position){0})->rental_typ_usd_per_hour == 2.59);
    catalog_free(catalog);
    diags_free(diags);
}

/* Where parameters are said to follow from the shape, they do, within 1 %: all rows. */
static void shapes_give_the_published_parameters(void **state) {
    (void)state;
    struct catalog *catalog = compiled_in();
    struct diags *diags = diags_new();
    for (size_t i = 0; i < catalog_row_count(catalog, CATALOG_LLMS); i++) {
        const char *name = catalog_text(catalog, CATALOG_LLMS, i, 0);
        const struct llm *llm = catalog_llm(catalog, span_of(name), diags, (struct position){0});
        assert_non_null(llm);
        double total = llm_params_total(llm);
        double active = llm_params_active(llm);
        if (strcmp(llm->params_basis, "shape") != 0) {
            continue;
        }
        if (fabs(total - llm->total_params_b * 1e9) > 0.01 * total ||
            fabs(active - llm->active_params_b * 1e9) > 0.01 * active) {
            fail_msg("%s: %g total, %g active from its shape", name, total, active);
        }
        assert_true(llm_check(llm, diags, (struct position){0}));
    }
    catalog_free(catalog);
    diags_free(diags);
}

/* ---- files of the measurements ---- */

struct column_scan {
    const struct catalog *catalog;
    size_t gpu, model, field, row; /* column indices; SIZE_MAX: none */
    size_t unknown;
};

static void scan_field(void *text, size_t size, void *context) {
    struct column_scan *scan = context;
    struct span span = {text, size};
    size_t field = scan->field++;
    if (scan->row == 0) {
        scan->gpu = span_equals(span, "gpu") ? field : scan->gpu;
        scan->model = span_equals(span, "model") ? field : scan->model;
        return;
    }
    bool gpu = field == scan->gpu && size > 0;
    bool model = field == scan->model && size > 0;
    if ((gpu && catalog_find(scan->catalog, CATALOG_GPUS, span) == SIZE_MAX) ||
        (model && catalog_find(scan->catalog, CATALOG_LLMS, span) == SIZE_MAX)) {
        scan->unknown++;
        print_error("unknown: %.*s\n", (int)size, (const char *)text);
    }
}

static void scan_row(int byte, void *context) {
    (void)byte;
    struct column_scan *scan = context;
    scan->field = 0;
    scan->row++;
}

static void scan_file(struct column_scan *scan, FILE *stream) {
    char buffer[65536];
    struct csv_parser parser;
    assert_int_equal(csv_init(&parser, 0), 0);
    size_t size = fread(buffer, 1, sizeof buffer, stream);
    while (size > 0) {
        assert_int_equal(csv_parse(&parser, buffer, size, scan_field, scan_row, scan), size);
        size = fread(buffer, 1, sizeof buffer, stream);
    }
    csv_fini(&parser, scan_field, scan_row, scan);
    csv_free(&parser);
}

static void every_measured_gpu_and_model_has_a_row(void **state) {
    (void)state;
    static const char *const files[] = {"serving.csv",     "steps.csv",        "requests.csv", "power.csv",
                                        "collectives.csv", "ops_gemm.csv",     "ops_moe.csv",  "ops_attention.csv",
                                        "ops_power.csv",   "ops_vidur_mlp.csv"};
    const char *shared = getenv("TOKENMILL_SHARED");
    if (shared == NULL || access(shared, R_OK) != 0) {
        skip();
    }
    struct catalog *catalog = compiled_in();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/measured/%s", shared, files[i]);
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        struct column_scan scan = {.catalog = catalog, .gpu = SIZE_MAX, .model = SIZE_MAX};
        scan_file(&scan, stream);
        assert_int_equal(scan.unknown, 0);
        fclose(stream);
    }
    catalog_free(catalog);
}

/* ---- mistakes ---- */

static char folder[] = "/tmp/tokenmill-catalog-XXXXXX";

static int folder_make(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int folder_remove(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s/gpus.csv", folder);
    unlink(path);
    return rmdir(folder);
}

/* What reading a folder with this gpus.csv says, rendered. The caller frees it. */
static char *complaint(const char *gpus_csv) {
    char path[256];
    snprintf(path, sizeof path, "%s/gpus.csv", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(gpus_csv, file);
    fclose(file);
    struct diags *diags = diags_new();
    struct catalog *catalog = catalog_new();
    bool ok = catalog_read(catalog, folder, diags);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    diags_render(diags, stream, false);
    fclose(stream);
    assert_int_equal(ok, size == 0);
    catalog_free(catalog);
    diags_free(diags);
    return text;
}

static void assert_says(const char *gpus_csv, const char *wanted) {
    char *text = complaint(gpus_csv);
    if (strstr(text, wanted) == NULL) {
        fail_msg("wanted: %s\ngot: %s", wanted, text);
    }
    free(text);
}

static void a_good_file_replaces_its_table_only(void **state) {
    (void)state;
    char *text = complaint("name,status,source,as_of,mem_gb\nX1,estimate,me,2026,80\n");
    assert_string_equal(text, "");
    free(text);
}

static void mistakes_are_reported_at_line_and_column(void **state) {
    (void)state;
    assert_says("name,status,source,as_of,mem_gb\nX1,estimate,me,2026,80\nX2,estimate,me,2026,-8\n",
                "gpus.csv:3:21: error: mem_gb = -8 is outside 0..100000GB [value-range]");
    assert_says("name,status,source,as_of,mem_gb\nX1,estimate,\"a,b\",2026,big\n",
                "gpus.csv:2:24: error: mem_gb = 'big' is not a number [value-type]");
    assert_says("name,status,source,as_of,mem_gbs\n",
                "gpus.csv:1:26: error: unknown column 'mem_gbs'; did you mean 'mem_gb'? [catalogue-header]");
    assert_says("name,status,source\n", "gpus.csv:1:1: error: column 'as_of' is missing [catalogue-header]");
    assert_says("name,status,source,as_of\nX1,guess,me,2026\n",
                "gpus.csv:2:4: error: status = 'guess' is none of datasheet, measured, estimate [catalogue-row]");
    assert_says("name,status,source,as_of\r\nX1,estimate,,2026\r\n",
                "gpus.csv:2:13: error: source is blank; every row needs it [catalogue-row]");
    assert_says("name,aliases,status,source,as_of\nX1,Y|Z,estimate,me,2026\nz,,estimate,me,2026\n",
                "gpus.csv:3:1: error: 'z' names 'X1' already [catalogue-duplicate]");
    assert_says("name,status,source,as_of\nX1,estimate,me\n",
                "gpus.csv:2:1: error: 3 fields; the header has 4 [catalogue-csv]");
    assert_says("name,status,source,as_of\nX1,\"estimate,me,2026\n",
                "gpus.csv:2:4: error: the quote that opens here is never closed [catalogue-csv]");
    assert_says("", "gpus.csv: error: the file is empty; its first row must name the columns [catalogue-csv]");
}

static void all_mistakes_are_reported_at_once(void **state) {
    (void)state;
    char *text = complaint("name,status,source,as_of,mem_gb,tdp_w\nX1,x,me,2026,a,b\n");
    assert_non_null(strstr(text, "status = 'x'"));
    assert_non_null(strstr(text, "mem_gb = 'a'"));
    assert_non_null(strstr(text, "tdp_w = 'b'"));
    free(text);
}

static void a_folder_without_catalogues_is_an_error(void **state) {
    (void)state;
    struct diags *diags = diags_new();
    struct catalog *catalog = catalog_new();
    assert_false(catalog_read(catalog, "/nonexistent/folder", diags));
    assert_int_equal(diags_exit_code(diags), 4);
    catalog_free(catalog);
    diags_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_in_catalogues_are_sound),
        cmocka_unit_test(names_and_aliases_are_found_in_any_case),
        cmocka_unit_test(power_goes_by_architecture),
        cmocka_unit_test(an_unknown_name_gets_a_guess),
        cmocka_unit_test(a_blank_price_stays_unknown),
        cmocka_unit_test(shapes_give_the_published_parameters),
        cmocka_unit_test(every_measured_gpu_and_model_has_a_row),
        cmocka_unit_test(a_good_file_replaces_its_table_only),
        cmocka_unit_test(mistakes_are_reported_at_line_and_column),
        cmocka_unit_test(all_mistakes_are_reported_at_once),
        cmocka_unit_test(a_folder_without_catalogues_is_an_error),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
