/* commands.h - the commands, one file each. */
#ifndef TOKENMILL_CLI_COMMANDS_H
#define TOKENMILL_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command command_run;
extern const struct command command_sweep;
extern const struct command command_screen;
extern const struct command command_validate;
extern const struct command command_calibrate;
extern const struct command command_check;
extern const struct command command_schema;
extern const struct command command_catalog;

#endif
