/* config.json to shapes: every row of the catalogue whose configuration is public, and what may be wrong with a file.
 *
 * tests/unit/data/model_configs.json holds facts written by hand: the fields that matter of the published file, and the
 * published number of parameters with its source. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "scenarios/catalog.h"
#include "scenarios/model_config.h"

struct fixture {
    char folder[64], path[96];
    struct arena *arena;
    struct diags *diags;
    struct model_config config;
};

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/tokenmill-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/config.json", fixture->folder);
    fixture->arena = arena_new();
    fixture->diags = diags_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    diags_free(fixture->diags);
    arena_free(fixture->arena);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static const struct diag_source scenario = {.name = "s.yaml"};
static const struct position model_at = {.source = &scenario, .line = 11, .column = 12};

static bool read_text(struct fixture *fixture, const char *text) {
    FILE *stream = fopen(fixture->path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
    return model_config_read(fixture->path, "./config.json", model_at, fixture->arena, &fixture->config,
                             fixture->diags);
}

/* All diagnostics as a user sees them, without carets' lines. In the arena. */
static const char *said(struct fixture *fixture) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    diags_render(fixture->diags, stream, false);
    fclose(stream);
    const char *copy = arena_text(fixture->arena, text, size);
    free(text);
    return copy;
}

#define MINIMAL                                                                                                        \
    "\"num_hidden_layers\": 32, \"hidden_size\": 4096, \"num_attention_heads\": 32, \"num_key_value_heads\": 8, "      \
    "\"intermediate_size\": 14336, \"vocab_size\": 128256, \"max_position_embeddings\": 131072"

/* ---- the catalogue ---- */

/* Rows without a published configuration that our shape could hold. */
static const char *const no_config[] = {
    "DeepSeek-V4-Flash",                  /* compressed attention is not modelled */
    "DeepSeek-V4-Pro", "Gemma-4-26B-A4B", /* two head sizes, and a dense part beside the experts of a layer */
};

static json_t *load_models(void) {
    char path[512];
    snprintf(path, sizeof path, "%s/tests/unit/data/model_configs.json", getenv("TOKENMILL_SOURCE"));
    json_t *models = json_load_file(path, 0, NULL);
    assert_true(json_is_array(models));
    return models;
}

static const struct llm *row_of(const struct catalog *catalog, const char *name) {
    struct diags *none = diags_new();
    const struct llm *row = catalog_llm(catalog, span_of(name), none, (struct position){0});
    diags_free(none);
    return row;
}

static void read_entry(struct fixture *fixture, const json_t *entry) {
    char *text = json_dumps(json_object_get(entry, "config"), 0);
    if (!read_text(fixture, text)) {
        fail_msg("%s: %s", json_string_value(json_object_get(entry, "name")), said(fixture));
    }
    free(text);
}

struct shape_field {
    const char *name;
    size_t offset;
};

#define FIELD(field)                                                                                                   \
    { #field, offsetof(struct llm, field) }

/* Where the entry says nothing of a difference, the shapes are the same. */
static void same_shape(const json_t *entry, const struct llm *made, const struct llm *row) {
    static const struct shape_field fields[] = {
        FIELD(layers),          FIELD(hidden),
        FIELD(heads),           FIELD(kv_heads),
        FIELD(head_dim),        FIELD(attention_layers),
        FIELD(ffn_dim),         FIELD(ffn_matrices),
        FIELD(moe_ffn_dim),     FIELD(experts),
        FIELD(experts_per_tok), FIELD(shared_experts),
        FIELD(dense_layers),    FIELD(vocab),
        FIELD(mla_kv_rank),     FIELD(mla_q_rank),
        FIELD(mla_rope_dim),    FIELD(mla_nope_dim),
        FIELD(mla_v_dim),       FIELD(sliding_window),
        FIELD(context_max),     FIELD(global_layer_period),
    };
    const json_t *differs = json_object_get(entry, "differs");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const int64_t ours = *(const int64_t *)(const void *)((const char *)made + fields[i].offset);
        const int64_t rows = *(const int64_t *)(const void *)((const char *)row + fields[i].offset);
        const bool may_differ = json_object_get(differs, fields[i].name) != NULL;
        if ((ours == rows) == may_differ) {
            fail_msg("%s: %s = %lld, the catalogue has %lld", row->name, fields[i].name, (long long)ours,
                     (long long)rows);
        }
    }
    assert_int_equal(made->attention, row->attention);
    assert_int_equal(made->tied_embeddings, row->tied_embeddings);
    assert_int_equal(made->embeds, row->embeds);
    assert_int_equal(made->bidirectional, row->bidirectional);
    assert_int_equal(made->chunked_window, row->chunked_window);
    assert_int_equal(made->sparse_attention, row->sparse_attention);
    assert_true(precision_byte_per_weight(made->default_precision) ==
                precision_byte_per_weight(row->default_precision));
}

static double error_ratio(double value, double truth) {
    return fabs(value / truth - 1);
}

static void every_row_follows_from_its_config(void **state) {
    struct fixture *fixture = *state;
    struct catalog *catalog = catalog_new();
    assert_true(catalog_read(catalog, NULL, fixture->diags));
    json_t *models = load_models();
    size_t index;
    const json_t *entry;
    json_array_foreach(models, index, entry) {
        if (!json_is_true(json_object_get(entry, "in_catalogue"))) {
            continue;
        }
        const struct llm *row = row_of(catalog, json_string_value(json_object_get(entry, "name")));
        assert_non_null(row);
        read_entry(fixture, entry);
        const struct llm *made = &fixture->config.llm;
        assert_true(fixture->config.is_known_type);
        same_shape(entry, made, row);
        const double most =
            strcmp(row->params_basis, "published") == 0 ? 2e-3 : 1e-4; /* 1e-4: padding of Gemma's vocabulary */
        if (error_ratio(llm_params_total(made), llm_params_total(row)) > most) {
            fail_msg("%s: %.6g parameters, the catalogue has %.6g", row->name, llm_params_total(made),
                     llm_params_total(row));
        }
        assert_true(llm_kv_byte_per_tok(made, PRECISION_BF16, 1) == llm_kv_byte_per_tok(row, PRECISION_BF16, 1));
        assert_true(llm_check(made, fixture->diags, model_at));
    }
    json_decref(models);
    catalog_free(catalog);
}

static void parameters_are_those_that_are_published(void **state) {
    struct fixture *fixture = *state;
    json_t *models = load_models();
    size_t index;
    const json_t *entry;
    json_array_foreach(models, index, entry) {
        read_entry(fixture, entry);
        const json_t *number = json_object_get(entry, "published_params");
        const double published = json_number_value(number);
        const double most = json_is_integer(number) ? 2e-4 : 0.015; /* a count; a rounded name or report */
        if (error_ratio(llm_params_total(&fixture->config.llm), published) > most) {
            fail_msg("%s: %.6g parameters, published %.6g", json_string_value(json_object_get(entry, "name")),
                     llm_params_total(&fixture->config.llm), published);
        }
    }
    json_decref(models);
}

static bool is_listed(const json_t *models, const char *name) {
    size_t index;
    const json_t *entry;
    json_array_foreach(models, index, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            return json_is_true(json_object_get(entry, "in_catalogue"));
        }
    }
    for (size_t i = 0; i < sizeof no_config / sizeof no_config[0]; i++) {
        if (strcmp(no_config[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void no_row_is_left_out(void **state) {
    struct fixture *fixture = *state;
    struct catalog *catalog = catalog_new();
    assert_true(catalog_read(catalog, NULL, fixture->diags));
    json_t *models = load_models();
    for (size_t i = 0; i < catalog_row_count(catalog, CATALOG_LLMS); i++) {
        const char *name = catalog_text(catalog, CATALOG_LLMS, i, 0);
        if (!is_listed(models, name)) {
            fail_msg("tests/unit/data/model_configs.json has no %s", name);
        }
    }
    json_decref(models);
    catalog_free(catalog);
}

static void read_named(struct fixture *fixture, const char *name) {
    json_t *models = load_models();
    size_t index;
    const json_t *entry;
    json_array_foreach(models, index, entry) {
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            read_entry(fixture, entry);
        }
    }
    json_decref(models);
    assert_non_null(fixture->config.report);
}

/* Weights of every kind of layer, counted by hand from arXiv 2412.06464, 2501.08313 and 2405.21060. */
static void layers_without_a_cache_weigh_what_they_weigh(void **state) {
    struct fixture *fixture = *state;
    const struct llm *llm = &fixture->config.llm;
    read_named(fixture, "Qwen3-Next-80B-A3B");
    const double experts = 48.0 * (513 * 3 * 2048 * 512.0 + 2048 * 512);
    const double delta = 36.0 * 2048 * (2 * 2048 + 3 * 4096 + 2 * 32); /* q, k; v, z, out; a, b */
    const double gated = 12.0 * 2048 * (3 * 16 * 256 + 2 * 2 * 256);   /* q, gate, out; k, v */
    assert_true(error_ratio(llm_params_total(llm), experts + delta + gated + 2.0 * 151936 * 2048) < 1e-12);
    assert_int_equal(llm->attention_layers, 12);
    assert_true(llm_kv_byte_per_tok(llm, PRECISION_BF16, 1) == 12 * 2 * 2 * 256 * 2);
    read_named(fixture, "MiniMax-Text-01");
    const double lightning = 70.0 * 5 * 6144 * 8192;
    const double full = 10.0 * 6144 * (2 * 8192 + 2 * 1024);
    const double routed = 80.0 * (32 * 3 * 6144.0 * 9216 + 6144 * 32);
    assert_true(error_ratio(llm_params_total(llm), lightning + full + routed + 2.0 * 200064 * 6144) < 1e-12);
    read_named(fixture, "Nemotron-Nano-9B-v2");
    const double mamba = 27.0 * 4480 * (3 * 10240 + 2 * 8 * 128 + 128);
    const double attention = 4.0 * 4480 * (2 * 5120 + 2 * 1024);
    const double ffn = 25.0 * 2 * 4480 * 15680;
    assert_true(error_ratio(llm_params_total(llm), mamba + attention + ffn + 2.0 * 131072 * 4480) < 1e-12);
}

/* ---- what is read, what is assumed ---- */

static void the_report_says_what_was_read_and_assumed(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_text(fixture, "{\"model_type\": \"llama\", " MINIMAL "}"));
    assert_string_equal(fixture->config.report,
                        "llama, 8.03 billion parameters, bf16; read: model_type, num_hidden_layers, hidden_size, "
                        "vocab_size, max_position_embeddings, num_attention_heads, num_key_value_heads, "
                        "intermediate_size; assumed: head_dim = 128 (hidden_size / num_attention_heads), "
                        "tie_word_embeddings = false, bf16 (no torch_dtype)");
    assert_string_equal(fixture->config.llm.name, "./config.json");
    /* FNV-1a-64 of "a" is af63dc4c8601ec8c (draft-eastlake-fnv); of the text above another, and it moves with a byte. */
    const uint64_t hash = fixture->config.hash;
    assert_true(read_text(fixture, "{\"model_type\": \"llama\",  " MINIMAL "}"));
    assert_true(fixture->config.hash != hash);
}

static void an_unknown_type_is_read_by_the_usual_fields(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_text(fixture, "{\"model_type\": \"brandnew\", " MINIMAL "}"));
    assert_false(fixture->config.is_known_type);
    assert_string_equal(fixture->config.type, "brandnew");
    assert_true(fabs(llm_params_total(&fixture->config.llm) - 8.030e9) < 1e6);
}

static void the_class_name_serves_where_the_type_is_missing(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_text(fixture, "{\"architectures\": [\"Gemma2ForCausalLM\"], " MINIMAL "}"));
    assert_true(fixture->config.is_known_type);
    assert_true(fixture->config.llm.tied_embeddings);
    assert_int_equal(fixture->config.llm.head_dim, 256);
}

static void a_folder_stands_for_its_config(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_text(fixture, "{\"model_type\": \"llama\", " MINIMAL "}"));
    assert_true(
        model_config_read(fixture->folder, "./folder", model_at, fixture->arena, &fixture->config, fixture->diags));
    assert_string_equal(fixture->config.llm.name, "./folder");
}

static void paths_are_told_from_names(void **state) {
    (void)state;
    assert_true(model_config_is_path("./config.json"));
    assert_true(model_config_is_path("../models/llama"));
    assert_true(model_config_is_path("/srv/llama/config.json"));
    assert_true(model_config_is_path("models/llama.json"));
    assert_false(model_config_is_path("Llama-3.1-8B"));
    assert_false(model_config_is_path("meta-llama/Llama-3.1-8B"));
}

struct precision_case {
    const char *json;
    enum precision precision;
};

static void quantization_gives_the_precision(void **state) {
    struct fixture *fixture = *state;
    static const struct precision_case cases[] = {
        {"\"torch_dtype\": \"bfloat16\"", PRECISION_BF16},
        {"\"dtype\": \"float16\"", PRECISION_FP16},
        {"\"torch_dtype\": \"float32\"", PRECISION_BF16},
        {"\"torch_dtype\": \"bfloat16\", \"quantization_config\": {\"quant_method\": \"fp8\"}", PRECISION_FP8},
        {"\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}", PRECISION_INT4},
        {"\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 8}", PRECISION_INT8},
        {"\"quantization_config\": {\"quant_method\": \"awq\", \"w_bit\": 4}", PRECISION_INT4},
        {"\"quantization_config\": {\"quant_method\": \"mxfp4\"}", PRECISION_FP4},
        {"\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"}", PRECISION_FP4},
        {"\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"group_0\": "
         "{\"weights\": {\"num_bits\": 8, \"type\": \"float\"}}}}",
         PRECISION_FP8},
        {"\"quantization_config\": {\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"group_0\": "
         "{\"weights\": {\"num_bits\": 4, \"type\": \"int\"}}}}",
         PRECISION_INT4},
        {"\"quantization_config\": {\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}", PRECISION_INT4},
        {"\"torch_dtype\": \"float16\", \"quantization_config\": {\"quant_method\": \"odd\"}", PRECISION_FP16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "{\"model_type\": \"llama\", %s, " MINIMAL "}", cases[i].json);
        assert_true(read_text(fixture, text));
        assert_int_equal(fixture->config.llm.default_precision, cases[i].precision);
    }
    assert_non_null(strstr(fixture->config.report, "the quantization 'odd' is not known"));
}

static void windows_come_from_the_list_of_layers(void **state) {
    struct fixture *fixture = *state;
    assert_true(read_text(fixture, "{\"model_type\": \"odd\", \"num_hidden_layers\": 3, \"hidden_size\": 64, "
                                   "\"num_attention_heads\": 4, \"vocab_size\": 100, \"intermediate_size\": 128, "
                                   "\"sliding_window\": 512, \"layer_types\": [\"sliding_attention\", "
                                   "\"sliding_attention\", \"full_attention\"]}"));
    assert_int_equal(fixture->config.llm.sliding_window, 512);
    assert_int_equal(fixture->config.llm.global_layer_period, 3);
    assert_true(read_text(fixture, "{\"model_type\": \"mistral\", \"sliding_window\": 4096, " MINIMAL "}"));
    assert_int_equal(fixture->config.llm.sliding_window, 4096);
    assert_int_equal(fixture->config.llm.global_layer_period, 0);
    assert_true(read_text(fixture, "{\"model_type\": \"phi3\", \"sliding_window\": 262144, " MINIMAL "}"));
    assert_int_equal(fixture->config.llm.sliding_window, 0); /* it covers every context */
}

/* ---- mistakes ---- */

static void all_missing_fields_are_said_at_once(void **state) {
    struct fixture *fixture = *state;
    assert_false(read_text(fixture, "{\"model_type\": \"llama\", \"num_hidden_layers\": 32}"));
    const char *text = said(fixture);
    assert_int_equal(diags_error_count(fixture->diags), 4);
    assert_non_null(strstr(text, "s.yaml:11:12: error: "));
    assert_non_null(strstr(text, "hidden_size (or n_embd, d_model) is missing"));
    assert_non_null(strstr(text, "vocab_size is missing"));
    assert_non_null(strstr(text, "num_attention_heads"));
    assert_non_null(strstr(text, "intermediate_size"));
    assert_int_equal(diags_exit_code(fixture->diags), 3);
}

static void a_wrong_value_is_shown_in_the_json(void **state) {
    struct fixture *fixture = *state;
    assert_false(read_text(fixture,
                           "{\n \"text_config\": {\"a\": [{\"hidden_size\": 1}, \"}\\\"\"],\n"
                           "  \"model_type\": \"llama\", \"hidden_size\": \"4k\", \"num_hidden_layers\": 2.5,\n"
                           "  \"num_attention_heads\": -1, \"vocab_size\": 1000, \"intermediate_size\": 10}}"));
    const char *text = said(fixture);
    assert_non_null(
        strstr(text, "config.json:3:41: error: hidden_size = \"4k\" is not a whole number from 1 to 1000000"));
    assert_non_null(strstr(text, "config.json:3:68: error: num_hidden_layers = 2.5"));
    assert_non_null(strstr(text, "config.json:4:26: error: num_attention_heads = -1"));
    assert_int_equal(diags_error_count(fixture->diags), 3);
}

static void bad_json_has_a_place(void **state) {
    struct fixture *fixture = *state;
    assert_false(read_text(fixture, "{\"hidden_size\": 4096,\n \"vocab_size\": oops}"));
    assert_string_equal(diags_first_rule(fixture->diags), "model-json");
    assert_non_null(strstr(said(fixture), "config.json:2:"));
}

static void a_file_that_is_no_object_is_refused(void **state) {
    assert_false(read_text(*state, "[1, 2]"));
    assert_string_equal(diags_first_rule(((struct fixture *)*state)->diags), "model-json");
}

static void a_missing_file_is_the_worlds(void **state) {
    struct fixture *fixture = *state;
    assert_false(model_config_read("/nowhere/config.json", "./config.json", model_at, fixture->arena, &fixture->config,
                                   fixture->diags));
    assert_string_equal(diags_first_rule(fixture->diags), "file-open");
    assert_int_equal(diags_exit_code(fixture->diags), 4);
}

static void shapes_that_cannot_be_are_refused(void **state) {
    struct fixture *fixture = *state;
    static const char *const bodies[][2] = {
        {"\"num_attention_heads\": 30, \"head_dim\": 128, \"num_key_value_heads\": 8",
         "no multiple of num_key_value_heads"},
        {"\"num_attention_heads\": 30, \"num_key_value_heads\": 30", "hidden_size = 4096 is no multiple of"},
        {"\"num_attention_heads\": 32, \"num_local_experts\": 8, \"num_experts_per_tok\": 9", "above the 8 experts"},
        {"\"num_attention_heads\": 32, \"num_local_experts\": 8, \"num_experts_per_tok\": 2, "
         "\"first_k_dense_replace\": 40",
         "above the 32 layers"},
        {"\"num_attention_heads\": 32, \"attn_type_list\": [1, 0, 1]", "list of layer kinds has 3"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"model_type\": \"llama\", \"num_hidden_layers\": 32, \"hidden_size\": 4096, "
                 "\"intermediate_size\": 64, \"vocab_size\": 1000, %s}",
                 bodies[i][0]);
        diags_free(fixture->diags);
        fixture->diags = diags_new();
        assert_false(read_text(fixture, text));
        if (strstr(said(fixture), bodies[i][1]) == NULL) {
            fail_msg("no '%s' in: %s", bodies[i][1], said(fixture));
        }
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_row_follows_from_its_config),
        TEST(parameters_are_those_that_are_published),
        TEST(no_row_is_left_out),
        TEST(layers_without_a_cache_weigh_what_they_weigh),
        TEST(the_report_says_what_was_read_and_assumed),
        TEST(an_unknown_type_is_read_by_the_usual_fields),
        TEST(the_class_name_serves_where_the_type_is_missing),
        TEST(a_folder_stands_for_its_config),
        TEST(paths_are_told_from_names),
        TEST(quantization_gives_the_precision),
        TEST(windows_come_from_the_list_of_layers),
        TEST(all_missing_fields_are_said_at_once),
        TEST(a_wrong_value_is_shown_in_the_json),
        TEST(bad_json_has_a_place),
        TEST(a_file_that_is_no_object_is_refused),
        TEST(a_missing_file_is_the_worlds),
        TEST(shapes_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
