#include "tests/unit/result_set_fixture.h"

#include <dirent.h>
#include <hdf5.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/hdf5_file.h"
#include "analysis/json.h"
#include "analysis/metrics.h"
#include "analysis/requests_csv.h"
#include "analysis/results_csv.h"

enum { TEXT_SIZE_MAX = 1 << 21 };

struct files {
    struct set_fixture *fixture;
    struct diags *diags;
    char folder[64];
    char path[128];
};

static int setup(void **state) {
    struct files *files = xcalloc(1, sizeof *files);
    files->fixture = set_fixture_new();
    files->diags = diags_new();
    strcpy(files->folder, "/tmp/tokenmill-test-XXXXXX");
    assert_non_null(mkdtemp(files->folder));
    snprintf(files->path, sizeof files->path, "%s/out", files->folder);
    *state = files;
    return 0;
}

static int teardown(void **state) {
    struct files *files = *state;
    unlink(files->path);
    assert_int_equal(rmdir(files->folder), 0); /* nothing is left behind */
    set_fixture_free(files->fixture);
    diags_free(files->diags);
    free(files);
    return 0;
}

static char *read_all(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *data = xcalloc(1, TEXT_SIZE_MAX);
    *size = fread(data, 1, TEXT_SIZE_MAX - 1, file);
    fclose(file);
    return data;
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- HDF5 ---- */

static void read_reals(hid_t file, const char *name, double *values) {
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(dataset >= 0);
    assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
}

static void a_file_holds_the_metrics_over_the_axes(void **state) {
    struct files *files = *state;
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    double values[SET_POINTS * LEDGER_KEY_COUNT];
    read_reals(file, "usd_per_mtok_total", values);
    for (size_t point = 0; point < SET_POINTS; point++) {
        assert_true(values[point] == files->fixture->results[point]->cost.usd_per_mtok_total);
    }
    read_reals(file, "ledger_usd", values);
    assert_true(values[LEDGER_KEY_COUNT + LEDGER_HARDWARE] == 8 * 3 + 8 * 2);
    read_reals(file, "rate_per_s", values);
    assert_true(values[1] == 1);
    H5Fclose(file);
}

static void equal_results_give_equal_bytes(void **state) {
    struct files *files = *state;
    size_t size_a, size_b;
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    char *a = read_all(files->path, &size_a);
    sleep(1); /* a time stamp would show */
    struct set_fixture *again = set_fixture_new();
    assert_true(hdf5_file_write(files->path, &again->set, files->diags));
    char *b = read_all(files->path, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    set_fixture_free(again);
    free(a);
    free(b);
}

static void what_depends_on_the_machine_is_in_no_file(void **state) {
    struct files *files = *state;
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(H5Lexists(file, "run_events", H5P_DEFAULT) > 0);
    assert_int_equal(H5Lexists(file, "run_wall_s", H5P_DEFAULT), 0);
    assert_int_equal(H5Lexists(file, "run_engine", H5P_DEFAULT), 0);
    H5Fclose(file);
}

static void a_headline_has_intervals_beside_it(void **state) {
    struct files *files = *state;
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    double values[2 * SET_POINTS];
    read_reals(file, "usd_per_mtok_total_ci95", values);
    assert_true(isnan(values[0]));
    read_reals(file, "ttft_p99_s_pi95", values);
    assert_true(isnan(values[7]));
    H5Fclose(file);
}

static void names_that_clash_with_ours_are_set_apart(void **state) {
    struct files *files = *state;
    files->fixture->rate.name = "pool";
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(H5Lexists(file, "sweep_pool", H5P_DEFAULT) > 0);
    H5Fclose(file);
}

static void a_single_run_is_a_file_without_axes(void **state) {
    struct files *files = *state;
    struct result_set set = files->fixture->set;
    set.axis_count = 0;
    set.count = 1;
    double value;
    assert_true(hdf5_file_write(files->path, &set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    read_reals(file, "cost_total_usd", &value);
    assert_true(value == 32);
    H5Fclose(file);
}

static void an_entity_that_a_point_lacks_is_missing_there(void **state) {
    struct files *files = *state;
    files->fixture->results[1]->pools[1].name = "other";
    double values[SET_POINTS * 3];
    assert_true(hdf5_file_write(files->path, &files->fixture->set, files->diags));
    const hid_t file = H5Fopen(files->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    read_reals(file, "pool_cost_total_usd", values);
    assert_true(values[0] == 16 && values[1] == 16 && isnan(values[2]));
    assert_true(values[3] == 24 && isnan(values[4]) && values[5] == 16);
    H5Fclose(file);
}

static void a_file_that_cannot_be_written_leaves_the_old_one_alone(void **state) {
    struct files *files = *state;
    write_text(files->path, "old");
    char path[200];
    snprintf(path, sizeof path, "%s/absent/out.h5", files->folder);
    assert_false(hdf5_file_write(path, &files->fixture->set, files->diags));
    assert_int_equal(diags_exit_code(files->diags), 4);
    assert_false(hdf5_file_write("/dev/null", &files->fixture->set, files->diags));
    assert_false(hdf5_file_write(files->folder, &files->fixture->set, files->diags));
    size_t size;
    char *text = read_all(files->path, &size);
    assert_string_equal(text, "old");
    free(text);
}

static void a_link_is_followed(void **state) {
    struct files *files = *state;
    char link[200];
    struct stat status;
    write_text(files->path, "old");
    snprintf(link, sizeof link, "%s/link", files->folder);
    assert_int_equal(symlink(files->path, link), 0);
    assert_true(hdf5_file_write(link, &files->fixture->set, files->diags));
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_true(H5Fis_hdf5(files->path) > 0);
    unlink(link);
}

/* ---- JSON ---- */

static json_t *parse(char *text) {
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    free(text);
    assert_non_null(root);
    return root;
}

static json_t *at(json_t *object, const char *a, const char *b, const char *c) {
    json_t *found = json_object_get(json_object_get(object, a), b);
    found = c == NULL ? found : json_object_get(found, c);
    assert_non_null(found);
    return found;
}

static void json_has_the_keys_and_the_same_doubles(void **state) {
    const struct result *result = ((struct files *)*state)->fixture->results[0];
    json_t *root = parse(json_of_run("chat", result));
    assert_string_equal(json_string_value(json_object_get(root, "name")), "chat");
    assert_true(json_real_value(at(root, "cost", "usd_per_mtok_total", NULL)) == result->cost.usd_per_mtok_total);
    assert_true(json_number_value(at(root, "cost", "ledger", "hardware")) == 32);
    assert_true(json_real_value(at(root, "latency", "ttft_s", "p99")) == result->latency[LATENCY_TTFT].p99_s);
    assert_int_equal(json_integer_value(at(root, "requests", "dropped_by_reason", "zero_output")), 2);
    assert_int_equal(json_integer_value(at(root, "requests", "measured", "unfinished")), 10);
    assert_true(json_is_null(at(root, "latency", "itl_s", "p99")));
    assert_true(json_is_true(at(root, "slo", "met", NULL)));
    assert_true(json_is_true(at(at(root, "by_workload", "chat", "slo"), "ttft_p99", "met", NULL)));
    assert_null(json_object_get(json_object_get(root, "slo"), "e2e_p99"));
    assert_string_equal(json_string_value(at(root, "run", "engine", NULL)), "stepwise");
    assert_true(json_real_value(at(root, "api", "gpt-4o-mini", "usd")) == result->apis[0].usd);
    assert_int_equal(json_array_size(json_object_get(root, "assumptions")), 1);
    json_decref(root);
}

static void json_of_a_sweep_has_axes_and_points(void **state) {
    json_t *root = parse(json_of_sweep(&((struct files *)*state)->fixture->set));
    json_t *axes = json_object_get(root, "axes");
    json_t *points = json_object_get(root, "points");
    assert_int_equal(json_array_size(axes), 3);
    assert_int_equal(json_array_size(points), SET_POINTS);
    json_t *coordinates = json_object_get(json_array_get(points, 1), "coordinates");
    assert_true(json_number_value(json_object_get(coordinates, "rate_per_s")) == 0.5);
    assert_string_equal(json_string_value(json_object_get(coordinates, "gpu")), "L40S");
    json_decref(root);
}

/* ---- CSV ---- */

static void a_row_for_each_point(void **state) {
    struct files *files = *state;
    size_t size;
    assert_true(results_csv_write(files->path, &files->fixture->set, files->diags));
    char *text = read_all(files->path, &size);
    assert_memory_equal(text, "rate_per_s,gpu,label,requests_read,", 35);
    assert_non_null(strstr(text, ",ledger_usd.hardware,"));
    assert_non_null(strstr(text, "\n0.5,L40S,8 \xc3\x97 L40S,3602,"));
    free(text);
}

static struct request_record completed_record(void) {
    return (struct request_record){.request_id = 7,
                                   .workload = 0,
                                   .pool = 0,
                                   .replica = 1,
                                   .arrival_key = key_of_s(1.5),
                                   .queue = 0,
                                   .ttft = fixture_s(0.25),
                                   .tpot = LATENCY_NONE,
                                   .e2e = fixture_s(0.25),
                                   .finish = fixture_s(1.75),
                                   .input_tokens = 10,
                                   .output_tokens = 1,
                                   .status = REQUEST_COMPLETED};
}

static struct request_record rejected_record(void) {
    return (struct request_record){.request_id = 8,
                                   .workload = 0,
                                   .replica = -1,
                                   .arrival_key = 1,
                                   .queue = LATENCY_NONE,
                                   .ttft = LATENCY_NONE,
                                   .tpot = LATENCY_NONE,
                                   .e2e = LATENCY_NONE,
                                   .finish = LATENCY_NONE,
                                   .input_tokens = 10,
                                   .status = REQUEST_REJECTED,
                                   .reject_reason = REJECT_TOO_LONG};
}

static void requests_are_rows_with_exact_times(void **state) {
    struct files *files = *state;
    struct fixture *fixture = fixture_new(1, 1);
    fixture->workload_configs[0].name = "chat, short";
    struct requests_csv *csv = requests_csv_open(files->path, &fixture->point.sim, files->diags);
    assert_non_null(csv);
    const struct request_record completed = completed_record();
    const struct request_record rejected = rejected_record();
    requests_csv_record(csv, &completed);
    requests_csv_record(csv, &rejected);
    assert_int_equal(access(files->path, F_OK), -1); /* not before it is whole */
    assert_true(requests_csv_close(csv, files->diags));
    size_t size;
    char *text = read_all(files->path, &size);
    assert_string_equal(text, "request_id,workload,pool,replica,arrival_s,queue_s,ttft_s,tpot_s,e2e_s,finish_s,"
                              "input_tokens,output_tokens,preemptions,status\n"
                              "7,\"chat, short\",main,1,1.5,0,0.25,,0.25,1.75,10,1,0,completed\n"
                              "8,\"chat, short\",,,0.000000000032,,,,,,10,0,0,rejected:too_long\n");
    free(text);
    fixture_free(fixture);
}

static void a_full_device_is_the_worlds_mistake(void **state) {
    struct files *files = *state;
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_false(results_csv_write("/dev/full", &files->fixture->set, files->diags));
    assert_int_equal(diags_exit_code(files->diags), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_holds_the_metrics_over_the_axes, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_results_give_equal_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_depends_on_the_machine_is_in_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_headline_has_intervals_beside_it, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_clash_with_ours_are_set_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_run_is_a_file_without_axes, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entity_that_a_point_lacks_is_missing_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_leaves_the_old_one_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(json_has_the_keys_and_the_same_doubles, setup, teardown),
        cmocka_unit_test_setup_teardown(json_of_a_sweep_has_axes_and_points, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_for_each_point, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_are_rows_with_exact_times, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_device_is_the_worlds_mistake, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
