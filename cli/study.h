/* study.h - what `run` and `sweep` have in common: reading, running with progress, writing, the verdict of --strict. */
#ifndef TOKENMILL_CLI_STUDY_H
#define TOKENMILL_CLI_STUDY_H

#include "api/tokenmill.h"
#include "cli/options.h"

/* The scenario of the first operand, with --set, --seed and --catalog. Its messages are on stderr. NULL: `*code` is the exit code. */
struct tmill_scenario *read_scenario(const struct options *options, int *code);

/* Runs the scenario (the whole sweep, or --point), prints the table or JSON, writes the files. Returns the exit code. */
int study(const struct options *options, const struct tmill_scenario *scenario, bool whole_sweep);

#endif
