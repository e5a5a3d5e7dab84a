/* schema_blocks.h - the blocks of the table that its files share; inner header of scenarios/. */
#ifndef TOKENMILL_SCENARIOS_SCHEMA_BLOCKS_H
#define TOKENMILL_SCENARIOS_SCHEMA_BLOCKS_H

#include "scenarios/schema.h"

#define FIELDS(array) array, sizeof(array) / sizeof(array[0])
#define NO_ALIASES    NULL, 0

#define YEARS_9_S  283824000.0
#define TOKENS_MAX 1e9
#define USD_MAX    1e12

extern const struct block schema_workload_block;
extern const struct block schema_fleet_block;
extern const struct block schema_power_block;
extern const struct block schema_cost_block;
extern const struct block schema_pool_cost_block;

#endif
