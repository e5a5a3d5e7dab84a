/* tokenmill.h - simulate a self-hosted LLM serving cluster, and say what it costs. The library's only header.
 *
 *     struct tmill_messages *messages = tmill_messages_new();
 *     struct tmill_scenario *scenario = tmill_scenario_read("chat.yaml", NULL, messages);
 *     struct tmill_results *results = NULL;
 *     if (scenario != NULL && tmill_run(scenario, 0, NULL, &results, messages) == TMILL_DONE) {
 *         printf("%g USD per million tokens\n", tmill_results_value(results, 0, "usd_per_mtok_total"));
 *     }
 *     fputs(tmill_messages_text(messages, false), stderr);
 *     tmill_results_free(results);
 *     tmill_scenario_free(scenario);
 *     tmill_messages_free(messages);
 *
 * Handles are opaque. What `_read`, `_new`, `_run` and `_sweep` make is freed with the `_free` of its type, which accepts NULL; texts
 * returned as `char *` are the caller's and go to free(); `const char *` is borrowed and lives as long as its handle.
 *
 * Failure: a function that can fail returns a status, or NULL, and adds to `messages` what was wrong. `messages` may be NULL
 * wherever it is asked for. The library never prints, never exits, and installs no signal handler. Two things abort the process:
 * a bug of ours (a failed check says where) and running out of memory.
 *
 * Threads: there is no global state. Different handles may be used by different threads at once; a scenario and results are
 * immutable and may be shared; one `messages` belongs to one thread at a time. One exception: HDF5 is not safe to use from
 * several threads, so one `tmill_results_write_hdf5` at a time in a process.
 *
 * Same scenario, same seed: the same results, bit for bit, for any number of threads. */
#ifndef TOKENMILL_H
#define TOKENMILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TMILL_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0". */
TMILL_API const char *tmill_version(void);

/* How a call ended. The values are the program's exit codes. */
enum tmill_status {
    TMILL_DONE = 0,
    TMILL_USAGE = 2,         /* a point, table or option that does not exist */
    TMILL_BAD_INPUT = 3,     /* a mistake in the scenario, a trace or a catalogue */
    TMILL_WORLD = 4,         /* no such file, disk full */
    TMILL_NO_ANSWER = 5,     /* the question has no answer */
    TMILL_INTERRUPTED = 130, /* the listener asked to abandon */
};

/* --- messages: what was wrong, and what is worth knowing ------------------------------------------------- */

struct tmill_messages;

TMILL_API struct tmill_messages *tmill_messages_new(void);
TMILL_API void tmill_messages_free(struct tmill_messages *messages);

/* All messages so far, each `file:line:column: error: text [rule-name]` with the line and a caret below; "" without any.
 * With `colour`, ANSI colours. Valid until the next call that is given `messages`. */
TMILL_API const char *tmill_messages_text(const struct tmill_messages *messages, bool colour);

/* Errors so far; warnings are not counted. */
TMILL_API size_t tmill_messages_error_count(const struct tmill_messages *messages);

/* The status of the worst error so far: bad input before the world before no answer; TMILL_DONE without errors. */
TMILL_API enum tmill_status tmill_messages_status(const struct tmill_messages *messages);

/* Forgets all messages. */
TMILL_API void tmill_messages_clear(struct tmill_messages *messages);

/* --- scenarios ------------------------------------------------------------------------------------------- */

struct tmill_scenario;

struct tmill_scenario_options {
    const char *const *sets; /* "a.b=value", as --set; a later one wins */
    size_t set_count;
    bool has_seed;
    uint64_t seed;           /* instead of the file's */
    const char *catalog_dir; /* a folder of catalogues; NULL: the compiled-in ones */
    bool stepwise;           /* the plain engine instead of the leap: the same results, slowly */
    bool skip_sweep;         /* check the `sweep` block, then read the file as if it had none */
};

/* Reads and checks a scenario file and every point of its sweep; finds all mistakes at once. `options` may be NULL. NULL if
 * anything is wrong; tmill_messages_status says of which kind. */
TMILL_API struct tmill_scenario *tmill_scenario_read(const char *path, const struct tmill_scenario_options *options,
                                                     struct tmill_messages *messages);
TMILL_API void tmill_scenario_free(struct tmill_scenario *scenario);

TMILL_API const char *tmill_scenario_name(const struct tmill_scenario *scenario);
TMILL_API uint64_t tmill_scenario_seed(const struct tmill_scenario *scenario);

/* Dimensions of the sweep: 0 without a `sweep` block. */
TMILL_API size_t tmill_scenario_axis_count(const struct tmill_scenario *scenario);

/* Points of the sweep that `skip_sweep` left out; 0 otherwise. */
TMILL_API size_t tmill_scenario_skipped_count(const struct tmill_scenario *scenario);

/* What the dimension is called in the results ("rate_per_s"), and how many values it has. axis < axis count. */
TMILL_API const char *tmill_scenario_axis_name(const struct tmill_scenario *scenario, size_t axis);
TMILL_API size_t tmill_scenario_axis_length(const struct tmill_scenario *scenario, size_t axis);

/* Points of the sweep, the product of the axes' lengths; 1 without one. Numbered from 0, the last axis fastest. */
TMILL_API size_t tmill_scenario_point_count(const struct tmill_scenario *scenario);

/* The config.json files that `model:` names: 0 if it names none. */
TMILL_API size_t tmill_scenario_model_count(const struct tmill_scenario *scenario);

/* The file as the scenario names it, the FNV-1a-64 hash of its bytes, and which fields were read and what was assumed, for people.
 * index < model count. */
TMILL_API const char *tmill_scenario_model_path(const struct tmill_scenario *scenario, size_t index);
TMILL_API uint64_t tmill_scenario_model_hash(const struct tmill_scenario *scenario, size_t index);
TMILL_API const char *tmill_scenario_model_report(const struct tmill_scenario *scenario, size_t index);

/* --- running --------------------------------------------------------------------------------------------- */

struct tmill_progress {
    size_t points_done;
    size_t points_total;
    double done_ratio;   /* of all the work, 0..1; points weigh the same, running ones count by their share */
    double elapsed_s;    /* wall clock */
    double left_s;       /* at the mean rate so far; negative: not known yet */
    double points_per_s; /* mean so far */
    double simulated_s;  /* where the point that reported last stands */
};

/* Called at most five times a second, from any of the run's threads but never from two at once. Returns false to abandon the
 * run, which then ends within a fraction of a second as TMILL_INTERRUPTED. */
typedef bool tmill_progress_listener(void *context, const struct tmill_progress *progress);

struct tmill_run_options {
    unsigned jobs;                     /* threads of a sweep; 0: all cores */
    tmill_progress_listener *listener; /* NULL: none */
    void *context;                     /* the listener's */
    const char
        *requests_path; /* tmill_run only: a CSV with one row a request (docs/semantics.md section 9); NULL: none */
    bool series;        /* tmill_run only: a time series even if the scenario has no `series`, of 60 s then */
};

struct tmill_results;

/* Runs one point (0 where there is no sweep). TMILL_DONE: `*results` is set; it borrows `scenario`, which must outlive it.
 * `options` may be NULL. */
TMILL_API enum tmill_status tmill_run(const struct tmill_scenario *scenario, size_t point,
                                      const struct tmill_run_options *options, struct tmill_results **results,
                                      struct tmill_messages *messages);

/* Runs every point of the sweep; likewise. */
TMILL_API enum tmill_status tmill_sweep(const struct tmill_scenario *scenario, const struct tmill_run_options *options,
                                        struct tmill_results **results, struct tmill_messages *messages);

/* --- results --------------------------------------------------------------------------------------------- */

TMILL_API void tmill_results_free(struct tmill_results *results);

TMILL_API size_t tmill_results_point_count(const struct tmill_results *results);

/* A number of point `point` by the name that it has in the file (docs/metrics.md): "usd_per_mtok_total", "load_ratio",
 * "ttft_p99_s". Booleans are 0 and 1. NaN if there is no such number, no such metric, or it is no single number of the run. */
TMILL_API double tmill_results_value(const struct tmill_results *results, size_t point, const char *metric);

/* Why a point is not feasible (an SLO missed, saturated); "" if it is. */
TMILL_API const char *tmill_results_infeasible_reason(const struct tmill_results *results, size_t point);

/* For people: plain text, at most 100 columns. */
TMILL_API char *tmill_results_table(const struct tmill_results *results);

/* One JSON object with stable keys: of a run, or {name, axes, points} of a sweep. */
TMILL_API char *tmill_results_json(const struct tmill_results *results);

/* Write a file whole or not at all. HDF5 that is also netCDF-4; CSV with one row a point. */
TMILL_API enum tmill_status tmill_results_write_hdf5(const struct tmill_results *results, const char *path,
                                                     struct tmill_messages *messages);
TMILL_API enum tmill_status tmill_results_write_csv(const struct tmill_results *results, const char *path,
                                                    struct tmill_messages *messages);

/* The time series of one run (tmill_run with `series`, or a scenario that has it): a row an interval and pool. TMILL_USAGE without one. */
TMILL_API enum tmill_status tmill_results_write_series(const struct tmill_results *results, const char *path,
                                                       struct tmill_messages *messages);

/* --- screening: what it would cost, analytically --------------------------------------------------------- */

struct tmill_screen;

/* The steady state, without simulating, of every point of the sweep; without a sweep, of every configuration that the catalogue has
 * for the scenario's models: GPU, tensor-parallel size, precision, batch size. Rates are those of full load, latencies
 * those without a wait. TMILL_DONE: `*screen` is set; it borrows `scenario`, which must outlive it. The environment variable
 * TOKENMILL_CPU_LEVEL (baseline, avx2, avx512) lowers the vector instructions used; it changes no result. */
TMILL_API enum tmill_status tmill_screen(const struct tmill_scenario *scenario, struct tmill_screen **screen,
                                         struct tmill_messages *messages);
TMILL_API void tmill_screen_free(struct tmill_screen *screen);

/* For people: the cheapest configurations that meet the SLO, the front of cost and TPOT, and what binds each. */
TMILL_API char *tmill_screen_table(const struct tmill_screen *screen);

/* One JSON object with stable keys. */
TMILL_API char *tmill_screen_json(const struct tmill_screen *screen);

/* Writes a CSV file, whole or not at all: one row a configuration (of a sweep: a point). */
TMILL_API enum tmill_status tmill_screen_write_csv(const struct tmill_screen *screen, const char *path,
                                                   struct tmill_messages *messages);

/* --- validating: measured runs, simulated ---------------------------------------------------------------- */

struct tmill_validation;

struct tmill_validate_options {
    const char *recipes_dir; /* the flags that servers ran with; NULL: the engines' defaults */
    const char *const *sets; /* "fleet.main.x=value": keys for every row's scenario, in order */
    size_t set_count;
    const char *catalog_dir; /* NULL: the compiled-in catalogues */
    bool has_seed;
    uint64_t seed;
    bool stepwise;                     /* the plain engine: the same results, slowly */
    unsigned jobs;                     /* threads; 0: all cores. Changes no result */
    tmill_progress_listener *listener; /* NULL: none */
    void *context;                     /* the listener's */
};

/* Rebuilds and simulates every measured run of a CSV file, or replays its requests (docs/measured-format.md). TMILL_DONE:
 * `*validation` is set. `options` may be NULL. */
TMILL_API enum tmill_status tmill_validate(const char *path, const struct tmill_validate_options *options,
                                           struct tmill_validation **validation, struct tmill_messages *messages);
TMILL_API void tmill_validation_free(struct tmill_validation *validation);

/* For people: what was skipped and flagged, errors by class and cell. */
TMILL_API char *tmill_validation_table(const struct tmill_validation *validation);

/* One JSON object with stable keys. */
TMILL_API char *tmill_validation_json(const struct tmill_validation *validation);

/* Write a file, whole or not at all: one row a prediction; a picture of measured against predicted. */
TMILL_API enum tmill_status tmill_validation_write_csv(const struct tmill_validation *validation, const char *path,
                                                       struct tmill_messages *messages);
TMILL_API enum tmill_status tmill_validation_write_svg(const struct tmill_validation *validation, const char *path,
                                                       struct tmill_messages *messages);

/* --- calibrating: step times fitted to measured runs ------------------------------------------------------ */

struct tmill_calibration;

struct tmill_calibrate_options {
    const char *recipes_dir;                      /* the flags that servers ran with; NULL: the engines' defaults */
    const char *gpu, *model, *precision, *engine; /* what served, for the JSON of a load generator; NULL: not said */
    int64_t tensor_parallel;                      /* likewise; 0: not said */
    const char *base;                             /* a profile to start from; NULL: the shipped one */
    const char *
        hold_out; /* rows whose "model|gpu|engine|precision|source" matches this glob are predicted, not fitted; NULL: none */
    const char *catalog_dir; /* NULL: the compiled-in catalogues */
    bool has_seed;
    uint64_t seed;
    bool stepwise;                     /* the plain engine: the same results, slowly */
    unsigned jobs;                     /* threads; 0: all cores. Changes no result */
    tmill_progress_listener *listener; /* of each simulation of all rows anew; NULL: none */
    void *context;                     /* the listener's */
};

/* Fits a profile of step times to the measured runs of a CSV file, or of what `vllm bench serve` or GuideLLM saved as JSON (docs/step-times.md). TMILL_DONE: `*calibration` is set. `options` may be
 * NULL; what it points to must live until the calibration is freed. */
TMILL_API enum tmill_status tmill_calibrate(const char *path, const struct tmill_calibrate_options *options,
                                            struct tmill_calibration **calibration, struct tmill_messages *messages);
TMILL_API void tmill_calibration_free(struct tmill_calibration *calibration);

/* For people: parameters with intervals, errors in and out of sample by class and cell. */
TMILL_API char *tmill_calibration_table(const struct tmill_calibration *calibration);

/* One JSON object with stable keys. */
TMILL_API char *tmill_calibration_json(const struct tmill_calibration *calibration);

/* Writes the fitted values as a file that `step_time: {profile: FILE}` reads, whole or not at all. */
TMILL_API enum tmill_status tmill_calibration_write_profile(const struct tmill_calibration *calibration,
                                                            const char *path, struct tmill_messages *messages);

/* --- what the library knows ------------------------------------------------------------------------------ */

/* JSON Schema (draft 2020-12) of scenario files. */
TMILL_API char *tmill_schema_json(void);

/* Reference pages in Markdown: the keys of scenario files; the metrics of results. */
TMILL_API char *tmill_scenario_reference(void);
TMILL_API char *tmill_metrics_reference(void);

/* Tables of the catalogue: "gpus", "models", "images", "apis", "regions", "power". NULL past the last. */
TMILL_API const char *tmill_catalog_table_name(size_t index);

struct tmill_catalog_query {
    const char *table;
    const char *name;        /* one row, by name or alias, with every column; NULL: all rows, main columns */
    const char *catalog_dir; /* NULL: the compiled-in catalogues */
    bool json;               /* an array of objects (one object with `name`), every column; else for people */
};

/* Rows of the catalogue. NULL, with a message, if there is no such table or row, or the folder cannot be read. */
TMILL_API char *tmill_catalog_text(const struct tmill_catalog_query *query, struct tmill_messages *messages);

/* The candidate that `word` was probably meant to be, or NULL. Borrowed from `candidates`. */
TMILL_API const char *tmill_guess(const char *word, const char *const *candidates, size_t count);

#ifdef __cplusplus
}
#endif

#endif
