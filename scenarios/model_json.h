/* model_json.h - typed, accounted access to a Hugging Face `config.json`; inner header of scenarios/.
 *
 * Every key that is read and every value that is assumed is written down, so that a result can say what it stands on. A
 * value of the wrong type or out of range is an error at its place in the JSON (rule "model-config"); reading goes on, so
 * that all mistakes come out at once. Keys are given as alternatives, "num_hidden_layers|n_layer": the first that is there
 * and not null counts. */
#ifndef TOKENMILL_SCENARIOS_MODEL_JSON_H
#define TOKENMILL_SCENARIOS_MODEL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

struct model_json {
    struct arena *arena;              // borrowed
    struct diags *diags;              // borrowed
    const struct diag_source *source; // borrowed: the file
    struct position at;               /* of what named the file */
    json_t *root;                     // owned
    const json_t *object;             // borrowed: where the language model's keys stand, the root or one of its objects
    const char *inside;               /* path of that object from the root, "text_config", or "" */
    const char *used, *assumed;       /* ", "-joined */
    bool is_ok;                       /* no mistake so far */
};

/* Parses `source`. False: no JSON, or no object (rule "model-json", with its line and column). */
bool model_json_init(struct model_json *json, struct arena *arena, const struct diag_source *source, struct position at,
                     struct diags *diags);
void model_json_release(struct model_json *json);

/* Goes into `key` of the object, if that is an object itself. What a wrapper says of the whole (dtype, quantization,
 * tie_word_embeddings) is still found. */
bool model_json_enter(struct model_json *json, const char *key);

/* The value of the first key that is there, and that key; NULL if none is. Counts as used. */
const json_t *model_json_find(struct model_json *json, const char *keys, const char **key);

/* Is one of the keys there? Does not count. */
bool model_json_has(const struct model_json *json, const char *keys);

/* A whole number in 0..max; 0 where it is absent or wrong. */
int64_t model_json_integer(struct model_json *json, const char *keys, int64_t max);

/* The same, at least 1; absent is a mistake: "KEY (or KEY) is missing", at what named the file. */
int64_t model_json_required(struct model_json *json, const char *keys, int64_t max);

/* `fallback` where it is absent or wrong. */
bool model_json_flag(struct model_json *json, const char *keys, bool fallback);
const char *model_json_text(struct model_json *json, const char *keys, const char *fallback);

/* A list; NULL where it is absent or wrong. */
const json_t *model_json_list(struct model_json *json, const char *keys);

/* A mistake at a key's value. Returns false. */
bool model_json_error(struct model_json *json, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void model_json_assume(struct model_json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
