/* recipes.h - the flags that measured servers really ran with: a folder with recipes.csv and, if it is there, engine_defaults.csv
 * (docs/measured-format.md).
 *
 * Texts are as the file has them: a number, a formula of the row (study/formula.h), a word, a remark for people, or "": the
 * engine's default. */
#ifndef TOKENMILL_STUDY_RECIPES_H
#define TOKENMILL_STUDY_RECIPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "scenarios/catalog.h"

struct recipe {
    struct position at; /* first: see columns.h */
    const char *recipe_id, *kv_precision, *max_num_seqs, *max_num_batched_tokens, *prefill_chunk_tokens;
    const char *gpu_memory_fraction, *length_range_ratio, *client_requests_per_concurrency;
    const char *batch_wait_timeout_iters, *batch_wait_max_tokens_ratio, *speculative, *ep_condition, *other_flags,
        *cuda_graph_max_batch;
    const char *source, *engine, *model, *gpu, *precision, *attention_dp; /* what it ran */
};

/* A default that holds without a condition. */
struct engine_default {
    struct position at; /* first */
    const char *engine, *flag, *value, *condition;
};

struct recipe_book {
    const struct recipe *recipes; /* by id; in the arena */
    size_t recipe_count;
    const struct engine_default *defaults; /* in the arena */
    size_t default_count;
};

/* Reads the folder. Rules as columns.h, and "measured-duplicate". */
bool recipe_book_read(struct recipe_book *book, const char *dir, struct arena *arena, struct diags *diags);

/* NULL if there is none of that name, or `id` is "". */
const struct recipe *recipe_book_find(const struct recipe_book *book, const char *id);

/* The first recipe of this source (one is a beginning of the other's name), model and GPU, by the catalogue's names; NULL: none. */
const struct recipe *recipe_book_match(const struct recipe_book *book, const struct catalog *catalog,
                                       const char *source, const char *model, const char *gpu);

/* The engine's default of a flag as a text; "" if the folder states none without a condition. */
const char *recipe_book_default(const struct recipe_book *book, const char *engine, const char *flag);

#endif
