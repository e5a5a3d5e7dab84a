"""The steady state beside the simulation: alike at low and middle load, apart where requests queue."""

import json
import os
import pathlib
import subprocess
import tempfile

# arrivals, what is swept, its values, prompts, outputs, the pool
CHAT = "{distribution: uniform, min: 100, max: 900}", "{distribution: geometric, mean: 200}"
SMALL = "{name: main, gpu: H100-SXM, model: Llama-3.1-8B, precision: bf16}"
POISSON = "{process: poisson, rate: 1/s}", "rate"
CASES = {
    "8b": (*POISSON, "[2/s, 5/s, 10/s, 20/s]", *CHAT, SMALL),
    "70b": (*POISSON, "[0.5/s, 1/s, 2/s, 3/s]", "{distribution: lognormal, median: 900, sigma: 0.8}",
            "{distribution: lognormal, median: 200, sigma: 0.8}",
            "{name: main, gpu: H100-SXM, model: Llama-3.1-70B, precision: fp8, tensor_parallel: 4}"),
    "mixtral": (*POISSON, "[10/s, 20/s, 40/s]", "512", "{distribution: uniform, min: 50, max: 250}",
                "{name: main, gpu: H100-SXM, model: Mixtral-8x7B, precision: bf16, tensor_parallel: 2, replicas: 3}"),
    "roofline": (*POISSON, "[5/s, 10/s, 20/s]", *CHAT, SMALL[:-1] + ", step_time: {model: roofline}}"),
    "clients": ("{process: closed-loop, clients: 1, think_time: 10s, think_distribution: exponential}", "clients",
                "[20, 100, 300]", *CHAT, SMALL),
}

SCENARIO = """
name: analytic
seed: 3
duration: 20min
warmup: 1min
workload:
  - name: chat
    arrivals: {arrivals}
    input_tokens: {input}
    output_tokens: {output}
fleet: [{pool}]
cost: {{deal: on-demand, gpu_usd_per_hour: 2.5, electricity: included}}
sweep: {{workload.chat.arrivals.{key}: {values}}}
"""

# Relative. Simulated rates have an error of sampling, 1 to 3 %; a first token also waits for other prompts.
WITHIN = {"tpot_mean_s": 0.05, "ttft_mean_s": 0.20, "load_ratio": 0.05, "power_mean_w": 0.03,
          "usd_per_mtok_total": 0.05}


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def sweep(folder, arrivals, key, values, prompt, output, pool):
    path = folder / "s.yaml"
    path.write_text(SCENARIO.format(arrivals=arrivals, values=values, key=key, input=prompt, output=output, pool=pool))
    command = [os.environ["TOKENMILL"], "sweep", str(path), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)["points"]


def simulated(point):
    return {"tpot_mean_s": point["latency"]["tpot_s"]["mean"], "ttft_mean_s": point["latency"]["ttft_s"]["mean"],
            "load_ratio": point["utilization"]["load_ratio"], "power_mean_w": point["power"]["mean_w"],
            "usd_per_mtok_total": point["cost"]["usd_per_mtok_total"]}


def test_alike_at_low_and_middle_load(folder):
    for name, case in CASES.items():
        points = sweep(folder, *case)
        check(len(points) >= 3, "points")
        for point in points:
            wanted = simulated(point)
            for key, within in WITHIN.items():
                found = point["analytic"][key]
                where = f"{name} {point['coordinates']} {key}: {found} and {wanted[key]}"
                check(abs(found / wanted[key] - 1) <= within, where)
            (pool,) = point["by_pool"].values()
            for key, value in pool["analytic"].items():
                check(abs(value / point["analytic"][key] - 1) < 1e-12, f"{name} {key}: one pool is the fleet")


def test_apart_where_requests_queue(folder):
    calm, full = sweep(folder, *POISSON, "[10/s, 50/s]", *CHAT, SMALL)
    check(full["analytic"]["load_ratio"] > 1.2, "demand beyond capacity")
    check(full["utilization"]["load_ratio"] < 1.1, "served within it")
    check(full["latency"]["ttft_s"]["mean"] > 100 * full["analytic"]["ttft_mean_s"], "a queue")
    check(full["analytic"]["tpot_mean_s"] > 2 * calm["analytic"]["tpot_mean_s"], "a full batch")
    check(abs(full["analytic"]["tpot_mean_s"] / full["latency"]["tpot_s"]["mean"] - 1) < 0.05, "a full batch's speed")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        test_alike_at_low_and_middle_load(folder)
        test_apart_where_requests_queue(folder)


if __name__ == "__main__":
    main()
