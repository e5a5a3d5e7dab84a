#include "study/names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_SIZE = 128 };

/* Endings that say nothing of a model's shape. */
static const char *const endings[] = {
    "-Instruct",
    "-Chat",
    "-it",
    "-Thinking",
    "-Base",
    "-hf",
    "-FP8",
    "-FP4",
    "-NVFP4",
    "-MXFP4",
    "-BF16",
    "-FP16",
    "-INT8",
    "-INT4",
    "-W4A16",
    "-W8A8",
    "-AWQ",
    "-GPTQ",
    "-GGUF",
    "-dynamic",
    "-block",
    "-KV",
    "-0324",
    "-0528",
    "-2507",
    "-2512",
    "-2503",
    "-2501",
    "-1.0",
    "-MTP",
    "-quantized.w8a8",
    "-quantized.w4a16",
    "-v0.1",
    "-v0.2",
    "-v0.3",
    "-pt",
    "-Preview",
    "-latest",
    "-128k",
    "-Reasoning",
};

/* Words before a name. */
static const char *const beginnings[] = {"Meta-",  "NVIDIA-",  "AMD-",   "Instinct-",
                                         "Intel-", "GeForce-", "Tesla-", "Google-"};

/* Without an organisation, hyphens for blanks and underscores, without the words before it. */
static void plain_name(const char *name, char plain[NAME_SIZE]) {
    const char *slash = strrchr(name, '/');
    snprintf(plain, NAME_SIZE, "%s", slash != NULL ? slash + 1 : name);
    for (char *at = plain; *at != '\0'; at++) {
        *at = *at == ' ' || *at == '_' ? '-' : *at;
    }
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t size = strlen(beginnings[i]);
        if (strncasecmp(plain, beginnings[i], size) == 0) {
            memmove(plain, plain + size, strlen(plain + size) + 1);
        }
    }
}

/* Takes one ending off; false if it has none. */
static bool cut_ending(char plain[NAME_SIZE]) {
    size_t size = strlen(plain);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i]);
        if (size > ending && strcasecmp(plain + size - ending, endings[i]) == 0) {
            plain[size - ending] = '\0';
            return true;
        }
    }
    return false;
}

/* Writes the spelling that the table has; false: it has none. */
static bool find(const struct catalog *catalog, enum catalog_table table, const char *name, char found[NAME_SIZE]) {
    snprintf(found, NAME_SIZE, "%s", name);
    bool is_there = catalog_find(catalog, table, span_of(found)) != SIZE_MAX;
    bool has_more = !is_there;
    if (has_more) {
        plain_name(name, found);
    }
    while (has_more) {
        is_there = catalog_find(catalog, table, span_of(found)) != SIZE_MAX;
        has_more = !is_there && cut_ending(found);
    }
    return is_there;
}

const struct gpu *names_gpu(const struct catalog *catalog, const char *name) {
    char found[NAME_SIZE];
    struct diags *diags = diags_new();
    const struct position nowhere = {0};
    const struct gpu *gpu = NULL;
    if (find(catalog, CATALOG_GPUS, name, found)) {
        gpu = catalog_gpu(catalog, span_of(found), diags, nowhere);
    }
    diags_free(diags);
    return gpu;
}

const struct llm *names_llm(const struct catalog *catalog, const char *name) {
    char found[NAME_SIZE];
    struct diags *diags = diags_new();
    const struct position nowhere = {0};
    const struct llm *llm = NULL;
    if (find(catalog, CATALOG_LLMS, name, found)) {
        llm = catalog_llm(catalog, span_of(found), diags, nowhere);
    }
    diags_free(diags);
    return llm;
}
