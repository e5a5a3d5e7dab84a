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
FORM_H = "sim/leap/form.h"
METER = "sim/leap/meter.c"
PLAN = "sim/leap/plan.c"
PREFILL_FIRST = "sim/leap/form_prefill_first.c"
REPLICA = "sim/leap/replica.c"
REPLICA_H = "sim/leap/replica.h"
SERIES = "sim/leap/series.c"
SERIES_H = "sim/leap/series.h"
STATIC = "sim/leap/form_static.c"
WALK = "sim/leap/walk.c"

MUTANTS = [
    # ---- plan.c: where a stretch ends ----
    Mutant("no cut at a minute", METER, "    meter->next_cut = meter->minute_end;\n", "    meter->next_cut = I128_MAX;\n"),
    Mutant("cuts are not found anew", PLAN, "if (replica->start >= replica->meter.next_cut) {", "if (replica->meter.next_cut == 0) {"),
    Mutant("a minute is not found anew", METER, "    if (replica->start >= meter->minute_end) {", "    if (meter->minute_end == 0) {"),
    Mutant("no cut at the end of the warm-up", METER, "        cut_sooner(meter, replica->start, warmup);\n", ""),
    Mutant("no cut at the end", METER, "    if (cluster->config->end_key != KEY_NEVER) {", "    if (false) {"),
    Mutant("the step that reaches a cut is in the stretch", PLAN, "return reaching > 1 ? reaching - 1 : 1;", "return reaching;"),
    Mutant("blocks never run out", PLAN, "        steps = steps_with_blocks(replica, steps);\n", ""),
    Mutant("blocks last a step longer", PLAN, "        if (free_blocks < 0) {", "        if (free_blocks < -1) {"),
    Mutant("a round of blocks too many", PLAN, "int64_t rounds = free_blocks / batch->decoding;", "int64_t rounds = free_blocks / batch->decoding + 1;"),
    Mutant("the first step's blocks are free again", PLAN, "leap_free_blocks(replica, 1);", "leap_free_blocks(replica, 0);"),
    Mutant("a stretch beyond the next completion", PLAN, "least(batch_next_end(batch) - batch->steps, STRETCH_STEPS_MAX)",
           "least(batch_next_end(batch) - batch->steps, STRETCH_STEPS_MAX) + 1"),
    Mutant("durations do not grow in a stretch", PLAN, "        line->growth = growth <= STRETCH_TIME_MAX ? (int64_t)growth : STRETCH_TIME_MAX;\n",
           "        (void)growth;\n        return limit;\n"),
    Mutant("the line's end is not looked at", PLAN,
           "if (limit < 2 || duration_ahead(replica, limit - 1) == series_term(*line, limit - 1)) {", "if (true) {"),
    Mutant("one step beyond the line", PLAN, "    return on + 1;", "    return on + 2;"),
    Mutant("steps of prompts in a stretch", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->walked && !replica->preempted"),
    Mutant("walked steps in a stretch", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->preempted && replica->work.prefill_seqs == 0"),
    Mutant("a stretch after a preemption", PLAN, "!replica->walked && !replica->preempted && replica->work.prefill_seqs == 0",
           "!replica->walked && replica->work.prefill_seqs == 0"),
    Mutant("a cut one step late", PLAN, "wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait);",
           "wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait) + 1;"),
    Mutant("a cut at a boundary shortly before", PLAN, "wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait);",
           "wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait - (1 << (KEY_SHIFT - 1)));"),
    Mutant("the context of a step ahead", PLAN, "work->decode_context + ahead * work->decode_seqs", "work->decode_context + ahead"),
    Mutant("steps of decodes shorter than a key", REPLICA_H, "return duration > STEP_UNITS_MIN ? duration : STEP_UNITS_MIN;", "return duration;"),
    Mutant("lines for durations that have a quantum", REPLICA_H, "if (shared->straight && decodes", "if (decodes"),

    # ---- replica.c: what cuts a stretch, and what its end does ----
    Mutant("an arrival cuts nothing", REPLICA, "    if (is_next) {\n        cut_at(cluster, replica, key);\n    }\n", "    (void)is_next;\n"),
    Mutant("the pool's queue cuts nothing when it grows", REPLICA, "    cut_pool(cluster, pool, key, 0);\n", ""),
    Mutant("the pool's queue cuts nothing when it shrinks", REPLICA,
           "    cut_pool(cluster, replica->pool, key_of_instant(now), replica->index);\n", ""),
    Mutant("those before the puller are cut at its key", REPLICA, "i < puller ? key + 1 : key", "key"),
    Mutant("those after the puller are cut a key later", REPLICA, "i < puller ? key + 1 : key", "key + 1"),
    Mutant("the next stretch starts before what comes first", REPLICA,
           "return before_cut && calendar_would_be_first(&cluster->calendar, source_of_replica(cluster, replica->index), start);",
           "(void)start; return before_cut;"),
    Mutant("apart, a stretch starts before arrivals at its key", REPLICA, "return key < replica->horizon;", "return key <= replica->horizon;"),
    Mutant("apart, steps that end with an arrival end after it", REPLICA,
           "while (replica->event_key < key || (replica->event_key == key && replica->event_class == EVENT_STEP_END)) {",
           "while (replica->event_key < key) {"),
    Mutant("apart, steps that start with an arrival start before it", REPLICA,
           "while (replica->event_key < key || (replica->event_key == key && replica->event_class == EVENT_STEP_END)) {",
           "while (replica->event_key < key || (replica->event_key == key && key != KEY_NEVER)) {"),
    Mutant("the next stretch starts after the end", REPLICA, "bool before_cut = key < cluster->config->end_key;", "bool before_cut = true;"),
    Mutant("a start before the last end", REPLICA, "i128 now = at > replica->end ? at : replica->end;", "i128 now = at;"),
    Mutant("waking a key early", REPLICA, "wake + rest)", "wake)"),
    Mutant("backlog is not noted", REPLICA, "replica->backlog = leap_waiting(replica) > 0;", "replica->backlog = false;"),
    Mutant("waking all idle replicas", REPLICA, "            notice(cluster, replica, key);\n            break;\n",
           "            notice(cluster, replica, key);\n"),
    Mutant("joined gaps are recorded with the others", REPLICA, "int64_t old = counts->measured - counts->joining;",
           "int64_t old = counts->measured;"),
    Mutant("joined gaps are not recorded", REPLICA, "            recorder_token_gap(&cluster->recorder, request->workload, gap, 1);\n        }\n    }\n    batch->joined_count = 0;",
           "            (void)gap;\n        }\n    }\n    batch->joined_count = 0;"),
    Mutant("joining counts once more", REPLICA, "    counts->joining = 0;\n", ""),
    Mutant("all gaps begin where the stretch does", REPLICA, "bool alike = counts->joining == 0 && replica->batch.last_token_at == replica->start;",
           "bool alike = true;"),
    Mutant("the joined are never apart", REPLICA, "bool apart = !together || request->last_token != replica->start;", "bool apart = !together;"),
    Mutant("the joined go with others that lag", REPLICA, "bool apart = !together || request->last_token != replica->start;",
           "(void)together; bool apart = request->last_token != replica->start;"),
    Mutant("the joined stay joined", REPLICA, "        request->joined = false;\n        bool apart", "        bool apart"),
    Mutant("a stretch's later gaps are its first", REPLICA, "i128 first = series_term(replica->durations, from) + delay;",
           "i128 first = series_term(replica->durations, 0) + delay;"),
    Mutant("gaps do not grow", REPLICA, "recorder_token_gaps(recorder, workload, first, replica->durations.growth, ",
           "recorder_token_gaps(recorder, workload, first, 0, "),
    Mutant("gaps without the client's delay", REPLICA, "    i128 delay = replica->config->token_delay;\n", "    i128 delay = 0;\n"),
    Mutant("tokens of the warm-up count", REPLICA, "tokens[replica->pool].output += counts ? tokens : 0;", "tokens[replica->pool].output += tokens;"),
    Mutant("the last token is not moved", REPLICA, "    batch->last_token_at = replica->end;\n", ""),
    Mutant("positions computed again are not told apart", REPLICA, "tokens->recomputed += seen > before ? seen - before : 0;", ""),
    Mutant("completions in the order they are found", REPLICA,
           "i > 0 && cluster->requests[ending->items[i - 1]].admission > admission", "false"),
    Mutant("a padded sequence is no decoder", REPLICA, "        batch_start_decoding(cluster, replica, index);\n        batch_forget_end(",
           "        batch_forget_end("),
    Mutant("a padded sequence ends by itself", REPLICA, "        batch_forget_end(cluster, &replica->batch, index);\n        request->joined = false;",
           "        request->joined = false;"),
    Mutant("blocks of a request that ended stay held", REPLICA, "    replica->held_blocks -= request->blocks;\n", ""),
    Mutant("a padded sequence joins", REPLICA, "        request->joined = false;\n        replica->batch.joined_count--;\n", ""),
    Mutant("a static batch ends with its first", REPLICA, "        if (replica->batch.by_workload[i].emitting > 0) {", "        if (false) {"),
    Mutant("a static batch ends before its prompts", REPLICA, "    if (replica->batch.prefilling_count > 0) {\n        return false;\n    }\n", ""),
    Mutant("tokens after the first come without a delay", REPLICA, "recorder_token_gap(&cluster->recorder, request->workload, replica->config->token_delay,",
           "recorder_token_gap(&cluster->recorder, request->workload, 0,"),

    # ---- batch.c: aggregates ----
    Mutant("completions in order of joining", BATCH, "if (high > low && items[high - 1].step > item.step) {", "if (false) {"),
    Mutant("a dissolved batch keeps its ends", BATCH, "    batch->ends.head = batch->ends.tail = 0;\n", ""),
    Mutant("decoders keep the blocks of their prompts", BATCH, "    replica->held_blocks -= request->blocks; /* as many as its context needs: they follow from the aggregates now */\n    request->blocks = 0;\n", ""),
    Mutant("last blocks are full", BATCH, "    return (batch->context + batch->decoding * ahead + room) / block_size;",
           "    return (batch->context + batch->decoding * ahead) / block_size;"),
    Mutant("blocks do not grow ahead", BATCH, "residue_of(-(batch->steps + ahead), block_size);\n    for", "residue_of(-batch->steps, block_size);\n    for"),
    Mutant("dissolved sequences hold no blocks", BATCH, "            replica->held_blocks += request->blocks;\n", ""),
    Mutant("residues that do not turn", BATCH, "return batch->residues[residue_of(-(batch->steps + ahead), block_size)];",
           "return batch->residues[residue_of(-batch->steps, block_size)];"),
    Mutant("residues that turn backwards", BATCH, "return batch->residues[residue_of(-(batch->steps + ahead), block_size)];",
           "return batch->residues[residue_of(batch->steps + ahead, block_size)];"),
    Mutant("residues of negative bases", BATCH, "(residue < 0 ? residue + block_size : residue)", "(residue < 0 ? -residue : residue)"),
    Mutant("a removed decoder keeps its residue", BATCH,
           "    batch->residues[residue_in(replica, request->base)]--;\n    replica->regenerating", "    replica->regenerating"),
    Mutant("a removed decoder keeps its context", BATCH, "    batch->context -= request->computed;\n", ""),
    Mutant("none regenerates", BATCH, "    replica->regenerating += request->emitted < request->delivered;\n", ""),
    Mutant("what a client has counts as new", BATCH, "    if (request->emitted > request->delivered) {\n        request->delivered = request->emitted;\n    }\n", ""),
    Mutant("settling forgets the high water", BATCH, "    if (request->computed > request->high_water) {", "    if (false) {"),
    Mutant("settling moves the last token of the joined", BATCH, "if (!request->joined && !request->padding) {", "if (!request->padding) {"),
    Mutant("settling does not move the last token", BATCH, "if (!request->joined && !request->padding) {", "if (false) {"),
    Mutant("measured and others alike", BATCH, "counts->measured += recorder_measures(&cluster->recorder, request->arrival_key) ? sign : 0;",
           "counts->measured += sign;"),
    Mutant("padding is counted as emitting", BATCH, "    request->padding = true;\n    count_emitter(cluster, batch, request, -1);", "    request->padding = true;"),
    Mutant("a removed request stays among the joined", BATCH, "    if (request->joined) {\n        list_drop(", "    if (false) {\n        list_drop("),
    Mutant("a dissolved batch keeps its joined", BATCH, "    batch->joined_count = batch->prefilling_count = 0;", "    batch->prefilling_count = 0;"),

    # ---- form*.c, walk.c: who is served ----
    Mutant("prefillers are always last", CONTINUOUS, "bool in_order = prefillers_come_last(cluster, &replica->batch) || nothing_is_short(cluster, replica);",
           "bool in_order = true;"),
    Mutant("nothing is ever short", CONTINUOUS, "return tokens <= batching->max_num_batched_tokens && leap_have_blocks(replica, 1, blocks);", "(void)tokens; return true;"),
    Mutant("blocks are never short", CONTINUOUS, "return tokens <= batching->max_num_batched_tokens && leap_have_blocks(replica, 1, blocks);",
           "return tokens <= batching->max_num_batched_tokens;"),
    Mutant("decoders' next blocks are not looked at", CONTINUOUS, "leap_have_blocks(replica, 1, blocks);", "leap_have_blocks(replica, 0, blocks);"),
    Mutant("one prefiller alone must come last", CONTINUOUS, "for (size_t i = 0; i < batch->prefilling_count; i++) {\n        if (index",
           "for (size_t i = 0; i < 1; i++) {\n        if (index"),
    Mutant("regenerating in a stretch", CONTINUOUS, "if (in_order && replica->regenerating == 0) {", "if (in_order) {"),
    Mutant("admission after a preemption", CONTINUOUS, "    if (!preempted) {\n        admit_waiting", "    {\n        admit_waiting"),
    Mutant("regenerating in a stretch, prefill first", PREFILL_FIRST, "    if (replica->regenerating == 0) {", "    if (true) {"),
    Mutant("decoders beside prompts, prefill first", PREFILL_FIRST, "    if (replica->work.prefill_seqs > 0) {\n        return;\n    }\n", ""),
    Mutant("decoders take no blocks", FORM, "    replica->granted = 1;\n", ""),
    Mutant("decoders are given blocks that are not there", FORM, "    while (!leap_have_blocks(replica, 1, 0)) {", "    while (!leap_have_blocks(replica, 0, 0)) {"),
    Mutant("the last blocks of decoders are full", FORM_H, "batch->decoding * (ahead + size - 1)", "batch->decoding * ahead"),
    Mutant("a preempted request keeps its blocks", FORM, "    replica->held_blocks -= request->blocks;\n", ""),
    Mutant("a preempted decoder still ends", FORM, "        batch_forget_end(cluster, &replica->batch, index);\n", ""),
    Mutant("a preemption is not noted", FORM, "    replica->preempted = true;\n", ""),
    Mutant("preempted behind the others", FORM, "queue_push_front(&replica->waiting, index);", "queue_push_back(&replica->waiting, index);"),
    Mutant("a walked prefiller decodes at once", WALK, "    if (request->computed < request->target) {", "    if (request->computed == 0) {"),
    Mutant("static decodes beside prompts", STATIC, "    if (batch->prefilling_count == 0) {", "    if (true) {"),

    # ---- meter.c, series.c: sums ----
    Mutant("energy is always on its line", METER, "if (count == 2 || amounts_ahead(replica, to - 1).energy == first + growth * (count - 1)) {", "if (true) {"),
    Mutant("no energy is ever capped", REPLICA, "step_model_decodes_never_capped(config->step_model)", "true"),
    Mutant("sums go to the next minute", METER, "        if (meter->sums_minute != meter->minute) {\n            flush_sums(cluster, replica);\n        }\n", ""),
    Mutant("sums are not flushed at the end", METER, "    flush_sums(cluster, replica);\n    flush_busy(cluster, replica);\n}", "    flush_busy(cluster, replica);\n}"),
    Mutant("a plain step needs no cut before it", METER, "return replica->end < meter->next_cut && !meter->at_warmup &&", "return !meter->at_warmup &&"),
    Mutant("a stretch of the warm-up counts", METER, "    if (replica->start >= replica->meter.from) {", "    if (true) {"),
    Mutant("KV does not grow in a stretch", METER, "        kv_tokens += work->decode_seqs * series_moment(replica->durations, steps);\n", ""),
    Mutant("the load grid misses stretches", METER, "    add_busy(cluster, replica, replica->end);\n}\n", "}\n"),
    Mutant("backlog of the last steps end to end", METER, "replica->start != meter->busy_to || replica->backlog != meter->busy_backlog", "replica->start != meter->busy_to"),
    Mutant("busy steps with a pause between", METER, "replica->start != meter->busy_to || replica->backlog != meter->busy_backlog", "replica->backlog != meter->busy_backlog"),
    Mutant("the window does not move at the warm-up", METER, "        meter->from = replica->end;\n", ""),
    Mutant("the window does not move at the end", METER, "        meter->until = replica->end;\n", ""),
    Mutant("a count may be one too few", SERIES, "    while (series_sum(series, n) < total) {\n        n++;\n    }\n", ""),
    Mutant("moments without their square term", SERIES_H, " + (i128)series.growth * squares", ""),
    Mutant("a stretch of any length", SERIES, "    count = count < STRETCH_STEPS_MAX ? count : STRETCH_STEPS_MAX;\n    while (count > 1 && ", "    while (false && "),
]

HARMLESS = [
    Harmless("a quantum's line may grow", PLAN, "    if (replica->shared->straight) {",
             "floor(duration) less a line of the same first two terms is monotone too; level lines alone are cheaper to find"),
    Harmless("ends of a batch are left", REPLICA, "    batch->ends.head = batch->ends.tail = 0;\n", "all were taken by then: each of a static batch's sequences has emitted its last token"),
    Harmless("a stretch from the warm-up's key on", METER, "meter->at_warmup = warmup > 0 && key_of_instant(replica->start) == warmup;",
             "a step takes a key at least: none that starts at the warm-up's key ends at it"),
    Harmless("no cut a key after the warm-up", METER, "        cut_sooner(meter, replica->start, warmup + 1);\n", "as above"),
    Harmless("a cut in the first step", PLAN, "wait <= 0 ? 1 : series_count_to(replica->durations, (int64_t)wait);",
             "a step starts after all arrivals of its key: the cut is never before the start"),
    Harmless("a removed decoder keeps regenerating", BATCH, "    replica->regenerating -= request->emitted < request->delivered;\n",
             "every step is walked from then on: slower, not other"),
    Harmless("the budget is never short", CONTINUOUS, "tokens <= batching->max_num_batched_tokens && leap",
             "it is never short for a decoder: it had a token of the budget when it was admitted, and who stands before it wants no more than then"),
    Harmless("decoders' tokens are not looked at", CONTINUOUS, "    int64_t tokens = batch->decoding;\n", "as above"),
    Harmless("a walk without a budget", WALK, "index != BATCH_NONE && budget > 0;", "as above: nobody in a batch is left without a token"),
    Harmless("a count may be one too many", SERIES, "    while (n > 1 && series_sum(series, n - 1) >= total) {",
             "the guess is a root rounded down, exact far beyond the steps of a request"),
]
