"""Vidur (microsoft/vidur): schedulers `sarathi` and `vllm`. A step is a sum of operators, each in milliseconds a layer."""

import collections

from scenario import CaseError, flow, render, us

NAME = "vidur"
TRACE = "requests.csv"
RUNS = 2  # the first tells how many sequences decode together

PADDED_OPERATORS = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj", "mlp_act", "attn_rope",
                    "input_layernorm", "post_attention_layernorm", "add")
TOKEN_PADDING = 8

# A decode asks for a free block whether it needs one or not: the last block taken, the next decode preempts.
SPARE_BLOCKS = 1


def e2e_s(row):
    """The end-to-end time in a row of expected_requests.csv, in seconds."""
    return float(row["e2e_s"])


def chunks(prompt, size):
    """(tokens, context before) of each chunk of a prompt."""
    return [(min(size, prompt - start), start) for start in range(0, prompt, size)]


def fit_prefill(costs):
    """Least squares for cost = a tokens + b pairs, from rows (tokens, pairs, cost).

    Weights 1 / tokens leave no error in the total, which decides how loaded a replica is.
    """
    nn = nz = zz = ny = zy = 0.0
    for tokens, pairs, cost in costs:
        nn += tokens
        nz += pairs
        zz += pairs * pairs / tokens
        ny += cost
        zy += pairs * cost / tokens
    determinant = nn * zz - nz * nz
    b = max(0.0, (nn * zy - nz * ny) / determinant) if determinant > 1e-9 * nn * zz else 0.0
    return (ny - b * nz) / nn, b


def decoding_together(earlier):
    """How long n sequences of a replica decoded together, by n, in an earlier run; without one, 1..64 for equally long."""
    if earlier is None:
        return {count: 1.0 for count in range(1, 65)}
    changes = collections.defaultdict(list)
    for row in earlier:
        if row["status"] == "completed":
            changes[row["replica"]].append((float(row["arrival_s"]) + float(row["ttft_s"]), 1))
            changes[row["replica"]].append((float(row["finish_s"]), -1))
    durations = collections.Counter()
    for replica in changes.values():
        count, since = 0, 0.0
        for instant, change in sorted(replica):
            durations[count] += instant - since
            count, since = count + change, instant
    del durations[0]
    return durations or {1: 1.0}


class StepTime:
    """The operators' coefficients, folded, for steps in which `together` says how many decode."""

    def __init__(self, params, together):
        table = params["coefficients"]
        total = sum(together.values())
        in_company = sum(time for count, time in together.items() if count > 1) / total
        factor = 1 + params["decode_batching_overhead_fraction"] * in_company
        self.layers = params["num_layers"]
        self.kv_rounding = (params["kv_granularity"] - 1) / 2
        self.mean_together = sum(time * count for count, time in together.items()) / total
        self.fixed = sum(table[name][0] for name in PADDED_OPERATORS)
        self.padded = sum(table[name][1] for name in PADDED_OPERATORS)
        self.save = table["attn_kv_cache_save"]
        self.prefill = table["attn_prefill"]
        self.prefill_factor = 1 + params["prefill_batching_overhead_fraction"]
        self.decode = [factor * coefficient for coefficient in table["attn_decode"]]

    def prefill_cost(self, prompts, has_decodes):
        """(tokens, pairs, cost) of a step that prefills `prompts`, each (tokens, context before).

        The cost is what they add to c0 and the linear operators: attention, less the share of decodes if there are none.
        """
        tokens = sum(new for new, _ in prompts)
        pairs = sum(new * (context + new / 2) for new, context in prompts)
        squares = sum(new * new for new, _ in prompts)
        rounded = sum(context + (self.kv_rounding if context > 0 else 0) for _, context in prompts)
        cost = self.prefill[0] + self.prefill[1] * rounded * squares ** 0.5 + self.prefill[2] * squares
        if len(prompts) > 1:
            cost *= self.prefill_factor
        return tokens, pairs, cost - (0 if has_decodes else self.decode[0])

    def step_time(self, costs):
        """c0..c4 and padding, from the chunks' costs."""
        per_token = self.padded + self.save[1]
        a, b = fit_prefill(costs)
        ahead = 1 + self.kv_rounding  # Vidur counts the token that is being written
        scale = 1000 * self.layers
        linear = {
            "c0": self.fixed + self.save[0] + self.decode[0],
            "c1": per_token + a,
            "c2": per_token + self.decode[1] * ahead,
            "c3": self.decode[1],
            "c4": b,
        }
        padding = {"multiple": TOKEN_PADDING, "per_token": us(scale * self.padded)}
        return {key: us(scale * value) for key, value in linear.items()} | {"padding": flow(padding)}


def prefilled_together(rows, earlier):
    """The prompts' lengths by step, as an earlier run had them: first tokens of one instant. Without one, each is alone."""
    lengths = [int(row["num_prefill_tokens"]) for row in rows]
    if earlier is None:
        return [[length] for length in lengths]
    steps = collections.defaultdict(list)
    for row in earlier:
        if row["status"] == "completed":
            instant = round(float(row["arrival_s"]) + float(row["ttft_s"]), 9)
            steps[row["replica"], instant].append(int(row["input_tokens"]))
    return list(steps.values())


def sarathi(params, step, rows, earlier):
    """Decodes and chunks share a step: chunks of what decodes leave of the budget, the last of a prompt shorter."""
    del earlier
    size = params["chunk_size"]
    left = max(1, size - round(step.mean_together))
    costs = [step.prefill_cost([chunk], has_decodes=True)
             for row in rows for chunk in chunks(int(row["num_prefill_tokens"]), left)]
    return {"policy": "continuous", "max_num_batched_tokens": size, "kv_admission": "prompt"}, costs


def vllm(params, step, rows, earlier):
    """Whole prompts in steps of their own."""
    costs = [step.prefill_cost([(length, 0) for length in lengths], has_decodes=False)
             for lengths in prefilled_together(rows, earlier)]
    return {"policy": "prefill-first", "max_num_batched_tokens": params["max_tokens_in_batch"]}, costs


SCHEDULERS = {"sarathi": sarathi, "vllm": vllm}


def scenario(name, params, trace, rows, earlier):
    """The scenario's text for a case. `earlier`: rows of an earlier run's requests, or None."""
    scheduler, routing = params["scheduler"], params.get("global_scheduler", "round_robin")
    if scheduler not in SCHEDULERS or routing != "round_robin":
        raise CaseError(f"Vidur: scheduler '{scheduler}' with global scheduler '{routing}' is not known")
    step = StepTime(params, decoding_together(earlier))
    batching, costs = SCHEDULERS[scheduler](params, step, rows, earlier)
    case = {
        "name": name,
        "trace": trace,
        "columns": {"arrival": "arrived_at_s", "input_tokens": "num_prefill_tokens", "output_tokens": "num_decode_tokens"},
        "time": "s",
        "replicas": params["num_replicas"],
        "block_size": params["block_size"],
        "num_gpu_blocks": params["num_blocks"] - SPARE_BLOCKS,
    }
    batching |= {
        "max_num_seqs": params["batch_size_cap"],
        "watermark_blocks": max(0, params["watermark_blocks"] - SPARE_BLOCKS),
        "on_preempt": "recompute",
    }
    return render(case, {}, batching, step.step_time(costs))
