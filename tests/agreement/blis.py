"""BLIS (inference-sim/inference-sim): latency models `blackbox` and `trained-physics`. Its unit is the whole microsecond."""

from scenario import CaseError, flow, render, us

NAME = "blis"
TRACE = "trace.csv"
RUNS = 1


def e2e_s(row):
    """The end-to-end time in a row of expected_requests.csv, in seconds."""
    return float(row["e2e_us"]) * 1e-6


def blackbox(params, rows):
    """b0 + b1 prefill tokens + b2 decodes: linear as it is. The queueing delay grows with the prompt."""
    del rows
    alpha, beta = params["alpha"], params["beta"]
    queueing = {"base": us(alpha[0]), "per_input_token": us(alpha[1])}
    return {"c0": beta[0], "c1": beta[1], "c2": beta[2]}, {"arrival": flow(queueing), "token": int(alpha[2]), "finish": 0}


def trained_physics(params, rows):
    """Roofline terms of a dense model, each linear in tokens, sequences or context.

    Two are not: the attention of a chunk counts chunk x (prompt + chunk / 2), which for a prompt in one piece is three times
    our chunk x (context before + chunk / 2); and beta[5] counts prefilling requests, spread here over their prompt tokens.
    """
    alpha, beta, model = params["alpha"], params["beta"], params["model"]
    if model["tp"] != 1 or model["dp"] != 1:
        raise CaseError("BLIS: trained-physics is known for tp = dp = 1 only")
    layers, hidden, ffn = model["layers"], model["hidden"], model["ffn"]
    head = hidden // model["heads"]
    kv_width = model["kv_heads"] * head
    flop_per_us, byte_per_us = model["tflops"] * 1e6, model["bw_TBs"] * 1e6

    token_us = layers * (2 * hidden * (2 * hidden + 2 * kv_width) + 6 * hidden * ffn) / flop_per_us
    pair_us = layers * 4 * model["heads"] * head / flop_per_us
    kv_us = layers * 2 * kv_width * 2 / byte_per_us
    weights_us = layers * 2 * (hidden * (2 * hidden + 2 * kv_width) + 3 * hidden * ffn) / byte_per_us
    mean_prompt = sum(int(row["input_tokens"]) for row in rows) / len(rows)
    terms = {
        "c0": beta[2] * weights_us + beta[4] * layers + beta[6],
        "c1": beta[0] * token_us + beta[8] * kv_us + beta[5] / mean_prompt,
        "c2": beta[1] * token_us + beta[9] * kv_us + beta[5],
        "c3": beta[1] * pair_us + beta[9] * kv_us,
        "c4": 3 * beta[0] * pair_us,
    }
    return terms, {"arrival": flow({"base": us(int(alpha[0]))}), "token": int(alpha[2]), "finish": int(alpha[1])}


MODELS = {"blackbox": blackbox, "trained-physics": trained_physics}


def scenario(name, params, trace, rows, earlier):
    """The scenario's text for a case."""
    del earlier
    model, routing = params["latency_model"], params.get("routing", "round-robin")
    if model not in MODELS or routing != "round-robin":
        raise CaseError(f"BLIS: latency model '{model}' with routing '{routing}' is not known")
    terms, delays = MODELS[model](params, rows)
    case = {
        "name": name,
        "trace": trace,
        "columns": {"arrival": "arrival_time_us", "input_tokens": "input_tokens", "output_tokens": "output_tokens"},
        "time": "us",
        "replicas": params["num_instances"],
        "block_size": params["block_size"],
        "num_gpu_blocks": params["total_kv_blocks"],
    }
    batching = {
        "policy": "continuous",
        "max_num_seqs": params["max_num_seqs"],
        "max_num_batched_tokens": params["max_num_batched_tokens"],
        "kv_admission": "chunk",
        "on_preempt": "restart",
    }
    if params.get("long_prefill_token_threshold", 0) > 0:
        batching["chunk"] = params["long_prefill_token_threshold"]
    step_time = {key: us(value) for key, value in terms.items()}
    step_time |= {"quantum": "1us", "arrival_delay": delays["arrival"], "token_delay": us(delays["token"]),
                  "finish_delay": us(delays["finish"])}
    pool = {"max_model_len": params["max_model_len"]} if params.get("max_model_len") else {}
    return render(case, pool, batching, step_time)
