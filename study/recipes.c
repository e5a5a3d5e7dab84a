#include "study/recipes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/precision.h"
#include "study/columns.h"
#include "study/formula.h"

/* A remark for people has words: a letter, a digit or a bracket after a blank. */
static bool is_remark(const char *text) {
    for (const char *blank = strchr(text, ' '); blank != NULL; blank = strchr(blank + 1, ' ')) {
        if (isalnum((unsigned char)blank[1]) || blank[1] == '(') {
            return true;
        }
    }
    return false;
}

/* A formula that is in the range for some row, or a remark. `most` 0: no limit. */
static bool is_flag(const char *text, double most) {
    const struct formula_names some = {.conc = 64, .isl = 1024, .osl = 1024, .tp = 1};
    double value;
    if (!formula_value(text, &some, &value)) {
        return is_remark(text);
    }
    return value > 0 && (most == 0 || value <= most);
}

static bool is_count(const char *text) {
    return is_flag(text, 0);
}

static bool is_share(const char *text) {
    return is_flag(text, 1);
}

static bool is_kv_precision(const char *text) {
    enum precision precision;
    const struct span word = {text, strcspn(text, "_ ;")};
    bool is_known = precision_from_text(word, &precision) && precision_is_for_kv(precision);
    return is_known || strcmp(text, "auto") == 0 || is_remark(text);
}

#define TEXT(field, needed)                                                                                            \
    { .name = #field, .kind = COLUMN_TEXT, .need = needed, .offset = offsetof(struct recipe, field) }

#define FLAG(field, needed, fine, what)                                                                                \
    {                                                                                                                  \
        .name = #field, .kind = COLUMN_TEXT, .need = needed, .offset = offsetof(struct recipe, field),                 \
        .is_fine = fine, .wanted = what                                                                                \
    }
#define COUNT(field, needed) FLAG(field, needed, is_count, "a number above 0 or a formula of conc, isl, osl and tp")
#define SHARE(field)         FLAG(field, COLUMN_OPTIONAL, is_share, "a share above 0, up to 1")

static const struct column recipe_columns[] = {
    TEXT(recipe_id, COLUMN_FILLED),
    FLAG(kv_precision, COLUMN_REQUIRED, is_kv_precision, "auto, or a precision that a KV cache can have"),
    COUNT(max_num_seqs, COLUMN_REQUIRED),
    COUNT(max_num_batched_tokens, COLUMN_REQUIRED),
    COUNT(prefill_chunk_tokens, COLUMN_OPTIONAL),
    SHARE(gpu_memory_fraction),
    TEXT(length_range_ratio, COLUMN_OPTIONAL),
    TEXT(client_requests_per_concurrency, COLUMN_OPTIONAL),
    COUNT(batch_wait_timeout_iters, COLUMN_OPTIONAL),
    SHARE(batch_wait_max_tokens_ratio),
    COUNT(cuda_graph_max_batch, COLUMN_OPTIONAL),
    TEXT(speculative, COLUMN_OPTIONAL),
    TEXT(source, COLUMN_OPTIONAL),
    TEXT(engine, COLUMN_OPTIONAL),
    TEXT(model, COLUMN_OPTIONAL),
    TEXT(gpu, COLUMN_OPTIONAL),
    TEXT(precision, COLUMN_OPTIONAL),
    TEXT(attention_dp, COLUMN_OPTIONAL),
    TEXT(ep_condition, COLUMN_OPTIONAL),
    TEXT(other_flags, COLUMN_OPTIONAL),
};

static const struct column default_columns[] = {
    {.name = "engine", .need = COLUMN_FILLED, .offset = offsetof(struct engine_default, engine)},
    {.name = "flag", .need = COLUMN_FILLED, .offset = offsetof(struct engine_default, flag)},
    {.name = "default", .need = COLUMN_REQUIRED, .offset = offsetof(struct engine_default, value)},
    {.name = "condition", .need = COLUMN_REQUIRED, .offset = offsetof(struct engine_default, condition)},
};

#define COLUMNS_OF(table, row)                                                                                         \
    (struct columns) {                                                                                                 \
        table, sizeof table / sizeof table[0], sizeof(row)                                                             \
    }

static int by_id(const void *a, const void *b) {
    return strcmp(((const struct recipe *)a)->recipe_id, ((const struct recipe *)b)->recipe_id);
}

static bool recipes_read(struct recipe_book *book, const char *dir, struct arena *arena, struct diags *diags) {
    const struct columns columns = COLUMNS_OF(recipe_columns, struct recipe);
    void *rows;
    if (!columns_read(&columns, arena_format(arena, "%s/recipes.csv", dir), arena, &rows, &book->recipe_count, diags)) {
        return false;
    }
    struct recipe *recipes = rows;
    bool is_ok = true;
    qsort(recipes, book->recipe_count, sizeof *recipes, by_id);
    for (size_t i = 1; i < book->recipe_count; i++) {
        if (by_id(&recipes[i - 1], &recipes[i]) == 0) {
            is_ok = diag_error(diags, recipes[i].at, "measured-duplicate", "recipe_id '%s' stands twice (also line %u)",
                               recipes[i].recipe_id, recipes[i - 1].at.line);
        }
    }
    book->recipes = recipes;
    return is_ok;
}

static bool defaults_read(struct recipe_book *book, const char *dir, struct arena *arena, struct diags *diags) {
    const struct columns columns = COLUMNS_OF(default_columns, struct engine_default);
    const char *path = arena_format(arena, "%s/engine_defaults.csv", dir);
    void *rows;
    if (access(path, F_OK) != 0) {
        return true;
    }
    if (!columns_read(&columns, path, arena, &rows, &book->default_count, diags)) {
        return false;
    }
    book->defaults = rows;
    return true;
}

bool recipe_book_read(struct recipe_book *book, const char *dir, struct arena *arena, struct diags *diags) {
    struct recipe_book made = {.recipe_count = 0};
    bool is_ok = recipes_read(&made, dir, arena, diags);
    is_ok = defaults_read(&made, dir, arena, diags) && is_ok;
    if (is_ok) {
        *book = made;
    }
    return is_ok;
}

const struct recipe *recipe_book_find(const struct recipe_book *book, const char *id) {
    const struct recipe wanted = {.recipe_id = id};
    if (book->recipe_count == 0 || id[0] == '\0') {
        return NULL;
    }
    return bsearch(&wanted, book->recipes, book->recipe_count, sizeof *book->recipes, by_id);
}

static bool is_same_row(const struct catalog *catalog, enum catalog_table table, const char *a, const char *b) {
    size_t index = catalog_find(catalog, table, span_of(a));
    return index != SIZE_MAX && index == catalog_find(catalog, table, span_of(b));
}

const struct recipe *recipe_book_match(const struct recipe_book *book, const struct catalog *catalog,
                                       const char *source, const char *model, const char *gpu) {
    for (size_t i = 0; i < book->recipe_count; i++) {
        const struct recipe *recipe = &book->recipes[i];
        size_t shorter = strlen(source) < strlen(recipe->source) ? strlen(source) : strlen(recipe->source);
        if (shorter > 0 && strncmp(source, recipe->source, shorter) == 0 &&
            is_same_row(catalog, CATALOG_LLMS, model, recipe->model) &&
            is_same_row(catalog, CATALOG_GPUS, gpu, recipe->gpu)) {
            return recipe;
        }
    }
    return NULL;
}

const char *recipe_book_default(const struct recipe_book *book, const char *engine, const char *flag) {
    for (size_t i = 0; i < book->default_count; i++) {
        const struct engine_default *row = &book->defaults[i];
        if (row->condition[0] == '\0' && strcmp(row->engine, engine) == 0 && strcmp(row->flag, flag) == 0) {
            return row->value;
        }
    }
    return "";
}
