/* Keys of language models in a pool that serves another kind of model. */
#include "scenarios/resolve.h"

static bool refuse(struct resolver *resolver, const struct view *view, const char *key, const char *model,
                   const char *kind) {
    return !view_has(view, key) ||
           diag_error(resolver->diags, view_at(view, key), "key-not-used", "%s has no use: %s %s",
                      view_path(resolver->arena, view, key), model, kind);
}

bool resolve_language_keys(struct resolver *resolver, const struct view *pool, const struct vision_model *image,
                           const struct llm *llm) {
    const bool makes_images = image != NULL;
    if (!makes_images && (llm == NULL || !llm->embeds)) {
        return true;
    }
    const char *model = makes_images ? image->name : llm->name;
    const char *kind = makes_images ? "makes images" : "answers with vectors, and has no decodes to capture";
    const struct view step = view_block(resolver->arena, pool, "step_time");
    bool is_ok = refuse(resolver, &step, "capture_sizes", model, kind);
    is_ok = refuse(resolver, &step, "max_capture_size", model, kind) && is_ok;
    if (makes_images) { /* a prompt for a vector has KV while it is computed, in an engine */
        is_ok = refuse(resolver, pool, "engine", model, kind) && is_ok;
        is_ok = refuse(resolver, pool, "kv_precision", model, kind) && is_ok;
    }
    return is_ok;
}
