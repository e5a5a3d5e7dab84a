#include "study/client.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "study/formula.h"

/* Assumptions, where neither row nor recipe says it. */
enum {
    REQUESTS_PER_CLIENT = 10,
    OPEN_LOOP_S = 600,
    STEADY_REQUESTS_MIN = 1024,
    STEADY_WAVES = 3,
    QUEUED_TOK =
        6500000, /* a replica's: in TensorRT-LLM's documentation 30,000 requests of 128/128 tokens, 3,000 of 1000/1000 */
    QUEUED_REQUESTS_MIN = 1000,
    QUEUED_REQUESTS_MAX = 30000,
    REMARK_SIZE = 128,
    PROMPT_OTHER_TOK = 512,
    ANSWER_OTHER_TOK = 256,
};

/* Mean tokens of data sets whose lengths rows do not state: estimates from the data sets' public descriptions. */
struct data_set {
    const char *mark; /* in the notes */
    const char *model;
    double input_tok, output_tok;
    bool is_settled; /* what the row measures hardly depends on it: prompts of chats beside answers that are stated */
};
static const struct data_set data_sets[] = {
    {"task=lm-arena-chat", "", 256, 512, true},
    {"task=gpqa", "", 256, 4096, true},
    {"task=sourcegraph-fim", "", 1024, 256, false},
    {"", "GPT-J-6B", 900, 69, false},         /* CNN/DailyMail */
    {"", "Llama-3.1-8B", 780, 73, false},     /* likewise */
    {"", "Llama-2-70B", 294, 294, false},     /* OpenOrca */
    {"", "Mixtral-8x7B", 380, 146, false},    /* OpenOrca, GSM8K, MBXP */
    {"", "Llama-3.1-405B", 9400, 680, false}, /* LongBench, LongDataCollections, ... */
    {"", "DeepSeek-R1", 800, 3900, false},    /* AIME, MATH, GPQA, MMLU-Pro, LiveCodeBench */
    {"", "", PROMPT_OTHER_TOK, ANSWER_OTHER_TOK, false},
};

bool recipe_number(const char *text, const struct measured_row *row, double *value) {
    const struct formula_names names = {row->load, row->isl, row->osl, (double)row->tp};
    const char *remark = strstr(text, " (");
    char plain[REMARK_SIZE];
    snprintf(plain, sizeof plain, "%.*s", (int)(remark != NULL ? (size_t)(remark - text) : strlen(text)), text);
    return formula_value(plain, &names, value);
}

static const struct data_set *data_set_of(const struct measured_row *row) {
    size_t i = 0;
    while (strstr(row->notes, data_sets[i].mark) == NULL ||
           (data_sets[i].model[0] != '\0' && strcmp(row->model, data_sets[i].model) != 0)) {
        i++;
    }
    return &data_sets[i];
}

static bool is_from(const struct measured_row *row, const char *source) {
    return strncmp(row->source, source, strlen(source)) == 0;
}

/* The share of the nominal length that the shortest request has; NaN: lengths do not vary in a known way. */
static double range_ratio(const struct measured_row *row, const struct recipe *recipe) {
    double ratio;
    if (!isnan(row->length_range_ratio)) {
        return row->length_range_ratio;
    }
    if (recipe != NULL && recipe_number(recipe->length_range_ratio, row, &ratio) && ratio <= 1) {
        return ratio;
    }
    return is_from(row, "inferencex_fixture") || is_from(row, "inferencex_via_aic") ? 0.8 : (double)NAN;
}

static int64_t whole_tok(double tokens) {
    return tokens < 1 ? 1 : (int64_t)floor(tokens + 0.5);
}

static struct client_length constant(double tokens) {
    return (struct client_length){.shape = SHAPE_UNIFORM_TOK, .min = whole_tok(tokens), .max = whole_tok(tokens)};
}

static struct client_length ranged(double nominal, double mean, double ratio) {
    if (isnan(ratio) || isnan(nominal)) {
        return constant(isnan(mean) ? nominal : mean);
    }
    struct client_length length = constant(nominal);
    length.min = (int64_t)floor(ratio * (double)length.max);
    length.min = length.min < 1 ? 1 : length.min;
    return length;
}

/* Clients of exactly one length march in step, which SGLang's TTFT would show: many times that of clients that come one by one. What was
 * measured of runs with one stated length lies between, for every engine alike: as if lengths were spread by a hundredth either way, as
 * re-encoded random prompts are. */
static void loosen(struct client_length *length) {
    const double spread = 0.01;
    if (length->shape == SHAPE_UNIFORM_TOK && length->min == length->max) {
        int64_t half = (int64_t)(spread * (double)length->max);
        length->min -= half;
        length->max += half;
    }
}

static void fill_lengths(struct client *client, const struct measured_row *row, const struct recipe *recipe) {
    const struct data_set *set = data_set_of(row);
    double input = measured_input_tok(row), output = measured_output_tok(row);
    double ratio = range_ratio(row, recipe);
    client->lengths_assumed = (isnan(input) && !set->is_settled) || isnan(output);
    if (isnan(input)) {
        client->input = constant(set->input_tok);
    } else {
        client->input = ranged(row->isl, input, ratio);
    }
    if (isnan(row->osl) && (client->is_steady || isnan(output))) {
        client->output =
            (struct client_length){.shape = SHAPE_GEOMETRIC_TOK, .mean = isnan(output) ? set->output_tok : output};
    } else {
        client->output = ranged(row->osl, output, ratio);
    }
    if (row->load_kind == LOAD_CONCURRENCY && isnan(ratio)) {
        loosen(&client->input);
        loosen(&client->output);
    }
}

static int64_t closed_requests(struct client *client, const struct measured_row *row, const struct recipe *recipe) {
    double per_client;
    if (!isnan(row->num_requests)) {
        return (int64_t)row->num_requests;
    }
    if (recipe != NULL && recipe_number(recipe->client_requests_per_concurrency, row, &per_client) && per_client >= 1) {
        return (int64_t)(per_client * row->load);
    }
    client->requests_assumed = !is_from(row, "inferencex");
    return REQUESTS_PER_CLIENT * (int64_t)row->load;
}

/* A recipe may state the whole number: "300 requests". */
static int64_t open_requests(const struct measured_row *row, const struct recipe *recipe) {
    const char *text = recipe == NULL ? "" : recipe->client_requests_per_concurrency;
    size_t digits = strspn(text, "0123456789");
    int64_t stated;
    if (!isnan(row->num_requests)) {
        return (int64_t)row->num_requests;
    }
    if (strcmp(text + digits, " requests") == 0 && text_to_int64((struct span){text, digits}, &stated)) {
        return stated;
    }
    return (int64_t)ceil(row->load * OPEN_LOOP_S);
}

static int64_t queued_requests(const struct measured_row *row, const struct client *client) {
    int64_t gpus_per_replica = (row->tp > 0 ? row->tp : 1) * (row->pp > 0 ? row->pp : 1);
    int64_t replicas = row->num_gpus > gpus_per_replica ? row->num_gpus / gpus_per_replica : 1;
    int64_t tokens = client->input.max +
                     (client->output.shape == SHAPE_UNIFORM_TOK ? client->output.max : (int64_t)client->output.mean);
    int64_t requests = QUEUED_TOK / tokens;
    if (!isnan(row->num_requests)) {
        return (int64_t)row->num_requests;
    }
    requests = replicas * (requests > QUEUED_REQUESTS_MIN ? requests : QUEUED_REQUESTS_MIN);
    return requests < QUEUED_REQUESTS_MAX ? requests : QUEUED_REQUESTS_MAX;
}

/* Prompts of these runs repeat a few texts whose cache the server keeps: all but the last, partial block is there. */
static void cache_prompts(struct client *client, int64_t block_size) {
    int64_t prompt = client->input.max;
    int64_t computed = (prompt - 1) % block_size + 1;
    client->cached_share = (double)(prompt - computed) / (double)prompt;
}

static void fill_sends(struct client *client, const struct measured_row *row, const struct recipe *recipe) {
    int64_t load = isnan(row->load) ? 0 : (int64_t)row->load;
    switch ((enum load_kind)row->load_kind) {
    case LOAD_CONCURRENCY:
        client->clients = load;
        client->requests = closed_requests(client, row, recipe);
        break;
    case LOAD_QPS:
        client->rate_per_s = row->load;
        client->requests = open_requests(row, recipe);
        break;
    case LOAD_MAX_NUM_SEQS:
        client->requests = STEADY_WAVES * load > STEADY_REQUESTS_MIN ? STEADY_WAVES * load : STEADY_REQUESTS_MIN;
        client->clients = client->requests;
        break;
    case LOAD_MAX_BATCH:
    case LOAD_BATCH:
        client->is_static = true;
        client->requests = client->clients = load;
        break;
    case LOAD_MAX_LOAD:
    case LOAD_MLPERF: client->requests = client->clients = queued_requests(row, client); break;
    }
}

struct client client_of(const struct measured_row *row, const struct recipe *recipe, int64_t block_size) {
    struct client client = {.clients = 0};
    client.is_steady = row->load_kind == LOAD_MAX_NUM_SEQS;
    fill_lengths(&client, row, recipe);
    fill_sends(&client, row, recipe);
    if (is_from(row, "inference-sim")) {
        cache_prompts(&client, block_size);
    }
    return client;
}
