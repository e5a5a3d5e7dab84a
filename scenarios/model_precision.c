/* Which of our formats a checkpoint is published in. */
#include <string.h>

#include "base/text.h"
#include "scenarios/model_family.h"
#include "scenarios/schema.h"

static const char *word_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool is_float(const char *type) {
    return strcmp(type, "float") == 0;
}

static bool by_bits(int64_t bits, bool is_float_type, enum precision *precision) {
    if (bits != 4 && bits != 8) {
        return false;
    }
    *precision =
        bits == 4 ? (is_float_type ? PRECISION_FP4 : PRECISION_INT4) : (is_float_type ? PRECISION_FP8 : PRECISION_INT8);
    return true;
}

/* compressed-tensors: config_groups: {group_0: {weights: {num_bits: 8, type: float}}}; the first group counts. */
static bool by_groups(const json_t *quantization, enum precision *precision) {
    void *first = json_object_iter(json_object_get(quantization, "config_groups"));
    const json_t *weights = first == NULL ? NULL : json_object_get(json_object_iter_value(first), "weights");
    return json_is_object(weights) && by_bits(json_integer_value(json_object_get(weights, "num_bits")),
                                              is_float(word_of(weights, "type")), precision);
}

struct method {
    const char *name; /* of quant_method or quant_algo */
    enum precision precision;
};

static bool by_name(const char *name, enum precision *precision) {
    static const struct method methods[] = {
        {"fp8", PRECISION_FP8},          {"fbgemm_fp8", PRECISION_FP8}, {"mxfp4", PRECISION_FP4},
        {"nvfp4", PRECISION_FP4},        {"w4a16_awq", PRECISION_INT4}, {"w8a8_sq_per_channel", PRECISION_INT8},
        {"modelopt_fp4", PRECISION_FP4}, {"w4a8_awq", PRECISION_INT4},  {"awq", PRECISION_INT4},
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (span_equals_nocase(span_of(name), methods[i].name)) {
            *precision = methods[i].precision;
            return true;
        }
    }
    return false;
}

static bool by_quantization(const json_t *quantization, enum precision *precision) {
    static const char *const bit_keys[] = {"bits", "w_bit", "weight_bits"};
    for (size_t i = 0; i < 3; i++) {
        if (by_bits(json_integer_value(json_object_get(quantization, bit_keys[i])), false, precision)) {
            return true;
        }
    }
    if (json_is_true(json_object_get(quantization, "load_in_4bit"))) {
        *precision = PRECISION_INT4;
        return true;
    }
    if (json_is_true(json_object_get(quantization, "load_in_8bit"))) {
        *precision = PRECISION_INT8;
        return true;
    }
    return by_name(word_of(quantization, "quant_algo"), precision) || by_groups(quantization, precision) ||
           by_name(word_of(quantization, "quant_method"), precision);
}

static enum precision by_dtype(struct model_json *json) {
    const char *dtype = model_json_text(json, "torch_dtype|dtype", "");
    enum precision precision;
    if (strncmp(dtype, "torch.", 6) == 0) {
        dtype += 6;
    }
    if (precision_from_text(span_of(dtype), &precision)) {
        return precision;
    }
    model_json_assume(json, dtype[0] == '\0' ? "bf16 (no torch_dtype)" : "bf16 (torch_dtype %s is served in 16 bit)",
                      dtype);
    return PRECISION_BF16;
}

enum precision model_precision_read(struct model_json *json) {
    const char *key;
    enum precision precision;
    if (!model_json_has(json, "quantization_config|compression_config")) {
        return by_dtype(json);
    }
    const json_t *quantization = model_json_find(json, "quantization_config|compression_config", &key);
    if (!by_quantization(quantization, &precision)) {
        precision = by_dtype(json);
        model_json_assume(json, "%s (the quantization '%s' is not known)", precision_name(precision),
                          word_of(quantization, "quant_method"));
    }
    return precision;
}
