#include "models/profile_scope.h"

#include <string.h>

#include "models/serving_engine.h"

size_t profile_scope_parts(const char *term, enum scope_part parts[SCOPE_PARTS_MAX]) {
    static const struct {
        const char *term;
        size_t count;
        enum scope_part parts[SCOPE_PARTS_MAX];
    } scopes[] = {
        {"Sa", 2, {SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"Sma", 2, {SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"mt", 2, {SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"Spa", 2, {SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"Spm", 2, {SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"Sx", 3, {SCOPE_ENGINE, SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"Smx", 3, {SCOPE_ENGINE, SCOPE_ARCHITECTURE, SCOPE_FORMAT}},
        {"hl", 2, {SCOPE_ENGINE, SCOPE_KIND}},
        {"ca", 1, {SCOPE_ARCHITECTURE}},
        {"fam", 1, {SCOPE_FAMILY}},
        {"clblk", 0, {0}},
        {"cdp", 0, {0}},
        {"mla", 0, {0}},
    };
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        if (strcmp(scopes[i].term, term) == 0) {
            memcpy(parts, scopes[i].parts, sizeof scopes[i].parts);
            return scopes[i].count;
        }
    }
    parts[0] = SCOPE_ENGINE;
    return 1;
}

const char *profile_scope_part_name(enum scope_part part) {
    static const char *const names[] = {"engine", "architecture", "format", "kind", "family"};
    return names[part];
}

size_t profile_scope_words(enum scope_part part, const char *words[SCOPE_WORDS_MAX]) {
    static const char *const architectures[] = {"Hopper", "Blackwell", "Ampere", "Ada", "CDNA3", "CDNA4"};
    static const char *const formats[] = {"16", "8", "8b", "4", "mx", "i4"};
    static const char *const kinds[] = {"dense", "moe"};
    static const char *const families[] = {"llama",    "llama4", "qwen",    "qwen3.5", "qwen3moe",
                                           "deepseek", "gemma",  "gpt-oss", "minimax", ""};
#define TAKE(table) (memcpy(words, table, sizeof(table)), sizeof(table) / sizeof(table)[0])
    switch (part) {
    case SCOPE_ARCHITECTURE: return TAKE(architectures);
    case SCOPE_FORMAT: return TAKE(formats);
    case SCOPE_KIND: return TAKE(kinds);
    case SCOPE_FAMILY: return TAKE(families);
    case SCOPE_ENGINE: break;
    }
#undef TAKE
    for (int i = 0; i < SERVING_ENGINE_COUNT; i++) {
        words[i] = serving_engine_name((enum serving_engine)i);
    }
    return SERVING_ENGINE_COUNT;
}
