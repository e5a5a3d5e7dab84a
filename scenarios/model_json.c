#include "scenarios/model_json.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "scenarios/schema.h"

enum { TEXT_SIZE = 1024 };

/* ---- places in the text: jansson keeps none. The text has been parsed, so its syntax is right. ---- */

static struct position position_of(const struct diag_source *source, size_t offset) {
    struct position at = {.source = source, .line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < source->size; i++) {
        at.column++;
        if (source->text[i] == '\n') {
            at.line++;
            at.column = 1;
        }
    }
    return at;
}

static const char *skip_blank(const char *c) {
    while (isspace((unsigned char)*c)) {
        c++;
    }
    return c;
}

/* From an opening quote to behind the closing one. */
static const char *skip_string(const char *c) {
    for (c++; *c != '"'; c++) {
        c += *c == '\\';
    }
    return c + 1;
}

/* From the beginning of a value to behind it. */
static const char *skip_value(const char *c) {
    int depth = 0;
    do {
        if (*c == '"') {
            c = skip_string(c);
            continue;
        }
        depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
        c++;
    } while (depth > 0 || (*c != ',' && *c != '}' && *c != ']' && !isspace((unsigned char)*c) && *c != '\0'));
    return c;
}

/* The value of `key` in the object that begins at `c`; NULL if it has none (or spells it with escapes). */
static const char *member(const char *c, const char *key) {
    if (c == NULL || *c != '{') {
        return NULL;
    }
    const size_t size = strlen(key);
    for (c = skip_blank(c + 1); *c == '"'; c = skip_blank(c + (*c == ','))) {
        const char *name = c + 1;
        c = skip_string(c);
        const bool is_it = (size_t)(c - 1 - name) == size && memcmp(name, key, size) == 0;
        c = skip_blank(skip_blank(c) + 1); /* the colon */
        if (is_it) {
            return c;
        }
        c = skip_blank(skip_value(c));
    }
    return NULL;
}

/* The object that `inside` names, from the root on. */
static const char *inner_object(const struct model_json *json, const char *object) {
    const char *rest = json->inside;
    while (object != NULL && *rest != '\0') {
        const size_t size = strcspn(rest, ".");
        object = member(object, arena_text(json->arena, rest, size));
        rest += size + (rest[size] == '.');
    }
    return object;
}

static struct position place_of(const struct model_json *json, const char *key) {
    const char *root = skip_blank(json->source->text);
    const char *value = member(inner_object(json, root), key);
    if (value == NULL) {
        value = member(root, key); /* of the keys that a wrapper holds */
    }
    if (value == NULL) {
        return (struct position){.source = json->source, .line = 1, .column = 1};
    }
    struct position at = position_of(json->source, (size_t)(value - json->source->text));
    at.length = (uint32_t)(skip_value(value) - value);
    return at;
}

/* ---- accounts ---- */

static void append(struct arena *arena, const char **list, const char *text) {
    *list = (*list)[0] == '\0' ? arena_format(arena, "%s", text) : arena_format(arena, "%s, %s", *list, text);
}

static bool list_has(const char *list, const char *word) {
    const size_t size = strlen(word);
    for (const char *c = strstr(list, word); c != NULL; c = strstr(c + 1, word)) {
        if ((c == list || c[-1] == ' ') && (c[size] == ',' || c[size] == '\0')) {
            return true;
        }
    }
    return false;
}

void model_json_assume(struct model_json *json, const char *format, ...) {
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(json->arena, &json->assumed, text);
}

bool model_json_error(struct model_json *json, const char *key, const char *format, ...) {
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json->is_ok = false;
    return diag_error(json->diags, place_of(json, key), "model-config", "%s", text);
}

/* ---- reading ---- */

/* Of the token that ends `read` bytes into the text, where the parser gave up. */
static size_t token_start(const struct diag_source *source, int read) {
    size_t offset = read > 0 ? (size_t)read - 1 : 0;
    while (offset > 0 && offset < source->size && isalnum((unsigned char)source->text[offset - 1])) {
        offset--;
    }
    return offset;
}

bool model_json_init(struct model_json *json, struct arena *arena, const struct diag_source *source, struct position at,
                     struct diags *diags) {
    json_error_t error;
    *json = (struct model_json){.arena = arena, .diags = diags, .source = source, .at = at, .is_ok = true};
    json->inside = json->used = json->assumed = "";
    json->root = json_loadb(source->text, source->size, JSON_REJECT_DUPLICATES, &error);
    if (json->root == NULL) {
        return diag_error(diags, position_of(source, token_start(source, error.position)), "model-json",
                          "no valid JSON: %s", error.text);
    }
    if (!json_is_object(json->root)) {
        model_json_release(json);
        return diag_error(diags, position_of(source, 0), "model-json", "a model's config.json is one object {...}");
    }
    json->object = json->root;
    return true;
}

void model_json_release(struct model_json *json) {
    json_decref(json->root);
    json->root = NULL;
}

bool model_json_enter(struct model_json *json, const char *key) {
    const json_t *inner = json_object_get(json->object, key);
    if (!json_is_object(inner)) {
        return false;
    }
    json->object = inner;
    json->inside = json->inside[0] == '\0' ? key : arena_format(json->arena, "%s.%s", json->inside, key);
    return true;
}

/* "null" is as good as absent: writers of these files mean it so. */
static const json_t *value_of(const struct model_json *json, const char *key) {
    static const char of_the_whole[] = "tie_word_embeddings|torch_dtype|dtype|quantization_config|compression_config";
    const json_t *value = json_object_get(json->object, key);
    if ((value == NULL || json_is_null(value)) && words_find(of_the_whole, span_of(key)) != SIZE_MAX) {
        value = json_object_get(json->root, key);
    }
    return json_is_null(value) ? NULL : value;
}

static const json_t *peek(const struct model_json *json, const char *keys, const char **key) {
    for (size_t i = 0; i < words_count(keys); i++) {
        const struct span word = words_at(keys, i);
        const char *name = arena_text(json->arena, word.data, word.size);
        const json_t *value = value_of(json, name);
        if (value != NULL) {
            *key = name;
            return value;
        }
    }
    return NULL;
}

bool model_json_has(const struct model_json *json, const char *keys) {
    const char *key;
    return peek(json, keys, &key) != NULL;
}

const json_t *model_json_find(struct model_json *json, const char *keys, const char **key) {
    const json_t *value = peek(json, keys, key);
    if (value != NULL && !list_has(json->used, *key)) {
        append(json->arena, &json->used, *key);
    }
    return value;
}

static const char *value_text(const struct model_json *json, const json_t *value) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *copy = arena_format(json->arena, "%.40s", text == NULL ? "?" : text);
    free(text);
    return copy;
}

/* `*number` of a value that is one, in range. */
static bool whole_number(struct model_json *json, const char *key, const json_t *value, int64_t min, int64_t max,
                         int64_t *number) {
    const double real = json_number_value(value);
    const bool is_whole =
        json_is_integer(value) || (json_is_real(value) && real >= 0 && real < 0x1p53 && (double)(int64_t)real == real);
    const int64_t found = !is_whole ? -1 : json_is_integer(value) ? (int64_t)json_integer_value(value) : (int64_t)real;
    if (!is_whole || found < min || found > max) {
        return model_json_error(json, key, "%s = %s is not a whole number from %lld to %lld", key,
                                value_text(json, value), (long long)min, (long long)max);
    }
    *number = found;
    return true;
}

int64_t model_json_integer(struct model_json *json, const char *keys, int64_t max) {
    const char *key;
    int64_t number = 0;
    const json_t *value = model_json_find(json, keys, &key);
    return value != NULL && whole_number(json, key, value, 0, max, &number) ? number : 0;
}

/* "hidden_size (or n_embd, d_model)" */
static const char *alternatives(const struct model_json *json, const char *keys) {
    const char *text = "";
    for (size_t i = 0; i < words_count(keys); i++) {
        const struct span word = words_at(keys, i);
        const char *joint = i == 0 ? "" : i == 1 ? " (or " : ", ";
        text = arena_format(json->arena, "%s%s%.*s", text, joint, (int)word.size, word.data);
    }
    return words_count(keys) > 1 ? arena_format(json->arena, "%s)", text) : text;
}

int64_t model_json_required(struct model_json *json, const char *keys, int64_t max) {
    const char *key;
    int64_t number = 0;
    const json_t *value = model_json_find(json, keys, &key);
    if (value != NULL) {
        return whole_number(json, key, value, 1, max, &number) ? number : 0;
    }
    json->is_ok = false;
    diag_error(json->diags, json->at, "model-config", "%s: %s is missing%s%s; a language model's shape needs it",
               json->source->name, alternatives(json, keys), json->inside[0] == '\0' ? "" : " in ", json->inside);
    return 0;
}

bool model_json_flag(struct model_json *json, const char *keys, bool fallback) {
    const char *key;
    const json_t *value = model_json_find(json, keys, &key);
    if (value == NULL) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        model_json_error(json, key, "%s = %s is neither true nor false", key, value_text(json, value));
        return fallback;
    }
    return json_is_true(value);
}

const char *model_json_text(struct model_json *json, const char *keys, const char *fallback) {
    const char *key;
    const json_t *value = model_json_find(json, keys, &key);
    if (value == NULL) {
        return fallback;
    }
    if (!json_is_string(value)) {
        model_json_error(json, key, "%s = %s is no text", key, value_text(json, value));
        return fallback;
    }
    return json_string_value(value);
}

const json_t *model_json_list(struct model_json *json, const char *keys) {
    const char *key;
    const json_t *value = model_json_find(json, keys, &key);
    if (value != NULL && !json_is_array(value)) {
        model_json_error(json, key, "%s = %s is no list", key, value_text(json, value));
        return NULL;
    }
    return value;
}
