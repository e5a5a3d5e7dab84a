/* What fits, how it is cut, where it goes: memory, parallelism, placement, worked by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "models/memory.h"
#include "models/parallel.h"
#include "models/placement.h"

static const struct position nowhere = {0};

static struct llm llama(int64_t layers, int64_t hidden, int64_t heads, int64_t ffn_dim) {
    struct llm llm = llm_unknown();
    llm.name = layers == 80 ? "Llama-3.1-70B" : "Llama-3.1-8B";
    llm.layers = layers;
    llm.hidden = hidden;
    llm.heads = heads;
    llm.kv_heads = 8;
    llm.head_dim = 128;
    llm.ffn_dim = ffn_dim;
    llm.vocab = 128256;
    return llm;
}

static struct llm llama_8b(void) {
    return llama(32, 4096, 32, 14336);
}

static struct llm llama_70b(void) {
    return llama(80, 8192, 64, 28672);
}

static struct gpu gpu_named(const char *name, double mem_gb) {
    struct gpu gpu = gpu_unknown();
    gpu.name = name;
    gpu.mem_gb = mem_gb;
    gpu.tdp_w = 700;
    gpu.gpus_per_node = 8;
    return gpu;
}

static struct memory_request request_for(const struct llm *llm, const struct gpu *gpu, int64_t tensor_parallel) {
    return (struct memory_request){.llm = llm,
                                   .gpu = gpu,
                                   .tensor_parallel = tensor_parallel,
                                   .gpu_memory_utilization = 0.9,
                                   .block_size = 16,
                                   .max_num_batched_tokens = 8192,
                                   .max_num_seqs = 256};
}

/* 0.9 x 80 x 2^30 - 16,059,990,016 - (8,192 x 118,784 + 256 x 8 x 128,256) - 0.7e9 = 59,313,674,496 B; / (16 x 131,072) = 28,282. */
static void what_is_left_is_kv_blocks(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    struct gpu gpu = gpu_named("H100-SXM", 80);
    struct memory_request request = request_for(&llm, &gpu, 1);
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_true(memory_plan_make(&request, &plan, diags, nowhere));
    assert_true(plan.weight_byte == 16059990016.0);
    assert_true(plan.activation_byte_per_gpu == 1235746816.0);
    assert_true(fabs(plan.kv_byte_per_gpu - 59313674496.0) < 1);
    assert_int_equal(plan.num_gpu_blocks, 28282);
    struct arena *arena = arena_new();
    assert_string_equal(
        memory_plan_text(&request, &plan, arena),
        "85.9 GB x 0.9 = 77.3 GB per GPU - weights 16.1 - activations 1.2 - overhead 0.7 = 59.3 GB for KV: "
        "28282 blocks of 16 tokens (131072 B per token and GPU)");
    arena_free(arena);
    diags_free(diags);
}

static void what_does_not_fit_is_refused_with_the_arithmetic(void **state) {
    (void)state;
    struct llm llm = llama_70b();
    struct gpu gpu = gpu_named("L4", 24);
    struct memory_request request = request_for(&llm, &gpu, 1);
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_false(memory_plan_make(&request, &plan, diags, nowhere));
    assert_string_equal(diags_first_message(diags), "Llama-3.1-70B in bf16 needs 141.1 GB; 1 x L4 has 24 GB");
    diags_free(diags);
}

/* 2 x 74 x 2^30 B hold 141.1 GB of weights, but 71.5 - 70.6 leaves nothing for KV. */
static void weights_without_room_for_kv_are_refused(void **state) {
    (void)state;
    struct llm llm = llama_70b();
    struct gpu gpu = gpu_named("X74", 74);
    struct memory_request request = request_for(&llm, &gpu, 2);
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_false(memory_plan_make(&request, &plan, diags, nowhere));
    assert_string_equal(
        diags_first_message(diags),
        "Llama-3.1-70B in bf16 leaves no room for its KV cache on 2 x X74: 79.5 GB x 0.9 = 71.5 GB per GPU - "
        "weights 70.6 - activations 1.4 - overhead 1.2 = -1.6 GB; raise tensor_parallel or lower "
        "max_num_batched_tokens");
    diags_free(diags);
}

static void an_unknown_memory_is_an_error(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    struct gpu gpu = gpu_named("X", (double)NAN);
    struct memory_request request = request_for(&llm, &gpu, 1);
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_false(memory_plan_make(&request, &plan, diags, nowhere));
    diags_free(diags);
}

static void heads_must_divide(void **state) {
    (void)state;
    struct llm llm = llama_70b();
    struct diags *diags = diags_new();
    assert_true(tensor_parallel_check(&llm, 8, diags, nowhere));
    assert_true(tensor_parallel_check(&llm, 16, diags, nowhere));
    assert_false(tensor_parallel_check(&llm, 3, diags, nowhere));
    assert_string_equal(
        diags_first_message(diags),
        "tensor_parallel = 3 does not cut Llama-3.1-70B evenly (64 heads, 8 KV heads, FFN width 28672); these "
        "do: 1, 2, 4, 8, 16, 32, 64");
    assert_int_equal(kv_heads_per_rank(&llm, 4), 2);
    assert_int_equal(kv_heads_per_rank(&llm, 16), 1);
    diags_free(diags);
}

/* 4 ranks of NVLink 450 GB/s: 4.2 + 4 x 0.3 us; 2 x 3/4 / (450e9 x 0.62). */
static void an_all_reduce_is_latency_and_bytes(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("H100-SXM", 80);
    gpu.nvlink_gb_per_s = 450;
    struct collective_line line = all_reduce_line(&gpu, 4, 8);
    assert_true(fabs(line.latency_s - 5.4e-6) < 1e-18);
    assert_true(fabs(line.s_per_byte - 1.5 / 279e9) < 1e-24);
    line = all_reduce_line(&gpu, 1, 8);
    assert_true(line.latency_s == 0 && line.s_per_byte == 0);
}

/* Two nodes of 8: 6.6 and 65 us; 1.75 / 279e9 s a byte within a node, and over 8 ports of 40 GB/s half of that. Two of one GPU: 1 / 40e9. */
static void an_all_reduce_over_nodes_uses_all_ports(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("H100-SXM", 80);
    gpu.nvlink_gb_per_s = 450;
    struct collective_line line = all_reduce_line(&gpu, 16, 8);
    assert_true(fabs(line.latency_s - 71.6e-6) < 1e-12);
    assert_true(fabs(line.s_per_byte - 1.75 / 279e9) < 1e-24);
    assert_true(fabs(network_line(&gpu, 16, 8).s_per_byte - 1 / 320e9) < 1e-24);
    assert_true(fabs(all_reduce_line(&gpu, 2, 1).s_per_byte - 1 / 40e9) < 1e-22);
    assert_true(network_line(&gpu, 8, 8).latency_s <= 0);
    gpu.name = "GB200-NVL72";
    assert_true(network_line(&gpu, 16, 4).latency_s <= 0);
}

/* Two cards of PCIe 4: 6.4 us, 1 / (32e9 x 0.6); four share bridges; a second node is slower than any. */
static void links_without_nvlink_are_slower(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("L40S", 48);
    gpu.pcie_gen = 4;
    struct collective_line pair = all_reduce_line(&gpu, 2, 8);
    assert_true(fabs(pair.latency_s - 6.4e-6) < 1e-18);
    assert_true(fabs(pair.s_per_byte - 1 / 19.2e9) < 1e-22);
    assert_true(all_reduce_line(&gpu, 4, 8).s_per_byte > pair.s_per_byte);
    assert_true(all_reduce_line(&gpu, 16, 8).latency_s > all_reduce_line(&gpu, 16, 16).latency_s);
}

static void node_billing_pays_for_whole_nodes(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("H100-SXM", 80);
    const struct node_spec by_node = {.billing = NODE_BILLING_NODE, .host_w = (double)NAN};
    const struct node_spec by_gpu = {.billing = NODE_BILLING_GPU, .host_w = (double)NAN};
    struct placement placement;
    struct diags *diags = diags_new();
    assert_true(placement_make(&gpu, &by_node, 3, 4, &placement, diags, nowhere));
    assert_int_equal(placement.nodes, 2);
    assert_int_equal(placement.gpus_placed, 12);
    assert_int_equal(placement.gpus_paid, 16);
    assert_true(placement_host_w(&placement, NODE_BILLING_NODE) == 2400);
    assert_true(fabs(placement_committed_kw(&placement, NODE_BILLING_NODE, &gpu, 0.95) - 13.6 / 0.95) < 1e-12);
    assert_true(placement_make(&gpu, &by_gpu, 3, 4, &placement, diags, nowhere));
    assert_int_equal(placement.gpus_paid, 12);
    assert_true(placement_host_w(&placement, NODE_BILLING_GPU) == 1800);
    diags_free(diags);
}

/* Replicas of 3 in nodes of 8: two to a node. */
static void a_replica_does_not_span_nodes(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("H100-SXM", 80);
    const struct node_spec node = {.gpus = 8, .billing = NODE_BILLING_NODE, .host_w = 1000};
    struct placement placement;
    struct diags *diags = diags_new();
    assert_true(placement_make(&gpu, &node, 5, 3, &placement, diags, nowhere));
    assert_int_equal(placement.replicas_per_node, 2);
    assert_int_equal(placement.nodes, 3);
    diags_free(diags);
}

static void a_large_replica_takes_whole_nodes(void **state) {
    (void)state;
    struct gpu gpu = gpu_named("GB200", 186);
    gpu.gpus_per_node = 4;
    const struct node_spec node = {.billing = NODE_BILLING_NODE, .host_w = (double)NAN};
    struct placement placement;
    struct diags *diags = diags_new();
    assert_true(placement_make(&gpu, &node, 3, 8, &placement, diags, nowhere));
    assert_int_equal(placement.nodes, 6);
    assert_int_equal(placement.gpus_paid, 24);
    assert_false(placement_make(&gpu, &node, 3, 6, &placement, diags, nowhere));
    diags_free(diags);
}

/* Two ranks of one GPU: attention's 32 x 41,943,040 parameters are there twice, KV heads are not cut, and both ranks have blocks. */
static void ranks_hold_attention_and_kv_for_themselves(void **state) {
    (void)state;
    struct llm llm = llama_8b();
    struct gpu gpu = gpu_named("H100-SXM", 80);
    struct memory_request request = request_for(&llm, &gpu, 2);
    request.attention_dp = 2;
    struct memory_plan plan;
    struct diags *diags = diags_new();
    assert_true(memory_plan_make(&request, &plan, diags, nowhere));
    assert_true(plan.weight_byte == 16059990016.0 + 2 * 1342177280.0);
    assert_true(plan.kv_byte_per_tok_per_gpu == 131072 && plan.kv_byte_per_tok == 131072);
    assert_int_equal(plan.num_gpu_blocks, 2 * (int64_t)floor(plan.kv_byte_per_gpu / (16 * 131072)));
    assert_true(fabs(plan.kv_byte_per_gpu + plan.overhead_byte_per_gpu + plan.activation_byte_per_gpu + 9372172288.0 -
                     plan.usable_byte) < 1);
    diags_free(diags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_kv_blocks),
        cmocka_unit_test(ranks_hold_attention_and_kv_for_themselves),
        cmocka_unit_test(what_does_not_fit_is_refused_with_the_arithmetic),
        cmocka_unit_test(weights_without_room_for_kv_are_refused),
        cmocka_unit_test(an_unknown_memory_is_an_error),
        cmocka_unit_test(heads_must_divide),
        cmocka_unit_test(an_all_reduce_is_latency_and_bytes),
        cmocka_unit_test(an_all_reduce_over_nodes_uses_all_ports),
        cmocka_unit_test(links_without_nvlink_are_slower),
        cmocka_unit_test(node_billing_pays_for_whole_nodes),
        cmocka_unit_test(a_replica_does_not_span_nodes),
        cmocka_unit_test(a_large_replica_takes_whole_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
