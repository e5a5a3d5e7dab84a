/* outputs.h - the files that a command will write, looked at before it simulates: nothing is lost after a long run. */
#ifndef TOKENMILL_CLI_OUTPUTS_H
#define TOKENMILL_CLI_OUTPUTS_H

#include "cli/options.h"

/* 0 if every output can be written; else the exit code after a message: 2 for one that would overwrite an input or another output,
 * 4 for one that cannot be written. Leaves nothing behind. */
int outputs_check(const struct options *options);

#endif
