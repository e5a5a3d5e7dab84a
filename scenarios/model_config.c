#include "scenarios/model_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenarios/model_family.h"

enum { FILE_SIZE_MAX = 4 << 20 };

bool model_config_is_path(const char *text) {
    const size_t size = strlen(text);
    return strncmp(text, "./", 2) == 0 || strncmp(text, "../", 3) == 0 || text[0] == '/' ||
           (size > 5 && strcmp(text + size - 5, ".json") == 0);
}

/* ---- the file ---- */

/* The config.json of a folder; any other path itself. */
static const char *file_of(struct arena *arena, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return path;
    }
    const size_t size = strlen(path);
    return arena_format(arena, "%s%sconfig.json", path, size > 0 && path[size - 1] == '/' ? "" : "/");
}

static bool stream_read(FILE *stream, struct arena *arena, struct diag_source *source) {
    char *text = xcalloc(FILE_SIZE_MAX + 1, 1);
    const size_t size = fread(text, 1, FILE_SIZE_MAX + 1, stream);
    const bool is_ok = ferror(stream) == 0;
    if (is_ok) {
        source->text = arena_text(arena, text, size);
        source->size = size;
    }
    free(text);
    return is_ok;
}

static bool source_read(const char *path, struct position at, struct arena *arena, struct diag_source *source,
                        struct diags *diags) {
    const char *name = file_of(arena, path);
    *source = (struct diag_source){.name = arena_text(arena, name, strlen(name))};
    FILE *stream = fopen(name, "rb");
    if (stream == NULL) {
        return diag_world(diags, at, "file-open", "cannot open %s: %s", name, strerror(errno));
    }
    const bool is_ok = stream_read(stream, arena, source);
    const int error = errno;
    fclose(stream);
    if (!is_ok) {
        return diag_world(diags, at, "file-read", "cannot read %s: %s", name, strerror(error));
    }
    return source->size <= FILE_SIZE_MAX || diag_error(diags, at, "model-json",
                                                       "%s is larger than %d MiB, no model's "
                                                       "config.json",
                                                       name, FILE_SIZE_MAX >> 20);
}

/* FNV-1a, 64 bits, as of the catalogues. */
static uint64_t hash_of(const struct diag_source *source) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < source->size; i++) {
        hash = (hash ^ (unsigned char)source->text[i]) * 0x100000001b3U;
    }
    return hash;
}

/* ---- the model ---- */

/* Into the language model of a multimodal one. */
static void unwrap(struct model_json *json) {
    static const char *const wrappers[] = {"thinker_config", "text_config", "llm_config", "language_config",
                                           "language_model_config"};
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        (void)model_json_enter(json, wrappers[i]);
    }
    if (json->inside[0] != '\0') {
        model_json_assume(json, "%s alone: what is beside the language model is left out", json->inside);
    } else if (model_json_has(json, "vision_config|audio_config|vision_tower")) {
        model_json_assume(json, "the language model alone: vision and audio parts are left out");
    }
}

static const char *class_name(struct model_json *json) {
    const json_t *list = json_object_get(json->object, "architectures");
    const json_t *first = json_array_get(json_is_array(list) ? list : json_object_get(json->root, "architectures"), 0);
    return json_string_value(first);
}

/* By model_type, else by the class that `architectures` names. */
static const struct model_family *family_of(struct model_json *json, struct model_config *config) {
    static const struct model_family unknown = {.type = "?"};
    const char *type = model_json_text(json, "model_type", NULL);
    const char *class = class_name(json);
    const struct model_family *family = type == NULL ? NULL : model_family_find(type);
    if (family == NULL && class != NULL) {
        family = model_family_of_class(class);
    }
    const char *shown = type != NULL ? type : class != NULL ? class : "no model_type";
    config->type = arena_text(json->arena, shown, strlen(shown));
    config->is_known_type = family != NULL;
    return family == NULL ? &unknown : family;
}

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* A class without a head ("MistralModel"), or an encoder, gives vectors. */
static void read_task(struct model_json *json, const struct model_family *family, struct llm *llm) {
    const char *class = class_name(json);
    llm->bidirectional = family->encodes;
    llm->embeds = family->encodes || (class != NULL && ends_with(class, "Model") && !ends_with(class, "LMHeadModel"));
    if (llm->embeds) {
        llm->tied_embeddings = false; /* there is no LM head to tie */
        model_json_assume(json, "an embedding model: no LM head, one vector for each input");
    }
}

static void assume_no_drafts(struct model_json *json) {
    static const char keys[] = "num_nextn_predict_layers|mtp_num_hidden_layers|num_mtp_modules";
    if (model_json_has(json, keys) && model_json_integer(json, keys, 1000) > 0) {
        model_json_assume(json, "layers that predict further tokens are left out");
    }
}

static const char *report(const struct model_json *json, const struct model_config *config) {
    const struct llm *llm = &config->llm;
    const char *inside = json->inside[0] == '\0' ? "" : arena_format(json->arena, " in %s", json->inside);
    const double total = llm_params_total(llm) / 1e9;
    const double active = llm_params_active(llm) / 1e9;
    const char *of_it = llm->experts == 0 ? "" : arena_format(json->arena, ", %.4g of them active", active);
    return arena_format(json->arena, "%s, %.4g billion parameters%s, %s; read%s: %s; assumed: %s", config->type, total,
                        of_it, precision_name(llm->default_precision), inside, json->used,
                        json->assumed[0] == '\0' ? "nothing" : json->assumed);
}

static bool config_parse(const struct diag_source *source, struct position at, struct arena *arena,
                         struct model_config *config, struct diags *diags) {
    struct model_json json;
    if (!model_json_init(&json, arena, source, at, diags)) {
        return false;
    }
    unwrap(&json);
    const struct model_family *family = family_of(&json, config);
    config->llm = llm_unknown();
    config->llm.name = config->name;
    config->llm.type = config->type;
    config->llm.status = "datasheet";
    config->llm.source = config->name;
    model_shape_read(&json, family, &config->llm);
    read_task(&json, family, &config->llm);
    assume_no_drafts(&json);
    if (json.is_ok) {
        config->report = report(&json, config);
    }
    model_json_release(&json);
    return json.is_ok;
}

bool model_config_read(const char *path, const char *name, struct position at, struct arena *arena,
                       struct model_config *config, struct diags *diags) {
    struct diag_source *source = arena_alloc(arena, 1, sizeof *source);
    struct model_config made = {
        .path = arena_text(arena, path, strlen(path)), .name = arena_text(arena, name, strlen(name)), .is_ok = true};
    if (!source_read(made.path, at, arena, source, diags)) {
        return false;
    }
    made.hash = hash_of(source);
    if (!config_parse(source, at, arena, &made, diags)) {
        return false;
    }
    *config = made;
    return true;
}
