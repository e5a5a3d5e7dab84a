"""The mutants of the leap: what is broken, where, the text that must be there exactly once, what stands there instead."""

import typing


class Mutant(typing.NamedTuple):
    """One way to break the leap."""

    name: str
    file: str
    old: str
    new: str


class Harmless(typing.NamedTuple):
    """A guard whose loss alters no result, and why."""

    name: str
    file: str
    old: str
    reason: str


BATCH = "sim/leap/batch.c"
CONTINUOUS = "sim/leap/form_continuous.c"
FORM = "sim/leap/form.c"
METER = "sim/leap/meter.c"
PLAN = "sim/leap/plan.c"
PREFILL_FIRST = "sim/leap/form_prefill_first.c"
REPLICA = "sim/leap/replica.c"
SERIES = "sim/leap/series.c"
STATIC = "sim/leap/form_static.c"
WALK = "sim/leap/walk.c"

MUTANTS = [
    # ---- plan.c: where a stretch ends ----
    Mutant("no cut at a minute", PLAN, "    steps = steps_before(replica, replica->minute_end, steps);\n", ""),
    Mutant("a minute is not found anew", PLAN, "    if (replica->start >= replica->minute_end) {", "    if (replica->minute_end == 0) {"),
    Mutant("no cut at the end of the warm-up", PLAN, "    if (warmup > 0) {", "    if (false) {"),
    Mutant("no cut at the end", PLAN, "    if (cluster->config->end_key != KEY_NEVER) {", "    if (false) {"),
    Mutant("the step that reaches a cut is in the stretch", PLAN, "return reaching > 1 ? reaching - 1 : 1;", "return reaching;"),
    Mutant("blocks never run out", PLAN, "steps = keeps_blocks ? steps : steps_with_blocks(replica, steps);", "(void)keeps_blocks;"),
    Mutant("blocks last a step longer", PLAN, "        if (free_blocks < 0) {", "        if (free_blocks < -1) {"),
    Mutant("a round of blocks too many", PLAN, "    rounds = free_blocks / batch->decoding;\n    int64_t steps",
           "    rounds = free_blocks / batch->decoding + 1;\n    int64_t steps"),
    Mutant("rounds are not rounded up", PLAN, "int64_t rounds = (limit - 1 + size - 1) / size;", "int64_t rounds = (limit - 1) / size;"),
    Mutant("a stretch beyond the next completion", PLAN, "steps = batch_next_end(cluster, batch) - batch->steps;",
           "steps = batch_next_end(cluster, batch) - batch->steps + 1;"),
    Mutant("steps need not be on a line", PLAN, "        steps = straight_steps(replica, steps);\n", ""),
    Mutant("the line's end is not looked at", PLAN,
           "if (duration_ahead(replica, limit - 1) == series_term(*line, limit - 1)) {", "if (true) {"),
    Mutant("one step beyond the line", PLAN, "    return on + 1;", "    return on + 2;"),
    Mutant("steps of prompts in a stretch", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->walked && !replica->preempted"),
    Mutant("walked steps in a stretch", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->preempted && replica->work.prefill_seqs == 0"),
    Mutant("a stretch after a preemption", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->walked && replica->work.prefill_seqs == 0"),
    Mutant("a cut one step late", PLAN, "int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait);",
           "int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait) + 1;"),
    Mutant("a cut at a boundary shortly before", PLAN, "int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait);",
           "int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait - (1 << (KEY_SHIFT - 1)));"),
    Mutant("the context of a step ahead", PLAN, "work.decode_context += ahead * work.decode_seqs;", "work.decode_context += ahead;"),

    # ---- replica.c: what cuts a stretch, and what its end does ----
    Mutant("an arrival cuts nothing", REPLICA, "    if (is_next) {\n        cut_at(cluster, replica, key);\n    }\n", "    (void)is_next;\n"),
    Mutant("the pool's queue cuts nothing when it grows", REPLICA, "    cut_pool(cluster, pool, key, 0);\n", ""),
    Mutant("the pool's queue cuts nothing when it shrinks", REPLICA,
           "    cut_pool(cluster, replica->pool, key_of_instant(now), replica->index);\n", ""),
    Mutant("those before the puller are cut at its key", REPLICA, "i < puller ? key + 1 : key", "key"),
    Mutant("those after the puller are cut a key later", REPLICA, "i < puller ? key + 1 : key", "key + 1"),
    Mutant("the next stretch starts before what comes first", REPLICA,
           "if (before_cut && calendar_would_be_first(&cluster->calendar, source_of_replica(cluster, replica->index), start)) {",
           "if (before_cut) {"),
    Mutant("the next stretch starts after the end", REPLICA, "bool before_cut = key < cluster->config->end_key;", "bool before_cut = true;"),
    Mutant("a start before the last end", REPLICA, "i128 now = at > replica->end ? at : replica->end;", "i128 now = at;"),
    Mutant("waking a key early", REPLICA, "wake + rest)", "wake)"),
    Mutant("backlog is not noted", REPLICA, "replica->backlog = leap_waiting(replica) > 0;", "replica->backlog = false;"),
    Mutant("waking all idle replicas", REPLICA, "            notice(cluster, replica, key);\n            break;\n",
           "            notice(cluster, replica, key);\n"),
    Mutant("joined gaps are recorded with the others", REPLICA, "int64_t old = counts->measured - counts->joining;",
           "int64_t old = counts->measured;"),
    Mutant("joined gaps are not recorded", REPLICA, "            recorder_token_gap(&cluster->recorder, request->workload, gap, 1);\n        }\n    }\n    batch->joined_count = 0;",
           "        (void)gap; }\n    }\n    batch->joined_count = 0;"),
    Mutant("joining counts once more", REPLICA, "    counts->joining = 0;\n", ""),
    Mutant("the joined stay joined", REPLICA, "        request->joined = false;\n        if (delivers", "        if (delivers"),
    Mutant("a stretch's later gaps are its first", REPLICA, "{series_term(replica->durations, 1) + delay, replica->durations.growth}",
           "{series_term(replica->durations, 0) + delay, replica->durations.growth}"),
    Mutant("gaps do not grow", REPLICA, "recorder_token_gaps(&cluster->recorder, workload, rest.first, rest.growth,",
           "recorder_token_gaps(&cluster->recorder, workload, rest.first, 0,"),
    Mutant("gaps without the client's delay", REPLICA, "    i128 delay = replica->config->token_delay;\n    int64_t old",
           "    i128 delay = 0;\n    int64_t old"),
    Mutant("tokens of the warm-up count", REPLICA, "tokens[replica->pool].output += counts ? tokens : 0;", "tokens[replica->pool].output += tokens;"),
    Mutant("a stretch takes no blocks", REPLICA, "replica->free_blocks -= batch_blocks_over(batch, replica->config->block_size, 1, steps);", ";"),
    Mutant("a stretch takes the first step's blocks again", REPLICA, "batch_blocks_over(batch, replica->config->block_size, 1, steps)",
           "batch_blocks_over(batch, replica->config->block_size, 0, steps)"),
    Mutant("static takes blocks", REPLICA, "    if (replica->config->batching.policy != BATCHING_STATIC) {\n        replica->free_blocks -=",
           "    if (true) {\n        replica->free_blocks -="),
    Mutant("the last token is not moved", REPLICA, "    batch->last_token_at = replica->end;\n", ""),
    Mutant("positions computed again are not told apart", REPLICA, "tokens->recomputed += seen > before ? seen - before : 0;", ""),
    Mutant("a decoder's blocks are those it was admitted with", REPLICA,
           "was_decoding && !reserved ? leap_blocks_for(replica->config, request->computed) : request->blocks", "request->blocks"),
    Mutant("completions in the order they are found", REPLICA,
           "i > 0 && cluster->requests[ending->items[i - 1]].admission > admission", "false"),
    Mutant("a padded sequence is no decoder", REPLICA, "        batch_start_decoding(cluster, replica, index);\n        request->joined = false;",
           "        request->joined = false;"),
    Mutant("a padded sequence joins", REPLICA, "        request->joined = false;\n        replica->batch.joined_count--;\n", ""),
    Mutant("a static batch ends with its first", REPLICA, "        if (replica->batch.by_workload[i].emitting > 0) {", "        if (false) {"),
    Mutant("a static batch ends before its prompts", REPLICA, "    if (replica->batch.prefilling_count > 0) {\n        return false;\n    }\n", ""),
    Mutant("tokens after the first come without a delay", REPLICA, "recorder_token_gap(&cluster->recorder, request->workload, replica->config->token_delay,",
           "recorder_token_gap(&cluster->recorder, request->workload, 0,"),

    # ---- batch.c: aggregates ----
    Mutant("stale completions end requests", BATCH,
           "return !request->running || !request->decoding || request->admission != item->admission ||\n           request->end_step != item->step || request->padding;",
           "(void)request;\n    return false;"),
    Mutant("a preempted request's completion is not stale", BATCH, "request->admission != item->admission ||\n", "\n"),
    Mutant("stale completions bound a stretch no more", BATCH,
           "    while (batch->ends.count > 0 && is_stale(cluster, &batch->ends.items[0])) {\n        completions_drop_first(&batch->ends);\n    }\n    return", "    return"),
    Mutant("a heap without its second children", BATCH,
           "        child += child + 1 < heap->count && ends_before(&heap->items[child + 1], &heap->items[child]);\n", ""),
    Mutant("residues that do not turn", BATCH, "return batch->residues[residue_of(-(batch->steps + ahead), block_size)];",
           "return batch->residues[residue_of(-batch->steps, block_size)];"),
    Mutant("residues that turn backwards", BATCH, "return batch->residues[residue_of(-(batch->steps + ahead), block_size)];",
           "return batch->residues[residue_of(batch->steps + ahead, block_size)];"),
    Mutant("residues of negative bases", BATCH, "(residue < 0 ? residue + block_size : residue)", "(residue < 0 ? -residue : residue)"),
    Mutant("a removed decoder keeps its residue", BATCH,
           "    batch->residues[residue_of(request->base, replica->config->block_size)]--;\n    replica->regenerating", "    replica->regenerating"),
    Mutant("a removed decoder keeps its context", BATCH, "    batch->context -= request->computed;\n", ""),
    Mutant("blocks over a stretch: only whole rounds", BATCH, "    for (int64_t ahead = from + rounds * block_size; ahead < to; ahead++) {",
           "    for (int64_t ahead = to; ahead < to; ahead++) {"),
    Mutant("none regenerates", BATCH, "    replica->regenerating += request->emitted < request->delivered;\n", ""),
    Mutant("what a client has counts as new", BATCH, "    if (request->emitted > request->delivered) {\n        request->delivered = request->emitted;\n    }\n", ""),
    Mutant("settling forgets the high water", BATCH, "    if (request->computed > request->high_water) {", "    if (false) {"),
    Mutant("settling moves the last token of the joined", BATCH, "if (!request->joined && !request->padding) {", "if (!request->padding) {"),
    Mutant("settling does not move the last token", BATCH, "if (!request->joined && !request->padding) {", "if (false) {"),
    Mutant("measured and others alike", BATCH, "counts->measured += recorder_measures(&cluster->recorder, request->arrival_key) ? sign : 0;",
           "counts->measured += sign;"),
    Mutant("padding is counted as emitting", BATCH, "    request->padding = true;\n    count_emitter(cluster, batch, request, -1);", "    request->padding = true;"),
    Mutant("a removed request stays among the joined", BATCH, "    if (request->joined) {\n        list_drop(", "    if (false) {\n        list_drop("),
    Mutant("a dissolved batch keeps its joined", BATCH, "batch->ends.count = batch->joined_count = batch->prefilling_count = 0;",
           "batch->ends.count = batch->prefilling_count = 0;"),

    # ---- form*.c, walk.c: who is served ----
    Mutant("prefillers are always last", CONTINUOUS, "bool in_order = prefillers_come_last(cluster, &replica->batch) || nothing_is_short(cluster, replica);",
           "bool in_order = true;"),
    Mutant("nothing is ever short", CONTINUOUS, "return tokens <= batching->max_num_batched_tokens && blocks <= replica->free_blocks;", "return true;"),
    Mutant("blocks are never short", CONTINUOUS, "return tokens <= batching->max_num_batched_tokens && blocks <= replica->free_blocks;",
           "return tokens <= batching->max_num_batched_tokens;"),
    Mutant("decoders' blocks are not looked at", CONTINUOUS, "int64_t blocks = batch_blocks_needed(batch, replica->config->block_size, 0);",
           "int64_t blocks = 0;"),
    Mutant("one prefiller alone must come last", CONTINUOUS, "for (size_t i = 0; i < batch->prefilling_count; i++) {\n        if (index",
           "for (size_t i = 0; i < 1; i++) {\n        if (index"),
    Mutant("regenerating in a stretch", CONTINUOUS, "if (in_order && replica->regenerating == 0) {", "if (in_order) {"),
    Mutant("admission after a preemption", CONTINUOUS, "    if (!preempted) {\n        admit_waiting", "    {\n        admit_waiting"),
    Mutant("regenerating in a stretch, prefill first", PREFILL_FIRST, "    if (replica->regenerating == 0) {", "    if (true) {"),
    Mutant("decoders beside prompts, prefill first", PREFILL_FIRST, "    if (replica->work.prefill_seqs > 0) {\n        return;\n    }\n", ""),
    Mutant("preempting one who needs no block frees one", FORM, "        needed -= latest_needs_block(cluster, replica);\n", "        needed--;\n"),
    Mutant("preempting leaves the need as it was", FORM, "        needed -= latest_needs_block(cluster, replica);\n", ""),
    Mutant("decoders take no blocks", FORM, "    replica->free_blocks -= needed;\n", ""),
    Mutant("a preempted decoder's blocks", FORM, "replica->free_blocks += was_decoding ? leap_blocks_for(replica->config, request->computed) : request->blocks;",
           "replica->free_blocks += request->blocks;"),
    Mutant("a preemption is not noted", FORM, "    replica->preempted = true;\n", ""),
    Mutant("preempted behind the others", FORM, "queue_push_front(&replica->waiting, index);", "queue_push_back(&replica->waiting, index);"),
    Mutant("a walked prefiller decodes at once", WALK, "    if (request->computed < request->target) {", "    if (request->computed == 0) {"),
    Mutant("static decodes beside prompts", STATIC, "    if (batch->prefilling_count == 0) {", "    if (true) {"),

    # ---- meter.c, series.c: sums ----
    Mutant("energy is always on its line", METER, "if (amounts_ahead(replica, to - 1).energy == series_term(line, to - 1 - from)) {", "if (true) {"),
    Mutant("energy by its ends alone", METER, "    line.growth = amounts_ahead(replica, from + 1).energy - line.first;\n",
           "    line.growth = (amounts_ahead(replica, to - 1).energy - line.first) / (to - 1 - from);\n"),
    Mutant("a stretch of the warm-up counts", METER, "    if (cluster_in_window(cluster, key_of_instant(replica->end))) {\n        add_series", "    if (true) {\n        add_series"),
    Mutant("KV of a stretch counts twice", METER, "        replica->meter.kv_tokens.since = replica->end; /* its integral is in the series */\n", ""),
    Mutant("KV does not grow in a stretch", METER, "{.first = replica->kv_tokens, .growth = replica->work.decode_seqs}", "{.first = replica->kv_tokens}"),
    Mutant("the load grid misses stretches", METER,
           "    load_grid_step(&cluster->pools[replica->pool].grid, replica->start, replica->end, replica->backlog);\n}\n", "}\n"),
    Mutant("the window does not move at the warm-up", METER, "        meter->from = replica->end;\n", ""),
    Mutant("the window does not move at the end", METER, "        meter->until = replica->end;\n", ""),
    Mutant("a count may be one too few", SERIES, "    while (series_sum(series, n) < total) {\n        n++;\n    }\n", ""),
    Mutant("products without their square term", SERIES, " + a.growth * b.growth * squares", ""),
]

HARMLESS = [
    Harmless("a quantum's line may grow", PLAN, "    if (step_model_quantum(replica->config->step_model) == 0) {",
             "floor(duration) less a line of the same first two terms is monotone too; level lines alone are cheaper to find"),
    Harmless("ends of a batch are left in the heap", REPLICA, "    batch->ends.count = 0;\n}", "they are stale, and skipped; it keeps the heap small"),
    Harmless("a regrouped request's completion is not stale", BATCH, "request->end_step != item->step || ",
             "it ends by its new entry, which is no later; the old one is stale then"),
    Harmless("a dissolved batch keeps its ends", BATCH, "batch->ends.count = batch->joined_count = batch->prefilling_count = 0;",
             "as above"),
    Harmless("a stretch from the warm-up's key on", PLAN,
             "key_of_instant(replica->start) == warmup ? 1 : steps_before(replica, instant_of_key(warmup), steps);",
             "a step takes a key at least: none that starts at the warm-up's key ends at it"),
    Harmless("a cut in the first step", PLAN, "int64_t steps = wait <= 0 ? 1 : series_count_to(replica->durations, wait);",
             "a step starts after all arrivals of its key: the cut is never before the start"),
    Harmless("completions by step alone", BATCH, "return a->step != b->step ? a->step < b->step : a->admission < b->admission;",
             "what ends together is ordered by admission again (ending_add)"),
    Harmless("a removed decoder keeps regenerating", BATCH, "    replica->regenerating -= request->emitted < request->delivered;\n",
             "every step is walked from then on: slower, not other"),
    Harmless("the budget is never short", CONTINUOUS, "tokens <= batching->max_num_batched_tokens && blocks",
             "it is never short for a decoder: it had a token of the budget when it was admitted, and who stands before it wants no more than then"),
    Harmless("decoders' tokens are not looked at", CONTINUOUS, "    int64_t tokens = batch->decoding;\n", "as above"),
    Harmless("a walk without a budget", WALK, "index != BATCH_NONE && budget > 0;", "as above: nobody in a batch is left without a token"),
    Harmless("a count may be one too many", SERIES, "    while (n > 1 && series_sum(series, n - 1) >= total) {",
             "the guess is a root rounded down, exact far beyond the steps of a request"),
]
