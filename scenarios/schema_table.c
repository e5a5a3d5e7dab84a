/* The table of keys. Help texts are sentences without a stop at the end where they are one. */
#include "scenarios/schema.h"

#define FIELDS(array) array, sizeof(array) / sizeof(array[0])
#define NO_ALIASES NULL, 0

#define YEARS_9_S 283824000.0
#define TOKENS_MAX 1e9
#define USD_MAX 1e12

/* --- workload --- */

#define OPEN_PROCESS "process=constant|process=poisson|process=gamma|process=diurnal"

static const struct field column_fields[] = {
    {.key = "arrival", .shapes = SHAPE_TEXT, .is_required = true, .help = "Column of the time of arrival: its name, or its position from 1"},
    {.key = "input_tokens", .shapes = SHAPE_TEXT, .help = "Column of the prompt's length; needed unless `input_tokens` is a distribution"},
    {.key = "output_tokens", .shapes = SHAPE_TEXT, .help = "Column of the answer's length; needed unless `output_tokens` is a distribution"},
    {.key = "status", .shapes = SHAPE_TEXT, .help = "Column that tells failed requests, which are dropped"},
};
static const struct block column_block = {"workload[].arrivals.columns", FIELDS(column_fields), NO_ALIASES};

static const struct field filter_fields[] = {
    {.key = "column", .shapes = SHAPE_TEXT, .is_required = true, .help = "Column to look at: its name, or its position from 1"},
    {.key = "value", .shapes = SHAPE_TEXT, .is_required = true, .help = "Rows with exactly this text are taken, all others dropped"},
};
static const struct block filter_block = {"workload[].arrivals.filter", FIELDS(filter_fields), NO_ALIASES};

static const struct field arrivals_fields[] = {
    {.key = "process", .shapes = SHAPE_WORD, .words = "constant|poisson|gamma|diurnal|closed-loop|trace", .words_not_yet = "mmpp|sessions", .is_required = true,
     .help = "How requests arrive. `diurnal` bends a base process by a daily or weekly profile"},
    {.key = "rate", .shapes = SHAPE_NUMBER, .unit = "1/s", .min = 0, .max = 1e9, .when = OPEN_PROCESS, .help = "Mean arrival rate of the workload, over all its pools"},
    {.key = "users", .shapes = SHAPE_NUMBER, .min = 0, .max = 1e12, .when = OPEN_PROCESS, .help = "Instead of `rate`: rate = users x requests_per_user_day / 86,400 s"},
    {.key = "requests_per_user_day", .shapes = SHAPE_NUMBER, .min = 0, .max = 1e9, .when = OPEN_PROCESS, .help = "Goes with `users`"},
    {.key = "rate_scale", .shapes = SHAPE_NUMBER, .min = 1e-9, .max = 1e9, .fallback = "1", .when = OPEN_PROCESS "|process=trace",
     .help = "Multiplies the rate; a trace is compressed in time by it"},
    {.key = "cv", .shapes = SHAPE_NUMBER, .min = 0.01, .max = 100, .fallback = "1", .when = "process=gamma|base=gamma", .help = "Coefficient of variation of the gaps between arrivals; 1 is Poisson"},
    {.key = "base", .shapes = SHAPE_WORD, .words = "constant|poisson|gamma", .fallback = "poisson", .when = "process=diurnal", .help = "The process that the profile bends"},
    {.key = "profile", .shapes = SHAPE_NUMBERS | SHAPE_TEXT, .min = 0, .max = 1e9, .when = "process=diurnal", .is_required = true,
     .help = "24 or 168 hourly multipliers, a file that holds them, or the name of a profile of the catalogue; normalised to mean 1. A week begins on Monday"},
    {.key = "clients", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e7, .when = "process=closed-loop", .is_required = true, .help = "Clients, each with one request at a time"},
    {.key = "think_time", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 86400, .fallback = "0", .when = "process=closed-loop", .help = "From the end of a client's request to its next"},
    {.key = "think_distribution", .shapes = SHAPE_WORD, .words = "constant|exponential", .fallback = "constant", .when = "process=closed-loop", .help = "How think times vary"},
    {.key = "start", .shapes = SHAPE_WORD, .words = "now|think", .fallback = "now", .when = "process=closed-loop", .help = "`now`: all clients issue at t = 0; `think`: after one think time"},
    {.key = "file", .shapes = SHAPE_TEXT, .when = "process=trace", .is_required = true, .help = "CSV file, relative to the scenario's"},
    {.key = "format", .shapes = SHAPE_WORD, .words = "azure-llm-2023|normalised", .when = "process=trace", .help = "A format known by name; or else `columns`"},
    {.key = "columns", .shapes = SHAPE_BLOCK, .block = &column_block, .when = "process=trace", .help = "Which column is what, in any other CSV file"},
    {.key = "header", .shapes = SHAPE_WORD, .words = "auto|yes", .fallback = "auto", .when = "process=trace", .help = "`yes`: the first row is a header even though all columns are given by position"},
    {.key = "time", .shapes = SHAPE_WORD, .words = "auto|s|ms|us|ns|timestamp", .fallback = "auto", .when = "process=trace", .help = "What the column of arrivals holds"},
    {.key = "delimiter", .shapes = SHAPE_WORD, .words = "auto|comma|semicolon|tab", .fallback = "auto", .when = "process=trace", .help = "Between fields; `auto` looks at the first line"},
    {.key = "decimal", .shapes = SHAPE_WORD, .words = "point|comma", .fallback = "point", .when = "process=trace", .help = "The decimal mark"},
    {.key = "order", .shapes = SHAPE_WORD, .words = "error|sort|new-epoch|drop", .fallback = "error", .when = "process=trace", .help = "What a row before its predecessor means"},
    {.key = "origin", .shapes = SHAPE_WORD, .words = "auto|zero|first", .fallback = "auto", .when = "process=trace", .help = "t = 0 is the trace's own zero, or its first row; `auto`: zero for the normalised format"},
    {.key = "filter", .shapes = SHAPE_BLOCK, .block = &filter_block, .when = "process=trace", .help = "Takes some rows only"},
    {.key = "status_ok", .shapes = SHAPE_TEXTS, .when = "process=trace", .help = "Statuses that are taken; by default the common words for success"},
    {.key = "max_rows", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e12, .when = "process=trace", .help = "Data rows to read at most"},
};
static const struct block arrivals_block = {"workload[].arrivals", FIELDS(arrivals_fields), NO_ALIASES};

static const struct field tokens_fields[] = {
    {.key = "distribution", .shapes = SHAPE_WORD, .words = "constant|uniform|lognormal|geometric|quantiles", .is_required = true, .help = "Every draw is rounded to nearest, and is at least 1"},
    {.key = "value", .shapes = SHAPE_NUMBER, .unit = "tok", .min = 1, .max = TOKENS_MAX, .when = "distribution=constant", .is_required = true, .help = "The length of all"},
    {.key = "min", .shapes = SHAPE_INTEGER, .min = 1, .max = TOKENS_MAX, .when = "distribution=uniform", .is_required = true, .help = "Smallest, inclusive"},
    {.key = "max", .shapes = SHAPE_INTEGER, .min = 1, .max = TOKENS_MAX, .when = "distribution=uniform", .is_required = true, .help = "Greatest, inclusive"},
    {.key = "mean", .shapes = SHAPE_NUMBER, .unit = "tok", .min = 1, .max = TOKENS_MAX, .when = "distribution=lognormal|distribution=geometric", .help = "Mean length"},
    {.key = "p99", .shapes = SHAPE_NUMBER, .unit = "tok", .min = 1, .max = TOKENS_MAX, .when = "distribution=lognormal", .help = "99th percentile; goes with `mean`"},
    {.key = "median", .shapes = SHAPE_NUMBER, .unit = "tok", .min = 1, .max = TOKENS_MAX, .when = "distribution=lognormal", .help = "Instead of `mean` and `p99`; goes with `sigma`"},
    {.key = "sigma", .shapes = SHAPE_NUMBER, .min = 0, .max = 5, .when = "distribution=lognormal", .help = "Standard deviation of the logarithm; goes with `median`"},
    {.key = "table", .shapes = SHAPE_TEXT | SHAPE_NUMBERS, .min = 0, .max = TOKENS_MAX, .when = "distribution=quantiles",
     .help = "Name of a measured table of the catalogue (azure-conv-input, ...), or a list of [share, tokens] pairs, shares from 0 to 1"},
    {.key = "file", .shapes = SHAPE_TEXT, .when = "distribution=quantiles", .help = "CSV of share and tokens, instead of `table`"},
};
static const struct block tokens_block = {"workload[].input_tokens", FIELDS(tokens_fields), NO_ALIASES};

#define THRESHOLD(name, text) {.key = name, .shapes = SHAPE_NUMBER, .unit = "s", .min = 1e-9, .max = YEARS_9_S, .help = text}
static const struct field slo_fields[] = {
    THRESHOLD("ttft_p50", "Half of the requests have their first token within this"),
    THRESHOLD("ttft_p90", "90 % of the requests have their first token within this"),
    THRESHOLD("ttft_p95", "95 % of the requests have their first token within this"),
    THRESHOLD("ttft_p99", "99 % of the requests have their first token within this"),
    THRESHOLD("tpot_p50", "Half of the requests take at most this per output token after the first"),
    THRESHOLD("tpot_p90", "90 % of the requests take at most this per output token after the first"),
    THRESHOLD("tpot_p95", "95 % of the requests take at most this per output token after the first"),
    THRESHOLD("tpot_p99", "99 % of the requests take at most this per output token after the first"),
    THRESHOLD("e2e_p50", "Half of the requests end within this"),
    THRESHOLD("e2e_p90", "90 % of the requests end within this"),
    THRESHOLD("e2e_p95", "95 % of the requests end within this"),
    THRESHOLD("e2e_p99", "99 % of the requests end within this"),
    THRESHOLD("queue_p50", "Half of the requests are first scheduled within this"),
    THRESHOLD("queue_p90", "90 % of the requests are first scheduled within this"),
    THRESHOLD("queue_p95", "95 % of the requests are first scheduled within this"),
    THRESHOLD("queue_p99", "99 % of the requests are first scheduled within this"),
};
static const struct block slo_block = {"workload[].slo", FIELDS(slo_fields), NO_ALIASES};

static const struct field token_price_fields[] = {
    {.key = "input", .shapes = SHAPE_NUMBER, .unit = "USD/Mtok", .min = 0, .max = 1e6, .is_required = true, .help = "What a customer pays for prompts"},
    {.key = "output", .shapes = SHAPE_NUMBER, .unit = "USD/Mtok", .min = 0, .max = 1e6, .is_required = true, .help = "What a customer pays for answers"},
};
static const struct block token_price_block = {"workload[].price_usd_per_mtok", FIELDS(token_price_fields), NO_ALIASES};

static const struct field workload_fields[] = {
    {.key = "name", .shapes = SHAPE_NAME, .is_required = true, .help = "Stands in key paths and results"},
    {.key = "pool", .shapes = SHAPE_TEXT | SHAPE_TEXTS, .help = "The pools that serve it; by default all, which must then serve one model"},
    {.key = "tenant", .shapes = SHAPE_TEXT, .not_yet = "name the workload after its tenant", .help = "Who is charged"},
    {.key = "arrivals", .shapes = SHAPE_BLOCK, .block = &arrivals_block, .is_required = true, .help = "When requests arrive"},
    {.key = "input_tokens", .shapes = SHAPE_BLOCK | SHAPE_INTEGER, .min = 1, .max = TOKENS_MAX, .block = &tokens_block, .help = "Length of prompts; a plain number is constant. A trace has its own"},
    {.key = "output_tokens", .shapes = SHAPE_BLOCK | SHAPE_INTEGER, .min = 1, .max = TOKENS_MAX, .block = &tokens_block, .help = "Length of answers, likewise"},
    {.key = "cached_input_share", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0, .max = 1, .not_yet = "leave it out: every prompt is computed whole", .help = "Share of the prompt in a prefix cache"},
    {.key = "slo", .shapes = SHAPE_BLOCK, .block = &slo_block, .help = "Latency limits; a point is feasible if all are met"},
    {.key = "price_usd_per_mtok", .shapes = SHAPE_BLOCK, .block = &token_price_block, .help = "Selling price of tokens"},
};
static const struct block workload_block = {"workload[]", FIELDS(workload_fields), NO_ALIASES};

/* --- fleet --- */

static const struct field node_fields[] = {
    {.key = "gpus", .shapes = SHAPE_INTEGER, .min = 1, .max = 1024, .help = "GPUs of a node; by default the catalogue's"},
    {.key = "billing", .shapes = SHAPE_WORD, .words = "gpu|node", .help = "What is paid: GPUs in replicas, or all of every node; by default `gpu` for rental, `node` for owned"},
    {.key = "host_w", .shapes = SHAPE_NUMBER, .unit = "W", .min = 0, .max = 1e6, .help = "Power of a node without its GPUs; by default 150 W per GPU"},
};
static const struct block node_block = {"fleet[].node", FIELDS(node_fields), NO_ALIASES};

static const struct field batching_fields[] = {
    {.key = "policy", .shapes = SHAPE_WORD, .words = "continuous|prefill-first|static|request-level", .words_not_yet = "trtllm", .fallback = "continuous", .help = "`continuous` is vLLM V1, `prefill-first` vLLM V0 and, with `chunk`, SGLang"},
    {.key = "max_num_seqs", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e6, .fallback = "256", .when = "policy=continuous|policy=prefill-first|policy=static", .help = "Sequences in a batch at most"},
    {.key = "max_num_batched_tokens", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e8, .fallback = "8192", .help = "Tokens of a step at most"},
    {.key = "chunk", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e8, .when = "policy=continuous|policy=prefill-first", .help = "Prompt tokens of one sequence in a step at most; `prefill-first` cuts prompts only if this is given"},
    {.key = "kv_admission", .shapes = SHAPE_WORD, .words = "chunk|prompt", .fallback = "chunk", .when = "policy=continuous", .help = "Blocks that must be free to admit: for this step's chunk, or for the whole prompt"},
    {.key = "watermark_blocks", .shapes = SHAPE_INTEGER, .min = 0, .max = 1e12, .fallback = "0", .when = "policy=continuous|policy=prefill-first", .help = "Blocks kept free at admission"},
    {.key = "on_preempt", .shapes = SHAPE_WORD, .words = "recompute|restart", .fallback = "recompute", .when = "policy=continuous|policy=prefill-first", .help = "A preempted request computes its tokens again, or forgets what it generated"},
    {.key = "max_wait", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 86400, .fallback = "1s", .when = "policy=static", .help = "A batch is formed when this has passed since its oldest request"},
    {.key = "deliver", .shapes = SHAPE_WORD, .words = "token|batch", .fallback = "token", .when = "policy=static", .help = "When answers reach the client"},
    {.key = "batch_wait_timeout_iters", .shapes = SHAPE_INTEGER, .min = 0, .max = 1e6, .not_yet = "it belongs to `policy: trtllm`", .help = "Of policy trtllm"},
};
static const struct block batching_block = {"fleet[].batching", FIELDS(batching_fields), NO_ALIASES};

static const struct field arrival_delay_fields[] = {
    {.key = "base", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 3600, .fallback = "0", .help = "For every request"},
    {.key = "per_input_token", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 1, .fallback = "0", .help = "For each token of the prompt"},
};
static const struct block arrival_delay_block = {"fleet[].step_time.arrival_delay", FIELDS(arrival_delay_fields), NO_ALIASES};

#define EFFICIENCY(name, text) {.key = name, .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0.01, .max = 1, .help = text}
static const struct field efficiency_fields[] = {
    EFFICIENCY("memory", "Streaming of weights"),
    EFFICIENCY("compute", "Matrix products in the model's precision"),
    EFFICIENCY("kv_read", "Decode attention"),
    EFFICIENCY("attention", "Prefill attention"),
};
static const struct block efficiency_block = {"fleet[].step_time.efficiency", FIELDS(efficiency_fields), NO_ALIASES};

#define OVERHEAD(name, text) {.key = name, .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 10, .help = text}
static const struct field overhead_fields[] = {
    OVERHEAD("per_step", "Each step"),
    OVERHEAD("per_layer", "Each layer of a step"),
    OVERHEAD("per_seq", "Each sequence of a step"),
    OVERHEAD("per_prefill_step", "Each step that prefills"),
};
static const struct block overhead_block = {"fleet[].step_time.overhead", FIELDS(overhead_fields), NO_ALIASES};

#define COEFFICIENT(name, text) {.key = name, .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 1e6, .fallback = "0", .when = "model=linear", .help = text}
static const struct field step_time_fields[] = {
    {.key = "model", .shapes = SHAPE_WORD, .words = "roofline|linear", .words_not_yet = "profile", .fallback = "roofline", .help = "`roofline` comes from the GPU's and the model's figures; `linear` is c0 + c1 prefill tokens + c2 decodes + c3 decode context + c4 sum of chunk x (context + chunk / 2)"},
    COEFFICIENT("c0", "Seconds per step"),
    COEFFICIENT("c1", "Seconds per prefill token"),
    COEFFICIENT("c2", "Seconds per decoding sequence"),
    COEFFICIENT("c3", "Seconds per token of decode context"),
    COEFFICIENT("c4", "Seconds per pair of prefill tokens"),
    {.key = "quantum", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 10, .fallback = "0", .help = "Floors each step to a multiple of it; 0: none"},
    {.key = "efficiency", .shapes = SHAPE_BLOCK, .block = &efficiency_block, .when = "model=roofline", .help = "Shares of the datasheet's peaks that kernels reach; by default first values from measurements"},
    {.key = "overhead", .shapes = SHAPE_BLOCK, .block = &overhead_block, .when = "model=roofline", .help = "The serving engine's own time, likewise"},
    {.key = "arrival_delay", .shapes = SHAPE_BLOCK, .block = &arrival_delay_block, .help = "Until router and scheduler see a request"},
    {.key = "token_delay", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 10, .fallback = "0", .help = "Client-side time per emitted token; holds no GPU"},
    {.key = "finish_delay", .shapes = SHAPE_NUMBER, .unit = "s", .min = 0, .max = 3600, .fallback = "0", .help = "Added once to the end-to-end latency"},
};
static const struct block step_time_block = {"fleet[].step_time", FIELDS(step_time_fields), NO_ALIASES};

#define POWER_FIELDS                                                                                                                                                                                \
    {.key = "idle_w", .shapes = SHAPE_NUMBER, .unit = "W", .min = 0, .max = 1e5, .help = "One GPU with nothing loaded; by default its row's"},                                                      \
        {.key = "idle_ctx_add_w", .shapes = SHAPE_NUMBER, .unit = "W", .min = 0, .max = 1e5, .help = "More, with a model loaded; by default its row's"},                                           \
        {.key = "tdp_w", .shapes = SHAPE_NUMBER, .unit = "W", .min = 1, .max = 1e5, .help = "Limit of one GPU's board; by default its row's"},                                                     \
    {.key = "cap_w", .shapes = SHAPE_NUMBER, .unit = "W", .min = 1, .max = 1e5, .not_yet = "lower `tdp_w`, which caps power but does not slow the clock", .help = "Power cap"}
static const struct field pool_power_fields[] = {POWER_FIELDS};
static const struct block pool_power_block = {"fleet[].power", FIELDS(pool_power_fields), NO_ALIASES};

static const struct field power_fields[] = {
    {.key = "pue", .shapes = SHAPE_NUMBER, .min = 1, .max = 5, .fallback = "1.2", .help = "Site power over IT power"},
    {.key = "psu_efficiency", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0.5, .max = 1, .fallback = "0.95", .help = "Power at a node's supply output over that at the wall"},
    POWER_FIELDS,
};
static const struct block power_block = {"power", FIELDS(power_fields), NO_ALIASES};

/* --- cost --- */

#define RENTAL "deal=on-demand|deal=reserved|deal=spot"
#define OWNED "deal=owned"
#define USD(name, text) {.key = name, .shapes = SHAPE_NUMBER, .unit = "USD", .min = 0, .max = USD_MAX, .when = OWNED, .help = text}

static const struct field electricity_fields[] = {
    {.key = "tariff", .shapes = SHAPE_NUMBER, .unit = "USD/kWh", .min = -10, .max = 100, .is_required = true, .shapes_not_yet = SHAPE_BLOCK | SHAPE_TEXT, .help = "One price for all hours"},
    {.key = "demand_usd_per_kw_month", .shapes = SHAPE_NUMBER, .unit = "USD/kW-month", .min = 0, .max = 1e4, .fallback = "0", .help = "Demand charge on the 15-minute peak"},
};
static const struct block electricity_block = {"cost.electricity", FIELDS(electricity_fields), NO_ALIASES};

static const struct field facility_fields[] = {
    {.key = "kind", .shapes = SHAPE_WORD, .words = "colocation|own-build", .is_required = true, .help = "Rented space, or one's own building"},
    {.key = "power", .shapes = SHAPE_WORD, .words = "included|metered", .when = "kind=colocation", .is_required = true, .help = "Is energy in the price of the space?"},
    {.key = "usd_per_kw_month", .shapes = SHAPE_NUMBER, .unit = "USD/kW-month", .min = 0, .max = 1e5, .when = "kind=colocation", .is_required = true, .help = "Per committed kW of IT power"},
    {.key = "usd_per_site_kw", .shapes = SHAPE_NUMBER, .unit = "USD/kW", .min = 0, .max = 1e6, .when = "kind=own-build", .is_required = true, .help = "To build one kW of site power"},
    {.key = "life", .shapes = SHAPE_NUMBER, .unit = "year", .min = 1, .max = 50, .fallback = "14", .when = "kind=own-build", .help = "Of the building"},
    {.key = "discount_rate", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0, .max = 1, .fallback = "0", .when = "kind=own-build", .help = "Of the building"},
};
static const struct block facility_block = {"cost.facility", FIELDS(facility_fields), NO_ALIASES};

static const struct field commitment_fields[] = {
    {.key = "gpus", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e7, .is_required = true, .help = "GPUs that are paid whether used or not"},
    {.key = "usd_per_hour", .shapes = SHAPE_NUMBER, .unit = "USD/h", .min = 0, .max = 1e4, .is_required = true, .help = "For each of them"},
};
static const struct block commitment_block = {"cost.commitments", FIELDS(commitment_fields), NO_ALIASES};

static const struct field network_fields[] = {
    {.key = "egress_usd_per_gb", .shapes = SHAPE_NUMBER, .unit = "USD/GB", .min = 0, .max = 100, .fallback = "0", .help = "For answers that leave the site"},
    {.key = "byte_per_output_token", .shapes = SHAPE_NUMBER, .min = 0, .max = 1e6, .fallback = "4", .help = "Bytes of an answer per token"},
};
static const struct block network_block = {"cost.network", FIELDS(network_fields), NO_ALIASES};

static const struct field staff_fields[] = {
    {.key = "fte_min", .shapes = SHAPE_NUMBER, .min = 0, .max = 1e5, .fallback = "0", .help = "Full-time people, however small the fleet"},
    {.key = "fte_per_gpu", .shapes = SHAPE_NUMBER, .min = 0, .max = 10, .fallback = "0", .help = "Full-time people per paid GPU; the greater of the two counts"},
    {.key = "loaded_usd_per_fte_year", .shapes = SHAPE_NUMBER, .unit = "USD/year", .min = 0, .max = 1e7, .help = "One person's full cost"},
};
static const struct block staff_block = {"cost.staff", FIELDS(staff_fields), NO_ALIASES};

#define COST_FIELDS                                                                                                                                                                                 \
    {.key = "deal", .shapes = SHAPE_WORD, .words = "on-demand|reserved|spot|owned", .fallback = "on-demand", .help = "How the GPUs are had. Interruptions of `spot` are not simulated"},            \
        {.key = "gpu_usd_per_hour", .shapes = SHAPE_NUMBER | SHAPE_WORD | SHAPE_NUMBER_MAP, .words = "catalogue", .unit = "USD/h", .min = 0, .max = 1e4, .fallback = "catalogue", .when = RENTAL,  \
         .help = "A number, `catalogue` (source and date are printed), or a map by GPU"},                                                                                                           \
        {.key = "commitments", .shapes = SHAPE_BLOCK, .block = &commitment_block, .shapes_not_yet = SHAPE_ENTRIES, .when = "deal=reserved", .help = "By default just the GPUs that are placed are committed"}, \
        USD("system_usd_per_gpu", "Everything that is bought, per GPU; or else the four below"),                                                                                                   \
        {.key = "gpu_price_usd", .shapes = SHAPE_NUMBER | SHAPE_WORD | SHAPE_NUMBER_MAP, .words = "catalogue", .unit = "USD", .min = 0, .max = USD_MAX, .when = OWNED, .help = "One GPU: a number, `catalogue`, or a map by GPU"}, \
        USD("server_usd_per_gpu", "The server around it"), USD("network_usd_per_gpu", "Switches and cables"), USD("storage_usd_per_gpu", "Storage"),                                               \
        {.key = "life", .shapes = SHAPE_NUMBER, .unit = "year", .min = 0.5, .max = 50, .fallback = "5", .when = OWNED, .help = "Years over which what is bought is written off"},                  \
        {.key = "discount_rate", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0, .max = 1, .fallback = "0", .when = OWNED, .help = "A year; 0 is straight-line"},                               \
        {.key = "residual_ratio", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0, .max = 1, .fallback = "0", .when = OWNED, .help = "Worth at the end of life, of the price"},                  \
        {.key = "maintenance_ratio_per_year", .shapes = SHAPE_NUMBER, .unit = "ratio/year", .min = 0, .max = 1, .fallback = "0", .when = OWNED, .help = "Of the price, each year"},                \
        {.key = "spares_ratio", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0, .max = 1, .fallback = "0", .when = OWNED, .help = "Spare GPUs bought beside those in use"},                     \
        {.key = "electricity", .shapes = SHAPE_WORD | SHAPE_BLOCK, .words = "included", .block = &electricity_block, .help = "`included` in the rent, or a tariff; by default `included` for rental"}, \
        {.key = "facility", .shapes = SHAPE_BLOCK, .block = &facility_block, .help = "Where owned GPUs stand"},                                                                                    \
    {.key = "software_usd_per_gpu_year", .shapes = SHAPE_NUMBER, .unit = "USD/year", .min = 0, .max = 1e6, .fallback = "0", .help = "Licences"}

#define COST_ALIASES                                                                                                                                                                                \
    {"purchase", "deal", "rental=on-demand"}, {                                                                                                                                                     \
        "electricity_usd_per_kwh", "electricity.tariff", NULL                                                                                                                                       \
    }

static const struct field pool_cost_fields[] = {COST_FIELDS};
static const struct field_alias pool_cost_aliases[] = {COST_ALIASES};
static const struct block pool_cost_block = {"fleet[].cost", FIELDS(pool_cost_fields), FIELDS(pool_cost_aliases)};

static const struct field cost_fields[] = {
    COST_FIELDS,
    {.key = "staff", .shapes = SHAPE_BLOCK, .block = &staff_block, .help = "People who run the fleet; by default nobody"},
    {.key = "network", .shapes = SHAPE_BLOCK, .block = &network_block, .help = "Traffic that leaves the site"},
    {.key = "one_off_usd", .shapes = SHAPE_NUMBER, .unit = "USD", .min = 0, .max = USD_MAX, .fallback = "0", .help = "Set-up cost of the fleet, straight line"},
    {.key = "one_off_life", .shapes = SHAPE_NUMBER, .unit = "year", .min = 0.1, .max = 50, .fallback = "5", .help = "Over this time"},
    {.key = "currency", .shapes = SHAPE_NAME, .help = "The table shows money in this one too"},
    {.key = "usd_per_currency", .shapes = SHAPE_NUMBER, .min = 1e-9, .max = 1e9, .help = "What one of it is worth"},
};
static const struct field_alias cost_aliases[] = {
    COST_ALIASES,
    {"staff_fte", "staff.fte_min", NULL},
    {"salary_usd_per_year", "staff.loaded_usd_per_fte_year", NULL},
};
static const struct block cost_block = {"cost", FIELDS(cost_fields), FIELDS(cost_aliases)};

static const struct field fleet_fields[] = {
    {.key = "name", .shapes = SHAPE_NAME, .is_required = true, .help = "Stands in key paths and results"},
    {.key = "gpu", .shapes = SHAPE_TEXT | SHAPE_COLUMNS, .table = CATALOG_GPUS, .help = "A GPU of the catalogue, or a map with its columns. Needed unless `step_time` is `linear`"},
    {.key = "model", .shapes = SHAPE_TEXT | SHAPE_COLUMNS, .table = CATALOG_LLMS, .help = "A language model of the catalogue, or a map with its columns; likewise"},
    {.key = "precision", .shapes = SHAPE_WORD, .words = "bf16|fp16|fp8|int8|int4|fp4", .help = "Of weights; by default the model's"},
    {.key = "kv_precision", .shapes = SHAPE_WORD, .words = "bf16|fp16|fp8|int8", .fallback = "bf16", .help = "Of the KV cache"},
    {.key = "tensor_parallel", .shapes = SHAPE_INTEGER, .min = 1, .max = 1024, .fallback = "1", .help = "GPUs that share each layer: the GPUs of a replica"},
    {.key = "pipeline_parallel", .shapes = SHAPE_INTEGER, .min = 1, .max = 1024, .fallback = "1", .modelled_max = 1, .not_yet = NULL, .help = "Stages of layers"},
    {.key = "expert_parallel", .shapes = SHAPE_INTEGER, .min = 1, .max = 1024, .fallback = "1", .modelled_max = 1, .help = "GPUs that share the experts"},
    {.key = "replicas", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e6, .fallback = "1", .shapes_not_yet = SHAPE_BLOCK, .help = "Copies of the model, each on its own GPUs"},
    {.key = "node", .shapes = SHAPE_BLOCK, .block = &node_block, .help = "The machines"},
    {.key = "max_model_len", .shapes = SHAPE_INTEGER, .min = 1, .max = TOKENS_MAX, .help = "Tokens of a sequence at most; by default the model's own limit"},
    {.key = "gpu_memory_utilization", .shapes = SHAPE_NUMBER, .unit = "ratio", .min = 0.01, .max = 1, .fallback = "0.9", .help = "Share of GPU memory that the engine may use"},
    {.key = "block_size", .shapes = SHAPE_INTEGER, .min = 1, .max = 65536, .fallback = "16", .help = "Tokens of a KV block"},
    {.key = "num_gpu_blocks", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e12, .help = "KV blocks of a replica; by default what memory holds (`linear` without a GPU: no limit)"},
    {.key = "batching", .shapes = SHAPE_BLOCK, .block = &batching_block, .help = "The scheduler"},
    {.key = "step_time", .shapes = SHAPE_BLOCK, .block = &step_time_block, .help = "What a step takes"},
    {.key = "power", .shapes = SHAPE_BLOCK, .block = &pool_power_block, .help = "Overrides `power` for this pool, key by key"},
    {.key = "cost", .shapes = SHAPE_BLOCK, .block = &pool_cost_block, .help = "Overrides `cost` for this pool, key by key"},
};
static const struct field_alias fleet_aliases[] = {
    {"tensor_parallel_size", "tensor_parallel", NULL},
    {"pipeline_parallel_size", "pipeline_parallel", NULL},
    {"kv_cache_dtype", "kv_precision", "auto=|fp8_e4m3=fp8|fp8_e5m2=fp8|bfloat16=bf16|float16=fp16"},
    {"quantization", "precision", "none=|awq=int4|gptq=int4|nvfp4=fp4|modelopt=fp8"},
    {"num_gpu_blocks_override", "num_gpu_blocks", NULL},
    {"max_num_seqs", "batching.max_num_seqs", NULL},
    {"max_num_batched_tokens", "batching.max_num_batched_tokens", NULL},
};
static const struct block fleet_block = {"fleet[]", FIELDS(fleet_fields), FIELDS(fleet_aliases)};

/* --- the rest --- */

static const struct field routing_fields[] = {
    {.key = "policy", .shapes = SHAPE_WORD, .words = "round-robin|random|power-of-two|least-outstanding|central-queue", .fallback = "round-robin", .help = "Which replica a request goes to"},
};
static const struct block routing_block = {"routing", FIELDS(routing_fields), NO_ALIASES};

static const struct field carbon_fields[] = {
    {.key = "region", .shapes = SHAPE_TEXT, .help = "A region of the catalogue: its grid's mean"},
    {.key = "gco2e_per_kwh", .shapes = SHAPE_NUMBER, .min = 0, .max = 5000, .help = "Or the figure itself"},
    {.key = "usd_per_t", .shapes = SHAPE_NUMBER, .unit = "USD/t", .min = 0, .max = 1e5, .fallback = "0", .help = "Price of a tonne of CO2e"},
};
static const struct block carbon_block = {"carbon", FIELDS(carbon_fields), NO_ALIASES};

static const struct field compare_fields[] = {
    {.key = "api", .shapes = SHAPE_TEXTS, .help = "APIs of the catalogue, whose bill for this point's tokens is shown"},
};
static const struct block compare_block = {"compare", FIELDS(compare_fields), NO_ALIASES};

static const struct field root_fields[] = {
    {.key = "name", .shapes = SHAPE_TEXT, .is_required = true, .help = "Title of the results"},
    {.key = "extends", .shapes = SHAPE_SPECIAL, .help = "A scenario file that this one is laid on: maps merge, entries merge by name, anything else is replaced"},
    {.key = "seed", .shapes = SHAPE_INTEGER, .min = 0, .max = 9.2e18, .fallback = "1", .help = "Of all random draws"},
    {.key = "duration", .shapes = SHAPE_NUMBER, .unit = "s", .min = 1e-6, .max = YEARS_9_S, .help = "Arrivals in [0, duration), cut there"},
    {.key = "requests", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e12, .help = "The first so many arrivals; the run ends with the last of them"},
    {.key = "start", .shapes = SHAPE_TEXT, .help = "Date and time of t = 0, local to the profiles: 2026-03-02T08:00. Without it a day begins at 00:00, a week on Monday"},
    {.key = "timezone", .shapes = SHAPE_TEXT, .not_yet = "profiles are in local time already", .help = "Of tariffs and carbon series"},
    {.key = "warmup", .shapes = SHAPE_NUMBER | SHAPE_WORD, .unit = "s", .min = 0, .max = YEARS_9_S, .fallback = "0", .words = "", .words_not_yet = "auto", .help = "The window of the results begins here"},
    {.key = "replications", .shapes = SHAPE_INTEGER, .min = 1, .max = 1e6, .fallback = "1", .modelled_max = 1, .help = "Runs with independent draws"},
    {.key = "stop_when", .shapes = SHAPE_SPECIAL, .not_yet = "give a `duration`", .help = "Precision to stop at"},
    {.key = "workload", .shapes = SHAPE_ENTRIES, .block = &workload_block, .is_required = true, .help = "Who asks for what"},
    {.key = "fleet", .shapes = SHAPE_ENTRIES, .block = &fleet_block, .is_required = true, .help = "Pools of equal replicas"},
    {.key = "routing", .shapes = SHAPE_BLOCK, .block = &routing_block, .help = "From requests to replicas"},
    {.key = "power", .shapes = SHAPE_BLOCK, .block = &power_block, .help = "From GPUs to the site"},
    {.key = "cost", .shapes = SHAPE_BLOCK, .block = &cost_block, .help = "What it costs. Without it: rented at the catalogue's price, and the results say so"},
    {.key = "carbon", .shapes = SHAPE_BLOCK, .block = &carbon_block, .help = "What it emits"},
    {.key = "levers", .shapes = SHAPE_SPECIAL, .not_yet = "change the scenario itself, or sweep it", .help = "Measures to compare"},
    {.key = "economics", .shapes = SHAPE_SPECIAL, .not_yet = "sweep prices and rates", .help = "Demand and prices over time"},
    {.key = "compare", .shapes = SHAPE_BLOCK, .block = &compare_block, .help = "What else it could cost"},
    {.key = "sweep", .shapes = SHAPE_SPECIAL, .help = "Axes: a path to a value, and a list of values or {from, to, steps, scale}; `zip` for axes that move together"},
};
static const struct block root_block = {"top", FIELDS(root_fields), NO_ALIASES};

const struct block *schema_root(void) {
    return &root_block;
}
