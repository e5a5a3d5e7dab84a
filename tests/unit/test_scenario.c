/* From a file to points: layers, --set, sweep, resolving; and the reference page. */
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

#include "base/arena.h"
#include "scenarios/scenario.h"
#include "sim/clock.h"

#define HEAD "name: t\nduration: 1h\n"
#define WORKLOAD                                                                                                       \
    "workload:\n  - name: chat\n    arrivals: {process: poisson, rate: 2/s}\n    input_tokens: 100\n"                  \
    "    output_tokens: 10\n"
#define FLEET "fleet:\n  - name: main\n    gpu: H100-SXM\n    model: Llama-3.1-8B\n"

struct fixture {
    char folder[64];
    struct diags *diags;
    struct scenario *scenario;
};

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tokenmill-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->diags = diags_new();
    *state = fixture;
    return 0;
}

static const char *const file_names[] = {"s.yaml", "base.yaml", "t.csv"};

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    scenario_free(fixture->scenario);
    diags_free(fixture->diags);
    for (size_t i = 0; i < sizeof(file_names) / sizeof(file_names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", fixture->folder, file_names[i]);
        unlink(path);
    }
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static struct scenario *read_with(struct fixture *fixture, const char *text, const struct scenario_options *options) {
    char path[128];
    write_file(fixture, "s.yaml", text);
    snprintf(path, sizeof(path), "%s/s.yaml", fixture->folder);
    fixture->scenario = scenario_read(path, options, fixture->diags);
    if (fixture->scenario == NULL) {
        diags_render(fixture->diags, stderr, false);
    }
    return fixture->scenario;
}

static struct resolved_point *only_point(struct fixture *fixture, const char *text) {
    assert_non_null(read_with(fixture, text, NULL));
    return scenario_resolve(fixture->scenario, 0);
}

static const struct pool_config *pool_of(struct fixture *fixture, const char *text, struct resolved_point **point) {
    scenario_free(fixture->scenario);
    *point = only_point(fixture, text);
    return &(*point)->sim.pools[0];
}

/* docs/engines.md: H100 (80 GB) and B200 (180 GB). */
static void an_engine_brings_its_own_defaults(void **state) {
    struct fixture *fixture = *state;
    struct resolved_point *point;
    const struct pool_config *pool = pool_of(fixture, HEAD WORKLOAD FLEET "    engine: vllm\n", &point);
    assert_int_equal(pool->batching.policy, BATCHING_CONTINUOUS);
    assert_int_equal(pool->batching.max_num_seqs, 1024);
    assert_int_equal(pool->batching.kv_admission, KV_ADMISSION_PROMPT);
    assert_int_equal(pool->block_size, 16);
    resolved_point_free(point);

    pool = pool_of(fixture, HEAD WORKLOAD FLEET "    engine: sglang\n", &point);
    assert_int_equal(pool->batching.policy, BATCHING_PREFILL_FIRST);
    assert_int_equal(pool->batching.chunk, 8192);
    assert_int_equal(pool->batching.kv_admission, KV_ADMISSION_ESTIMATE);
    assert_int_equal(pool->batching.new_token_ratio, 734003);     /* 0.7 */
    assert_int_equal(pool->batching.new_token_ratio_min, 102760); /* 0.098 */
    assert_int_equal(pool->batching.new_token_ratio_decay, 1052); /* 0.602 / 600 */
    assert_int_equal(pool->block_size, 1);
    resolved_point_free(point);

    pool =
        pool_of(fixture, HEAD WORKLOAD "fleet:\n  - {name: main, gpu: B200-SXM, model: Llama-3.1-8B, engine: sglang}\n",
                &point);
    assert_int_equal(pool->batching.chunk, 16384);
    resolved_point_free(point);
}

static void keys_of_the_entry_go_before_its_engine(void **state) {
    struct fixture *fixture = *state;
    struct resolved_point *point;
    const struct pool_config *pool = pool_of(
        fixture,
        HEAD WORKLOAD FLEET "    engine: trtllm\n    batching: {max_num_seqs: 64, batch_wait_timeout_iters: 20, "
                            "batch_wait_max_tokens_ratio: 0.9}\n",
        &point);
    assert_int_equal(pool->batching.policy, BATCHING_TRTLLM);
    assert_int_equal(pool->batching.max_num_seqs, 64);
    assert_int_equal(pool->batching.kv_admission, KV_ADMISSION_RESERVE);
    assert_int_equal(pool->batching.batch_wait_max_tokens, 7373); /* 0.9 x 8192, up */
    assert_int_equal(pool->batching.batch_wait_timeout_iters, 20);
    assert_int_equal(pool->block_size, 32);
    resolved_point_free(point);

    pool = pool_of(fixture, HEAD WORKLOAD FLEET "    engine: sglang\n    batching: {policy: continuous}\n", &point);
    assert_int_equal(pool->batching.kv_admission, KV_ADMISSION_CHUNK);
    assert_int_equal(pool->batching.max_num_seqs, 256);
    assert_int_equal(pool->block_size, 1);
    resolved_point_free(point);
}

/* 2 x H200 of 141 x 2^30 B, Llama-3.1-70B in fp8: 68.4 GB and twice 2.1 GB of embeddings in 16 bit. vLLM: 151.4 x 0.9 - weights -
 * workspace; SGLang: 151.4 x 0.87 - weights; TensorRT-LLM: 0.9 x (151.4 - weights - workspace). */
static void engines_share_memory_each_in_its_way(void **state) {
    static const char *const engines[] = {"vllm", "sglang", "trtllm"};
    struct fixture *fixture = *state;
    double kv_byte[3];
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 HEAD WORKLOAD
                 "fleet:\n  - name: main\n    gpu: H200-SXM\n    model: Llama-3.1-70B\n"
                 "    precision: fp8\n    tensor_parallel: 2\n    engine: %s\n    gpu_memory_utilization: "
                 "%g\n    batching: {max_num_batched_tokens: 8192, max_num_seqs: 1024}\n",
                 engines[i], i == 1 ? 0.87 : 0.9);
        struct resolved_point *point;
        const struct pool_config *pool = pool_of(fixture, text, &point);
        kv_byte[i] = (double)(pool->num_gpu_blocks * pool->block_size) * 163840;
        resolved_point_free(point);
    }
    double all = 141 * 1073741824.0, weights = (68.4e9 + 4.2e9) / 2;
    double workspace = 0.9 * all - weights - kv_byte[0];
    assert_true(workspace > 1.5e9 && workspace < 4e9);
    assert_true(fabs(kv_byte[1] - (0.87 * all - weights)) < 0.1e9);
    assert_true(fabs(kv_byte[2] - 0.9 * (all - weights - workspace)) < 0.1e9);
}

static void defaults_are_those_of_the_contract(void **state) {
    struct resolved_point *point = only_point(*state, HEAD WORKLOAD FLEET);
    const struct pool_config *pool = &point->sim.pools[0];
    assert_int_equal(pool->batching.policy, BATCHING_CONTINUOUS);
    assert_int_equal(pool->batching.max_num_seqs, 256);
    assert_int_equal(pool->batching.max_num_batched_tokens, 8192);
    assert_int_equal(pool->block_size, 16);
    assert_int_equal(pool->max_model_len, 131072);
    assert_int_equal(point->sim.end_key, 3600 * KEY_PER_S);
    assert_int_equal(point->sim.warmup_key, 0);
    assert_int_equal(point->sim.routing, ROUTING_ROUND_ROBIN);
    assert_string_equal(point->pools[0].precision, "bf16");
    assert_true(point->pue == 1.2);
    resolved_point_free(point);
}

static void a_price_that_nobody_gave_is_assumed_aloud(void **state) {
    struct resolved_point *point = only_point(*state, HEAD WORKLOAD FLEET);
    bool is_said = false;
    for (size_t i = 0; i < point->assumption_count; i++) {
        is_said = is_said || strcmp(point->assumptions[i].path, "cost.gpu_usd_per_hour") == 0;
    }
    assert_true(is_said);
    assert_true(point->costs[0].gpu_usd_per_hour == 2.59);
    assert_true(point->costs[0].electricity_included);
    resolved_point_free(point);
}

/* The text that the point assumes for `path`; "" if it does not. */
static const char *assumed(const struct resolved_point *point, const char *path) {
    for (size_t i = 0; i < point->assumption_count; i++) {
        if (strcmp(point->assumptions[i].path, path) == 0) {
            return point->assumptions[i].text;
        }
    }
    return "";
}

static void what_an_owned_price_stands_on_is_assumed_aloud(void **state) {
    struct resolved_point *point = only_point(
        *state, HEAD WORKLOAD FLEET "cost: {deal: owned, gpu_price_usd: 30000, electricity_usd_per_kwh: 0.1}\n");
    assert_string_equal(assumed(point, "cost.life"), "5 years");
    assert_string_equal(assumed(point, "cost.discount_rate"), "0: capital costs nothing");
    assert_string_equal(assumed(point, "cost.residual_ratio"), "0: worth nothing at the end of its life");
    assert_string_equal(assumed(point, "cost.maintenance_ratio_per_year"), "0: not included");
    assert_string_equal(assumed(point, "cost.spares_ratio"), "0: no spares");
    assert_string_equal(assumed(point, "cost.facility"), "not included");
    assert_string_not_equal(assumed(point, "power.psu_efficiency"), "");
    resolved_point_free(point);
}

static void what_an_owned_price_says_is_not_assumed(void **state) {
    struct resolved_point *point = only_point(
        *state, HEAD WORKLOAD FLEET "cost: {deal: owned, gpu_price_usd: 30000, life: 4, discount_rate: 0.08,\n"
                                    "  residual_ratio: 0.1, maintenance_ratio_per_year: 0, spares_ratio: 0,\n"
                                    "  electricity_usd_per_kwh: 0.1,\n"
                                    "  facility: {kind: own-build, usd_per_site_kw: 12000}}\n");
    assert_string_equal(assumed(point, "cost.life"), "");
    assert_string_equal(assumed(point, "cost.spares_ratio"), "");
    assert_string_equal(assumed(point, "cost.facility.life"), "14 years");
    assert_string_equal(assumed(point, "cost.facility.discount_rate"), "0: capital costs nothing");
    resolved_point_free(point);
}

static void a_model_that_runs_approximately_says_so(void **state) {
    struct resolved_point *point = only_point(
        *state, HEAD WORKLOAD "fleet:\n  - {name: main, gpu: H200, model: DeepSeek-V3.2, tensor_parallel: 8}\n");
    assert_non_null(strstr(assumed(point, "fleet.main.model"), "sparse attention is treated as full attention"));
    resolved_point_free(point);
}

static void a_row_that_is_an_estimate_says_so(void **state) {
    struct resolved_point *point =
        only_point(*state, HEAD WORKLOAD "fleet:\n  - {name: main, gpu: H100, model: phi-2}\n");
    assert_string_equal(assumed(point, "fleet.main.model"),
                        "the catalogue's row of phi-2 is an estimate (MHA, two-matrix FFN)");
    resolved_point_free(point);
}

static void a_replica_across_nodes_says_so(void **state) {
    struct resolved_point *point =
        only_point(*state, HEAD WORKLOAD FLEET "    tensor_parallel: 4\n    node: {gpus: 2}\n");
    assert_non_null(strstr(assumed(point, "fleet.main.tensor_parallel"), "4 GPUs span 2 nodes of 2"));
    resolved_point_free(point);
    scenario_free(((struct fixture *)*state)->scenario);
    point = only_point(*state, HEAD WORKLOAD FLEET "    tensor_parallel: 8\n");
    assert_string_equal(assumed(point, "fleet.main.tensor_parallel"), "");
    resolved_point_free(point);
}

static void the_largest_seed_is_that_of_an_int64(void **state) {
    struct resolved_point *point = only_point(*state, HEAD "seed: 9223372036854775807\n" WORKLOAD FLEET);
    assert_true(point->sim.seed == INT64_MAX);
    resolved_point_free(point);
    scenario_free(((struct fixture *)*state)->scenario);
    const struct scenario_options options = {.has_seed = true, .seed = (uint64_t)INT64_MAX + 1};
    assert_null(read_with(*state, HEAD WORKLOAD FLEET, &options));
    assert_string_equal(diags_first_message(((struct fixture *)*state)->diags),
                        "seed = 9223372036854775808 is outside 0..9223372036854775807");
}

static void a_byte_order_mark_is_no_text(void **state) {
    struct resolved_point *point = only_point(*state, "\xef\xbb\xbf" HEAD WORKLOAD FLEET);
    assert_string_equal(scenario_name(((struct fixture *)*state)->scenario), "t");
    assert_memory_equal(scenario_text(((struct fixture *)*state)->scenario), "name", 4);
    resolved_point_free(point);
}

static void mistakes_of_points_are_said_beside_those_of_the_sweep(void **state) {
    struct fixture *fixture = *state;
    assert_null(read_with(fixture,
                          HEAD WORKLOAD FLEET "sweep:\n  fleet.main.gpu: [H100-SXM, NOPE]\n"
                                              "  fleet.main.batching: [a]\n  seed: []\n",
                          NULL));
    char text[4096] = "";
    FILE *stream = fmemopen(text, sizeof(text), "w");
    diags_render(fixture->diags, stream, false);
    fclose(stream);
    assert_non_null(strstr(text, "unknown GPU 'NOPE'"));
    assert_non_null(strstr(text, "fleet.main.batching must be a map"));
    assert_non_null(strstr(text, "seed: an axis is a list"));
}

static void whole_numbers_of_a_log_range_may_be_exact(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(
        fixture, HEAD WORKLOAD FLEET "sweep:\n  fleet.main.replicas: {from: 1, to: 64, steps: 7, scale: log}\n", NULL));
    const struct sweep_coordinate *replicas = &scenario_axis(fixture->scenario, 0)->coordinates[0];
    assert_int_equal(scenario_point_count(fixture->scenario), 7);
    assert_true(replicas->numbers[1] == 2 && replicas->numbers[5] == 32);
}

static void one_thing_of_a_zip_may_stand_twice(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD WORKLOAD FLEET "sweep:\n  zip:\n    - fleet.main.gpu: [H100-SXM, H100-SXM]\n"
                                                  "      fleet.main.tensor_parallel: [1, 2]\n",
                              NULL));
}

static void other_spellings_mean_the_same(void **state) {
    struct resolved_point *point = only_point(
        *state, HEAD WORKLOAD FLEET "    tensor_parallel_size: 2\n    kv_cache_dtype: fp8\n    quantization: fp8\n"
                                    "    num_gpu_blocks_override: 777\n    max_num_seqs: 64\n"
                                    "cost: {purchase: owned, gpu_price_usd: 30000, electricity_usd_per_kwh: 0.1, "
                                    "staff_fte: 2, salary_usd_per_year: 150000}\n");
    assert_int_equal(point->sim.pools[0].gpus_per_replica, 2);
    assert_int_equal(point->sim.pools[0].num_gpu_blocks, 777);
    assert_int_equal(point->sim.pools[0].batching.max_num_seqs, 64);
    assert_string_equal(point->pools[0].precision, "fp8");
    assert_int_equal(point->costs[0].deal, DEAL_OWNED);
    assert_true(point->costs[0].electricity_usd_per_kwh == 0.1);
    assert_true(point->fleet_cost.fte_min == 2 && point->fleet_cost.loaded_usd_per_fte_year == 150000);
    assert_true(point->facility_not_included);
    resolved_point_free(point);
}

static void users_and_their_habits_give_a_rate(void **state) {
    struct resolved_point *point = only_point(
        *state,
        HEAD "workload:\n  - name: chat\n    arrivals: {process: poisson, users: 86400, requests_per_user_day: 3, "
             "rate_scale: 2}\n    input_tokens: 100\n    output_tokens: 10\n" FLEET);
    assert_true(fabs(point->workloads[0].mean_rate_per_s - 6) < 1e-12);
    resolved_point_free(point);
}

static void linear_steps_need_neither_gpu_nor_model(void **state) {
    struct resolved_point *point = only_point(
        *state, HEAD WORKLOAD "fleet:\n  - name: main\n    step_time: {model: linear, c0: 1ms, arrival_delay: "
                              "{base: 5ms}}\ncost: {gpu_usd_per_hour: 1}\n");
    assert_true(point->sim.pools[0].num_gpu_blocks == KV_BLOCKS_UNLIMITED);
    assert_false(point->pools[0].power_known);
    assert_string_equal(point->pools[0].gpu, "");
    assert_true(units_to_s(point->sim.workloads[0].arrival_delay_base) == 0.005);
    resolved_point_free(point);
}

static void an_inline_gpu_and_model_are_as_good_as_the_catalogue(void **state) {
    struct resolved_point *point =
        only_point(*state, HEAD WORKLOAD
                   "fleet:\n  - name: main\n    gpu: {name: mine, mem_gb: 48GB, mem_bw_gb_per_s: 1000, "
                   "bf16_dense_tflops: 300, tdp_w: 300}\n    model: {name: tiny, layers: 16, hidden: 2048, heads: "
                   "32, kv_heads: 8, head_dim: 64, ffn_dim: 8192, vocab: 128256, context_max: 8192}\n"
                   "cost: {gpu_usd_per_hour: 0.5 USD/h}\n");
    assert_string_equal(point->pools[0].gpu, "mine");
    assert_string_equal(point->pools[0].model, "tiny");
    assert_int_equal(point->sim.pools[0].max_model_len, 8192);
    assert_true(point->costs[0].gpu_usd_per_hour == 0.5);
    assert_true(point->pools[0].tdp_w == 300);
    resolved_point_free(point);
}

static void a_pool_overrides_the_cost_key_by_key(void **state) {
    struct resolved_point *point =
        only_point(*state, HEAD WORKLOAD FLEET
                   "  - name: second\n    gpu: H100-SXM\n    model: Llama-3.1-8B\n    cost: {deal: owned, "
                   "system_usd_per_gpu: 40000, electricity: {tariff: 0.1}}\n"
                   "cost: {gpu_usd_per_hour: 2, software_usd_per_gpu_year: 100}\n");
    assert_true(point->costs[0].gpu_usd_per_hour == 2);
    assert_int_equal(point->costs[1].deal, DEAL_OWNED);
    assert_true(point->costs[1].system_usd_per_gpu == 40000);
    assert_true(point->costs[1].software_usd_per_gpu_year == 100);
    assert_true(point->pools[1].node_billing);
    assert_int_equal(point->pools[1].gpus_paid, 8);
    resolved_point_free(point);
}

static void a_file_lies_on_what_it_extends(void **state) {
    write_file(*state, "base.yaml", HEAD WORKLOAD FLEET);
    struct resolved_point *point =
        only_point(*state, "extends: base.yaml\nname: over\nfleet:\n  - name: main\n    replicas: 3\n"
                           "  - name: extra\n    gpu: L40S\n    model: Llama-3.1-8B\n");
    const struct fixture *fixture = *state;
    assert_string_equal(scenario_name(fixture->scenario), "over");
    assert_int_equal(point->sim.pool_count, 2);
    assert_int_equal(point->sim.pools[0].replicas, 3);
    assert_string_equal(point->pools[0].gpu, "H100-SXM");
    resolved_point_free(point);
}

static void a_flag_lies_on_the_file_and_a_later_one_wins(void **state) {
    struct fixture *fixture = *state;
    static const char *const sets[] = {"fleet.*.replicas=2", "fleet.main.replicas=5",
                                       "workload.chat.arrivals.rate=240/min", "fleet.main.batching={max_num_seqs: 32}",
                                       "fleet.main.tensor_parallel_size=2"};
    struct scenario_options options = {.sets = sets, .set_count = 5, .has_seed = true, .seed = 99};
    assert_non_null(read_with(fixture, HEAD WORKLOAD FLEET, &options));
    struct resolved_point *point = scenario_resolve(fixture->scenario, 0);
    assert_int_equal(point->sim.pools[0].replicas, 5);
    assert_int_equal(point->sim.pools[0].gpus_per_replica, 2);
    assert_int_equal(point->sim.pools[0].batching.max_num_seqs, 32);
    assert_true(point->workloads[0].mean_rate_per_s == 4);
    assert_int_equal(point->sim.seed, 99);
    resolved_point_free(point);
}

static void the_last_axis_varies_fastest(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD WORKLOAD FLEET "sweep:\n  fleet.main.replicas: [1, 2]\n"
                                                  "  workload.chat.arrivals.rate: {from: 1/s, to: 100/s, steps: 3, "
                                                  "scale: log}\n",
                              NULL));
    assert_int_equal(scenario_axis_count(fixture->scenario), 2);
    assert_int_equal(scenario_point_count(fixture->scenario), 6);
    const struct sweep_coordinate *rate = &scenario_axis(fixture->scenario, 1)->coordinates[0];
    assert_string_equal(rate->name, "rate_per_s");
    assert_string_equal(rate->unit, "1/s");
    assert_true(rate->numbers[0] == 1 && rate->numbers[1] == 10 && rate->numbers[2] == 100);
    struct resolved_point *point = scenario_resolve(fixture->scenario, 4);
    assert_int_equal(point->sim.pools[0].replicas, 2);
    assert_true(point->workloads[0].mean_rate_per_s == 10);
    resolved_point_free(point);
}

static void what_is_zipped_moves_together_under_a_label(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD WORKLOAD FLEET "cost: {gpu_usd_per_hour: 1}\nsweep:\n  zip:\n    - label: [a, b]\n"
                                                  "      fleet.main.gpu: [H100-SXM, L40S]\n"
                                                  "      cost.gpu_usd_per_hour: [2.5, 0.9 USD/h]\n",
                              NULL));
    const struct sweep_axis *axis = scenario_axis(fixture->scenario, 0);
    assert_int_equal(axis->coordinate_count, 3);
    assert_string_equal(axis->coordinates[0].name, "gpu");
    assert_true(axis->coordinates[0].is_text);
    assert_string_equal(axis->coordinates[1].name, "gpu_usd_per_hour");
    assert_string_equal(axis->coordinates[2].name, "label");
    assert_string_equal(axis->coordinates[2].texts[1], "b");
    struct resolved_point *point = scenario_resolve(fixture->scenario, 1);
    assert_string_equal(point->pools[0].gpu, "L40S");
    assert_true(point->costs[0].gpu_usd_per_hour == 0.9);
    resolved_point_free(point);
}

static void names_of_axes_get_parents_until_they_differ(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD WORKLOAD FLEET "  - name: second\n    gpu: H100-SXM\n    model: Llama-3.1-8B\n"
                                                  "sweep:\n  fleet.main.replicas: [1, 2]\n  fleet.second.replicas: "
                                                  "[1, 2]\n  cost.electricity: [included]\n",
                              NULL));
    assert_string_equal(scenario_axis(fixture->scenario, 0)->coordinates[0].name, "main_replicas");
    assert_string_equal(scenario_axis(fixture->scenario, 1)->coordinates[0].name, "second_replicas");
    assert_string_equal(scenario_axis(fixture->scenario, 2)->coordinates[0].name, "electricity");
}

static void capacity_is_shared_where_only_demand_and_replicas_differ(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD WORKLOAD FLEET "sweep:\n  fleet.main.replicas: [1, 2]\n"
                                                  "  workload.chat.arrivals.rate: [1, 2]\n"
                                                  "  workload.chat.input_tokens: [100, 200]\n",
                              NULL));
    uint64_t hashes[8];
    for (size_t i = 0; i < 8; i++) {
        struct resolved_point *point = scenario_resolve(fixture->scenario, i);
        hashes[i] = point->capacity_hash[0];
        resolved_point_free(point);
    }
    assert_true(hashes[0] == hashes[2] && hashes[0] == hashes[4] && hashes[0] == hashes[6]);
    assert_true(hashes[0] != hashes[1]);
}

static void a_mistake_of_all_points_is_said_once(void **state) {
    struct fixture *fixture = *state;
    char path[128];
    write_file(fixture, "s.yaml",
               HEAD WORKLOAD "fleet:\n  - name: main\n    gpu: H100\n    model: Nope\nsweep:\n"
                             "  fleet.main.replicas: [1, 2, 3]\n");
    snprintf(path, sizeof(path), "%s/s.yaml", fixture->folder);
    assert_null(scenario_read(path, NULL, fixture->diags));
    assert_int_equal(diags_error_count(fixture->diags), 1);
    assert_int_equal(diags_exit_code(fixture->diags), 3);
}

static void a_pool_that_nobody_uses_is_a_warning(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture,
                              HEAD "workload:\n  - name: chat\n    pool: main\n    arrivals: {process: constant, rate: "
                                   "1}\n    input_tokens: 9\n    output_tokens: 9\n" FLEET
                                   "  - name: idle\n    gpu: L4\n    model: Llama-3.2-1B\n",
                              NULL));
    assert_int_equal(diags_error_count(fixture->diags), 0);
    assert_string_equal(diags_first_message(fixture->diags), "");
}

static void a_trace_is_found_beside_its_scenario_and_ends_the_run(void **state) {
    write_file(*state, "t.csv",
               "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00.0,10,5\n2023-11-16 18:00:02.0,20,6\n");
    struct resolved_point *point = only_point(
        *state, "name: t\nworkload:\n  - name: w\n    arrivals: {process: trace, file: t.csv, format: azure-llm-2023, "
                "rate_scale: 2}\n" FLEET);
    assert_true(point->sim.workloads[0].arrivals.is_trace);
    assert_int_equal(point->sim.end_key, KEY_NEVER);
    assert_int_equal(point->sim.workloads[0].input_tokens.kind, LENGTH_FROM_TRACE);
    resolved_point_free(point);
}

static void the_resolved_text_reads_back_as_itself(void **state) {
    struct fixture *fixture = *state;
    assert_non_null(read_with(fixture, HEAD WORKLOAD FLEET "sweep:\n  fleet.*.replicas: [1, 2]\n", NULL));
    char *first = xstrdup(scenario_resolved_text(fixture->scenario));
    scenario_free(fixture->scenario);
    assert_non_null(read_with(fixture, first, NULL));
    assert_string_equal(scenario_resolved_text(fixture->scenario), first);
    free(first);
}

static void the_reference_page_is_what_the_table_says(void **state) {
    (void)state;
    char path[4096];
    snprintf(path, sizeof(path), "%s/docs/scenario.md", getenv("TOKENMILL_SOURCE"));
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    char *page = xcalloc(1 << 20, 1);
    assert_true(fread(page, 1, (1 << 20) - 1, stream) > 0);
    fclose(stream);
    char *expected = scenario_reference_md(); /* tokenmill schema --markdown > docs/scenario.md */
    assert_string_equal(page, expected);
    free(expected);
    free(page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_contract),
        TEST(an_engine_brings_its_own_defaults),
        TEST(keys_of_the_entry_go_before_its_engine),
        TEST(engines_share_memory_each_in_its_way),
        TEST(a_price_that_nobody_gave_is_assumed_aloud),
        TEST(what_an_owned_price_stands_on_is_assumed_aloud),
        TEST(what_an_owned_price_says_is_not_assumed),
        TEST(a_model_that_runs_approximately_says_so),
        TEST(a_row_that_is_an_estimate_says_so),
        TEST(a_replica_across_nodes_says_so),
        TEST(the_largest_seed_is_that_of_an_int64),
        TEST(a_byte_order_mark_is_no_text),
        TEST(mistakes_of_points_are_said_beside_those_of_the_sweep),
        TEST(whole_numbers_of_a_log_range_may_be_exact),
        TEST(one_thing_of_a_zip_may_stand_twice),
        TEST(other_spellings_mean_the_same),
        TEST(users_and_their_habits_give_a_rate),
        TEST(linear_steps_need_neither_gpu_nor_model),
        TEST(an_inline_gpu_and_model_are_as_good_as_the_catalogue),
        TEST(a_pool_overrides_the_cost_key_by_key),
        TEST(a_file_lies_on_what_it_extends),
        TEST(a_flag_lies_on_the_file_and_a_later_one_wins),
        TEST(the_last_axis_varies_fastest),
        TEST(what_is_zipped_moves_together_under_a_label),
        TEST(names_of_axes_get_parents_until_they_differ),
        TEST(capacity_is_shared_where_only_demand_and_replicas_differ),
        TEST(a_mistake_of_all_points_is_said_once),
        TEST(a_pool_that_nobody_uses_is_a_warning),
        TEST(a_trace_is_found_beside_its_scenario_and_ends_the_run),
        TEST(the_resolved_text_reads_back_as_itself),
        cmocka_unit_test(the_reference_page_is_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
