/* Which column fills which field, in what range; one table per catalogue. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/catalog.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT(type, field, help)                                                                                        \
    { #field, CATALOG_TEXT, offsetof(type, field), 0, 0, "", help }
#define NUMBER(type, field, max, unit, help)                                                                           \
    { #field, CATALOG_NUMBER, offsetof(type, field), 0, max, unit, help }
#define INTEGER(type, field, max, help)                                                                                \
    { #field, CATALOG_INTEGER, offsetof(type, field), 0, max, "", help }
#define SOURCED(type)                                                                                                  \
    TEXT(type, status, "datasheet, measured or estimate"), TEXT(type, source, "where the figures come from"),          \
        TEXT(type, as_of, "date of the figures")

static const struct catalog_column gpu_columns[] = {
    TEXT(struct gpu, name, "catalogue name"),
    TEXT(struct gpu, vendor, "who makes it"),
    TEXT(struct gpu, arch, "architecture; picks the efficiencies of the roofline"),
    NUMBER(struct gpu, mem_gb, 1e5, "GB", "memory, as vendors name it (2^30 bytes)"),
    NUMBER(struct gpu, mem_bw_gb_per_s, 1e6, "GB/s", "memory bandwidth, datasheet"),
    NUMBER(struct gpu, bf16_dense_tflops, 1e6, "TFLOP/s", "dense 16-bit peak"),
    NUMBER(struct gpu, fp8_dense_tflops, 1e6, "TFLOP/s", "dense FP8 peak"),
    NUMBER(struct gpu, int8_dense_tops, 1e6, "TOP/s", "dense INT8 peak"),
    NUMBER(struct gpu, fp4_dense_tflops, 1e6, "TFLOP/s", "dense FP4 peak"),
    NUMBER(struct gpu, tdp_w, 1e5, "W", "board power limit"),
    NUMBER(struct gpu, idle_w, 1e5, "W", "board power with nothing loaded"),
    NUMBER(struct gpu, idle_ctx_add_w, 1e5, "W", "more, with a context and a model loaded"),
    NUMBER(struct gpu, nvlink_gb_per_s, 1e5, "GB/s", "link to other GPUs of the node, one direction"),
    NUMBER(struct gpu, pcie_gen, 10, "", "PCI Express generation"),
    NUMBER(struct gpu, gpus_per_node, 1024, "", "GPUs in a usual node"),
    NUMBER(struct gpu, gpu_price_usd, 1e7, "USD", "typical purchase price of the board"),
    NUMBER(struct gpu, rental_low_usd_per_hour, 1e5, "USD/h", "low on-demand price"),
    NUMBER(struct gpu, rental_typ_usd_per_hour, 1e5, "USD/h", "typical on-demand price"),
    NUMBER(struct gpu, rental_high_usd_per_hour, 1e5, "USD/h", "high on-demand price"),
    NUMBER(struct gpu, reserved_3y_usd_per_hour, 1e5, "USD/h", "three-year rental"),
    NUMBER(struct gpu, allin_kw, 1e3, "kW", "all-in power a site provisions per GPU"),
    NUMBER(struct gpu, tco_hyperscaler_usd_per_hour, 1e5, "USD/h", "published all-in cost of ownership, hyperscaler"),
    NUMBER(struct gpu, tco_neocloud_usd_per_hour, 1e5, "USD/h", "published all-in cost of ownership, GPU cloud"),
    NUMBER(struct gpu, mamf_bf16_ratio, 1, "", "largest measured share of the 16-bit peak"),
    NUMBER(struct gpu, mamf_fp8_ratio, 1, "", "largest measured share of the FP8 peak"),
    NUMBER(struct gpu, embodied_kgco2e, 1e6, "kg", "carbon of making it, CO2e"),
    TEXT(struct gpu, note, "what to know"),
    SOURCED(struct gpu),
};

static const struct catalog_column llm_columns[] = {
    TEXT(struct llm, name, "catalogue name"),
    TEXT(struct llm, params_basis, "shape: parameters follow from the shape; published: from total_params_b"),
    NUMBER(struct llm, total_params_b, 1e5, "", "parameters, 1e9"),
    NUMBER(struct llm, active_params_b, 1e5, "", "parameters one token uses, 1e9"),
    INTEGER(struct llm, layers, 10000, "layers"),
    INTEGER(struct llm, hidden, 1000000, "width of the residual stream"),
    INTEGER(struct llm, heads, 10000, "query heads"),
    INTEGER(struct llm, kv_heads, 10000, "key-value heads"),
    INTEGER(struct llm, head_dim, 100000, "numbers of a head"),
    INTEGER(struct llm, attention_layers, 10000, "layers with a KV cache; blank: all"),
    INTEGER(struct llm, ffn_dim, 10000000, "width of the dense feed-forward layers"),
    INTEGER(struct llm, ffn_matrices, 3, "3: gated; 2: plain; blank: 3"),
    INTEGER(struct llm, moe_ffn_dim, 10000000, "width of one expert"),
    INTEGER(struct llm, experts, 100000, "routed experts of a layer; blank: dense"),
    INTEGER(struct llm, experts_per_tok, 100000, "routed experts that a token uses"),
    INTEGER(struct llm, shared_experts, 1000, "experts that every token uses"),
    INTEGER(struct llm, dense_layers, 10000, "layers without experts"),
    INTEGER(struct llm, vocab, 100000000, "vocabulary"),
    {"tied_embeddings", CATALOG_FLAG, offsetof(struct llm, tied_embeddings), 0, 1, "", "1: LM head = embedding"},
    {"attention", CATALOG_ATTENTION, offsetof(struct llm, attention), 0, 0, "", "gqa, mla or compressed"},
    INTEGER(struct llm, mla_kv_rank, 100000, "latent numbers of keys and values"),
    INTEGER(struct llm, mla_q_rank, 100000, "latent numbers of queries; blank: none"),
    INTEGER(struct llm, mla_rope_dim, 100000, "position numbers"),
    INTEGER(struct llm, mla_nope_dim, 100000, "key numbers of a head without position"),
    INTEGER(struct llm, mla_v_dim, 100000, "value numbers of a head"),
    INTEGER(struct llm, sliding_window, 100000000, "tokens that windowed layers look back at most; blank: none are"),
    INTEGER(struct llm, global_layer_period, 10000, "one layer in so many has no window; blank: all have"),
    {"chunked_window", CATALOG_FLAG, offsetof(struct llm, chunked_window), 0, 1, "",
     "1: a window begins anew each sliding_window tokens; treated as sliding"},
    {"sparse_attention", CATALOG_FLAG, offsetof(struct llm, sparse_attention), 0, 1, "",
     "1: an indexer picks the tokens attended to; treated as full attention"},
    {"embeds", CATALOG_FLAG, offsetof(struct llm, embeds), 0, 1, "", "1: an embedding model, without LM head"},
    {"bidirectional", CATALOG_FLAG, offsetof(struct llm, bidirectional), 0, 1, "", "1: an encoder"},
    INTEGER(struct llm, context_max, 1000000000, "longest context, tokens"),
    {"default_precision", CATALOG_PRECISION, offsetof(struct llm, default_precision), 0, 0, "", "as published"},
    TEXT(struct llm, note, "what to know"),
    SOURCED(struct llm),
};

static const struct catalog_column vision_columns[] = {
    TEXT(struct vision_model, name, "catalogue name"),
    TEXT(struct vision_model, kind, "vision-classifier, image-diffusion"),
    NUMBER(struct vision_model, total_params_b, 1e5, "", "parameters, 1e9"),
    NUMBER(struct vision_model, flops_per_unit_gmac, 1e9, "", "multiply-adds of a unit, 1e9"),
    NUMBER(struct vision_model, steps, 1e5, "", "denoising steps"),
    NUMBER(struct vision_model, layers, 1e4, "", "layers that a denoising step goes through"),
    NUMBER(struct vision_model, step_tflop, 1e6, "", "of an image and denoising step, guidance included, 1e12"),
    NUMBER(struct vision_model, step_gbyte, 1e6, "", "activations read and written, likewise, 1e9"),
    NUMBER(struct vision_model, image_tflop, 1e6, "", "once an image: text encoder, decoder of latents, 1e12"),
    NUMBER(struct vision_model, compute_ratio, 1, "", "share of the peak reached on Hopper, measured"),
    NUMBER(struct vision_model, energy_h100_j_per_unit, 1e9, "J", "measured on H100"),
    NUMBER(struct vision_model, energy_b200_j_per_unit, 1e9, "J", "measured on B200"),
    TEXT(struct vision_model, default_precision, "as published"),
    TEXT(struct vision_model, note, "what to know"),
    SOURCED(struct vision_model),
};

static const struct catalog_column api_price_columns[] = {
    TEXT(struct api_price_row, name, "as the provider's price list names it"),
    TEXT(struct api_price_row, provider, "who sells it"),
    NUMBER(struct api_price_row, input_usd_per_mtok, 1e6, "USD/Mtok", "input tokens"),
    NUMBER(struct api_price_row, cached_input_usd_per_mtok, 1e6, "USD/Mtok", "input tokens found in the cache"),
    NUMBER(struct api_price_row, output_usd_per_mtok, 1e6, "USD/Mtok", "output tokens"),
    NUMBER(struct api_price_row, usd_per_image, 1e6, "USD", "an image"),
    TEXT(struct api_price_row, note, "what to know"),
    SOURCED(struct api_price_row),
};

static const struct catalog_column region_columns[] = {
    TEXT(struct region, name, "code"),
    TEXT(struct region, level, "country, us_state, gcp_region"),
    TEXT(struct region, long_name, "name"),
    NUMBER(struct region, grid_gco2e_per_kwh, 1e5, "g/kWh", "carbon intensity of the grid"),
    NUMBER(struct region, grid_year, 3000, "", "year of the carbon intensity"),
    NUMBER(struct region, grid_lca_gco2e_per_kwh, 1e5, "g/kWh", "carbon intensity with the plants' making"),
    NUMBER(struct region, wue_offsite_l_per_kwh, 1e4, "L/kWh", "water used by power plants"),
    NUMBER(struct region, tariff_per_kwh, 1e4, "", "industrial electricity price, in its currency"),
    TEXT(struct region, tariff_currency, "currency of the tariff"),
    TEXT(struct region, tariff_source, "where the tariff comes from"),
    SOURCED(struct region),
};

static const struct catalog_column power_columns[] = {
    TEXT(struct architecture_power, name, "architecture: a GPU's `arch` begins with it"),
    NUMBER(struct architecture_power, active_ratio, 2, "", "share of TDP while a step runs"),
    NUMBER(struct architecture_power, active_lower, 2, "", "its 90 % interval"),
    NUMBER(struct architecture_power, active_upper, 2, "", "its 90 % interval"),
    NUMBER(struct architecture_power, compute_ratio, 2, "", "share of TDP at the peak of compute"),
    NUMBER(struct architecture_power, compute_lower, 2, "", "its 90 % interval"),
    NUMBER(struct architecture_power, compute_upper, 2, "", "its 90 % interval"),
    NUMBER(struct architecture_power, memory_ratio, 2, "", "share of TDP at the peak of memory bandwidth"),
    NUMBER(struct architecture_power, memory_lower, 2, "", "its 90 % interval"),
    NUMBER(struct architecture_power, memory_upper, 2, "", "its 90 % interval"),
    TEXT(struct architecture_power, note, "what to know"),
    SOURCED(struct architecture_power),
};

const struct catalog_column *catalog_columns(enum catalog_table table, size_t *count) {
    static const struct {
        const struct catalog_column *columns;
        size_t count;
    } tables[CATALOG_TABLE_COUNT] = {
        [CATALOG_GPUS] = {gpu_columns, COUNT(gpu_columns)},
        [CATALOG_LLMS] = {llm_columns, COUNT(llm_columns)},
        [CATALOG_VISION] = {vision_columns, COUNT(vision_columns)},
        [CATALOG_API_PRICES] = {api_price_columns, COUNT(api_price_columns)},
        [CATALOG_REGIONS] = {region_columns, COUNT(region_columns)},
        [CATALOG_POWER] = {power_columns, COUNT(power_columns)},
    };
    CHECK((unsigned)table < CATALOG_TABLE_COUNT);
    *count = tables[table].count;
    return tables[table].columns;
}

static bool in_range(const struct catalog_column *column, double value, const char *text, struct diags *diags,
                     struct position at) {
    if (value >= column->min && value <= column->max) {
        return true;
    }
    return diag_error(diags, at, "value-range", "%s = %s is outside %.15g..%.15g%s", column->name, text, column->min,
                      column->max, column->unit);
}

static bool set_number(double *field, const struct catalog_column *column, const char *text, struct diags *diags,
                       struct position at) {
    double value = (double)NAN;
    if (text[0] == '\0') {
        *field = value;
        return true;
    }
    if (!text_to_double(span_of(text), &value)) {
        return diag_error(diags, at, "value-type", "%s = '%s' is not a number", column->name, text);
    }
    if (!in_range(column, value, text, diags, at)) {
        return false;
    }
    *field = value;
    return true;
}

static bool parse_integer(int64_t *value, const struct catalog_column *column, const char *text, struct diags *diags,
                          struct position at) {
    *value = 0;
    if (text[0] == '\0') {
        return true;
    }
    if (!text_to_int64(span_of(text), value)) {
        return diag_error(diags, at, "value-type", "%s = '%s' is not an integer", column->name, text);
    }
    return in_range(column, (double)*value, text, diags, at);
}

static bool set_integer(int64_t *field, const struct catalog_column *column, const char *text, struct diags *diags,
                        struct position at) {
    int64_t value = 0;
    if (!parse_integer(&value, column, text, diags, at)) {
        return false;
    }
    *field = value;
    return true;
}

static bool set_flag(bool *field, const struct catalog_column *column, const char *text, struct diags *diags,
                     struct position at) {
    int64_t value = 0;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *field = text[0] == 't';
        return true;
    }
    if (!parse_integer(&value, column, text, diags, at)) {
        return false;
    }
    *field = value != 0;
    return true;
}

static bool set_precision(enum precision *field, const struct catalog_column *column, const char *text,
                          struct diags *diags, struct position at) {
    if (text[0] == '\0') {
        *field = PRECISION_BF16;
        return true;
    }
    if (precision_from_text(span_of(text), field)) {
        return true;
    }
    return diag_error(diags, at, "value-type", "%s = '%s' is none of bf16, fp16, fp8, int8, int4, fp4", column->name,
                      text);
}

static bool set_attention(enum attention_kind *field, const struct catalog_column *column, const char *text,
                          struct diags *diags, struct position at) {
    static const char *const names[] = {
        [ATTENTION_GQA] = "gqa", [ATTENTION_MLA] = "mla", [ATTENTION_COMPRESSED] = "compressed"};
    if (text[0] == '\0') {
        *field = ATTENTION_GQA;
        return true;
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        if (span_equals_nocase(span_of(text), names[i])) {
            *field = (enum attention_kind)i;
            return true;
        }
    }
    return diag_error(diags, at, "value-type", "%s = '%s' is none of gqa, mla, compressed", column->name, text);
}

bool catalog_set_field(void *row, const struct catalog_column *column, const char *text, struct diags *diags,
                       struct position at) {
    void *field = (char *)row + column->offset;
    switch (column->kind) {
    case CATALOG_NUMBER: return set_number(field, column, text, diags, at);
    case CATALOG_INTEGER: return set_integer(field, column, text, diags, at);
    case CATALOG_FLAG: return set_flag(field, column, text, diags, at);
    case CATALOG_PRECISION: return set_precision(field, column, text, diags, at);
    case CATALOG_ATTENTION: return set_attention(field, column, text, diags, at);
    case CATALOG_TEXT: break;
    }
    *(const char **)field = text;
    return true;
}
