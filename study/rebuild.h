/* rebuild.h - a measured row's server and client as a point ready to run: the same path as a scenario's.
 *
 * The row becomes the keys of a scenario (`--set`), so that whatever the reader knows of memory, step times and schedulers holds here too.
 * `sets` of the context come last and win: a calibration tries constants with them ("fleet.main.step_time.overhead.per_step=0.5ms").
 * A context is immutable; any number of threads may rebuild rows at once. */
#ifndef TOKENMILL_STUDY_REBUILD_H
#define TOKENMILL_STUDY_REBUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "models/gpu.h"
#include "models/llm.h"
#include "scenarios/scenario.h"
#include "study/client.h"
#include "study/engines.h"
#include "study/measured.h"
#include "study/recipes.h"

struct rebuild_context;

struct rebuild_options {
    const char *catalog_dir; /* NULL: the compiled-in catalogues */
    const char *const *sets; /* "fleet.main.x=value"; borrowed */
    size_t set_count;
    enum engine_kind engine;
    bool has_seed;
    uint64_t seed;
    const struct profile
        *profile; /* instead of the shipped one (scenarios/scenario.h); borrowed; NULL: the shipped one */
};

/* `book` is borrowed; empty: no recipes. NULL with diagnostics if `sets` are no keys of a scenario. */
struct rebuild_context *rebuild_context_new(const struct recipe_book *book, const struct rebuild_options *options,
                                            struct diags *diags);
void rebuild_context_free(struct rebuild_context *context); /* accepts NULL */

const struct catalog *rebuild_catalog(const struct rebuild_context *context);

/* The recipe of that id, or, where the row names none, the first of its source, model and GPU; NULL: there is none. For runs that do not name
 * their recipe; rebuild_row itself goes by the id alone. */
const struct recipe *rebuild_recipe(const struct rebuild_context *context, const struct measured_row *row);

/* Why a row is not rebuilt. */
enum rebuild_skip {
    SKIP_NONE,
    SKIP_UNKNOWN_GPU,
    SKIP_UNKNOWN_MODEL,
    SKIP_UNKNOWN_ENGINE,
    SKIP_DISAGGREGATED,
    SKIP_DOES_NOT_FIT, /* in memory */
    SKIP_PARALLELISM,  /* GPUs, tp, pp and attention_dp do not go together */
    SKIP_NOT_MODELLED, /* the model's shape, the GPU's peak at this precision, ...: `why` */
    SKIP_COUNT
};

const char *rebuild_skip_name(enum rebuild_skip skip); /* "unknown-gpu", ... */

enum { REBUILD_WHY_SIZE = 160 };

struct rebuilt {
    enum rebuild_skip skip;
    char why[REBUILD_WHY_SIZE];   /* of SKIP_NOT_MODELLED: the reader's rule and message */
    struct resolved_point *point; // owned; NULL where skipped
    struct pool_config pool;      /* the point's, its length limit lifted: a rebuilt row may not be moved */
    struct client client;
    const struct engine *engine; /* borrowed; NULL: unknown */
    const struct recipe *recipe; /* borrowed; NULL: none */
    const struct gpu *gpu;       /* borrowed from the context, likewise */
    const struct llm *llm;
    enum precision precision;
    bool parallelism_assumed; /* tp is not stated */
};

/* Release with rebuilt_release, also where skipped. */
void rebuild_row(const struct rebuild_context *context, const struct measured_row *row, struct rebuilt *rebuilt);
void rebuilt_release(struct rebuilt *rebuilt);

#endif
