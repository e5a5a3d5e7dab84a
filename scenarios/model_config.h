/* model_config.h - a language model's shape from the `config.json` that Hugging Face repositories carry.
 *
 * Read by field, with what a family (`model_type`) leaves unsaid from a table; a model type that is not in the table works
 * by the usual fields, with a warning. Multimodal wrappers are unwrapped: the language model counts, a vision tower does
 * not. What was read and what was assumed is kept as a text. No code of the repository is run: where a model's own code
 * departs from its fields, so does the shape.
 *
 * Hybrids (linear attention, Mamba-2) get their parameters by the layer kinds of the file, as a total; see
 * llm_approximation for what is left out of their steps. */
#ifndef TOKENMILL_SCENARIOS_MODEL_CONFIG_H
#define TOKENMILL_SCENARIOS_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "models/llm.h"

struct model_config {
    const char *path;   /* as opened */
    const char *name;   /* as the scenario has it */
    bool is_ok;         /* false: diagnostics have been given */
    uint64_t hash;      /* FNV-1a-64 of the file's bytes */
    struct llm llm;     /* `name` is the path as the scenario has it */
    const char *type;   /* model_type, or what the architecture's name says */
    bool is_known_type; /* in the table of families */
    const char *report; /* "qwen3_moe, 30.53e9 parameters, ...; read ...; assumed ..." */
};

/* Does the value of `model:` name a file, rather than a row of the catalogue? It begins with ./, ../ or /, or ends with
 * .json. */
bool model_config_is_path(const char *text);

/* Reads `path`, a file or a folder with a config.json; `name` is the scenario's word for it, and `at` the place of that.
 * Everything lives in `arena`. Rules "file-open" and "file-read" (the world), "model-json", "model-config"; llm_check is
 * the caller's. */
bool model_config_read(const char *path, const char *name, struct position at, struct arena *arena,
                       struct model_config *config, struct diags *diags);

#endif
