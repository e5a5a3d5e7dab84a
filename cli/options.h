/* options.h - the arguments of all commands: one table drives parsing, --help and what is allowed where. */
#ifndef TOKENMILL_CLI_OPTIONS_H
#define TOKENMILL_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who takes an option; bits. */
enum command_bit {
    COMMAND_RUN = 1,
    COMMAND_SWEEP = 2,
    COMMAND_CHECK = 4,
    COMMAND_SCHEMA = 8,
    COMMAND_CATALOG = 16,
    COMMAND_SCREEN = 32,
    COMMAND_VALIDATE = 64,
    COMMAND_CALIBRATE = 128,
    COMMAND_ALL = 255,
};

struct options;

struct command {
    const char *name;
    unsigned bit;
    const char *operands; /* "FILE" */
    size_t operands_min, operands_max;
    const char *summary;                       /* one line */
    const char *description;                   /* of --help: whole lines */
    int (*run)(const struct options *options); /* returns the exit code */
};

enum { OPERANDS_MAX = 2 };

struct options {
    const struct command *command; // borrowed
    const char *operands[OPERANDS_MAX];
    size_t operand_count;
    const char **sets; // owned: "a.b=value", in order
    size_t set_count;
    bool has_seed;
    uint64_t seed;
    unsigned jobs;            /* 0: all cores */
    uint64_t tensor_parallel; /* 0: not given */
    bool has_point;
    uint64_t point;
    const char *output, *csv, *svg, *requests, *series, *recipes, *base, *hold_out, *catalog_dir; /* NULL: not given */
    const char *gpu, *model, *precision, *engine;                                                 /* likewise */
    bool json, quiet, stepwise, strict, markdown, metrics, help;
};

/* Parses what follows the command's name. False after a message on stderr: usage, exit 2. Release in any case. */
bool options_parse(struct options *options, const struct command *command, int argc, char **argv);
void options_release(struct options *options);

/* The command's own part of --help: its options, a line each. */
void options_print_help(const struct command *command);

#endif
