/* throughput_curves.h - models/throughput.h for machines with curves. Inner header of models/.
 *
 * How requests share the steps (throughput_flow_of) does not depend on times. So for a given load the decodes, tokens and sequences of pure
 * and of mixed steps are known, curves are read there, and what results is a machine without curves whose formula is right for that load. */
#ifndef TOKENMILL_MODELS_THROUGHPUT_CURVES_H
#define TOKENMILL_MODELS_THROUGHPUT_CURVES_H

#include "models/throughput.h"

/* The machine of this load. `machine` has curves. */
struct throughput_machine throughput_machine_at(const struct throughput_machine *machine,
                                                const struct throughput_load *load);

/* throughput_of, of a machine with curves. */
struct throughput_state throughput_of_curves(const struct throughput_machine *machine,
                                             const struct throughput_load *load);

#endif
