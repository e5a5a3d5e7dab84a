"""From a measured row to the scenario of its server and client, reconstructed as they were.

A scenario is a dictionary; JSON is YAML. What a recipe (the server's flags) leaves empty is the engine's default. Lengths
are those that were asked for, unless the row says what they were."""

from groups import CATALOGUE_GPU

# Prompts of ML.ENERGY are not published with its rows: an estimate of the mean of chats.
CHAT_PROMPT_TOK = 256
OPEN_LOOP_S = 600

BLOCK_TOK = 16

# How fast one H100 reads its KV cache, bytes of 16-bit cache per token, and a sequence's own time, as models/priors.h has them.
H100_KV_BYTE_PER_S = 3.35e12 * 0.8
KV_BYTE_PER_TOK = {"Llama-2-7B": 2 * 32 * 4096 * 2, "Llama-2-70B": 2 * 80 * 1024 * 2, "Llama-3.1-70B": 2 * 80 * 1024 * 2,
                   "Qwen2.5-7B": 2 * 28 * 512 * 2}
PER_SEQ_S = 40e-6


def number(text):
    """A cell as a number; None if it is empty."""
    return float(text) if text else None


def load_of(row):
    """Concurrency, batch or rate."""
    return float(row["concurrency_or_qps"])


def flag(recipe, key, load, default):
    """A whole number of a recipe; `conc` and `row concurrency` stand for the row's."""
    text = recipe.get(key, "")
    if "conc" in text:
        return int(load)
    return int(text) if text else default


def server(row, recipe, max_num_seqs=1024):
    """The pool of a row. Defaults are vLLM's for GPUs of 70 GB and more, but A100."""
    load = load_of(row)
    kv_precision = recipe.get("kv_precision", "").split("_")[0]
    seqs = flag(recipe, "max_num_seqs", load, max_num_seqs)
    return {
        "name": "main",
        "gpu": CATALOGUE_GPU.get(row["gpu"], row["gpu"]),
        "model": row["model"],
        "precision": row["precision"],
        "kv_precision": kv_precision if kv_precision in ("fp8", "fp16") else "bf16",
        "tensor_parallel": int(row["tp"]),
        "replicas": int(row["num_gpus"]) // int(row["tp"]),
        "batching": {
            "max_num_seqs": seqs,
            "max_num_batched_tokens": max(seqs, flag(recipe, "max_num_batched_tokens", load, 8192)),
        },
    }


def scenario(row, pool, arrivals, lengths, requests):
    """The whole of it. Without money: none was measured."""
    workload = {"name": "client", "arrivals": arrivals, "input_tokens": lengths[0], "output_tokens": lengths[1]}
    return {"name": row["row_id"], "requests": int(requests), "workload": [workload], "fleet": [pool],
            "cost": {"gpu_usd_per_hour": 0}}


def constant(row):
    """Lengths of a row, measured where they were."""
    names = (("isl_mean_actual", "isl"), ("osl_mean_actual", "osl"))
    return [round(number(row[actual]) or number(row[nominal])) for actual, nominal in names]


def closed_loop(clients):
    """Each client sends its next request when its last one ends."""
    return {"process": "closed-loop", "clients": int(clients)}


def inferencex(row, recipe):
    """C clients, 10 C requests, lengths uniform integers in [floor(0.8 n), n], input and output independent."""
    ranges = [{"distribution": "uniform", "min": int(0.8 * int(row[key])), "max": int(row[key])} for key in ("isl", "osl")]
    return scenario(row, server(row, recipe), closed_loop(load_of(row)), ranges, 10 * load_of(row))


def unpublished(row, recipe):
    """The client is not published: C clients, constant lengths, 10 C requests are assumed."""
    return scenario(row, server(row, recipe), closed_loop(load_of(row)), constant(row), 10 * load_of(row))


def mlenergy(row, recipe):
    """All requests wait at t = 0 for a server of `max_num_seqs`. How long answers were is published as a mean."""
    requests = max(1024, 3 * int(load_of(row)))
    lengths = [CHAT_PROMPT_TOK, {"distribution": "geometric", "mean": number(row["osl_mean_actual"])}]
    return scenario(row, server(row, recipe, int(load_of(row))), closed_loop(requests), lengths, requests)


def cached_loop(row, recipe):
    """Constant arrivals of a few prompts, again and again, to a server whose prefix cache holds them: what is computed is the
    last block, at most. What each decode reads of the cached rest is put on top of the time per sequence."""
    prompt, answer = constant(row)
    computed = (prompt - 1) % BLOCK_TOK + 1
    pool = server(row, recipe)
    read_s = (prompt - computed) * KV_BYTE_PER_TOK[row["model"]] / int(row["tp"]) / H100_KV_BYTE_PER_S
    pool["step_time"] = {"overhead": {"per_seq": PER_SEQ_S + read_s}}
    arrivals = {"process": "constant", "rate": load_of(row)}
    return scenario(row, pool, arrivals, [computed, answer], load_of(row) * OPEN_LOOP_S)


def one_batch(row, recipe):
    """One batch, padded and static, at t = 0; no server at all."""
    batch = int(load_of(row))
    pool = server(row, {"kv_precision": recipe.get("kv_precision", "")})
    pool["batching"] = {"policy": "static", "max_num_seqs": batch, "max_num_batched_tokens": batch * int(row["isl"])}
    return scenario(row, pool, closed_loop(batch), constant(row), batch)
