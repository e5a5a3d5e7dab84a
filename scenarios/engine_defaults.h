/* engine_defaults.h - what `engine: vllm | sglang | trtllm` of a fleet entry stands for: the defaults of that program, as a layer below the
 * entry's own keys. */
#ifndef TOKENMILL_SCENARIOS_ENGINE_DEFAULTS_H
#define TOKENMILL_SCENARIOS_ENGINE_DEFAULTS_H

#include "scenarios/catalog.h"
#include "scenarios/yaml_tree.h"

/* A copy of a scenario's tree in which each fleet entry that names its engine has the engine's defaults for the keys that it lacks, at the
 * position of `engine`. They may depend on the GPU, by its memory. Batching keys are set only where the policy is the engine's own. The
 * tree need not have been checked: what is not as it should be is left alone. */
const struct node *engine_defaults_apply(struct arena *arena, const struct catalog *catalog, const struct node *root);

#endif
