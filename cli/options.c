#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tokenmill.h"
#include "cli/terminal.h"

enum option_id {
    OPTION_SET = 256,
    OPTION_SEED,
    OPTION_JOBS,
    OPTION_OUTPUT,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_SVG,
    OPTION_REQUESTS,
    OPTION_SERIES,
    OPTION_RECIPES,
    OPTION_BASE,
    OPTION_HOLD_OUT,
    OPTION_GPU,
    OPTION_MODEL,
    OPTION_TENSOR_PARALLEL,
    OPTION_PRECISION,
    OPTION_ENGINE,
    OPTION_POINT,
    OPTION_STRICT,
    OPTION_STEPWISE,
    OPTION_MARKDOWN,
    OPTION_METRICS,
    OPTION_CATALOG,
    OPTION_QUIET,
    OPTION_HELP,
};

struct option_row {
    enum option_id id;
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* NULL: a flag */
    unsigned commands;
    const char *help;
};

static const struct option_row rows[] = {
    {OPTION_SET, "set", 0, "KEY=VALUE", COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_CHECK | COMMAND_VALIDATE,
     "change a key of the scenario; may be repeated, a later one wins"},
    {OPTION_SEED, "seed", 0, "N",
     COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_CHECK | COMMAND_VALIDATE | COMMAND_CALIBRATE,
     "seed, instead of the scenario's"},
    {OPTION_JOBS, "jobs", 'j', "N", COMMAND_RUN | COMMAND_SWEEP | COMMAND_VALIDATE | COMMAND_CALIBRATE,
     "threads (default: all cores); changes no result"},
    {OPTION_OUTPUT, "output", 'o', "FILE", COMMAND_RUN | COMMAND_SWEEP | COMMAND_CALIBRATE,
     "write results to an HDF5 / netCDF-4 file (calibrate: the profile, CSV)"},
    {OPTION_JSON, "json", 0, NULL,
     COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_CHECK | COMMAND_CATALOG | COMMAND_VALIDATE |
         COMMAND_CALIBRATE,
     "print JSON instead of a table"},
    {OPTION_CSV, "csv", 0, "FILE", COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_VALIDATE,
     "write one row a point (validate: a prediction)"},
    {OPTION_SVG, "svg", 0, "FILE", COMMAND_VALIDATE, "draw measured against predicted"},
    {OPTION_REQUESTS, "requests", 0, "FILE", COMMAND_RUN, "write one row a request (CSV)"},
    {OPTION_RECIPES, "recipes", 0, "DIR", COMMAND_VALIDATE | COMMAND_CALIBRATE,
     "recipes.csv: the flags that the measured servers ran with (default: their engines' defaults)"},
    {OPTION_BASE, "base", 0, "FILE", COMMAND_CALIBRATE, "profile to start from (default: the shipped one)"},
    {OPTION_HOLD_OUT, "hold-out", 0, "PATTERN", COMMAND_CALIBRATE,
     "predict, but do not fit, rows whose model|gpu|engine|precision|source matches"},
    {OPTION_GPU, "gpu", 0, "NAME", COMMAND_CALIBRATE, "of a load generator's JSON: the GPU that served"},
    {OPTION_MODEL, "model", 0, "NAME", COMMAND_CALIBRATE,
     "likewise: the model, if the file's name for it is not the catalogue's"},
    {OPTION_TENSOR_PARALLEL, "tensor-parallel", 0, "N", COMMAND_CALIBRATE,
     "likewise: GPUs of the replica (default: 1)"},
    {OPTION_PRECISION, "precision", 0, "NAME", COMMAND_CALIBRATE,
     "likewise: of the weights (default: the model's own)"},
    {OPTION_ENGINE, "engine", 0, "NAME", COMMAND_CALIBRATE, "likewise: vllm, sglang, trtllm or atom (default: vllm)"},
    {OPTION_SERIES, "series", 0, "FILE", COMMAND_RUN, "write one row an interval and pool (CSV)"},
    {OPTION_POINT, "point", 0, "N", COMMAND_RUN, "run this point of the sweep, from 0"},
    {OPTION_STRICT, "strict", 0, NULL, COMMAND_RUN | COMMAND_SWEEP, "exit 5 if a point is saturated or misses its SLO"},
    {OPTION_STEPWISE, "stepwise", 0, NULL, COMMAND_RUN | COMMAND_SWEEP | COMMAND_VALIDATE | COMMAND_CALIBRATE,
     "use the stepwise engine: the same results, slowly"},
    {OPTION_MARKDOWN, "markdown", 0, NULL, COMMAND_SCHEMA, "print the reference page of the keys instead"},
    {OPTION_METRICS, "metrics", 0, NULL, COMMAND_SCHEMA, "print the reference page of the results' metrics instead"},
    {OPTION_CATALOG, "catalog", 0, "DIR",
     COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_CHECK | COMMAND_CATALOG | COMMAND_VALIDATE |
         COMMAND_CALIBRATE,
     "catalogues to use instead of the compiled-in ones"},
    {OPTION_QUIET, "quiet", 'q', NULL,
     COMMAND_RUN | COMMAND_SWEEP | COMMAND_SCREEN | COMMAND_CHECK | COMMAND_VALIDATE | COMMAND_CALIBRATE,
     "no progress, warnings or notes on stderr"},
    {OPTION_HELP, "help", 'h', NULL, COMMAND_ALL, "print this help"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], SHORT_SIZE = 2 * ROW_COUNT + 2, JOBS_MAX = 4096 };

/* getopt's two descriptions of the same rows. The leading ':' tells a missing argument from an unknown option. */
static void describe(struct option *longs, char *shorts) {
    size_t used = 0;
    shorts[used++] = ':';
    for (size_t i = 0; i < ROW_COUNT; i++) {
        bool takes = rows[i].argument != NULL;
        longs[i] = (struct option){
            .name = rows[i].name, .has_arg = takes ? required_argument : no_argument, .val = (int)rows[i].id};
        if (rows[i].letter != 0) {
            shorts[used++] = rows[i].letter;
            if (takes) {
                shorts[used++] = ':';
            }
        }
    }
    shorts[used] = '\0';
    longs[ROW_COUNT] = (struct option){0};
}

static const struct option_row *find_row(int value) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (value == (int)rows[i].id || (rows[i].letter != 0 && value == rows[i].letter)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Digits only: no sign, no blanks, no overflow. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out) {
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text)) {
        return false;
    }
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno != 0 || value > max) {
        return false;
    }
    *out = value;
    return true;
}

static bool number_argument(const struct option_row *row, const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    uint64_t value;
    if (!parse_number(text, max, &value) || value < min) {
        return usage_error("--%s %s: expected a whole number in %llu..%llu", row->name, text, (unsigned long long)min,
                           (unsigned long long)max);
    }
    *out = value;
    return true;
}

static bool add_set(struct options *options, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return usage_error("--set %s: expected KEY=VALUE, as in --set fleet.main.replicas=2", text);
    }
    options->sets[options->set_count++] = text;
    return true;
}

static bool set_path(const struct option_row *row, const char *text, const char **out) {
    if (text[0] == '\0') {
        return usage_error("--%s needs a name", row->name);
    }
    *out = text;
    return true;
}

static bool apply_valued(struct options *options, const struct option_row *row, const char *text) {
    uint64_t number = 0;
    switch (row->id) {
    case OPTION_SET: return add_set(options, text);
    case OPTION_SEED: options->has_seed = true; return number_argument(row, text, 0, INT64_MAX, &options->seed);
    case OPTION_POINT: options->has_point = true; return number_argument(row, text, 0, UINT32_MAX, &options->point);
    case OPTION_OUTPUT: return set_path(row, text, &options->output);
    case OPTION_CSV: return set_path(row, text, &options->csv);
    case OPTION_SVG: return set_path(row, text, &options->svg);
    case OPTION_RECIPES: return set_path(row, text, &options->recipes);
    case OPTION_GPU: return set_path(row, text, &options->gpu);
    case OPTION_MODEL: return set_path(row, text, &options->model);
    case OPTION_PRECISION: return set_path(row, text, &options->precision);
    case OPTION_ENGINE: return set_path(row, text, &options->engine);
    case OPTION_TENSOR_PARALLEL: return number_argument(row, text, 1, JOBS_MAX, &options->tensor_parallel);
    case OPTION_BASE: return set_path(row, text, &options->base);
    case OPTION_HOLD_OUT: return set_path(row, text, &options->hold_out);
    case OPTION_REQUESTS: return set_path(row, text, &options->requests);
    case OPTION_SERIES: return set_path(row, text, &options->series);
    case OPTION_CATALOG: return set_path(row, text, &options->catalog_dir);
    case OPTION_JOBS:
        if (!number_argument(row, text, 1, JOBS_MAX, &number)) {
            return false;
        }
        options->jobs = (unsigned)number;
        return true;
    default: return false;
    }
}

static void apply_flag(struct options *options, const struct option_row *row) {
    switch (row->id) {
    case OPTION_JSON: options->json = true; break;
    case OPTION_STRICT: options->strict = true; break;
    case OPTION_STEPWISE: options->stepwise = true; break;
    case OPTION_MARKDOWN: options->markdown = true; break;
    case OPTION_METRICS: options->metrics = true; break;
    case OPTION_QUIET: options->quiet = true; break;
    case OPTION_HELP: options->help = true; break;
    default: break;
    }
}

/* An option that getopt does not know, as the user wrote it. */
static bool unknown_option(const struct command *command, const char *written) {
    const char *names[ROW_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((rows[i].commands & command->bit) != 0) {
            names[count++] = rows[i].name;
        }
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(written + strspn(written, "-"), "="),
             written + strspn(written, "-"));
    const char *guess = tmill_guess(name, names, count);
    if (guess != NULL) {
        return usage_error("unknown option '%s'; did you mean '--%s'?", written, guess);
    }
    return usage_error("unknown option '%s'; see 'tokenmill %s --help'", written, command->name);
}

static bool refuse(const struct command *command, int answer, char **argv) {
    const struct option_row *row = find_row(optopt);
    if (answer == ':' && row != NULL) {
        return usage_error("--%s needs a value: --%s %s", row->name, row->name, row->argument);
    }
    if (row != NULL && row->argument == NULL) {
        return usage_error("--%s takes no value", row->name);
    }
    if (optopt != 0) {
        return unknown_option(command, (char[]){'-', (char)optopt, '\0'});
    }
    return unknown_option(command, argv[optind - 1]);
}

static bool apply(struct options *options, int answer, char **argv) {
    const struct option_row *row = answer == '?' || answer == ':' ? NULL : find_row(answer);
    if (row == NULL) {
        return refuse(options->command, answer, argv);
    }
    if ((row->commands & options->command->bit) == 0) {
        return usage_error("--%s is not an option of '%s'; see 'tokenmill %s --help'", row->name,
                           options->command->name, options->command->name);
    }
    if (row->argument != NULL) {
        return apply_valued(options, row, optarg);
    }
    apply_flag(options, row);
    return true;
}

static bool take_operands(struct options *options, int argc, char **argv) {
    const struct command *command = options->command;
    size_t count = (size_t)(argc - optind);
    if (count < command->operands_min) {
        return usage_error("'%s' needs %s; see 'tokenmill %s --help'", command->name, command->operands, command->name);
    }
    if (count > command->operands_max) {
        return usage_error("unexpected argument '%s'; see 'tokenmill %s --help'",
                           argv[optind + (int)command->operands_max], command->name);
    }
    for (size_t i = 0; i < count; i++) {
        options->operands[i] = argv[optind + (int)i];
    }
    options->operand_count = count;
    return true;
}

bool options_parse(struct options *options, const struct command *command, int argc, char **argv) {
    struct option longs[ROW_COUNT + 1];
    char shorts[SHORT_SIZE];
    describe(longs, shorts);
    *options = (struct options){.command = command};
    options->sets = calloc((size_t)argc + 1, sizeof(char *));
    if (options->sets == NULL) {
        abort();
    }
    opterr = 0;
    int answer;
    while ((answer = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (!apply(options, answer, argv)) {
            return false;
        }
        if (options->help) {
            return true;
        }
    }
    return take_operands(options, argc, argv);
}

void options_release(struct options *options) {
    free(options->sets);
    options->sets = NULL;
}

void options_print_help(const struct command *command) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if ((rows[i].commands & command->bit) == 0) {
            continue;
        }
        char head[48];
        const char *argument = rows[i].argument != NULL ? rows[i].argument : "";
        if (rows[i].letter != 0) {
            snprintf(head, sizeof head, "-%c, --%s %s", rows[i].letter, rows[i].name, argument);
        } else {
            snprintf(head, sizeof head, "    --%s %s", rows[i].name, argument);
        }
        printf("  %-24s%s\n", head, rows[i].help);
    }
}
